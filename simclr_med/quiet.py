"""Lines that libraries print past every log level, and that say nothing to a user."""

import contextlib
import importlib.abc
import importlib.util
import os
import sys

LEVEL = "TF_CPP_MIN_LOG_LEVEL"


@contextlib.contextmanager
def native_errors_dropped():
    """Drop, within, what is written to stderr, by C++ too; exceptions come through."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class _TensorFlowLoader(importlib.abc.MetaPathFinder):
    """Finds TensorFlow once, and imports it in silence where `LEVEL` asks for that.

    TensorFlow 2.21 reads `LEVEL` too late for what it logs as its libraries are loaded.
    """

    def find_spec(self, name, path, target=None):
        """Return Python's own spec, with a loader that is silent."""
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and os.environ.get(LEVEL, "0") != "0":
            load = spec.loader.exec_module

            def exec_module(module):
                with native_errors_dropped():
                    load(module)

            spec.loader.exec_module = exec_module
        return spec


def when_tensorflow_is_imported():
    """Have TensorFlow imported in silence, where `LEVEL` asks for it; from the package's init."""
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _TensorFlowLoader())


def first_compilation():
    """Makes XLA's first compilation, which announces itself on stderr, once a process, here."""
    import tensorflow as tf

    with native_errors_dropped():
        tf.function(lambda x: x + 1, autograph=False, jit_compile=True)(tf.constant(1.0))
