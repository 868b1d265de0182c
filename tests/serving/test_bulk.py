"""Predict and embed: evaluation's answers, of a folder, a table, DICOM files; kill or no kill."""

import csv
import functools
import json
import os
import pathlib
import shutil

import numpy as np
import pandas as pd
import pytest
from originals import picture, untrained

from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.evaluation import predictions
from simclr_med.preparation.images import dicom_image
from simclr_med.preparation.images.rewriting import png
from simclr_med.preparation.sources.dicom import Ids
from simclr_med.serving.bulk import models, parts, run
from simclr_med.serving.bulk.listing import listed
from simclr_med.training import features
from simclr_med.training.predict import predict_splits


@pytest.fixture(scope="module", autouse=True)
def loaded_once():
    """Each model is loaded and traced once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "load", functools.cache(models.load))
        yield


@pytest.fixture(scope="module")
def test_cases(data_dir):
    return manifest.read(data_dir).cases(["test"])


@pytest.fixture(scope="module")
def evaluated(exported_probe):
    """What evaluation says of the test split."""
    return predict_splits(for_existing_run("evaluate", str(exported_probe), {})).splits["test"]


@pytest.fixture(scope="module")
def table(test_cases, tmp_path_factory):
    """A CSV of the test split's images, turned round, so that cases are not in order."""
    owner = np.repeat(np.arange(len(test_cases)), np.diff(test_cases.offsets))
    rows = {
        "image": test_cases.paths,
        "case_id": test_cases.case_ids[owner],
        "patient_id": test_cases.patient_ids[owner],
    }
    file = tmp_path_factory.mktemp("table") / "images.csv"
    pd.DataFrame(rows).iloc[::-1].to_csv(file, index=False)
    return file


def answered(mode, work_dir, model, images, **given):
    """Run a mode with few images at a time; return its folder."""
    given |= {"work_dir": str(work_dir), "model": str(model), "images": str(images)}
    run.run(make_config(mode, {"eval_batch": 8} | given))
    return pathlib.Path(work_dir)


def read(file):
    return pd.read_csv(file, dtype={"case_id": str, "patient_id": str, "image": str})


@pytest.mark.parametrize("model", ["", "export", "export/3"])
def test_a_table_s_cases_are_predicted_as_evaluation_predicts_them(
    exported_probe, evaluated, table, test_cases, tmp_path, model
):
    found = read(
        answered("predict", tmp_path / "a", exported_probe / model, table) / "predictions.csv"
    ).set_index("case_id")
    made = evaluated
    predicted = found.pop("predicted").loc[made.case_ids]
    assert predicted.tolist() == [made.classes[k] for k in made.probabilities.argmax(axis=1)]
    assert list(found.columns[1:]) == [f"probability:{name}" for name in made.classes]
    assert len(found) == len(test_cases) < len(test_cases.paths)
    found = found.loc[made.case_ids]
    np.testing.assert_allclose(found.iloc[:, 1:], made.probabilities, atol=1e-5)
    assert found["patient_id"].tolist() == made.patient_ids.tolist()
    assert not (tmp_path / "a" / "skipped.csv").exists()
    origin = json.loads((tmp_path / "a" / "origin.json").read_text())
    assert origin["images"] == len(test_cases.paths) and origin["skipped"] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


def test_features_are_the_encoder_s_in_each_form(exported_probe, table, tmp_path):
    pytest.importorskip("pyarrow", reason="the extra parquet is missing")
    found = models.load(str(exported_probe), models.FEATURES, ()).trained
    order = read(table)["image"].tolist()
    expected = dict(
        zip(order, features.extract(found.nets.encoder, order, found.config), strict=True)
    )
    for form in ("npz", "csv", "parquet"):
        folder = answered("embed", tmp_path / form, exported_probe, table, features_format=form)
        file = folder / f"features.{form}"
        if form == "npz":
            with np.load(file) as saved:
                names, values, cases = saved["image"], saved["features"], saved["case_id"]
        elif form == "csv":
            frame = read(file)
            names, cases = frame["image"], frame["case_id"]
            values = frame.filter(like="feature_").to_numpy(np.float32)
        else:
            frame = pd.read_parquet(file)
            names, cases, values = frame["image"], frame["case_id"], np.stack(frame["features"])
        assert values.dtype == np.float32 and sorted(names) == sorted(order)
        wanted = np.stack([expected[name] for name in names])
        np.testing.assert_allclose(values, wanted, atol=1e-5)
        of_case = read(table).set_index("image")["case_id"]
        assert list(cases) == of_case.loc[list(names)].tolist()
    exported = answered("embed", tmp_path / "b", exported_probe / "export", table)
    with np.load(exported / "features.npz") as saved:
        wanted = np.stack([expected[name] for name in saved["image"]])
        np.testing.assert_allclose(saved["features"], wanted, atol=1e-4)


