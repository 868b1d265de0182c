"""Weights of others: the same features, every variable accounted for, damage named.

The source models are independent of what reads them: keras.applications itself, and NumPy
versions of the others (reference.py), whose weights are written in their published naming.
"""

import dataclasses
import doctest
import json
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
from conftest import ROOT
from kill_runs import weights
from shell import commands, run_here, words_of
from shell import run as shell
from short_run import with_blocks
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

import simclr_med
from simclr_med import compat
from simclr_med.config import architectures
from simclr_med.config.checked_config import make_config
from simclr_med.config.sections.views import AugmentConfig
from simclr_med.config.storage import load_config, to_json
from simclr_med.encoders import checkpoint, importers, networks
from simclr_med.errors import InputError
from simclr_med.modes import evaluate
from simclr_med.runs import input_contract, layout
from simclr_med.training import pretrain
from simclr_med.training.heads import train_head

pytestmark = pytest.mark.usefixtures("uncompiled")


@pytest.fixture(scope="module")
def uncompiled():
    """Steps run operation by operation: what a run starts from does not depend on graphs."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def command(*arguments):
    line = [sys.executable, str(ROOT / "tools" / "import_checkpoint.py"), *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True)


def imported(source, path, tmp_path):
    """The folder that an import writes, and what was read."""
    read, folder = importers.load(source).read(path), tmp_path / "imported"
    importers.write(read, folder)
    return folder, read


def check_features(folder, images, expected):
    features = simclr_med.load_encoder(folder)(images.astype(np.float32), training=False)
    np.testing.assert_allclose(features, expected, atol=1e-4 * max(1, np.abs(expected).max()))


FULL = (3, 4, 6, 3)  # blocks of a network of 50 layers
SHORT = (1, 2, 1, 1)  # every kind of them; networks of keras.applications stay whole


def set_blocks(patch, blocks):
    for name in ("resnet50", "bit_resnet50"):
        patch.setitem(architectures.ENCODERS, name, with_blocks(name, blocks))


@pytest.fixture(scope="module", autouse=True)
def short():
    with pytest.MonkeyPatch.context() as patch:
        set_blocks(patch, SHORT)
        yield


@pytest.fixture
def full(monkeypatch):
    set_blocks(monkeypatch, FULL)


# google-research/simclr


class Drawn:
    """Random weights, drawn when a network first asks for them, under `name`'s names."""

    def __init__(self, seed=0):
        self.draw = np.random.default_rng(seed)
        self.arrays = {}

    def kernel(self, name, shape):
        assert name not in self.arrays
        scale = np.sqrt(1.5 / np.prod(shape[:-1]))
        value = np.float32(scale * self.draw.standard_normal(shape))
        self.arrays[name] = value
        return value

    def vector(self, name, size, positive):
        value = 0.1 * self.draw.standard_normal(size)
        self.arrays[name] = np.float32(0.5 + np.abs(value) if positive else value)
        return self.arrays[name]

    def norm(self, place, channels, offset=True):
        kinds = {"gamma": True, "beta": False, "moving_mean": False, "moving_variance": True}
        name = self.norm_name(place)
        return {
            kind: self.vector(name.format(kind), channels, positive)
            for kind, positive in kinds.items()
            if offset or kind != "beta"
        }

    def conv(self, place, shape):
        return self.kernel(self.conv_name(place), shape)


class Named(Drawn):
    """TF1's: convolutions and normalisations are numbered as they are created."""

    convs, norms = 0, 0
    rest = {"global_step": np.int64(7), "base_model/conv2d/kernel/Momentum": np.zeros([3])} | {
        "head_supervised/linear_layer/dense/kernel": np.zeros([8, 3], np.float32),
        "head_supervised/linear_layer/dense/bias": np.zeros([3], np.float32),
        "ema_model/conv2d/kernel": np.zeros([3], np.float32),
    }

    def conv_name(self, place):
        if place[0] == "head":
            return f"head_contrastive/nl_{place[1]}/dense/kernel"
        self.convs += 1
        return f"base_model/conv2d{f'_{self.convs - 1}' if self.convs > 1 else ''}/kernel"

    def norm_name(self, place):
        if place[0] == "head":
            return f"head_contrastive/nl_{place[1]}/batch_normalization/{{}}"
        self.norms += 1
        number = f"_{self.norms - 1}" if self.norms > 1 else ""
        return f"base_model/batch_normalization{number}/{{}}"


