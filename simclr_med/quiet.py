"""Lines that libraries print past every log level, and that say nothing to a user."""

import os
import sys

import tensorflow as tf


def first_compilation():
    """Makes XLA's first compilation, which announces itself on stderr, once a process, here."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        tf.function(lambda x: x + 1, jit_compile=True)(tf.constant(1.0))
    finally:
        os.dup2(kept, 2)
        os.close(kept)
