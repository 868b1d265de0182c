"""Which conditions become classes: the paper's preparation of diagnoses (appendix A.1).

counts = prevalence(labels[split == "train"])
kept = most_frequent(counts, 26, min_cases=100)
labels = relabelled(labels, {name: name for name in kept}, other="Other")
"""

import pathlib

import pandas as pd

from simclr_med.errors import InputError
from simclr_med.preparation.paper_conditions import PAPER

SEPARATOR = "|"


def distinct(labels):
    """Return the names of all conditions in `labels`, texts joined by "|", sorted."""
    return sorted({n for text in pd.unique(labels) for n in text.split(SEPARATOR) if n})


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
    kept = sorted(kept[:number] if number else kept)
    if not kept:
        raise InputError(f"--min_cases={min_cases}: no condition has as many training cases")
    return kept


def relabelled(labels, names, other=None):
    """Return labels with each condition renamed by `names`; what is not in it becomes `other`.

    Names match as they stand, else without regard to capitals. A name that comes twice in a case
    stays once; without `other` a condition not in `names` is dropped.
    """
    folded = {name.casefold(): new for name, new in names.items()}

    def one(text):
        new = [names.get(n, folded.get(n.casefold(), other)) for n in text.split(SEPARATOR)]
        return SEPARATOR.join(dict.fromkeys(name for name in new if name))

    return labels.map({text: one(text) if text else "" for text in pd.unique(labels)})


def forced_classes(text):
    """Return the classes that `--classes` forces: "paper", or a file with one name a line.

    Raises:
      InputError: no such file, or a name twice.
    """
    if text == "paper":
        return list(PAPER)
    try:
        lines = pathlib.Path(text).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--classes={text}: is neither 'paper' nor a readable file") from error
    names = [line.strip() for line in lines if line.strip()]
    if len(set(names)) < len(names) or not names:
        raise InputError(f"{text}: must hold one or more different names, one a line")
    return names


def read_mapping(file):
    """Return old name to new of a mapping file, a CSV (from,to); an empty `to` leaves one out.

    Raises:
      InputError: another header, or a name mapped twice.
    """
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"--mapping={file}: is not a readable CSV: {error}") from None
    if list(table.columns) != ["from", "to"]:
        raise InputError(f"{file}, row 1: the header must be from,to, not {','.join(table)}")
    twice = table["from"].duplicated()
    if twice.any():
        row = int(twice.to_numpy().argmax())
        raise InputError(f"{file}, row {row + 2}: {table['from'].iloc[row]!r} is mapped twice")
    return dict(zip(table["from"].str.strip(), table["to"].str.strip(), strict=True))
