"""Labels on their way to classes: renamed, mapped onto another set's, the rare ones gathered.

unmapped = rename(records, settings, target=None)
info, prevalence = classes(records, settings, target=None)
"""

import numpy as np
import pandas as pd

from simclr_med.config.splits import SPLITS
from simclr_med.data.info import UNCERTAIN
from simclr_med.errors import InputError
from simclr_med.preparation import conditions
from simclr_med.preparation.source_table import FILE, ROW

MEANING = {"1": "present", "0": "absent", "-1": "uncertain", "": "not_mentioned"}


def rename(records, settings, target):
    """Renames by `settings.mapping`, and where there is a `target` keeps what it has.

    Args:
      records: `Records`, whose table (and findings) are replaced.
      settings: with mapping, map_to, not_mentioned.
      target: `DatasetInfo` of the data set whose classes are wanted, or None.

    Returns:
      The rows that are left out because they do not map: file, row, image, case_id, labels.
    """
    names = conditions.read_mapping(settings.mapping) if settings.mapping else {}
    if target:
        wrong = sorted({new for new in names.values() if new} - set(target.classes))
        if wrong:
            raise InputError(
                f"--mapping={settings.mapping}: {wrong[0]!r} is not a class of {settings.map_to}: "
                f"{', '.join(target.classes)}"
            )
    if records.task == "multilabel":
        return _rename_findings(records, settings, target, names)
    before = records.table["labels"]
    wanted = target.classes if target else _conditions(before)
    labels = conditions.relabelled(before, {name: name for name in wanted} | names)
    kept = labels != "" if target else (labels != "") | (before == "")
    kept |= records.table["split"] == "unlabelled"
    lost = records.table[~kept]
    records.table = records.table.assign(labels=labels)[kept].reset_index(drop=True)
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
    if len(set(found)) < len(found):
        raise InputError(f"--mapping={settings.mapping}: gives two findings one name")
    table = records.table.drop(columns=dropped).rename(columns=names)
    if target:
        absent = [name for name in target.classes if name not in found]
        if len(absent) == len(target.classes):
            raise InputError(f"--map_to={settings.map_to}: none of its findings is here")
        if settings.not_mentioned == "negative":  # said now: for the absent ones empty is unknown
            table = table.replace({name: {"": "0"} for name in found})
        others = [name for name in found if name not in target.classes]
        dropped += others
        table = table.drop(columns=others).assign(**dict.fromkeys(absent, ""))
        records.notes += [f"Not labelled here, so masked: {', '.join(absent)}."] * bool(absent)
        found = target.classes
    records.notes += [f"Findings left out: {', '.join(dropped)}."] * bool(dropped)
    records.table, records.findings = table, tuple(found)
    return pd.DataFrame()


def classes(records, settings, target):
    """Makes the final labels of the records' table.

    Args: as of `rename`; of `settings` classes, top_conditions, min_cases, other, uncertain,
      not_mentioned.

    Returns:
      What dataset.json says, but for where the images are; and a table of prevalence.
    """
    info = {"name": records.name, "task": records.task, "groups": list(records.groups)}
    info |= {"licence": records.licence, "source": records.source}
    if records.task == "multilabel":
        names = list(records.findings)
        info |= {"classes": names, "uncertain": _policies(settings.uncertain, names)}
        info["not_mentioned"] = "masked" if target else settings.not_mentioned
        return info, _findings_by_split(records)
    case = records.table.drop_duplicates("case_id")
    training = case[case["split"] == "train"]
    counts = conditions.prevalence((training if len(training) else case)["labels"])
    if target:
        kept, other = list(target.classes), target.other_class
    else:
        kept, other = _kept(settings, counts, case["labels"]), settings.other or None
        labels = records.table["labels"]
        labels = conditions.relabelled(labels, {name: name for name in kept}, other)
        out = (labels == "") & (records.table["split"] != "unlabelled")
        records.notes += [f"{int(out.sum())} images have none of the classes: left out."] * any(out)
        records.table = records.table.assign(labels=labels)[~out].reset_index(drop=True)
    named = list(kept)
    if not target and other in set(_conditions(records.table["labels"])) - set(kept):
        named.append(other)
    if len(named) == 1:
        raise InputError(f"all cases are labelled {named[0]!r}: a task needs two classes or more")
    empty = [name for name in named if name not in _conditions(records.table["labels"])]
    records.notes += [f"No case of: {', '.join(empty)}."] * bool(empty)
    info |= {"classes": named, "other_class": other if other in named else None}
    return info, _prevalence(case, counts, len(training), named, other)


def rarest(table, records):
    """For each row the number of its rarest label, 0 being the rarest of all; and their names."""
    if records.task == "multiclass":
        counts = conditions.prevalence(table.drop_duplicates("case_id")["labels"])
        names = list(counts.index[::-1])
        number = {name: i for i, name in enumerate(names)}
        first = {t: min(number[n] for n in t.split("|")) for t in pd.unique(table["labels"])}
        return table["labels"].map(first).to_numpy(), names
    names = sorted(records.findings, key=lambda name: ((table[name] == "1").sum(), name))
    positive = np.stack([(table[name] == "1").to_numpy() for name in names], axis=1)
    first = np.where(positive.any(axis=1), positive.argmax(axis=1), len(names))
    return first, [*names, "no finding"]


def _conditions(labels):
    return sorted({n for text in pd.unique(labels) for n in text.split("|") if n})


def _kept(settings, counts, labels):
    if settings.classes:
        return conditions.named(settings.classes)
    if settings.top_conditions or settings.min_cases > 1:
        return conditions.most_frequent(counts, settings.top_conditions, settings.min_cases)
    return _conditions(labels)


def _policies(text, findings):
    """Finding to policy; findings that are not named are ignored where uncertain."""
    policies = {}
    for part in text.split(",") if text else ():
        name, colon, policy = part.rpartition(":")
        policies |= {name.strip(): policy} if colon else dict.fromkeys(findings, policy)
    for name, policy in policies.items():
        if name not in findings or policy not in UNCERTAIN:
            raise InputError(
                f"--uncertain={text}: {name}:{policy} is not understood; give one of "
                f"{', '.join(UNCERTAIN)}, or finding:policy of {', '.join(findings)}"
            )
    return policies


def _findings_by_split(records):
    rows = [
        {"finding": name, "split": split} | part[name].map(MEANING).value_counts().to_dict()
        for split, part in records.table.groupby("split")
        for name in records.findings
    ]
    table = pd.DataFrame(rows, columns=["finding", "split", *MEANING.values()])
    return table.fillna(0).astype(dict.fromkeys(MEANING.values(), int))


def _prevalence(case, counts, training_cases, named, other):
    """Cases of each condition by split, the most frequent in training first."""
    folded = {name.casefold(): name for name in named}
    by_split = {
        split: conditions.prevalence(part["labels"])
        for split, part in case.groupby("split")
        if split != "unlabelled"
    }
    order = [s for s in SPLITS if s in by_split]
    rows = []
    for name in dict.fromkeys([*counts.index, *_conditions(case["labels"])]):
        share = counts.get(name, 0) / max(1, training_cases)
        row = {"condition": name, "class": folded.get(name.casefold(), other or "")}
        row["training_share"] = f"{share:.5f}" if training_cases else ""
        rows.append(row | {split: int(by_split[split].get(name, 0)) for split in order})
    return pd.DataFrame(rows)
