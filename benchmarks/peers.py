"""Ours beside its alternatives: PyTorch's step, lightly-train's run and pipeline.

    make peers                        # their environment, once
    python benchmarks/peers.py --json=peers.json

On the processor alone, in one run, turn about, each in a process of its own; a ratio is the median
over the pairs of a round. Parts:
  step      a SimCLR step on images in memory (torchvision's ResNet layer by layer, a projection
            head of two layers to 128, NT-Xent, Adam, float32) beside PyTorch's, plain and channels
            last; both sides must have the same number of weights
  run       `run.py --mode=pretrain` beside `lightly_train.pretrain(method="simclr")` on the same
            HAM10000 images: images a second from the second step on, and peak memory of all its
            processes (a page that two of them share counts once)
  pipeline  two views of 224 pixels of generated 640 x 480 JPEGs beside lightly-train's loader with
            two workers: images a second from the first batch on; ours as a run has it, with
            decoded images kept in memory, and as it is with --cache=none, like lightly-train's
What differs: lightly-train resizes by areas (ours bicubically), normalises by ImageNet's mean,
makes its colours on 8 bits and its contrast about the grey mean, sizes its blur's kernel by sigma,
has AdamW where ours is Adam, and logs every so many steps, not each. Views are otherwise its
SimCLR's: the same crops, chances and strengths. Both write their checkpoint at the end, after the
last step counted. google-research/simclr's own pipeline is not run; its recipe in tf.image is a
line of input_pipeline.py.
"""

import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.apart import Failed
from benchmarks.machine import ROOT
from benchmarks.peer_parts import PARTS, Skipped
from benchmarks.verdict import command_line, conclude
from simclr_med.config.architectures import ENCODERS
from simclr_med.errors import InputError, RunError, run_main

HAM10000 = ROOT.parent / "shared" / "data" / "ham10000"
NETWORKS = ("resnet18:64:64", "resnet18:224:8", "resnet50:64:32", "resnet50:224:4")
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # The peers ask their makers' servers for nothing and tell them nothing.
    "LIGHTLY_TRAIN_EVENTS_DISABLED": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "PYTHONPATH": str(ROOT),
}


def network(text):
    """Return `text`, NAME:SIZE:CASES, where it names one of torchvision's ResNets."""
    name, *numbers = text.split(":")
    sound = name.startswith("resnet") and name in ENCODERS and "_" not in name
    if not sound or len(numbers) != 2 or not all(n.isdigit() and int(n) for n in numbers):
        raise InputError(f"--networks: {text!r}; expected NAME:SIZE:CASES, as resnet18:64:64")
    return text


def check(options, parts):
    """Split the lists among the options of a comparison by parts, and check them.

    Raises:
      InputError: a part or network is unknown, or the steps are too few.
    """
    options.parts = options.parts.split(",")
    for part in options.parts:
        if part not in parts:
            raise InputError(f"--parts: {part!r}; expected some of {','.join(parts)}")
    if options.steps < 3:
        raise InputError(f"--steps={options.steps}; expected 3 or more: the first starts things up")
    options.networks = [network(text) for text in options.networks.split(",")]


def parse(arguments=None):
    """Return the options.

    Raises:
      InputError: a part or network is unknown, or the peers' environment is missing.
    """
    parser = command_line(__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help="which, with commas between")
    parser.add_argument(
        "--peers",
        type=pathlib.Path,
        default=ROOT / ".venv-peers",
        help="an environment with benchmarks/peers.txt",
    )
    parser.add_argument("--networks", default=",".join(NETWORKS), help="NAME:SIZE:CASES,...")
    parser.add_argument("--rounds", type=int, default=5, help="of step and pipeline")
    parser.add_argument("--ham10000", type=pathlib.Path, default=HAM10000, help="of run")
    parser.add_argument("--batch_size", type=int, default=256, help="of run")
    parser.add_argument("--steps", type=int, default=8, help="of run, 3 or more")
    parser.add_argument("--run_rounds", type=int, default=2, help="of run")
    parser.add_argument("--images", type=int, default=256, help="of pipeline")
    options = parser.parse_args(arguments)
    check(options, PARTS)
    if not (options.peers / "bin" / "python").exists():
        raise InputError(
            f"no peers' environment at {options.peers}: `make peers` makes it (PyTorch and "
            "lightly-train from PyPI, 6 GB, some minutes); --peers=PATH names another"
        )
    return options


def main():
    """Measure the parts, print and conclude."""
    options = parse()
    goals, ratios, measured = [], {}, {}
    for part in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            cache = {"LIGHTLY_TRAIN_CACHE_DIR": str(folder / "cache")}
            try:
                found = PARTS[part](options, os.environ | ENVIRONMENT | cache, folder)
            except Skipped as why:
                print(f"skipped {why}", file=sys.stderr)
                continue
            except Failed as error:
                raise RunError(f"{part}: a measured process failed\n{error}") from None
        goals += found[0]
        ratios |= found[1]
        measured |= found[2]
    if not ratios:
        raise InputError("no part could be measured")
    return conclude(options, goals, ratios, **measured)


if __name__ == "__main__":
    sys.exit(run_main(main))
