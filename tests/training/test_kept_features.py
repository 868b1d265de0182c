"""Features that are kept: never computed twice, never wrong, never too many."""

import os
import shutil

import numpy as np
import pytest

from simclr_med.config.checked_config import make_config
from simclr_med.data import manifest
from simclr_med.encoders import networks
from simclr_med.training import features
from simclr_med.training.heads import feature_cache

SMALL = {"encoder": "resnet18", "width": 0.125, "image_size": 32}

pytestmark = pytest.mark.usefixtures("shortest_encoder")


@pytest.fixture
def copied(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def computed(monkeypatch):
    """How many images were looked at, each time that features were computed."""
    seen, original = [], features.extract

    def spy(model, paths, config):
        seen.append(len(paths))
        return original(model, paths, config)

    monkeypatch.setattr(features, "extract", spy)
    return seen


def settings(data_dir, tmp_path, **more):
    given = {
        "data_dir": str(data_dir),
        "work_dir": "unused",
        "features_dir": str(tmp_path / "kept"),
    }
    return make_config("linear_probe", given | SMALL | more)


def extracted(data_dir, tmp_path, split="validation", **more):
    config = settings(data_dir, tmp_path, **more)
    nets = networks.build(config, 3)
    return feature_cache.extract(nets.inputs, manifest.read(data_dir).cases([split]).paths, config)


def files_in(tmp_path):
    return sorted((tmp_path / "kept").iterdir())


def test_the_same_is_computed_once_and_again_where_it_was_deleted_or_damaged(
    data_dir, tmp_path, computed
):
    first = extracted(data_dir, tmp_path)
    np.testing.assert_array_equal(extracted(data_dir, tmp_path), first)
    assert len(computed) == 1 and first.dtype == np.float32
    (file,) = files_in(tmp_path)
    file.write_bytes(file.read_bytes()[:-9])
    np.testing.assert_array_equal(extracted(data_dir, tmp_path), first)
    shutil.rmtree(tmp_path / "kept")
    np.testing.assert_array_equal(extracted(data_dir, tmp_path), first)
    assert len(computed) == 3


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"eval_crop": 0.5}, {"head_input": "stage1"}, {"image_size": 40}]
)
def test_other_weights_views_and_layers_have_features_of_their_own(
    changes, data_dir, tmp_path, computed
):
    first, other = extracted(data_dir, tmp_path), extracted(data_dir, tmp_path, **changes)
    assert len(computed) == len(files_in(tmp_path)) == 2
    assert first.shape != other.shape or np.abs(first - other).max() > 1e-4


def test_an_image_that_was_replaced_is_looked_at_anew(copied, tmp_path, computed):
    first = extracted(copied, tmp_path)
    paths = manifest.read(copied).cases(["validation"]).paths
    shutil.copy(paths[1], paths[0])
    second = extracted(copied, tmp_path)
    assert len(computed) == 2
    np.testing.assert_array_equal(second[0], first[1])


def test_the_oldest_go_beyond_the_bound(data_dir, tmp_path, computed):
    extracted(data_dir, tmp_path)
    (first,) = files_in(tmp_path)
    os.utime(first, (1, 1))
    bound = 1.5 * first.stat().st_size / 2**30
    extracted(data_dir, tmp_path, seed=1, features_gib=bound)
    (second,) = files_in(tmp_path)
    assert second != first
    extracted(data_dir, tmp_path, seed=2, features_gib=bound / 2)  # one that would not fit alone
    assert files_in(tmp_path) == [second] and len(computed) == 3


def test_without_room_nothing_is_kept_and_a_folder_that_cannot_be_written_is_told(
    data_dir, tmp_path, computed, capsys
):
    extracted(data_dir, tmp_path, features_gib=0.0)
    assert not (tmp_path / "kept").exists()
    (tmp_path / "kept").write_text("a file")
    extracted(data_dir, tmp_path)
    assert "warning: features are not kept in" in capsys.readouterr().err and len(computed) == 2


def test_by_default_they_lie_in_the_work_folder(data_dir, tmp_path):
    extracted(data_dir, tmp_path, features_dir="", work_dir=str(tmp_path / "probe"))
    assert len(list((tmp_path / "probe" / "features").glob("*.npy"))) == 1
