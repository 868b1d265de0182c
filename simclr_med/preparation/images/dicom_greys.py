"""A DICOM file's stored greys as a viewer shows them, 0 black to 1 white.

    shown = greys_shown(header.pixel_array, header)

Of DICOM PS3.3: pixel padding (C.7.5.1.1.2), modality table or rescale (C.11.1), VOI table or window
(C.11.2), then MONOCHROME1's inversion (C.7.6.3.1.2). An element that is present and empty counts as
absent. pydicom's apply_modality_lut and apply_voi_lut are not used: they multiply by an empty
slope, stop at an empty window, wrap the index into a table of 8 bits at 256, take a table's first
value as signed by how the file was written, and know no padding.
"""

import numpy as np
from scipy.special import expit

WORD = 2**16


class ImpossibleError(ValueError):
    """A window, slope or table of greys that the standard does not allow."""


def greys_shown(pixels, header):
    """Return stored pixels as shown, float64 `[H, W]` in 0 to 1.

    Without a VOI table or window the values' own range is shown, that of padding left out. Padding
    is black under both photometric interpretations: it stands outside of what is rendered.

    Args:
      pixels: integers `[H, W]`, as stored.
      header: a pydicom Dataset of MONOCHROME1 or MONOCHROME2.

    Raises:
      ImpossibleError: a window or table that the standard does not allow.
    """
    padding = _padding(pixels, header)
    values, signed = _modality_values(pixels, header)
    shown = _voi_values(values, signed, ~padding, header)
    if header.PhotometricInterpretation == "MONOCHROME1":
        shown = 1 - shown
    return np.where(padding, 0, shown)


def windowed(values, centre, width, function):
    """Return values of the window as 0 to 1 (DICOM PS3.3 C.11.2.1.2 and .3).

    Raises:
      ImpossibleError: no such function, or a width that it does not allow.
    """
    if function == "SIGMOID" and width > 0:
        return expit(4 * (values - centre) / width)
    if function == "LINEAR_EXACT" and width > 0:
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if function == "LINEAR" and width >= 1:
        if width == 1:
            return (values > centre - 0.5).astype(np.float64)
        return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    raise ImpossibleError(f"has the window {function} of width {width:g}, which is not handled")


def _padding(pixels, header):
    """Return which pixels are padding: of the padding value, or between it and its limit."""
    value = _first_number(header, "PixelPaddingValue", None)
    limit = _first_number(header, "PixelPaddingRangeLimit", value)
    ends = [] if value is None else [_as_stored(int(end), header) for end in (value, limit)]
    if not ends or None in ends:
        return np.zeros(pixels.shape, bool)
    return (pixels >= min(ends)) & (pixels <= max(ends))


def _as_stored(number, header):
    """Return a number of 16 bits as pixels hold it, or None where they cannot.

    It may have been written as unsigned where pixels are signed, or the reverse, and with its sign
    in the bits beyond those stored, which pixels do not keep.
    """
    bits = min(header.BitsStored, 16)
    beyond = (number & (WORD - 1)) >> bits
    if beyond not in (0, (WORD - 1) >> bits):
        return None
    number, top = number & (2**bits - 1), 2 ** (bits - 1)
    return number - 2 * top if header.PixelRepresentation and number >= top else number


def _modality_values(pixels, header):
    """Return the values `[H, W]` that pixels stand for, and true where these may be negative."""
    table = _table(header, "ModalityLUTSequence")
    if table:
        values, _ = _looked_up(pixels, header.PixelRepresentation == 1, table, header)
        return values, False
    slope = _first_number(header, "RescaleSlope", 1.0)
    intercept = _first_number(header, "RescaleIntercept", 0.0)
    if not slope:
        raise ImpossibleError("has a Rescale Slope of 0")
    bits = header.BitsStored
    lowest = -(2 ** (bits - 1)) if header.PixelRepresentation else 0
    ends = slope * np.array([lowest, lowest + 2**bits - 1]) + intercept
    return pixels * slope + intercept, ends.min() < 0


def _voi_values(values, signed, native, header):
    """Return values as 0 to 1 by the VOI table, else the window, else the range of `native`."""
    table = _table(header, "VOILUTSequence")
    if table:
        found, highest = _looked_up(values, signed, table, header)
        return found / highest
    window = _window(header)
    if window:
        function = str(header.get("VOILUTFunction") or "LINEAR").strip().upper()
        return windowed(values, *window, function)
    if not native.any():
        return np.zeros(values.shape)
    low, high = values[native].min(), values[native].max()
    return (values - low) / (high - low) if high > low else np.zeros(values.shape)


def _window(header):
    """Return the first (centre, width) of which both are given, or None.

    Of several windows a viewer opens with the first.
    """
    pairs = zip(_numbers(header, "WindowCenter"), _numbers(header, "WindowWidth"), strict=False)
    return next((pair for pair in pairs if None not in pair), None)


def _table(header, name):
    """Return the first item of a sequence of lookup tables that has data, or None."""
    for item in header.get(name) or ():
        if len(_numbers(item, "LUTDescriptor")) == 3 and np.size(item.get("LUTData") or ()):
            return item
    return None


def _looked_up(values, signed, item, header):
    """Return the entries of a lookup table (PS3.3 C.11.1.1, C.11.2.1.1) and the highest.

    Args:
      values: `[H, W]`; below the first that is mapped they have its first entry, beyond, its last.
      signed: whether the first that is mapped is to be read as signed.
      item: with LUTDescriptor and LUTData.
      header: that of the file.
    """
    entries, first, bits = (int(number) & (WORD - 1) for number in item.LUTDescriptor)
    entries = entries or WORD
    first -= WORD * (signed and first >= WORD // 2)
    table, highest = _entries(item.LUTData, entries, header), 2**bits - 1
    if not 8 <= bits <= 16 or table.max() > highest:
        raise ImpossibleError(f"has a lookup table that says {bits} bits and holds {table.max()}")
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, entries - 1)
    return table[index].astype(np.float64), highest


def _entries(data, entries, header):
    """Return a table's entries as integers: 16 bits each, or 8, alone or two in a word."""
    if isinstance(data, bytes):
        little = header.original_encoding[1] is not False
        kind = ("<u2" if little else ">u2") if len(data) >= 2 * entries else "u1"
        table = np.frombuffer(data, kind, len(data) // np.dtype(kind).itemsize)
    else:
        table = np.atleast_1d(np.asarray(data, np.int64)) & (WORD - 1)
        if len(table) < entries:
            table = table.astype("<u2").view("u1")
    if len(table) < entries:
        raise ImpossibleError(
            f"has a lookup table of {entries} entries that holds but {len(table)}"
        )
    return table[:entries].astype(np.int64)


def _first_number(header, name, default):
    """Return the first number of an element, or `default` where it is absent or empty."""
    number = next(iter(_numbers(header, name)), None)
    return default if number is None else number


def _numbers(header, name):
    """Return an element's numbers, None where one of several is empty, [] where all are."""
    try:
        value = header.get(name)
        several = value if hasattr(value, "__len__") and not isinstance(value, str) else [value]
        numbers = [None if one in (None, "") else float(one) for one in several]
    except (TypeError, ValueError):  # the message would quote it
        raise ImpossibleError(f"has a {name} that is no number") from None
    given = [number for number in numbers if number is not None]
    if not np.isfinite(given).all():
        raise ImpossibleError(f"has a {name} that is not finite")
    return numbers if given else []
