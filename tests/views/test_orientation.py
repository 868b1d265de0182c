"""The orientation of every carrier, type and byte order: Pillow's is the oracle."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from simclr_med.config.preparation import Preparation
from simclr_med.views.as_prepared import as_prepared, refusal
from simclr_med.views.decode import decode
from simclr_med.views.orientation import UNREAD, orientation, upright

PIXELS = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8))
TYPES = {
    "BYTE": (1, "B"), "ASCII": (2, "B"), "SHORT": (3, "H"), "LONG": (4, "L"),
    "RATIONAL": (5, "LL"), "SBYTE": (6, "b"), "UNDEFINED": (7, "B"), "SSHORT": (8, "h"),
    "SLONG": (9, "l"), "SRATIONAL": (10, "ll"), "FLOAT": (11, "f"), "DOUBLE": (12, "d"),
    "IFD": (13, "L"), "unknown": (14, "H"), "LONG8": (16, "Q"),
}  # fmt: skip
MARK, XAP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


def tiff(kind, order, number, count=1, further=()):
    """EXIF's bytes: a camera's name, an orientation of a type, and more entries."""
    code, letters = TYPES[kind]
    values = (number, 1) if len(letters) == 2 else (number,)
    value = struct.pack(order + letters, *values) * count
    entries = [(0x010F, 2, struct.pack("4s", b"cam")), (0x0112, code, value), *further]
    start = 8 + 2 + 12 * len(entries) + 4
    table, apart = b"", b""
    for tag, code, value in entries:
        size = [1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 2, 1, 8][code]
        held = value.ljust(4, b"\0")
        if len(value) > 4:
            held, apart = struct.pack(order + "L", start + len(apart)), apart + value
        table += struct.pack(order + "HHL", tag, code, len(value) // size) + held
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HL", 42, 8)
    return head + struct.pack(order + "H", len(entries)) + table + bytes(4) + apart


def saved(kind):
    buffer = io.BytesIO()
    PIXELS.save(buffer, kind, **({"quality": 95, "subsampling": 0} if kind == "JPEG" else {}))
    return buffer.getvalue()


JPEG, PNG = saved("JPEG"), saved("PNG")


def with_segments(*datas, marker=b"\xff\xe1"):
    found = b"".join(marker + struct.pack(">H", len(data) + 2) + data for data in datas)
    return JPEG[:2] + found + JPEG[2:]


def with_chunks(*chunks, last=False):
    found = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    place = len(PNG) - 12 if last else 33
    return PNG[:place] + found + PNG[place:]


def raw_profile(exif):
    digits = (MARK + exif).hex()
    lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    return f"\nexif\n{len(digits) // 2:8}\n{lines}\n".encode()


def texts(key, text):
    """A PNG's three kinds of texts, the last one plain and compressed."""
    return {
        "tEXt": (b"tEXt", key + b"\0" + text),
        "zTXt": (b"zTXt", key + b"\0\0" + zlib.compress(text)),
        "iTXt": (b"iTXt", key + b"\0\0\0en\0key\0" + text),
        "compressed iTXt": (b"iTXt", key + b"\0\1\0en\0key\0" + zlib.compress(text)),
    }


RAW, XMP = b"Raw profile type exif", b"XML:com.adobe.xmp"
EXIF_CARRIERS = {
    "jpeg": lambda exif: with_segments(MARK + exif),
    "jpeg, marked twice": lambda exif: with_segments(MARK + MARK + exif),
    "jpeg, in two": lambda exif: with_segments(MARK + exif[:20], MARK + exif[20:]),
    "jpeg, filled": lambda exif: with_segments(MARK + exif, marker=b"\xff\xff\xff\xe1"),
    "jpeg, after others": lambda exif: with_segments(b"http://others/\0Exif\0\0II", MARK + exif),
    "eXIf": lambda exif: with_chunks((b"eXIf", exif)),
    "eXIf, marked": lambda exif: with_chunks((b"eXIf", MARK + exif)),
    "eXIf, after the pixels": lambda exif: with_chunks((b"eXIf", exif), last=True),
    "tEXt exif": lambda exif: with_chunks((b"tEXt", b"exif\0" + exif)),
    **{
        f"raw profile, {kind}": lambda exif, kind=kind: with_chunks(
            (b"tEXt", b"Comment\0eXIf Raw profile type exif"), texts(RAW, raw_profile(exif))[kind]
        )
        for kind in texts(b"", b"")
    },
}
XMPS = {
    "attribute": b'<x tiff:Orientation="%d"/>',
    "element": b"<tiff:Orientation>%d</tiff:Orientation>",
    "after others": b'<x tiff:Orientation ="3" tiff:OrientationX="4" tiff:Orientation="%d"/>',
    "in quotes of another kind": b"<x tiff:Orientation='%d'/>",
    "not UTF-8": b'\xff\xfe <x tiff:Orientation="%d"/>\xff',
}
XMP_CARRIERS = {
    "jpeg": lambda xmp: with_segments(XAP + xmp),
    "jpeg, the second": lambda xmp: with_segments(XAP + b'tiff:Orientation="2"', XAP + xmp),
    **{kind: lambda xmp, kind=kind: with_chunks(texts(XMP, xmp)[kind]) for kind in texts(b"", b"")},
}


