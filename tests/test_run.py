"""Flags and configuration, as a user meets them."""

import json
import pathlib
import re
import subprocess
import sys

import flag_files
import pytest
from conftest import ROOT

from simclr_med.config.checked_config import make_config
from simclr_med.config.fields import FIELDS
from simclr_med.config.setting import TRAINING
from simclr_med.config.storage import from_json, to_json
from simclr_med.errors import EXIT_FAILED, InputError

PEERS = ROOT / ".venv-peers"
STACKS = [ROOT / folder for folder in (".venv", ".venv-current")]
DATA = {"data_dir": "d", "work_dir": "w"}


def command(*flags):
    arguments = [sys.executable, "-m", "simclr_med.run", *flags]
    return subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("mode", TRAINING)
def test_json_round_trip(mode):
    config = make_config(mode, DATA)
    assert from_json(to_json(config), "w") == config


def test_a_configuration_from_before_a_section_has_its_defaults():
    config = make_config("pretrain", {"data_dir": "d", "work_dir": "w"})
    content = json.loads(to_json(config))
    del content["sweep"]
    assert from_json(json.dumps(content), "w") == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0.0), ("steps", 0), ("width", -1.0), ("encoder", "resnet19"),
        ("positives", "patient"), ("splits", ("trian",)), ("init", "work/a"), ("momentum", 1.0),
        ("learning_rate", float("nan")), ("head_input", "encoder"), ("runs", ("a",)), ("typo", 1),
    ],
)  # fmt: skip
def test_a_bad_value_names_its_flag(name, value):
    with pytest.raises(InputError, match=f"--{name}"):
        make_config("pretrain", DATA | {name: value})


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("steps=5", "unexpected 'steps=5'"),
        ("--splits=train,", "splits"),
        ("--splits=train,train", "unlabelled, none twice"),
        ("--seed=5000000000", "seed"),
        ("--flagfile=nowhere.cfg", "nowhere.cfg"),
        ("--tempreature=1", "tempreature"),
        ("--steps=many", "steps"),
        ("--mode=train", "mode"),
    ],
)
def test_a_wrong_flag_exits_with_2(flag, named):
    done = command("--mode=pretrain", "--work_dir=unused", "--data_dir=unused", flag)
    assert done.returncode == 2
    assert named in done.stderr and "Traceback" not in done.stderr


def test_a_flagfile_that_is_not_utf_8_exits_with_2(tmp_path):
    (tmp_path / "a.cfg").write_text("--mode=pretrain\n", encoding="utf-16")
    done = command(f"--flagfile={tmp_path / 'a.cfg'}")
    assert done.returncode == 2 and "the file is not text in UTF-8" in done.stderr


@pytest.mark.parametrize("mode", ["linear_probe", "finetune", "sweep"])
def test_a_head_without_a_split_to_learn_from_is_refused(mode):
    with pytest.raises(InputError, match="--splits=: .*expected one or more of train"):
        make_config(mode, DATA | {"splits": ()})


def test_a_flagfile_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "a.cfg").write_text("--mode=pretrain\n--data_dir=/nowhere\n", encoding="utf-8-sig")
    done = command(f"--flagfile={tmp_path / 'a.cfg'}", f"--work_dir={tmp_path / 'w'}")
    assert done.returncode == 2 and "--data_dir=/nowhere not found" in done.stderr


