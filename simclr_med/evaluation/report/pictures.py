"""What the encoders saw: the views.png of the runs and of their pretraining."""

from typing import NamedTuple


class Picture(NamedTuple):
    """A PNG with what it shows."""

    caption: str
    png: bytes


def view_pictures(runs):
    """Return a `Picture` for each views.png among `Run`s and their pretraining.

    Runs may share a pretraining: its views are shown once.
    """
    captions = {}
    for run in runs:
        if run.pretraining is not None:
            path = run.pretraining.folder / "views.png"
            captions.setdefault(path, f"{run.name}: the first pairs of its pretraining")
    for run in runs:
        if run.config is not None:
            path = run.path / "views.png"
            captions[path] = f"{run.name}: the first examples of its fine-tuning"
    return [
        Picture(f"{caption}; the original, its views, a second original.", path.read_bytes())
        for path, caption in captions.items()
        if path.exists()
    ]
