"""State of the process around a call: it is put back as the caller had it."""

import contextlib
import logging
import os
import random
import sys
from collections.abc import Iterator

import numpy as np

from simclr_med import progress, quiet


@contextlib.contextmanager
def calling(printing: bool) -> Iterator[None]:
    """Run the block of a verb, and leave the caller's process as it was.

    Put back are levels of logging, the environment, the seeds of Python and NumPy, and how GPUs
    multiply. TensorFlow itself stays loaded, with a seed that is this package's.

    Args:
      printing: True where sentences and progress are printed.
    """
    environment, absl = os.environ.get(quiet.LEVEL), "absl.logging" in sys.modules
    level = logging.getLogger("absl").level if absl else 0
    seeds = random.getstate(), np.random.get_state()  # noqa: NPY002  # the caller's own
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow:
        of_tensorflow = tensorflow.get_logger().level
        tf32 = tensorflow.config.experimental.tensor_float_32_execution_enabled()
    try:
        with progress.asked(printing):
            yield
    finally:
        if absl:
            logging.getLogger("absl").setLevel(level)
        random.setstate(seeds[0])
        np.random.set_state(seeds[1])  # noqa: NPY002
        if tensorflow:
            tensorflow.get_logger().setLevel(of_tensorflow)
            tensorflow.config.experimental.enable_tensor_float_32_execution(tf32)
        if environment is None:
            os.environ.pop(quiet.LEVEL, None)
