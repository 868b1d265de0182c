"""A DICOM file's image in 8 bits, as a viewer shows it.

    pixels = render("study/image.dcm")

Greys as `dicom_greys` has them, 0 to 255; colours as they are, of more bits the highest 8.
"""

import contextlib
import functools
import logging
import os
import struct
import warnings

import numpy as np

from simclr_med import packages
from simclr_med.preparation.images.dicom_greys import ImpossibleError, greys_shown

PREAMBLE = 128  # bytes before a file's mark
HEAD = 1024  # bytes that tell a data set without one
UNDEFINED = 0xFFFFFFFF  # length of an element that ends with a mark
# Kinds of elements whose length has four bytes.
LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
TWELVE_BITS = ("pylibjpeg", "pylibjpeg-libjpeg")
GREY = ("MONOCHROME1", "MONOCHROME2")
OTHER_COLOUR = ("YBR_PARTIAL_420", "YBR_PARTIAL_422", "YBR_FULL_420", "HSV", "ARGB", "CMYK", "XYB")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")


class NotShownError(ValueError):
    """Reason that a DICOM file's image cannot be shown; quotes nothing that may name a person."""


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


def is_dicom(path: str | os.PathLike) -> bool:
    """Return true where a file's content is DICOM, whatever its name: with a preamble, or none."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        head = file.read(HEAD)
        size = os.fstat(file.fileno()).st_size
    return head[PREAMBLE : PREAMBLE + 4] == b"DICM" or _begins_as_data_set(head, size)


def _begins_as_data_set(head, size):
    """Return true where a file begins with elements of group 2 or 8 in ascending order."""
    place, last, count = 0, (0, 0), 0
    while count < 3 and place + 12 <= len(head):
        tag, kind = struct.unpack_from("<HH", head, place), head[place + 4 : place + 6]
        if tag <= last or (tag[0] not in (2, 8) and count < 2):
            return False
        if kind in LONG:
            start, length = 12, struct.unpack_from("<I", head, place + 8)[0]
        elif kind.isalpha() and kind.isupper():
            start, length = 8, struct.unpack_from("<H", head, place + 6)[0]
        else:  # implicit
            start, length = 8, struct.unpack_from("<I", head, place + 4)[0]
        if length == UNDEFINED:
            return count > 0
        place, last, count = place + start + length, tag, count + 1
        if place > size:
            return False
    return count > 1


def read_header(path: str | os.PathLike, **more):
    """Return the pydicom Dataset in the file; `more` goes to `pydicom.dcmread`.

    One without a preamble, and so without the name of its encoding, gets that in which it lies.

    Raises:
      NotShownError: it is no DICOM file, or cannot be read.
    """
    pydicom = library()
    try:
        header = pydicom.dcmread(path, force=is_dicom(path), **more)
        if "TransferSyntaxUID" not in header.file_meta:
            implicit, _ = header.original_encoding
            uid = pydicom.uid
            plain = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
            header.file_meta.TransferSyntaxUID = plain
        return header
    except OSError as error:
        raise NotShownError(f"cannot be read: {error.strerror or 'cut off'}") from None
    except Exception as error:  # of damaged files, errors of many kinds, which quote them
        kind = type(error).__name__
        raise NotShownError(f"is no DICOM file that can be read ({kind})") from None


def render(path: str | os.PathLike, frame: int | None = None) -> np.ndarray:
    """Return the image in the file: uint8 `[H, W]`, or `[H, W, 3]` where it is in colour.

    Args:
      path: of the file.
      frame: its number from 0; None where the file is to hold one alone.

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
    frames = int(header.get("NumberOfFrames") or 1)
    if frames > 1 and frame is None:
        raise NotShownError(
            f"has {frames} frames: only single images are handled; preparation makes an image of "
            "each by --frames=each"
        )
    _take_from_groups(header, frame or 0)
    kind = header.get("PhotometricInterpretation", "")
    if kind not in (*GREY, *COLOUR, "PALETTE COLOR"):
        known = kind if kind in OTHER_COLOUR else "unknown"  # else it might be anything
        raise NotShownError(f"has the colour space {known}, which is not handled")
    stored = int(header.get("BitsStored") or 0)
    high = int(header.get("HighBit") or stored - 1)
    if high != stored - 1:  # as was allowed once; pydicom takes the lowest
        raise NotShownError(f"has {stored} bits stored below bit {high}, which is not handled")
    try:
        header.pixel_array_options(index=frame or 0)  # what lies beyond the image is padding
        pixels = header.pixel_array
    except Exception as error:  # a decoder's own errors are of many kinds
        raise NotShownError(_why_not_decoded(header, error)) from None
    if pixels.ndim != (3 if kind in COLOUR else 2):
        raise NotShownError(f"is {kind} of {header.SamplesPerPixel} samples a pixel")
    if kind in GREY:
        return _grey(pixels, header)
    return _colour(pixels, header)


def _take_from_groups(header, frame):
    """Put a frame's rescale and window, which lie in functional groups (C.7.6.16), in `header`."""
    shared = list(header.get("SharedFunctionalGroupsSequence") or [])[:1]
    own = list(header.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1]
    for group in (*shared, *own):
        for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for item in list(group.get(name) or [])[:1]:
                header.update(item)


def _why_not_decoded(header, error):
    """Return why pixels cannot be decoded, and the package that decodes them where one lacks."""
    from pydicom.pixels import get_decoder

    syntax = header.file_meta.get("TransferSyntaxUID", "")
    name = getattr(syntax, "name", syntax)
    with contextlib.suppress(NotImplementedError, ValueError):
        if not get_decoder(syntax).is_available:
            return f"cannot be decoded ({name}): {packages.command('dicom')}"
    if "JPEG Extended" in str(error) and "12-bit" in str(error):
        needed = packages.install(*TWELVE_BITS)
        return f"cannot be decoded ({name}): 12 bits need, under the GPL: {needed}"
    return f"cannot be decoded ({name}): {error}"


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
