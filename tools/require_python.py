"""Refusal, in one line, of a Python that the package is not for: every tool imports this first."""

import sys

try:
    import simclr_med  # noqa: F401
except ImportError as error:
    if error.name != "simclr_med":
        raise
    sys.exit(f"error: {error}")
