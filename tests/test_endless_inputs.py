"""Inputs that never end: pipes, devices and sockets in the place of files, patterns without end."""

import json
import os
import socket
import sys
import time

import numpy as np
import pytest
from PIL import Image

from simclr_med.command import import_weights
from simclr_med.config.storage import load_config
from simclr_med.data import manifest
from simclr_med.encoders import checkpoint
from simclr_med.errors import InputError
from simclr_med.evaluation import evaluated_runs, predictions
from simclr_med.files import atomic, stored, tables, text
from simclr_med.preparation import path_pattern
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import Settings
from simclr_med.serving.bulk.listing import listed
from simclr_med.serving.rest.exported import loaded

pytestmark = pytest.mark.timeout(60)
TABLES = {
    "ham10000": "HAM10000_metadata.csv", "pad_ufes": "metadata.csv", "ddi": "ddi_metadata.csv",
    "csv": "table.csv", "chexpert": "train.csv", "chestxray14": "Data_Entry_2017.csv",
    "fitzpatrick17k": "fitzpatrick17k.csv", "isic2020": "train.csv", "scin": "scin_cases.csv",
    "medmnist": "dermamnist.npz", "folders": "a/x.png", "dicom": "x.dcm",
}  # fmt: skip
OPTIONS = {"csv": {"image_column": "image"}, "dicom": {"plain_ids": True}}


@pytest.fixture(params=["pipe", "device", "socket"])
def endless(request, tmp_path, monkeypatch):
    """A function that makes one at a path."""

    def make(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "device":
            path.symlink_to("/dev/zero")
        else:
            monkeypatch.chdir(path.parent)  # a socket's path is short
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(path.name)
        return path

    return make


@pytest.mark.parametrize(
    "read",
    [
        text.read_text,
        lambda path: tables.read_table(path, ()),
        lambda path: stored.read_text(path, "make it again"),
        lambda path: stored.read_json(path, {}, "make it again"),
        predictions.read,
        lambda path: evaluated_runs.read_run("a", path),
        lambda path: prepare("csv", path, path.parent / "out", Settings(), {}),
        listed,
    ],
)
def test_a_file_that_never_ends_is_refused(read, endless, tmp_path):
    with pytest.raises(InputError, match=r"is a (pipe|device|socket); expected a file"):
        read(endless(tmp_path / "a.csv"))


@pytest.mark.parametrize("source", TABLES)
def test_a_source_refuses_it(source, endless, tmp_path):
    endless(tmp_path / "in" / TABLES[source])
    with pytest.raises(InputError, match="a (pipe|device|socket)|not found|is no file"):
        prepare(source, tmp_path / "in", tmp_path / "out", Settings(), OPTIONS.get(source, {}))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["mapping", "classes", "map_to"])
def test_a_setting_s_file(flag, endless, tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    settings = Settings(**{flag: str(endless(tmp_path / "x"))})
    with pytest.raises(InputError, match=rf"--{flag}=.* is a (pipe|device|socket)"):
        prepare("folders", tmp_path / "in", tmp_path / "out", settings, {})


@pytest.mark.parametrize("name", ["dataset.json", "manifest.csv", "a.png"])
def test_a_data_set_folder(name, endless, tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    info = {"name": "x", "task": "multiclass", "classes": ["a", "b"], "image_root": "."}
    (tmp_path / "dataset.json").write_text(json.dumps(info))
    (tmp_path / "manifest.csv").write_text(
        "image,case_id,patient_id,split,labels\na.png,1,,train,a"
    )
    endless(tmp_path / name)
    with pytest.raises(InputError, match="a (pipe|device|socket)|is missing"):
        manifest.read(tmp_path).cases(["train"])


def test_a_checksum_and_what_has_one(endless, tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic.sha256(endless(tmp_path / "a"))
    weights = np.zeros(2, np.float32)
    checkpoint.save(tmp_path, {"a": weights}, 1, keep=1)
    endless(tmp_path / "checkpoints" / "1" / "weights.npz")
    with pytest.raises(InputError):
        checkpoint.restore_latest(tmp_path, {})
    endless(tmp_path / "config.json")
    with pytest.raises(InputError, match="a (pipe|device|socket)"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.index", "assets/labels.txt"]
)
def test_an_export(name, endless, tmp_path):
    endless(tmp_path / name)
    with pytest.raises(InputError, match="is a (pipe|device|socket)"):
        loaded(tmp_path)


@pytest.mark.parametrize("source", import_weights.SOURCES)
@pytest.mark.parametrize("name", ["w.npz", "folder/saved_model.pb"])
def test_weights_of_others(source, name, endless, tmp_path, monkeypatch):
    endless(tmp_path / name)
    given = f"--input={tmp_path / name.partition('/')[0]}"
    arguments = ["import", f"--source={source}", given, f"--output={tmp_path / 'out'}"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(InputError, match="is a (pipe|device|socket)"):
        import_weights.main()


def test_what_is_no_file_among_images_is_named(endless, tmp_path):
    for label in "ab":
        (tmp_path / "in" / label).mkdir(parents=True)
        for number in range(9):
            noise = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(noise).save(tmp_path / "in" / label / f"{number}.png")
    endless(tmp_path / "in" / "a" / "x.png")
    with pytest.raises(InputError, match=r"'a/x\.png' is a (pipe|link)"):
        prepare("folders", tmp_path / "in", tmp_path / "out", Settings(), {})


@pytest.mark.parametrize(
    "text", ["(?P<case>(a+)+)$", "(?P<case>(a|a)*)b", "(?P<patient>(.*a){20})$"]
)
def test_a_pattern_of_exponential_time_is_named(text):
    path = "x/" + "a" * 60 + "!.png"
    begun = time.monotonic()
    with pytest.raises(InputError) as caught:
        path_pattern.search_all(text, ["b", path], seconds=1)
    assert time.monotonic() - begun < 20
    assert str(caught.value).startswith(f"--path_pattern={text}: takes more than")
    assert repr(path) in str(caught.value)


def test_a_sound_pattern_of_many_paths_is_no_matter():
    text = r"(?P<patient>[^/]+)_[^/]*$"
    found = path_pattern.search_all(text, [f"p{i}_1.png" for i in range(10**5)])
    assert found[:2] == [{"patient": [0, 2]}] * 2 and len(found) == 10**5


@pytest.mark.parametrize("text", ["(", "(?P<case>a{99999999999})", "(" * 10**4, "a", "(?P<x>a)"])
def test_a_text_that_is_no_pattern(text):
    with pytest.raises(InputError, match="^--path_pattern="):
        path_pattern.groups_of(text)
