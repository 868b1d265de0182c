"""Encoder and head for PyTorch: a .safetensors file under torchvision's and timm's names.

model = torchvision.models.resnet50(num_classes=2)
model.load_state_dict(safetensors.torch.load_file("model.safetensors"))
"""

import json
import pathlib

import numpy as np

from simclr_med import packages
from simclr_med.config.architectures import has_small_stem
from simclr_med.encoders import checkpoint, importers, networks
from simclr_med.encoders.torch_names import to_torch
from simclr_med.errors import InputError
from simclr_med.files import atomic
from simclr_med.serving.formats import evidence
from simclr_med.serving.formats.usage import ORIGINALS, VIEW, Usage, shown
from simclr_med.serving.formats.views_server import refuse_bags
from simclr_med.serving.sample import Sample
from simclr_med.serving.trained import Trained
from simclr_med.training import features
from simclr_med.training.models import objective

FILE = "model.safetensors"
ASK = """import safetensors.torch
import torch
import torchvision
model = torchvision.models.{name}({number})
{headless}model.load_state_dict(safetensors.torch.load_file("model.safetensors"))
model.eval()
inputs = (views * expected["scale"] + expected["offset"]).astype(np.float32).transpose(0, 3, 1, 2)
with torch.no_grad():
    outputs = model(torch.from_numpy(np.ascontiguousarray(inputs)))
"""
OURS = "_torchvision"  # what the rows with torchvision's arithmetic end with


def refuse(trained: Trained) -> None:
    """Raise `InputError` where torchvision's networks are others, or the extra is missing."""
    refuse_bags("safetensors", trained)
    _refuse_other_arithmetic(trained.config.encoder.encoder, trained.config.augment.image_size)
    _library()


def usage(trained: Trained) -> Usage:
    """Return the way the weights are asked in PyTorch: scale and offset are not among them."""
    name = trained.config.encoder.encoder.removesuffix(OURS)
    has_head = _has_head(trained)
    final = {"multiclass": "outputs.softmax(1)", "multilabel": "outputs.sigmoid()"}
    last = (
        shown(trained, f"{final[trained.task.task]}[0].tolist()", "")
        if has_head
        else "print(outputs.shape)"
    )
    number = f"num_classes={len(trained.task.classes)}" if has_head else ""
    headless = "" if has_head else "model.fc = torch.nn.Identity()\n"
    return Usage(
        library="timm",
        takes=f"torchvision's {name} takes float32 [B, 3, S, S]: views in [0, 1], multiplied by "
        f"`scale`, then added to `offset`, of input.json. {ORIGINALS}",
        gives="It gives logits." if has_head else "It gives features.",
        examples=(VIEW + ASK.format(name=name, number=number, headless=headless) + last,),
        normalises=False,
        channels_first=True,
    )


def _has_head(trained):
    return trained.task is not None and trained.config.head.head_input == "encoder"


def write(folder: pathlib.Path, trained: Trained, sample: Sample) -> list[str]:
    """Write model.safetensors into a new folder, and read it back.

    Args:
      folder: a path, which is there and empty.
      trained: a `Trained`, of an encoder with torchvision's arithmetic.
      sample: a `Sample` of real images.

    Returns:
      Sentences for the user: what was left out.

    Raises:
      RunError: the file read back does not give the encoder's features.
    """
    named = checkpoint.named_variables(trained.nets.encoder, "encoder")
    arrays = to_torch(checkpoint.values_of(named))
    head, notes = _head(trained)
    metadata = {"format": "pt", "architecture": trained.config.encoder.encoder.removesuffix(OURS)}
    if head:
        metadata |= {"task": trained.task.task, "classes": json.dumps(trained.task.classes)}
    atomic.write_bytes(folder / FILE, _library().save(arrays | head, metadata))
    differences = {"features": _difference_read_back(folder, sample)}
    if head:
        logits = sample.features @ head["fc.weight"].T + head["fc.bias"]
        found = objective.probabilities(logits, trained.task.task).numpy()
        differences["probabilities"] = evidence.largest_difference(found, sample.probabilities)
    evidence.refuse_differences(differences)
    evidence.write(folder, sample, differences)
    return notes


def _refuse_other_arithmetic(name, size):
    if not name.endswith(OURS):
        raise InputError(
            f"--export_format=safetensors: {name} pads or strides otherwise than torchvision's and "
            f"timm's ResNets; an encoder whose name ends in {OURS} is theirs"
        )
    if has_small_stem(name, size):
        raise InputError(
            f"--export_format=safetensors: at --image_size={size} the stem is that of small "
            "images, which torchvision's and timm's ResNets have not"
        )


def _head(trained):
    """Return fc.weight and fc.bias, float32, where the head reads features; and notes."""
    if not _has_head(trained):
        if trained.task is None:
            return {}, [
                "there is no head: give timm num_classes=0, or load_state_dict strict=False"
            ]
        read = trained.config.head.head_input
        return {}, [f"the head reads {read}, for which there is no place: it is left out"]
    logits = trained.nets.head.get_layer("logits")
    kernel, bias = (np.asarray(weight, np.float64) for weight in logits.get_weights())
    for layer in trained.nets.head.layers:
        if layer.name == "normalization":  # folded: (x - mean) / deviation
            mean, deviation = (np.ravel(v) for v in (layer.mean, np.sqrt(layer.variance)))
            deviation = np.maximum(deviation.astype(np.float64), 1e-7)  # as Keras has it
            kernel = kernel / deviation[:, None]
            bias = bias - mean.astype(np.float64) @ kernel
    head = {"fc.weight": np.ascontiguousarray(kernel.T), "fc.bias": bias}
    return {name: array.astype(np.float32) for name, array in head.items()}, []


def _library():
    try:
        import safetensors.numpy
    except ImportError:
        raise packages.missing(
            "safetensors", "--export_format=safetensors needs safetensors"
        ) from None
    return safetensors.numpy


def _difference_read_back(folder, sample):
    """Return the `largest_difference` of the features that an import of the file gives."""
    importers.write(importers.load("torchvision").read(folder / FILE), folder / ".read_back")
    encoder = networks.load_encoder(folder / ".read_back")
    atomic.remove_folder(folder / ".read_back")
    found = features.inference(encoder)(sample.views).numpy()
    return evidence.largest_difference(found, sample.features)
