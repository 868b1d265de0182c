"""Big Transfer's `.npz` (google-research/big_transfer): BiT-S, BiT-M and their fine-tuned forms."""

import pathlib
import re

from simclr_med.config.architectures import ENCODERS
from simclr_med.config.sections.networks import EncoderConfig
from simclr_med.encoders.importers import Imported
from simclr_med.encoders.importers.refusals import refuse_other_kinds, refuse_unknown
from simclr_med.errors import InputError
from simclr_med.files import array_files

PROJECT = "google-research/big_transfer"
HEAD = ("resnet/head/conv2d/kernel", "resnet/head/conv2d/bias")
ROOT = "resnet/root_block/standardized_conv2d/kernel"
UNIT = re.compile(r"resnet/block(\d)/unit(\d+)/(.+)")
UNIT_NAMES = {"a/proj/standardized_conv2d/kernel": "shortcut_conv/kernel"} | {
    f"{letter}/{theirs}": f"{ours}{number}/{weight}"
    for number, letter in enumerate("abc", 1)
    for theirs, ours, weight in (
        ("standardized_conv2d/kernel", "conv", "kernel"),
        ("group_norm/gamma", "gn", "gamma"),
        ("group_norm/beta", "gn", "beta"),
    )
}
TOP_NAMES = {
    ROOT: "stem_conv/kernel",
    "resnet/group_norm/gamma": "final_gn/gamma",
    "resnet/group_norm/beta": "final_gn/beta",
}


def read(path: pathlib.Path) -> Imported:
    """Return the `Imported` of a file; its classifier is left out."""
    arrays = array_files.read_npz(path)
    names = {name: _ours(name) for name in arrays if name not in HEAD}
    refuse_unknown(path, [name for name, ours in names.items() if ours is None], PROJECT)
    if ROOT not in arrays:
        raise InputError(f"{path} is not of {PROJECT}: {ROOT} is missing")
    weights = {f"encoder/{ours}": arrays[theirs] for theirs, ours in names.items()}
    refuse_other_kinds(path, weights)
    name = _architecture(path, names)
    return Imported(
        source=f"{path.name} ({PROJECT}, {name})",
        encoder=EncoderConfig(encoder=name, width=arrays[ROOT].shape[-1] / 64),
        weights=weights,
        left_out=tuple(name for name in HEAD if name in arrays),
        # bit_hyperrule.py: 480 pixels; tf.image.resize's default. There the whole image is squeezed
        # into a square; a crop of 1 is the central square of the short side.
        image_size=480,
        crop=1.0,
        interpolation="bilinear",
    )


def _ours(name):
    unit = UNIT.fullmatch(name)
    if not unit:
        return TOP_NAMES.get(name)
    rest = UNIT_NAMES.get(unit[3])
    return rest and f"stage{unit[1]}_block{int(unit[2])}_{rest}"


def _architecture(path, names):
    units = {unit.groups()[:2] for unit in map(UNIT.fullmatch, names) if unit}
    blocks = tuple(sum(stage == str(i) for stage, _ in units) for i in range(1, 5))
    for name, row in ENCODERS.items():
        if row.family == "bit" and row.blocks == blocks:
            return name
    raise InputError(f"{path}: blocks of {blocks} units are no architecture of {PROJECT}")
