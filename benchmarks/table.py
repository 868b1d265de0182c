"""benchmarks/README.md: the last result of every benchmark, a row a ratio."""

import ast
import json

from benchmarks.machine import ROOT

HEAD = """# Benchmarks

Ratios of this machine's last runs, made by `make benchmarks` (half an hour, on a machine that does
nothing else); `make peers` makes what the `peers` lines compare with. A ratio holds where absolute
times do not; `results/` has those. A + after a commit: the code had changed since.

| benchmark | what | ratio | measured | goal | | machine | date | commit |
|---|---|---|---|---|---|---|---|---|
"""


def of_results(folder, benchmarks):
    """Return the table as Markdown.

    Args:
      folder: of NAME.json, as benchmarks/verdict.py writes them.
      benchmarks: name to (script, flags ...), in the table's order.
    """
    text, notes = HEAD, []
    for name, (script, *_) in benchmarks.items():
        file = folder / f"{name}.json"
        if not file.exists():
            text += line([name, title(script), "", "not measured yet"] + [""] * 5)
            continue
        result = json.loads(file.read_text(encoding="utf-8"))
        for number, row in enumerate(result["rows"]):
            what = "" if number else title(script)
            text += line([name, what, *cells(row, notes), *origin(result)])
    listed = [f"{number}. {note}\n" for number, note in enumerate(notes, 1)]
    return text + "".join(["\n", *listed] if listed else [])


def cells(row, notes):
    """Return a row's ratio, value, goal and verdict; its note joins `notes`."""
    ratio = row["ratio"]
    if "note" in row:
        notes.append(row["note"])
        ratio += f" ({len(notes)})"
    verdict = f"**{row['verdict']}**" if row["verdict"].isupper() else row["verdict"]
    return [ratio, f"{row['value']:.3g}", row["goal"], verdict]


def origin(result):
    """Return machine, date and commit."""
    return [result[key] for key in ("machine", "date", "commit")]


def title(script):
    """Return the first line of a benchmark's docstring."""
    source = (ROOT / "benchmarks" / f"{script}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)).splitlines()[0]


def line(values):
    """Return a line of the table."""
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |\n"
