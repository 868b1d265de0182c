"""Networks of the same names and another arithmetic, names of others' checkpoints, soundness."""

import json
import re
import subprocess
import sys
import textwrap
import types

import h5py
import keras
import numpy as np
import pytest
from conftest import ROOT
from torch_drawn import IMAGES, drawn, shapes_of

import simclr_med
from simclr_med.config.architectures import ENCODERS, IMAGENET_DEVIATION, IMAGENET_MEAN
from simclr_med.config.sections.networks import EncoderConfig
from simclr_med.encoders import importers
from simclr_med.encoders.importers import arithmetic, hints
from simclr_med.errors import InputError

safetensors = pytest.importorskip("safetensors.numpy", reason="the extra safetensors is missing")

ANSWERS = json.loads((ROOT / "tests/encoders/torchvision_answers.json").read_text())["networks"]
FEATURES = np.array(ANSWERS["resnet18"]["features"])  # torchvision's own, of IMAGES


def state():
    return drawn(shapes_of([2, 2, 2, 2], False, 64))


def read(arrays, tmp_path, **metadata):
    safetensors.save_file(arrays, tmp_path / "model.safetensors", metadata or None)
    return importers.load("timm").read(tmp_path / "model.safetensors")


def imported(arrays, tmp_path, check=None, **metadata):
    return importers.write(read(arrays, tmp_path, **metadata), tmp_path / "weights", check)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imported")
    imported(state(), folder)
    return simclr_med.load_encoder(folder / "weights")


def answers(tmp_path, **changed):
    path = tmp_path / "check.npz"
    arrays = {"images": IMAGES, "features": FEATURES} | changed
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_features_of_the_same_arithmetic_are_accepted(tmp_path):
    assert imported(state(), tmp_path, check=answers(tmp_path)) < 1e-5


@pytest.mark.parametrize("size", [0.01, 0.034, 1.0])  # resnetaa50's are 3.4 % of the largest
def test_other_features_are_refused(size, encoder, tmp_path):
    noise = np.random.default_rng(0).choice([-1.0, 1.0], FEATURES.shape)
    other = FEATURES + size * np.abs(FEATURES).max() * noise
    with pytest.raises(InputError, match="features of check.npz differ by .*arithmetic is another"):
        arithmetic.refuse_other_features("x", encoder, answers(tmp_path, features=other))


def test_other_pooling_is_refused_and_nothing_written(encoder, tmp_path):
    def pooled(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.MaxPooling2D):
            sizes = (config["pool_size"], config["strides"], config["padding"])
            return keras.layers.AveragePooling2D(*sizes, name=layer.name)
        return type(layer).from_config(config)

    other = keras.models.clone_model(encoder, clone_function=pooled)
    other.set_weights(encoder.get_weights())
    features = other(IMAGES.astype(np.float32), training=False)
    with pytest.raises(InputError, match="arithmetic is another"):
        imported(state(), tmp_path, check=answers(tmp_path, features=features))
    assert not (tmp_path / "weights").exists()


def test_the_lines_of_the_page_make_a_check(encoder, tmp_path, monkeypatch):
    """Run as printed, but for a model that takes PyTorch's layout and is ours within."""
    page = (ROOT / "docs/weights.md").read_text(encoding="utf-8")
    lines = re.search(r"\n\n((?:    (?:images|pixels|numpy).+\n)+)\n", page)[1]
    assert len(lines.splitlines()) == 3

    class Tensor(np.ndarray):
        float = detach = lambda self: self

    def forward(x):
        assert x.shape[1] == 3
        images = x.transpose(0, 2, 3, 1) * IMAGENET_DEVIATION + IMAGENET_MEAN
        features = encoder(np.asarray(images, np.float32), training=False)
        return np.asarray(features).view(Tensor)

    torch = types.SimpleNamespace(tensor=lambda values: values.view(Tensor))
    model = types.SimpleNamespace(eval=lambda: forward)
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent(lines), {"numpy": np, "torch": torch, "model": model})
    assert arithmetic.refuse_other_features("x", encoder, tmp_path / "check.npz") < 1e-4


