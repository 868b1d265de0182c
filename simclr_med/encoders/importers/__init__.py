"""Weights of others, each format read by one small module of this package.

    imported = load("bit").read(pathlib.Path("BiT-M-R101x3.npz"))
    write(imported, "weights/bit")  # for --init=imported:weights/bit and load_encoder

A module has `read`, from a path to an `Imported`; it accounts for every variable of the file, as
imported or left out. `write` accounts for every variable of the encoder.
"""

import dataclasses
import importlib
import pathlib
import types

import numpy as np
import tensorflow as tf

from simclr_med import compat
from simclr_med.config.fields import Config
from simclr_med.config.sections.networks import EncoderConfig, ProjectionConfig
from simclr_med.config.sections.training import TrainConfig
from simclr_med.config.sections.views import AugmentConfig
from simclr_med.config.setting import IMPORTED
from simclr_med.config.storage import to_json
from simclr_med.encoders import checkpoint, networks
from simclr_med.encoders.importers import arithmetic
from simclr_med.errors import InputError
from simclr_med.files import atomic
from simclr_med.runs import input_contract, layout


@dataclasses.dataclass(frozen=True)
class Imported:
    """Weights in a file, under our names, and the settings of their encoder.

    Attributes:
      source: the file and the project that its format is of.
      encoder: an `EncoderConfig`.
      weights: encoder/... and projection/... to arrays.
      left_out: names in the file that have no place in an encoder.
      projection_layers, projection_dim: of the projection head; 0 layers where there is none.
      image_size, crop, interpolation: of the source's own evaluation.
      declared: the network's name by the file's metadata, "" where it has none.
    """

    source: str
    encoder: EncoderConfig
    weights: dict[str, np.ndarray]
    left_out: tuple[str, ...]
    image_size: int
    crop: float
    interpolation: str
    projection_layers: int = 0
    projection_dim: int = 128
    declared: str = ""


def load(source: str) -> types.ModuleType:
    """Return the module of a source: "simclr", "bit", "keras", "torchvision", "timm" or "run"."""
    return importlib.import_module(f"{__name__}.{source}")


def write(
    imported: Imported, folder: pathlib.Path | str, check: pathlib.Path | None = None
) -> float | None:
    """Write the folder of an `Imported`: config.json, input.json, checkpoints/0.

    Args:
      imported: what `read` of a source returns.
      folder: the new one.
      check: an .npz of images and their known features, see `refuse_other_features`; the features
        decide over the name in the file's metadata.

    Returns:
      The largest difference from the known features, None where there are none.

    Raises:
      InputError: `folder` is there already; a variable has no counterpart or another shape, or
        holds a value that is not finite, or a negative variance; the network is another one.
    """
    config = Config(
        mode=IMPORTED,
        work_dir=str(folder),
        augment=AugmentConfig(image_size=imported.image_size, eval_crop=imported.crop),
        encoder=imported.encoder,
        projection=ProjectionConfig(imported.projection_layers, imported.projection_dim),
        train=TrainConfig(steps=0),
    )
    _refuse_unsound(imported, config)
    if check is None:
        arithmetic.refuse_declared(imported.source, imported.declared, imported.encoder.encoder)
    nets = networks.build(config)
    variables = nets.variables()
    for name, variable in variables.items():
        variable.assign(imported.weights[name].astype(np.float32))
    difference = None
    if check is not None:
        difference = arithmetic.refuse_other_features(imported.source, nets.encoder, check)
    try:
        with atomic.new_folder(folder) as path:
            atomic.write_text(path / layout.CONFIG, to_json(config))
            input_contract.make(config, imported.source, imported.interpolation).save(path)
            checkpoint.save(path, variables, step=0, keep=1)
    except FileExistsError:
        raise InputError(f"{folder} is there already") from None
    return difference


def _refuse_unsound(imported, config):
    """Raise `InputError` where the weights are not all those of the network, or are no weights."""
    there = {name: list(array.shape) for name, array in imported.weights.items()}
    with tf.variable_creator_scope(compat.unallocated_variable):  # its width may be any
        variables = networks.build(config).variables()
    checkpoint.refuse_differences(imported.source, there, variables)
    for name, array in imported.weights.items():
        if not np.isfinite(array).all():
            raise InputError(f"{imported.source} is damaged: {name} is not finite throughout")
        if name.endswith("/moving_variance") and array.min() < 0:
            raise InputError(
                f"{imported.source} is damaged: {name} holds the variance {array.min():g}; "
                "expected 0 or more"
            )
