"""Images that turn out to be unreadable: named, counted, stood in for."""

import csv
import shutil

import numpy as np
import pytest
import tensorflow as tf
from kill_runs import same, weights
from PIL import Image

from simclr_med.config.checked_config import make_config
from simclr_med.config.recipes import Recipe
from simclr_med.data.batches import contrastive_batches, evaluation_batches, labelled_batches
from simclr_med.data.cases import Cases
from simclr_med.data.positions import Positions
from simclr_med.data.unreadable import StandIns, naming_unreadable
from simclr_med.errors import InputError
from simclr_med.training import pretrain
from simclr_med.training.heads import train_head

pytestmark = pytest.mark.usefixtures("shortest_encoder")
CONTENTS = [b"", b"no image", b"\xff\xd8\xff\xe0 cut off"]


@pytest.fixture
def cases(tmp_path):
    """Five cases of two images; one of the second is bad, and both of the fifth."""
    paths = [str(tmp_path / f"{i}.png") for i in range(10)]
    for i, path in enumerate(paths):
        Image.new("RGB", (16, 16), (20 * i, 0, 0)).save(path)
    for i, content in zip((2, 8, 9), CONTENTS, strict=True):
        (tmp_path / f"{i}.png").write_bytes(content)
    names = np.array([*"abcde"])
    targets = np.eye(5, dtype=np.float32)
    return Cases(names, names, np.array(paths), np.arange(0, 11, 2), targets, {})


@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_that_is_no_image_is_named(cases, tmp_path, content):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(content)
    paths = [*cases.paths[:2], str(bad)]
    with pytest.raises(InputError, match="bad.jpg"), naming_unreadable(paths):
        list(evaluation_batches(paths, batch_size=2, size=16))


def test_what_is_no_fault_of_an_image_passes_through(cases):
    with pytest.raises(tf.errors.InvalidArgumentError), naming_unreadable(cases.paths[:2]):
        tf.reshape(tf.range(4), [3])


def test_stand_ins_are_of_the_same_case_where_there_are(cases, tmp_path, capsys):
    stand_ins = StandIns(cases, 3, tmp_path / "run")
    assert not stand_ins.add([0, 1, 3])
    assert stand_ins.add([2, 3]) and stand_ins.add(np.array([8, 9, 9]))
    assert stand_ins.substitutes.tolist() == [0, 1, 3, 3, 4, 5, 6, 7, 0, 0]
    assert f"skipped image {cases.paths[8]}" in capsys.readouterr().err
    again = StandIns(cases, 3, tmp_path / "run")  # after a resumption
    assert (again.substitutes == stand_ins.substitutes).all()
    with open(tmp_path / "run" / "skipped.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["read_instead"] for row in rows] == list(cases.paths[[3, 0, 0]])


def test_a_stand_in_brings_its_own_label_and_case(cases, tmp_path):
    stand_ins = StandIns(cases, 3, tmp_path)
    stand_ins.add(np.arange(10))
    settings = {"batch_size": 5, "seed": 0, "substitutes": stand_ins.substitutes}
    positions = Positions(cases, images=1, **settings)
    none = Recipe.named("none", 8)
    for batch in labelled_batches(positions, none, steps=6):
        image = np.round(255 * batch["images"].numpy().mean((1, 2))[:, 0] / 20)
        assert (batch["targets"].numpy().argmax(1) == image // 2).all()
    for batch in contrastive_batches(Positions(cases, **settings), none, steps=6):
        image = np.round(255 * batch["view1"].numpy().mean((1, 2))[:, 0] / 20)
        assert (batch["image1"].numpy() == image).all()
        assert (batch["case"].numpy() == image // 2).all()


def test_no_image_at_all(cases, tmp_path):
    for path in cases.paths:
        open(path, "wb").close()
    with pytest.raises(InputError, match="none of the images can be read"):
        StandIns(cases, 99, tmp_path).add(np.arange(10))


# In training


@pytest.fixture
def damaged(data_dir, tmp_path):
    """A data set of which two images, each alone in its case, are unreadable; and their names."""
    folder = tmp_path / "data"
    shutil.copytree(data_dir, folder)
    train = sorted((folder / "images" / "train").glob("*_0.jpg"))
    bad = [
        path for path in train if not path.with_name(path.name.replace("_0.jpg", "_1.jpg")).exists()
    ]
    bad = bad[:2]
    for path in bad:
        path.write_bytes(path.read_bytes()[:100])
    return folder, [path.name for path in bad]


def given(data_dir, work_dir, **more):
    small = {"encoder": "resnet18", "width": 0.125, "image_size": 32, "batch_size": 20}
    return {"data_dir": str(data_dir), "work_dir": str(work_dir), **small, "steps": 12} | more


@pytest.mark.parametrize("mode", ["pretrain", "finetune"])
def test_training_goes_on_and_resumes_the_same(mode, damaged, tmp_path, capsys):
    folder, bad = damaged
    module = {"pretrain": pretrain, "finetune": train_head}[mode]
    more = {"splits": ("train",), "skip_bad_images": 2, "save_every": 6}
    if mode == "pretrain":
        more["positives"] = "case"
    config = make_config(mode, given(folder, tmp_path / "run", **more))
    module.run(config)
    error = capsys.readouterr().err
    assert all(f"{name}: " in error for name in bad)
    rows = (tmp_path / "run" / "skipped.csv").read_text().splitlines()
    assert len(rows) == 3 and len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 13
    whole = weights(tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "12")
    module.run(config)
    assert same(whole, weights(tmp_path / "run"))


@pytest.mark.parametrize(("limit", "named"), [(0, 1), (1, 2)])
def test_more_than_the_limit_is_fatal_and_named(limit, named, damaged, tmp_path):
    folder, bad = damaged
    more = {"splits": ("train",), "skip_bad_images": limit}
    config = make_config("pretrain", given(folder, tmp_path / "run", **more))
    with pytest.raises(InputError) as caught:
        pretrain.run(config)
    assert sum(name in str(caught.value) for name in bad) >= named  # two may be of one batch
    assert ("--skip_bad_images=1" in str(caught.value)) == bool(limit)
    assert not (tmp_path / "run").exists()
