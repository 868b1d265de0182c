"""Outputs that cannot be written: one line, exit 1, and nothing half-written in their place."""

import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from simclr_med import errors

FULL = ": No space left on device\n"
SMALL = 2000  # bytes: a table of these folders fits, an image does not


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of images in two classes."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(8):
        noise = np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8)
        (folder / "ab"[number % 2]).mkdir(exist_ok=True)
        Image.fromarray(noise).save(folder / "ab"[number % 2] / f"{number}.png")
    return folder


def ended(command, limit=resource.RLIM_INFINITY, **streams):
    """A command of ours, whose files may have at most `limit` bytes."""
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, text=True, **streams,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip


def prepared(images, output, *more):
    flags = ["--source=folders", f"--input={images}", f"--output={output}", *more]
    return ["tools/prepare_data.py", *flags]


WRITERS = {
    "images left": [],
    "images rewritten": ["--shortest_side=32"],
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_data_set_that_does_not_fit_is_told_and_is_not_there(writer, images, tmp_path):
    limit = 200 if writer == "images left" else SMALL
    command = prepared(images, tmp_path / "d", *WRITERS[writer])
    done = ended(command, limit, capture_output=True)
    told = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert len(told) == 1 and told[0].endswith("File too large") and str(tmp_path) in told[0]
    assert not (tmp_path / "d").exists()
    done = ended(command, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d"]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_phantom_that_does_not_fit(workers, tmp_path):
    splits = ["--train=8", "--validation=8", "--test=8", "--external=8", "--unlabelled=8"]
    flags = [f"--output={tmp_path / 'd'}", f"--workers={workers}", "--image_size=64", *splits]
    done = ended(["tools/make_phantom.py", *flags], 1000, capture_output=True)
    assert done.returncode == 1 and not list(tmp_path.iterdir()), done.stderr
    assert "File too large" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_streams_take_no_file_s_place(closed, images, tmp_path):
    command = [sys.executable, *prepared(images, tmp_path / "d", "--shortest_side=32")]
    process = subprocess.run(
        ["bash", "-c", 'exec "$@" ' + " ".join(f"{number}>&-" for number in closed), "-", *command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )
    assert process.returncode == (1 in closed)  # what it prints is lost
    assert json.loads((tmp_path / "d" / "dataset.json").read_text())["classes"] == ["a", "b"]
    for name in ("manifest.csv", "card.md"):
        assert f"{tmp_path / 'd'}: 8 images" not in (tmp_path / "d" / name).read_text()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("sound", [True, False])
def test_a_full_stream(stream, sound, images, tmp_path):
    with open("/dev/full", "w") as full:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: full}
        done = ended(prepared(images if sound else tmp_path / "none", tmp_path / "d"), **streams)
    if not sound:
        assert done.returncode == 2
    elif stream == "stderr":
        assert done.returncode == 0
    else:
        assert done.returncode == 1
        assert done.stderr.startswith("error: ") and done.stderr.endswith(FULL)
    assert (tmp_path / "d").exists() == sound


@pytest.mark.parametrize(
    "own", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1:strict"}, {"LC_ALL": "C"}]
)
def test_the_terminal_s_encoding_breaks_no_command(own, images, tmp_path):
    folder, missing = tmp_path / "Bïlder 図", tmp_path / "fehlt ü"
    folder.symlink_to(images)
    streams = {"capture_output": True, "errors": "replace", "env": {**os.environ, **own}}
    done = ended(prepared(folder, tmp_path / "ä"), **streams)
    assert done.returncode == 0 and "8 images" in done.stdout, done.stderr
    info = json.loads((tmp_path / "ä" / "dataset.json").read_text(encoding="utf-8"))
    assert info["name"] == folder.name
    done = ended(prepared(missing, tmp_path / "b"), **streams)
    assert done.returncode == 2 and done.stderr.startswith("error: --input="), done.stderr


@pytest.mark.parametrize("reason", ["File too large", "No space left on device"])
@pytest.mark.parametrize(
    "text",
    ["/a b/x.tfrecord; {}", "{{{{function_node __x}}}} /a b/x.tfrecord; {} [Op:SaveV2]",
     "12:RuntimeError\n[Errno 27] {}: '/a b/x.tfrecord' [while running 'Map']"],
)  # fmt: skip
@pytest.mark.parametrize("kind", [RuntimeError, OSError, ValueError])
def test_libraries_errors_of_a_disk_are_one_line(kind, text, reason, capsys):
    def main():
        raise kind(text.format(reason))

    assert errors.run_main(main) == 1
    assert capsys.readouterr().err == f"error: /a b/x.tfrecord: {reason}\n"


def test_other_errors_are_bugs_as_before():
    def main():
        raise RuntimeError("a; b")

    with pytest.raises(RuntimeError, match="a; b"):
        errors.run_main(main)
