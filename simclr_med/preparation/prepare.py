"""From what people have on disk to a checked data set folder.

    prepare("pad_ufes", "PAD-UFES-20", "work/pad", Settings(top_conditions=5), options={})

A source reads its files into `Records`; pools of unlabelled images are joined; the images are
looked at; names are mapped; patients are dealt out to splits; what leaks is refused; conditions
become classes; and the folder is written.
"""

import dataclasses
import pathlib

import numpy as np
import pandas as pd

from simclr_med.config.splits import EVALUATED, LABELLED
from simclr_med.data import manifest, splitting
from simclr_med.data.info import COLUMNS, escapes, read_info
from simclr_med.data.problems import Problem
from simclr_med.errors import InputError
from simclr_med.preparation import folder_writer, images, labelling, leaks, sources
from simclr_med.preparation.source_table import FILE, NEAR, POOL, ROOT, ROW, SHA256, image_files

LISTED = 20


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a data set is prepared; `tools/prepare_data.py` has a flag for each.

    Attributes:
      splits: "" for the source's own, a name in the source's SPLITS, or "train=0.7,test=0.3".
      seed: of the splits.
      check_images: how far images are looked at, "none", "exists" or "decode".
      allow_problems: rows that may be left out because something is wrong with them.
      on_leak: "refuse", or "drop": the cases on the side that is worth less (see `leaks.WORTH`).
      near_duplicates: images whose 256-bit hashes differ in so many bits or less belong together;
        None to look at identical bytes alone.
      top_conditions: keep so many conditions of the highest prevalence in train, 0 for all.
      min_cases: each with so many training cases at least.
      other: the class of the rest; "" leaves cases of no class out.
      classes: "paper" or a file: these and no others.
      mapping: a file that renames conditions or findings.
      map_to: a data set folder whose classes these cases are given; all of them are external.
      uncertain: what -1 means: a policy, or "Edema:ones,Atelectasis:ignore".
      not_mentioned: what an empty finding means.
      unlabelled: folders whose images join the unlabelled split.
      shortest_side: None leaves images where and as they are; a number rewrites them at most so
        large, 0 at their own size.
      shards: number of TFRecord shards, 0 for files.
      beam_options: of Apache Beam, which writes the shards.
    """

    splits: str = ""
    seed: int = 0
    check_images: str = "decode"
    allow_problems: int = 0
    on_leak: str = "refuse"
    near_duplicates: int | None = None
    top_conditions: int = 0
    min_cases: int = 1
    other: str = "Other"
    classes: str = ""
    mapping: str = ""
    map_to: str = ""
    uncertain: str = ""
    not_mentioned: str = "negative"
    unlabelled: tuple = ()
    shortest_side: int | None = None
    shards: int = 0
    beam_options: tuple = ()


def prepare(source_name, folder, output, settings, options, progress=None):
    """Writes the data set folder `output`; returns sentences on what was done.

    Args:
      source_name: a module of `sources`.
      folder: what the source reads.
      settings, options: `Settings`, and the source's own options by name.
      progress: called with (what, done, all) during long work, or None.

    Raises:
      InputError: the first thing that is wrong with the settings, or all that is wrong with the
        rows; these also stand in OUTPUT.problems.csv then, and nothing else is written.
    """
    folder, output = pathlib.Path(folder).absolute(), pathlib.Path(output).absolute()
    if output.exists():
        raise InputError(f"--output={output} is there already")
    if not folder.exists():
        raise InputError(f"--input={folder} not found")
    if settings.near_duplicates is not None and settings.check_images != "decode":
        raise InputError("--near_duplicates needs --check_images=decode")
    source = sources.load(source_name)
    records = source.read(folder, options)
    sizes = _sizes(settings.splits, source, records)
    target = _target(settings.map_to, records.task)
    _refuse_idle(settings, records, target)
    notes = records.notes

    records.table = _with_pools(records, settings, notes)
    problems = _looked_at(records, settings, progress)
    _stop_on(problems, settings.allow_problems, output)
    unmapped = labelling.rename(records, settings, target)
    _deal_out(records, sizes, settings, external=target is not None)
    _drop_leaks(records, settings)
    info, prevalence = labelling.classes(records, settings, target)
    if not len(records.table):
        raise InputError(f"--input={folder}: no image is left to make a data set of")
    tables = {
        "problems.csv": _problem_table(problems),
        "prevalence.csv": prevalence,
        "unmapped.csv": unmapped,
    }
    folder_writer.write(output, records, info, tables, settings, progress)
    cases = records.table["case_id"].nunique()
    return [f"{output}: {len(records.table)} images of {cases} cases", *notes]


def _sizes(text, source, records):
    """Split to share or number."""
    if not text:
        return records.sizes or splitting.SHARES
    named = getattr(source, "SPLITS", {})
    if text in named:
        return named[text]
    sizes = {}
    for part in text.split(","):
        split, _, size = part.partition("=")
        if split not in LABELLED or not size or split in sizes:
            also = "".join(f"{name}, " for name in named)
            raise InputError(
                f"--splits={text}: {part!r} is not understood; give {also}or shares or numbers of "
                f"{records.unit} such as train=0.7,validation=0.1,test=0.2"
            )
        try:
            sizes[split] = float(size) if "." in size else int(size)
        except ValueError:
            raise InputError(f"--splits={text}: {size!r} is not a number") from None
    return sizes


def _target(folder, task):
    """The description of the data set whose classes are taken, or None."""
    if not folder:
        return None
    target = read_info(pathlib.Path(folder) / "dataset.json")
    if target.task != task:
        raise InputError(f"--map_to={folder} is {target.task}, this set {task}")
    return target


def _refuse_idle(settings, records, target):
    """Refuses settings that would change nothing."""

    def refuse(names, why):
        for name in names:
            if getattr(settings, name) != getattr(Settings, name):
                raise InputError(f"--{name}={getattr(settings, name)}: {why}")

    if records.task == "multilabel":
        why = "conditions are gathered into classes; this set has findings"
        refuse(("top_conditions", "min_cases", "other", "classes"), why)
    else:
        refuse(("uncertain", "not_mentioned"), "is of findings; this set has conditions")
    if target:
        why = f"the classes are those of --map_to={settings.map_to}, and all cases external"
        refuse(("top_conditions", "min_cases", "other", "classes", "splits"), why)
    if settings.classes:
        refuse(("top_conditions", "min_cases"), f"--classes={settings.classes} says which to keep")


# -- rows and what is wrong with them


def _with_pools(records, settings, notes):
    """The source's rows and those of the pools, tidied."""
    for name in (*records.findings, *records.groups):
        if name in (*COLUMNS, "labels"):
            raise InputError(f"a finding or group cannot be called {name!r}: rename that column")
    table = records.table.copy()
    for name in table.columns.difference([ROW, "image"]):
        # Outer spaces and line breaks, which a manifest may not hold, made plain.
        table[name] = table[name].map({t: " ".join(t.split()) for t in pd.unique(table[name])})
    table[ROOT], table[POOL] = str(records.image_root), ""
    if records.task == "multiclass":
        table.loc[(table["labels"] == "") & (table["split"] == ""), "split"] = "unlabelled"
    pools = []
    for number, path in enumerate(settings.unlabelled):
        pools.append(_pool(pathlib.Path(path).absolute(), f"pool{number + 1}"))
        notes.append(f"{pools[-1]['case_id'].nunique()} unlabelled cases joined from {path}.")
    joined = pd.concat([table, *pools], ignore_index=True)
    return joined.fillna({name: "" for name in joined.columns if name != ROW})


