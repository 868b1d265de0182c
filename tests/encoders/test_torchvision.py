"""Weights of torchvision and timm: their features, every name, nothing unpickled, bits kept."""

import json
import os
import pathlib
import pickle
import subprocess

import numpy as np
import pytest
from conftest import ROOT
from torch_drawn import IMAGES, drawn, shapes_of

import simclr_med
from simclr_med.config import architectures
from simclr_med.config.sections.views import AugmentConfig
from simclr_med.encoders import checkpoint, importers
from simclr_med.encoders.torch_names import to_ours, to_torch
from simclr_med.errors import InputError
from simclr_med.runs import input_contract

safetensors = pytest.importorskip("safetensors.numpy", reason="the extra safetensors is missing")

ANSWERS = json.loads((ROOT / "tests/encoders/torchvision_answers.json").read_text())["networks"]
QUICK = ("resnet18", "resnet50", "wide_resnet50_2")


def state(name):
    """The state_dict of a narrow network."""
    row = ANSWERS[name]
    return drawn(shapes_of(row["blocks"], row["bottleneck"], row["base"]))


def imported(arrays, folder, source="torchvision"):
    folder.mkdir(exist_ok=True)
    file = folder / "model.safetensors"
    safetensors.save_file(arrays, file)
    read = importers.load(source).read(file)
    importers.write(read, folder / "weights")
    return folder / "weights", read


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in ANSWERS]
)
def test_features_are_torchvision_s(name, tmp_path):
    arrays = state(name)
    head = {"fc.weight": np.zeros([3, 8], np.float32), "fc.bias": np.zeros(3, np.float32)}
    folder, read = imported(arrays | head, tmp_path)
    assert read.encoder.encoder == f"{name}_torchvision" and read.encoder.width == 1 / 16
    counts = {k for k in arrays if k.endswith("num_batches_tracked")}
    assert set(read.left_out) == counts | set(head)
    expected = np.array(ANSWERS[name]["features"])
    features = simclr_med.load_encoder(folder)(IMAGES.astype(np.float32), training=False)
    np.testing.assert_allclose(features, expected, atol=1e-5 * np.abs(expected).max())


def test_a_round_trip_keeps_every_bit(tmp_path):
    arrays = state("resnet50")
    folder, _ = imported(arrays, tmp_path)
    named = checkpoint.named_variables(simclr_med.load_encoder(folder), "encoder")
    again = to_torch(checkpoint.values_of(named))
    assert set(again) == set(arrays)
    for name, array in arrays.items():
        if not name.endswith("num_batches_tracked"):
            np.testing.assert_array_equal(again[name], array, err_msg=name)
    assert to_ours(again)[1] == []


def test_timm_s_files_have_the_same_names_and_their_own_resizing(tmp_path):
    folder, read = imported(state("resnet18"), tmp_path, source="timm")
    assert read.source == "model.safetensors (timm, resnet18)"
    contract = input_contract.load(folder)
    assert (contract.interpolation, contract.size) == ("bicubic", 224)
    scale, offset = architectures.NORMALISED
    assert (contract.scale, contract.offset) == (scale, offset)
    np.testing.assert_allclose(np.array([0.485, 0.456, 0.406]) * scale + offset, 0, atol=1e-7)
    assert AugmentConfig().image_size == 224  # else a run from it would have another size


def test_what_is_not_such_a_network_is_named(tmp_path):
    arrays = state("resnet18")
    without = {k: v for k, v in arrays.items() if not k.startswith("layer3.1")}
    kernel = "layer2.0.conv1.weight"
    cases = [
        (arrays | {"layer1.0.se.fc.weight": np.zeros(2)}, "not have:\n  layer1.0.se.fc.weight"),
        (without, r"stages of \(2, 2, 1, 2\) basic blocks, 1 times as wide within, are none"),
        (arrays | {kernel: np.zeros([2, 2])}, r"stage2_block1_conv1/kernel: \[2, 2\] in the"),
        ({k: v for k, v in arrays.items() if k != kernel}, "stages of|conv1/kernel: not in the"),
        (arrays | {kernel: np.zeros(arrays[kernel].shape, np.int8)}, "is int8; expected floats"),
        ({"a": np.zeros(1)}, "does not have:\n  a|not have:\n  a"),
        ({"bn1.weight": np.zeros(4, np.float32)}, "conv1.weight is missing"),
        (arrays | {kernel: arrays[kernel] * np.nan}, "is not finite throughout"),
    ]
    for number, (changed, message) in enumerate(cases):
        with pytest.raises(InputError, match=message):
            imported(changed, tmp_path / str(number))
    assert not list(tmp_path.glob("*/weights"))


class Bomb:
    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_is_unpickled(tmp_path):
    bomb = Bomb()
    bomb.path = tmp_path / "went off"
    for name in ("model.pt", "model.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(bomb))
        with pytest.raises(InputError, match="is a pickle, which may run code and is not read"):
            importers.load("torchvision").read(tmp_path / name)
    assert not bomb.path.exists()
    (tmp_path / "cut").write_bytes(safetensors.save(state("resnet18"))[:5000])
    with pytest.raises(InputError, match="cut is no .safetensors file of numbers, or damaged"):
        importers.load("timm").read(tmp_path / "cut")
    with pytest.raises(InputError, match="none not found; expected a file"):
        importers.load("timm").read(tmp_path / "none")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50", "wide_resnet50_2"])
def test_torchvision_itself_loads_and_agrees(name, tmp_path):
    """At full width, strictly; in the environment of `make peers`."""
    python = ROOT / ".venv-peers" / "bin" / "python"
    if not python.exists():
        pytest.skip("torchvision is not here: make peers")
    code = (
        "import sys, numpy, torch, torchvision, safetensors.torch as s\n"
        "model = getattr(torchvision.models, sys.argv[1])(weights=None).eval()\n"
        "state = model.state_dict()\n"
        "g = torch.Generator().manual_seed(0)\n"
        "for k, v in state.items():\n"
        "    if v.dtype.is_floating_point and v.dim() == 1:\n"
        "        v += 0.1 * torch.rand(v.shape, generator=g)\n"
        "s.save_file(state, sys.argv[2] + '/their.safetensors')\n"
        "model.fc = torch.nn.Identity()\n"
        "x = torch.tensor(numpy.load(sys.argv[2] + '/images.npy'))\n"
        "numpy.save(sys.argv[2] + '/features.npy', model(x).detach().numpy())\n"
    )
    mean, deviation = architectures.IMAGENET_MEAN, architectures.IMAGENET_DEVIATION
    normalised = ((IMAGES - mean) / deviation).transpose(0, 3, 1, 2).astype(np.float32)
    np.save(tmp_path / "images.npy", normalised)
    subprocess.run([python, "-c", code, name, str(tmp_path)], check=True)
    importers.write(
        importers.load("torchvision").read(pathlib.Path(tmp_path / "their.safetensors")),
        tmp_path / "weights",
    )
    features = simclr_med.load_encoder(tmp_path / "weights")(IMAGES.astype(np.float32))
    expected = np.load(tmp_path / "features.npy")
    np.testing.assert_allclose(features, expected, atol=1e-4 * np.abs(expected).max())
