"""Generated photographs, the same on every machine."""

import numpy as np
from PIL import Image


def photographs(folder, count, size):
    """Write JPEGs with structure at every scale and the noise of a sensor.

    Args:
      folder: a `pathlib.Path`.
      size: (width, height) in pixels.

    Returns:
      Their paths, in order.
    """
    rng, paths = np.random.default_rng(0), []
    for number in range(count):
        total = np.zeros([size[1], size[0], 3], np.float32)
        for cells in (4, 16, 64, 160):
            noise = Image.fromarray(rng.integers(0, 256, [cells, cells, 3], dtype=np.uint8))
            total += np.asarray(noise.resize(size, Image.Resampling.BICUBIC), np.float32) / 4
        total += rng.normal(0, 4, [size[1], size[0], 1])
        paths.append(str(folder / f"{size[0]}_{number:04}.jpg"))
        Image.fromarray(np.uint8(total.clip(0, 255))).save(paths[-1], quality=90)
    return paths
