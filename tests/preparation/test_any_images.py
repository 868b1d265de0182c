"""Data sets of bare folders and tables: cases by image, folder and pattern; unreadable files."""

import numpy as np
import pytest
from PIL import Image

from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.preparation.any_images import data_set, prepared


@pytest.fixture
def images(tmp_path):
    """Two folders of two patients each, three images a patient."""
    random = np.random.default_rng(0)
    for folder in ("left", "right"):
        for patient in ("p1", "p2"):
            for number in range(3):
                file = tmp_path / "images" / folder / f"{patient}_{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                pixels = random.integers(0, 256, (24, 24, 3), np.uint8)
                Image.fromarray(pixels).save(file)
    return tmp_path / "images"


@pytest.mark.parametrize(
    ("cases", "count"),
    [("image", 12), ("folder", 2), (r"(?P<case>[^/]+/p\d)_", 4), (r"(?P<patient>p\d)_", 2)],
)
def test_cases_of_a_folder(cases, count, images, tmp_path, capsys):
    folder = data_set(images, tmp_path / "work", labelled=False, cases=cases)
    table = manifest.read(folder).table
    assert table["case_id"].nunique() == count and set(table["split"]) == {"unlabelled"}
    said = capsys.readouterr().out
    assert f"12 images of {count} cases" in said
    assert ("--positives=case" in said) == (count < 12)
    assert data_set(folder, tmp_path / "other", labelled=False) == folder
    with pytest.raises(InputError, match="--cases=folder has no effect"):
        data_set(folder, tmp_path / "other", labelled=False, cases="folder")


def test_folders_are_labels_where_they_are_asked_for(images, tmp_path, capsys):
    folder = data_set(images, tmp_path / "work", labelled=True)
    data = manifest.read(folder)
    assert data.info.classes == ("left", "right") and "may be labels" not in capsys.readouterr().out
    data_set(images, tmp_path / "other", labelled=False)
    assert "folders that may be labels: left, right" in capsys.readouterr().out


def test_one_in_twenty_may_be_unreadable(images, tmp_path, capsys):
    for number in range(10):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 24, 3), np.uint8)
        Image.fromarray(pixels).save(images / f"{number}.png")
    (images / "broken.jpg").write_text("no picture")
    folder = data_set(images, tmp_path / "work", labelled=False)
    assert len(manifest.read(folder).table) == 22
    assert "left out, since they cannot be read: 1 files" in capsys.readouterr().out
    (images / "broken2.jpg").write_text("no picture")
    with pytest.raises(InputError, match=r"2 rows are wrong"):
        data_set(images, tmp_path / "again", labelled=False)


def test_a_setting_that_neither_has_is_refused(images, tmp_path):
    with pytest.raises(InputError, match="--colour is no setting of a preparation"):
        prepared(images, tmp_path / "a", None, {"colour": 1})
