"""Silence for lines that libraries print past every log level, and that say nothing to a user.

The command and the tools ask for it; importing the package does not.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

LEVEL = "TF_CPP_MIN_LOG_LEVEL"


@contextlib.contextmanager
def native_errors_dropped() -> Iterator[None]:
    """Drop everything written to stderr within, by C++ too; exceptions come through."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def import_tensorflow() -> None:
    """Import TensorFlow, before anything else does: in silence, unless the user sets `LEVEL` to 0.

    TensorFlow 2.21 reads `LEVEL` too late for the lines that it logs as its libraries are loaded.
    """
    os.environ.setdefault(LEVEL, "3")
    silent = "tensorflow" not in sys.modules and os.environ[LEVEL] != "0"
    with native_errors_dropped() if silent else contextlib.nullcontext():
        import tensorflow  # noqa: F401


def first_compilation() -> None:
    """Make XLA's first compilation, which announces itself on stderr, once a process, here."""
    import tensorflow as tf

    with native_errors_dropped():
        tf.function(lambda x: x + 1, autograph=False, jit_compile=True)(tf.constant(1.0))
