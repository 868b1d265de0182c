"""Refusals of files whose variables are not those of a known network."""

import pathlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from simclr_med.encoders import checkpoint
from simclr_med.errors import InputError

CHANNELS = 3  # that an encoder reads
STEMS = ("encoder/stem_conv1/kernel", "encoder/stem_conv/kernel")


def refuse_unknown(
    path: pathlib.Path, names: Collection[str], project: str, hint: str = ""
) -> None:
    """Raise `InputError` where a file has variables that are not known in its format.

    Args:
      path: of the file.
      names: of these variables.
      project: whose format it is.
      hint: a sentence on a way out.
    """
    if names:
        shown = sorted(names)[: checkpoint.LISTED]
        if len(shown) < len(names):
            shown.append(f"... and {len(names) - len(shown)} more")
        listed = "\n  ".join(shown)
        hint = hint and f"\n{hint}"
        raise InputError(f"{path} has variables that {project} does not have:\n  {listed}{hint}")


def refuse_other_kinds(path: pathlib.Path, weights: Mapping[str, np.ndarray]) -> None:
    """Raise `InputError` for weights, arrays by our names, that no encoder can have.

    They are of another type or number of axes, empty, or of a stem for other images.
    """
    for name, array in weights.items():
        kind = "float" if array.dtype.kind == "f" else array.dtype.name
        axes = 4 if name.endswith("/kernel") else 1
        refuse_other_kind(path, name, kind, array.shape, axes)
    refuse_other_channels(path, weights)


def refuse_other_kind(
    path: pathlib.Path, name: str, kind: str, shape: Sequence[int], axes: int
) -> None:
    """Raise `InputError` unless a variable is of floats, of so many axes and not empty.

    Args:
      path: of the file.
      name: of the variable.
      kind: "float", or the name of another type.
      shape: of the variable.
      axes: expected.
    """
    if kind != "float":
        raise InputError(f"{path}: {name} is {kind}; expected floats")
    if len(shape) != axes or 0 in shape:
        raise InputError(
            f"{path}: {name}: {list(shape)} in the file; expected {axes} axes, none of length 0"
        )


def refuse_other_channels(path: pathlib.Path, weights: Mapping[str, np.ndarray]) -> None:
    """Raise `InputError` where the first convolution reads other images than RGB."""
    stem = next((weights[name] for name in STEMS if name in weights), None)
    if stem is not None and stem.shape[2] != CHANNELS:
        raise InputError(
            f"{path}: its first convolution reads {stem.shape[2]} channels; encoders here read "
            f"{CHANNELS}: red, green, blue{_of_grey(stem.shape[2])}"
        )


def refusal_of(path: pathlib.Path, refused: str, error: Exception) -> InputError:
    """Return an `InputError` of an error in reading `path`, in one line; itself where it is one."""
    if isinstance(error, InputError):
        return error
    lines = str(error).splitlines() or [type(error).__name__]
    return InputError(f"{path} {refused}: {lines[0]}")


def _of_grey(channels):
    if channels != 1:
        return ""
    return (
        ". A kernel for grey images serves grey images in RGB when each channel has a third of it: "
        "in PyTorch kernel.repeat(1, 3, 1, 1) / 3, in NumPy np.repeat(kernel, 3, axis=2) / 3; "
        "--check shows that the features stay"
    )
