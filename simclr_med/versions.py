"""The versions that decide a run's numbers, known without importing what has them."""

import importlib.metadata
import platform

PACKAGES = {"TensorFlow": "tensorflow", "Keras": "keras", "NumPy": "numpy"}


def installed():
    """Return a line such as "Python 3.12.1, TensorFlow 2.21.0, Keras 3.15.1, NumPy 2.4.6"."""
    found = [f"{name} {importlib.metadata.version(key)}" for name, key in PACKAGES.items()]
    return ", ".join([f"Python {platform.python_version()}", *found])