class Objects(Drawn):
    """TF2's: paths of attributes and of places in lists, where padding and pooling count."""

    SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
    rest = {
        f"save_counter{SUFFIX}": np.int64(1),
        f"optimizer/learning_rate{SUFFIX}": np.float32(0.1),
        f"model/supervised_head/linear_layer/dense/bias{SUFFIX}": np.zeros([3], np.float32),
        "_CHECKPOINTABLE_OBJECT_GRAPH": np.array(
            TrackableObjectGraph(nodes=[{}]).SerializeToString(), object
        ),
    }

    def __init__(self, bottleneck, selective, small):
        super().__init__()
        self.bottleneck, self.selective, self.small = bottleneck, selective, small

    def path(self, place, norm):
        if place[0] == "head":
            middle = "bn_relu/bn" if norm else "dense"
            return f"model/_projection_head/linear_layers/{place[1]}/{middle}/"
        if place[0] == "stem":
            after = 2 if place[1] == 2 or not self.selective or self.small else 1
            number = 2 * place[1] + (after if norm else 0)
            return f"model/resnet_model/initial_conv_relu_max_pool/{number}/{self.kind(norm)}/"
        stage, block, part = place
        start = f"model/resnet_model/block_groups/{stage - 1}/layers/{block - 1}/"
        if part == "shortcut":
            layers = "projection_layers" if self.bottleneck else "shortcut_layers"
            before = (1 if stage == 1 else 2) if self.selective else 0
            return f"{start}{layers}/{before + norm}/{self.kind(norm)}/"
        if not self.bottleneck:
            return f"{start}conv2d_bn_layers/{2 * (part - 1) + norm}/{self.kind(norm)}/"
        layers = f"{start}conv_relu_dropblock_layers/"
        if not self.selective:
            return f"{layers}{3 * (part - 1) + norm}/{self.kind(norm)}/"
        if part in (1, 3):
            return f"{layers}{(0 if part == 1 else 5) + norm}/{self.kind(norm)}/"
        inner = {
            (2, False): "conv2d_fixed_padding/conv2d",
            (2, True): "batch_norm_relu/bn",
            ("mix", False): "conv2d_0",
            ("mix", True): "batch_norm_relu_1/bn",
            ("mixing", False): "conv2d_1",
        }[part, norm]
        return f"{layers}3/{inner}/"

    def kind(self, norm):
        return "bn" if norm else "conv2d"

    def conv_name(self, place):
        return f"{self.path(place, False)}kernel{self.SUFFIX}"

    def norm_name(self, place):
        return f"{self.path(place, True)}{{}}{self.SUFFIX}"


def write_checkpoint(prefix, arrays):
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(arrays),
        shape_and_slices=[""] * len(arrays),
        tensors=[tf.constant(array) for array in arrays.values()],
    )


