"""The command `simclr-med import_weights`, from a clone: python tools/import_checkpoint.py."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tools.require_python  # noqa: F401, isort: skip

from simclr_med.command.import_weights import main
from simclr_med.errors import run_main

if __name__ == "__main__":
    sys.exit(run_main(main))
