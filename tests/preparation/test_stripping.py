"""Files stripped of metadata: nothing but pixels is left, and training sees them as before."""

import io

import numpy as np
import pytest
from pictures import SMOOTH, names_of, write_pictures
from PIL import Image
from test_rewriting import SECRET, told_everywhere

from simclr_med.data.unreadable import decoded_or_why
from simclr_med.preparation.images.stripping import without_metadata

NOT_READ = {"text.jpg", "empty.jpg", "scan.tif", "deep.tif", "web.webp", "cut.gif", "bits.bmp"}


def seen(content):
    pixels, why = decoded_or_why(content)
    assert not why, why
    return pixels.numpy()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_pictures(tmp_path_factory.mktemp("images"))
    SMOOTH.save(folder / "progressive.jpg", progressive=True, quality=80)
    SMOOTH.save(folder / "restarts.jpg", restart_marker_blocks=3, quality=80)
    SMOOTH.save(folder / "frames.png", save_all=True, append_images=[SMOOTH.rotate(9)])
    return folder


def test_training_sees_the_same_pixels(folder):
    for name in sorted(set(names_of(folder)) - NOT_READ - {"cut.jpg"}):
        content = (folder / name).read_bytes()
        stripped = without_metadata(content)
        np.testing.assert_array_equal(seen(stripped), seen(content), err_msg=name)
        assert without_metadata(stripped) == stripped
        if name.endswith((".jpg", ".png")):
            assert len(stripped) <= len(content), name


def test_nothing_else_is_left(tmp_path):
    for path in told_everywhere(tmp_path):
        if path.suffix not in (".tif", ".webp"):
            stripped = without_metadata(path.read_bytes())
            with Image.open(io.BytesIO(stripped)) as image:
                image.load()
                left = {name for name in image.info if not name.startswith(("jfif", "adobe"))}
                assert not image.getexif() and left <= {"transparency"}, (path.name, left)
            assert SECRET.encode() not in stripped


def test_what_follows_the_end_and_thumbnails_are_left_out(folder):
    plain = (folder / "plain.jpg").read_bytes()
    thumbnail = bytes([0xFF, 0xE0, 0, 16]) + b"JFXX\0" + b"thumbnail"
    told = plain[:2] + thumbnail + plain[2:] + plain + b"Anna"
    assert without_metadata(told) == without_metadata(plain)
    own = bytearray(plain)
    own[4:6], own[18:20] = (16 + 3).to_bytes(2, "big"), bytes([1, 1])  # a thumbnail of one pixel
    own[20:20] = b"\1\2\3"
    assert without_metadata(bytes(own)) == without_metadata(plain)
    picture = (folder / "grey.png").read_bytes()
    assert without_metadata(picture + b"Anna") == picture


@pytest.mark.parametrize("name", ["text.jpg", "empty.jpg", "scan.tif", "bits.bmp"])
def test_what_training_cannot_read_is_refused(name, folder):
    with pytest.raises(ValueError, match=r"\S"):
        without_metadata((folder / name).read_bytes())


def test_damaged_files_are_refused_or_stay_as_damaged(folder):
    rng, kept, read = np.random.default_rng(0), 0, 0
    for name in ("progressive.jpg", "plain.jpg", "clear.png", "palette.png"):
        content = (folder / name).read_bytes()
        for cut in [True, False] * 20:
            hurt = bytearray(content[: rng.integers(2, len(content))] if cut else content)
            hurt[rng.integers(2, len(hurt))] = rng.integers(0, 256)
            try:
                stripped = without_metadata(bytes(hurt))
            except ValueError:
                continue
            before, after = decoded_or_why(bytes(hurt)), decoded_or_why(stripped)
            kept, read = kept + 1, read + (not before[1])
            if not before[1]:
                assert not after[1]
                np.testing.assert_array_equal(before[0], after[0])
    assert kept > 20 and read > 5
