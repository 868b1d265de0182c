"""Importing the package changes nothing in a process; the command loses nothing but noise."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

TEXT = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def stderr_of(code, level):
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": level, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_importing_the_package_changes_nothing_but_what_is_documented():
    stderr_of(
        """if True:
        import os, signal, sys, warnings
        def state():
            files = [(n, os.fstat(n).st_dev, os.fstat(n).st_ino) for n in range(3)]
            handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
            hooks = sys.excepthook, sys.displayhook, sys.unraisablehook
            finders = [*sys.meta_path], [*sys.path_hooks], [*sys.path]
            return files, handlers, hooks, finders, [*warnings.filters], sys.stderr, sys.stdout
        before, environment = state(), dict(os.environ)
        import simclr_med
        assert state() == before
        changed = dict(os.environ.items() - environment.items())
        documented = {"TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "tensorflow"}
        assert changed.items() <= documented.items(), changed
        assert "tensorflow" not in sys.modules
        """,
        level="3",
    )


IMPORTED = "import sys\nfrom simclr_med import quiet\nquiet.import_tensorflow()\n"


def test_importing_tensorflow_for_the_command_says_nothing():
    assert stderr_of(IMPORTED + "sys.stderr.write('mine')", level="3") == "mine"


def test_whoever_wants_to_hear_it_does():
    assert "oneDNN custom operations are on" in stderr_of(IMPORTED, level="0")


@pytest.mark.parametrize("page", TEXT, ids=lambda page: page.name)
def test_code_in_the_documentation_imports_the_package_before_keras(page):
    """Otherwise whoever copies it is warned that oneDNN is off."""
    lines = [line.strip() for line in page.read_text(encoding="utf-8").splitlines()]
    heavy = [n for n, line in enumerate(lines) if line in ("import keras", "import tensorflow")]
    heavy += [n for n, line in enumerate(lines) if line == "import tensorflow as tf"]
    ours = [
        n
        for n, line in enumerate(lines)
        if line.startswith(("import simclr_med", "from simclr_med"))
    ]
    if heavy and ours:
        assert min(ours) < min(heavy)
