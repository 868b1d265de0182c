"""Generated images a second, beside what Pillow needs to encode as many JPEGs of that size.

python benchmarks/phantom.py --image_size=64 --json=phantom.json
"""

import argparse
import io
import json
import pathlib
import sys
import tempfile
import time

import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from simclr_med import files
from simclr_med.preparation import phantom


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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json")
    options = parser.parse_args()
    ours = generated(options.cases, options.image_size, options.workers)
    limit = encoded(5000, options.image_size)
    result = {"images_a_second": ours, "jpeg_encoding": limit, "ratio": ours / limit}
    print(f"generated {ours:.0f} images a second, {result['ratio']:.3f} of JPEG encoding alone")
    if options.json:
        files.write_text(options.json, json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
