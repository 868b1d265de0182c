"""Files of others that promise too much, hold other kinds of values, or would run something."""

import functools
import io
import json
import os
import tracemalloc
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from torch_drawn import drawn, shapes_of

from simclr_med.encoders import importers
from simclr_med.errors import InputError

safetensors = pytest.importorskip("safetensors.numpy", reason="the extra safetensors is missing")
SafetensorError = pytest.importorskip("safetensors").SafetensorError

# Writers of a file with one kernel of the stem, in each format that is read


def torch_file(path, kernel, name="conv1.weight"):
    safetensors.save_file({name: np.ascontiguousarray(kernel)}, path)


def bit_file(path, kernel):
    with open(path, "wb") as file:
        np.savez(file, **{"resnet/root_block/standardized_conv2d/kernel": kernel})


def hdf5_by_names(path, kernel):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["conv1_conv"]
        group = file.create_group("conv1_conv")
        group.attrs["weight_names"] = ["conv1_conv/kernel:0"]
        group["conv1_conv/kernel:0"] = kernel


def hdf5_by_place(path, kernel):
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/conv2d/vars")
        group.attrs["name"] = "conv1_conv"
        group["0"] = kernel


def archive(path, kernel):
    weights = io.BytesIO()
    hdf5_by_place(weights, kernel)
    layer = {"class_name": "Conv2D", "config": {"name": "conv1_conv"}}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps({"config": {"layers": [layer]}}))
        file.writestr("model.weights.h5", weights.getvalue())


def checkpoint(path, kernel, name="base_model/conv2d/kernel"):
    tf.raw_ops.SaveV2(
        prefix=str(path), tensor_names=[name], shape_and_slices=[""], tensors=[tf.constant(kernel)]
    )


def objects(path, kernel):
    place = "model/resnet_model/initial_conv_relu_max_pool/0/conv2d/kernel"
    checkpoint(path, kernel, f"{place}/.ATTRIBUTES/VARIABLE_VALUE")


def saved_model(path, kernel):
    root = tf.train.Checkpoint()
    root.variables = [tf.Variable(kernel, name="conv1_conv/kernel")]
    tf.saved_model.save(root, str(path))


WRITERS = {
    "torchvision": [torch_file],
    "bit": [bit_file],
    "keras": [hdf5_by_names, hdf5_by_place, archive, saved_model],
    "simclr": [checkpoint, objects],
}
EACH = [(source, write) for source, writers in WRITERS.items() for write in writers]
NAMED = [f"{source}-{write.__name__}" for source, write in EACH]
HDF5 = [hdf5_by_names, hdf5_by_place, archive]

KINDS = {
    "empty": np.zeros([7, 7, 3, 0], np.float32),
    "scalar": np.float32(1.0),
    "vector": np.ones(64, np.float32),
    "matrix": np.ones([7, 7], np.float32),
    "of five axes": np.ones([1, 7, 7, 3, 64], np.float32),
    "integers": np.ones([7, 7, 3, 64], np.int32),
    "flags": np.ones([7, 7, 3, 64], bool),
    "complex": np.ones([7, 7, 3, 64], np.complex64),
    "texts": np.full([7, 7, 3, 4], b"text", "S4"),
    "one text": np.array(b"text", "S4"),
}


def refused(source, path, most=2**26):
    """The message with which an import is refused, for which little memory was taken."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as told:
            importers.write(importers.load(source).read(path), path.with_name("out"))
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
    assert path.name in str(told.value) and not path.with_name("out").exists()
    return str(told.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("source", "write"), EACH, ids=NAMED)
def test_a_kernel_of_another_kind_is_named(source, write, kind, tmp_path):
    try:
        write(tmp_path / "file", KINDS[kind])
    except (TypeError, ValueError, tf.errors.OpError, SafetensorError):
        pytest.skip("the format holds none")
    message = refused(source, tmp_path / "file")
    if source in ("torchvision", "bit", "keras"):
        assert "expected" in message


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "text" not in kind])
@pytest.mark.parametrize("name", ["conv1.weight", "bn1.weight", "layer1.0.conv1.weight"])
def test_a_whole_network_with_one_other_array(name, kind, tmp_path):
    arrays = drawn(shapes_of([2, 2, 2, 2], False, 64)) | {name: np.ascontiguousarray(KINDS[kind])}
    safetensors.save_file(arrays, tmp_path / "file")
    refused("torchvision", tmp_path / "file")


def test_a_width_that_no_memory_holds_is_refused_before_it_is_built(tmp_path):
    """The stem says a width of 4096; the rest is narrow."""
    arrays = drawn(shapes_of([2, 2, 2, 2], False, 64))
    for name in ("conv1.weight", "layer1.0.conv1.weight"):
        arrays[name] = np.zeros([2**18, 3, 1, 1], np.float32)
    safetensors.save_file(arrays, tmp_path / "file")
    assert "variables that differ" in refused("torchvision", tmp_path / "file")


# HDF5: arrays that are not stored, links


def put(write, path, change):
    """Write a file of Keras whose kernel `change` replaces: a function of its group and name."""
    if write is archive:
        inner = path.with_name("inner.h5")
        put(hdf5_by_place, inner, change)
        archive(path, np.zeros([7, 7, 3, 64], np.float32))
        with zipfile.ZipFile(path) as file:
            config = file.read("config.json")
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("config.json", config)
            file.write(inner, "model.weights.h5")
        return
    write(path, np.zeros([7, 7, 3, 64], np.float32))
    place, name = {
        hdf5_by_names: ("conv1_conv/conv1_conv", "kernel:0"),
        hdf5_by_place: ("layers/conv2d/vars", "0"),
    }[write]
    with h5py.File(path, "r+") as file:
        del file[place][name]
        change(file[place], name)


def repeated(group, name):
    """One stored array under many names, each a layer's."""
    file = group.file
    file["big"] = np.ones(2**18, np.float32)
    group[name] = file["big"]
    for number in range(1, 64):
        layer = file.create_group(f"layers/conv2d_{number}/vars")
        layer["0"] = file["big"]
        layer = file.create_group(f"more{number}")
        layer.attrs["weight_names"] = ["kernel:0"]
        layer["kernel:0"] = file["big"]


