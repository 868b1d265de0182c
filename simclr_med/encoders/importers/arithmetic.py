"""The arithmetic of an imported network, which names and shapes of weights do not tell.

    describe(EncoderConfig("resnet50_torchvision"), 224)  # "7x7 stem, ..."
    difference = refuse_other_features(source, encoder, "check.npz")

timm's resnetaa50 has the names and shapes of resnet50, and pools before it strides: its features
are off by some percent of their maximum.
"""

import pathlib
import re

import keras
import numpy as np

from simclr_med.config.architectures import ENCODERS, UNIT, has_small_stem
from simclr_med.config.sections.networks import EncoderConfig
from simclr_med.encoders import bit, resnet
from simclr_med.errors import InputError
from simclr_med.files import array_files

TOLERANCE = 0.005  # of the largest feature; a GPU's shorter floats stay below it
BATCH = 16  # images computed at once
# Names of the same arithmetic at timm: prefixes tell who trained, a dot begins the recipe.
SAME = re.compile(r"(?:tv_|ssl_|swsl_|gluon_)?(?P<name>[^.]+?)(?:_v1b)?(?:\..*)?")


def describe(encoder: EncoderConfig, image_size: int) -> str:
    """Return the arithmetic that is assumed of an encoder, in a line."""
    row = ENCODERS[encoder.encoder]
    parts = [*_stem(encoder, row, image_size), _blocks(row), _shortcuts(encoder, row)]
    norms = {"bit": ("group", bit.EPSILON), "resnet": ("batch", resnet.EPSILON)}[row.family]
    parts += ["ReLU", "no anti-aliasing", f"{norms[0]} normalisation with epsilon {norms[1]:g}"]
    scale, offset = row.pixels
    pixels = "as they are" if row.pixels == UNIT else f"times {_short(scale)} plus {_short(offset)}"
    return f"{', '.join(parts)}; images in [0, 1] {pixels}"


def refuse_declared(source: str, declared: str, encoder: str) -> None:
    """Raise `InputError` where a file's metadata names another network than its weights fit.

    Args:
      source: where the weights are from.
      declared: the network's name by the metadata, "" where there is none.
      encoder: a key of `ENCODERS`.
    """
    name = encoder.removesuffix("_torchvision")
    found = SAME.fullmatch(declared.rsplit("/", 1)[-1])
    if declared and (found is None or found["name"] != name):
        raise InputError(
            f"{source}: its metadata says {declared}; the names of its weights are {name}'s, whose "
            "arithmetic may be another. If it is the same, show it with --check=FILE.npz of images "
            "and their features (docs/weights.md)"
        )


def refuse_other_features(source: str, encoder: keras.Model, path: pathlib.Path) -> float:
    """Return the largest difference from known features, as a share of the largest of these.

    Args:
      source: where the weights are from.
      encoder: the imported one.
      path: of an .npz of `images` `[B, H, W, 3]`, RGB in [0, 1], and `features` `[B, D]`, those
        of the framework that the weights are from.

    Raises:
      InputError: they differ by more than `TOLERANCE`, or the file has other contents.
    """
    images, expected = _known(path, encoder.output_shape[-1])
    found = np.concatenate(
        [encoder(images[i : i + BATCH], training=False) for i in range(0, len(images), BATCH)]
    )
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not difference <= TOLERANCE:
        raise InputError(
            f"{source}: the features of {path.name} differ by {difference:.2%} of their largest; "
            f"expected at most {TOLERANCE:.1%}: the network's arithmetic is another, or the images "
            "were scaled otherwise. Nothing is written"
        )
    return difference


def _known(path, units):
    """Return the images and features of a file for --check."""
    arrays = array_files.read_npz(path)
    for name, axes in (("images", 4), ("features", 2)):
        if name not in arrays:
            raise InputError(f"{path} has no array {name}; it has {', '.join(arrays) or 'none'}")
        if arrays[name].ndim != axes or not arrays[name].size:
            raise InputError(f"{path}: {name} is {list(arrays[name].shape)}; expected {axes} axes")
    images, features = arrays["images"], arrays["features"].astype(np.float64)
    if images.dtype.kind != "f" or not (images.min() >= 0 and images.max() <= 1):
        raise InputError(f"{path}: images is not of floats in [0, 1]")
    if images.shape[-1] != 3 or features.shape != (len(images), units):
        raise InputError(
            f"{path}: images is {list(images.shape)}, features {list(features.shape)}; expected "
            f"[B, H, W, 3] and [B, {units}]"
        )
    if not np.isfinite(features).all() or not features.any():
        raise InputError(f"{path}: features is not finite throughout, or 0 throughout")
    return images.astype(np.float32), features


def _stem(encoder, row, image_size):
    if has_small_stem(encoder.encoder, image_size):
        return ["3x3 stem without stride or pooling"]
    stem = "stem of three 3x3 convolutions" if encoder.resnet_d else "7x7 stem"
    both = row.symmetric_pool or row.family == "bit"
    return [stem, f"max pooling padded {'on both sides' if both else 'as TensorFlow has SAME'}"]


def _blocks(row):
    if not row.bottleneck:
        return "basic blocks"
    before = "standardised kernels, pre-activation " if row.family == "bit" else ""
    return f"{before}bottlenecks with the stride in the {'1x1' if row.stride_first else '3x3'}"


def _shortcuts(encoder, row):
    selective = "selective kernels, " if encoder.selective_kernels else ""
    pooled = "average pooling and a 1x1" if encoder.resnet_d else "a 1x1 with the stride"
    return f"{selective}{pooled} in shortcuts"


def _short(values):
    listed = values if isinstance(values, tuple) else (values,)
    return f"({', '.join(f'{value:.6g}' for value in listed)})" if len(listed) > 1 else listed[0]