@pytest.mark.parametrize(
    ("naming", "encoder", "selective", "size"),  # selective: sk_ratio > 0, in all that it changes
    [
        ("named", "resnet18_simclr", False, 32),
        ("named", "resnet50", True, 64),
        ("objects", "resnet18_simclr", False, 64),
        ("objects", "resnet18_simclr", True, 32),
        ("objects", "resnet50", True, 64),
        pytest.param("objects", "resnet18_simclr", True, 64, marks=pytest.mark.slow),
        pytest.param("named", "resnet50", False, 64, marks=pytest.mark.slow),
        pytest.param("objects", "resnet50", False, 64, marks=pytest.mark.slow),
        pytest.param("objects", "resnet50", True, 32, marks=pytest.mark.slow),
    ],
)
def test_simclr(naming, encoder, selective, size, tmp_path):
    check_simclr(naming, encoder, selective, size, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("naming", ["named", "objects"])
def test_simclr_in_full(naming, full, tmp_path):
    check_simclr(naming, "resnet50", True, 64, tmp_path)


def check_simclr(naming, encoder, selective, size, tmp_path):
    bottleneck, small = encoder == "resnet50", size <= 32
    weights = Named() if naming == "named" else Objects(bottleneck, selective, small)
    images = np.random.default_rng(0).random([2, size, size, 3])
    expected = reference.simclr_resnet(
        images, weights, architectures.ENCODERS[encoder].blocks, bottleneck, filters=4,
        resnet_d=selective, selective=selective, small=small,
    )  # fmt: skip
    projections = reference.simclr_head(expected, weights, layers=3, dim=16)
    write_checkpoint(tmp_path / "model.ckpt-7", weights.arrays | weights.rest)
    folder, read = imported("simclr", tmp_path, tmp_path)
    assert set(read.left_out) == set(weights.rest)
    config = load_config(folder)
    assert (config.encoder.encoder, config.encoder.width) == (encoder, 1 / 16)
    assert config.encoder.resnet_d == selective
    assert config.encoder.selective_kernels == (selective and bottleneck)
    nets = networks.build(config)
    networks.initialise(nets, f"imported:{folder}")
    features = nets.encoder(images.astype(np.float32), training=False)
    np.testing.assert_allclose(features, expected, atol=1e-4 * np.abs(expected).max())
    got = nets.projection(features, training=False)
    np.testing.assert_allclose(got, projections, atol=1e-4 * np.abs(projections).max())


def save_model(folder, arrays):
    """A SavedModel of objects at the arrays' paths; shorter paths lead to them, as Keras's do."""
    root = tf.Module()
    root.everything = []
    for name, array in arrays.items():
        *path, last = name.removesuffix(Objects.SUFFIX).split("/")
        place = root
        for attribute in path:
            if not hasattr(place, attribute):
                setattr(place, attribute, tf.Module())
            place = getattr(place, attribute)
        variable = tf.Variable(array)
        setattr(place, last, variable)
        root.everything.append(variable)
    root.model.resnet_model.layers = root.model.resnet_model.block_groups  # Keras's alias
    tf.saved_model.save(root, str(folder))


@pytest.mark.parametrize("selective", [False, True])
def test_simclr_saved_model(selective, tmp_path):
    weights = Objects(bottleneck=selective, selective=selective, small=True)
    depths = SHORT if selective else (2, 2, 2, 2)
    images = np.random.default_rng(0).random([1, 32, 32, 3])
    features = reference.simclr_resnet(
        images, weights, depths, selective, filters=4, selective=selective, small=True
    )
    reference.simclr_head(features, weights, layers=3, dim=16)
    head = {name: array for name, array in weights.rest.items() if "supervised_head" in name}
    path = tmp_path / "saved_model"
    save_model(path, weights.arrays | head)
    keys = tf.train.load_checkpoint(str(path / "variables/variables")).get_variable_to_shape_map()
    assert not any("resnet_model" in key for key in keys)  # or there is nothing to test
    write_checkpoint(tmp_path / "model.ckpt-7", weights.arrays)
    read, expected = (
        importers.load("simclr").read(file) for file in (path, tmp_path / "model.ckpt-7")
    )
    assert read.encoder == expected.encoder and read.source.startswith("saved_model")
    assert set(head) < set(read.left_out)
    check_equal(read, expected)


@pytest.fixture(scope="module")
def simclr_file(tmp_path_factory):
    """The arrays of a small checkpoint and its prefix."""
    folder = tmp_path_factory.mktemp("simclr")
    weights = Named()
    images = np.zeros([1, 32, 32, 3])
    reference.simclr_resnet(images, weights, (2, 2, 2, 2), False, filters=4, small=True)
    write_checkpoint(folder / "model.ckpt-7", weights.arrays)
    return folder / "model.ckpt-7", weights.arrays


def change(arrays, drop=(), **others):
    return {name: array for name, array in arrays.items() if name not in drop} | others


def test_what_does_not_fit_is_named(simclr_file, tmp_path):
    prefix, arrays = simclr_file
    gamma = "base_model/batch_normalization_3/gamma"
    wrong = {gamma: np.zeros([5], np.float32)}
    cases = [
        (
            change(arrays, **{"base_model/se/kernel": np.zeros(2)}),
            "does not have:\n  base_model/se",
        ),
        (change(arrays, drop=["base_model/conv2d_9/kernel"]), "convolutions are no architecture"),
        (
            change(arrays, **wrong),
            r"stage1_block1_bn2/gamma: \[5\] in the checkpoint, \[4\] in the",
        ),
        (change(arrays, drop=["base_model/batch_normalization_2/beta"]), "bn1/beta: not in the ch"),
        (change(arrays, **{gamma: np.full([4], np.nan)}), "damaged: .*bn2/gamma is not finite"),
        ({"global_step": np.int64(1)}, "has no encoder of google-research/simclr"),
        (change(arrays, _CHECKPOINTABLE_OBJECT_GRAPH=np.array(b"graph")), "is damaged: .*parsing"),
    ]
    for number, (changed, message) in enumerate(cases):
        path = tmp_path / f"{number}.ckpt"
        write_checkpoint(path, changed)
        with pytest.raises(InputError, match=message):
            imported("simclr", path, tmp_path)
    data = prefix.with_name("model.ckpt-7.data-00000-of-00001")
    (tmp_path / "cut.index").write_bytes(prefix.with_name("model.ckpt-7.index").read_bytes())
    (tmp_path / "cut.data-00000-of-00001").write_bytes(data.read_bytes()[:1000])
    with pytest.raises(InputError, match="cut is damaged"):
        imported("simclr", tmp_path / "cut", tmp_path)
    with pytest.raises(InputError, match="there is no none.index"):
        imported("simclr", tmp_path / "none", tmp_path)
    assert not (tmp_path / "imported").exists()


# Big Transfer


class BitWeights(Drawn):
    """By published name; GN's vectors and standardised kernels."""

    def __call__(self, name, shape):
        if name.endswith("kernel"):
            return self.kernel(name, shape)
        return self.vector(name, shape, positive=name.endswith("gamma"))


def small_bit(folder, blocks):
    """A small BiT-M: its path, images in [0, 1], their features, and its arrays."""
    path, weights = folder / "BiT-M-R50x1.npz", BitWeights()
    images = np.random.default_rng(0).random([2, 65, 65, 3])
    features = reference.bit_resnet(2 * images - 1, weights, blocks, filters=8)
    head = {"resnet/head/conv2d/kernel": np.zeros([1, 1, 256, 3], np.float32)}
    head["resnet/head/conv2d/bias"] = np.zeros([3], np.float32)
    np.savez(path, **weights.arrays, **head)
    return path, images, features, weights.arrays


@pytest.fixture(scope="module")
def bit_file(tmp_path_factory):
    return small_bit(tmp_path_factory.mktemp("bit"), SHORT)


def test_bit(bit_file, tmp_path):
    check_bit(bit_file, tmp_path)


@pytest.mark.slow
def test_bit_in_full(full, tmp_path):
    check_bit(small_bit(tmp_path, FULL), tmp_path)


def check_bit(bit_file, tmp_path):
    path, images, features, _ = bit_file
    folder, read = imported("bit", path, tmp_path)
    assert read.left_out == ("resnet/head/conv2d/kernel", "resnet/head/conv2d/bias")
    check_features(folder, images, features)
    found = input_contract.load(folder)
    assert (found.size, found.crop, found.interpolation) == (480, 1.0, "bilinear")
    assert (found.scale, found.offset) == (2.0, (-1, -1, -1))


def test_bit_files_that_do_not_fit(bit_file, tmp_path):
    path, _, _, arrays = bit_file
    kernel = "resnet/block2/unit02/b/standardized_conv2d/kernel"
    cases = [
        (change(arrays, drop=[kernel]), "stage2_block2_conv2/kernel: not in the checkpoint"),
        (
            change(arrays, **{kernel: np.zeros([3, 3, 2, 2])}),
            r"conv2/kernel: \[3, 3, 2, 2\] in the",
        ),
        (change(arrays, **{"resnet/extra": np.zeros(2)}), "does not have:\n  resnet/extra"),
        ({"a": np.zeros(1)}, "does not have:\n  a"),
        ({}, "root_block/standardized_conv2d/kernel is missing"),
        (change(arrays, x=np.array([{}], object)), "Object arrays cannot be loaded"),
    ]
    for number, (changed, message) in enumerate(cases):
        np.savez(tmp_path / f"{number}.npz", **changed)
        with pytest.raises(InputError, match=message):
            imported("bit", tmp_path / f"{number}.npz", tmp_path)
    (tmp_path / "cut.npz").write_bytes(path.read_bytes()[:5000])
    np.save(tmp_path / "array.npy", np.zeros(2))
    for name in ("cut.npz", "array.npy"):
        with pytest.raises(InputError, match=f"{name} is not an .npz of arrays, or is damaged"):
            imported("bit", tmp_path / name, tmp_path)
    assert not (tmp_path / "imported").exists()


# keras.applications


def randomised(model):
    """`model` with random weights, statistics too; images in [0, 1] and their features."""
    draw = np.random.default_rng(0)
    for variable in model.weights:
        value = draw.standard_normal(variable.shape)
        if "gamma" in variable.name or "variance" in variable.name:
            variable.assign(0.5 + np.abs(0.2 * value))
        elif len(variable.shape) == 1:
            variable.assign(0.1 * value)
        else:
            variable.assign(np.sqrt(1.5 / np.prod(variable.shape[:-1])) * value)
    images = draw.random([2, 64, 64, 3])
    pixels = keras.applications.resnet.preprocess_input(255 * images)
    pooled = keras.Model(model.input, model.get_layer("avg_pool").output)
    return images, pooled(pixels.astype(np.float32), training=False).numpy()


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory):
    """The folder of a ResNet50's weights.h5; images in [0, 1] and their features."""
    folder = tmp_path_factory.mktemp("keras")
    model = keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=3)
    images, features = randomised(model)
    save_by_names(model, folder / "weights.h5")
    save_without_names(model, folder / "own.weights.h5")
    return folder, images, features


