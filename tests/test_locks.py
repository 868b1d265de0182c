"""What is installed: pins for runs, and the same with more for tests."""

import re

from conftest import ROOT


def pins(name):
    """Every pinned line, by package and marker."""
    lines = (ROOT / name).read_text().splitlines()
    found = [re.fullmatch(r"(\S+)==(\S+)(.*)", line) for line in lines if not line.startswith(" ")]
    return {(m[1], m[3].strip()): m[2] for m in found if m}


def test_tests_run_what_is_run():
    running, testing = pins("requirements.lock"), pins("requirements-test.lock")
    assert running and running.items() <= testing.items()
    names = {name for name, _ in testing} - {name for name, _ in running}
    assert {"pytest", "apache-beam", "scikit-learn", "ruff"} <= names
