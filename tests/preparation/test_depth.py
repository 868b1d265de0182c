"""Samples of more than 8 bits: judged by what a file declares, rewritten from all their bits."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from simclr_med.preparation.images import checks
from simclr_med.preparation.images.image_faults import judge_for_rewriting, judge_for_training
from simclr_med.preparation.images.rewriting import plain_image, rewrite, upright_image

RNG = np.random.default_rng(3)
TWELVE = RNG.integers(16, 4096, (12, 10, 4), dtype=np.uint16)  # 12 bits in files of 16
TWELVE[0, :2, 3], TWELVE[1:, :, 3] = 0, 65535
TWELVE[0, 0, :3], TWELVE[0, 1, :3] = 0, 60000  # beyond the rest, and wholly transparent
TWELVE[2, 2, :3] = 9, 4000, 4095
COLOURS, GREYS = TWELVE[..., :3], TWELVE[..., 0]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(samples, transparent=None):
    """A PNG of 16 bits a sample: greys, greys and alpha, colours, or colours and alpha."""
    height, width, channels = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    key = chunk(b"tRNS", transparent.astype(">u2").tobytes()) if transparent is not None else b""
    body = chunk(b"IHDR", head) + key + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(samples, order="<", packed=False, photometric=None):
    """A TIFF of 16 bits a sample, in one strip."""
    height, width, channels = samples.shape
    data = samples.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if packed else data
    if photometric is None:
        photometric = 2 if channels > 2 else 1
    bits_at = 8 + len(data)
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, channels, bits_at),
               (259, 3, 1, 8 if packed else 1), (262, 3, 1, photometric), (273, 4, 1, 8),
               (277, 3, 1, channels), (278, 3, 1, height), (279, 4, 1, len(data))]  # fmt: skip
    if channels == 1:
        entries[2] = (258, 3, 1, 16)
    if channels == 4:
        entries.append((338, 3, 1, 2))
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        short = kind == 3 and count == 1
        value = struct.pack(order + ("HH" if short else "I"), *((value, 0) if short else (value,)))
        directory += struct.pack(order + "HHI", tag, kind, count) + value
    bits = struct.pack(order + "H" * channels, *[16] * channels)
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", bits_at + len(bits))
    return start + data + bits + directory + bytes(4)


def stretched(values, opaque=None):
    """Values from least to largest as 0 to 255, on white."""
    opaque = np.ones(values.shape[:2]) if opaque is None else opaque
    opaque = opaque.reshape(opaque.shape + (1,) * (values.ndim - 2))
    counting = values[np.broadcast_to(opaque > 0, values.shape)].astype(float)
    scaled = 255 * np.clip((values - counting.min()) / np.ptp(counting), 0, 1)
    return np.round(opaque * scaled + (1 - opaque) * 255)


ALPHA = TWELVE[..., 3] / 65535
KEYED = np.where((COLOURS[4, 4] == COLOURS).all(-1), 0.0, 1.0)
THREE = np.repeat(GREYS[..., None], 3, 2)
DEEP = {
    "grey.png": (png(GREYS[..., None]), stretched(GREYS)),
    "grey and alpha.png": (png(TWELVE[..., [0, 3]]), stretched(THREE, ALPHA)),
    "colour.png": (png(COLOURS), stretched(COLOURS)),
    "colour and alpha.png": (png(TWELVE), stretched(COLOURS, ALPHA)),
    "one colour transparent.png": (png(COLOURS, COLOURS[4, 4]), stretched(COLOURS, KEYED)),
    "grey.tif": (tiff(GREYS[..., None]), stretched(GREYS)),
    "white is zero.tif": (tiff(GREYS[..., None], photometric=0), 255 - stretched(GREYS)),
    "colour.tif": (tiff(COLOURS), stretched(COLOURS)),
    "colour, big end first.tif": (tiff(COLOURS, ">"), stretched(COLOURS)),
    "colour, packed.tif": (tiff(COLOURS, "<", True), stretched(COLOURS)),
    "colour, packed, big end first.tif": (tiff(COLOURS, ">", True), stretched(COLOURS)),
    "colour and alpha.tif": (tiff(TWELVE), stretched(COLOURS, ALPHA)),
}


@pytest.mark.parametrize("name", DEEP)
def test_every_bit_counts_where_a_file_declares_more_than_8(name, tmp_path):
    content, expected = DEEP[name]
    (tmp_path / name).write_bytes(content)
    assert checks.files_decoded(tmp_path, [name], judge_for_rewriting, upright_image)[
        "problem"
    ].tolist() == [""]
    written, suffix = rewrite(tmp_path / name, None)
    shown = np.asarray(Image.open(io.BytesIO(written)), int)
    assert suffix == ".png" and shown.shape == expected.shape
    # 255 - round(x) and round(255 - x) differ where x ends in a half.
    assert np.abs(shown - expected).max() <= ("white" in name)


@pytest.mark.parametrize("name", [name for name in DEEP if name.endswith(".png")])
def test_training_is_given_no_more_than_8_bits(name, tmp_path):
    (tmp_path / name).write_bytes(DEEP[name][0])
    seen = checks.files_decoded(tmp_path, [name], judge_for_training, plain_image)
    assert "is 16-bit" in seen["problem"][0] and "--shortest_side" in seen["problem"][0]


def jpeg2000_of_16_bits():
    buffer = io.BytesIO()
    Image.fromarray((COLOURS >> 4).astype(np.uint8)).save(buffer, "JPEG2000", no_jp2=True)
    content = bytearray(buffer.getvalue())
    for component in range(3):
        content[2 + 40 + 3 * component] = 15
    return bytes(content)


def sgi_of_16_bits():
    planes = np.flipud(COLOURS).transpose(2, 0, 1).astype(">u2")
    head = struct.pack(">HBBHHHHII", 474, 0, 2, 3, 10, 12, 3, 0, 65535)
    return head.ljust(512, b"\0") + planes.tobytes()


REFUSED = {
    "a.j2k": jpeg2000_of_16_bits(),
    "a.ppm": b"P6 # of 16 bits\n10 12\n65535\n" + COLOURS.astype(">u2").tobytes(),
    "a.sgi": sgi_of_16_bits(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_deep_colours_that_would_lose_bits_are_refused(name, tmp_path):
    (tmp_path / name).write_bytes(REFUSED[name])
    seen = checks.files_decoded(tmp_path, [name], judge_for_rewriting, upright_image)
    assert "of 16 bits in RGB, which is not handled" in seen["problem"][0]
    with pytest.raises(ValueError, match="of 16 bits in RGB"):
        rewrite(tmp_path / name, None)


def test_what_is_not_finite_sets_no_range(tmp_path):
    values = np.array([[0, 1, 2, np.inf], [3, 4, np.nan, -np.inf]] * 4, np.float32)
    values = np.tile(values, 2)
    Image.fromarray(values).save(tmp_path / "a.tif")
    shown = np.asarray(Image.open(io.BytesIO(rewrite(tmp_path / "a.tif", None)[0])))
    assert shown[:2, :4].tolist() == [[0, 64, 128, 255], [191, 255, 0, 0]]
    Image.fromarray(np.full((9, 9), np.nan, np.float32)).save(tmp_path / "b.tif")
    seen = checks.files_decoded(tmp_path, ["a.tif", "b.tif"], judge_for_rewriting, upright_image)
    assert seen["problem"].tolist() == ["", "holds no value that is finite"]
    with pytest.raises(ValueError, match="no value that is finite"):
        rewrite(tmp_path / "b.tif", None)