def test_help_needs_no_tensorflow():
    code = (
        "import sys\nfrom simclr_med import run\nrun.define_flags()\n"
        "assert not {'tensorflow', 'pandas', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    done = command("--helpshort")
    assert done.returncode == 0 and "--temperature" in done.stdout


def test_tools_need_no_tensorflow():
    for tool in ("bootstrap", "make_phantom", "prepare_data", "inspect_data", "compare", "demo",
                 "show_views", "data_service"):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-X", "importtime", str(ROOT / "tools" / f"{tool}.py"), "--help"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and "tensorflow" not in done.stderr


@pytest.mark.parametrize("file", sorted((ROOT / "flags").glob("*.cfg")), ids=lambda f: f.stem)
def test_flagfiles_parse_and_hold_only_differences(file):
    given = flag_files.texts(file)
    mode = given.pop("mode")
    for name, text in given.items():
        field = FIELDS[name][1]
        kept = field.metadata["by_mode"].get(mode, field.default)
        assert flag_files.value(name, text) != kept, name
    values = {name: flag_files.value(name, text) for name, text in given.items()}
    make_config(mode, values | DATA | {"init": "random"})  # whose weights are not here


def test_a_flagfile_may_hold_another():
    file = ROOT / "flags" / "sweep_derm_supervised.cfg"
    done = command(f"--flagfile={file}", "--work_dir=unused", "--data_dir=/nowhere")
    assert done.returncode == 2 and "weights/keras is not the work folder of a run" in done.stderr
    done = command(
        f"--flagfile={file}", "--work_dir=unused", "--data_dir=/nowhere", "--init=random"
    )
    assert done.returncode == 2 and "/nowhere" in done.stderr


def test_flags_are_read_in_run_alone():
    for file in (ROOT / "simclr_med").rglob("*.py"):
        if file != ROOT / "simclr_med" / "run.py":
            assert not re.search("(from|import) absl", file.read_text()), file


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("phantom", ["--cases=4", "--workers=0"]),
        ("startup", ["--repeats=1"]),
        ("prepare", ["--rows=500"]),
        pytest.param(
            "memory",
            ["--batch_size=8", "--micro_batch=4", "--image_size=32", "--encoder=resnet18"],
            marks=pytest.mark.slow,  # it builds three networks, each in a process
        ),
        pytest.param(
            "scaling",
            ["--batch_sizes", "8", "--repeats=1"],
            marks=pytest.mark.slow,  # it traces the widest networks
        ),
        pytest.param(
            "train_step",
            ["--width=0.125", "--image_size=64", "--batch_size=2", "--repeats=1"],
            marks=pytest.mark.slow,  # it builds and traces a dozen networks
        ),
        pytest.param(
            "precision",
            ["--width=0.125", "--image_size=32", "--batch_size=2", "--rounds=1"],
            marks=pytest.mark.slow,  # it traces a network three times
        ),
        pytest.param(
            "first_step",
            ["--width=0.125", "--image_size=32", "--rounds=1"],
            marks=pytest.mark.slow,  # it traces a network twice
        ),
        pytest.param(
            "loop",
            ["--steps=2", "--repeats=1", "--batch_size=4"],
            marks=pytest.mark.slow,  # it traces a network three times
        ),
        pytest.param(
            "input_pipeline",
            ["--images=32", "--large=0", "--rounds=1"],
            marks=pytest.mark.slow,  # it traces KerasCV's layers
        ),
        pytest.param(
            "peers",
            [
                "--parts=step,run,pipeline",
                "--networks=resnet18:32:4",
                "--rounds=1",
                "--images=32",
                "--batch_size=8",
                "--steps=3",
                "--run_rounds=1",
            ],
            marks=[
                pytest.mark.slow,  # it trains with both stacks
                pytest.mark.skipif(not PEERS.exists(), reason="make peers"),
            ],
        ),
        pytest.param(
            "stacks",
            [
                "--networks=resnet18:32:4",
                "--precisions=float32",
                "--rounds=1",
                "--images=32",
                "--batch_size=8",
                "--steps=3",
            ],
            marks=[
                pytest.mark.slow,  # it trains with both stacks
                pytest.mark.skipif(not all(map(pathlib.Path.exists, STACKS)), reason="one stack"),
            ],
        ),
    ],
)
def test_benchmarks_write_their_ratios(name, flags, tmp_path):
    file = ROOT / "benchmarks" / f"{name}.py"
    done = subprocess.run(
        [sys.executable, str(file), *flags, f"--json={tmp_path / 'out.json'}"],
        capture_output=True,
        text=True,
    )
    # At this size a goal may be missed.
    assert done.returncode in (0, EXIT_FAILED), done.stderr
    assert json.loads((tmp_path / "out.json").read_text())["ratios"]


@pytest.mark.parametrize(
    ("name", "flags", "named"),
    [
        ("peers", ["--peers=nowhere"], "make peers"),
        ("peers", ["--parts=steps"], "--parts: 'steps'"),
        ("peers", ["--networks=resnet18:64"], "resnet18:64"),
        ("peers", ["--networks=vgg16:64:8"], "vgg16"),
        ("stacks", ["--card=nowhere"], "make ready VENV=.venv PYTHON=python3.11"),
        ("stacks", ["--parts=steps"], "--parts: 'steps'"),
    ],
)
def test_what_has_an_environment_of_its_own_says_what_it_lacks(name, flags, named):
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *flags],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert named in done.stderr and len(done.stderr.splitlines()) == 1
