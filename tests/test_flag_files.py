"""The files of flags train what they say: one step, on a small network, each from its own start."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import flag_files
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from simclr_med import modes
from simclr_med.command import compare
from simclr_med.config.checked_config import make_config
from simclr_med.evaluation.paper.figures import FINDINGS
from simclr_med.training import pretrain
from simclr_med.training.heads import train_head
from simclr_med.training.sweep import train_sweep

RUN = {"pretrain": pretrain.run, "finetune": train_head.run, "sweep": train_sweep.run}
RUN["report"] = modes.report
NETWORK = {"encoder": "resnet18", "width": 0.125}
TINY = {"image_size": 32, "batch_size": 16, "steps": 1}
ONE = {"learning_rates": ("0.1",), "weight_decays": ("0",), "seeds": 1, "bootstrap_replicates": 40}
SOURCES = {
    "weights/simclr": "r50 (google-research/simclr, resnet50)",
    "weights/keras": "w.h5 (keras.applications' ResNet, v1)",
    "weights/bit": "w.npz (google-research/big_transfer, r101)",
}
# A start of some file, to the file that makes it and to that one's own start.
MADE_BY = {
    "work/simclr_derm": ("simclr_derm", "random"),
    "work/simclr_imagenet_derm": ("simclr_derm", "imported:weights/simclr"),
    "work/micle_imagenet_derm": ("micle_derm", "run:work/simclr_imagenet_derm"),
    "work/simclr_chexpert": ("simclr_chexpert", "random"),
    "work/simclr_imagenet_chexpert": ("simclr_chexpert", "imported:weights/simclr"),
}
STARTS = {
    "": "Random Initialization",
    "_bit": "BiT Supervised",
    "_imagenet": "SimCLR ImageNet",
    "_imagenet_micle": "MICLe ImageNet→in-domain",
    "_imagenet_simclr": "SimCLR ImageNet→in-domain",
    "_random": "Random Initialization",
    "_simclr": "SimCLR in-domain",
    "_supervised": "Supervised ImageNet",
}
QUICK = ("simclr_chexpert",)

pytestmark = pytest.mark.usefixtures("shortest_encoder")


@pytest.fixture(scope="module")
def place(data_dir, tmp_path_factory):
    """A folder with skin/, chest/, and the trainings and weights that were asked for."""
    folder = tmp_path_factory.mktemp("flags")
    (folder / "skin").symlink_to(data_dir)
    chest = folder / "chest"
    shutil.copytree(data_dir, chest)
    info = json.loads((chest / "dataset.json").read_text())
    del info["other_class"]
    info |= {"task": "multilabel", "classes": FINDINGS}
    (chest / "dataset.json").write_text(json.dumps(info))
    table = pd.read_csv(chest / "manifest.csv", dtype=str, keep_default_na=False)
    owners, case = np.unique(table["case_id"], return_inverse=True)
    for i, finding in enumerate(FINDINGS):
        drawn = np.random.default_rng(i).choice(["1", "0", "-1", ""], len(owners))
        table[finding] = np.where(table["split"] == "unlabelled", "", drawn[case])
    table.drop(columns="labels").to_csv(chest / "manifest.csv", index=False)
    return folder


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)


def begin(init):
    """Make what a training starts from, unless it is there."""
    kind, _, folder = init.partition(":")
    if kind == "imported" and not pathlib.Path(folder).exists():
        imported(pathlib.Path(folder))
    if kind == "run" and not pathlib.Path(folder).exists():
        file, before = MADE_BY[folder]
        trained(file, folder, init=before)


def imported(folder):
    """Leave a small network as one that was imported."""
    given = {"data_dir": "skin", "work_dir": str(folder), **NETWORK, **TINY}
    pretrain.run(make_config("pretrain", given))
    for name, changed in (("config", {"mode": "imported"}),
                          ("input", {"source": SOURCES[str(folder)]})):  # fmt: skip
        file = folder / f"{name}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changed))


def trained(file, folder, **flags):
    """Run a file of flags for a step."""
    path = ROOT / "flags" / f"{file}.cfg"
    mode = flag_files.texts(path)["mode"]
    given = flag_files.of_command(mode, [path], flags)
    begin(given.setdefault("init", "random"))
    if given["init"] == "random":
        given |= NETWORK
    given |= TINY | (ONE if mode == "sweep" else {})
    given |= {"data_dir": "chest" if "chexpert" in file else "skin", "work_dir": folder}
    RUN[mode](make_config(mode, given))
    return pathlib.Path(folder)


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(path.stem, marks=() if path.stem in QUICK else pytest.mark.slow)
        for path in sorted((ROOT / "flags").glob("*.cfg"))
    ],
)
def test_each_file_trains_from_its_own_start(file, here):
    before = {"trial_micle": "run:work/simclr_derm", "micle_derm": "run:work/simclr_imagenet_derm"}
    flags = {"init": before[file]} if file in before else {}
    folder = trained(file, f"runs/{file}", **flags)
    config = json.loads((folder / "config.json").read_text())
    if config["mode"] != "sweep":
        assert len(pd.read_csv(folder / "log.csv")) == 1
        return
    kept = pd.read_csv(folder / "summary.csv")
    _, _, which = file.removeprefix("sweep_").partition("_")
    start = STARTS["_" + which] if file.startswith("sweep_") and which else STARTS[""]
    assert set(kept["start"]) == {start} and (kept["split"] == "test").all()
    assert kept["mean"].notna().all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "only", "rows"),
    [
        ("derm", "B.5,B.6", ["Supervised ImageNet", "SimCLR Derm", "SimCLR ImageNet→Derm",
                             "MICLe ImageNet→Derm"]),
        ("chexpert", "B.6,B.8,B.9", ["Supervised ImageNet", "SimCLR ImageNet", "SimCLR CheXpert",
                                     "SimCLR ImageNet→CheXpert"]),
    ],
)  # fmt: skip
def test_the_paper_s_grids_come_into_its_tables(name, only, rows, here, monkeypatch):
    """The command of a file of options from pretraining to the tables, on the smallest sizes."""

    def in_process(mode, work_dir, *files, **flags):
        given = flag_files.of_command(mode, files, flags) | {"work_dir": str(work_dir)}
        if mode != "pretrain":
            given["bootstrap_replicates"] = 40
        RUN[mode](make_config(mode, given))

    monkeypatch.setattr(compare, "simclr_med", in_process)
    for folder in ("weights/simclr", "weights/keras"):
        begin(f"imported:{folder}")
    work = pathlib.Path(f"grids/{name}")
    pages = compare.compare(compare.parse([
        f"@{ROOT / 'flags' / f'compare_{name}.args'}", f"--work_dir={work}",
        f"--data_dir={'chest' if name == 'chexpert' else 'skin'}",
        "--starts=ImageNet=imported:weights/simclr,Supervised=imported:weights/keras",
        "--encoder=resnet18", "--width=0.125", "--image_size=32", "--head_image_size=32",
        "--pretrain_steps=1", "--batch_size=16", "--head_steps=1", "--head_batch_size=16",
        "--learning_rates=0.1", "--weight_decays=0", "--label_fractions=0.5,1", "--seeds=1",
    ]))  # fmt: skip
    assert all(page.exists() for page in pages) and len(pages) == 2
    folders = sorted(work.glob("finetune_*"))
    tool = [sys.executable, ROOT / "tools" / "paper_tables.py", *folders, f"--only={only}"]
    done = subprocess.run([*map(str, tool)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours = [line for line in done.stdout.splitlines() if "ResNet-18 (0.125×)" in line]
    for row in rows:
        numbers = [line for line in ours if f"  {row}  " in line and re.search(r"0\.\d{4}", line)]
        assert numbers, (row, done.stdout)
    for folder in folders if name == "derm" else ():  # findings are by image
        (metrics,) = folder.glob("chosen/labels_50_*/metrics.json")
        value = json.loads(metrics.read_text())["splits"]["test"]["metrics"]["top1_accuracy"]
        assert any(f"{value['value']:.4f}" in line for line in ours)
