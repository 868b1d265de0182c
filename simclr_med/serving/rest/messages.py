"""TensorFlow Serving's JSON: requests read, answers written.

https://www.tensorflow.org/tfx/serving/api_rest has the formats: a list of instances by row, or of
inputs by column; bytes are {"b64": text}.
"""

import base64
import binascii
import dataclasses
import io
import json

import numpy as np
import tensorflow as tf
from PIL import Image

from simclr_med.serving.formats.saved_model_client import ENCODED, example
from simclr_med.serving.rest.exported import Exported
from simclr_med.serving.rest.limits import Limits, Refused

FORMATS = ("JPEG", "PNG", "GIF", "BMP")  # whose headers say how large an image is


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """Inputs of a request, and the form of its answer.

    Attributes:
      signature: a `Signature`.
      inputs: name to an array `[B, ...]`, or a list of B bytes.
      size: B.
      written: outputs, name to an array, to the answer for JSON.
    """

    signature: object
    inputs: dict
    size: int
    written: object


def predict(body: bytes, exported: Exported, limits: Limits) -> Asked:
    """Read a :predict request.

    Args:
      body: bytes.
      exported: an `Exported`.
      limits: `Limits`.

    Raises:
      Refused: it is no such request, or beyond the limits; says where.
    """
    content = _object(body)
    signature = _signature(content, exported, "serving_default")
    by_row = "instances" in content
    if by_row == ("inputs" in content):
        raise Refused(400, "expected either 'instances', by row, or 'inputs', by column")
    columns = _of_rows(content["instances"], signature) if by_row else _of_columns(
        content["inputs"], signature
    )  # fmt: skip
    inputs = {n: _array(columns[n], spec, n, limits) for n, spec in signature.inputs.items()}
    return _asked(signature, inputs, limits, _rows if by_row else _columns)


def classify(body: bytes, exported: Exported, limits: Limits) -> Asked:
    """Read a :classify request; arguments and errors as of `predict`.

    An example is {"image/encoded": {"b64": text}}.
    """
    content = _object(body)
    signature = _signature(content, exported, "classify")
    if signature.name != "classify":
        raise Refused(400, f"the signature {signature.name!r} is for :predict")
    examples = _list(content.get("examples"), "examples")
    images = []
    for i, one in enumerate(examples):
        if not isinstance(one, dict) or set(one) != {ENCODED}:
            raise Refused(400, f"examples[{i}]: expected an object with {ENCODED!r} alone")
        images.append(_image(one[ENCODED], f"examples[{i}]", limits))
    inputs = {"inputs": [example(image) for image in images]}
    return _asked(signature, inputs, limits, _results)


def _asked(signature, inputs, limits, written):
    sizes = {name: len(values) for name, values in inputs.items()}
    if len(set(sizes.values())) != 1:
        raise Refused(400, f"the inputs are of different lengths: {sizes}")
    size = next(iter(sizes.values()))
    if size > limits.max_batch:
        raise Refused(400, f"a batch of {size}; at most {limits.max_batch} are answered")
    return Asked(signature, inputs, size, written)


