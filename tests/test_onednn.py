"""oneDNN is on wherever the package is, and the networks keep clear of its wrong gradients."""

import os
import platform
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT

from simclr_med.config.architectures import ENCODERS
from simclr_med.encoders.encoder import build_encoder

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"

pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="oneDNN is for x86 CPUs"
)


def printed(code, **environment):
    """The last line that Python code prints, in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        env=inherited | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()[-1], done.stderr


STATE = "from simclr_med import compat; print(compat.onednn_is_on())"


def test_the_package_turns_onednn_on():
    assert printed(f"import simclr_med; {STATE}")[0] == "True"


def test_the_users_variable_holds():
    assert printed(f"import simclr_med; {STATE}", **{VARIABLE: "0"})[0] == "False"


def test_too_late_is_said():
    # As on a CPU on which TensorFlow leaves oneDNN off.
    used = "import os, tensorflow as tf; tf.function(lambda x: x @ x)(tf.eye(2))"
    late = f"{used}; del os.environ[{VARIABLE!r}]; import simclr_med; print()"
    assert "import simclr_med first" in printed(late, **{VARIABLE: "0"})[1]


def test_importing_tensorflow_first_is_early_enough():
    state, errors = printed(f"import tensorflow; import simclr_med; {STATE}")
    assert state == "True" and "import simclr_med first" not in errors


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
print("done")
"""


def test_gradients_of_a_narrow_shortcut_on_avx2(tmp_path):
    found = {}
    for state in ("0", "1"):
        file = tmp_path / f"{state}.npy"
        code = GRADIENTS.format(file=str(file))
        printed(code, **{VARIABLE: state, "ONEDNN_MAX_CPU_ISA": "AVX2"})
        found[state] = np.load(file)
    scale = np.abs(found["0"]).max()
    np.testing.assert_allclose(found["1"], found["0"], atol=1e-4 * scale)


@pytest.mark.parametrize("name", ENCODERS)
def test_no_network_strides_a_pointwise_convolution_of_few_channels(name):
    narrow = build_encoder(name, width=1 / 64, image_size=64)
    convolutions = [x for x in narrow.layers if isinstance(x, keras.layers.Conv2D)]
    pointwise = [x for x in convolutions if x.kernel_size == (1, 1)]
    assert any(x.input_shape[-1] < 8 for x in pointwise)
    assert not [x.name for x in pointwise if x.strides != (1, 1) and x.input_shape[-1] < 8]
