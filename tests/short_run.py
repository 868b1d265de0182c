"""The command with ResNet-18s of two blocks: what is slow about a short run is to trace them.

python tests/short_run.py --mode=pretrain ...
"""

import dataclasses

from simclr_med import run
from simclr_med.config import architectures


def with_blocks(name, blocks):
    """Return an encoder's architecture with other numbers of blocks."""
    return dataclasses.replace(architectures.ENCODERS[name], blocks=blocks)


ROW = with_blocks("resnet18", (1, 1))

if __name__ == "__main__":
    architectures.ENCODERS["resnet18"] = ROW
    run.entry_point()
