"""What was run: checksums of the data and of the predictions, seeds, versions."""

from typing import NamedTuple

from simclr_med import files, stored


class Origin(NamedTuple):
    """Where one run's numbers are from.

    Attributes:
      name: of the run.
      seed: of its training, None where it was trained elsewhere.
      data: SHA-256 of the data set that it was trained on, "" where unknown.
      predictions: split to the SHA-256 of its CSV file.
      versions: of what it was trained with, as one line, "" where unknown.
    """

    name: str
    seed: int | None
    data: str
    predictions: dict
    versions: str


def origins(runs):
    """Return the `Origin` of each `Run`."""
    return [
        Origin(
            run.name,
            None if run.config is None else run.config.seed,
            _text_of(run.path / "data.sha256"),
            {split: files.sha256(file) for split, file in run.files.items()},
            _text_of(run.path / "versions.txt"),
        )
        for run in runs
    ]


def _text_of(file):
    return stored.read_text(file, "put back a copy of it").strip() if file.is_file() else ""