def virtual(group, name):
    layout = h5py.VirtualLayout((2**40,), "f4")
    layout[:4] = h5py.VirtualSource("elsewhere.h5", "x", (4,))
    group.create_virtual_dataset(name, layout)


def add(**settings):
    return lambda group, name: group.create_dataset(name, dtype="f4", **settings)


def link(made):
    def change(group, name):
        group[name] = made

    return change


PROMISES = {
    "not stored": add(shape=[10**14]),
    "in chunks": add(shape=[10**14], chunks=(1024,)),
    "compressed": add(shape=[10**14], chunks=(1024,), compression="gzip"),
    "a soft link": link(h5py.SoftLink("/")),
    "a soft link to nothing": link(h5py.SoftLink("/nothing")),
    "an external link": link(h5py.ExternalLink("/etc/hostname", "/")),
    "external bytes": add(shape=[4], external=[("/dev/zero", 0, 16)]),
    "virtual": virtual,
    "one for many": repeated,
    "a group": lambda group, name: group.create_group(name),
    "no space": lambda group, name: group.create_dataset(name, data=h5py.Empty("f4")),
    "of texts": lambda group, name: group.create_dataset(name, data=["a"]),
}


@pytest.mark.parametrize("change", PROMISES.values(), ids=PROMISES)
@pytest.mark.parametrize("write", HDF5)
def test_hdf5_that_promises_too_much_or_leads_elsewhere(write, change, tmp_path):
    put(write, tmp_path / "file", change)
    refused("keras", tmp_path / "file")


@pytest.mark.parametrize(
    "place", ["layers", "layers/conv2d", "layers/conv2d/vars", "model_weights"]
)
@pytest.mark.parametrize("made", [h5py.SoftLink("/"), h5py.ExternalLink("/x", "/"), np.zeros(3)])
def test_groups_of_hdf5_that_are_none(place, made, tmp_path):
    with h5py.File(tmp_path / "file", "w") as file:
        file[place] = made
    refused("keras", tmp_path / "file")


@pytest.mark.parametrize("names", [3, [1, 2], [b"\xff"], h5py.Empty("f4"), "", ["/", "a//b"]])
def test_names_of_hdf5_that_are_none(names, tmp_path):
    hdf5_by_names(tmp_path / "file", np.zeros([7, 7, 3, 64], np.float32))
    with h5py.File(tmp_path / "file", "r+") as file:
        file["conv1_conv"].attrs["weight_names"] = names
    refused("keras", tmp_path / "file")


# Archives of Keras

