"""Diagnoses with weights: read, refused, carried through preparation, learnt from, never tested."""

import shutil

import numpy as np
import pandas as pd
import pytest
from kill_runs import differ, weights

from simclr_med.config.checked_config import make_config
from simclr_med.data import label_weights, manifest
from simclr_med.errors import InputError
from simclr_med.preparation.labels import class_table, conditions
from simclr_med.preparation.labels.renaming import rename_labels
from simclr_med.preparation.settings import Settings
from simclr_med.preparation.source_table import FILE, ROW, Records
from simclr_med.training.heads import head_loss, train_head
from simclr_med.training.sweep.probed_runs import ProbedRuns


def weighted(data_dir, folder, change=lambda table: table):
    """Copy a data set, and give its cases of one diagnosis another one of lesser weight."""
    shutil.copytree(data_dir, folder)
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    names = sorted(name for name in set(table["labels"]) if name and "|" not in name)
    second = dict(zip(names, [*names[1:], names[0]], strict=True))
    table["label_weights"] = [
        f"{name}:0.6|{second[name]}:0.2" if name in second else "" for name in table["labels"]
    ]
    change(table).to_csv(folder / "manifest.csv", index=False)
    return folder, second


def test_a_cell_is_names_and_weights_and_comes_back():
    found = {"Eczema: of the hand": 0.6, "Psoriasis": 0.25}
    assert label_weights.to_text(found) == "Eczema: of the hand:0.6|Psoriasis:0.25"
    assert label_weights.weights(label_weights.to_text(found)) == found
    assert label_weights.weights("") == {}


@pytest.mark.parametrize(
    "cell", ["a", "a:", "a:0", "a:-1", "a:nan", "a:inf", ":1", "a:1|a:2", "b:1"]
)
def test_anything_else_is_not_sound(cell):
    assert not label_weights.is_sound(cell, ["a"])
    assert label_weights.is_sound("a:0.5", ["a", "b"])


def test_a_case_s_shares_are_its_weights_or_its_primary_diagnoses(data_dir, tmp_path):
    folder, second = weighted(data_dir, tmp_path / "data")
    data = manifest.read(folder)
    cases, plain = data.cases(["train"]), manifest.read(data_dir).cases(["train"])
    assert plain.shares is None
    np.testing.assert_array_equal(cases.targets, plain.targets)
    classes, sizes = data.info.classes, set()
    for target, share in zip(cases.targets, cases.shares, strict=True):
        primary, expected = np.flatnonzero(target), target / target.sum()
        sizes.add(len(primary))
        if len(primary) == 1:
            expected = 0.75 * target
            expected[classes.index(second[classes[primary[0]]])] += 0.25
        np.testing.assert_allclose(share, expected, rtol=1e-6)
    assert sizes == {1, 2}
    images = cases.each_image_alone()
    owner = np.repeat(np.arange(len(cases)), np.diff(cases.offsets))
    np.testing.assert_array_equal(images.shares, cases.shares[owner])
    np.testing.assert_array_equal(cases.take([3, 1]).shares, cases.shares[[3, 1]])


def test_what_is_wrong_is_named(data_dir, tmp_path):
    def wrong(table):
        table.loc[4, "label_weights"] = "Eczema of Mars:0.5"
        return table

    folder, _ = weighted(data_dir, tmp_path / "data", wrong)
    with pytest.raises(InputError, match="row 6, column label_weights: 'Eczema of Mars:0.5' is no"):
        manifest.read(folder)


def test_images_of_a_case_agree(data_dir, tmp_path):
    def wrong(table):
        twice = table["case_id"].duplicated() & (table["label_weights"] != "")
        table.loc[twice.idxmax(), "label_weights"] = table["labels"][twice.idxmax()] + ":1"
        return table

    folder, _ = weighted(data_dir, tmp_path / "data", wrong)
    with pytest.raises(InputError, match="this case has different weights"):
        manifest.read(folder)


def test_renamed_conditions_add_their_weights():
    column = pd.Series(["a:0.5|B:0.2|c:0.3", "", "c:1"])
    found = conditions.reweighted(column, {"A": "x", "b": "x", "c": ""}, None)
    assert found.tolist() == ["x:0.7", "", ""]
    found = conditions.reweighted(column, {"a": "a"}, "Other")
    assert found.tolist() == ["a:0.5|Other:0.5", "", "Other:1"]


def test_rare_conditions_gather_their_weights_too():
    """Also those that are nobody's primary diagnosis, through renaming."""
    rows = [
        ("1", "Eczema", "Eczema:0.5|Acne:0.3|Scar:0.2", "train"),
        ("2", "Eczema", "Eczema:1", "train"),
        ("3", "Acne", "Acne:0.6|Scar:0.4", "train"),
        ("4", "", "", "unlabelled"),
    ]
    table = pd.DataFrame(rows, columns=["case_id", "labels", "label_weights", "split"])
    table = table.assign(image=table["case_id"], **{FILE: "a.csv", ROW: "2"})
    records = Records(name="mine", task="multiclass", table=table, image_root=None)
    settings = Settings(top_conditions=1, other="Other")
    rename_labels(records, settings, None)
    info, _ = class_table.make_classes(records, settings, None)
    assert info["classes"] == ["Eczema", "Other"]
    assert records.table["labels"].tolist() == ["Eczema", "Eczema", "Other", ""]
    expected = ["Eczema:0.5|Other:0.5", "Eczema:1", "Other:1", ""]
    assert records.table["label_weights"].tolist() == expected


def test_a_head_learns_from_the_weights_where_it_is_asked_to(data_dir, tmp_path, shortest_encoder):
    folder, _ = weighted(data_dir, tmp_path / "data")
    given = {"data_dir": str(folder), "encoder": "resnet18", "width": 0.125, "image_size": 32}
    given |= {"batch_size": 16, "steps": 3}
    found = []
    for targets in ("primary", "weighted"):
        work_dir = tmp_path / targets
        given |= {"targets": targets, "work_dir": str(work_dir)}
        train_head.run(make_config("linear_probe", given))
        found.append(weights(work_dir))
    assert differ(*found)
    data = manifest.read(folder)
    config = make_config("sweep", given | {"work_dir": str(tmp_path / "sweep")})
    expected = data.cases(["train"]).each_image_alone().shares
    np.testing.assert_array_equal(ProbedRuns(config, data).learnt.shares, expected)


def test_weights_that_are_not_there_are_refused(data_dir):
    cases = manifest.read(data_dir).cases(["train"])
    with pytest.raises(InputError, match="--targets=weighted: .* the column label_weights"):
        head_loss.with_targets("weighted", cases, data_dir)