def _pool(folder, name):
    """The images of a data set folder, with its cases, or of any folder, each a case of its own."""
    if not folder.is_dir():
        raise InputError(f"--unlabelled={folder}: no such folder")
    if (folder / "manifest.csv").exists():
        known = manifest.read(folder)
        if known.info.shards:
            raise InputError(f"--unlabelled={folder}: is in shards; give the folder of its files")
        table = known.table[["image", "case_id", "patient_id"]].copy()
        table[ROOT], table[FILE] = str(known.image_root), str(folder / "manifest.csv")
        table[ROW] = table.index + 2
    else:
        found = image_files(folder)
        if not found:
            raise InputError(f"--unlabelled={folder}: no images below it")
        table = pd.DataFrame({"image": found, "case_id": found, "patient_id": ""})
        table[ROOT], table[FILE], table[ROW] = str(folder), str(folder), 0
    case_id = f"{name}/" + table["case_id"]
    return table.assign(case_id=case_id, split="unlabelled", **{POOL: name})


def _looked_at(records, settings, progress):
    """Looks at every image; keeps sound rows, with SHA256 and NEAR, and returns all problems."""
    table, notes = records.table, records.notes
    perceptual = settings.near_duplicates is not None
    parts = []
    for root, rows in table.groupby(ROOT, sort=False):
        names = rows["image"].tolist()
        if records.render is not None and root == str(records.image_root):
            seen = images.look_at_rendered(
                records.render, names, settings.check_images, perceptual=perceptual,
                progress=progress,
            )  # fmt: skip
        else:
            rewritten = settings.shortest_side is not None
            seen = images.look(
                pathlib.Path(root), names, settings.check_images, perceptual=perceptual,
                rewritten=rewritten, progress=progress,
            )  # fmt: skip
        parts.append(seen.set_axis(rows.index))
    seen = pd.concat(parts).sort_index()
    bad = _wrong_rows(records, seen["problem"])
    sound = ~table.index.isin([row for row, _ in bad])
    records.table = table.assign(**{SHA256: seen["sha256"], NEAR: ""})[sound]
    records.table = records.table.reset_index(drop=True)
    seen = seen[sound]
    notes += [f"{n} images: {kind}." for kind, n in seen["note"].value_counts().items() if kind]
    if settings.check_images == "none":
        notes.append("Images were not looked at: neither missing nor identical ones were sought.")
    if perceptual:
        pairs = images.near(seen["perceptual"].tolist(), settings.near_duplicates)
        if pairs:
            group = splitting.linked([[""] * len(seen)], pairs)
            records.table[NEAR] = group.astype(str)
        notes.append(
            f"{len(pairs)} pairs of nearly the same image, by a 256-bit difference hash within "
            f"{settings.near_duplicates} bits."
        )
    return records.problems + [problem for _, problem in bad]


