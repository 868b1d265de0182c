"""Generated images a second, beside Pillow's encoding of as many JPEGs of that size.

python benchmarks/phantom.py --image_size=64 --json=phantom.json
"""

import io
import pathlib
import sys
import tempfile
import time

import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.verdict import command_line, conclude, shown
from simclr_med.errors import run_main
from simclr_med.preparation import phantom

GOALS = (shown("generated / JPEG encoding alone"),)


def generated(cases, size, workers):
    """Images a second of `phantom.generate`."""
    none = dict.fromkeys(phantom.SPLITS, 0)
    config = phantom.PhantomConfig(**none | {"train": cases, "image_size": size})
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        images = phantom.generate(pathlib.Path(folder) / "data", config, workers=workers)
        return images / (time.perf_counter() - start)


def encoded(images, size):
    """Images a second of JPEG encoding alone, in one process."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8))
    start = time.perf_counter()
    for _ in range(images):
        picture.save(io.BytesIO(), format="JPEG", quality=85)
    return images / (time.perf_counter() - start)


def main():
    """Measures and prints."""
    parser = command_line(__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    ours = generated(options.cases, options.image_size, options.workers)
    limit = encoded(5000, options.image_size)
    print(f"generated {ours:.0f} images a second, {ours / limit:.3f} of JPEG encoding alone")
    ratios = {"generated / JPEG encoding alone": ours / limit}
    return conclude(options, GOALS, ratios, images_a_second=ours, jpeg_encoding=limit)


if __name__ == "__main__":
    sys.exit(run_main(main))
