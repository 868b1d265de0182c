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
# A data set without a preamble begins with file meta information or with identification.
FIRST_GROUPS, LAST_FIRST_ELEMENT = (0x0002, 0x0008), 0x0080
FIRST_TYPES = ("UL", "OB", "UI", "CS", "DA", "TM", "DT", "SH", "LO")
LONGEST_FIRST_VALUE = 256  # bytes
TWELVE_BITS = "pip install pylibjpeg pylibjpeg-libjpeg"
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
    """Return true of a file that begins as DICOM's do, with a preamble or without."""
    with open(path, "rb") as file:
        start = file.read(PREAMBLE + 4)
    return start[PREAMBLE:] == b"DICM" or _begins_with_an_element(start)


def _begins_with_an_element(start):
    """Return true of bytes that begin with an element of the first groups, little endian."""
    group, element = (int.from_bytes(start[i : i + 2], "little") for i in (0, 2))
    if len(start) < PREAMBLE or group not in FIRST_GROUPS or element > LAST_FIRST_ELEMENT:
        return False
    implicit = int.from_bytes(start[4:8], "little") <= LONGEST_FIRST_VALUE
    return implicit or start[4:6].decode("latin-1") in FIRST_TYPES


def read_header(path, **more):
    """Return the pydicom Dataset in the file; `more` goes to `pydicom.dcmread`.

    Raises:
      NotShownError: it is no DICOM file, or cannot be read.
    """
    pydicom = library()
    try:
        header = pydicom.dcmread(path, force=is_dicom(path), **more)
        if "TransferSyntaxUID" not in header.file_meta:  # a data set without a preamble
            implicit = header.original_encoding[0]
            uid = pydicom.uid
            header.file_meta.TransferSyntaxUID = (
                uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
            )
        return header
    except OSError as error:
        raise NotShownError(f"cannot be read: {error.strerror or 'cut off'}") from None
    except Exception as error:  # of damaged files, errors of many kinds, which quote them
        kind = type(error).__name__
        raise NotShownError(f"is no DICOM file that can be read ({kind})") from None


def render(path, frame=None):
    """Return the image in the file: uint8 `[H, W]`, or `[H, W, 3]` where it is in colour.

    Args:
      path: of the file.
      frame: its number from 0, of a file that may have several; None of one that has one.

    Raises:
      NotShownError: it has no image, or one of a kind that is not handled: the message names it.
    """
    header = read_header(path)
    try:
        return _rendered(header, frame)
    except NotShownError:
        raise
    except Exception as error:  # what a damaged header lacks shows wherever it is needed
        raise NotShownError(f"has a damaged header ({type(error).__name__})") from None


def _rendered(header, frame):
    if "PixelData" not in header:
        raise NotShownError("has no image")
    if frame is None and int(header.get("NumberOfFrames") or 1) > 1:
        raise NotShownError(
            f"has {header.NumberOfFrames} frames; --frames takes each as an image of the case"
        )
    kind = header.get("PhotometricInterpretation", "")
    if kind not in (*GREY, *COLOUR, "PALETTE COLOR"):
        known = kind if kind in OTHER_COLOUR else "unknown"  # else it might be anything
        raise NotShownError(f"has the colour space {known}, which is not handled")
    stored = int(header.get("BitsStored") or 0)
    high = int(header.get("HighBit") or stored - 1)
    if high != stored - 1:  # as was allowed once; pydicom takes the lowest
        raise NotShownError(f"has {stored} bits stored below bit {high}, which is not handled")
    try:
        header.pixel_array_options(index=frame or 0)  # whatever lies beyond the image is padding
        pixels = header.pixel_array
    except Exception as error:  # a decoder's own errors are of many kinds
        syntax = header.file_meta.get("TransferSyntaxUID", "")
        name = getattr(syntax, "name", syntax)
        raise NotShownError(f"cannot be decoded ({name}): {_why_undecoded(error)}") from None
    if pixels.ndim != (3 if kind in COLOUR else 2):
        raise NotShownError(f"is {kind} of {header.SamplesPerPixel} samples a pixel")
    if kind in GREY:
        return _grey(pixels, header)
    return _colour(pixels, header)


def _why_undecoded(error):
    """Return a decoder's reason, or the command that installs decoders where none is."""
    if "JPEG Extended" in str(error) and "12-bit" in str(error):
        return f"JPEG of 12 bits needs another decoder, under the GPL: {TWELVE_BITS}"
    if "missing dependencies" in str(error) or "no available decoder" in str(error).lower():
        return f"needs python-gdcm. Install it with: {packages.command('dicom')}"
    return error


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
