"""Exported SavedModel: its signatures, and asking them.

exported = Exported.load("work/probe/export", "probe")  # the newest version of it
exported.ask(exported.signatures["features"], {"images": [content]})["features"]  # [1, D]
"""

import dataclasses
import itertools
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from simclr_med.errors import InputError
from simclr_med.files import paths, stored
from simclr_med.files.glob_signs import without_signs
from simclr_med.runs import layout
from simclr_med.serving.rest.limits import Refused

FILE, LABELS = "saved_model.pb", "assets/labels.txt"
REMEDY = "export the run again"
SUPPORTED = ("serving_default", "images", "features", "classify", "cases")


@dataclasses.dataclass(frozen=True, eq=False)
class Signature:
    """Inputs and outputs of a signature.

    Attributes:
      name: in the SavedModel.
      inputs: name to `tf.TensorSpec`; the first dimension is the batch.
      outputs: names.
      method: of TensorFlow Serving, for :classify or :predict.
      answer: the function of TensorFlow.
    """

    name: str
    inputs: dict
    outputs: tuple
    method: str
    answer: Any

    @property
    def joins(self) -> bool:
        """True where requests may be answered together; cases of strangers share numbers."""
        return self.name != "cases"


@dataclasses.dataclass(frozen=True, eq=False)
class Exported:
    """A version of a model.

    Attributes:
      name: that clients ask for.
      version: a number, as text.
      signatures: name to `Signature`.
      metadata: as TensorFlow Serving's /metadata has the signatures, for JSON.
      module: as TensorFlow loaded it; it owns the variables.
    """

    name: str
    version: str
    signatures: dict
    metadata: dict
    module: Any

    @classmethod
    def load(cls, folder: str | pathlib.Path, name: str) -> "Exported":
        """Return the newest version in an export folder, or the one whose folder it is.

        Raises:
          InputError: there is none, or it cannot be loaded.
        """
        place = newest(folder)
        module = loaded(place)
        classes_of(module, place)
        proto = SavedModel.FromString((place / FILE).read_bytes())
        definitions = proto.meta_graphs[0].signature_def
        found = {
            key: Signature(
                key,
                {n: _spec(n, info) for n, info in sorted(definitions[key].inputs.items())},
                tuple(sorted(definitions[key].outputs)),
                definitions[key].method_name,
                module.signatures[key],
            )
            for key in SUPPORTED
            if key in module.signatures
        }
        metadata = {key: _definition(definitions[key]) for key in found}
        return cls(name, place.name if place.name.isdigit() else "1", found, metadata, module)

    def warm_up(self) -> None:
        """Ask about an empty image, so that no client waits for the first trace."""
        self.ask(self.signatures["serving_default"], {"images": [b""]})

    def ask(self, signature: Signature, inputs: dict) -> dict[str, np.ndarray]:
        """Return the outputs of a signature: name to an array `[B, ...]`.

        Args:
          signature: a `Signature`.
          inputs: name to an array, or to a list of bytes.

        Raises:
          Refused: the model does not take that.
        """
        tensors = {n: tf.constant(inputs[n], spec.dtype) for n, spec in signature.inputs.items()}
        try:
            return {n: value.numpy() for n, value in signature.answer(**tensors).items()}
        except tf.errors.InvalidArgumentError as error:
            raise Refused(400, error.message.splitlines()[0]) from None
        except UnicodeDecodeError:  # of the message itself, which quotes an input's bytes
            raise Refused(400, f"the signature {signature.name!r} cannot read that") from None


def loaded(version: pathlib.Path) -> Any:
    """Return the module that TensorFlow loads from the folder of a version.

    Raises:
      InputError: it cannot be loaded, or does not answer for encoded images, as an export does.
    """
    paths.whole_folder_to_read(version)
    try:
        module = tf.saved_model.load(str(without_signs(version)))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise InputError(f"{version} cannot be loaded: {str(error).splitlines()[0]}") from None
    for name in ("serving_default", "features"):
        known = name in module.signatures
        inputs = module.signatures[name].structured_input_signature[1] if known else {}
        if {key: spec.dtype for key, spec in inputs.items()} != {"images": tf.string}:
            raise InputError(
                f"{version}: its signature {name} does not take encoded images; expected what "
                "--mode=export writes"
            )
    return module


def classes_of(module: Any, version: pathlib.Path) -> tuple[str, ...]:
    """Return the classes of an export's head, () where it has none.

    Args:
      module: of `loaded`.
      version: its folder, whose assets/labels.txt has to name the same.

    Raises:
      InputError: labels.txt is missing, or names others.
    """
    answer = module.signatures["serving_default"]
    if "classes" not in answer.structured_outputs:
        return ()
    names = answer(images=tf.constant([b""]))["classes"].numpy()[0]
    classes = tuple(name.decode("utf-8") for name in names)
    file = version / LABELS
    text = stored.read_text(file, REMEDY).replace("\r\n", "\n")
    found = tuple(text.removesuffix("\n").split("\n"))
    if found != classes:
        pairs = enumerate(itertools.zip_longest(found, classes, fillvalue="nothing"), 1)
        line, (here, there) = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
        raise stored.DamagedError(
            f"{file} is damaged: {len(found)} lines for {len(classes)} classes, and line {line} is "
            f"{here[:80]!r}, where the model's class is {there!r}; {REMEDY}"
        )
    return classes


def newest(folder: str | pathlib.Path) -> pathlib.Path:
    """Return the folder of the newest version in an export folder, or `folder` where it is one.

    Raises:
      InputError: there is none.
    """
    folder = paths.folder_to_read(folder)
    if (folder / FILE).exists():
        return pathlib.Path(folder)
    there = (folder / str(number) for number in layout.numbered(folder))
    versions = [path for path in there if (path / FILE).exists()]
    if not versions:
        raise InputError(
            f"{folder}: expected an export: a folder with {FILE}, or with such folders by version; "
            "--mode=export writes one"
        )
    return versions[-1]


def _spec(name, info):
    shape = [None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim]
    return tf.TensorSpec(shape, tf.as_dtype(info.dtype), name)


def _definition(definition):
    """Return a signature as JSON has its protocol buffer, unset fields too."""

    def tensor(info):
        dims = [{"size": str(dim.size), "name": dim.name} for dim in info.tensor_shape.dim]
        shape = {"dim": dims, "unknown_rank": info.tensor_shape.unknown_rank}
        dtype = types_pb2.DataType.Name(info.dtype)
        return {"dtype": dtype, "tensor_shape": shape, "name": info.name}

    return {
        "inputs": {name: tensor(info) for name, info in sorted(definition.inputs.items())},
        "outputs": {name: tensor(info) for name, info in sorted(definition.outputs.items())},
        "method_name": definition.method_name,
    }
