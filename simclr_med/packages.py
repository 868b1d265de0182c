"""Installed packages: the versions that decide a run's numbers, and extras that are missing."""

import importlib.metadata
import pathlib
import platform
import shlex
import sys

from simclr_med.errors import InputError

DECIDING = {"TensorFlow": "tensorflow", "Keras": "keras", "NumPy": "numpy"}
CLONE = pathlib.Path(__file__).resolve().parent.parent


def versions() -> str:
    """Return a line such as "Python 3.12.1, TensorFlow 2.21.0, Keras 3.15.1, NumPy 2.4.6"."""
    found = [f"{name} {importlib.metadata.version(key)}" for name, key in DECIDING.items()]
    return ", ".join([f"Python {platform.python_version()}", *found])


def missing(extra: str, purpose: str) -> InputError:
    """Return the error of an extra that is not installed, with the command that installs it.

    Args:
      extra: its name in setup.cfg.
      purpose: the feature and the package that it needs, such as "--nearest needs scikit-learn".
    """
    return InputError(f"{purpose}, which is not installed. Install it with:\n  {command(extra)}")


def command(extra: str) -> str:
    """Return the shell command that installs an extra into the environment of this process.

    In a clone it takes the versions that tests run with.
    """
    stack = "" if sys.version_info < (3, 12) else "-current"
    lock = CLONE / f"requirements{stack}-test.lock"
    what = [f"simclr_med[{extra}]"]
    if lock.exists():
        what = ["-c", str(lock), "-e", f"{CLONE}[{extra}]"]
    return install(*what)


def install(*what: str) -> str:
    """Return the shell command that installs packages into the environment of this process."""
    return shlex.join([sys.executable, "-m", "pip", "install", *what])