@pytest.fixture(scope="module")
def read():
    return tf.function(orientation, input_signature=[tf.TensorSpec([], tf.string)])


def by_pillow(content):
    """The image that Pillow turns, and what it turned it by."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(ImageOps.exif_transpose(image))


def agrees(content, read):
    """Whether the graph turns as Pillow does."""
    image = np.asarray(Image.open(io.BytesIO(content)))
    return np.array_equal(upright(image, read(content)), by_pillow(content))


@pytest.mark.parametrize("carrier", EXIF_CARRIERS)
def test_exif_of_every_type_and_byte_order(carrier, read):
    turned = 0
    for kind in TYPES:
        for order in "<>":
            for number in (*range(10), 200) if kind in ("SHORT", "LONG") else (0, 3, 6, 9):
                content = EXIF_CARRIERS[carrier](tiff(kind, order, number))
                assert agrees(content, read), (kind, order, number)
                turned += int(read(content)) == 6
    assert turned >= 8


@pytest.mark.parametrize("carrier", XMP_CARRIERS)
@pytest.mark.parametrize("form", XMPS)
def test_xmp(carrier, form, read):
    for number in range(10):
        content = XMP_CARRIERS[carrier](XMPS[form] % number)
        assert agrees(content, read), number


@pytest.mark.parametrize("order", "<>")
def test_exif_goes_before_xmp_where_it_has_one(order, read):
    xmp = XAP + b'tiff:Orientation="6"'
    without = tiff("SHORT", order, 1).replace(
        struct.pack(order + "H", 0x0112), struct.pack(order + "H", 0x0113)
    )
    empty = tiff("SHORT", order, 3, count=0)
    for exif in (tiff("SHORT", order, 3), tiff("BYTE", order, 3), without, empty, b""):
        content = with_segments(xmp, MARK + exif)
        if exif:
            assert agrees(content, read)
    assert read(with_segments(xmp, MARK + without)) == 6


@pytest.mark.parametrize("order", "<>")
def test_of_several_values_and_entries(order, read):
    for count in (2, 3, 9):
        for kind in ("SHORT", "LONG", "SBYTE", "DOUBLE"):
            assert agrees(with_segments(MARK + tiff(kind, order, 6, count)), read)
    second = (0x0112, 3, struct.pack(order + "H", 8))
    assert agrees(with_segments(MARK + tiff("SHORT", order, 6, further=[second])), read)


def test_damaged_metadata_never_stops_the_graph(read):
    random = np.random.default_rng(1)
    for whole in (
        with_segments(MARK + tiff("LONG", ">", 6), XAP + b'tiff:Orientation="6"'),
        with_chunks((b"eXIf", tiff("DOUBLE", "<", 6)), texts(XMP, b"tiff:Orientation")["iTXt"]),
        with_chunks(texts(RAW, raw_profile(tiff("SHORT", "<", 6)))["tEXt"]),
    ):
        for _ in range(60):
            changed = bytearray(whole)
            for place in random.integers(8, 200, 3):
                changed[place % len(changed)] = random.integers(256)
            assert 1 <= read(bytes(changed)) <= 8
        for length in range(0, min(len(whole), 160), 3):
            assert 1 <= read(whole[:length]) <= 8


def test_compressed_metadata_that_is_too_long_is_refused(read):
    noise = np.random.default_rng(0).bytes(2**17)
    content = with_chunks(texts(XMP, noise + b'tiff:Orientation="6"')["zTXt"])
    assert read(content) == UNREAD
    preparation = Preparation("rewritten", 60)
    assert refusal(content, preparation).numpy() == b"has more than 128 KiB of compressed metadata"
    other = with_chunks(texts(b"Comment", noise)["zTXt"])  # is nobody's orientation
    assert refusal(other, preparation).numpy() == b"" and read(other) == 1


def test_a_served_image_is_turned():
    content = EXIF_CARRIERS["raw profile, zTXt"](tiff("LONG", ">", 6))
    served = as_prepared(content, Preparation("rewritten", 60))
    np.testing.assert_array_equal(served, by_pillow(content))
    assert served.shape == (6, 4, 3) != decode(content).shape