def _wrong_rows(records, image_problems):
    """Pairs (row, Problem) of all rows that cannot stay."""
    table, found = records.table, {}

    def add(bad, column, reasons):
        for i in np.flatnonzero(np.asarray(bad)):
            row = table.iloc[i]
            reason = reasons if isinstance(reasons, str) else reasons.iloc[i]
            number = int(row[ROW]) or None
            found.setdefault(i, Problem(row[FILE], number, column, str(row[column]), reason))

    add(image_problems != "", "image", image_problems)
    add(table["image"] == "", "image", "is empty")
    add(table["image"].map(escapes), "image", "leads out of the folder of images")
    add(table.duplicated([ROOT, "image"]), "image", "stands in an earlier row already")
    add(table["case_id"] == "", "case_id", "is empty")
    labels = records.findings or ("labels",)
    if records.task == "multiclass":
        unlabelled = (table["labels"] == "") & table["split"].isin(LABELLED)
        add(unlabelled, "labels", "is empty in a labelled split")
    for name in records.findings:
        add(~table[name].isin(("1", "0", "-1", "")), name, "is not 1, 0, -1 or empty")
    for name in ("patient_id", "split", *labels):
        first = table.groupby("case_id", sort=False)[name].transform("first")
        reasons = "differs from '" + first + "' in this case's first row"
        add(table[name] != first, name, reasons)
    return sorted(found.items())


def _stop_on(problems, allowed, output):
    if len(problems) <= allowed:
        return
    beside = output.with_name(f"{output.name}.problems.csv")
    folder_writer.write_table(beside, _problem_table(problems))
    lines = [str(problem) for problem in problems[:LISTED]]
    lines.append(
        f"{len(problems)} rows are wrong, all listed in {beside}; nothing else was written. "
        f"--allow_problems={len(problems)} leaves them out"
    )
    raise InputError("\n".join(lines))