def save_by_names(model, path):
    """Write weights under the names of their layers, as Keras 2 does; Keras 3 only reads them."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            short = [compat.path(weight).split("/")[-1] for weight in layer.weights]
            group.attrs["weight_names"] = names = [f"{layer.name}/{name}:0" for name in short]
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = weight.numpy()
    model.load_weights(path)  # Keras takes it for its own


def save_without_names(model, path):
    """Write a .weights.h5 as Keras 2 does, which holds no layer's name, unlike Keras 3's."""
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        for group in file["layers"].values():
            group["vars"].attrs.pop("name", None)


def save_folder(model, path):
    """Write a Keras 2 SavedModel: on Keras 3, which writes none, what is read of it."""
    try:
        model.save(path)
    except ValueError:
        names = [(f"{layer.name}/{weight.name}", weight) for layer in model.layers
                 for weight in layer.weights]  # fmt: skip
        root = tf.train.Checkpoint()
        root.variables = [tf.Variable(weight.numpy(), name=name) for name, weight in names]
        tf.saved_model.save(root, str(path))


def test_keras_applications(keras_files, tmp_path):
    files, images, features = keras_files
    folder, read = imported("keras", files / "weights.h5", tmp_path)
    assert read.encoder.encoder == "resnet50_v1"
    assert read.left_out == ("predictions/kernel", "predictions/bias")
    check_features(folder, images, features)
    published = importers.load("keras").read(renamed_top(files, tmp_path, "probs"))
    assert published.left_out == ("probs/kernel", "probs/bias")
    without = importers.load("keras").read(renamed_top(files, tmp_path, None))
    assert without.left_out == ()
    for other in (published, without):
        check_equal(other, read)


def test_weights_without_names_are_those_of_the_network_of_as_many_convolutions(keras_files):
    files = keras_files[0]
    read = importers.load("keras").read(files / "own.weights.h5")
    check_equal(read, importers.load("keras").read(files / "weights.h5"))
    assert read.left_out == ("predictions/kernel", "predictions/bias")


@pytest.mark.slow
@pytest.mark.parametrize("depth", [101, 152])
def test_deeper_keras_applications(depth, tmp_path):
    build = getattr(keras.applications, f"ResNet{depth}")
    model = build(weights=None, input_shape=(64, 64, 3), classes=3)
    images, features = randomised(model)
    save_by_names(model, tmp_path / "weights.h5")
    folder, read = imported("keras", tmp_path / "weights.h5", tmp_path)
    assert read.encoder.encoder == f"resnet{depth}_v1"
    check_features(folder, images, features)


def check_equal(read, expected):
    assert read.weights.keys() == expected.weights.keys()
    for name, array in expected.weights.items():
        np.testing.assert_array_equal(read.weights[name], array)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_each_format_of_keras_has_the_same_weights(tmp_path, monkeypatch):
    """Of layers with the names of a ResNet with a block a stage: ResNet50 takes long to load."""
    row = dataclasses.replace(architectures.ENCODERS["resnet50_v1"], blocks=(1, 1, 1, 1))
    monkeypatch.setitem(architectures.ENCODERS, "resnet50_v1", row)
    blocks = [f"conv{stage}_block1_{part}" for stage in (2, 3, 4, 5) for part in (0, 1, 2, 3)]
    x = images = keras.Input([8, 8, 3])
    for name in ("conv1", *blocks):
        x = keras.layers.Conv2D(3, 1, name=f"{name}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
    model, draw = keras.Model(images, x), np.random.default_rng(0)
    model.set_weights([draw.random(weight.shape) for weight in model.get_weights()])
    save_by_names(model, tmp_path / "weights.h5")
    expected = importers.load("keras").read(tmp_path / "weights.h5")
    assert len(expected.weights) == 17 * 5  # a kernel, and four of the normalisation
    for name in ("model.keras", "model.h5", "saved_model"):
        (save_folder if name == "saved_model" else keras.Model.save)(model, tmp_path / name)
        check_equal(importers.load("keras").read(tmp_path / name), expected)
    for name in as_keras_3_saves(model, tmp_path / "model.keras", tmp_path):
        check_equal(importers.load("keras").read(tmp_path / name), expected)
    save_without_names(model, tmp_path / "nameless.weights.h5")
    with pytest.raises(InputError, match="17 convolutions without names; expected {53: 'ResNet50'"):
        importers.load("keras").read(tmp_path / "nameless.weights.h5")


def as_keras_3_saves(model, saved, folder):
    """Names of files like Keras 3's: classes that Keras 2 does not know, names in the HDF5 file."""
    with zipfile.ZipFile(saved) as archive:
        config, weights = archive.read("config.json"), archive.read("model.weights.h5")
    with zipfile.ZipFile(folder / "three.keras", "w") as archive:
        archive.writestr("config.json", config.replace(b'"keras', b'"keras.src.of_another'))
        archive.writestr("model.weights.h5", weights)
    (folder / "three.weights.h5").write_bytes(weights)
    with h5py.File(folder / "three.weights.h5", "r+") as file:
        for kind, group in ((keras.layers.Conv2D, "conv2d"),
                            (keras.layers.BatchNormalization, "batch_normalization")):  # fmt: skip
            layers = [layer.name for layer in model.layers if isinstance(layer, kind)]
            for number, name in enumerate(layers):
                place = f"layers/{group}_{number}" if number else f"layers/{group}"
                file[place]["vars"].attrs["name"] = name
    return "three.keras", "three.weights.h5"


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b"PK\x03\x04 cut"),
        lambda path: zipfile.ZipFile(path, "w").close(),
        lambda path: path.write_bytes(b""),
        lambda path: path.mkdir(),
        lambda path: h5py.File(path, "w").close(),
    ],
)
def test_what_is_no_file_of_keras_is_named(make, tmp_path):
    make(tmp_path / "a.keras")
    with pytest.raises(InputError, match="a.keras is no (Keras model|file of Keras)"):
        importers.load("keras").read(tmp_path / "a.keras")