def bad_folder(folder):
    """Good images, and of each kind of bad ones."""
    (folder / "deeper").mkdir(parents=True)
    for i in range(5):
        picture(i).save(folder / "deeper" / f"{i}.png")
    good = (folder / "deeper" / "0.png").read_bytes()
    (folder / "cut.png").write_bytes(good[: len(good) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_bytes(b"nothing of an image")
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.mark.parametrize("model", ["", "export"])
def test_images_that_cannot_be_read_are_listed_and_the_others_answered(
    exported_probe, tmp_path, capsys, model
):
    images = bad_folder(tmp_path / "images")
    folder = answered("predict", tmp_path / "a", exported_probe / model, images)
    found = read(folder / "predictions.csv")
    assert found["case_id"].tolist() == [f"deeper/{i}.png" for i in range(5)]
    skipped = read(folder / "skipped.csv").set_index("image")["reason"]
    assert set(skipped.index) == {"cut.png", "empty.jpg", "text.png"}
    assert "is not JPEG" in skipped["text.png"] and len(skipped["cut.png"]) > 10
    printed = capsys.readouterr().out
    assert "5 of 8 images, 5 cases" in printed and "3 images cannot be read" in printed
    assert "files passed over, since they are no images: 1" in printed


def test_a_case_is_the_mean_of_what_can_be_read(exported_probe, tmp_path):
    images = bad_folder(tmp_path / "images")
    rows = [("deeper/0.png", "x"), ("cut.png", "x"), ("deeper/1.png", "y"), ("deeper/2.png", "x"),
            ("gone.png", "z"), ("deeper/3.png", "")]  # fmt: skip
    with open(images / "a.csv", "w", newline="") as file:
        csv.writer(file).writerows([("image", "case_id"), *rows])
    by_case = read(
        answered("predict", tmp_path / "a", exported_probe, images / "a.csv") / "predictions.csv"
    ).set_index("case_id")
    alone = read(
        answered("predict", tmp_path / "b", exported_probe, images) / "predictions.csv"
    ).set_index("case_id")
    alone, by_case = alone.iloc[:, 2:], by_case.iloc[:, 2:]
    assert by_case.index.tolist() == ["x", "y", "deeper/3.png"]
    mean = alone.loc[["deeper/0.png", "deeper/2.png"]].mean()
    np.testing.assert_allclose(by_case.loc["x"], mean, atol=1e-6)
    np.testing.assert_allclose(by_case.loc["y"], alone.loc["deeper/1.png"], atol=1e-6)
    skipped = read(tmp_path / "a" / "skipped.csv")
    assert skipped["image"].tolist() == ["cut.png", "gone.png"]
    assert skipped["reason"].tolist()[1] == "no such file"


def listing_of(folder, text, encoding="utf-8"):
    (folder / "a.csv").write_text(text, encoding=encoding)
    return listed(folder / "a.csv")


def test_what_only_says_unknown_is_neither_a_case_nor_a_patient(tmp_path):
    images = bad_folder(tmp_path / "images")
    rows = "".join(f"deeper/{i}.png;{case};NA\n" for i, case in enumerate(["nan", "NA", "x", "x "]))
    found = listing_of(images, f"image;case_id;patient_id\n{rows}")
    assert found.case_ids.tolist() == ["deeper/0.png", "deeper/1.png", "x", "x"]
    assert set(found.patient_ids) == {""}
    assert found.notes == (
        "a.csv: ';' was taken for what separates its columns",
        "2 images whose case is not known are cases of their own",
    )


def test_foreign_paths_of_a_table_are_sought_by_their_ends(tmp_path):
    images = bad_folder(tmp_path / "images")
    names = [rf"C:\\data\deeper\{i}.png" for i in range(3)]
    found = listing_of(images, "\n".join(["image", *names, ""]), "utf-16")
    assert found.images.tolist() == names
    assert found.places.tolist() == [str(images / "deeper" / f"{i}.png") for i in range(3)]
    assert found.notes[0].startswith("3 images: 'C:/data")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1.png,x,p\n2.png,x,q\n", "row 3, column patient_id: 'q' is another than in this case's"),
        ("1.png,x,p\n1.png,x,p\n", "row 3, column image: '1.png' stands in an earlier row of its"),
        ("1.png,x,p\n ,x,p\n", "row 3, column image: '' is empty"),
    ],
)
def test_a_wrong_row_of_the_table_is_named(rows, message, tmp_path):
    with pytest.raises(InputError, match=message):
        listing_of(tmp_path, f"image,case_id,patient_id\n{rows}")


