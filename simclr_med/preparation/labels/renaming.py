"""Labels renamed by a mapping, and mapped onto the classes of another data set."""

import pathlib

import pandas as pd

from simclr_med.data import label_weights
from simclr_med.errors import InputError
from simclr_med.preparation.labels import conditions
from simclr_med.preparation.source_table import FILE, ROW


def rename_labels(records, settings, target):
    """Rename labels by `settings.mapping`, and keep those that the `target` has.

    Args:
      records: `Records`, whose table (and findings) are replaced.
      settings: with mapping, map_to, not_mentioned.
      target: `DatasetInfo` of the data set whose classes are wanted, or None.

    Returns:
      The rows that are left out because they do not map: file, row, image, case_id, labels.

    Raises:
      InputError: the mapping names what the target has not, or gives two findings one name.
    """
    names = {}
    if settings.mapping:
        names = conditions.read_mapping(settings.mapping, records.notes)
        _judge_mapping(records, settings.mapping, names)
    if target:
        _refuse_strange(names, settings, target)
    if records.task == "multilabel":
        return _rename_findings(records, settings, target, names)
    return _rename_conditions(records, target, names)


def _judge_mapping(records, file, names):
    """Note the names that a mapping renames and no label has; refuse where none has any."""
    there = list(records.findings) or conditions.distinct(records.table["labels"])
    folded = {name.casefold() for name in there}
    unused = [name for name in names if name.casefold() not in folded]
    if len(unused) == len(names):
        raise InputError(
            f"--mapping={file}: renames {', '.join(names)}; none of them is here, but "
            f"{', '.join(there)}"
        )
    records.notes += [f"{pathlib.Path(file).name}: not here: {', '.join(unused)}."] * bool(unused)


def _refuse_strange(names, settings, target):
    strange = sorted({new for new in names.values() if new} - set(target.classes))
    if strange:
        raise InputError(
            f"--mapping={settings.mapping}: {strange[0]!r} is not a class of {settings.map_to}: "
            f"{', '.join(target.classes)}"
        )


def _rename_conditions(records, target, names):
    before = records.table["labels"]
    wanted = target.classes if target else conditions.distinct(before)
    mapped = {name: name for name in wanted} | names
    labels = conditions.relabelled(before, mapped)
    if label_weights.COLUMN in records.table:
        column = records.table[label_weights.COLUMN]
        if not target:  # conditions that are nobody's primary one stay as well
            every = {name for text in pd.unique(column) for name in label_weights.weights(text)}
            mapped = {name: name for name in every} | mapped
        weights = conditions.reweighted(column, mapped)
        records.table = records.table.assign(**{label_weights.COLUMN: weights})
    kept = labels != "" if target else (labels != "") | (before == "")
    kept |= records.table["split"] == "unlabelled"
    lost = records.table[~kept]
    records.table = records.table.assign(labels=labels)[kept].reset_index(drop=True)
    renamed = [names.get(name, name) for name in records.classes]
    records.classes = tuple(dict.fromkeys(filter(None, renamed)))
    if len(lost):
        counts = lost.drop_duplicates("case_id")["labels"].value_counts()
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        records.notes.append(
            f"{len(lost)} images of {lost['case_id'].nunique()} cases were left out, because "
            f"their conditions do not map (cases: {shown}); unmapped.csv lists them."
        )
    listed = lost[[FILE, ROW, "image", "case_id", "labels"]]
    return listed.rename(columns={FILE: "file", ROW: "row"})


def _rename_findings(records, settings, target, names):
    dropped = [name for name in records.findings if names.get(name) == ""]
    found = [names.get(name, name) for name in records.findings if name not in dropped]
    twice = [name for name in found if found.count(name) > 1]
    if twice:
        raise InputError(f"--mapping={settings.mapping}: gives two findings one name, {twice[0]!r}")
    if not found:
        raise InputError(f"--mapping={settings.mapping}: leaves no finding")
    kept = records.table.drop(columns=list(records.findings))
    for name in found:
        if name in (*kept.columns, "labels") or conditions.SEPARATOR in name:
            raise InputError(f"--mapping={settings.mapping}: no finding can be called {name!r}")
    records.table = records.table.drop(columns=dropped).rename(columns=names)
    if target:
        others = [name for name in found if name not in target.classes]
        _take_findings(records, found, others, settings, target)
        dropped, found = dropped + others, target.classes
    records.notes += [f"Findings left out: {', '.join(dropped)}."] * bool(dropped)
    records.findings = tuple(found)
    return pd.DataFrame()  # no row is left out


def _take_findings(records, found, others, settings, target):
    """Give the table the target's findings: those not `found` are unknown, `others` go."""
    absent = [name for name in target.classes if name not in found]
    if len(absent) == len(target.classes):
        raise InputError(f"--map_to={settings.map_to}: none of its findings is here")
    table = records.table
    if settings.not_mentioned == "negative":  # said now: for the absent ones empty is unknown
        table = table.replace({name: {"": "0"} for name in found})
    records.table = table.drop(columns=others).assign(**dict.fromkeys(absent, ""))
    records.notes += [f"Not labelled here, so masked: {', '.join(absent)}."] * bool(absent)