def renamed_top(files, tmp_path, name):
    """A copy of the weights whose classifier is called `name`, as published; None: without it."""
    path = pathlib.Path(shutil.copy(files / "weights.h5", tmp_path / f"{name}.h5"))
    with h5py.File(path, "r+") as file:
        if name is not None:
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel:0", f"{name}/bias:0"]
            for weight in ("kernel:0", "bias:0"):
                group[f"{name}/{weight}"] = file[f"predictions/predictions/{weight}"][()]
        del file["predictions"]
    return path


def without_biases(files, path, *layers):
    """A copy of the weights without the biases of some convolutions."""
    shutil.copy(files / "weights.h5", path)
    with h5py.File(path, "r+") as file:
        for layer in layers:
            names = [n for n in file[layer].attrs["weight_names"] if "bias" not in str(n)]
            file[layer].attrs["weight_names"] = names
    return path


def test_keras_biases_that_do_not_fit(keras_files, tmp_path):
    files, layer = keras_files[0], "conv2_block1_1_conv"
    path = without_biases(files, tmp_path / "one.h5", layer)
    with pytest.raises(InputError, match="stage1_block1_conv1/bias is missing, expected .64,"):
        importers.load("keras").read(path)
    shutil.copy(files / "weights.h5", path)
    with h5py.File(path, "r+") as file:
        del file[f"{layer}/{layer}/bias:0"]
        file[f"{layer}/{layer}/bias:0"] = np.zeros([1], np.float32)  # would broadcast
    with pytest.raises(InputError, match=r"stage1_block1_conv1/bias is \(1,\), expected .64,"):
        importers.load("keras").read(path)


