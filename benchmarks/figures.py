"""Figures of benchmarks in documents, taken from benchmarks/results and never typed.

    python benchmarks/figures.py    # writes the newest results into the documents

A document marks a figure by the result's name, the keys that lead to it, and a format:

    <!--= memory; arms > small > mib; .0f -->800<!--/-->

`make benchmarks` writes them anew; tests/test_benchmarks.py compares documents with results.
"""

import functools
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.machine import ROOT
from simclr_med.files import atomic

FIGURE = re.compile(r"<!--= ([\w]+); (.+?); (\S+) -->(.*?)<!--/-->", re.DOTALL)


def documents() -> list[pathlib.Path]:
    """Return the documents that may hold figures."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def filled(text: str, results: pathlib.Path = ROOT / "benchmarks" / "results") -> str:
    """Return a document's text with every figure as the results have it.

    Args:
      text: of the document.
      results: folder of NAME.json.

    Raises:
      KeyError: a result has no such key.
    """

    @functools.cache
    def result(name: str) -> dict:
        return json.loads((results / f"{name}.json").read_text(encoding="utf-8"))

    def figure(found: re.Match) -> str:
        name, keys, form, _ = found.groups()
        value = functools.reduce(_member, keys.split(" > "), result(name))
        return f"<!--= {name}; {keys}; {form} -->{value:{form}}<!--/-->"

    return FIGURE.sub(figure, text)


def _member(part: dict | list, key: str):
    return part[int(key)] if isinstance(part, list) else part[key]


def write() -> None:
    """Write the newest figures into every document."""
    for path in documents():
        text = path.read_text(encoding="utf-8")
        if filled(text) != text:
            atomic.write_text(path, filled(text))
            print(f"{path.relative_to(ROOT)}: figures written anew")


if __name__ == "__main__":
    write()
