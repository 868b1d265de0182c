"""A DICOM file's image in 8 bits, as a viewer shows it.

    pixels = render("study/image.dcm")

Greys as `dicom_greys` has them, 0 to 255; colours as they are, of more bits the highest 8.
"""

import functools
import logging
import warnings

import numpy as np

from simclr_med import packages
from simclr_med.preparation.images.dicom_greys import ImpossibleError, greys_shown

PREAMBLE = 128  # bytes before a file's mark
GREY = ("MONOCHROME1", "MONOCHROME2")
OTHER_COLOUR = ("YBR_PARTIAL_420", "YBR_PARTIAL_422", "YBR_FULL_420", "HSV", "ARGB", "CMYK", "XYB")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")


class NotShownError(ValueError):
    """Why a DICOM file's image cannot be shown; quotes nothing that may name a person."""


@functools.cache
def library():
    """Return the module pydicom, which from then on does not warn of odd values: it quotes them.

    Raises:
      InputError: it is not installed.
    """
    try:
        import pydicom
    except ImportError:
        raise packages.missing("dicom", "reading DICOM files needs pydicom") from None
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    warnings.filterwarnings("ignore", module="pydicom")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    return pydicom


def is_dicom(path):
    """Return whether the file begins as DICOM's do."""
    with open(path, "rb") as file:
        return file.read(PREAMBLE + 4)[PREAMBLE:] == b"DICM"


def read_header(path, **more):
    """Return the pydicom Dataset in the file; `more` goes to `pydicom.dcmread`.

    Raises:
      NotShownError: it is no DICOM file, or cannot be read.
    """
    pydicom = library()
    try:
        return pydicom.dcmread(path, **more)
    except OSError as error:
        raise NotShownError(f"cannot be read: {error.strerror or 'cut off'}") from None
    except Exception as error:  # of damaged files, errors of many kinds, which quote them
        kind = type(error).__name__
        raise NotShownError(f"is no DICOM file that can be read ({kind})") from None


def render(path):
    """Return the image in the file: uint8 `[H, W]`, or `[H, W, 3]` where it is in colour.

    Raises:
      NotShownError: it has no image, or one of a kind that is not handled: the message names it.
    """
    header = read_header(path)
    try:
        return _rendered(header)
    except NotShownError:
        raise
    except Exception as error:  # what a damaged header lacks shows wherever it is needed
        raise NotShownError(f"has a damaged header ({type(error).__name__})") from None


def _rendered(header):
    if "PixelData" not in header:
        raise NotShownError("has no image")
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise NotShownError(f"has {header.NumberOfFrames} frames: only single images are handled")
    kind = header.get("PhotometricInterpretation", "")
    if kind not in (*GREY, *COLOUR, "PALETTE COLOR"):
        known = kind if kind in OTHER_COLOUR else "unknown"  # else it might be anything
        raise NotShownError(f"has the colour space {known}, which is not handled")
    stored = int(header.get("BitsStored") or 0)
    high = int(header.get("HighBit") or stored - 1)
    if high != stored - 1:  # as was allowed once; pydicom takes the lowest
        raise NotShownError(f"has {stored} bits stored below bit {high}, which is not handled")
    try:
        header.pixel_array_options(index=0)  # whatever lies beyond the image is padding
        pixels = header.pixel_array
    except Exception as error:  # a decoder's own errors are of many kinds
        syntax = header.file_meta.get("TransferSyntaxUID", "")
        name = getattr(syntax, "name", syntax)
        raise NotShownError(f"cannot be decoded ({name}): {error}") from None
    if pixels.ndim != (3 if kind in COLOUR else 2):
        raise NotShownError(f"is {kind} of {header.SamplesPerPixel} samples a pixel")
    if kind in GREY:
        return _grey(pixels, header)
    return _colour(pixels, header)


def _grey(pixels, header):
    try:
        return np.round(255 * greys_shown(pixels, header)).astype(np.uint8)
    except ImpossibleError as error:
        raise NotShownError(str(error)) from None


def _colour(pixels, header):
    """Return pixels in colour as 8 bits; pydicom has made RGB of the other colour spaces."""
    depth = header.BitsStored
    if header.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        pixels = apply_color_lut(pixels, header)[..., :3]
        # Entries of 8 bits may lie in words of 16 (PS3.3 C.7.6.3.1.5).
        depth = min(header.RedPaletteColorLookupTableDescriptor[2], 8 * pixels.dtype.itemsize)
    return (pixels >> max(0, depth - 8)).astype(np.uint8)
