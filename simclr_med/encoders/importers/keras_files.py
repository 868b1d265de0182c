"""Weights in Keras's own files since 2.12, .keras and .weights.h5, of Keras 2 and of Keras 3.

A .keras file is a ZIP of config.json, which names the layers in order, and model.weights.h5. There
and in a .weights.h5 a layer's group is called by its class and its place among those of its class,
and its arrays are numbered in the order in which the layer makes them. Keras 3 writes the layer's
name beside them.
"""

import collections
import io
import json
import zipfile

import h5py
import keras
import numpy as np

from simclr_med.errors import InputError

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


def of_archive(path):
    """Return the arrays of a .keras file by {layer}/{weight}.

    Raises:
      InputError: its model is not one of named layers.
      KeyError, ValueError, OSError, BadZipFile: it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))["config"]
        weights = archive.read("model.weights.h5")
    layers = [(layer["class_name"], layer["config"]["name"]) for layer in config["layers"]]
    with h5py.File(io.BytesIO(weights), "r") as file:
        return _arrays(path, file, _names(layers))


def of_weights(path, file):
    """Return the arrays of an open .weights.h5 by {layer}/{weight}.

    Where it holds no names, as Keras 2 writes it, they are those of the ResNet of
    keras.applications that has as many convolutions.

    Raises:
      InputError: there is none.
    """
    groups = [name for name in file["layers"] if name.split("_")[0] == "conv2d"]
    if any("name" in file["layers"][name]["vars"].attrs for name in groups):
        return _arrays(path, file, {})
    if len(groups) not in DEPTHS:
        raise InputError(
            f"{path}: {len(groups)} convolutions without names; expected {DEPTHS} of "
            "keras.applications, or a file that Keras 3 wrote, or the model as .keras"
        )
    build = getattr(keras.applications, DEPTHS[len(groups)])
    model = build(weights=None, include_top="dense" in file["layers"])
    return _arrays(path, file, _names([(type(la).__name__, la.name) for la in model.layers]))


def _names(layers):
    """Return group to layer, of pairs (class, name) in the model's order."""
    seen, names = collections.Counter(), {}
    for kind, name in layers:
        if kind in GROUPS:
            group = GROUPS[kind][0]
            names[f"{group}_{seen[kind]}" if seen[kind] else group] = name
            seen[kind] += 1
    return names


def _arrays(path, file, names):
    """Return the arrays of a file; `names`: group to layer, for groups that do not say it."""
    found = {}
    for group, content in file["layers"].items():
        variables = content.get("vars", {})
        kind = group.rstrip("0123456789").rstrip("_")
        for number in variables:
            layer = names.get(group) or variables.attrs.get("name", group)
            weights = ARRAYS.get(kind, ())
            weight = weights[int(number)] if int(number) < len(weights) else number
            found[f"{layer}/{weight}"] = np.asarray(variables[number])
    if not found:
        raise InputError(
            f"{path}: none of its layers has weights of its own; is it a model in one?"
        )
    return found