def test_keras_files_that_do_not_fit(keras_files, tmp_path):
    files = keras_files[0]
    (tmp_path / "cut.h5").write_bytes((files / "weights.h5").read_bytes()[:100_000])
    with pytest.raises(InputError, match="cut.h5 is no Keras model"):
        imported("keras", tmp_path / "cut.h5", tmp_path)
    small = keras.Sequential([keras.layers.Dense(2, name="other", input_shape=[3])])
    save_without_names(small, tmp_path / "new.weights.h5")
    with pytest.raises(InputError, match="new.weights.h5: 0 convolutions without names"):
        imported("keras", tmp_path / "new.weights.h5", tmp_path)
    small.save(tmp_path / "small.keras")
    with pytest.raises(InputError, match="does not have:\n  other/bias\n  other/kernel"):
        imported("keras", tmp_path / "small.keras", tmp_path)


def test_keras_without_any_biases(keras_files, tmp_path):
    files, norm = keras_files[0], "conv1_bn"
    with h5py.File(files / "weights.h5") as file:
        layers = [layer for layer in file if layer.endswith("_conv")]
        mean = file[f"{norm}/{norm}/moving_mean:0"][()]
    read = importers.load("keras").read(without_biases(files, tmp_path / "none.h5", *layers))
    np.testing.assert_array_equal(read.weights["encoder/stem_bn/moving_mean"], mean)


# Runs of ours, and what starts from an imported folder


@pytest.fixture(scope="module")
def start(simclr_file, tmp_path_factory):
    """What --init takes of imported weights, and the weights."""
    folder, read = imported("simclr", simclr_file[0], tmp_path_factory.mktemp("start"))
    return f"imported:{folder}", read.weights


