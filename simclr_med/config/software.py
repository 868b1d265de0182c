"""Versions of what a run is computed with, as versions.json of its work folder."""

import importlib.metadata
import platform

PACKAGES = ("simclr_med", "tensorflow", "keras", "keras-cv", "numpy", "pandas", "scipy", "pillow")


def installed_versions():
    """Return each package that is installed, and Python, to its version; nothing is imported."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
