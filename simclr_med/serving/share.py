"""Copies of work folders for other people: without ids, names, paths and pictures.

said = write("work/probe", "shared/probe")
"""

import json
import pathlib
import shutil

from simclr_med.config.storage import load_config
from simclr_med.errors import RunError
from simclr_med.evaluation.predictions_table import PROBABILITY
from simclr_med.files import atomic, paths
from simclr_med.files.tables import read_table
from simclr_med.runs import layout
from simclr_med.serving.export import FORMATS
from simclr_med.serving.formats.evidence import FILE as EVIDENCE

# All else is left out: what is not known here may name somebody.
WHOLE = (
    layout.TASK, layout.INPUT, layout.METRICS, layout.LOG, layout.MONITOR, layout.VERSIONS,
    layout.STOPPED_EARLY, layout.CHECKPOINTS, layout.BEST, *(name for name, _ in FORMATS.values()),
)  # fmt: skip
KEPT_COLUMNS = ("truth", "masked", "predicted")
PLACES = (
    "data_dir", "features_dir", "images", "model", "runs", "tpu", "gcp_project", "title", "salt",
)  # fmt: skip
RESET = {"cases": "image"}  # an expression may hold names of folders
LEFT_OUT, REPORT = "left_out", "left_out.txt"


def write(work_dir: str | pathlib.Path, folder: str | pathlib.Path) -> list[str]:
    """Write a copy of a work folder, and left_out.txt, the list of omissions.

    Predictions keep truth and probabilities; cases and patients are numbered anew, in every split
    alike. config.json keeps its settings without places.

    Args:
      work_dir: of a run.
      folder: to be made.

    Returns:
      The sentences of left_out.txt.

    Raises:
      InputError: `work_dir` is no run, or `folder` is there or lies inside of it.
    """
    work_dir, folder = paths.folder_to_read(work_dir), paths.new_folder(folder)
    load_config(work_dir)
    paths.refuse_inside(folder, "", work_dir, "")
    known = {layout.CONFIG, layout.PREDICTIONS, *WHOLE}
    there = sorted(path.name for path in work_dir.iterdir() if not path.name.startswith("."))
    said = [f"copied: {name}" for name in there if name in WHOLE]
    said += [f"left out: {name}" for name in there if name not in known]
    said += [f"left out: {EVIDENCE} of exports, checksums of images"]
    _refuse_no_files(work_dir, (layout.CONFIG, layout.PREDICTIONS, *WHOLE))
    with atomic.new_folder(folder) as beside:
        for name in [name for name in there if name in WHOLE]:
            _copy(work_dir / name, beside / name)
        text = (work_dir / layout.CONFIG).read_text(encoding="utf-8")
        shared = json.dumps(_without_places(json.loads(text)), indent=1)
        atomic.write_text(beside / layout.CONFIG, shared)
        said.append(f"changed: {layout.CONFIG}, without folders, names of machines and titles")
        said += _write_predictions(work_dir / layout.PREDICTIONS, beside / layout.PREDICTIONS)
        atomic.write_text(beside / REPORT, "".join(f"{sentence}\n" for sentence in said))
    return said


def _refuse_no_files(work_dir, names):
    """Raise `InputError` where a pipe or a device lies among those that are copied."""
    for name in names:
        if (work_dir / name).exists():
            paths.whole_folder_to_read(work_dir / name)


def _copy(source, target):
    try:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*", EVIDENCE))
        else:
            shutil.copyfile(source, target)
    except shutil.Error as error:  # of each file that failed
        path, _, reason = error.args[0][0]
        raise RunError(f"{path}: cannot be copied: {reason}") from None


def _without_places(content):
    """Return settings in which a folder or a name of somebody's is "left_out"."""
    found = {}
    for name, value in content.items():
        if isinstance(value, dict):
            found[name] = _without_places(value)
        elif name in RESET:
            found[name] = RESET[name]
        elif name in PLACES:
            found[name] = [] if isinstance(value, list) else LEFT_OUT * bool(value)
        elif isinstance(value, str) and ":" in value:  # run:PATH, imported:PATH
            found[name] = f"{value.partition(':')[0]}:{LEFT_OUT}"
        else:
            found[name] = value
    return found


def _write_predictions(source, target):
    """Write each split's predictions; return sentences on them."""
    files = sorted(source.glob("*.csv")) if source.is_dir() else []
    numbers = {"case_id": {}, "patient_id": {}}
    dropped = set()
    for file in files:
        table = read_table(file, ()).rows
        rows, names = table.to_dict("records"), list(table)
        kept = [n for n in names if n in (*numbers, *KEPT_COLUMNS) or n.startswith(PROBABILITY)]
        dropped.update(set(names) - set(kept))
        with atomic.csv_writer(target / file.name) as writer:
            writer.writerow(kept)
            writer.writerows([_cell(row, name, numbers) for name in kept] for row in rows)
    said = [f"changed: {layout.PREDICTIONS}, cases and patients numbered anew"] * bool(files)
    return said + [f"left out: columns {', '.join(sorted(dropped))}"] * bool(dropped)


def _cell(row, name, numbers):
    """Return a cell; an id is its number in the order of first appearance, "" stays."""
    value = row[name]
    if name not in numbers or not value:
        return value
    return f"{name[0]}{numbers[name].setdefault(value, len(numbers[name]) + 1)}"
