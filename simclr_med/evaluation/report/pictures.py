"""The report's pictures: learning curves of the runs and of their pretraining, and their views."""

import dataclasses
import io
import logging

from simclr_med import stored

PRETRAINING_LOSS = (
    "NT-Xent of each step's batch. Pairs from two images of a case are harder than two views "
    "of one image: levels of different kinds of pairs do not compare."
)
HEAD_LOSS = "Training loss of each step's batch."


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG with what it shows, or no PNG where there is nothing to draw."""

    title: str
    caption: str
    png: bytes | None


def learning_curves(folders, origins):
    """Return the `Picture`s of pretraining's and the heads' losses by step.

    Args:
      folders: name to work folder.
      origins: name to the work folder of its pretraining, or None; runs may share one.
    """
    sharing = {}
    for name, path in origins.items():
        if path is not None:
            sharing.setdefault(path, []).append(name)
    pretraining = {", ".join(names): path for path, names in sharing.items()}
    return [
        _curve("Pretraining loss", pretraining, PRETRAINING_LOSS),
        _curve("Head's loss", folders, HEAD_LOSS),
    ]


def view_pictures(folders, origins):
    """Return a `Picture` for each views.png among the runs and their pretraining.

    Args: as of `learning_curves`.
    """
    captions = {}  # by path: runs may share a pretraining
    for name, path in origins.items():
        if path is not None:
            captions.setdefault(path / "views.png", f"{name}: the first pairs of its pretraining")
    for name, path in folders.items():
        captions[path / "views.png"] = f"{name}: the first examples of its fine-tuning"
    return [
        Picture(
            "Views", f"{caption}; the original, its views, a second original.", path.read_bytes()
        )
        for path, caption in captions.items()
        if path.exists()
    ]


def _curve(title, folders, caption):
    lines = {name: _losses(folder / "log.csv") for name, folder in folders.items()}
    lines = {name: points for name, points in lines.items() if points}
    return Picture(title, caption, _chart(lines, title) if lines else None)


def _losses(path):
    """Return the pairs (step, loss) of a log.csv, none where there is no such file."""
    if not path.exists():
        return []
    rows = stored.read_log(path, {"step": int, "loss": float}, "delete it: no curve is drawn")
    return [(row["step"], row["loss"]) for row in rows]


def _chart(lines, title):
    """Return the PNG of lines, name to points."""
    # On its first import on a machine it may warn that it gathers the fonts: no news to a user.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    import matplotlib
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with matplotlib.rc_context({"text.parse_math": False}):  # a name may hold $
        figure = Figure(figsize=(8, 3.2), dpi=110, layout="constrained")
        axes = figure.subplots()
        drawn = [
            axes.plot(*zip(*points, strict=True), linewidth=1.3)[0] for points in lines.values()
        ]
        axes.set(xlabel="step", ylabel="loss", title=title)
        axes.legend(drawn, lines, frameon=False)  # not by label: one that begins with _ is hidden
        axes.grid(alpha=0.25)
        figure.savefig(buffer, format="png")
    return buffer.getvalue()
