"""TensorFlow Serving's JSON: requests read, answers written.

https://www.tensorflow.org/tfx/serving/api_rest has the formats: a list of instances by row, or of
inputs by column; bytes are {"b64": text}. Its json_tensor.cc is the reference; docs/serving.md has
a table of the differences.
"""

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from simclr_med.serving.formats.saved_model_client import CLASSIFY, ENCODED
from simclr_med.serving.rest.exported import Exported
from simclr_med.serving.rest.limits import Limits, Refused
from simclr_med.serving.rest.values import array_of, bytes_of, image_of

DEFAULT = "serving_default"
LISTS = 200_000  # and objects: so many are parsed at once
INT64 = range(-(2**63), 2**63)


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """Inputs of a request, and the form of its answer.

    Attributes:
      signature: a `Signature`.
      inputs: name to an array `[B, ...]`, or a list of B bytes.
      size: B.
      form: outputs, name to an array, to the answer for JSON.
    """

    signature: object
    inputs: dict
    size: int
    form: Callable[[dict], dict]

    def written(self, outputs: dict[str, np.ndarray]) -> bytes:
        """Return the answer as JSON.

        Raises:
          Refused: a number of it is not finite, though those of the request are.
        """
        numbers = [each for each in outputs.values() if each.dtype.kind == "f"]
        given = [each for each in self.inputs.values() if not isinstance(each, list)]
        if _finite(given) and not _finite(numbers):
            raise Refused(500, "the model's answer is not finite: its weights are damaged")
        return json.dumps(self.form(outputs), ensure_ascii=False).encode("utf-8", "replace")


def predict(body: bytes, exported: Exported, limits: Limits) -> Asked:
    """Read a :predict request.

    Args:
      body: bytes.
      exported: an `Exported`.
      limits: `Limits`.

    Raises:
      Refused: it is no such request, or beyond the limits; says where.
    """
    content = _object(body, exported, limits)
    signature = _signature(content, exported)
    by_row = "instances" in content
    if by_row == ("inputs" in content):
        raise Refused(400, "expected either 'instances', by row, or 'inputs', by column")
    columns = (
        _of_rows(_few(content["instances"], "instances", limits), signature)
        if by_row
        else _of_columns(content["inputs"], signature)
    )
    columns = {name: _few(columns[name], name, limits) for name in signature.inputs}
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) != 1:
        raise Refused(400, f"the inputs are of different lengths: {sizes}")
    specs = signature.inputs.items()
    inputs = {name: array_of(columns[name], spec, name, limits) for name, spec in specs}
    return Asked(signature, inputs, max(sizes.values()), _rows if by_row else _columns)


def classify(body: bytes, exported: Exported, limits: Limits) -> Asked:
    """Read a :classify request; arguments and errors as of `predict`.

    An example is {"image/encoded": {"b64": text}}; it may have more features, and `context` has
    those of all examples.
    """
    content = _object(body, exported, limits)
    signature = _signature(content, exported)
    if signature.method != CLASSIFY:
        raise Refused(
            400, f"the signature {signature.name!r} is for :predict; signature_name is 'classify'"
        )
    examples = _few(content.get("examples"), "examples", limits)
    if not examples:
        raise Refused(400, "examples: is empty")
    shared = _features(content.get("context", {}), "context", limits)
    inputs = []
    for i, one in enumerate(examples):
        features = shared | _features(one, f"examples[{i}]", limits)
        example = tf.train.Example(features=tf.train.Features(feature=features))
        inputs.append(example.SerializeToString())
    return Asked(signature, {"inputs": inputs}, len(inputs), _results)


def _object(body, exported, limits):
    """Return the JSON object of a body, parsed in a bounded time: Python's lists cost the most."""
    specs = [spec for each in exported.signatures.values() for spec in each.inputs.values()]
    views = max(int(np.prod(spec.shape[1:-1])) for spec in specs)
    if body.count(b"[") + body.count(b"{") > LISTS + 2 * views * limits.max_batch:
        raise Refused(400, f"more lists than a batch of {limits.max_batch} has")
    try:
        content = json.loads(body)
    except RecursionError:
        raise Refused(400, "the body is nested too deeply") from None
    except ValueError as error:  # of text that is not UTF-8 too
        raise Refused(400, f"the body is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise Refused(400, "the body is no JSON object")
    return content


def _signature(content, exported):
    name = content.get("signature_name", DEFAULT)
    if not isinstance(name, str) or (name or DEFAULT) not in exported.signatures:
        known = ", ".join(exported.signatures)
        raise Refused(400, f"there is no signature {str(name)[:80]!r}; there are {known}")
    return exported.signatures[name or DEFAULT]


def _few(value, where, limits):
    """Return a list of no more values than a batch may have; nothing of it is decoded yet."""
    if not isinstance(value, list):
        raise Refused(400, f"{where}: expected a list")
    if len(value) > limits.max_batch:
        raise Refused(400, f"a batch of {len(value)}; at most {limits.max_batch} are answered")
    return value


def _of_rows(rows, signature):
    """Return lists by input of a list of instances: values where there is one input, or objects."""
    names = set(signature.inputs)
    if not rows:
        raise Refused(400, "instances: is empty")
    if len(names) == 1 and not any(isinstance(row, dict) and set(row) == names for row in rows):
        return {next(iter(names)): rows}
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or set(row) != names:
            raise Refused(400, f"instances[{i}]: expected an object with {_named(names)} alone")
    return {name: [row[name] for row in rows] for name in names}


def _of_columns(inputs, signature):
    """Return lists by input of an object, whose other keys mean nothing, or of one input's list."""
    names = set(signature.inputs)
    if isinstance(inputs, dict) and names <= set(inputs):
        return inputs
    if len(names) == 1 and isinstance(inputs, list):
        return {next(iter(names)): inputs}
    raise Refused(400, f"inputs: expected an object with {_named(names)}")


def _named(names):
    return " and ".join(repr(name) for name in sorted(names))


def _features(one, where, limits):
    """Return name to `tf.train.Feature` of an example's object."""
    if not isinstance(one, dict):
        raise Refused(400, f"{where}: expected an object")
    found = {}
    for name, value in one.items():
        values = value if isinstance(value, list) else [value]
        found[name] = _feature(values, f"{where}, {name[:80]}", name == ENCODED, limits)
    return found


def _feature(values, where, is_image, limits):
    """Return the `tf.train.Feature` of JSON values of one kind: bytes, decimals or integers."""
    kinds = set(map(type, values))
    if kinds <= {int, bool}:
        if not all(value in INT64 for value in values):
            raise Refused(400, f"{where}: an integer is too large for int64")
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    if kinds == {float}:
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    if kinds <= {str, dict}:
        read = image_of if is_image else bytes_of
        content = [read(value, where, limits) for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=content))
    raise Refused(400, f"{where}: expected texts, {{'b64': TEXT}} or numbers, of one kind")


def _finite(arrays):
    return all(np.isfinite(each).all() for each in arrays)


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
    return {"results": [[list(pair) for pair in zip(*both, strict=True)] for both in pairs]}
