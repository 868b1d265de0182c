"""Images that look nearly the same, against brute force and on copies of photographs."""

import itertools

import numpy as np
import pandas as pd
import pytest
from conftest import SHARED
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from simclr_med.preparation.images.near_duplicates import coarse, near_pairs


def bits(look):
    rows = [look[start : start + 17] for start in range(0, 272, 17)]
    return [b > a for row in rows for a, b in itertools.pairwise(row)]


def brute(looks, distance):
    found = []
    for (i, a), (j, b) in itertools.combinations(enumerate(looks), 2):
        if a and b:
            differing = sum(p != q for p, q in zip(bits(a), bits(b), strict=True))
            levels = sum(abs(p - q) for p, q in zip(a, b, strict=True)) / 272
            found += [(i, j)] * (differing <= distance and levels <= 3)
    return found


@given(st.integers(0, 40), st.integers(0, 10_000), st.sampled_from([9, 40]))
@settings(max_examples=40, deadline=None)
def test_near_images_are_those_that_brute_force_finds(distance, seed, contrast):
    rng = np.random.default_rng(seed)
    greys = np.repeat(rng.integers(100, 100 + contrast, (6, 272)), 4, axis=0)
    noise = rng.normal(size=greys.shape) * rng.uniform(0, 6, (len(greys), 1))
    looks = [*map(bytes, np.round(greys + noise).astype(np.uint8)), b""]
    assert near_pairs(looks, distance) == brute(looks, distance)


def test_another_brightness_is_another_image():
    look = bytes(range(136)) * 2
    for added, near in ((3, True), (4, False)):
        assert bool(near_pairs([look, bytes(grey + added for grey in look)], 20)) == near


def test_many_images_in_little_time():
    looks = list(map(bytes, np.random.default_rng(0).integers(0, 256, (8_000, 272), np.uint8)))
    assert near_pairs([*looks, looks[7]], 20) == [(7, 8_000)]


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
    looks = [coarse(Image.open(tmp_path / name)) for name in names]
    copies, found = {(2 * i, 2 * i + 1) for i in range(len(paths))}, set(near_pairs(looks, 20))
    assert len(copies & found) >= 0.95 * len(copies)
    assert len(found - copies) <= 4  # photographs of one lesion


def test_no_two_patients_images_are_near(ham10000):
    """Of 1,500 images, a million pairs, some of which hashes alone would take for copies."""
    table = pd.read_csv(ham10000 / "HAM10000_metadata.csv", dtype=str).set_index("image_id")
    paths = sorted(ham10000.glob("**/*.jpg"))[::5]
    looks = []
    for path in paths:
        with Image.open(path) as image:
            looks.append(coarse(image))
    lesions = table.loc[[path.stem for path in paths], "lesion_id"].tolist()
    assert all(lesions[i] == lesions[j] for i, j in near_pairs(looks, 20))
