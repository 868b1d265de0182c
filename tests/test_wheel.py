"""The wheel holds all of it: the demo runs from it alone, without the repository or a network."""

import os
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT

OFFLINE = """
import socket
def refused(self, address, *rest):
    raise AssertionError(f"a connection to {address}")
socket.socket.connect = socket.socket.connect_ex = refused
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the repository's files."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others"]
    names = subprocess.run(
        [*listed, "--exclude-standard"], check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, names.split("\0")):
        if name.startswith(("simclr_med", "flags", "setup.cfg", "pyproject", "README", "LICENSE")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_symlink():
                (source / name).symlink_to(os.readlink(ROOT / name))
            elif (ROOT / name).exists():
                (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
         "--no-index", "-w", str(built), str(source)], check=True,
    )  # fmt: skip
    (file,) = built.glob("*.whl")
    return file


def test_it_has_every_module_page_and_file_of_flags(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("*.py", "*.html", "*.csv", "*.cfg", "*.args"):
        for path in (ROOT / "simclr_med").rglob(kind):
            assert path.relative_to(ROOT).as_posix() in held, path
    for path in (ROOT / "flags").iterdir():
        assert f"simclr_med/flags/{path.name}" in held
    assert any(name.endswith("LICENSE") for name in held)


def test_the_demo_runs_from_it_alone_and_asks_no_network(wheel, tmp_path):
    site, here = tmp_path / "site", tmp_path / "here"
    here.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    (site / "sitecustomize.py").write_text(OFFLINE)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}

    def run(*words):
        done = subprocess.run(
            [sys.executable, *words], cwd=here, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run("-c", "import simclr_med; print(simclr_med.__file__)")
    assert where.strip().startswith(str(site))
    said = run("-m", "simclr_med", "demo", "--short", "--work_dir=work")
    assert (here / "work" / "short" / "report" / "report.html").exists(), said
    assert "simclr_med 0." in run("-m", "simclr_med", "--version")
    shown = run("-m", "simclr_med", "sweep", "--flagfile=paper/sweep_derm_random", "--help")
    assert "--learning_rates" in shown
