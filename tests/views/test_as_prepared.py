"""Originals in a graph are what preparation made of them: Pillow's rewriting is the oracle."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from simclr_med.config.preparation import Preparation
from simclr_med.preparation.images.rewriting import EXIF_ORIENTATION, rewrite
from simclr_med.views.as_prepared import MOST_PIXELS, as_prepared, refusal
from simclr_med.views.decode import decode
from simclr_med.views.orientation import orientation

SIDE = 60
RNG = np.random.default_rng(0)
LARGE = Image.fromarray(RNG.integers(0, 256, (9, 13, 3), dtype=np.uint8)).resize(
    (403, 271), Image.Resampling.BICUBIC
)
GREY = LARGE.convert("L")
DEEP = (np.asarray(GREY, np.uint16) * 13 + 900)[..., None]
OPACITY = np.where(np.asarray(GREY) > 100, 65535, np.asarray(GREY, np.uint16) * 600)[..., None]


def saved(image, kind, **more):
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def exif(number):
    tags = Image.Exif()
    tags[0x010F] = "a camera"
    tags[EXIF_ORIENTATION] = number
    return tags


def deep(*channels):
    return tf.io.encode_png(np.concatenate(channels, axis=-1).astype(np.uint16)).numpy()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def grey_png(depth, *chunks):
    """A PNG of a few bits of grey."""
    values = np.asarray(GREY)[:64, :64] >> (8 - depth)
    bits = np.unpackbits(values[..., None], axis=2)[..., 8 - depth :].reshape(64, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(bits, axis=1))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, depth, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + data


KINDS = {
    "jpeg": saved(LARGE, "JPEG", quality=90),
    "grey jpeg": saved(GREY, "JPEG"),
    "progressive jpeg": saved(LARGE, "JPEG", progressive=True),
    "cmyk jpeg": saved(LARGE.convert("CMYK"), "JPEG"),
    "small cmyk jpeg": saved(LARGE.resize((40, 30)).convert("CMYK"), "JPEG"),
    "small turned jpeg": saved(LARGE.resize((40, 30)), "JPEG", exif=exif(8)),
    "jpeg turned by xmp": saved(LARGE, "JPEG", xmp=b'<x tiff:Orientation="6"/>'),
    "jpeg turned by an element of xmp": saved(
        LARGE, "JPEG", xmp=b"<tiff:Orientation>8</tiff:Orientation>"
    ),
    "jpeg with a profile": saved(LARGE, "JPEG", icc_profile=b"Exif\0\0 profile" * 9),
    "png": saved(LARGE, "PNG"),
    "grey png": saved(GREY, "PNG"),
    "1 bit png": saved(LARGE.convert("1"), "PNG"),
    "2 bits of grey": grey_png(2),
    "4 bits of grey": grey_png(4),
    "palette": saved(LARGE.quantize(64), "PNG"),
    "small palette": saved(LARGE.quantize(10), "PNG"),
    "clear colour of a palette": saved(LARGE.quantize(64), "PNG", transparency=3),
    "clear colour of a small palette": saved(LARGE.quantize(3), "PNG", transparency=1),
    "opacities of a palette": saved(
        LARGE.quantize(64), "PNG", transparency=bytes(range(0, 256, 4))
    ),
    "clear grey": saved(GREY, "PNG", transparency=100),
    "clear colour": saved(LARGE, "PNG", transparency=LARGE.getpixel((9, 9))),
    "rgba": saved(Image.merge("RGBA", (*LARGE.split(), GREY)), "PNG"),
    "grey and opacity": saved(Image.merge("LA", (GREY, GREY)), "PNG"),
    "turned png": saved(LARGE, "PNG", exif=exif(7)),
    "16 bits": deep(DEEP),
    "16 bits of colours": deep(DEEP, DEEP // 2, DEEP + 5),
    "16 bits and opacity": deep(DEEP, OPACITY),
    "16 bits of colours and opacity": deep(DEEP, DEEP // 2, DEEP + 5, OPACITY),
    "wholly clear 16 bits": deep(DEEP, DEEP, DEEP, 0 * DEEP),
    "one value in 16 bits": deep(0 * DEEP + 7),
    "narrow": saved(LARGE.resize((2000, 70)), "PNG"),
    "blocks are averaged": saved(LARGE.resize((1303, 977)), "PNG"),
}


def compiled(function, preparation):
    return tf.function(
        lambda content: function(content, preparation),
        input_signature=[tf.TensorSpec([], tf.string)],
    )


@pytest.fixture(scope="module")
def graphs():
    preparation = Preparation("rewritten", SIDE)
    return compiled(as_prepared, preparation), compiled(refusal, preparation)


@pytest.mark.parametrize("kind", KINDS)
def test_an_original_is_seen_as_its_rewritten_file_is_by_training(kind, graphs, tmp_path):
    image, why = graphs
    (tmp_path / "original").write_bytes(KINDS[kind])
    prepared, _ = rewrite(tmp_path / "original", SIDE)
    expected = decode(prepared).numpy().astype(int)
    assert why(KINDS[kind]).numpy() == b""
    found = image(KINDS[kind]).numpy().astype(int)
    assert found.shape == expected.shape
    apart = np.abs(found - expected)
    # A value between two may be rounded the other way; JPEG makes a few of it.
    assert apart.mean() < 0.1 and apart.max() <= 8
    np.testing.assert_array_equal(image(prepared), decode(prepared))  # and is left as it is


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_all_orientations(number, byte_order, graphs, tmp_path):
    tags = exif(number)
    tags.endian = "<" if byte_order == "little" else ">"
    content = saved(LARGE, "JPEG", exif=tags)
    (tmp_path / "a.jpg").write_bytes(content)
    expected = decode(rewrite(tmp_path / "a.jpg", SIDE)[0]).numpy().astype(int)
    found = graphs[0](content).numpy().astype(int)
    assert orientation(content) == number
    assert found.shape == expected.shape and np.abs(found - expected).mean() < 0.1


def test_damaged_exif_leaves_an_image_upright():
    whole = saved(LARGE, "JPEG", exif=exif(6))
    start = whole.index(b"Exif\0\0") + 6
    for changed in (
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\xff\xff\xff\xff",
        b"II*\0\xff\xff\0\0",
        b"x" * 8,
    ):
        content = whole[:start] + changed + whole[start + 8 :]
        assert orientation(content) == 1
    assert orientation(whole[: start + 3]) == 1
    assert orientation(saved(LARGE, "JPEG", exif=exif(77))) == 1


def test_what_is_refused_and_why(graphs):
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    )
    clear = grey_png(2, chunk(b"tRNS", struct.pack(">H", 1)))
    cases = {
        b"": "is empty",
        b"nothing": "is not JPEG or PNG",
        saved(LARGE, "GIF"): "is not JPEG or PNG",
        saved(LARGE, "TIFF"): "is not JPEG or PNG",
        bomb: f"has more than {MOST_PIXELS:,} pixels",
        clear: "is a transparent PNG with less than 8 bits of grey",
    }
    for content, reason in cases.items():
        assert graphs[1](content).numpy().decode() == reason


def test_images_that_stayed_as_they_are_are_served_as_training_decodes_them():
    kept, by_hand = Preparation("as_they_are"), Preparation()
    for content in (KINDS["jpeg"], KINDS["turned png"], KINDS["rgba"], saved(LARGE, "GIF")):
        for preparation in (kept, by_hand):
            assert refusal(content, preparation) == b""
            np.testing.assert_array_equal(as_prepared(content, preparation), decode(content))
    assert refusal(KINDS["16 bits"], kept).numpy().startswith(b"has 16 bits")
    assert refusal(KINDS["16 bits"], by_hand) == b""  # training took the high byte
