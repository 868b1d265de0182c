"""TensorFlow 2.15 with Keras 2 and TensorFlow 2.21 with Keras 3 compute the same.

By known answers on either; where the other stack's folder (.venv, .venv-current) is there too, or
the variable OTHER_STACK names its Python, by both interpreters. The answers are made anew by
`np.savez("tests/known/stacks.npz", **stack_numbers.five_steps())`.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import stack_numbers
from conftest import ROOT

KNOWN = ROOT / "tests" / "known" / "stacks.npz"


def test_numbers_are_the_known_ones():
    with np.load(KNOWN) as known:
        found = stack_numbers.five_steps()
        assert sorted(known) == sorted(found)
        np.testing.assert_array_equal(found["draws"], known["draws"])
        for name in known:
            np.testing.assert_allclose(found[name], known[name], rtol=1e-5, atol=1e-5, err_msg=name)
        assert known["losses"][-1] < known["losses"][0] - 1e-3  # else five steps say little


def minor(python):
    found = subprocess.run(
        [python, "-c", "import sys; print(sys.version_info.minor)"], capture_output=True, text=True
    )
    return int(found.stdout) if found.returncode == 0 else None


@pytest.fixture(scope="module")
def other_python():
    """The interpreter of the stack that this is not."""
    places = [ROOT / folder / "bin" / "python" for folder in (".venv", ".venv-current")]
    for place in [os.environ.get("OTHER_STACK"), *places]:
        if place and pathlib.Path(place).exists():
            version = minor(place)
            if version and (version < 12) != (sys.version_info.minor < 12):
                return place
    pytest.skip("the other stack is not here: make demo PYTHON=python3.12 VENV=.venv-current")


def run(python, *arguments):
    command = [python, ROOT / "tests" / "stack_numbers.py", *arguments]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command,
        env=environment | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def stopped_at(step, work_dir, folder):
    """Return a copy of a run as it was when `step` steps were done."""
    shutil.copytree(work_dir, folder)
    for path in (folder / "checkpoints").iterdir():
        if int(path.name) > step:
            shutil.rmtree(path)
    return folder


def arrays(file):
    with np.load(file) as content:
        return dict(content)


@pytest.fixture(scope="module")
def written(tmp_path_factory, data_dir, other_python):
    """What both stacks have written; each has gone on with the other's run from step 3."""
    folder = tmp_path_factory.mktemp("stacks")
    run(other_python, data_dir, folder / "other")
    taken = stopped_at(3, folder / "other" / "run", folder / "other_stopped")
    run(sys.executable, data_dir, folder / "this", taken)
    taken = stopped_at(3, folder / "this" / "run", folder / "this_stopped")
    run(other_python, data_dir, folder / "again", taken)
    return folder


@pytest.mark.parametrize("what", ["device", "weights"])
def test_both_draw_the_same_bits(written, what):
    """Which cases and images, where the crops lie, their pixels, what is to change, the weights."""
    this, other = (arrays(written / stack / f"{what}.npz") for stack in ("this", "other"))
    assert this.keys() == other.keys() and len(this) > 3
    for name, array in this.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_views_agree_but_for_the_last_bits_of_colours(written):
    """XLA's versions contract products and sums in other places."""
    this, other = (arrays(written / stack / "host.npz") for stack in ("this", "other"))
    assert this.keys() == other.keys() and "view10" in this
    for name, array in this.items():
        np.testing.assert_allclose(array, other[name], rtol=0, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("run", ["other/run", "other_stopped", "this_stopped"])
def test_five_steps_agree_wherever_each_was_taken(written, run):
    whole = arrays(written / "this" / "run" / "checkpoints" / "5" / "variables.npz")
    found = arrays(written / run / "checkpoints" / "5" / "variables.npz")
    assert whole.keys() == found.keys()
    for name, array in whole.items():
        assert array.shape == found[name].shape, name
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-5, err_msg=name)
