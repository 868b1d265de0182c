"""Conditions that become classes: the paper's preparation of diagnoses (appendix A.1).

counts = prevalence(labels[split == "train"])
kept = most_frequent(counts, 26, min_cases=100)
labels = relabelled(labels, {name: name for name in kept}, other="Other")
"""

import re

import pandas as pd

from simclr_med.data import label_weights
from simclr_med.errors import InputError
from simclr_med.files.tables import blank_unknown, read_table
from simclr_med.files.text import is_unknown, read_text
from simclr_med.preparation.labels.paper_conditions import PAPER

SEPARATOR = "|"


def distinct(labels):
    """Return the names of all conditions in `labels`, texts joined by "|", sorted `by_name`."""
    names = {name for text in pd.unique(labels) for name in text.split(SEPARATOR) if name}
    return sorted(names, key=by_name)


def by_name(name):
    """Return the sort key of a name: numbers by value, and 2 before 10 within names."""
    number = re.fullmatch(r"-?\d{1,300}(\.\d{1,300})?", name)
    digits = [
        (len(part.lstrip("0")), part.lstrip("0")) if i % 2 else (0, part)
        for i, part in enumerate(re.split(r"(\d+)", name))
    ]
    return (0, float(name), digits) if number else (1, 0.0, digits)


def prevalence(labels):
    """Return the number of cases with each condition, most frequent first.

    Args:
      labels: one text a case, several conditions joined by "|".
    """
    names = labels[labels != ""].str.split(SEPARATOR, regex=False).explode()
    counts = names.value_counts()
    return counts.iloc[sorted(range(len(counts)), key=lambda i: (-counts.iloc[i], counts.index[i]))]


def most_frequent(counts, number, min_cases):
    """Return the `number` most frequent conditions (0: all) with `min_cases` or more, by name.

    Raises:
      InputError: fewer than one is left.
    """
    kept = [name for name, count in counts.items() if count >= min_cases]
    kept = sorted(kept[:number] if number else kept, key=by_name)
    if not kept:
        raise InputError(f"--min_cases={min_cases}: no condition has as many training cases")
    return kept


def relabelled(labels, names, other=None):
    """Return labels with each condition renamed by `names`; others become `other`.

    Names match as they stand, else without regard to capitals. A name that comes twice in a case
    stays once; without `other` a condition not in `names` is dropped.
    """
    renamed = _renamer(names, other)

    def one(text):
        new = [renamed(name) for name in text.split(SEPARATOR)]
        return SEPARATOR.join(dict.fromkeys(name for name in new if name))

    return labels.map({text: one(text) if text else "" for text in pd.unique(labels)})


def reweighted(column, names, other=None):
    """Return texts of `label_weights` with conditions renamed as in `relabelled`, weights added."""
    renamed = _renamer(names, other)

    def one(text):
        sums = {}
        for name, weight in label_weights.weights(text).items():
            if new := renamed(name):
                sums[new] = sums.get(new, 0.0) + weight
        return label_weights.to_text(sums)

    return column.map({text: one(text) for text in pd.unique(column)})


def _renamer(names, other):
    folded = {name.casefold(): new for name, new in names.items()}
    return lambda name: names.get(name, folded.get(name.casefold(), other))


def forced_classes(text):
    """Return the classes that `--classes` forces: "paper", or a file with one name a line.

    Raises:
      InputError: no such file, or a name twice.
    """
    if text == "paper":
        return list(PAPER)
    try:
        lines = read_text(text)[0].splitlines()
    except InputError as error:
        raise InputError(
            f"--classes={text}: neither 'paper' nor a readable file: {error}"
        ) from None
    names = [line.strip() for line in lines if line.strip()]
    sound = names and SEPARATOR not in "".join(names) and not any(map(is_unknown, names))
    if len(set(names)) < len(names) or not sound:
        raise InputError(
            f"{text}: must hold one or more different names, one a line, without a | and none "
            "that says unknown"
        )
    return names


def read_mapping(file, notes):
    """Return old name to new of a mapping file, a CSV (from,to).

    One whose `to` is empty, or only says that it is unknown, is left out.

    Args:
      file: its path.
      notes: a list to which sentences are added on what was assumed of it.

    Raises:
      InputError: another header, a row of another width, or a name mapped twice.
    """
    found = read_table(file, ("from", "to"))
    notes += [f"{sentence}." for sentence in found.assumed]
    if sorted(found.rows) != ["from", "to"]:
        raise InputError(f"{file}, row 1: the header must be from,to, not {','.join(found.rows)}")
    table = found.rows.apply(lambda column: column.str.strip())
    said, table["to"] = table["to"], blank_unknown(table["to"])
    unknown = pd.unique(said[(said != "") & (table["to"] == "")])
    if len(unknown):
        notes.append(f"--mapping: {', '.join(unknown)} in column to was taken as empty.")
    twice = table["from"].duplicated()
    if twice.any():
        row = twice.idxmax()
        raise InputError(f"{file}, row {row + 2}: {table['from'][row]!r} is mapped twice")
    return dict(zip(table["from"], table["to"], strict=True))
