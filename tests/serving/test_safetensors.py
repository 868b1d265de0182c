"""Encoder and head for PyTorch: bits kept, a head's standardisation folded, others refused."""

import json
import sys

import numpy as np
import pytest
from conftest import ROOT
from originals import untrained

from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.encoders import importers
from simclr_med.errors import InputError
from simclr_med.serving import export
from simclr_med.serving.formats import evidence
from simclr_med.training.heads import train_head

sys.path.insert(0, str(ROOT / "tests" / "encoders"))
from torch_drawn import drawn, shapes_of  # noqa: E402

safetensors = pytest.importorskip("safetensors.numpy", reason="the extra safetensors is missing")


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A narrow ResNet-18 of torchvision: its state_dict, and the folder of its import."""
    folder = tmp_path_factory.mktemp("imported")
    arrays = drawn(shapes_of((2, 2, 2, 2), False, 64))
    safetensors.save_file(arrays, folder / "a.safetensors")
    importers.write(importers.load("torchvision").read(folder / "a.safetensors"), folder / "it")
    return arrays, folder / "it"


def exported(work_dir, data_dir):
    given = {"export_format": "safetensors", "data_dir": str(data_dir)}
    export.run(for_existing_run("export", str(work_dir), given))
    folder = work_dir / "safetensors" / "1"
    return folder, safetensors.load_file(folder / "model.safetensors")


def test_a_probe_on_imported_weights_goes_back_bit_by_bit_with_its_head(
    imported, data_dir, tmp_path
):
    given = {"data_dir": str(data_dir), "work_dir": str(tmp_path / "probe"), "image_size": 40}
    given |= {"init": f"imported:{imported[1]}", "steps": 20, "batch_size": 16}
    train_head.run(make_config("linear_probe", given))
    folder, arrays = exported(tmp_path / "probe", data_dir)
    for name, array in imported[0].items():
        if not name.endswith("num_batches_tracked"):
            np.testing.assert_array_equal(arrays[name], array, err_msg=name)
    found = json.loads((folder / evidence.FILE).read_text())["largest_difference"]
    # What fc makes of the features is what evaluation says: the standardisation lies in it.
    assert found["features"] == 0 and found["probabilities"] < 1e-5
    assert np.abs(arrays["fc.weight"]).max() > 0.01 and set(found) == {"features", "probabilities"}


def test_weights_without_a_head_have_none(imported, data_dir, capsys):
    _, arrays = exported(imported[1], data_dir)
    assert not [name for name in arrays if name.startswith("fc")]
    assert "note: there is no head" in capsys.readouterr().out


def test_another_arithmetic_is_refused_before_anything_is_written(data_dir, tmp_path):
    for encoder, size, message in (
        ("resnet18", 40, "resnet18 pads or strides otherwise"),
        ("resnet18_torchvision", 32, "at --image_size=32 the stem is that of small images"),
    ):
        work_dir = tmp_path / f"{encoder}{size}"
        given = {"encoder": encoder, "image_size": size, "width": 0.0625}
        untrained("linear_probe", data_dir, work_dir, **given)
        with pytest.raises(InputError, match=message):
            exported(work_dir, data_dir)
        assert not list((work_dir / "safetensors").glob("*"))
