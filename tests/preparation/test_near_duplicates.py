"""Images that look nearly the same, against brute force and on copies of photographs."""

import itertools

import numpy as np
import pytest
from conftest import SHARED
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from simclr_med.preparation.images.near_duplicates import difference_hash, near_pairs


def brute(hashes, distance):
    numbers = [int(text, 16) if text else None for text in hashes]
    return [
        (i, j)
        for (i, a), (j, b) in itertools.combinations(enumerate(numbers), 2)
        if a is not None and b is not None and (a ^ b).bit_count() <= distance
    ]


@given(st.integers(0, 40), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_near_hashes_are_those_that_brute_force_finds(distance, seed):
    rng = np.random.default_rng(seed)
    bits = np.repeat(rng.integers(0, 2, (6, 256)), 4, axis=0)
    flips = rng.random(bits.shape) < rng.uniform(0, 0.12, (len(bits), 1))
    hashes = [np.packbits(row).tobytes().hex() for row in (bits ^ flips).astype(np.uint8)] + [""]
    assert near_pairs(hashes, distance) == brute(hashes, distance)


def test_many_near_hashes_in_little_time():
    rng = np.random.default_rng(0)
    hashes = [row.tobytes().hex() for row in rng.integers(0, 256, (20_000, 32), dtype=np.uint8)]
    assert near_pairs([*hashes, hashes[7]], 12) == [(7, 20_000)]


def test_copies_are_near_and_other_images_are_not(tmp_path):
    folder = SHARED / "derm" / "images"
    if not folder.exists():
        pytest.skip(f"the real images are not at {folder}")
    paths = sorted(folder.glob("PAT*"))[:60]
    names = []
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            image = image.convert("RGB")
            image.save(tmp_path / f"{number:02d}a.png")
            small = image.resize([side * 2 // 3 for side in image.size])
            small.save(tmp_path / f"{number:02d}b.jpg", quality=70)
        names += [f"{number:02d}a.png", f"{number:02d}b.jpg"]
    hashes = [difference_hash(Image.open(tmp_path / name)) for name in names]
    copies = {(2 * i, 2 * i + 1) for i in range(len(paths))}
    assert len(copies & set(near_pairs(hashes, 16))) >= 0.95 * len(copies)
    assert len(set(near_pairs(hashes, 16)) - copies) <= 4  # photographs of one lesion
