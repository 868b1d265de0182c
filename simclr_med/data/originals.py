"""Pixels of a run's images: decoded at each visit, or kept decoded.

    with originals_of(config, cases.paths) as originals:
        crops = originals.crops(row, draws, recipe)  # of image `row`: V of [S, S, 3]

A run sees each image hundreds of times, and decoding is a fifth to a half of the work on it. What
is kept are the pixels that a decoder gives: crops of them are bitwise those of a fresh decoding. An
image that `crops.random_crops` would shrink while it decodes is decoded for such crops anew.
"""

import concurrent.futures
import contextlib
import os
import pathlib

import numpy as np
import tensorflow as tf

from simclr_med import devices
from simclr_med.errors import UNWRITABLE, RunError
from simclr_med.views import crops, decode

CHUNK = 64  # images that are decoded before the next are begun
LEAST = 0.25  # share of the images below which keeping some saves less than its memory is worth
ALIGNMENT = 64  # bytes; TensorFlow's buffers begin at multiples


@contextlib.contextmanager
def originals_of(config, paths, worker=0):
    """Yield a run's `Decoded` images; outside the scope of a strategy, which would copy pixels.

    Args:
      config: a `Config`, whose `--cache` and `--cache_gib` say what is kept.
      paths: M addresses of images, see `Cases.paths`.
      worker: the number of this process among those that write the work folder.

    Raises:
      RunError: the file of `--cache=disk` cannot be written.
    """
    room = int(min(config.data.cache_gib * 2**30, devices.memory() / 2))
    if config.data.cache == "none" or config.data.data_service:
        yield Decoded(paths)
    elif config.data.cache == "memory":
        yield keep_in_memory(paths, room)
    else:
        # Another machine's claim may come later: it looks for the folder, and past hidden files.
        file = pathlib.Path(config.work_dir) / f".decoded-{worker}.cache"
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield keep_on_disk(paths, room, file)
        finally:
            file.unlink(missing_ok=True)


class Decoded:
    """Images that are read and decoded at each visit.

    Args:
      paths: M addresses of images, see `Cases.paths`.
    """

    def __init__(self, paths):
        self.paths, self.content = tf.constant(paths), decode.reader(paths)

    def crops(self, row, draws, recipe):
        """Return V views' crops of an image, see `crops.random_crops`.

        Args:
          row: int64 scalar, of `paths`.
          draws: uniform numbers `[V, n]`.
          recipe: a `Recipe`.
        """
        return crops.random_crops(self.content(self.paths[row]), draws, recipe)


class Kept(Decoded):
    """Images of which the first are kept, their pixels one after the other.

    Args:
      paths: M addresses.
      shapes: height and width of each image that is kept; (0, 0) of one that cannot be decoded,
        whose error whoever visits it meets.
      buffer: the pixels' values, a NumPy array, uint8 `[bytes]`, which is not copied.
    """

    def __init__(self, paths, shapes, buffer):
        super().__init__(paths)
        tensor = tf.experimental.dlpack.from_dlpack(buffer.__dlpack__())
        # tf.data copies a tensor into each graph that it rewrites; a variable it refers to.
        self.values = tf.Variable(tensor, trainable=False)
        shapes = np.array([*shapes, *[(0, 0)] * (len(paths) - len(shapes))], np.int32)
        self.sizes = 3 * np.prod(shapes, axis=1, dtype=np.int64)
        starts = np.cumsum(self.sizes) - self.sizes
        self.table = tuple(map(tf.constant, (starts, self.sizes, shapes)))

    def crops(self, row, draws, recipe):
        """As `Decoded.crops`."""
        fresh = super().crops
        start, size, shape = (column[row] for column in self.table)

        def of_kept():
            pixels = tf.slice(self.values, [start], [size])
            return crops.crops_of(tf.reshape(pixels, tf.concat([shape, [3]], 0)), draws, recipe)

        whole = (size > 0) & ~crops.shrinks(draws, shape, recipe)
        return tf.cond(whole, of_kept, lambda: fresh(row, draws, recipe))


def keep_in_memory(paths, room):
    """Return `Kept` images in at most `room` bytes of memory."""
    buffer = np.empty(room + ALIGNMENT, np.uint8)  # memory is taken as it is filled
    buffer = buffer[-buffer.ctypes.data % ALIGNMENT :]
    shapes, filled = [], 0
    for pixels in _decoded_within(paths, room):
        buffer[filled : filled + pixels.size] = pixels.reshape(-1)
        filled += pixels.size
        shapes.append(pixels.shape[:2])
    return Kept(paths, shapes, buffer[: max(1, filled)])


def keep_on_disk(paths, room, file):
    """Return `Kept` images in a file of at most `room` bytes, mapped into memory.

    Raises:
      RunError: `file` cannot be written.
    """
    shapes = []
    try:
        with open(file, "wb") as kept:
            for pixels in _decoded_within(paths, room):
                kept.write(pixels.tobytes())
                shapes.append(pixels.shape[:2])
            kept.write(bytes(1))  # nothing cannot be mapped
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise RunError(
            f"{file} cannot be written: {error.strerror}; --cache=none needs no room"
        ) from error
    return Kept(paths, shapes, np.memmap(file, np.uint8, "r+"))


def _decoded_within(paths, room):
    """Yield the images' pixels, uint8 `[H, W, 3]`, in order, while they fit into `room` bytes.

    None come where fewer than `LEAST` of all would fit, judged by the first `CHUNK`.
    """
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(paths), CHUNK):
            chunk = list(pool.map(_pixels, paths[first : first + CHUNK].tolist()))
            if not first and room < LEAST * len(paths) * np.mean([p.size for p in chunk]):
                return
            for pixels in chunk:
                room -= pixels.size
                if room < 0:
                    return
                yield pixels


def _pixels(path):
    try:
        return decode.read(path).numpy()
    except tf.errors.OpError:
        return np.zeros([0, 0, 3], np.uint8)
