"""Evidence that an export gives evaluation's numbers: compared, refused, or written beside it."""

import hashlib
import json
import pathlib

import numpy as np
import numpy.typing

from simclr_med import packages
from simclr_med.errors import RunError
from simclr_med.files import atomic
from simclr_med.serving.sample import Sample

FILE = "evidence.json"
TOLERANCE = 1e-5  # of probabilities, and of features as a share of the largest


def largest_difference(found: np.typing.ArrayLike, expected: np.typing.ArrayLike) -> float:
    """Return the largest difference of two arrays, a float, infinite where shapes differ.

    Args:
      found, expected: numbers; where `expected` exceeds 1, relative to its largest.
    """
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        return np.inf
    scale = max(1.0, np.abs(expected).max(initial=0))
    difference = np.abs(found - expected).max(initial=0) / scale
    return float(difference) if np.isfinite(difference) else np.inf


def refuse_differences(differences: dict[str, float], tolerance: float = TOLERANCE) -> None:
    """Raise where an export differs from evaluation.

    Args:
      differences: name of an output to its `largest_difference`.
      tolerance: the largest that passes.

    Raises:
      RunError: names the outputs.
    """
    failed = {name: value for name, value in differences.items() if not value <= tolerance}
    if failed:
        listed = "\n  ".join(f"{name}: {value:.3g}" for name, value in failed.items())
        raise RunError(
            "the exported model does not say what evaluation says; nothing was exported. Largest "
            f"differences, of which {tolerance:g} would pass:\n  {listed}"
        )


def write(
    folder: pathlib.Path, sample: Sample, differences: dict[str, float], **more: object
) -> None:
    """Write evidence.json into an export's folder.

    Images are named by their checksums: their files may have the names of patients.

    Args:
      folder: of the export.
      sample: the `Sample` that it was checked with.
      differences: see `refuse_differences`.
      more: further findings, for JSON.
    """
    content = {
        "data_sha256": sample.data.fingerprint,
        "images": [hashlib.sha256(content).hexdigest() for content in sample.contents],
        "cases": int(sample.owners[-1]) + 1,
        "tolerance": TOLERANCE,
        "largest_difference": differences,
        "versions": packages.versions(),
        **more,
    }
    atomic.write_text(folder / FILE, json.dumps(content, indent=1))
