"""Rows that cannot stay: found in the images and in the table, listed, left out or refused."""

import contextlib
import dataclasses
import pathlib

import numpy as np
import pandas as pd

from simclr_med.data import splitting
from simclr_med.data.info import Problem, escapes
from simclr_med.errors import InputError
from simclr_med.preparation.images.checks import (
    files_decoded,
    files_there,
    images_rendered,
    not_looked_at,
)
from simclr_med.preparation.images.image_faults import judge_for_rewriting, judge_for_training
from simclr_med.preparation.images.near_duplicates import LEVELS, coarse, near_pairs
from simclr_med.preparation.images.rewriting import plain_image, upright_image
from simclr_med.preparation.output import folder_writer
from simclr_med.preparation.settings import LABELLED
from simclr_med.preparation.source_table import FILE, NEAR, ROOT, ROW, SHA256

LISTED = 20  # problems in a message


def keep_sound_rows(records, settings, progress):
    """Look at every image; keep the records' sound rows, with SHA256 and NEAR.

    Args:
      records: `Records`, whose table has ROOT.
      settings: with check_images, near_duplicates and shortest_side.
      progress: called with (what, done, all), or None.

    Returns:
      A `Problem` for each row that was left out, those that the source found first.
    """
    seen = _looked_at(records, settings, progress)
    wrong = _wrong_rows(records, seen["problem"])
    sound = ~records.table.index.isin(list(wrong))
    table = records.table.assign(**{SHA256: seen["sha256"], NEAR: ""})[sound]
    records.table, seen = table.reset_index(drop=True), seen[sound]
    records.notes += [f"{n} images: {kind}." for kind, n in seen["note"].value_counts().items()
                      if kind]  # fmt: skip
    if settings.check_images == "none":
        records.notes.append(
            "Images were not looked at: neither missing nor identical ones were sought."
        )
    if settings.near_duplicates and settings.check_images == "decode":
        _group_near(records, seen, settings.near_duplicates)
    return records.problems + list(wrong.values())


def refuse_problems(problems, allowed, folder, output):
    """Raise `InputError` where there are more than are allowed, which then stand beside `output`.

    After `refuse_nothing_left`: what it advises leaves some rows.

    Args:
      problems: of `Problem`.
      allowed: how many rows may be left out.
      folder: --input, see `problem_table`.
      output: the folder that would be made.
    """
    if len(problems) > allowed:
        more = f"--allow_problems={len(problems)} leaves them out"
        raise _refusal(problems, f"{len(problems)} rows are wrong, all", more, folder, output)


def refuse_nothing_left(records, problems, folder, output):
    """Raise `InputError`, and list the rows left out beside `output`, where no row is left.

    Args:
      records: `Records`.
      problems: of `Problem`, why rows were left out; [] where it is known of none.
      folder, output: as of `refuse_problems`.
    """
    if not len(records.table):
        nothing = Problem(str(records.image_root), None, None, records.name, "holds nothing to use")
        said = "no image is left to make a data set of: what was left out is"
        raise _refusal(problems or [nothing], said, " ".join(records.notes), folder, output)


def refuse_without_labels(records, folder, output):
    """Raise `InputError`, and list the rows beside `output`, where labels are looked for in vain.

    Args:
      records: `Records`.
      folder, output: as of `refuse_problems`.
    """
    columns = list(records.findings) or ["labels"]
    if records.labels_from and not (records.table[columns] != "").to_numpy().any():
        reason = "is empty or unknown, as in all rows"
        problems = [
            Problem(file, int(row) or None, records.labels_from, "", reason)
            for file, row in records.table[[FILE, ROW]].itertuples(index=False)
        ]
        raise _refusal(problems, "no row has a label: all rows are", "", folder, output)


@contextlib.contextmanager
def something_left(records, problems, reason, folder, output):
    """Run a block that leaves out rows; where it leaves none, list them and raise `InputError`.

    Args:
      records: `Records`, whose table the block replaces.
      problems: of `Problem`, of the rows that were left out before.
      reason: why this block leaves rows out, to follow the name of an image.
      folder, output: as of `refuse_problems`.
    """
    before = records.table
    yield
    places = before[[FILE, ROW, "image"]].itertuples(index=False) if records.table.empty else ()
    lost = [Problem(file, int(row) or None, "image", name, reason) for file, row, name in places]
    refuse_nothing_left(records, problems + lost, folder, output)