def _problem_table(problems):
    rows = [dataclasses.astuple(problem) for problem in problems]
    columns = ["file", "row", "column", "value", "reason"]
    return pd.DataFrame(rows, columns=columns).astype({"row": "Int64"})


# -- splits


def _deal_out(records, sizes, settings, external):
    """Gives every row its split, and leaves out what belongs in none."""
    table = records.table
    split = table["split"].to_numpy(object).copy()
    if external:
        split[split != "unlabelled"] = "external"
    group = splitting.linked([table[c] for c in ("patient_id", "case_id", SHA256, NEAR)])
    # A row without a split goes where others of its group already are.
    rank = np.array([leaks.WORTH.index(s) if s in LABELLED else len(LABELLED) for s in split])
    best = pd.Series(rank).groupby(group).transform("min").to_numpy()
    given = (split == "") & (best < len(LABELLED))
    split[given] = np.array(leaks.WORTH, object)[best[given]]
    free = split == ""
    if settings.splits and not free.any():
        raise InputError(f"--splits={settings.splits}: every row has a split already")
    if free.any():
        split[free] = _drawn(records, table[free], group[free], sizes, settings.seed)
        wanted = ", ".join(f"{name} {size:.4g}" if isinstance(size, float) else f"{name} {size}"
                           for name, size in sizes.items())  # fmt: skip
        records.notes.append(
            f"Splits were drawn by whole patients (cases where a patient is not known; with them "
            f"whatever shares an image), seed {settings.seed}, wanted: {wanted} {records.unit}. "
            "Groups are put in the order of a seeded hash within their rarest class, the orders "
            "interleaved, and the splits cut from that order. Numbers are met exactly: a patient "
            "with too many images for what is left is passed over, and where that does not "
            "suffice the last ones are exchanged for any whole patients that fit."
        )
        left = int((split == "").sum())
        records.notes += [f"{left} images were left out of all splits."] * (left > 0)
    # Unlabelled images of whom is evaluated on would leak into pretraining.
    evaluated = np.isin(group, group[np.isin(split, EVALUATED)])
    unlabelled = split == "unlabelled"
    repeated = (table[SHA256] != "") & table[SHA256].duplicated() & (table[POOL] != "")
    out = unlabelled & (evaluated | repeated.to_numpy())
    split[out] = ""
    if out.any():
        records.notes.append(
            f"{int(out.sum())} unlabelled images were left out: they are those of patients, cases "
            "or images that are evaluated on, or were there already."
        )
    records.table = table.assign(split=split)[split != ""].reset_index(drop=True)


def _drawn(records, table, group, sizes, seed):
    """The split of each row, drawn by group."""
    owner = table["patient_id"].where(table["patient_id"] != "", table["case_id"])
    first_of_case = ~table["case_id"].duplicated()
    rows = pd.DataFrame({"group": group, "owner": owner.to_numpy()})
    rows["weight"] = first_of_case.to_numpy(int) if records.unit == "cases" else 1
    rows["rarity"], names = labelling.rarest(table, records)
    groups = rows.groupby("group").agg(
        key=("owner", "min"), weight=("weight", "sum"), rarity=("rarity", "min")
    )
    strata = groups["rarity"].map(dict(enumerate(names)))
    drawn = splitting.draw(groups["key"], groups["weight"], strata, sizes, seed)
    return pd.Series(drawn, groups.index).loc[group].to_numpy()


def _drop_leaks(records, settings):
    table = records.table
    found = leaks.find(table, table[SHA256], table[NEAR])
    if not found:
        return
    if settings.on_leak == "refuse":
        lines = [str(leak) for leak in found[:LISTED]]
        lines += [f"... and {len(found) - LISTED} more"] * (len(found) > LISTED)
        lines.append(
            f"{len(found)} leaks between splits; --on_leak=drop leaves the cases on the side of "
            "less worth out (unlabelled, train, validation, test, external: least first)"
        )
        raise InputError("\n".join(lines))
    lost = leaks.losing_cases(table, found)
    records.notes.append(
        f"{len(found)} leaks between splits: {int(lost.sum())} images of "
        f"{table['case_id'][lost].nunique()} cases were left out."
    )
    records.table = table[~lost].reset_index(drop=True)
