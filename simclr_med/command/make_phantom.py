"""Generates a dermatology-like data set folder; docs/phantom.md says how.

simclr-med phantom --output=work/phantom --train=600 --image_size=64
"""

import dataclasses
import time

from simclr_med import progress
from simclr_med.command import parsing
from simclr_med.preparation import phantom


def main():
    """Read the command line and generate."""
    parser = parsing.parser(__doc__)
    parser.add_argument("--output", required=True, help="Folder to write")
    parser.add_argument("--workers", type=int, default=2, help="Number of processes")
    for field in dataclasses.fields(phantom.PhantomConfig):
        what = "cases" if field.name in phantom.SPLITS else field.name.replace("_", " ")
        help = f"{what} (default {field.default})"
        parser.add_argument(f"--{field.name}", type=int, default=field.default, help=help)
    options = vars(parser.parse_args())
    output, workers = options.pop("output"), options.pop("workers")
    config = phantom.PhantomConfig(**options)
    start = time.monotonic()
    with progress.shown_meanwhile("phantom", "image") as shown:
        images = phantom.generate(output, config, shown.to, workers)
    rate = images / (time.monotonic() - start)
    print(f"{output}: {images} images, {rate:.0f} a second")
