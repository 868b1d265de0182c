"""From a checkpoint to curl: what docs/serving.md tells people to type."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest
from conftest import ROOT
from originals import picture

from simclr_med.config.checked_config import make_config
from simclr_med.serving.bulk import run

pytest.importorskip("starlette", reason="the extra serving is missing")
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def python_in(folder):
    """Return an environment in which `python` is ours."""
    folder.mkdir()
    command = folder / "python"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    command.chmod(0o755)
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is missing")
def test_from_a_checkpoint_to_curl_in_five_lines(exported_probe, tmp_path):
    lines = re.search(r"\n\n((?:    .*\n){5})\n", PAGE)[1]
    assert "--mode=export" in lines.splitlines()[0] and "curl" in lines.splitlines()[4]
    shutil.copytree(exported_probe, tmp_path / "work" / "probe")
    (tmp_path / "my_images").mkdir()
    picture(1).save(tmp_path / "my_images" / "a1.jpg")
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    script = f"set -e\n{lines.replace('8501', str(free_port()))}\nkill $!\nwait $!\n"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=python_in(tmp_path / "bin"),
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (answer,) = json.loads(done.stdout[done.stdout.index('{"predictions"') :])["predictions"]
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5) and answer["error"] == ""
    assert "version 4" in (tmp_path / "served.txt").read_text()


def test_images_at_once_as_the_page_has_them(exported_probe, tmp_path, monkeypatch, capsys):
    shutil.copytree(exported_probe, tmp_path / "work" / "probe")
    (tmp_path / "new_images").mkdir()
    for i in range(3):
        picture(i).save(tmp_path / "new_images" / f"{i}.jpg")
    section = PAGE.partition("## Many images at once")[2]
    lines = re.findall(r"^    (python .*)$", section, re.M)[:2]
    monkeypatch.chdir(tmp_path)
    for line in lines:
        flags = dict(flag.removeprefix("--").split("=") for flag in line.split()[3:])
        run.run(make_config(flags.pop("mode"), flags))
    assert "3 of 3 images, 3 cases" in capsys.readouterr().out
    for name, header in (("new_predictions/predictions.csv", "case_id,"),
                         ("new_features/features.csv", "image,case_id,")):  # fmt: skip
        assert (tmp_path / "work" / name).read_text().startswith(header)
