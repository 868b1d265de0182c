"""The commands that documents tell people to type, and a shell that runs them."""

import os
import re
import subprocess
import sys

from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(text=README):
    """Return the indented commands of a document, as a shell would see them, in order."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    return [line for line in lines if re.match(r"python |D=", line)]


def run(line, cwd):
    """Return the completed process of a command that a document gives, run in the folder `cwd`."""
    line = line.replace("python ", f"{sys.executable} ", 1).replace(" tools/", f" {ROOT}/tools/")
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(line, shell=True, cwd=cwd, capture_output=True, text=True, env=env)