WRONG = {
    "no images": ({"images": None}, "no array images"),
    "no features": ({"features": None}, "no array features"),
    "bytes": ({"images": (255 * IMAGES).astype(np.uint8)}, r"not of floats in \[0, 1\]"),
    "0 to 255": ({"images": 255 * IMAGES}, r"not of floats in \[0, 1\]"),
    "not finite": ({"images": IMAGES * np.nan}, r"not of floats in \[0, 1\]"),
    "channels first": ({"images": IMAGES.transpose(0, 3, 1, 2)}, r"expected \[B, H, W, 3\]"),
    "one image": ({"images": IMAGES[0]}, "expected 4 axes"),
    "no image": ({"images": IMAGES[:0]}, "expected 4 axes"),
    "fewer features": ({"features": FEATURES[:, :3]}, r"expected .* \[B, 32\]"),
    "maps": ({"features": FEATURES[:, :, None, None]}, "expected 2 axes"),
    "zeros": ({"features": 0 * FEATURES}, "0 throughout"),
    "NaN": ({"features": np.nan * FEATURES}, "not finite throughout"),
    "texts": ({"features": FEATURES.astype("U9")}, "is <U9"),
}


@pytest.mark.parametrize(("changed", "message"), WRONG.values(), ids=WRONG)
def test_a_check_of_other_contents_is_named(changed, message, encoder, tmp_path):
    with pytest.raises(InputError, match=f"check.npz.*{message}"):
        arithmetic.refuse_other_features("x", encoder, answers(tmp_path, **changed))


OTHERS = ("resnetaa50", "resnetblur50", "resnet18d", "resnet18_other", "seresnet18", "timm/x")
SAME = ("resnet18", "resnet18.a1_in1k", "tv_resnet18", "timm/resnet18.fb_ssl", "gluon_resnet18_v1b")


@pytest.mark.parametrize("place", ["metadata", "card"])
@pytest.mark.parametrize("name", OTHERS + SAME)
def test_the_name_in_the_metadata_decides(name, place, tmp_path):
    metadata = {"architecture": name} if place == "metadata" else {}
    if place == "card":
        (tmp_path / "config.json").write_text(json.dumps({"architecture": name}))
    declared = read(state(), tmp_path, **metadata).declared
    if name in SAME:
        arithmetic.refuse_declared("x", declared, "resnet18_torchvision")
        return
    with pytest.raises(InputError, match=f"metadata says {name}; .*show it with --check"):
        arithmetic.refuse_declared("x", declared, "resnet18_torchvision")


def test_features_decide_over_the_name(tmp_path):
    with pytest.raises(InputError, match="its metadata says resnetaa18"):
        imported(state(), tmp_path, architecture="resnetaa18")
    assert not (tmp_path / "weights").exists()
    imported(state(), tmp_path, check=answers(tmp_path), architecture="resnetaa18")


