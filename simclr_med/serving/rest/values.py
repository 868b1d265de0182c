"""Values of a request's JSON as a signature takes them: bytes, encoded images, numbers.

Base64 is read as Abseil's Base64Unescape reads it, and numbers as TensorFlow Serving's
json_tensor.cc does: an integer that float32 cannot hold is refused, NaN and Infinity are not.
"""

import base64
import binascii
import re
import struct

import numpy as np
import tensorflow as tf

from simclr_med.serving.rest.limits import Limits, Refused

IMAGES = "images"  # the input of encoded images
BLANKS = re.compile(r"[\t-\r ]+")
MOST_SEGMENTS = 1000  # of a JPEG before its size stands there
STANDALONE = {0x01, 0xFF, *range(0xD0, 0xD9)}  # markers of JPEG without a length
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # those whose segment has the size
EXACT = 2**24 - 1  # the largest integer that TensorFlow Serving takes for float32


def array_of(values: list, spec: tf.TensorSpec, name: str, limits: Limits) -> list | np.ndarray:
    """Return an input of B values: a list of bytes, or numbers `[B, ...]`.

    Args:
      values: of JSON.
      spec: the signature's.
      name: of the input, for messages.
      limits: of the server.

    Raises:
      Refused: a value is of another kind, or beyond the limits; names it.
    """
    if spec.dtype == tf.string:
        read = image_of if name == IMAGES else bytes_of
        return [read(value, f"{name}[{i}]", limits) for i, value in enumerate(values)]
    return _numbers(values, spec, name)


def bytes_of(value: object, where: str, limits: Limits) -> bytes:
    """Return the bytes of {"b64": text}, or of a text.

    Raises:
      Refused: it is neither.
    """
    try:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
            return _unescaped(value["b64"])
    except (binascii.Error, ValueError) as error:
        raise Refused(400, f"{where}: not base64: {error}") from None
    raise Refused(400, f'{where}: expected {{"b64": TEXT}}')


def image_of(value: object, where: str, limits: Limits) -> bytes:
    """Return the bytes of an encoded image, whose header says that it is not too large.

    Raises:
      Refused: it has more pixels than `limits` allow; or as of `bytes_of`.
    """
    content = bytes_of(value, where, limits)
    if _pixels(content, where) > limits.max_pixels:
        raise Refused(400, f"{where}: an image of more than {limits.max_pixels:,} pixels")
    return content


def _unescaped(text):
    """Return the bytes of base64 with blanks anywhere, with or without its padding."""
    text = BLANKS.sub("", text)
    body = text.rstrip("=.")
    missing = -len(body) % 4
    if len(text) - len(body) not in (0, missing):
        raise ValueError(f"{len(text) - len(body)} signs of padding; expected {missing} or none")
    return base64.b64decode(body + "=" * missing, validate=True)


def _pixels(content, where):
    """Return the pixels of an image by its header, 0 where it has none: the model says so then."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", content, 16)
        elif content.startswith(b"GIF8"):
            width, height = struct.unpack_from("<HH", content, 6)
        elif content.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", content, 18)
        elif content.startswith(b"\xff\xd8"):
            width, height = _jpeg_size(content, where)
        else:
            return 0
    except (struct.error, IndexError):  # cut within its header
        return 0
    return abs(width) * abs(height)


def _jpeg_size(content, where):
    place = 2
    for _ in range(MOST_SEGMENTS):
        place = content.find(b"\xff", place)  # as libjpeg, over what is no segment
        if place < 0:
            raise IndexError
        marker = content[place + 1]
        if marker in STANDALONE:
            place += 1 if marker == 0xFF else 2
            continue
        if marker in FRAMES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return width, height
        place += 2 + struct.unpack_from(">H", content, place + 2)[0]
    raise Refused(400, f"{where}: a JPEG of more than {MOST_SEGMENTS} segments before its size")


def _numbers(values, spec, name):
    """Return numbers `[B, ...]` of nested lists."""
    shape = tuple(spec.shape[1:])
    if not values:
        return np.zeros([0, *shape], spec.dtype.as_numpy_dtype)
    try:
        # As objects: texts beside one another would take the longest one's room each.
        found = np.asarray(values, object)
    except ValueError:
        raise Refused(400, f"{name}: the lists in it are of different lengths") from None
    kinds = set(map(type, found.ravel()))
    if list in kinds and found.ndim <= len(shape):
        raise Refused(400, f"{name}: the lists in it are of different lengths")
    if not kinds <= {list, int, *([float] if spec.dtype.is_floating else [])}:
        raise Refused(400, f"{name}: expected numbers, {spec.dtype.name}")
    if found.shape[1:] != shape:
        shown = ", ".join(map(str, ["B", *shape]))
        raise Refused(400, f"{name}: a batch of shape {list(found.shape)}; expected [{shown}]")
    return _of_type(found, spec.dtype, name)


def _of_type(found, dtype, name):
    """Return an array of Python's numbers in a type of TensorFlow that holds them all."""
    if dtype.is_floating:
        whole = [abs(number) for number in found.ravel() if type(number) is int]
        if max(whole, default=0) > EXACT:
            raise Refused(400, f"{name}: an integer is too large for {dtype.name}")
        numbers = found.astype(np.float64)
        most = np.finfo(dtype.as_numpy_dtype).max
        if (np.abs(numbers[np.isfinite(numbers)]) > most).any():
            raise Refused(400, f"{name}: a number is too large for {dtype.name}")
        return numbers.astype(dtype.as_numpy_dtype)
    ends = np.iinfo(dtype.as_numpy_dtype)
    if not ends.min <= min(found.ravel()) <= max(found.ravel()) <= ends.max:
        raise Refused(400, f"{name}: a number is too large for {dtype.name}")
    return found.astype(dtype.as_numpy_dtype)
