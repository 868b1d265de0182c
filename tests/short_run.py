"""The command with ResNet-18s of two blocks: what is slow about a short run is to trace them.

python tests/short_run.py --mode=pretrain ...
"""

import dataclasses

from simclr_med import run
from simclr_med.config import architectures

if __name__ == "__main__":
    row = dataclasses.replace(architectures.ENCODERS["resnet18"], blocks=(1, 1))
    architectures.ENCODERS["resnet18"] = row
    run.entry_point()
