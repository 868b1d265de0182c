"""timm's ResNets in .safetensors, as model hubs have them; their names are torchvision's."""

import pathlib

from simclr_med.encoders.importers import Imported, safetensors_file


def read(path: pathlib.Path) -> Imported:
    """Return the `Imported` of a file, see `safetensors_file.read`."""
    # Most of its recipes; the crop of each weight's own is in its card.
    return safetensors_file.read(path, "timm", "bicubic")
