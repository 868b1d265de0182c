"""ResNet-50, 101, 152 of keras.applications: a model (.keras, .h5, SavedModel), or its weights.

Their convolutions have biases: each is folded into the mean of the normalisation that follows.
"""

import pathlib
import re
import zipfile

import numpy as np

from simclr_med.config.architectures import ENCODERS
from simclr_med.config.sections.networks import EncoderConfig
from simclr_med.encoders.importers import Imported, hints, keras_files, tensorflow_files
from simclr_med.encoders.importers.hdf5 import Hdf5
from simclr_med.encoders.importers.refusals import (
    refusal_of,
    refuse_other_kinds,
    refuse_unknown,
)
from simclr_med.encoders.resnet import EPSILON
from simclr_med.errors import InputError
from simclr_med.files import array_files, paths

PROJECT = "keras.applications' ResNet"
THEIR_EPSILON = 1.001e-5
NAME = re.compile(
    r"(?:conv1|conv(?P<stage>[2-5])_block(?P<block>\d+)_(?P<number>[0-3]))"
    r"_(?P<kind>conv/kernel|conv/bias|bn/gamma|bn/beta|bn/moving_mean|bn/moving_variance)"
)
HEADS = ("predictions", "probs")  # now, and in the files published with the top
HEAD = tuple(f"{layer}/{weight}" for layer in HEADS for weight in ("kernel", "bias"))


def read(path: pathlib.Path) -> Imported:
    """Return the `Imported` of a file; its classifier is left out."""
    arrays = _arrays(path)
    left_out = tuple(name for name in HEAD if arrays.pop(name, None) is not None)
    names = {name: _ours(name) for name in arrays}
    unknown = [name for name, ours in names.items() if ours is None]
    shapes = {name: array.shape for name, array in arrays.items()}
    refuse_unknown(path, unknown, PROJECT, hints.of_keras(shapes, unknown))
    arrays = {ours: arrays[theirs] for theirs, ours in names.items()}
    if "stem_conv/kernel" not in arrays:
        raise InputError(f"{path} is not of {PROJECT}: conv1_conv/kernel is missing")
    refuse_other_kinds(path, {f"encoder/{name}": array for name, array in arrays.items()})
    name = _architecture(path, arrays)
    if any(name.endswith("/bias") for name in arrays):
        _refuse_biases_that_do_not_fit(path, arrays)
    width = arrays["stem_conv/kernel"].shape[-1] / 64
    return Imported(
        source=f"{path.name} ({PROJECT}, {name})",
        encoder=EncoderConfig(encoder=name, width=width),
        weights={f"encoder/{name}": array for name, array in _folded(arrays).items()},
        left_out=left_out,
        # Not published; the usual evaluation on ImageNet.
        image_size=224,
        crop=0.875,
        interpolation="bilinear",
    )


def _ours(name):
    found = NAME.fullmatch(name)
    if not found:
        return None
    stage, block, number, kind = found.groups()
    kind, weight = kind.split("/")
    if stage is None:
        return f"stem_{kind}/{weight}"
    which = f"shortcut_{kind}" if number == "0" else f"{kind}{number}"
    return f"stage{int(stage) - 1}_block{block}_{which}/{weight}"


def _architecture(path, arrays):
    blocks = tuple(
        sum(bool(re.fullmatch(rf"stage{stage}_block\d+_conv1/kernel", name)) for name in arrays)
        for stage in range(1, 5)
    )
    for name, row in ENCODERS.items():
        if row.stride_first and row.blocks == blocks:
            return name
    raise InputError(f"{path}: stages of {blocks} blocks are no architecture of {PROJECT}")


def _bias_before(normalisation):
    return f"{normalisation.replace('bn', 'conv')}/bias"


def _refuse_biases_that_do_not_fit(path, arrays):
    for name, array in arrays.items():
        layer, weight = name.split("/")
        if weight == "moving_mean":
            bias = _bias_before(layer)
            there = arrays[bias].shape if bias in arrays else "missing"
            if there != array.shape:
                raise InputError(
                    f"{path} is not of {PROJECT}, or is damaged: {bias} is {there}, expected "
                    f"{array.shape}"
                )


def _folded(arrays):
    """Without biases, and for our epsilon: (c + bias - mean) / sqrt(variance + epsilon) stays."""
    folded = {}
    for name, array in arrays.items():
        layer, weight = name.split("/")
        if weight == "bias":
            continue
        if weight == "moving_mean":
            array = array - arrays.get(_bias_before(layer), 0)
        elif weight == "moving_variance":
            array = array + (THEIR_EPSILON - EPSILON)
        elif name == "stem_conv/kernel":
            array = array[:, :, ::-1]  # its inputs are blue, green, red
        folded[name] = np.ascontiguousarray(array)
    return folded


def _arrays(path):
    """Return the arrays of a file or folder by {layer}/{weight}."""
    try:
        if paths.to_read(path).is_dir():
            return tensorflow_files.variables_of(path)
        if zipfile.is_zipfile(path):
            return keras_files.of_archive(path)
        with Hdf5(path, path, array_files.length(path)) as file:
            return _from_hdf5(file)
    except (*array_files.DAMAGED, *tensorflow_files.DAMAGED) as error:
        raise refusal_of(path, "is no Keras model", error) from None


def _from_hdf5(file):
    if "layers" in file.root:
        return keras_files.of_weights(file)
    root = file.group(file.root, "model_weights") or file.root
    if "layer_names" not in root.attrs:
        raise InputError(f"{file.path} is no file of Keras: it has neither layers nor their names")
    return {
        f"{layer}/{_short(name)}": file.array(group, name)
        for layer, group in file.groups(root).items()
        for name in file.texts(group, "weight_names")
    }


def _short(name):
    return name.split("/")[-1].split(":")[0]