@pytest.mark.parametrize(
    ("key", "value"), [("mean", [0.5, 0.5, 0.5]), ("std", [1, 1, 1]), ("std", None)]
)
def test_a_card_of_other_scaling_is_refused(key, value, tmp_path):
    card = {"architecture": "resnet18", "pretrained_cfg": {key: value}}
    (tmp_path / "config.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=f"config.json beside it says {key}"):
        read(state(), tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", "3", '{"architecture": 3}', "[" * 100_000])
def test_a_card_that_says_nothing_is_none(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    assert read(state(), tmp_path).declared == ""


@pytest.mark.parametrize("name", ENCODERS)
def test_the_arithmetic_of_each_encoder_is_told(name):
    told = arithmetic.describe(EncoderConfig(name), 224)
    row = ENCODERS[name]
    assert ("1x1" in told.split("in shortcuts")[0].split("stride in")[-1][:9]) == row.stride_first
    assert ("padded on both sides" in told) == (row.symmetric_pool or row.family == "bit")
    assert ("group normalisation" in told) == (row.family == "bit")
    assert "no anti-aliasing" in told and "images in [0, 1]" in told


@pytest.mark.parametrize("value", [-1e-3, -5.0])
def test_a_negative_variance_is_refused(value, tmp_path):
    arrays = state()
    arrays["layer1.0.bn1.running_var"][2] = value
    with pytest.raises(InputError, match=f"bn1/moving_variance holds the variance {value:g}"):
        imported(arrays, tmp_path)
    assert not (tmp_path / "weights").exists()


def test_the_command_tells_the_arithmetic_and_the_check(tmp_path):
    safetensors.save_file(state(), tmp_path / "model.safetensors")
    line = [sys.executable, str(ROOT / "tools/import_checkpoint.py"), "--source=torchvision"]
    line += [f"--input={tmp_path / 'model.safetensors'}", f"--output={tmp_path / 'weights'}"]
    done = subprocess.run([*line, f"--check={answers(tmp_path)}"], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    assert "assumed: 7x7 stem, max pooling padded on both sides, basic blocks" in done.stdout
    assert "checked: features differ by at most" in done.stdout


# Names of others' checkpoints


@pytest.mark.parametrize(
    "prefix", ["module.", "backbone.", "module.encoder_q.", "model.", "encoder.", "net.0.trunk."]
)
def test_a_prefix_is_found_and_the_line_that_removes_it_told(prefix, tmp_path):
    """The line, run as it is told, makes a file that is imported."""
    state_ = {f"{prefix}{name}": array for name, array in state().items()}
    state_ |= {"queue": np.zeros([2, 2]), f"{prefix}fc.0.weight": np.zeros([4, 4])}
    with pytest.raises(InputError) as told:
        read(state_, tmp_path)
    assert f"names are torchvision's behind {prefix!r}" in str(told.value)
    line = str(told.value).splitlines()[-1].strip().removeprefix("safetensors.torch.save_file(")
    again = eval(line.removesuffix(", NAME)"), {"state": state_})
    with pytest.raises(InputError, match="These are a head") as told:
        read(again, tmp_path)
    del again["fc.0.weight"]
    assert len(read(again, tmp_path).weights) == 20 * 5


@pytest.mark.parametrize(
    "names",
    [["fc.0.weight", "fc.0.bias", "fc.2.weight"], ["head.1.weight"], ["classifier.weight"]],
)
def test_a_head_of_other_names_is_found(names, tmp_path):
    extra = {name: np.zeros([4, 4], np.float32) for name in names}
    with pytest.raises(InputError, match="These are a head, which is not imported") as told:
        read(state() | extra, tmp_path)
    line = str(told.value).splitlines()[-1].strip()
    line = line.removeprefix("safetensors.torch.save_file(").removesuffix(", NAME)")
    assert eval(line, {"state": state() | extra}).keys() == state().keys()


def test_what_has_no_way_out_gets_no_hint():
    assert hints.of_torch({"a.b": (1,)}) == ""
    assert hints.of_torch({"layer1.0.se.fc.weight": (1,), "conv1.weight": (1,)}) == ""
    assert hints.of_keras({"a/kernel": (1, 2)}, ["a/kernel"]) == ""


def test_a_keras_model_s_other_head_is_found(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["layer_names"] = ["conv1_conv", "my_head"]
        for layer, shape in (("conv1_conv", [7, 7, 3, 4]), ("my_head", [4, 2])):
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/kernel:0"]
            group[f"{layer}/kernel:0"] = np.zeros(shape, np.float32)
    with pytest.raises(InputError, match="a head, my_head: save it without.*\n.*avg_pool"):
        importers.load("keras").read(tmp_path / "a.h5")


def test_a_stem_of_one_channel_is_found(tmp_path):
    arrays = state()
    grey = arrays["conv1.weight"].sum(1, keepdims=True)
    with pytest.raises(InputError, match="reads 1 channels; encoders here read 3.*repeat"):
        read(arrays | {"conv1.weight": grey}, tmp_path)