def test_what_was_killed_goes_on_to_the_same_bytes(exported_probe, table, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "IMAGES", 16)
    whole = answered("predict", tmp_path / "whole", exported_probe, table)
    original, seen = models.OfRun.answers, []

    def answers(model, listing, first, *settings):
        for number, answer in enumerate(original(model, listing, first, *settings)):
            if not seen and number == 5:  # two parts are whole, and half of one
                seen.append(first)
                raise KeyboardInterrupt
            yield answer
        seen.append(first)

    monkeypatch.setattr(models.OfRun, "answers", answers)
    with pytest.raises(KeyboardInterrupt):
        answered("predict", tmp_path / "killed", exported_probe, table)
    assert not (tmp_path / "killed").exists()
    # A part that is not whole counts as none.
    second = tmp_path / ".killed.unfinished" / "parts" / f"{16:012}.npz"
    second.write_bytes(second.read_bytes()[:99])
    answered("predict", tmp_path / "killed", exported_probe, table)
    assert seen == [0, 16]
    assert contents(tmp_path / "killed") == contents(whole)
    # Of another table nothing is taken.
    shutil.copytree(tmp_path / "killed", tmp_path / ".other.unfinished")
    rows = read(table)
    rows.iloc[:-1].to_csv(tmp_path / "b.csv", index=False)
    other = answered("predict", tmp_path / "other", exported_probe, tmp_path / "b.csv")
    assert seen == [0, 16, 0] and contents(other) != contents(whole)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_dicom_files_are_shown_as_preparation_shows_them(exported_probe, tmp_path):
    pydicom = pytest.importorskip("pydicom", reason="the extra dicom is missing")
    source = pydicom.data.get_testdata_file("CT_small.dcm")
    for name in ("tree/study", "pngs"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(source, tmp_path / "tree" / "study" / "IM1")
    picture(1).save(tmp_path / "tree" / "a.png")
    content = pathlib.Path(source).read_bytes()
    (tmp_path / "tree" / "b.dcm").write_bytes(content[: len(content) // 2])
    (tmp_path / "pngs" / "IM1.png").write_bytes(png(dicom_image.render(source)))
    of_tree = answered("predict", tmp_path / "a", exported_probe, tmp_path / "tree")
    of_png = answered("predict", tmp_path / "b", exported_probe, tmp_path / "pngs")
    rows = read(of_tree / "predictions.csv").set_index("case_id")
    assert rows.index.tolist() == ["a.png", "study/IM1"]
    expected = read(of_png / "predictions.csv").iloc[0, 3:].to_numpy(float)
    np.testing.assert_allclose(rows.loc["study/IM1"].iloc[2:].to_numpy(float), expected, atol=1e-6)
    assert "b.dcm" in (of_tree / "skipped.csv").read_text()


def test_what_is_wrong_is_named_and_nothing_is_left(exported_probe, table, tmp_path):
    images = bad_folder(tmp_path / "images")
    (tmp_path / "none").mkdir()
    only_bad = tmp_path / "only_bad"
    only_bad.mkdir()
    (only_bad / "a.png").write_bytes(b"x")
    (tmp_path / "empty.csv").write_text("image\n,\n")
    (tmp_path / "columns.csv").write_text("file\na.png\n")
    encoder = tmp_path / "encoder"
    shutil.copytree(exported_probe, encoder, ignore=shutil.ignore_patterns("export", "task.json"))
    for mode, model, asked, message in (
        ("predict", tmp_path / "none", images, "expected the work folder of a run"),
        ("predict", tmp_path / "gone", images, "no such folder"),
        ("predict", exported_probe, tmp_path / "none", "holds no image"),
        ("predict", exported_probe, tmp_path / "gone", "not found"),
        ("predict", exported_probe, only_bad, "none of the 1 images can be read"),
        ("predict", exported_probe, tmp_path / "columns.csv", "no column image"),
        (
            "predict",
            exported_probe,
            images / "notes.txt",
            "expected a folder, an image or DICOM file, or a table",
        ),
        ("embed", exported_probe, only_bad, "none of the 1 images can be read"),
    ):
        with pytest.raises(InputError, match=message):
            answered(mode, tmp_path / "out", model, asked)
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))
    with pytest.raises(InputError, match="lies inside"):
        answered("predict", images / "out", exported_probe, images)
    with pytest.raises(InputError, match="is there already"):
        answered("predict", images, exported_probe, table)
    with pytest.raises(InputError, match="--seed has no effect with --mode=embed"):
        make_config("embed", {"seed": 1, "work_dir": "w", "model": "m", "images": "i"})
    for name in ("model", "images"):
        given = {"model": "m", "images": "i", "work_dir": "w"}
        with pytest.raises(InputError, match=f"--{name} is missing"):
            make_config("predict", {k: v for k, v in given.items() if k != name})


def test_a_run_without_a_head_has_features_alone(table, tmp_path):
    untrained("pretrain", "d", tmp_path / "pre")
    with pytest.raises(InputError, match="has no head: --mode=embed"):
        answered("predict", tmp_path / "a", tmp_path / "pre", table)
    folder = answered("embed", tmp_path / "b", tmp_path / "pre", table)
    with np.load(folder / "features.npz") as saved:
        assert len(saved["features"]) == len(read(table)) and saved["features"].std() > 0


def test_a_missing_extra_is_named(exported_probe, table, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install .*\[parquet\]"):
        answered("embed", tmp_path / "a", exported_probe, table, features_format="parquet")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["plain", "hashed"])
def test_dicom_files_are_cases_by_study_as_preparation_has_them(tmp_path, kind):
    pydicom = pytest.importorskip("pydicom", reason="the extra dicom is missing")
    header = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
    for i, study in enumerate(("1.2", "1.2", "1.3", "")):
        header.StudyInstanceUID, header.PatientID = study, f"p{study}"
        header.SOPInstanceUID = f"9.{i}"
        header.save_as(tmp_path / f"{i}.dcm")
    picture(1).save(tmp_path / "a.png")
    salt = {"plain": "", "hashed": "s"}[kind]
    found = listed(tmp_path, dicom_ids=kind, salt=salt)
    code = Ids(salt).code
    rows = dict(zip(found.images, zip(found.case_ids, found.patient_ids, strict=True), strict=True))
    assert rows["0.dcm"] == rows["1.dcm"] == (code("1.2"), code("p1.2"))
    assert rows["2.dcm"] == (code("1.3"), code("p1.3"))
    assert rows["3.dcm"] == ("3.dcm", code("p")) and rows["a.png"] == ("a.png", "")
    assert listed(tmp_path).case_ids.tolist() == found.images[np.argsort(found.images)].tolist()
    for wrong in ({"dicom_ids": "hashed"}, {"salt": "s"}):
        with pytest.raises(InputError, match="expected both or neither"):
            listed(tmp_path, **wrong)


def test_one_file_is_a_folder_of_one(tmp_path):
    picture(1).save(tmp_path / "a.png")
    picture(1).save(tmp_path / "b.png")
    found = listed(tmp_path / "a.png")
    assert found.images.tolist() == ["a.png"] and found.places.tolist() == [str(tmp_path / "a.png")]
    for name, content in (("a.txt", b"text"), ("a", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="expected a folder, an image or DICOM file"):
            listed(tmp_path / name)


def test_the_column_of_images_may_have_another_name(tmp_path):
    picture(1).save(tmp_path / "a.png")
    (tmp_path / "a.csv").write_text("Path,image,case_id\na.png,7,x\n")
    found = listed(tmp_path / "a.csv", image_column="Path")
    assert found.places.tolist() == [str(tmp_path / "a.png")]
    (tmp_path / "a.csv").write_text("Path,case_id\na.png,x\n,y\n")
    with pytest.raises(InputError, match="row 3, column Path: '' is empty"):
        listed(tmp_path / "a.csv", image_column="Path")
    with pytest.raises(InputError, match="no column image"):
        listed(tmp_path / "a.csv")


@pytest.mark.parametrize("model", ["", "export"])
def test_a_file_whose_name_is_not_utf_8_is_skipped_and_named(exported_probe, tmp_path, model):
    (tmp_path / "images").mkdir()
    picture(1).save(tmp_path / "images" / "a.png")
    name = os.fsdecode(b"b\xff.png")
    try:
        shutil.copy(tmp_path / "images" / "a.png", tmp_path / "images" / name)
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    folder = answered("predict", tmp_path / "a", exported_probe / model, tmp_path / "images")
    assert read(folder / "predictions.csv")["case_id"].tolist() == ["a.png"]
    skipped = (folder / "skipped.csv").read_text(encoding="utf-8")
    assert "b\\udcff.png,is not a name in UTF-8; rename it" in skipped


def test_predictions_with_a_truth_are_read_with_and_without_the_predicted_class(tmp_path):
    old = "case_id,patient_id,truth,probability:a,probability:b\n1,,a,0.4,0.6\n"
    new = "case_id,patient_id,predicted,truth,probability:a,probability:b\n1,,b,a,0.4,0.6\n"
    for name, text in (("old", old), ("new", new)):
        (tmp_path / name).write_text(text)
    made = [predictions.read(tmp_path / name) for name in ("old", "new")]
    np.testing.assert_array_equal(made[0].probabilities, made[1].probabilities)
    assert made[0].classes == made[1].classes == ("a", "b")