CONFIGS = {
    "deep": b"[" * 100_000,
    "a list": b"[]",
    "no layers": b'{"config": {}}',
    "layers of numbers": b'{"config": {"layers": [1]}}',
    "names of numbers": b'{"config": {"layers": [{"class_name": 1, "config": {"name": 2}}]}}',
    "layers that are none": b'{"config": {"layers": 3}}',
    "null": b"null",
    "no UTF-8": b"\xff\xfe\xff",
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_configs_of_an_archive(config, tmp_path):
    with zipfile.ZipFile(tmp_path / "file", "w") as file:
        file.writestr("config.json", config)
        file.writestr("model.weights.h5", b"")
    refused("keras", tmp_path / "file")


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_an_archive_that_unpacks_to_a_thousand_times_its_size(member, tmp_path):
    with zipfile.ZipFile(tmp_path / "file", "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("config.json", "model.weights.h5"):
            if name != member:
                file.writestr(name, b"{}")
        with file.open(member, "w") as inner:
            for _ in range(16):
                inner.write(bytes(2**24))
    assert "promises 268,435,456 bytes" in refused("keras", tmp_path / "file")


# Checkpoints and SavedModels of TensorFlow


def sliced(path, name):
    """A checkpoint that holds one number of a variable of 10^14."""
    tf.raw_ops.SaveV2(
        prefix=str(path), tensor_names=[name], tensors=[tf.constant([1.0])],
        shape_and_slices=["100000000000000 0,1"],
    )  # fmt: skip


@pytest.mark.parametrize("name", ["base_model/conv2d/kernel", "global_step", "a"])
def test_a_checkpoint_that_promises_too_much(name, tmp_path):
    sliced(tmp_path / "file", name)
    assert "promises 400,000,000,000,000 bytes" in refused("simclr", tmp_path / "file")


def test_a_saved_model_that_promises_too_much(tmp_path):
    saved_model(tmp_path / "file", np.zeros([7, 7, 3, 64], np.float32))
    sliced(tmp_path / "file" / "variables" / "variables", "variables/0")
    for source in ("keras", "simclr"):
        assert "promises 400,000,000,000,000 bytes" in refused(source, tmp_path / "file")


class Initialised(tf.saved_model.experimental.TrackableResource):
    """Writes a file wherever the SavedModel that holds it is loaded."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def _create_resource(self):
        return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[])

    def _initialize(self):
        tf.io.write_file(self.path, "it ran")


@pytest.mark.parametrize("source", ["keras", "simclr"])
def test_an_import_runs_nothing_of_a_saved_model(source, tmp_path):
    root = tf.train.Checkpoint()
    root.variables = [tf.Variable(np.zeros([7, 7, 3, 64], np.float32), name="conv1_conv/kernel")]
    ran = tmp_path / "ran"
    root.resource = Initialised(str(ran))
    tf.saved_model.save(root, str(tmp_path / "file"))
    ran.unlink(missing_ok=True)
    refused(source, tmp_path / "file")
    assert not ran.exists()
    tf.saved_model.load(str(tmp_path / "file"))
    assert ran.exists()  # or there is nothing to test


def test_a_saved_model_has_the_variables_that_tensorflow_loads(tmp_path):
    """Of a model of Keras, whichever is here, as its own format has them."""
    inputs = keras.Input([4, 4, 2])
    x = keras.layers.Conv2D(3, 1, name="conv1_conv")(inputs)
    model = keras.Model(inputs, keras.layers.BatchNormalization(name="conv1_bn")(x))
    model.compile("adam", "mse")
    model.fit(np.ones([2, 4, 4, 2]), np.ones([2, 4, 4, 3]), verbose=0)
    getattr(model, "export", model.save)(str(tmp_path / "file"))
    from simclr_med.encoders.importers import tensorflow_files

    loaded = tf.saved_model.load(str(tmp_path / "file")).variables
    found = tensorflow_files.variables_of(tmp_path / "file")
    expected = {variable.name.split(":")[0]: variable.numpy() for variable in loaded}
    assert len(found) == 6 and set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_head_of_layers_that_are_not_there(tmp_path):
    kernel = np.zeros([4, 4], np.float32)
    for number in (1, 10**9):
        name = f"head_contrastive/nl_{number}/dense/kernel"
        checkpoint(tmp_path / f"file{number}", kernel, name)
        refused("simclr", tmp_path / f"file{number}")


# What lies at the path, and damage


@pytest.mark.parametrize("source", WRITERS)
def test_a_pipe_is_not_waited_for(source, tmp_path):
    os.mkfifo(tmp_path / "file")
    os.mkfifo(tmp_path / "file.index")
    assert "is a pipe" in refused(source, tmp_path / "file")


@pytest.mark.parametrize("source", WRITERS)
def test_nothing_is_there(source, tmp_path):
    refused(source, tmp_path / "file")


@pytest.mark.parametrize(("source", "write"), EACH, ids=NAMED)
def test_damage_anywhere_ends_in_one_line(source, write, tmp_path):
    """A few bytes changed or the end cut, in each file that was written."""
    write(tmp_path / "file", np.ones([7, 7, 3, 4], np.float32))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    whole = {path: path.read_bytes() for path in files}
    draw = np.random.default_rng(0)
    for number in range(60):
        path = files[number % len(files)]
        content = bytearray(whole[path])
        for place in draw.integers(min(len(content), 2000), size=4):
            content[place] = draw.integers(256)
        path.write_bytes(content[: draw.integers(len(content))] if number % 3 == 0 else content)
        try:
            importers.load(source).read(tmp_path / "file")
        except InputError as error:
            assert "file" in str(error)
        path.write_bytes(whole[path])


sparse = functools.partial(os.truncate, length=2**42)


@pytest.mark.parametrize(("source", "write"), EACH, ids=NAMED)
def test_a_hole_at_the_end_costs_nothing(source, write, tmp_path):
    write(tmp_path / "file", np.ones([7, 7, 3, 4], np.float32))
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        if path.name != "fingerprint.pb":
            sparse(path)
    refused(source, tmp_path / "file")
