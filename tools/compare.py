"""The command `simclr-med compare`, from a clone: python tools/compare.py."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tools.require_python  # noqa: F401, isort: skip

from simclr_med.command.compare import main
from simclr_med.errors import run_main

if __name__ == "__main__":
    sys.exit(run_main(main))
