"""Data set folders of whatever images a user has: a folder, a table, a list, a DataFrame.

    folder = data_set("my_images", "work/simclr", labelled=False)  # work/simclr/data_set

A folder that is a data set already is taken as it is.
"""

import dataclasses
import hashlib
import os
import pathlib
import tempfile
from collections.abc import Iterable
from typing import Any, TypeAlias

import pandas as pd

from simclr_med import progress
from simclr_med.config.fields import Config
from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.files import atomic, paths
from simclr_med.files.tables import read_table
from simclr_med.preparation import sources
from simclr_med.preparation.images import dicom_image
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import Settings
from simclr_med.preparation.source_files import walk
from simclr_med.runs import layout

NOT_YET = "a data set that is made later"  # --data_dir, while the other settings are checked
CARD = "dataset.json"
LEFT_OUT = 20  # one image in so many may be unreadable, and is left out
MOST_LABELS = 50  # folders: more are patients or dates
FOLDER = r"^(?P<case>.+)/[^/]*$"  # of a path: the folder that an image lies in
COLUMNS = {  # of a table, and the flags of the source csv that name them
    "case_id": "case_column",
    "patient_id": "patient_column",
    "labels": "label_column",
    "split": "split_column",
}
Images: TypeAlias = str | os.PathLike[str] | pd.DataFrame | Iterable[str | os.PathLike[str]]


def prepared(
    images: Images, output: str | os.PathLike, source: str | None, given: dict[str, Any]
) -> list[str]:
    """Write a data set folder of images; return sentences on the work done.

    Args:
      images: a folder, a CSV file, a list of files, or a DataFrame with the column image.
      output: the new folder.
      source: reader, see `sources`; None takes "folders", and "csv" of a table.
      given: settings and the source's options, by the names of their flags.

    Raises:
      InputError: see `prepare.prepare`; or a setting that neither has.
    """
    if isinstance(images, (str, os.PathLike)):
        path = paths.to_read(images, "--input")
        name = source or reader(path)
        if name == "csv" and not set(given) & set(COLUMNS.values()):
            given = _columns_of(read_table(path, ("image",)).rows.columns) | given
        return _prepared(name, path, output, given)
    table = _table(images)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "images.csv"
        table.to_csv(file, index=False)
        return _prepared("csv", file, output, _columns_of(table.columns) | given)


def data_set(
    images: Images, work_dir: str | os.PathLike[str], *, labelled: bool, cases: str = "image"
) -> str:
    """Return the path of a data set folder: that of `images`, or the one made in a work folder.

    Args:
      images: a data set folder, or what `prepared` takes.
      work_dir: of a run; one that was made there of the same images is taken again.
      labelled: True where folders of images are classes; False leaves all unlabelled.
      cases: of a folder of images, see the setting of that name.

    Raises:
      InputError: there are no images, other ones were made a data set of there, or more than one in
        20 cannot be read.
    """
    source = "csv"
    if isinstance(images, (str, os.PathLike)):
        path = paths.to_read(images, "--data_dir")
        if path.is_dir() and (path / CARD).exists():
            _refuse_idle(cases, f"{path} is a data set folder, whose manifest says the cases")
            return str(path.absolute())
        source = reader(path)
    made = pathlib.Path(work_dir).absolute() / layout.DATA_SET
    listed = _fingerprint(images, labelled, cases)
    origin = made / "made_of.txt"
    if made.exists():
        if origin.exists() and origin.read_text(encoding="utf-8").strip() == listed:
            return str(made)
        raise InputError(
            f"{made} was made of other images, or they have changed since: give another --work_dir"
        )
    options: dict[str, Any] = {"allow_problems": _most_problems(images)}
    if source == "folders":
        options |= {"labels": "folders" if labelled else "none"}
        options |= (
            {"path_pattern": FOLDER if cases == "folder" else cases} if cases != "image" else {}
        )
    else:
        _refuse_idle(cases, "the table, or the files, say the cases")
    notes = prepared(images, made, source, options)
    atomic.write_text(origin, listed + "\n")
    for sentence in _told(made, notes, labelled):
        progress.say(sentence)
    return str(made)


def _refuse_idle(cases, why):
    if cases != "image":
        raise InputError(f"--cases={cases} has no effect: {why}")


