"""The order of the packages, and the Python that the package is for."""

import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT


def on(python, *arguments):
    return subprocess.run([python, *arguments], capture_output=True, text=True, cwd=ROOT)


def test_imports_keep_the_contracts_of_setup_cfg():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = on(sys.executable, "-c", code, "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kept, 0 broken" in done.stdout


def outside_python():
    """A Python that the package refuses and that runs here, or None."""
    for version in ("3.9", "3.14", "3.15", "3.8"):
        found = shutil.which(f"python{version}")
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    return None


def test_another_python_is_refused_in_one_line():
    python = outside_python() or pytest.skip("there is no other Python here")
    done = on(python, "-m", "simclr_med.run", "--helpshort")
    assert done.returncode == 1 and not done.stdout
    assert len(done.stderr.splitlines()) == 1 and "simclr_med needs Python 3.10" in done.stderr


@pytest.mark.parametrize("minor", [9, 14, 15])
def test_another_python_can_catch_the_import(minor):
    code = f"""if True:
        import sys
        sys.version_info = type("V", (tuple,), {{"major": 3, "minor": {minor}}})((3, {minor}, 1))
        try:
            import simclr_med
        except ImportError as error:
            print(error)
    """
    done = on(sys.executable, "-c", code)
    assert f"this is Python 3.{minor}. Make an environment" in done.stdout, done.stderr


TOOLS = {path.name for path in (ROOT / "tools").glob("*.py")}


@pytest.mark.parametrize("tool", sorted(TOOLS - {"draw_packages.py"}))  # it imports no package
def test_a_tool_on_another_python_says_so_in_one_line(tool):
    code = """if True:
        import os, runpy, sys
        sys.version_info = type("Version", (tuple,), {"major": 3, "minor": 9})((3, 9, 18))
        sys.path.insert(0, os.path.dirname(sys.argv[1]))
        runpy.run_path(sys.argv[1], run_name="__main__")
    """
    done = on(sys.executable, "-c", code, str(ROOT / "tools" / tool))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: simclr_med needs Python")


def test_the_picture_shows_the_imports():
    code = "from tools import draw_packages as draw; print(draw.mermaid(draw.imports()))"
    picture = on(sys.executable, "-c", code)
    assert picture.stdout.strip() in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert "evaluation --> data" in picture.stdout, picture.stderr


def test_the_table_of_rooms_has_every_part_of_the_package():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = page.partition("## The rooms")[2].partition("\n## ")[0]
    parts = {path.stem for path in (ROOT / "simclr_med").iterdir() if path.suffix in ("", ".py")}
    parts -= {"__init__", "__pycache__"}
    assert {"data", "errors"} < parts
    assert not [name for name in sorted(parts) if not re.search(rf"\b{name}\b", rooms)]
