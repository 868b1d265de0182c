"""SimCLR and MICLe pretraining for medical images (Azizi et al. 2021)."""

import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 11):
    raise SystemExit(
        f"simclr_med needs Python 3.10 or 3.11 (TensorFlow 2.15); this is Python "
        f"{sys.version_info.major}.{sys.version_info.minor}. "
        "Make an environment with: python3.11 -m venv .venv"
    )

__version__ = "0.1.0"
