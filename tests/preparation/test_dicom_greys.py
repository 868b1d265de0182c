"""Greys by the rules of DICOM PS3.3, each case beside its values worked out in NumPy."""

import pathlib

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom", reason="make extras installs dicom")
from pydicom.dataset import Dataset  # noqa: E402
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian  # noqa: E402
from test_dicom import write  # noqa: E402

from simclr_med.preparation.images import dicom_image  # noqa: E402

STORED = np.array([[0, 1, 2, 3, 100, 200, 1000, 2000, 3000, 4095]], np.uint16)
X = STORED.astype(float)
SIGNED = np.array([[-1024, -1000, -1, 0, 1, 40, 500, 2000, 3071, 12]], np.int16)
S = SIGNED.astype(float)
WITH_AIR = np.array([[65535, 65535, 100, 200, 1100, 2100, 4095, 65535]], np.uint16)
LOWEST = np.array([[-32768, -10, 30]], np.int16)
NATIVE = np.array([[0, 0, 1, 1, 1, 1, 1, 0]], bool)


def item(descriptor, data, vr="US", kind=""):
    table = Dataset()
    if descriptor is not None:
        table.add_new("LUTDescriptor", vr, descriptor)
    if data is not None:
        table.add_new("LUTData", "OW" if isinstance(data, bytes) else "US", data)
    if kind:
        table.ModalityLUTType = kind
    return table


def linear(values, centre, width):
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def stretched(values, native=True):
    shown = values[np.broadcast_to(native, values.shape)]
    return np.where(native, (values - shown.min()) / (shown.max() - shown.min()), 0)


