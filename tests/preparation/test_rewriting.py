"""Images rewritten: upright, 8 bits, on white, no larger than asked for."""

import io

import numpy as np
import pytest
from pictures import DEEP, SMOOTH, exif, names_of, write_pictures
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_are_made_upright(orientation, tmp_path):
    SMOOTH.save(tmp_path / "a.png", exif=exif(orientation))
    with Image.open(tmp_path / "a.png") as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(np.asarray(rewritten(tmp_path / "a.png")[0]), upright)


SECRET = "Anna Mueller"


def told_everywhere(folder):
    """Write pictures whose metadata name a person in every place that a format has."""
    tags = exif(3)
    tags[0x010E] = tags[0x013B] = SECRET  # description, artist
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", SECRET)
    text.add_text("Comment", SECRET, zip=True)
    text.add_itxt("Author", SECRET)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + SECRET.encode()
    xmp = f"<x>{SECRET}</x>".encode()
    clear = Image.merge("RGBA", (*SMOOTH.split(), SMOOTH.convert("L")))
    pictures = {"L": SMOOTH.convert("L"), "RGB": SMOOTH, "P": SMOOTH.quantize(9), "RGBA": clear,
                "I;16": Image.fromarray(DEEP)}  # fmt: skip
    for mode, picture in pictures.items():
        name = mode.replace(";", "")
        picture.save(folder / f"{name}.png", pnginfo=text, exif=tags, icc_profile=profile)
        picture.save(folder / f"{name}.tif", exif=tags, icc_profile=profile)
        if mode in ("L", "RGB"):
            picture.save(folder / f"{name}.jpg", exif=tags, comment=SECRET, icc_profile=profile,
                         xmp=xmp)  # fmt: skip
        if mode in ("P", "L"):
            picture.save(folder / f"{name}.gif", comment=SECRET)
        if mode in ("RGB", "RGBA"):
            picture.save(folder / f"{name}.webp", exif=tags, icc_profile=profile, xmp=xmp)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("side", [None, 24])
def test_nothing_but_pixels_is_rewritten(side, tmp_path):
    for path in told_everywhere(tmp_path):
        told = path.read_bytes()
        with Image.open(path) as image:
            told += repr(image.info).encode()  # what a file has packed
        assert SECRET.encode() in told, path.name
        content, _ = rewrite(path, side)
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            left = {name for name in image.info if not name.startswith("jfif")}
            assert SECRET.encode() not in content and not image.getexif() and not left


def test_a_shortest_side_shrinks_and_never_enlarges(folder):
    assert rewritten(folder / "plain.jpg", 24)[0].size == (32, 24)
    assert rewritten(folder / "plain.jpg", 500)[0].size == (64, 48)
    with pytest.raises(ValueError, match="truncated"):
        rewrite(folder / "cut.jpg", 0)
