"""What is installed: pins for runs, and the same with more for tests."""

import re

import pytest
from conftest import ROOT


def pins(name):
    """Every pinned line, by package and marker."""
    lines = (ROOT / name).read_text().splitlines()
    found = [re.fullmatch(r"(\S+)==(\S+)(.*)", line) for line in lines if not line.startswith(" ")]
    return {(m[1], m[3].strip()): m[2] for m in found if m}


@pytest.mark.parametrize("stack", ["", "-current"])
def test_tests_run_what_is_run(stack):
    running, testing = pins(f"requirements{stack}.lock"), pins(f"requirements{stack}-test.lock")
    assert running and running.items() <= testing.items()
    names = {name for name, _ in testing} - {name for name, _ in running}
    assert {"pytest", "apache-beam", "onnx", "ruff"} <= names
    assert {"pydicom", "safetensors", "scikit-learn", "uvicorn"} <= {name for name, _ in running}


@pytest.mark.parametrize(
    ("stack", "tensorflow", "keras"), [("", "2.15.", "2.15."), ("-current", "2.21.", "3.15.")]
)
def test_each_stack_has_its_own_pins(stack, tensorflow, keras):
    versions = {
        package: version for (package, _), version in pins(f"requirements{stack}.lock").items()
    }
    assert versions["tensorflow"].startswith(tensorflow) and versions["keras"].startswith(keras)
    assert ("tensorflow-addons" in versions) == (stack == "") and versions["keras-cv"] == "0.9.0"