def train(task, mode, data_dir, work_dir, init):
    """A step at so small a rate that the weights stay what they were."""
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), "init": init}
    given |= {"steps": 1, "batch_size": 8, "learning_rate": 1e-12}
    task.run(make_config(mode, given))
    return work_dir


@pytest.fixture(scope="module")
def run(start, data_dir, tmp_path_factory):
    """Pretrained from imported weights."""
    work_dir = tmp_path_factory.mktemp("run") / "simclr"
    return train(pretrain, "pretrain", data_dir, work_dir, start[0])


@pytest.fixture(scope="module")
def tuned(start, data_dir, tmp_path_factory):
    """Fine-tuned from imported weights."""
    work_dir = tmp_path_factory.mktemp("run") / "tuned"
    return train(train_head, "finetune", data_dir, work_dir, start[0])


def test_training_starts_from_imported_weights(start, run, tuned, data_dir):
    for work_dir in (run, tuned):
        after = importers.load("run").read(work_dir).weights
        for name, array in start[1].items():
            if "moving" in name:  # of the batches seen since
                assert not np.allclose(after[name], array, rtol=1e-3), name
            else:
                np.testing.assert_allclose(after[name], array, atol=1e-7, err_msg=name)
    given = {"data_dir": str(data_dir), "work_dir": str(tuned), "bootstrap_replicates": 40}
    evaluate(make_config("evaluate", given))
    result = json.loads((tuned / "metrics.json").read_text())["splits"]["test"]
    assert result["cases"] == 40 and 0 < result["metrics"]["auc"]["value"] < 1


def probe(data_dir, work_dir, init):
    given = {"data_dir": str(data_dir), "work_dir": str(work_dir), "steps": 2, "batch_size": 8}
    train_head.run(make_config("linear_probe", given | {"init": init}))
    return weights(work_dir)


def test_a_run_s_encoder_without_its_head(tuned, data_dir, tmp_path):
    """The fine-tuned run has two classes more than what follows: its head is left out."""
    folder, read = imported("run", tuned, tmp_path)
    assert any(name.startswith("head/") for name in read.left_out)
    images = np.random.default_rng(0).random([2, 32, 32, 3], np.float32)
    check_features(folder, images, simclr_med.load_encoder(tuned)(images, training=False))

    two = tmp_path / "two"
    two.mkdir()
    for file in ("manifest.csv", "dataset.json"):
        (two / file).write_bytes((data_dir / file).read_bytes())
    info = json.loads((two / "dataset.json").read_text())
    info |= {"task": "multilabel", "classes": ["Edema"], "other_class": None}
    info["image_root"] = str(data_dir / info["image_root"])
    (two / "dataset.json").write_text(json.dumps(info))
    table = (two / "manifest.csv").read_text().splitlines()
    rows = [f"{line},{int(line.split(',')[1][-1]) % 2}" for line in table[1:]]  # by case
    (two / "manifest.csv").write_text("\n".join([f"{table[0]},Edema", *rows]))
    a = probe(two, tmp_path / "a", init=f"imported:{folder}")
    b = probe(two, tmp_path / "b", init=f"run:{tuned}")
    assert a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_starting_from_bit(bit_file, data_dir, tmp_path):
    """Size and crop come with it; its projection head does not, and starts at random."""
    folder, _ = imported("bit", bit_file[0], tmp_path)
    given = {"data_dir": str(data_dir), "work_dir": str(tmp_path / "a"), "steps": 1}
    given |= {"init": f"imported:{folder}", "batch_size": 4}
    config = make_config("linear_probe", given)
    assert (config.augment.image_size, config.augment.eval_crop) == (480, 1.0)
    config = make_config("linear_probe", given | {"image_size": 32})
    assert (config.encoder.encoder, config.encoder.width) == ("bit_resnet50", 1 / 8)
    nets = networks.build(config, classes=3)
    random = {name: variable.numpy() for name, variable in nets.variables().items()}
    networks.initialise(nets, config.head.init)
    for name, variable in nets.variables().items():
        same = np.array_equal(random[name], variable)
        assert same == (not name.startswith("encoder/")), name
    with pytest.raises(InputError, match="head_input=projection1: .* has no projection head"):
        make_config("linear_probe", given | {"head_input": "projection1"})
    with pytest.raises(InputError, match="--encoder=resnet18: .* has bit_resnet50"):
        make_config("pretrain", given | {"encoder": "resnet18"})
    with pytest.raises(InputError, match="expected imported:"):
        make_config("pretrain", given | {"init": f"run:{folder}"})


