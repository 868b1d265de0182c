"""Whole or not at all; what a killed process leaves goes; one writer at a time."""

import multiprocessing
import resource
import signal
import subprocess
import sys

import pytest

from simclr_med.errors import InputError
from simclr_med.files import atomic


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_texts_are_written_all_or_none(tmp_path):
    atomic.write_texts({tmp_path / "a": "1", tmp_path / "b" / "c": "2"})
    assert (tmp_path / "a").read_text() == "1" and (tmp_path / "b" / "c").read_text() == "2"
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnicodeEncodeError):
        atomic.write_texts({tmp_path / "a": "new", tmp_path / "d": "\udcff"})
    assert (tmp_path / "a").read_text() == "1" and names(tmp_path) == ["a", "b", "folder"]


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "short"])
def test_any_name_that_the_disk_takes_can_be_written(name, tmp_path):
    atomic.write_text(tmp_path / name, "text")
    assert names(tmp_path) == [name]


def killed(path, how):
    """A process that was killed while it wrote `path`."""
    code = (
        "import os, pathlib, signal, sys\nfrom simclr_med.files import atomic\n"
        f"with atomic.{how} as beside:\n"
        "    beside = pathlib.Path(beside)\n"
        "    (beside / 'half' if beside.is_dir() else beside).write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code])
    assert done.returncode == -signal.SIGKILL


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path):
    killed(tmp_path, f"new_folder({str(tmp_path / '3')!r})")
    killed(tmp_path, f"replacing({str(tmp_path / 'other')!r})")
    (tmp_path / ".mine.tmp").write_text("of a user")
    assert len(names(tmp_path)) == 4
    with atomic.new_folder(tmp_path / "3") as folder:
        (folder / "whole").write_text("")
    left = [name for name in names(tmp_path) if name not in ("3", ".mine.tmp")]
    assert len(left) == 1 and left[0].startswith(".other.")  # another's
    atomic.remove_unfinished(tmp_path)
    assert names(tmp_path) == [".mine.tmp", "3"]


def test_a_finished_folder_holds_nothing_unfinished(tmp_path):
    killed(tmp_path, f"resumable_folder({str(tmp_path / 'd')!r}, 'key')")
    killed(tmp_path, f"replacing({str(tmp_path / '.d.unfinished' / 'images' / 'a.png')!r})")
    with atomic.resumable_folder(tmp_path / "d", "key") as folder:
        assert (folder / "half").exists()
    assert names(tmp_path / "d") == ["half", "images"] and not names(tmp_path / "d" / "images")


def hold(path, ready, leave):
    with atomic.locked(path, "it"):
        ready.set()
        leave.wait()


def test_one_process_at_a_time_and_a_lock_dies_with_its_process(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    ready, leave = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold, args=(tmp_path / ".lock", ready, leave))
    other.start()
    assert ready.wait(300)
    blocked = pytest.raises(InputError, match="another process is writing it")
    with blocked, atomic.locked(tmp_path / ".lock", "it"):
        pass
    other.kill()
    other.join()
    with atomic.locked(tmp_path / ".lock", "it"):
        assert names(tmp_path) == [".lock"]
    assert not names(tmp_path)


def test_a_full_disk_is_told_once(tmp_path):
    limits = (100, 1000, 1700, 2200)  # bytes
    code = (
        "import resource, sys\nimport numpy as np\n"
        "from simclr_med.encoders import checkpoint\nfrom simclr_med.errors import run_main\n"
        "values = {f'a{i}': np.zeros(100, np.float32) for i in range(4)}\n"
        f"for limit in {limits}:\n"
        f"    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, {resource.RLIM_INFINITY}))\n"
        f"    print(run_main(lambda: checkpoint.save({str(tmp_path)!r}, values, 5, 2)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["1"] * len(limits), done.stderr
    told = [line for line in done.stderr.splitlines() if "error" in line]
    line = f"error: {tmp_path / 'checkpoints' / '5'}: File too large"
    assert told == [line] * len(limits) and "Traceback" not in done.stderr
    assert not names(tmp_path / "checkpoints")
