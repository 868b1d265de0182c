"""SimCLR and MICLe pretraining for medical images (Azizi et al. 2021)."""

import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 11):
    # With its name, runpy (python -m simclr_med.run) makes one line of it, and no traceback.
    raise ImportError(
        f"simclr_med needs Python 3.10 or 3.11 (TensorFlow 2.15); this is Python "
        f"{sys.version_info.major}.{sys.version_info.minor}. "
        "Make an environment with: python3.11 -m venv .venv",
        name=__name__,
    )

from simclr_med import onednn  # noqa: E402

onednn.switch_on()

__version__ = "0.1.0"


def load_encoder(path):
    """Return a Keras model from images `[B, H, W, 3]` in [0, 1] to features `[B, D]`.

    Args:
      path: the work folder of a run, or a folder that tools/import_checkpoint.py has written.

    Raises:
      InputError: it is neither.
    """
    # Late: TensorFlow takes seconds, importing the package does not.
    from simclr_med.encoders import networks

    return networks.load_encoder(path)
