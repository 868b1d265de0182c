"""Near duplicates: a coarse picture of each image, and pairs of images that look nearly the same.

pairs = near_pairs([coarse(image) for image in images], distance=20)

Two images are near where two measures agree. Their difference hashes, 256 bits of whether each
place is darker than its right, differ in few bits: those are found without comparing all with all.
And their places differ by few grey levels: that tells copies from what is merely taken alike.
docs/decisions.md has what was measured.
"""

import numpy as np
from PIL import Image

ROWS, COLUMNS = 16, 17  # places
LEVELS = 3  # of 255, that the places of near images differ by at most, in the mean
BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)  # set in a byte


def coarse(image):
    """Return the mean greys of 16 x 17 places of an image, as bytes.

    Args:
      image: a Pillow image of 8 bits, such as `rewriting.plain_image` returns.
    """
    return image.convert("L").resize((COLUMNS, ROWS), Image.Resampling.BOX).tobytes()


def near_pairs(looks, distance):
    """Return pairs (i, j), i < j, sorted, of images that show nearly the same.

    Two hashes that differ in so few bits agree in at least one of distance + 1 bands of bits, so
    that only those that share a band are compared.

    Args:
      looks: bytes as of `coarse`; empty ones are near nothing.
      distance: bits of 256 that the hashes differ in at most, 0 to 256.
    """
    rows = np.flatnonzero([bool(look) for look in looks])
    if len(rows) < 2:
        return []
    greys = np.frombuffer(b"".join(looks[i] for i in rows), np.uint8)
    greys = greys.reshape(len(rows), ROWS, COLUMNS).astype(np.int16)
    packed = _difference_hashes(greys)
    pairs = set()
    for members in _sharing_a_band(packed, distance + 1):
        for place, i in enumerate(members[:-1]):
            others = members[place + 1 :]
            apart = BITS[packed[others] ^ packed[i]].sum(axis=1)
            others = others[apart <= distance]
            levels = np.abs(greys[others] - greys[i]).mean(axis=(1, 2))
            pairs.update((int(i), int(j)) for j in others[levels <= LEVELS])
    return sorted((int(rows[i]), int(rows[j])) for i, j in (sorted(pair) for pair in pairs))


def _difference_hashes(greys):
    """Return the hashes of greys `[N, 16, 17]`, packed, uint8 `[N, 32]`."""
    darker = greys[:, :, 1:] > greys[:, :, :-1]
    return np.packbits(darker.reshape(len(greys), -1), axis=1)


def _sharing_a_band(packed, bands):
    """Yield rows, int `[n]`, whose bits agree in one of so many bands; `packed` is `[N, 32]`."""
    bits = np.unpackbits(packed, axis=1)
    ends = np.linspace(0, 256, min(bands, 256) + 1).astype(int)
    for start, end in zip(ends[:-1], ends[1:], strict=True):
        band = np.packbits(bits[:, start:end], axis=1)
        _, code = np.unique(band, axis=0, return_inverse=True)
        order = np.argsort(code, kind="stable")
        starts = np.flatnonzero(np.diff(code.ravel()[order], prepend=-1))
        yield from np.split(order, starts[1:])