def _object(body):
    def constant(name):
        raise Refused(400, f"{name} is not JSON")

    try:
        content = json.loads(body, parse_constant=constant)
    except RecursionError:
        raise Refused(400, "the body is nested too deeply") from None
    except ValueError as error:  # of text that is not UTF-8 too
        raise Refused(400, f"the body is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise Refused(400, "the body is no JSON object")
    return content


def _signature(content, exported, default):
    name = content.get("signature_name", default) or default
    if not isinstance(name, str) or name not in exported.signatures:
        known = ", ".join(exported.signatures)
        raise Refused(400, f"there is no signature {str(name)[:80]!r}; there are {known}")
    return exported.signatures[name]


def _list(value, where):
    if not isinstance(value, list):
        raise Refused(400, f"{where}: expected a list")
    return value


def _of_rows(instances, signature):
    """Return lists by input of a list of instances: values where there is one input, or objects."""
    rows = _list(instances, "instances")
    names = set(signature.inputs)
    if len(names) == 1 and not any(isinstance(row, dict) and set(row) == names for row in rows):
        return {next(iter(names)): rows}
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or set(row) != names:
            raise Refused(400, f"instances[{i}]: expected an object with {_named(names)} alone")
    return {name: [row[name] for row in rows] for name in names}


def _of_columns(inputs, signature):
    names = set(signature.inputs)
    if isinstance(inputs, dict) and set(inputs) == names:
        return inputs
    if len(names) == 1 and isinstance(inputs, list):
        return {next(iter(names)): inputs}
    raise Refused(400, f"inputs: expected an object with {_named(names)} alone")


def _named(names):
    return " and ".join(repr(name) for name in sorted(names))


def _array(values, spec, name, limits):
    """Return JSON values as a `tf.TensorSpec` has them: a list of bytes, or numbers `[B, ...]`."""
    values = _list(values, name)
    if spec.dtype == tf.string:
        read = _image if name == "images" else _bytes
        return [read(value, f"{name}[{i}]", limits) for i, value in enumerate(values)]
    try:
        found = np.asarray(values) if values else np.zeros([0, *spec.shape[1:]])
    except ValueError:
        raise Refused(400, f"{name}: the lists in it are of different lengths") from None
    wanted = spec.dtype.as_numpy_dtype
    if found.dtype.kind not in ("iuf" if spec.dtype.is_floating else "iu") and found.size:
        raise Refused(400, f"{name}: expected numbers, {spec.dtype.name}")
    shape = ["B", *spec.shape[1:]]
    if found.shape[1:] != tuple(spec.shape[1:]):
        shown = ", ".join(map(str, shape))
        raise Refused(400, f"{name}: a batch of shape {list(found.shape)}; expected [{shown}]")
    if found.size and not _within(found, wanted):
        raise Refused(400, f"{name}: a number is too large for {spec.dtype.name}")
    return found.astype(wanted)


def _within(numbers, dtype):
    """Return True where a type holds all numbers; compared as Python's, which are exact."""
    if np.issubdtype(dtype, np.floating):
        low, high = (float(end) for end in (np.finfo(dtype).min, np.finfo(dtype).max))
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return low <= numbers.min().item() and numbers.max().item() <= high


def _bytes(value, where, limits):
    """Return the bytes of {"b64": text}, or of a text."""
    try:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
            return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, f"{where}: not base64: {error}") from None
    raise Refused(400, f'{where}: expected {{"b64": TEXT}}')


def _image(value, where, limits):
    """Return the bytes of an encoded image, which is not larger than it may be."""
    content = _bytes(value, where, limits)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            pixels = image.width * image.height
    except Image.DecompressionBombError:
        pixels = np.inf
    except Exception:  # no image, or a damaged one: the model's own answer says so
        return content
    if pixels > limits.max_pixels:
        raise Refused(400, f"{where}: an image of more than {limits.max_pixels:,} pixels")
    return content


def _plain(values):
    """Return an array as lists that JSON takes."""
    if values.dtype == object:
        values = np.vectorize(lambda text: text.decode("utf-8", "replace"), [object])(values)
    return values.tolist()


def _rows(outputs):
    """Return an answer by row; with one output its values, else objects."""
    plain = {name: _plain(values) for name, values in outputs.items()}
    if len(plain) == 1:
        return {"predictions": next(iter(plain.values()))}
    rows = zip(*plain.values(), strict=True)
    return {"predictions": [dict(zip(plain, row, strict=True)) for row in rows]}


def _columns(outputs):
    plain = {name: _plain(values) for name, values in outputs.items()}
    return {"outputs": next(iter(plain.values())) if len(plain) == 1 else plain}


def _results(outputs):
    """Return Classify's answer: of each example [class, score] pairs."""
    pairs = zip(_plain(outputs["classes"]), _plain(outputs["scores"]), strict=True)
    return {"result": [[list(pair) for pair in zip(*both, strict=True)] for both in pairs]}
