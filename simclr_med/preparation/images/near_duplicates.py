"""Images that look nearly the same: a hash of what each shows, and pairs of hashes nearly equal.

pairs = near_pairs([difference_hash(image) for image in images], distance=12)
"""

import numpy as np
from PIL import Image

BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)  # set in a byte


def difference_hash(image):
    """Return 256 bits in hexadecimal: whether each of 16 x 16 places is darker than its right.

    Args:
      image: a Pillow image of 8 bits, such as `rewriting.plain_image` returns.
    """
    small = image.convert("L").resize((17, 16), Image.Resampling.BOX)
    values = np.asarray(small, np.int16)
    return np.packbits(values[:, 1:] > values[:, :-1]).tobytes().hex()


def near_pairs(hashes, distance):
    """Return pairs (i, j), i < j, sorted, of hashes that differ in `distance` bits or less.

    Two such agree in at least one of distance + 1 bands of bits, so that only those that share a
    band are compared.

    Args:
      hashes: as of `difference_hash`; an empty text is near nothing.
      distance: 0 to 256.
    """
    rows = np.flatnonzero([bool(text) for text in hashes])
    if len(rows) < 2:
        return []
    joined = b"".join(bytes.fromhex(hashes[i]) for i in rows)
    packed = np.frombuffer(joined, np.uint8).reshape(len(rows), 32)
    pairs = set()
    for members in _sharing_a_band(packed, distance + 1):
        for place, i in enumerate(members[:-1]):
            others = members[place + 1 :]
            apart = BITS[packed[others] ^ packed[i]].sum(axis=1)
            pairs.update((int(i), int(j)) for j in others[apart <= distance])
    return sorted((int(rows[i]), int(rows[j])) for i, j in (sorted(pair) for pair in pairs))


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
