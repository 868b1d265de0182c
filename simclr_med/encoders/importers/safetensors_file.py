"""ResNets of PyTorch in a .safetensors file, under the names that torchvision and timm share.

Pickles (.pt, .pth, .bin) are not read: loading one may run whatever its author wrote into it.
"""

import numpy as np

from simclr_med import packages
from simclr_med.config.architectures import ENCODERS
from simclr_med.config.sections.networks import EncoderConfig
from simclr_med.encoders.importers import Imported, refuse_unknown
from simclr_med.encoders.torch_names import COUNT, to_ours
from simclr_med.errors import InputError

HEAD = ("fc.weight", "fc.bias")
FLOATS = (np.float16, np.float32, np.float64)
PICKLES = (b"\x80", b"PK")  # how one begins: bare, or in PyTorch's zip


def read(path, project, interpolation):
    """Return the `Imported` of a file; its classifier is left out.

    Args:
      path: of the file.
      project: whose naming it is, "torchvision" or "timm".
      interpolation: of the project's own evaluation.

    Raises:
      InputError: it is no such file, or a network of another kind.
    """
    arrays = _arrays(path)
    weights, unknown = to_ours({k: v for k, v in arrays.items() if k not in HEAD})
    refuse_unknown(path, unknown, f"{project}'s ResNets")
    if "encoder/stem_conv/kernel" not in weights:
        raise InputError(f"{path} is not of {project}'s ResNets: conv1.weight is missing")
    wrong = [name for name, array in weights.items() if array.dtype.type not in FLOATS]
    if wrong:
        raise InputError(f"{path}: {wrong[0]} is {weights[wrong[0]].dtype}; expected floats")
    name = _architecture(path, weights, project)
    return Imported(
        source=f"{path.name} ({project}, {name.removesuffix('_torchvision')})",
        encoder=EncoderConfig(encoder=name, width=_filters(weights, "stem_conv") / 64),
        weights=weights,
        left_out=tuple(k for k in arrays if k in HEAD or k.endswith(COUNT)),
        image_size=224,
        crop=0.875,
        interpolation=interpolation,
    )


def _arrays(path):
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load
    except ImportError:
        raise packages.missing("safetensors", "reading .safetensors needs safetensors") from None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a .safetensors file") from None
    if content.startswith(PICKLES):
        raise InputError(
            f"{path} is a pickle, which may run code and is not read: save it anew with "
            "safetensors.torch.save_file(model.state_dict(), NAME.safetensors)"
        )
    try:
        return load(content)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        reason = f"is no .safetensors file of numbers, or damaged: {error}"
        raise InputError(f"{path} {reason}") from None


def _filters(weights, layer):
    kernel = weights.get(f"encoder/{layer}/kernel", np.zeros(1))
    return kernel.shape[-1]


def _architecture(path, weights, project):
    """Return the row of `ENCODERS` whose blocks these are."""
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
