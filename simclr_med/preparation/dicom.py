"""A DICOM file's image as 8 bits: what a viewer would show.

    pixels = render("study/image.dcm")

Modality lookup or rescale, then the VOI lookup or window, then MONOCHROME1's inversion, then 0 to
255 over the window (DICOM PS3.3 C.11 and C.7.6.3).
"""

import numpy as np

from simclr_med.errors import InputError

GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")


def library():
    """Return the module pydicom.

    Raises:
      InputError: it is not installed.
    """
    try:
        import pydicom
    except ImportError:
        raise InputError("--source=dicom needs pydicom: pip install simclr_med[dicom]") from None
    return pydicom


def render(path):
    """Return the image in the file: uint8 `[H, W]`, or `[H, W, 3]` where it is in colour.

    Raises:
      ValueError: it has no image, or one of a kind that is not handled: the message names it.
    """
    pydicom = library()
    try:
        return _rendered(pydicom.dcmread(path))
    except ValueError:
        raise
    except (pydicom.errors.InvalidDicomError, OSError, EOFError) as error:
        raise ValueError(f"is no DICOM file that can be read: {error}") from None
    except Exception as error:  # what a damaged header lacks shows wherever it is needed
        raise ValueError(f"has a damaged header: {error or type(error).__name__}") from None


def _rendered(header):
    if "PixelData" not in header:
        raise ValueError("has no image")
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise ValueError(f"has {header.NumberOfFrames} frames: only single images are handled")
    kind = header.get("PhotometricInterpretation", "")
    if kind not in (*GREY, *COLOUR, "PALETTE COLOR"):
        raise ValueError(f"has the colour space {kind or 'unknown'}, which is not handled")
    try:
        pixels = header.pixel_array
    except Exception as error:  # a decoder's own errors are of many kinds
        syntax = header.file_meta.get("TransferSyntaxUID", "")
        name = getattr(syntax, "name", syntax)
        raise ValueError(f"cannot be decoded ({name}): {error}") from None
    if kind in GREY:
        return _grey(header, pixels)
    return _colour(header, pixels)


def _grey(header, pixels):
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    values = apply_modality_lut(pixels, header)
    if header.get("VOILUTSequence"):
        table = header.VOILUTSequence[0]
        shown = apply_voi_lut(values, header).astype(np.float64)
        high = float(2 ** (table.LUTDescriptor[2] or 16) - 1)
        shown = shown / high
    elif header.get("WindowWidth") not in (None, ""):
        shown = windowed(
            values.astype(np.float64),
            _first_window(header.WindowCenter),
            _first_window(header.WindowWidth),
            header.get("VOILUTFunction") or "LINEAR",
        )
    else:
        values = values.astype(np.float64)
        low, high = values.min(), values.max()
        shown = (values - low) / (high - low) if high > low else np.zeros_like(values)
    if header.PhotometricInterpretation == "MONOCHROME1":
        shown = 1 - shown
    return np.round(255 * np.clip(shown, 0, 1)).astype(np.uint8)


def windowed(values, centre, width, function):
    """Return values of the window as 0 to 1 (DICOM PS3.3 C.11.2.1.2 and .3).

    Raises:
      ValueError: no such function, or a width that it does not allow.
    """
    if function == "SIGMOID" and width > 0:
        return 1 / (1 + np.exp(-4 * (values - centre) / width))
    if function == "LINEAR_EXACT" and width > 0:
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if function == "LINEAR" and width >= 1:
        if width == 1:
            return (values > centre - 0.5).astype(np.float64)
        return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    raise ValueError(f"has the window {function} of width {width:g}, which is not handled")


def _first_window(value):
    """Return the first of several windows, the one that a viewer opens with."""
    return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)


def _colour(header, pixels):
    """Return pixels in colour as 8 bits; pydicom has made RGB of the other colour spaces."""
    depth = header.BitsStored
    if header.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        pixels = apply_color_lut(pixels, header)
        depth = 8 * pixels.dtype.itemsize
    return (pixels >> max(0, depth - 8)).astype(np.uint8)