WINDOW = {"WindowCenter": 1500, "WindowWidth": 1800}
SQUARES = (np.arange(4096) ** 2 // 4095).astype(np.uint16)
SHORT = np.array([0, 50, 255], np.uint8)  # for inputs 2, 3, 4 and beyond
SHOWN_SHORT = np.where(X <= 2, 0, np.where(X == 3, 50, 255)) / 255
EMPTY = {"RescaleSlope": None, "RescaleIntercept": None}

# Name: pixels, header, what is shown under MONOCHROME2 but for padding.
CASES = {
    "no window": (STORED, {}, stretched(X)),
    "rescale empty": (STORED, EMPTY, stretched(X)),
    "rescale empty, window": (STORED, EMPTY | WINDOW, linear(X, 1500, 1800)),
    "intercept alone": (STORED, {"RescaleIntercept": -1000, "RescaleSlope": None,
                                 "WindowCenter": 40, "WindowWidth": 400},
                        linear(X - 1000, 40, 400)),
    "slope alone": (STORED, {"RescaleSlope": 2} | WINDOW, linear(2 * X, 1500, 1800)),
    "slope below 0": (STORED, {"RescaleSlope": -1, "RescaleIntercept": 4095} | WINDOW,
                      linear(4095 - X, 1500, 1800)),
    "window empty": (STORED, {"WindowCenter": None, "WindowWidth": None}, stretched(X)),
    "centre empty": (STORED, {"WindowCenter": None, "WindowWidth": 90}, stretched(X)),
    "width absent": (STORED, {"WindowCenter": 90}, stretched(X)),
    "first of two windows empty": (STORED, {"WindowCenter": ["", 1500],
                                            "WindowWidth": [400, 1800]}, linear(X, 1500, 1800)),
    "fewer widths than centres": (STORED, {"WindowCenter": [1500, 3], "WindowWidth": 1800},
                                  linear(X, 1500, 1800)),
    "function empty": (STORED, WINDOW | {"VOILUTFunction": None}, linear(X, 1500, 1800)),
    "function in small letters": (STORED, WINDOW | {"VOILUTFunction": "linear"},
                                  linear(X, 1500, 1800)),
    "linear exact": (STORED, WINDOW | {"VOILUTFunction": "LINEAR_EXACT"},
                     np.clip((X - 1500) / 1800 + 0.5, 0, 1)),
    "linear exact below width 1": (STORED, {"WindowCenter": 2, "WindowWidth": 0.5,
                                            "VOILUTFunction": "LINEAR_EXACT"},
                                   np.where(X < 2, 0, np.where(X == 2, 0.5, 1))),
    "sigmoid": (STORED, WINDOW | {"VOILUTFunction": "SIGMOID"},
                1 / (1 + np.exp(-4 * (X - 1500) / 1800))),
    "signed, window": (SIGNED, {"WindowCenter": 40, "WindowWidth": 400}, linear(S, 40, 400)),
    "VOI table without data": (STORED, {"VOILUTSequence": [item([4096, 0, 12], None)]} | WINDOW,
                               linear(X, 1500, 1800)),
    "VOI table with data of nothing": (STORED, {"VOILUTSequence": [item([4096, 0, 12], b"")]}
                                       | WINDOW, linear(X, 1500, 1800)),
    "VOI item empty, no window": (STORED, {"VOILUTSequence": [Dataset()]}, stretched(X)),
    "VOI sequence of nothing": (STORED, {"VOILUTSequence": []} | WINDOW, linear(X, 1500, 1800)),
    "second VOI table has data": (STORED, {"VOILUTSequence": [
        item([4096, 0, 12], None), item([4096, 0, 12], SQUARES.tobytes())]},
        SQUARES[STORED] / 4095),
    "VOI table before a window": (STORED, {"VOILUTSequence": [
        item([4096, 0, 12], SQUARES.tobytes())]} | WINDOW, SQUARES[STORED] / 4095),
    "VOI table, 8 bits in bytes": (STORED, {"VOILUTSequence": [
        item([3, 2, 8], SHORT.tobytes() + b"\0")]}, SHOWN_SHORT),
    "VOI table, 8 bits in words": (STORED, {"VOILUTSequence": [
        item([3, 2, 8], SHORT.astype("<u2").tobytes())]}, SHOWN_SHORT),
    "VOI table, 8 bits, numbers": (STORED, {"VOILUTSequence": [
        item([3, 2, 8], SHORT.tolist())]}, SHOWN_SHORT),
    "VOI table, 8 bits, two in a number": (STORED, {"VOILUTSequence": [
        item([3, 2, 8], [0 + 256 * 50, 255])]}, SHOWN_SHORT),
    "VOI table of more than 256 entries of 8 bits": (STORED, {"VOILUTSequence": [
        item([4096, 0, 8], (np.arange(4096) // 16).astype(np.uint8).tobytes())]},
        STORED // 16 / 255),
    "VOI table of one entry": (STORED, {"VOILUTSequence": [item([1, 0, 16], 65535)]},
                               np.ones_like(X)),
    "VOI table of 2 ** 16 entries": (STORED, {"VOILUTSequence": [
        item([0, 0, 16], np.arange(65536)[::-1].astype("<u2").tobytes())]}, (65535 - X) / 65535),
    "VOI table from below 0, written unsigned": (
        SIGNED, {"VOILUTSequence": [item([4096, 65536 - 1024, 12], SQUARES.tobytes())]},
        SQUARES[SIGNED + 1024] / 4095),
    "VOI table from below 0, after a rescale": (
        STORED, {"RescaleIntercept": -1024, "RescaleSlope": 1, "VOILUTSequence": [
            item([4096, -1024, 12], SQUARES.tobytes(), "SS")]}, SQUARES[STORED] / 4095),
    "VOI table from 40000, written signed": (
        STORED * 16, {"VOILUTSequence": [item([4, 40000 - 65536, 8], [0, 1, 2, 255], "SS")]},
        np.where(16 * X >= 40003, 255, 0) / 255),
    "VOI table, after a rescale that rounds": (
        STORED, {"RescaleSlope": 0.57, "RescaleIntercept": 0, "VOILUTSequence": [
            item([4096, 0, 8], [0, 255] * 2048)]}, np.rint(X * 0.57) % 2),
    "VOI table from 40000, after a rescale that lifts": (
        SIGNED, {"RescaleSlope": 1, "RescaleIntercept": 40000, "VOILUTSequence": [
            item([4096, 40000, 12], SQUARES.tobytes())]},
        SQUARES[np.clip(SIGNED, 0, None)] / 4095),
    "VOI table from 40000, after a modality table": (
        STORED, {"ModalityLUTSequence": [item([4096, 0, 16], np.arange(40000, 44096)
                                              .astype("<u2").tobytes(), kind="US")],
                 "VOILUTSequence": [item([4096, 40000, 12], SQUARES.tobytes())]},
        SQUARES[STORED] / 4095),
    "modality table": (STORED, {"ModalityLUTSequence": [
        item([4096, 0, 16], np.arange(4096)[::-1].astype("<u2").tobytes(), kind="US")]} | WINDOW,
        linear(4095 - X, 1500, 1800)),
    "modality table from 2": (STORED, {"ModalityLUTSequence": [
        item([3, 2, 16], [7, 8, 9], kind="US")]}, (np.clip(X, 2, 4) - 2) / 2),
    "modality table from below 0": (SIGNED, {"ModalityLUTSequence": [
        item([3, -1, 16], [7, 8, 9], "SS", kind="US")]}, (np.clip(S, -1, 1) + 1) / 2),
    "modality table without data, rescale": (
        STORED, {"ModalityLUTSequence": [item([4096, 0, 16], None, kind="US")],
                 "RescaleSlope": 2, "RescaleIntercept": 5} | WINDOW, linear(2 * X + 5, 1500, 1800)),
    "padding": (WITH_AIR, {"PixelPaddingValue": 65535},
                stretched(WITH_AIR.astype(float), NATIVE)),
    "padding empty": (STORED, {"PixelPaddingValue": None}, stretched(X)),
    "padding, window": (WITH_AIR, {"PixelPaddingValue": 65535} | WINDOW,
                        np.where(NATIVE, linear(WITH_AIR, 1500, 1800), 0)),
    "padding range": (STORED, {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 3},
                      stretched(X, X > 3)),
    "padding range from above": (STORED, {"PixelPaddingValue": 4095,
                                          "PixelPaddingRangeLimit": 2000}, stretched(X, X < 2000)),
    "limit without padding": (STORED, {"PixelPaddingRangeLimit": 3}, stretched(X)),
    "limit empty": (STORED, {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": None},
                    stretched(X, X > 0)),
    "padding, rescale": (SIGNED, {"PixelPaddingValue": -1024, "RescaleSlope": 3,
                                  "RescaleIntercept": 10}, stretched(S, S > -1024)),
    "padding written as unsigned": (SIGNED, {"PixelPaddingValue": pydicom.DataElement(
        "PixelPaddingValue", "US", 65536 - 1024)}, stretched(S, S > -1024)),
    "padding of the lowest number": (LOWEST, {"PixelPaddingValue": -32768},
                                     stretched(LOWEST.astype(float), LOWEST > -32768)),
    "padding written as signed": (WITH_AIR, {"PixelPaddingValue": pydicom.DataElement(
        "PixelPaddingValue", "SS", -1)}, stretched(WITH_AIR.astype(float), NATIVE)),
    "padding alone": (STORED[:, :1], {"PixelPaddingValue": 0}, np.zeros((1, 1))),
}  # fmt: skip
PADDING = {
    "padding": ~NATIVE, "padding, window": ~NATIVE, "padding written as signed": ~NATIVE,
    "padding range": X <= 3, "padding range from above": X >= 2000, "limit empty": X == 0,
    "padding, rescale": S == -1024, "padding written as unsigned": S == -1024,
    "padding alone": [[True]], "padding of the lowest number": [[True, False, False]],
}  # fmt: skip


def written(path, pixels, header, **more):
    elements = {k: v for k, v in header.items() if isinstance(v, pydicom.DataElement)}
    plain = {k: v for k, v in header.items() if k not in elements}
    write(path, pixels, bits=16, **plain, **more)
    if elements:
        found = pydicom.dcmread(path)
        for element in elements.values():
            found.add(element)
        found.save_as(path)
    return path


@pytest.mark.parametrize("kind", dicom_image.GREY)
@pytest.mark.parametrize("name", CASES)
def test_greys_are_those_of_the_standard(name, kind, tmp_path):
    pixels, header, expected = CASES[name]
    if kind == "MONOCHROME1":  # inverted at the end; padding stays black
        expected = np.where(PADDING.get(name, False), 0, 1 - expected)
    shown = dicom_image.render(written(tmp_path / "a.dcm", pixels, header, kind=kind))
    np.testing.assert_array_equal(shown, np.round(255 * expected))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("name", ["VOI table before a window", "modality table", "padding",
                                  "rescale empty", "padding, rescale"])  # fmt: skip
def test_the_way_of_writing_changes_nothing(name, syntax, tmp_path):
    pixels, header, expected = CASES[name]
    found = pydicom.dcmread(written(tmp_path / "a.dcm", pixels, header))
    little = syntax == ImplicitVRLittleEndian
    if not little:
        found.PixelData = pixels.byteswap().tobytes()
        for sequence in ("VOILUTSequence", "ModalityLUTSequence"):
            for table in found.get(sequence, ()):
                table.LUTData = np.frombuffer(table.LUTData, "<u2").byteswap().tobytes()
    found.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "b.dcm"
    pydicom.dcmwrite(path, found, implicit_vr=little, little_endian=little)
    np.testing.assert_array_equal(dicom_image.render(path), np.round(255 * expected))


def test_padding_is_compared_in_the_bits_that_are_stored(tmp_path):
    pixels = np.array([[4095, 5, 105, 205]], np.uint16)
    path = write(tmp_path / "a.dcm", pixels, bits=12, PixelPaddingValue=65535)
    assert dicom_image.render(path).tolist() == [[0, 0, 128, 255]]
    signed = np.array([[0, 5, 105, 205]], np.int16)  # -32768 is no number of 12 bits
    path = write(tmp_path / "b.dcm", signed, bits=12, PixelPaddingValue=-32768)
    assert dicom_image.render(path).tolist() == [[0, 6, 131, 255]]


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ({"RescaleSlope": 0, "RescaleIntercept": 1}, "Slope of 0"),
        ({"WindowCenter": 3, "WindowWidth": 0.5}, "LINEAR of width 0.5"),
        ({"WindowCenter": 3, "WindowWidth": -1, "VOILUTFunction": "SIGMOID"}, "SIGMOID of width"),
        ({"WindowCenter": 3, "WindowWidth": 0, "VOILUTFunction": "LINEAR_EXACT"}, "_EXACT of wid"),
        ({"VOILUTSequence": [item([9, 0, 8], [1, 2, 3])]}, "9 entries that holds but 6"),
        ({"VOILUTSequence": [item([3, 0, 8], [1, 2, 300])]}, "8 bits and holds 300"),
        ({"VOILUTSequence": [item([3, 0, 7], [1, 2, 3])]}, "says 7 bits"),
    ],
)
def test_what_the_standard_does_not_allow_is_named(header, named, tmp_path):
    with pytest.raises(dicom_image.NotShownError, match=named):
        dicom_image.render(write(tmp_path / "a.dcm", STORED, bits=16, **header))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_bits_beyond_those_stored_are_no_greys(tmp_path):
    """Overlays lie there in old files; and what follows the image is padding."""
    expected = np.round(255 * stretched(X))
    for pixels in (STORED, STORED | 0x8000, STORED | 0x3000):
        np.testing.assert_array_equal(
            dicom_image.render(write(tmp_path / "a.dcm", pixels)), expected
        )
    more = write(tmp_path / "b.dcm", STORED, PixelData=STORED.tobytes() + bytes(100))
    np.testing.assert_array_equal(dicom_image.render(more), expected)
    high = write(tmp_path / "c.dcm", STORED << 4, HighBit=15)
    with pytest.raises(dicom_image.NotShownError, match="12 bits stored below bit 15"):
        dicom_image.render(high)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pydicom_s_own_files_are_shown_or_refused_by_name():
    folder = pathlib.Path(pydicom.__file__).parent / "data" / "test_files"
    shown = 0
    for path in sorted(folder.glob("*.dcm")):
        try:
            pixels = dicom_image.render(path)
        except dicom_image.NotShownError as error:
            assert str(error)
            continue
        assert pixels.dtype == np.uint8 and np.ptp(pixels) > 0
        shown += 1
    assert shown >= 30
