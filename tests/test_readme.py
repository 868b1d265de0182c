"""What the README tells a newcomer to type works."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from shell import README, commands, run, run_here, words_of

import simclr_med
from benchmarks.prepare import write_chexpert
from simclr_med.config.checked_config import make_config
from simclr_med.config.fields import FIELDS

SMALLER = {"steps": 2, "batch_size": 16, "image_size": 32}
COMPARISON = [
    "--width=0.125", "--image_size=32", "--batch_size=16", "--pretrain_steps=2",
    "--head_steps=2", "--head_batch_size=16",
]  # fmt: skip


def pictures(folder, count):
    """A folder of small pictures without labels."""
    folder.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")


def test_a_folder_is_enough(tmp_path):
    pictures(tmp_path / "my_images", 8)
    pretrain, embed, prepare, *_ = commands()
    size = "--steps=2 --width=0.125"
    for line in (pretrain.replace("--hours=1", size), embed, prepare):
        done = run(line, tmp_path)
        assert done.returncode == 0, done.stderr
    assert "8 images of 8 cases" in done.stdout
    features = np.load(tmp_path / "work" / "features" / "features.npz")["features"]
    assert len(features) == 8
    assert (tmp_path / "my_data" / "manifest.csv").exists()


def imitations(folder):
    """Small files in place of every set that docs/data.md names."""
    pictures(folder / "my_images", 40)
    lines = [f"{i:03d}.png,l{i // 2},p{i // 4},{'ab'[i % 4 // 2]}\n" for i in range(40)]
    (folder / "my_table.csv").write_text("file,lesion,patient,diagnosis\n" + "".join(lines))
    for name in ("SCIN", "PAD-UFES-20", "HAM10000", "more_images"):
        (folder / name).mkdir()
    cases = [f"{i},FST3,{i}.png,,\n" for i in range(400)]
    labels = [f"{i},{{'{'Acne' if i % 2 else 'Eczema'}': 1.0}}\n" for i in range(400)]
    (folder / "SCIN" / "scin_cases.csv").write_text(
        "case_id,fitzpatrick_skin_type,image_1_path,image_2_path,image_3_path\n" + "".join(cases)
    )
    (folder / "SCIN" / "scin_labels.csv").write_text(
        "case_id,weighted_skin_condition_label\n" + "".join(labels)
    )
    (folder / "PAD-UFES-20" / "metadata.csv").write_text(
        "patient_id,lesion_id,fitspatrick,diagnostic,img_id\nP1,1,2.0,ACN,a.png\n"
        "P1,2,2.0,XXX,b.png\n"
    )
    (folder / "pad_to_scin.csv").write_text("from,to\nACN,Acne\n")
    lesions = [f"L{i},I{i},nv,80,male,back\n" for i in range(20)]
    (folder / "HAM10000" / "HAM10000_metadata.csv").write_text(
        "lesion_id,image_id,dx,age,sex,localization\n" + "".join(lesions[:-1])
        + lesions[-1].replace("nv", "mel")
    )  # fmt: skip
    write_chexpert(folder / "CheXpert-v1.0-small", 300, seed=0)
    for name in ("my_images/000.png", "my_images/001.png"):
        shutil.copy(folder / name, folder / "more_images")


def test_every_command_of_the_page_on_data(data_dir, tmp_path, monkeypatch):
    imitations(tmp_path)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(data_dir, tmp_path / "work" / "other_data")
    lines = commands((ROOT / "docs" / "data.md").read_text(encoding="utf-8"))
    assert len(lines) == 9
    for line in lines:
        if "--source=dicom" in line:
            pydicom = pytest.importorskip("pydicom", reason="make extras installs dicom")
            shutil.copy(pydicom.data.get_testdata_file("CT_small.dcm"), tmp_path / "a.dcm")
            (tmp_path / "archive").mkdir()
            (tmp_path / "a.dcm").rename(tmp_path / "archive" / "a.dcm")
        elif "prepare_data" in line and "my_" not in line:
            line += " --check_images=none"  # these imitations have no pictures
        elif "--mode=pretrain" in line:
            for name, value in SMALLER.items():
                line = re.sub(rf"--{name}=\d+", f"--{name}={value}", line)
        if "my_table" in line:
            line = line.replace("work/my_data", "work/from_table")
        if "tools/" in line:
            assert not run_here(words_of(line), monkeypatch), line
        else:
            done = run(line, tmp_path)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert (tmp_path / "work" / "pad" / "unmapped.csv").exists()


def test_every_command_of_the_page_on_views(data_dir, tmp_path, monkeypatch, capsys):
    shutil.copytree(data_dir, tmp_path / "my_data")
    lines = commands((ROOT / "docs" / "views.md").read_text(encoding="utf-8"))
    served = [line for line in lines if "data_service.py" in line]  # test_service has them
    assert len(served) == 2 and len(lines) == 5
    first, *others = [f"{x} --rows=2 --views=2 --image_size=32" for x in lines if x not in served]
    done = run(first, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "I0000" not in done.stderr  # XLA's announcement
    written = [done.stdout.strip()]
    monkeypatch.chdir(tmp_path)
    for line in others:
        assert not run_here(words_of(line), monkeypatch)
        written.append(capsys.readouterr().out.strip())
    assert len({(tmp_path / file).read_bytes() for file in written}) == 3


def test_every_command_of_the_page_on_scale_is_a_run():
    """TPUs and GPUs are not here: the flags are checked, and the loop for machines that go away."""
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    (run,) = re.findall(r'^    RUN="python -m simclr_med.run (.*)"$', page, re.M)
    lines = re.findall(r"^    (?:until )?\$RUN ([^;\n]*)", page, re.M)
    assert len(lines) == 6
    seen = set()
    for line in lines:
        given = {}
        words = f"{run} {line}".split()
        (file,) = [word for word in words if "--flagfile=" in word]
        words += (ROOT / file.partition("=")[2]).read_text().split("\n")
        for word in words:
            name, _, value = word.removeprefix("--").partition("=")
            if name == "mode":
                mode = value
            elif word.startswith("--") and name != "flagfile":
                kind = FIELDS[name][1].type if name in FIELDS else str
                given.setdefault(name, True if kind is bool and not value else kind(value))
        seen.add(make_config(mode, given).distribute.strategy)
    assert seen == {"one", "mirrored", "multi_worker", "tpu"}
    (loop,) = re.findall(r"^    (until .*)$", page, re.M)
    for ends, runs in (("0", 1), ("2 0", 1), ("143 75 137 0 0", 4), ("75 1 0", 2)):
        script = f"codes='{ends}'; runs=0\n"
        script += "next() { set -- $codes; codes=${codes#* }; runs=$((runs + 1)); return $1; }\n"
        script += loop.replace("$RUN", "next").replace("sleep 10", ":") + "; exit $runs"
        assert subprocess.run(["bash", "-c", script], timeout=20).returncode == runs
    tasks = re.findall(r"TF_CONFIG='(.*)'", page)
    assert [json.loads(task)["task"] for task in tasks] == [{"type": "worker", "index": 0}]


def test_step_by_step_to_an_export_and_the_bootstrap(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path / "my_data")
    lines = [line for line in commands() if re.search("micle|probe", line)]
    pretrain, probe, evaluate, export, serve = lines
    assert serve.endswith("serve work/probe/export")
    small = "--steps=2 --width=0.125 --batch_size=16 --image_size=32"
    pretrain = pretrain.replace("--steps=1000", small)
    for line in (pretrain, f"{probe} --batch_size=16 --steps=2", evaluate, export):
        done = run(line, tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "work" / "probe" / "export" / "1" / "saved_model.pb").exists()
    predictions = "work/probe/predictions/test.csv"
    assert "`simclr-med bootstrap A.csv B.csv`" in README
    done = run(f"simclr-med bootstrap A={predictions} B={predictions}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "AUC" in done.stdout and "+0.0000 [+0.0000, +0.0000]" in done.stdout
    assert "`--config=work/micle/config.json --seed=1`" in README
    line = "simclr-med pretrain my_data --work_dir=work/again --config=work/micle/config.json"
    done = run(f"{line} --seed=1", tmp_path)
    assert done.returncode == 0, done.stderr
    settings = json.loads((tmp_path / "work" / "again" / "config.json").read_text())
    assert settings["seed"] == 1 and settings["train"]["steps"] == 2


@pytest.mark.usefixtures("shortest_encoder")
def test_the_lines_of_python(data_dir, tmp_path, monkeypatch, capsys):
    shutil.copytree(data_dir, tmp_path / "my_data")
    monkeypatch.chdir(tmp_path)
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.S)
    small = "steps=2, batch_size=16, image_size=32, width=0.125"
    snippet = snippet.replace("hours=1", f"hours=1, {small}")
    snippet = snippet.replace("init=run)", "init=run, steps=2, batch_size=16)")
    exec(snippet, {})
    assert "top1_accuracy" in capsys.readouterr().out
    assert (tmp_path / "work" / "page" / "report.html").exists()


@pytest.mark.slow  # the demo, which CI runs, makes the same comparison
def test_the_comparison(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path / "my_data")
    (line,) = [line for line in commands() if " compare " in line]
    done = run(f"{line} {' '.join(COMPARISON)}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "work" / "compare" / "report" / "report.html").exists()


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_console_command():
    command = pathlib.Path(sys.executable).with_name("simclr-med")
    if not command.exists():
        pytest.skip("not installed: pip install -e .")
    done = subprocess.run([command, "--helpshort"], capture_output=True, text=True)
    assert done.returncode == 0 and "--temperature" in done.stdout


def test_another_python_is_told_which_to_use(tmp_path):
    for name in ("Makefile", "requirements-current.lock", "setup.cfg"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    code = "import sys; sys.version_info = (3, 15, 1); exec(sys.argv[1])"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$2"\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "demo", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and not (tmp_path / ".venv").exists()
    assert "simclr_med needs Python 3.10 to 3.13, found 3.15" in done.stderr


@pytest.mark.usefixtures("shortest_encoder")
def test_the_page_on_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        pictures(tmp_path / name, 12)
    (tmp_path / "my_images").mkdir()
    for name in ("a", "b"):
        (tmp_path / name).rename(tmp_path / "my_images" / name)
    for number in range(12):  # no copy under two labels
        pixels = np.random.default_rng(100 + number).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "my_images" / "b" / f"{number:03d}.png")
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.S)
    small = "steps=2, batch_size=4"
    snippet = snippet.replace("hours=1", f"hours=1, {small}, image_size=32, width=0.125")
    snippet = snippet.replace("seed=1", f"seed=1, {small}")
    given = {}
    exec(snippet, given)
    assert len(given["answers"]) == len(given["features"]) == 24
    assert "value" in capsys.readouterr().out
    table = re.findall(r"^\| `(\w+)|`(\w+)[(`]", page.split("| verb")[1], re.M)
    named = {name for pair in table for name in pair if name}
    assert {*simclr_med.VERBS} <= named
