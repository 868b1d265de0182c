"""What TensorFlow says of itself as it is imported is not heard, and everything else is."""

import os
import subprocess
import sys

from conftest import ROOT


def stderr_of(code, level):
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": level, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_importing_tensorflow_says_nothing():
    said = stderr_of("import sys, simclr_med, tensorflow\nsys.stderr.write('mine')", level="3")
    assert said == "mine"


def test_whoever_wants_to_hear_it_does():
    assert "oneDNN custom operations are on" in stderr_of(
        "import simclr_med, tensorflow", level="0"
    )