def _told(made, notes, labelled):
    """Yield sentences on a data set that was made: images, problems, cases, labels."""
    data = manifest.read(made)
    yield notes[0]
    problems = read_table(made / "problems.csv", ()).rows if _has_rows(made) else ()
    if len(problems):
        yield f"left out, since they cannot be read: {len(problems)} files, in {made}/problems.csv"
    several = int((data.table.groupby("case_id").size() > 1).sum())
    if several:
        yield (
            f"{several} cases have two images or more: --positives=case takes two of them for a "
            "positive pair (MICLe)"
        )
    folders = {image.split("/")[0] for image in data.table["image"] if "/" in image}
    if not labelled and 2 <= len(folders) <= MOST_LABELS:
        shown = ", ".join(sorted(folders)[:5]) + ", ..." * (len(folders) > 5)
        yield (
            f"folders that may be labels: {shown}; pretraining uses none. To test a classifier on "
            "these images later, make a data set of them first: simclr-med prepare"
        )


def _has_rows(made):
    file = made / "problems.csv"
    return file.exists() and file.read_text(encoding="utf-8").count("\n") > 1


def with_data(config: Config, folder: str) -> Config:
    """Return a `Config` whose data set is that in `folder`."""
    return dataclasses.replace(config, data=dataclasses.replace(config.data, data_dir=folder))


def reader(path: pathlib.Path) -> str:
    """Return the name of the source that reads a folder, or a file."""
    if not path.is_dir():
        return "csv"
    tree = walk(path)
    dicom = not tree.images() and any(dicom_image.is_dicom(path / name) for name in tree.files)
    return "dicom" if dicom else "folders"


def _prepared(source, path, output, given):
    """Prepare by values of which some are the source's options, the others settings."""
    options = sources.load(source).OPTIONS
    own = {name: value for name, value in given.items() if name in options}
    rest = {name: value for name, value in given.items() if name not in options}
    known = [field.name for field in dataclasses.fields(Settings)]
    unknown = [name for name in rest if name not in known]
    if unknown:
        raise InputError(f"--{unknown[0]} is no setting of a preparation with --source={source}")
    with progress.shown_meanwhile("prepare", "image") as shown:

        def tell(what, done, total):
            shown.to(done, total)

        return prepare(source, path, output, Settings(**rest), own, tell)


def _columns_of(names):
    """Return the flags of the source csv for a table that has a manifest's columns."""
    return {flag: column for column, flag in COLUMNS.items() if column in names}


def _table(images):
    """Return the table of a DataFrame, or of a list of files."""
    if isinstance(images, pd.DataFrame):
        if "image" not in images:
            raise InputError(f"images: a table of {', '.join(images)}; expected the column image")
        return images.assign(image=[os.path.abspath(path) for path in images["image"]])
    files = [os.fspath(path) for path in images]
    if not files:
        raise InputError("images: an empty list; expected paths of images")
    return pd.DataFrame({"image": [os.path.abspath(path) for path in files]})


def _most_problems(images):
    """Return how many images may be unreadable: one in `LEFT_OUT`."""
    if isinstance(images, (str, os.PathLike)):
        path = pathlib.Path(images)
        count = len(walk(path).files) if path.is_dir() else len(read_table(path, ("image",)).rows)
    else:
        count = len(_table(images))
    return count // LEFT_OUT


def _fingerprint(images, labelled, cases):
    """Return a SHA-256 of the names, sizes and times of change of all images, and of a table."""
    digest = hashlib.sha256(repr((labelled, cases)).encode())
    if isinstance(images, (str, os.PathLike)):
        path = pathlib.Path(images)
        names = sorted(walk(path).files) if path.is_dir() else [path.name]
        root = path if path.is_dir() else path.parent
        files = [root / name for name in names]
    else:
        table = _table(images)
        digest.update(table.to_csv(index=False).encode("utf-8", "surrogateescape"))
        files = [pathlib.Path(name) for name in table["image"].astype(str)]
    for file in files:
        state = os.stat(file) if file.exists() else None
        seen = (state.st_size, state.st_mtime_ns) if state else ()
        digest.update(os.fsencode(file.name) + repr(seen).encode())
    return digest.hexdigest()
