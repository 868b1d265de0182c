"""Weights in Keras's own files since 2.12, .keras and .weights.h5, of Keras 2 and of Keras 3.

A .keras file is a ZIP of config.json, which names the layers in order, and model.weights.h5. There
and in a .weights.h5 a layer's group is called by its class and its place among those of its class,
and its arrays are numbered in the order in which the layer makes them. Keras 3 writes the layer's
name beside them.
"""

import collections
import io
import json
import pathlib
import zipfile

import keras
import numpy as np

from simclr_med.encoders.importers.hdf5 import Hdf5
from simclr_med.errors import InputError
from simclr_med.files import array_files

# Class of a layer: what its group is called, and its arrays in order.
GROUPS = {
    "Conv2D": ("conv2d", ("kernel", "bias")),
    "BatchNormalization": (
        "batch_normalization", ("gamma", "beta", "moving_mean", "moving_variance"),
    ),
    "Dense": ("dense", ("kernel", "bias")),
}  # fmt: skip
ARRAYS = dict(GROUPS.values())
DEPTHS = {53: "ResNet50", 104: "ResNet101", 155: "ResNet152"}  # by number of convolutions


def of_archive(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Return the arrays of a .keras file by {layer}/{weight}.

    Raises:
      InputError: its model is not one of named layers, or promises more than it holds.
      KeyError, ValueError, OSError, BadZipFile: it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        config = json.loads(array_files.member_bytes(path, archive, "config.json"))
        weights = array_files.member_bytes(path, archive, "model.weights.h5")
    with Hdf5(path, io.BytesIO(weights), len(weights)) as file:
        return _arrays(file, _names(_layers(path, config)))


def _layers(path, config):
    """Return (class, name) of each layer in a model's config, in order."""
    try:
        layers = [
            (each["class_name"], each["config"]["name"]) for each in config["config"]["layers"]
        ]
    except (TypeError, KeyError):
        layers = [(None, None)]
    if not all(isinstance(text, str) for layer in layers for text in layer):
        raise InputError(f"{path} is no Keras model: config.json is not of a model of layers")
    return layers


def of_weights(file: Hdf5) -> dict[str, np.ndarray]:
    """Return the arrays of an open .weights.h5 by {layer}/{weight}.

    Where it holds no names, as Keras 2 writes it, they are those of the ResNet of
    keras.applications that has as many convolutions.

    Raises:
      InputError: there is none.
    """
    layers = file.groups(file.group(file.root, "layers"))
    groups = [name for name in layers if name.split("_")[0] == "conv2d"]
    if any("name" in _variables(file, layers[name]).attrs for name in groups):
        return _arrays(file, {})
    if len(groups) not in DEPTHS:
        raise InputError(
            f"{file.path}: {len(groups)} convolutions without names; expected {DEPTHS} of "
            "keras.applications, or a file that Keras 3 wrote, or the model as .keras"
        )
    build = getattr(keras.applications, DEPTHS[len(groups)])
    model = build(weights=None, include_top="dense" in layers)
    return _arrays(file, _names([(type(la).__name__, la.name) for la in model.layers]))


def _names(layers):
    """Return group to layer, of pairs (class, name) in the model's order."""
    seen, names = collections.Counter(), {}
    for kind, name in layers:
        if kind in GROUPS:
            group = GROUPS[kind][0]
            names[f"{group}_{seen[kind]}" if seen[kind] else group] = name
            seen[kind] += 1
    return names


def _variables(file, layer):
    """Return the group of a layer's arrays, the layer's own where there is none."""
    return file.group(layer, "vars") or layer


def _arrays(file, names):
    """Return the arrays of a file; `names`: group to layer, for groups that do not say it."""
    found = {}
    for group, content in file.groups(file.group(file.root, "layers")).items():
        variables = file.group(content, "vars")
        kind = group.rstrip("0123456789").rstrip("_")
        for number in variables or ():
            layer = names.get(group) or variables.attrs.get("name", group)
            weights = ARRAYS.get(kind, ())
            weight = weights[int(number)] if int(number) < len(weights) else number
            found[f"{layer}/{weight}"] = file.array(variables, number)
    if not found:
        raise InputError(
            f"{file.path}: none of its layers has weights of its own; is it a model in one?"
        )
    return found
