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
from collections.abc import Collection

import numpy as np

from simclr_med.config.fields import Config
from simclr_med.config.sections.networks import EncoderConfig, ProjectionConfig
from simclr_med.config.sections.training import TrainConfig
from simclr_med.config.sections.views import AugmentConfig
from simclr_med.config.setting import IMPORTED
from simclr_med.config.storage import to_json
from simclr_med.encoders import checkpoint, networks
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


def load(source: str) -> types.ModuleType:
    """Return the module of a source: "simclr", "bit", "keras", "torchvision", "timm" or "run"."""
    return importlib.import_module(f"{__name__}.{source}")


def write(imported: Imported, folder: pathlib.Path | str) -> None:
    """Write the folder of an `Imported`: config.json, input.json, checkpoints/0.

    Raises:
      InputError: `folder` is there already; a variable has no counterpart or another shape, or
        holds a value that is not finite.
    """
    config = Config(
        mode=IMPORTED,
        work_dir=str(folder),
        augment=AugmentConfig(image_size=imported.image_size, eval_crop=imported.crop),
        encoder=imported.encoder,
        projection=ProjectionConfig(imported.projection_layers, imported.projection_dim),
        train=TrainConfig(steps=0),
    )
    variables = networks.build(config).variables()
    there = {name: list(array.shape) for name, array in imported.weights.items()}
    checkpoint.refuse_differences(imported.source, there, variables)
    broken = [name for name, array in imported.weights.items() if not np.isfinite(array).all()]
    if broken:
        raise InputError(f"{imported.source} is damaged: {broken[0]} is not finite throughout")
    for name, variable in variables.items():
        variable.assign(imported.weights[name].astype(np.float32))
    try:
        with atomic.new_folder(folder) as path:
            atomic.write_text(path / layout.CONFIG, to_json(config))
            input_contract.make(config, imported.source, imported.interpolation).save(path)
            checkpoint.save(path, variables, step=0, keep=1)
    except FileExistsError:
        raise InputError(f"{folder} is there already") from None


def refuse_unknown(path: pathlib.Path, names: Collection[str], project: str) -> None:
    """Raise `InputError` where a file has variables that are not known in its format."""
    if names:
        listed = "\n  ".join(sorted(names)[: checkpoint.LISTED])
        raise InputError(f"{path} has variables that {project} does not have:\n  {listed}")
