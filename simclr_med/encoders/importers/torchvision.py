"""torchvision's ResNets, saved as .safetensors."""

import pathlib

from simclr_med.encoders.importers import Imported, safetensors_file


def read(path: pathlib.Path) -> Imported:
    """Return the `Imported` of a file, see `safetensors_file.read`."""
    # references/classification: 224 of 256, bilinear; V2 weights have a resize of 232.
    return safetensors_file.read(path, "torchvision", "bilinear")
