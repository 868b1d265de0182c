"""Checkpoints and SavedModels of TensorFlow, read as data: no graph is loaded, none runs.

reader = open_checkpoint("ckpt/model.ckpt-250228")  # of tf.train.load_checkpoint
arrays = variables_of(pathlib.Path("saved_model"))  # {"conv1_conv/kernel": ...}
"""

import math
import pathlib

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from simclr_med.encoders.importers.refusals import refuse_other_kind
from simclr_med.errors import InputError
from simclr_med.files import array_files, paths

GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
PROTO = "saved_model.pb"
VARIABLES = pathlib.Path("variables", "variables")  # prefix of a SavedModel's checkpoint
LARGEST_PROTO = 2**31  # bytes that protobuf reads
DAMAGED = (tf.errors.OpError, RuntimeError, ValueError, IndexError, KeyError, DecodeError)
LISTED = "variables"  # attribute of Keras's SavedModels that holds all of them, in order


def open_checkpoint(prefix: str):
    """Return the reader of a checkpoint, once its variables are found to fit its files.

    Raises:
      InputError: they promise more bytes than these have.
      tf.errors.OpError, RuntimeError: it is damaged.
    """
    path = pathlib.Path(prefix)
    paths.file_to_read(f"{prefix}.index")
    parts = [file for file in path.parent.iterdir() if file.name.startswith(f"{path.name}.data-")]
    stored = sum(array_files.length(paths.file_to_read(file)) for file in parts)
    reader = tf.train.load_checkpoint(prefix)
    types = reader.get_variable_to_dtype_map()
    promised = {
        name: math.prod(shape) * max(1, types[name].size)  # a text has a byte for its length
        for name, shape in reader.get_variable_to_shape_map().items()
    }
    for name in sorted(promised, key=promised.__getitem__)[-1:]:
        array_files.refuse_larger(path, name, promised[name], stored)
    array_files.refuse_larger(path, "the checkpoint", sum(promised.values()), stored)
    return reader


def read_floats(path: pathlib.Path, reader, key: str, axes: int) -> np.ndarray:
    """Return a variable of so many axes; bfloat16 as float32.

    Raises:
      InputError: it is of another type or number of axes, or empty.
    """
    dtype, shape = reader.get_variable_to_dtype_map()[key], reader.get_variable_to_shape_map()[key]
    kind = "float" if dtype.is_floating else dtype.name
    refuse_other_kind(path, key, kind, shape, axes)
    array = reader.get_tensor(key)
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def object_nodes(reader):
    """Return the nodes of a checkpoint's object graph; one of `DAMAGED` where it has none."""
    content = reader.get_tensor(GRAPH)
    if not isinstance(content, bytes):
        raise ValueError(f"{GRAPH} is no object graph")
    return TrackableObjectGraph.FromString(content).nodes


def variables_of(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Return the variables of a Keras SavedModel by their names, as `tf.saved_model.load` has them.

    The graph of a SavedModel may write files as it is loaded; its variables lie beside it.

    Raises:
      InputError: it is none of Keras's, or promises more than its files have.
      Exception: one of `DAMAGED`.
    """
    file = folder / PROTO
    if not file.is_file():
        raise InputError(f"{folder} is no Keras model: there is no {PROTO} in it")
    array_files.refuse_larger(file, "it", file.stat().st_size, LARGEST_PROTO)
    graph = SavedModel.FromString(file.read_bytes()).meta_graphs[0].object_graph_def.nodes
    reader = open_checkpoint(str(folder / VARIABLES))
    stored = object_nodes(reader)
    arrays = {}
    for node, kept in _children(graph, stored, *_listed(folder, graph, stored)):
        name = graph[node].variable.name
        keys = [each.checkpoint_key for each in stored[kept].attributes]
        if name and len(keys) == 1:
            arrays[name.split(":")[0]] = np.asarray(reader.get_tensor(keys[0]))
    return arrays


def _listed(folder, graph, stored):
    """Return the numbers of the node `LISTED` in both graphs."""
    for pair in _children(graph, stored, 0, 0, only=LISTED):
        return pair
    raise InputError(f"{folder} has no list of variables; expected a SavedModel of a Keras model")


def _children(graph, stored, node, kept, only=None):
    """Yield the numbers of two nodes' children of one name, in the graph and in the checkpoint."""
    there = {child.local_name: child.node_id for child in stored[kept].children}
    for child in graph[node].children:
        if child.local_name in there and only in (None, child.local_name):
            yield child.node_id, there[child.local_name]
