"""Kinds of devices, and the precision and compilation that were measured to be fastest on each.

config = with_defaults(config)  # what "auto" is here; or as the run was begun
DEFAULTS[kind_of_device(config.distribute)].source
"""

import dataclasses
import os
import pathlib
import re

from simclr_med import onednn
from simclr_med.config.storage import holds_run, load_config


@dataclasses.dataclass(frozen=True)
class Defaults:
    """Defaults of a training on a kind of device.

    Attributes:
      precision: of the encoder's products, for `--precision=auto`.
      jit_compile: True where XLA compiles the step; `--jit_compile` asks for it elsewhere.
      source: of these values, in words.
    """

    precision: str
    jit_compile: bool
    source: str


DEFAULTS = {
    "TPU": Defaults("float32", True, "not measured: a TPU runs nothing but what XLA has compiled"),
    "GPU": Defaults("float32", False, "not measured: none was at hand"),
    "CPU fast in bfloat16": Defaults(
        "mixed_bfloat16",
        False,
        "benchmarks/precision.py with AMD's AVX512_BF16: bfloat16 has 1.2 (ResNet-18, 64 pixels) "
        "to 1.5 times (ResNet-50, 224) the speed of float32, XLA 0.1; with AMX bfloat16 has 1.8",
    ),
    "CPU": Defaults(
        "float32",
        False,
        "on AVX2 bfloat16 is imitated, at a tenth of the rate of a matrix product in float32; with "
        "Intel's AVX512_BF16 and no AMX it has 0.8 of the speed (ResNet-18, 64 pixels), XLA 0.1, "
        "on TensorFlow 2.21 too; elsewhere XLA has up to 0.7",
    ),
}


def kind_of_device(settings):
    """Return the key of `DEFAULTS` that a training with a `DistributeConfig` computes on."""
    import tensorflow as tf

    if settings.strategy == "tpu":
        return "TPU"
    if tf.config.list_physical_devices("GPU") and settings.cpu_devices == 1:
        return "GPU"
    through_onednn = os.environ.get(onednn.VARIABLE) != "0"  # TensorFlow itself imitates bfloat16
    return "CPU fast in bfloat16" if through_onednn and fast_in_bfloat16() else "CPU"


def fast_in_bfloat16():
    """Return True if this processor multiplies bfloat16 faster than float32.

    AMX does, and AMD's AVX512_BF16; Intel's AVX512_BF16 alone multiplies them no faster, so that
    converting is only a cost.
    """
    flags, amd = cpu("flags"), cpu("vendor_id") == ["AuthenticAMD"]
    return "amx_bf16" in flags or ("avx512_bf16" in flags and amd)


def cpu(name):
    """Return the words of a line of Linux's /proc/cpuinfo, as "flags|Features"; [] without one."""
    file = pathlib.Path("/proc/cpuinfo")
    text = file.read_text() if file.exists() else ""
    found = re.search(rf"^(?:{name})\s*: (.*)$", text, re.MULTILINE)
    return found[1].split() if found else []


def memory():
    """Return the bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def multiply_as_asked(settings):
    """Have GPUs multiply float32 as a `DistributeConfig` asks, in this process from now on.

    Left alone, TensorFlow takes TF32, with 10 bits of mantissa, where a GPU has it.
    """
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(settings.tf32)


def with_defaults(config):
    """Return a `Config` with a definite precision.

    "auto" is that of the run which the work folder holds, wherever it goes on, and in a new one the
    device's own.
    """
    if config.train.precision != "auto":
        return config
    if holds_run(config.work_dir):
        precision = load_config(config.work_dir).train.precision
    else:
        precision = DEFAULTS[kind_of_device(config.distribute)].precision
    return dataclasses.replace(config, train=dataclasses.replace(config.train, precision=precision))
