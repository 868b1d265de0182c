"""Draws the packages and their imports, as Mermaid, into docs/architecture.md.

    python tools/draw_packages.py

What all packages share is left out, and so is an arrow that a longer way implies.
"""

import argparse
import pathlib
import re

import grimp

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "architecture.md"
SHARED = (
    "addresses", "compat", "devices", "distribute", "errors", "files", "graphs", "html", "onednn",
    "paths", "progress", "quiet", "stored", "tables", "text", "versions",
)  # fmt: skip
PICTURE = re.compile(r"```mermaid\n.*?```", re.DOTALL)


def imports():
    """Return which packages (and run) each of them imports: name to set of names."""
    graph = grimp.build_graph("simclr_med", cache_dir=None)
    parts = [name for name in graph.find_children("simclr_med") if name.split(".")[1] not in SHARED]
    return {
        importer.split(".")[1]: {
            imported.split(".")[1]
            for imported in parts
            if imported != importer
            and graph.direct_import_exists(importer=importer, imported=imported, as_packages=True)
        }
        for importer in parts
    }


def mermaid(edges):
    """Return the Mermaid text of `edges`, name to set of names, without implied arrows."""
    lines = ["```mermaid", "flowchart TD"]
    for name in sorted(edges):
        implied = set().union(*(_reached(edges, other) for other in edges[name]))
        lines += [f"    {name} --> {other}" for other in sorted(edges[name] - implied)]
    return "\n".join([*lines, "```"])


def _reached(edges, name):
    return edges[name].union(*(_reached(edges, other) for other in edges[name]))


if __name__ == "__main__":
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    picture = mermaid(imports())
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(PICTURE.sub(lambda _: picture, text, count=1), encoding="utf-8")
    print(f"{PAGE}: drawn")
