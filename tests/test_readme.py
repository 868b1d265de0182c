"""What the README tells a newcomer to type works."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SMALLER = {"steps": 2, "batch_size": 16, "image_size": 32}
COMPARISON = [
    "--width=0.0625", "--image_size=32", "--batch_size=16", "--pretrain_steps=2",
    "--head_steps=2", "--head_batch_size=16",
]  # fmt: skip


def commands():
    """The indented commands, as a shell would see them, in order."""
    lines = [line.strip() for line in README.splitlines() if line.startswith("    ")]
    return [line for line in lines if re.match(r"python |D=", line)]


def run(line, cwd):
    line = line.replace("python ", f"{sys.executable} ", 1).replace(" tools/", f" {ROOT}/tools/")
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(line, shell=True, cwd=cwd, capture_output=True, text=True, env=env)


def test_one_s_own_images_and_the_bootstrap(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path / "my_data")
    setting, *lines = [line for line in commands() if "compare.py" not in line]
    assert len(lines) == 4
    for line in lines[:3]:
        for name, value in SMALLER.items():
            line = re.sub(rf"--{name}=\d+", f"--{name}={value}", line)
        if "linear_probe" in line:
            line += " --batch_size=16 --steps=2"
        done = run(f"{setting}\n{line}", tmp_path)
        assert done.returncode == 0, done.stderr
    predictions = "work/probe/predictions/test.csv"
    done = run(re.sub(r"A.csv B.csv", f"{predictions} {predictions}", lines[3]), tmp_path)
    assert "no significant difference" in done.stdout, done.stderr


def test_the_comparison(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path / "my_data")
    (line,) = [line for line in commands() if "compare.py" in line]
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
    for name in ("Makefile", "requirements.lock", "setup.cfg"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    code = "import sys; sys.version_info = (3, 13, 1); exec(sys.argv[1])"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$2"\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "demo", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and not (tmp_path / ".venv").exists()
    assert "simclr_med needs Python 3.10 or 3.11, found 3.13" in done.stderr
