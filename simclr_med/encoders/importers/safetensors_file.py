"""ResNets of PyTorch in a .safetensors file, under the names that torchvision and timm share.

Pickles (.pt, .pth, .bin) are not read: loading one may run whatever its author wrote into it.
"""

import json
import pathlib

from simclr_med.config.architectures import ENCODERS, IMAGENET_DEVIATION, IMAGENET_MEAN
from simclr_med.config.sections.networks import EncoderConfig
from simclr_med.encoders.importers import Imported, hints
from simclr_med.encoders.importers.refusals import refuse_other_kinds, refuse_unknown
from simclr_med.encoders.importers.safetensors_format import read_header
from simclr_med.encoders.torch_names import COUNT, our_names, to_ours
from simclr_med.errors import InputError

HEAD = ("fc.weight", "fc.bias")
CARD = "config.json"  # beside a file from a hub, as timm writes it
LONGEST_CARD = 2**20  # bytes


def read(path: pathlib.Path, project: str, interpolation: str) -> Imported:
    """Return the `Imported` of a file; its classifier is left out.

    Args:
      path: of the file.
      project: "torchvision" or "timm", whose names the file has.
      interpolation: of the project's own evaluation.

    Raises:
      InputError: it is no such file, or a network of another kind.
    """
    header = read_header(path)
    shapes = {name: entry.shape for name, entry in header.entries.items() if name not in HEAD}
    names, unknown = our_names(shapes)
    refuse_unknown(path, unknown, f"{project}'s ResNets", hints.of_torch(shapes))
    if "conv1.weight" not in names:
        raise InputError(f"{path} is not of {project}'s ResNets: conv1.weight is missing")
    weights, _ = to_ours({theirs: header.array(theirs) for theirs in names})
    refuse_other_kinds(path, weights)
    name = _architecture(path, weights, project)
    return Imported(
        source=f"{path.name} ({project}, {name.removesuffix('_torchvision')})",
        encoder=EncoderConfig(encoder=name, width=_filters(weights, "stem_conv") / 64),
        weights=weights,
        left_out=tuple(k for k in header.entries if k in HEAD or k.endswith(COUNT)),
        image_size=224,
        crop=0.875,
        interpolation=interpolation,
        declared=_declared(path, header.metadata),
    )


def _declared(path, metadata):
    """Return the name of the network by a file's metadata or its card, "" where neither has it."""
    card = _card(path.with_name(CARD))
    scaling = card.get("pretrained_cfg")
    if isinstance(scaling, dict):
        for key, expected in (("mean", IMAGENET_MEAN), ("std", IMAGENET_DEVIATION)):
            if scaling.get(key, list(expected)) != list(expected):
                raise InputError(
                    f"{path}: {CARD} beside it says {key} {scaling[key]}; expected "
                    f"{list(expected)}, by which encoders of this source scale their images"
                )
    declared = metadata.get("architecture") or card.get("architecture")
    return declared if isinstance(declared, str) else ""


def _card(file):
    """Return the object in a card, {} where there is none."""
    try:
        if not file.is_file() or file.stat().st_size > LONGEST_CARD:
            return {}
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _filters(weights, layer):
    kernel = weights.get(f"encoder/{layer}/kernel")
    return 1 if kernel is None else kernel.shape[-1]


def _architecture(path, weights, project):
    """Return the row of `ENCODERS` that has these blocks."""
    names = {name.split("/")[1] for name in weights}
    blocks = tuple(
        sum(name.startswith(f"stage{stage}_") and name.endswith("_conv1") for name in names)
        for stage in range(1, 5)
    )
    bottleneck = "stage1_block1_conv3" in names
    inner = _filters(weights, "stage1_block1_conv1") / _filters(weights, "stem_conv")
    for name, row in ENCODERS.items():
        found = (row.blocks, row.bottleneck, row.inner_width)
        if name.endswith("_torchvision") and found == (blocks, bottleneck, inner):
            return name
    kind = "bottlenecks" if bottleneck else "basic blocks"
    raise InputError(
        f"{path}: stages of {blocks} {kind}, {inner:g} times as wide within, are none of "
        f"{project}'s ResNets here"
    )
