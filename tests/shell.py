"""The commands that documents tell people to type, and a shell that runs them."""

import os
import re
import runpy
import shlex
import subprocess
import sys

import pytest
import short_run
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(text=README):
    """Return the indented commands of a document, as a shell would see them, in order."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    return [line for line in lines if re.match(r"python |D=|simclr-med ", line)]


def run(line, cwd):
    """Return the completed process of a command that a document gives, run in the folder `cwd`.

    ResNet-18s are those of short_run.py.
    """
    line = re.sub(r"^simclr-med ", f"python {short_run.__file__} ", line, flags=re.M)
    line = line.replace("-m simclr_med.run", short_run.__file__).replace(
        " tools/", f" {ROOT}/tools/"
    )
    line = line.replace("python ", f"{sys.executable} ", 1)
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(line, shell=True, cwd=cwd, capture_output=True, text=True, env=env)


def run_here(words, monkeypatch):
    """Run a tool in this process, which has imported TensorFlow; return its exit code.

    Args:
      words: of its command, from tools/ on.
    """
    tool, *arguments = map(str, words)
    monkeypatch.setattr(sys, "argv", [tool, *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / tool), run_name="__main__")
    return ended.value.code


def words_of(line):
    """Return the words of a document's command, less `python`."""
    return shlex.split(line)[1:]
