"""oneDNN is on wherever the package is, and the networks keep clear of its wrong gradients."""

import ast
import os
import platform
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT
from short_run import with_blocks

from simclr_med import compat, onednn
from simclr_med.config.architectures import ENCODERS
from simclr_med.encoders.encoder import build_encoder

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"

pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="oneDNN is for x86 CPUs"
)


def run(code, **environment):
    """What Python code prints on standard error, in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | {"TF_CPP_MIN_LOG_LEVEL": "0"} | environment,
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    return done.stderr


ON = "oneDNN custom operations are on"  # as TensorFlow says on import


@pytest.mark.parametrize("was_on", [False, True])
def test_too_late_is_said_where_it_is_slow(monkeypatch, was_on, recwarn):
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(compat, "onednn_is_on", lambda: was_on)
    onednn.switch_on()
    said = [str(warning.message) for warning in recwarn]
    assert any("import simclr_med first" in text for text in said) is not was_on


@pytest.mark.parametrize("folder", ["tools", "benchmarks", "tests"])
def test_every_script_imports_the_package_before_tensorflow(folder):
    for file in sorted((ROOT / folder).glob("*.py")):
        if folder == "tests" and file.name.startswith("test_"):
            continue  # conftest.py was before
        names = []
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Import):
                names += [alias.name.partition(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names.append(node.module.partition(".")[0])
        heavy = [names.index(n) for n in ("tensorflow", "keras", "keras_cv") if n in names]
        if heavy:
            assert "simclr_med" in names[: min(heavy)], f"{file.name}: TensorFlow comes first"


GRADIENTS = """
import simclr_med
import keras, numpy as np, tensorflow as tf
from simclr_med.encoders.encoder import build_encoder
keras.utils.set_random_seed(0)
encoder = build_encoder("resnet18", width=0.0625, image_size=32)
images = tf.random.stateless_uniform([16, 32, 32, 3], [0, 1])
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(encoder(images, training=True) ** 2)
kernel = encoder.get_layer("stage2_block1_shortcut_conv").kernel
assert kernel.shape == (1, 1, 4, 8)
np.save({file!r}, tape.gradient(loss, kernel).numpy())
"""


def test_the_package_turns_onednn_on_and_gradients_of_a_narrow_shortcut_stay_right(tmp_path):
    """As on AVX2, where the wrong one is; the user's variable holds."""
    found = {}
    for state, environment in {"on": {}, "off": {VARIABLE: "0"}}.items():
        file = tmp_path / f"{state}.npy"
        said = run(GRADIENTS.format(file=str(file)), ONEDNN_MAX_CPU_ISA="AVX2", **environment)
        assert (ON in said) == (state == "on")
        found[state] = np.load(file)
    scale = np.abs(found["off"]).max()
    np.testing.assert_allclose(found["on"], found["off"], atol=1e-4 * scale)


@pytest.mark.parametrize("name", ENCODERS)
def test_no_network_strides_a_pointwise_convolution_of_few_channels(name, monkeypatch):
    # A stage's first block has the strides.
    monkeypatch.setitem(ENCODERS, name, with_blocks(name, (2, 2, 2, 2)))
    narrow = build_encoder(name, width=1 / 64, image_size=64)
    convolutions = [x for x in narrow.layers if isinstance(x, keras.layers.Conv2D)]
    pointwise = [x for x in convolutions if x.kernel_size == (1, 1)]
    assert any(x.input.shape[-1] < 8 for x in pointwise)
    assert not [x.name for x in pointwise if x.strides != (1, 1) and x.input.shape[-1] < 8]