def test_a_run_s_contract(run, tmp_path):
    found = input_contract.load(run)
    assert (found.size, found.crop, found.scale, found.offset) == (32, 1.0, 1.0, (0, 0, 0))
    other = shutil.copytree(run, tmp_path / "other")
    dataclasses.replace(found, interpolation="bilinear").save(other)
    assert importers.load("run").read(other).interpolation == "bilinear"
    (other / layout.INPUT).unlink()
    assert importers.load("run").read(other).interpolation == "bicubic"


def test_what_a_start_brings(tmp_path):
    """Its crop of evaluation, which is no window; not its momentum; no other stem."""
    source = tmp_path / "source"
    source.mkdir()
    given = {"data_dir": "d", "work_dir": str(source), "encoder": "resnet18", "eval_crop": 0.5}
    config = make_config("linear_probe", given)
    (source / "config.json").write_text(to_json(config))
    start = {"data_dir": "d", "work_dir": "w", "init": f"run:{source}"}

    def crop(mode, **others):
        return make_config(mode, start | others).augment.eval_crop

    assert crop("linear_probe") == crop("finetune") == crop("pretrain") == 0.5
    assert crop("linear_probe", eval_crop=0.75) == 0.75
    for mode in ("pretrain", "finetune"):
        assert crop(mode, augmentation="chexpert", window=0.75) == 0.5
    assert crop("finetune", augmentation="chexpert", eval_crop=0.75) == 0.75
    for value, expected in (({}, 0.9), ({"bn_momentum": 0.99}, 0.99)):
        assert make_config("finetune", start | value).encoder.bn_momentum == expected
    assert make_config("finetune", start | {"image_size": 33}).augment.image_size == 33
    with pytest.raises(InputError, match="--image_size=32: .* has 224.* more than 32 pixels"):
        make_config("finetune", start | {"image_size": 32})
    small = dataclasses.replace(config, augment=AugmentConfig(image_size=32))
    (source / "config.json").write_text(to_json(small))
    with pytest.raises(InputError, match="--image_size=33: .* has 32.* at most 32 pixels"):
        make_config("finetune", start | {"image_size": 33})


def test_each_kind_of_start_is_named(run, tmp_path):
    given = {"data_dir": "x", "work_dir": "y"}
    with pytest.raises(InputError, match=f"expected run:{run}"):
        make_config("pretrain", given | {"init": f"imported:{run}"})
    for init in ("imported:", "run:", "bit"):
        with pytest.raises(
            InputError, match="expected random, imported:PATH or run:PATH|no config"
        ):
            make_config("pretrain", given | {"init": init})
    with pytest.raises(InputError, match="no config.json"):
        simclr_med.load_encoder(tmp_path)


def test_the_command_says_what_it_did(simclr_file, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "out"
    arguments = ["--source=simclr", f"--input={simclr_file[0]}", f"--output={folder}"]
    assert not run_here(["tools/import_checkpoint.py", *arguments], monkeypatch)
    assert "resnet18_simclr, width 0.0625" in capsys.readouterr().out
    assert input_contract.load(folder).size == 32
    assert checkpoint.steps(folder) == [0]
    done = command(*arguments)
    assert done.returncode == 2 and "is there already" in done.stderr


def test_importing_the_package_imports_no_tensorflow():
    code = "import sys, simclr_med; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_every_command_of_the_page_on_weights(
    simclr_file, bit_file, keras_files, run, data_dir, tmp_path, monkeypatch
):
    page = ROOT / "docs" / "weights.md"
    monkeypatch.chdir(tmp_path)
    shutil.copytree(data_dir, tmp_path / "my_data")
    shutil.copytree(simclr_file[0].parent, tmp_path / "r50_1x_sk0")
    shutil.copy(bit_file[0], tmp_path / "BiT-M-R50x1.npz")
    shutil.copy(keras_files[0] / "weights.h5", tmp_path / "resnet50_notop.h5")
    shutil.copytree(run, tmp_path / "work" / "finetune")
    lines = commands(page.read_text(encoding="utf-8"))
    assert len(lines) == 6
    for line in lines:
        if "simclr_med.run" in line:
            line = line.replace("--image_size=224", "--image_size=32 --steps=1 --batch_size=8")
            done = shell(line, tmp_path)
            assert done.returncode == 0, done.stderr
        else:
            assert not run_here(words_of(re.sub("resnet152", "resnet18", line)), monkeypatch), line
    assert len(list((tmp_path / "weights").iterdir())) == 4
    assert doctest.testfile(str(page), module_relative=False).failed == 0