def _refusal(problems, said, more, folder, output):
    """Write all problems beside `output`; return the error that shows the first of them."""
    beside = output.with_name(f"{output.name}.problems.csv")
    folder_writer.write_table(beside, problem_table(problems, folder))
    lines = [str(problem) for problem in problems[:LISTED]]
    lines.append(f"{said} listed in {beside}; nothing else was written. {more}".rstrip())
    return InputError("\n".join(lines))


def problem_table(problems, folder):
    """Return a table of problems, a row each, whose files are called as of `without_place`."""
    rows = [dataclasses.astuple(problem) for problem in problems]
    columns = ["file", "row", "column", "value", "reason"]
    table = pd.DataFrame(rows, columns=columns).astype({"row": "Int64"})
    return table.assign(file=without_place(table["file"], folder))


def without_place(named, folder):
    """Return files' names as a finished data set has them: where they lie says who keeps them.

    Args:
      named: a column of paths.
      folder: --input; what lies in it is named by its path below, and what does not by its name.
    """
    folder = pathlib.Path(folder)

    def short(text):
        path = pathlib.Path(text)
        if folder in path.parents:
            return path.relative_to(folder).as_posix()
        return "--input" if path == folder and folder.is_dir() else path.name

    return named.map({text: short(text) for text in pd.unique(named)})


def _looked_at(records, settings, progress):
    """Return the look at each row's image, a table as of `images.checks`."""
    parts = []
    for root, rows in records.table.groupby(ROOT, sort=False):
        names = rows["image"].tolist()
        rendered = records.render is not None and root == str(records.image_root)
        render = records.render if rendered else None
        parts.append(_look(root, names, render, settings, progress).set_axis(rows.index))
    return pd.concat(parts).sort_index()


def _look(root, names, render, settings, progress):
    fingerprint = coarse if settings.near_duplicates else None
    if settings.check_images == "none" or (render and settings.check_images == "exists"):
        return not_looked_at(names)
    if render:
        return images_rendered(render, names, fingerprint=fingerprint, progress=progress)
    if settings.check_images == "exists":
        return files_there(root, names)
    judge, shown = judge_for_training, plain_image
    if settings.shortest_side is not None:
        judge, shown = judge_for_rewriting, upright_image
    return files_decoded(
        pathlib.Path(root), names, judge, shown, fingerprint=fingerprint, progress=progress
    )


def _group_near(records, seen, distance):
    digest = seen["sha256"].tolist()  # those of the same pixels belong together anyway
    found = near_pairs(seen["perceptual"].tolist(), distance)
    pairs = [(i, j) for i, j in found if digest[i] != digest[j]]
    if pairs:
        group = splitting.linked_groups([[""] * len(digest)], pairs)
        records.table[NEAR] = group.astype(str)
        records.notes.append(
            f"{len(pairs)} pairs of nearly the same image (256-bit difference hashes within "
            f"{distance} bits, and greys within {LEVELS} levels)."
        )


def _wrong_rows(records, image_problems):
    """Return position to `Problem`, of all rows that cannot stay; a row's first one counts."""
    table, found = records.table, {}
    for bad, column, reasons in _complaints(records, image_problems):
        for i in np.flatnonzero(np.asarray(bad)):
            row = table.iloc[i]
            reason = reasons if isinstance(reasons, str) else reasons.iloc[i]
            number = int(row[ROW]) or None
            found.setdefault(i, Problem(row[FILE], number, column, str(row[column]), reason))
    return dict(sorted(found.items()))


def _complaints(records, image_problems):
    """Yield (bool `[N]`, column, the reason of all or of each)."""
    table = records.table
    yield image_problems != "", "image", image_problems
    yield table["image"] == "", "image", "is empty"
    yield table["image"].map(escapes), "image", "leads out of the folder of images"
    yield table.duplicated([ROOT, "image"]), "image", "stands in an earlier row already"
    yield table["case_id"] == "", "case_id", "is empty"
    if records.task == "multiclass":
        unlabelled = (table["labels"] == "") & table["split"].isin(LABELLED)
        reason = "is empty in a labelled split: " + table["image"]
        if records.unlabelled_by:
            reason += f"; {records.unlabelled_by}"
        yield unlabelled, "labels", reason
    for name in records.findings:
        yield ~table[name].isin(("1", "0", "-1", "")), name, "is not 1, 0, -1 or empty"
    for name in ("patient_id", "split", *(records.findings or ("labels",))):
        first = table.groupby("case_id", sort=False)[name].transform("first")
        yield table[name] != first, name, "differs from '" + first + "' in this case's first row"
