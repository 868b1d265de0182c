"""oneDNN, TensorFlow's library of fast convolutions, on every x86 CPU.

TensorFlow 2.15 to 2.21 on Linux turns it on by itself only where AVX512_VNNI, AVX_VNNI or AMX are
(tensorflow/core/util/port.cc, `DefaultOneDnnPolicy`); on a CPU with AVX2 alone its own convolutions
take 2.5 times as long. docs/speed.md has measurements, and other machines.
"""

import os
import platform
import sys
import warnings

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"


def switch_on():
    """Turn oneDNN on in this process and those it starts, unless the user has set the variable.

    TensorFlow reads the variable once, as it is imported: this comes first, from the package's
    `__init__`. Where TensorFlow was first and left oneDNN off, a warning says so.
    """
    if VARIABLE in os.environ or platform.machine().lower() not in ("x86_64", "amd64"):
        return
    if "tensorflow" in sys.modules:
        from simclr_med import compat

        if not compat.onednn_is_on():
            warnings.warn(
                "TensorFlow was imported before simclr_med and computes without oneDNN, more "
                f"slowly: import simclr_med first, or set {VARIABLE}=1",
                stacklevel=3,
            )
    os.environ[VARIABLE] = "1"
