"""Labels become the classes of a data set: rare conditions are gathered, findings get a meaning.

info, prevalence = make_classes(records, settings, target=None)
"""

import numpy as np
import pandas as pd

from simclr_med.config.splits import SPLITS
from simclr_med.data import label_weights
from simclr_med.data.info import UNCERTAIN
from simclr_med.errors import InputError
from simclr_med.preparation.labels import conditions

MEANING = {"1": "present", "0": "absent", "-1": "uncertain", "": "not_mentioned"}


def make_classes(records, settings, target):
    """Make the final labels of the records' table.

    Args:
      records: `Records`, whose labels are replaced; rows of no class leave its table.
      settings: with classes, top_conditions, min_cases, other, uncertain, not_mentioned.
      target: `DatasetInfo` of the data set whose classes are wanted, or None.

    Returns:
      What dataset.json says, but for where the images are; and a table of prevalence.

    Raises:
      InputError: all cases have one label, or the settings name what is not there.
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
        classes, other = list(target.classes), target.other_class
    else:
        classes, other = _gather(records, settings, counts, case["labels"])
    _judge_classes(records, classes, other)
    info |= {"classes": classes, "other_class": other if other in classes else None}
    return info, _prevalence(case, counts, len(training), classes, other)


def _gather(records, settings, counts, labels):
    """Put the conditions that are not kept under "other"; return the classes and that name."""
    kept, other = _kept(records, settings, counts, labels), settings.other or None
    table = records.table
    names = {name: name for name in kept}
    changed = conditions.relabelled(table["labels"], names, other)
    if label_weights.COLUMN in table:
        weights = conditions.reweighted(table[label_weights.COLUMN], names, other)
        table = table.assign(**{label_weights.COLUMN: weights})
    out = (changed == "") & (table["split"] != "unlabelled")
    records.notes += [f"{int(out.sum())} images have none of the classes: left out."] * any(out)
    records.table = table.assign(labels=changed)[~out].reset_index(drop=True)
    used = conditions.distinct(records.table["labels"])
    return [*kept, *([other] if other in used and other not in kept else [])], other


def _judge_classes(records, classes, other):
    if len(classes) == 1:
        way_out = f"; {records.unlabelled_by}" if records.unlabelled_by else ""
        raise InputError(
            f"all cases are labelled {classes[0]!r}: a task needs two classes or more{way_out}"
        )
    used = conditions.distinct(records.table["labels"])
    empty = [name for name in classes if name not in used]
    if used and not {*classes, other} - {*empty, other}:
        raise InputError(f"no case is of one of the classes: {', '.join(empty)}")
    records.notes += [f"No case of: {', '.join(empty)}."] * bool(empty)


def _kept(records, settings, counts, labels):
    if settings.classes:
        return conditions.forced_classes(settings.classes)
    kept = conditions.distinct(labels)
    if settings.top_conditions or settings.min_cases > 1:
        kept = conditions.most_frequent(counts, settings.top_conditions, settings.min_cases)
        return [name for name in records.classes if name in kept] or kept
    return list(dict.fromkeys([*records.classes, *kept]))


def _policies(text, findings):
    """Return finding to policy; findings that are not named are ignored where uncertain."""
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


def rarest(table, records):
    """Return the number of each row's rarest label, int `[N]`, and the labels' names by number.

    0 is the rarest of all.

    Args:
      table: N rows of the records' table.
      records: `Records`, with task and findings.
    """
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


def _findings_by_split(records):
    rows = [
        {"finding": name, "split": split} | part[name].map(MEANING).value_counts().to_dict()
        for split, part in records.table.groupby("split")
        for name in records.findings
    ]
    table = pd.DataFrame(rows, columns=["finding", "split", *MEANING.values()])
    return table.fillna(0).astype(dict.fromkeys(MEANING.values(), int))


def _prevalence(case, counts, training_cases, named, other):
    """Return a table of each condition's cases by split, most frequent in training first."""
    folded = {name.casefold(): name for name in named}
    by_split = {
        split: conditions.prevalence(part["labels"])
        for split, part in case.groupby("split")
        if split != "unlabelled"
    }
    order = [s for s in SPLITS if s in by_split]
    rows = []
    for name in dict.fromkeys([*counts.index, *conditions.distinct(case["labels"])]):
        share = counts.get(name, 0) / max(1, training_cases)
        row = {"condition": name, "class": folded.get(name.casefold(), other or "")}
        row["training_share"] = f"{share:.5f}" if training_cases else ""
        rows.append(row | {split: int(by_split[split].get(name, 0)) for split in order})
    return pd.DataFrame(rows)
