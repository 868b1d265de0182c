"""Writes simclr_med/api/types.py: the types of the verbs' keyword arguments, from the settings.

python tools/write_api_types.py
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tools.require_python  # noqa: F401, isort: skip

from simclr_med.api.keyword_arguments import of_mode
from simclr_med.config.setting import MODES

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE = ROOT / "simclr_med" / "api" / "types.py"
HEAD = '''"""Types of the verbs' keyword arguments, for type checkers and editors.

Written by tools/write_api_types.py from the settings in config/sections; not to be edited.
"""

import os
from collections.abc import Iterable
from typing import TypedDict

Texts = str | Iterable[str]
'''
TYPES = {int: "int", float: "float", bool: "bool", tuple: "Texts", str: "str"}
PATHS = {"init": "str | os.PathLike", "features_dir": "str | os.PathLike"}


def text():
    """Return the module's text."""
    parts = [HEAD]
    for mode in MODES:
        name = "".join(word.capitalize() for word in mode.split("_"))
        lines = [
            f"    {setting}: {PATHS.get(setting, TYPES[kind])}"
            for setting, (kind, _) in of_mode(mode).items()
        ]
        doc = f'    """Keyword arguments of `simclr_med.{mode}`."""\n'
        parts.append("\n".join([f"\n\nclass {name}(TypedDict, total=False):", doc, *lines]) + "\n")
    return "".join(parts)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
