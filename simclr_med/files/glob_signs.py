"""Paths for TensorFlow's readers of checkpoints, which take a path for a pattern.

reader = tf.train.load_checkpoint(str(without_signs("work/run [v1]/checkpoint")))
"""

import functools
import hashlib
import os
import pathlib
import re
import tempfile

SIGNS = re.compile(r"[][\\*?{}]")


def without_signs(path: str | pathlib.Path) -> pathlib.Path:
    """Return a path to the same folder in which no sign means anything to glob.

    Args:
      path: of a folder that is there; a link to it stands for it until the process ends, where the
        path has such signs.
    """
    whole = os.path.abspath(path)
    if not SIGNS.search(whole):
        return pathlib.Path(path)
    link = pathlib.Path(_links().name, hashlib.sha256(os.fsencode(whole)).hexdigest())
    if not link.is_symlink():
        link.symlink_to(whole)
    return link


@functools.cache
def _links():
    """Return the folder of the links, which goes with the process."""
    return tempfile.TemporaryDirectory(prefix="simclr_med_")
