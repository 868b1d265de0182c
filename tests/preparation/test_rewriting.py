"""Images rewritten: upright, 8 bits, on white, no larger than asked for."""

import io

import numpy as np
import pytest
from pictures import DEEP, SMOOTH, names_of, write_pictures
from PIL import Image

from simclr_med.preparation.images.rewriting import rewrite


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("images"))


def rewritten(path, side=0):
    content, suffix = rewrite(path, side)
    image = Image.open(io.BytesIO(content))
    image.load()
    return image, suffix


def test_rewriting_gives_what_training_reads(folder):
    broken = {"cut.gif", "cut.jpg", "text.jpg", "empty.jpg"}
    for name in sorted(set(names_of(folder)) - broken):
        image, suffix = rewritten(folder / name)
        assert image.mode in ("L", "RGB") and suffix in (".jpg", ".png")
        assert not image.getexif() and not image.info.get("icc_profile")
        assert rewrite(folder / name, 0) == rewrite(folder / name, 0)


def test_rewriting_is_upright_on_white_and_stretched(folder):
    assert rewritten(folder / "turned.jpg")[0].size == (48, 64)
    turned = np.asarray(rewritten(folder / "turned.jpg")[0], int)
    assert np.abs(turned - np.asarray(SMOOTH.rotate(-90, expand=True), int)).mean() < 4
    rgb, alpha = np.asarray(SMOOTH, float), np.asarray(SMOOTH.convert("L"), float)[..., None] / 255
    clear = np.asarray(rewritten(folder / "clear.png")[0], float)
    assert np.abs(clear - (alpha * rgb + (1 - alpha) * 255)).max() <= 2
    span = DEEP.max() - DEEP.min()
    for name in ("deep.png", "deep.tif"):
        expected = np.round(255.0 * (DEEP - DEEP.min()) / span)
        np.testing.assert_array_equal(np.asarray(rewritten(folder / name)[0]), expected)


def test_a_shortest_side_shrinks_and_never_enlarges(folder):
    assert rewritten(folder / "plain.jpg", 24)[0].size == (32, 24)
    assert rewritten(folder / "plain.jpg", 500)[0].size == (64, 48)
    with pytest.raises(ValueError, match="truncated"):
        rewrite(folder / "cut.jpg", 0)
