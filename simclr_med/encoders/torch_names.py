"""Torchvision's, timm's and MONAI's names of a ResNet's weights, and ours.

    arrays = to_torch({"encoder/stem_conv/kernel": kernel})  # {"conv1.weight": ...}
    weights = to_ours(arrays)

PyTorch's kernels are [out, in, height, width], ours [height, width, in, out].
"""

import re
from collections.abc import Iterable

import numpy as np

COUNT = "num_batches_tracked"  # PyTorch's normalisation keeps it, and nothing reads it
NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
OURS = re.compile(
    r"encoder/(?:stem|stage(?P<stage>\d)_block(?P<block>\d+)(?P<shortcut>_shortcut)?)"
    r"_(?P<kind>conv|bn)(?P<number>\d?)/(?P<weight>\w+)"
)
THEIRS = re.compile(
    r"(?:layer(?P<stage>[1-4])\.(?P<block>\d+)\.)?"
    r"(?:(?P<kind>conv|bn)(?P<number>[1-3])|downsample\.(?P<part>[01]))\.(?P<weight>\w+)"
)


def to_torch(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays of an encoder under torchvision's names, contiguous.

    Args:
      weights: our name, encoder/LAYER/WEIGHT, to array, of a ResNet without selective kernels.
    """
    arrays = {}
    for name, array in weights.items():
        theirs = _theirs(name)
        is_kernel = name.endswith("/kernel")
        arrays[theirs] = np.ascontiguousarray(array.transpose(3, 2, 0, 1) if is_kernel else array)
        if theirs.endswith("running_var"):
            arrays[theirs.replace("running_var", COUNT)] = np.array(0, np.int64)
    return arrays


def to_ours(arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the arrays of a file under our names, contiguous, without counts of batches.

    Args:
      arrays: torchvision's name to array.

    Returns:
      The weights, and the names that torchvision's ResNets do not have.
    """
    names, unknown = our_names(arrays)
    weights = {}
    for theirs, ours in names.items():
        array = arrays[theirs]
        if ours.endswith("/kernel") and array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
        weights[ours] = np.ascontiguousarray(array)
    return weights, unknown


def our_names(names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return our name by torchvision's, and the names that its ResNets do not have."""
    known, unknown = {}, []
    for name in names:
        found = THEIRS.fullmatch(name)
        ours = found and _ours(found)
        if ours is None:
            unknown.append(name)
        elif ours:
            known[name] = ours
    return known, unknown


def _theirs(name):
    stage, block, shortcut, kind, number, weight = OURS.fullmatch(name).groups()
    prefix = f"layer{stage}.{int(block) - 1}." if stage else ""
    part = f"downsample.{int(kind == 'bn')}" if shortcut else f"{kind}{number or 1}"
    return f"{prefix}{part}.{'weight' if weight == 'kernel' else NORM[weight]}"


def _ours(found):
    """Return our name of a match of `THEIRS`, "" for a count, None where there is none."""
    stage, block, kind, number, part, weight = found.groups()
    in_stem = stage is None
    if in_stem and (part is not None or number != "1"):
        return None
    if part is not None:
        kind, number = ("conv", "bn")[int(part)], ""
    if kind == "bn" and weight == COUNT:
        return ""
    weights = {"weight": "kernel"} if kind == "conv" else {v: k for k, v in NORM.items()}
    if weight not in weights:
        return None
    layer = "stem" if in_stem else f"stage{stage}_block{int(block) + 1}"
    layer += "_shortcut" if part is not None else ""
    return f"encoder/{layer}_{kind}{'' if in_stem else number}/{weights[weight]}"
