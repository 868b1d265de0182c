"""Installed packages: an extra that is missing is told by a command that a shell takes as it is."""

import configparser
import pathlib
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT

from simclr_med import packages

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
EXTRAS = sorted(SETUP["options.extras_require"])


@pytest.mark.parametrize("extra", EXTRAS)
def test_in_a_clone_the_command_takes_the_lock(extra):
    words = shlex.split(packages.command(extra))
    assert words[:4] == [sys.executable, "-m", "pip", "install"]
    assert pathlib.Path(words[words.index("-c") + 1]).is_file()
    assert words[-1] == f"{ROOT}[{extra}]"


@pytest.mark.parametrize("extra", EXTRAS)
def test_without_a_clone_the_command_names_the_package(extra, monkeypatch, tmp_path):
    monkeypatch.setattr(packages, "CLONE", tmp_path)
    text = packages.command(extra)
    assert text.endswith(f"'simclr_med[{extra}]'")  # zsh takes bare brackets for a pattern
    monkeypatch.setattr(sys, "executable", "/a path/python")
    assert packages.command(extra).startswith("'/a path/python' -m pip")


def test_a_shell_leaves_the_brackets_alone(tmp_path):
    (tmp_path / "simclr_medo").write_text("")  # it would match the pattern [onnx]
    said = packages.command("onnx").replace(shlex.quote(sys.executable), "echo", 1)
    done = subprocess.run(["sh", "-c", said], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip().endswith("[onnx]")


def test_one_place_says_how_to_install():
    files = [*(ROOT / "simclr_med").rglob("*.py"), *(ROOT / "tools").glob("*.py")]
    said = [path.name for path in files if "pip install" in path.read_text(encoding="utf-8")]
    assert not said


def test_every_extra_that_is_asked_for_exists():
    files = [*(ROOT / "simclr_med").rglob("*.py"), *(ROOT / "tools").glob("*.py")]
    texts = "".join(path.read_text(encoding="utf-8") for path in files)
    for extra in EXTRAS:
        asked = f'packages.missing("{extra}"' in texts or f'packages.command("{extra}"' in texts
        assert asked or extra in ("test", "safetensors"), extra


def test_versions_are_those_of_the_modules():
    import numpy as np

    assert f"NumPy {np.__version__}" in packages.versions()
    assert packages.versions().startswith(f"Python {sys.version.split()[0]}, TensorFlow 2.")
