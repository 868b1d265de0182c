"""From what people have on disk to a checked data set folder.

    prepare("pad_ufes", "PAD-UFES-20", "work/pad", Settings(top_conditions=5), options={})

A source reads its files into `Records`; the images are looked at; pools of unlabelled images are
joined; patients are dealt out to splits; conditions become classes; what leaks is refused; and the
folder is written in one step: dataset.json, manifest.csv, prevalence.csv, card.md, and where there
is cause problems.csv and unmapped.csv.
"""

import dataclasses
import hashlib
import json
import os
import pathlib

import numpy as np
import pandas as pd

from simclr_med import conditions, files, images, leaks, manifest, sources, splitting
from simclr_med.errors import InputError
from simclr_med.manifest import COLUMNS, DataError, Problem
from simclr_med.records import FILE, ROW, image_files

LABELLED = ("train", "validation", "test", "external")
EVALUATED = ("validation", "test", "external")
OWN_IMAGES = "images"
# Columns while at work: an image's folder, the pool it comes from or "", whether its label maps.
ROOT, POOL, KEPT = "(root)", "(pool)", "(kept)"
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
      progress: called with (done, all) while images are looked at, or None.

    Raises:
      InputError: the first thing that is wrong with the settings, or all that is wrong with the
        rows; these also stand in OUTPUT.problems.csv then, and nothing else is written.
    """
    output = pathlib.Path(output).absolute()
    if output.exists():
        raise InputError(f"--output={output} is there already")
    folder = pathlib.Path(folder).absolute()
    if not folder.exists():
        raise InputError(f"--input={folder} not found")
    if settings.near_duplicates is not None and settings.check_images != "decode":
        raise InputError("--near_duplicates needs --check_images=decode")
    source = sources.load(source_name)
    records = source.read(folder, options)
    sizes = _sizes(settings.splits, source, records)
    notes = list(records.notes)
    target = manifest.read_info(pathlib.Path(settings.map_to) / "dataset.json") if (
        settings.map_to
    ) else None  # fmt: skip
    if target and target.task != records.task:
        raise InputError(f"--map_to={settings.map_to} is {target.task}, this set {records.task}")

    table = _joined(records, settings, notes)
    seen = _look(table, records, settings, progress)
    bad_rows = _problem_rows(table, records, seen)
    problems = records.problems + [problem for _, problem in bad_rows]
    _allow(problems, settings.allow_problems, output)
    sound = np.ones(len(table), bool)
    sound[[row for row, _ in bad_rows]] = False
    table, seen = table[sound].reset_index(drop=True), seen[sound].reset_index(drop=True)
    for kind, count in seen["note"][seen["note"] != ""].value_counts().items():
        notes.append(f"{count} images: {kind}.")

    near = ()
    if settings.near_duplicates is not None:
        near = images.near(seen["perceptual"].tolist(), settings.near_duplicates)
        notes.append(
            f"{len(near)} pairs of nearly the same image, by a 256-bit difference hash within "
            f"{settings.near_duplicates} bits."
        )
    table, unmapped = _renamed(table, records, settings, target, notes)
    kept = table.pop(KEPT).to_numpy()
    near = _renumbered(near, kept)
    table, seen = table[kept].reset_index(drop=True), seen[kept].reset_index(drop=True)
    table["split"] = _splits(table, records, seen, near, sizes, settings, bool(target))
    keep = table["split"] != ""
    left_out = table[(~keep) & (table[POOL] != "")]
    if (~keep).any():
        notes.append(
            f"{int((~keep).sum())} images are in no split"
            + (
                f"; {len(left_out)} of them are unlabelled and belong to patients, cases or images "
                "that are evaluated on."
                if len(left_out)
                else "."
            )
        )
    near = _renumbered(near, keep.to_numpy())
    table, seen = table[keep].reset_index(drop=True), seen[keep].reset_index(drop=True)
    table, seen = _without_leaks(table, seen, near, settings, notes)
    table, classes, prevalence = _classes(table, records, settings, target, notes)
    if not len(table):
        raise InputError(f"--input={folder}: no image is left to make a data set of")
    if settings.check_images == "none":
        notes.append("Images were not looked at: neither missing nor identical ones were sought.")

    info = _info(records, settings, target, classes, folder)
    parts = {"prevalence.csv": prevalence, "unmapped.csv": unmapped}
    parts["problems.csv"] = _problem_table(problems)
    card = _card(records, table, settings, info, notes, sizes, len(problems), unmapped)
    _write(output, table, records, settings, info, parts, card)
    return [f"{output}: {len(table)} images of {table['case_id'].nunique()} cases", *notes]


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


def _joined(records, settings, notes):
    """The source's rows and those of the pools, each with its image's `root`, tidied."""
    table = records.table.copy()
    for name in table.columns.difference([ROW, "image"]):
        table[name] = _tidy(table[name])
    table[ROOT], table[POOL] = str(records.image_root), ""
    if records.task == "multiclass":
        table.loc[(table["labels"] == "") & (table["split"] == ""), "split"] = "unlabelled"
    parts = [table]
    for number, path in enumerate(settings.unlabelled):
        pool = _pool(pathlib.Path(path).absolute(), f"pool{number + 1}")
        notes.append(f"{pool['case_id'].nunique()} unlabelled cases joined from {path}.")
        parts.append(pool)
    return pd.concat(parts, ignore_index=True).fillna({c: "" for c in table.columns if c != ROW})


def _tidy(column):
    """Outer spaces and line breaks, which a manifest may not hold, made plain."""
    return column.map({text: " ".join(text.split()) for text in pd.unique(column)})


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


def _look(table, records, settings, progress):
    """What `images.look` says of each row."""
    parts = []
    for root, rows in table.groupby(ROOT, sort=False):
        rendered = records.render is not None and root == str(records.image_root)
        how = "none" if rendered else settings.check_images
        seen = images.look(
            pathlib.Path(root),
            rows["image"].tolist(),
            how,
            perceptual=settings.near_duplicates is not None,
            rewritten=settings.shortest_side is not None,
            progress=progress,
        )
        if rendered and settings.check_images == "decode":
            for i, name in enumerate(rows["image"]):
                try:
                    pixels = records.render(name)
                    seen.loc[i, "sha256"] = hashlib.sha256(pixels.tobytes()).hexdigest()
                except ValueError as error:
                    seen.loc[i, "problem"] = str(error)
        parts.append(seen.set_axis(rows.index))
    return pd.concat(parts).sort_index()


def _problem_rows(table, records, seen):
    """Pairs (row, Problem) of all rows that cannot stay."""
    found = {}

    def add(bad, column, reason):
        for i in np.flatnonzero(np.asarray(bad)):
            row = table.iloc[i]
            why = reason if isinstance(reason, str) else reason[i]
            number = int(row[ROW]) or None
            found.setdefault(i, Problem(row[FILE], number, column, str(row[column]), why))

    add(seen["problem"] != "", "image", seen["problem"].tolist())
    add(table["image"] == "", "image", "is empty")
    add(table.duplicated([ROOT, "image"]), "image", "stands in an earlier row already")
    add(table["case_id"] == "", "case_id", "is empty")
    add(~table["split"].isin(("", *manifest.SPLITS)), "split", "is not a split")
    labels = records.findings if records.task == "multilabel" else ("labels",)
    if records.task == "multiclass":
        unlabelled = (table["labels"] == "") & table["split"].isin(LABELLED)
        add(unlabelled, "labels", "is empty in a labelled split")
    else:
        for name in labels:
            add(~table[name].isin(("1", "0", "-1", "")), name, "is not 1, 0, -1 or empty")
    for name in ("patient_id", "split", *labels):
        first = table.groupby("case_id", sort=False)[name].transform("first")
        reason = [f"differs from {value!r} in this case's first row" for value in first]
        add(table[name] != first, name, reason)
    return sorted(found.items())


def _allow(problems, allowed, output):
    if len(problems) <= allowed:
        return
    beside = output.with_name(f"{output.name}.problems.csv")
    files.write_text(beside, _problem_table(problems).to_csv(index=False))
    lines = [str(DataError(problems[:LISTED]))]
    lines.append(
        f"{len(problems)} rows are wrong, all listed in {beside}; nothing else was written. "
        f"--allow_problems={len(problems)} leaves them out"
    )
    raise InputError("\n".join(lines))


def _problem_table(problems):
    rows = [dataclasses.astuple(problem) for problem in problems]
    return pd.DataFrame(rows, columns=["file", "row", "column", "value", "reason"]).astype(
        {"row": "Int64"}
    )


def _renamed(table, records, settings, target, notes):
    """Names as `--mapping` and `--map_to` want them, a column `kept`, and what did not map."""
    names = conditions.read_mapping(settings.mapping) if settings.mapping else {}
    table[KEPT] = True
    if records.task == "multilabel":
        records.findings = tuple(names.get(name, name) for name in records.findings)
        table = table.rename(columns=names)
        if target:
            absent = [name for name in target.classes if name not in records.findings]
            if len(absent) == len(target.classes):
                raise InputError(f"--map_to={settings.map_to}: none of its findings is here")
            others = [name for name in records.findings if name not in target.classes]
            if settings.not_mentioned == "negative":
                table = table.replace({n: {"": "0"} for n in records.findings})
            table = table.drop(columns=others).assign(**dict.fromkeys(absent, ""))
            if absent:
                notes.append(f"Not labelled here, so masked: {', '.join(absent)}.")
            records.findings = target.classes
            return table, pd.DataFrame({"condition": others, "images": len(table)})
        return table, pd.DataFrame()
    before = table["labels"]
    if not target:
        everything = {name: name for name in _conditions(before)} | names
        table["labels"] = conditions.relabelled(before, everything)
        table[KEPT] = (table["labels"] != "") | (before == "")
    else:
        known = {name: name for name in target.classes} | names
        wrong = sorted({new for new in names.values() if new} - set(target.classes))
        if wrong:
            raise InputError(
                f"--mapping={settings.mapping}: {wrong[0]!r} is not a class of {settings.map_to}: "
                f"{', '.join(target.classes)}"
            )
        table["labels"] = conditions.relabelled(before, known)
        table[KEPT] = (table["labels"] != "") & (before != "")
    lost = table[~table[KEPT]]
    unmapped = before[lost.index].value_counts().rename_axis("condition").reset_index(name="images")
    unmapped["cases"] = [
        lost["case_id"][before[lost.index] == name].nunique() for name in unmapped["condition"]
    ]
    if len(lost):
        notes.append(
            f"{len(lost)} images of {lost['case_id'].nunique()} cases were left out, because "
            "their conditions do not map; unmapped.csv counts them."
        )
    return table, unmapped


def _conditions(labels):
    return sorted({n for text in pd.unique(labels) for n in text.split("|") if n})


def _renumbered(pairs, kept):
    """Pairs of rows after only `kept` ones remain."""
    place = np.cumsum(kept) - 1
    return [(int(place[i]), int(place[j])) for i, j in pairs if kept[i] and kept[j]]


def _splits(table, records, seen, near, sizes, settings, external):
    """The split of each row; "" for what is left out."""
    split = table["split"].to_numpy(object).copy()
    if external:
        split[np.isin(split, ("", *LABELLED))] = "external"
    group = splitting.linked([table["patient_id"], table["case_id"], seen["sha256"]], near)
    # A row without a split goes where others of its group already are.
    rank = np.array([leaks.WORTH.index(s) if s in LABELLED else len(LABELLED) for s in split])
    best = pd.Series(rank).groupby(group).transform("min").to_numpy()
    given = (split == "") & (best < len(LABELLED))
    split[given] = np.array(leaks.WORTH, object)[best[given]]
    free = split == ""
    if free.any():
        split[free] = _drawn(table[free], group[free], records, sizes, settings.seed)
    # Unlabelled images of whom is evaluated on would leak into pretraining.
    evaluated = np.isin(group, group[np.isin(split, EVALUATED)])
    pool = table[POOL].to_numpy() != ""
    split[(split == "unlabelled") & evaluated] = ""
    repeated = (seen["sha256"] != "") & seen["sha256"].duplicated()
    split[pool & repeated.to_numpy()] = ""
    return split


def _drawn(table, group, records, sizes, seed):
    owner = table["patient_id"].where(table["patient_id"] != "", table["case_id"])
    per_case = ~table["case_id"].duplicated() if records.unit == "cases" else True
    rows = pd.DataFrame({"group": group, "owner": owner.to_numpy(), "weight": 1 * per_case})
    rows["rarity"], names = _rarest(table, records)
    groups = rows.groupby("group").agg(
        key=("owner", "min"), weight=("weight", "sum"), rarity=("rarity", "min")
    )
    strata = groups["rarity"].map(dict(enumerate(names)))
    drawn = splitting.draw(groups["key"], groups["weight"], strata, sizes, seed)
    return pd.Series(drawn, groups.index).loc[group].to_numpy()


def _rarest(table, records):
    """For each row the number of its rarest label, 0 being the rarest of all; and their names."""
    if records.task == "multiclass":
        counts = conditions.prevalence(table.drop_duplicates("case_id")["labels"])
        names = list(counts.index[::-1])
        number = {name: i for i, name in enumerate(names)}
        rarest = {t: min(number[n] for n in t.split("|")) for t in pd.unique(table["labels"])}
        return table["labels"].map(rarest).to_numpy(), names
    names = sorted(records.findings, key=lambda name: ((table[name] == "1").sum(), name))
    positive = np.stack([(table[name] == "1").to_numpy() for name in names], axis=1)
    rarest = np.where(positive.any(axis=1), positive.argmax(axis=1), len(names))
    return rarest, [*names, "no finding"]


def _without_leaks(table, seen, near, settings, notes):
    found = leaks.find(table, seen["sha256"].to_numpy(), near)
    if not found:
        return table, seen
    if settings.on_leak == "refuse":
        lines = [str(leak) for leak in found[:LISTED]]
        more = len(found) - len(lines)
        lines += [f"... and {more} more"] * (more > 0)
        lines.append(
            f"{len(found)} leaks between splits; --on_leak=drop leaves the cases on the side of "
            "less worth out (unlabelled, train, validation, test, external: least first)"
        )
        raise InputError("\n".join(lines))
    lost = leaks.losing_cases(table, found)
    notes.append(
        f"{len(found)} leaks between splits: {int(lost.sum())} images of "
        f"{table['case_id'][lost].nunique()} cases were left out."
    )
    return table[~lost].reset_index(drop=True), seen[~lost].reset_index(drop=True)


def _classes(table, records, settings, target, notes):
    """The table with its final labels, the classes, and the table of prevalence."""
    if records.task == "multilabel":
        rows = [
            {"finding": name, "split": split} | part[name].map(_MEANING).value_counts().to_dict()
            for split, part in table.groupby("split")
            for name in records.findings
        ]
        prevalence = pd.DataFrame(rows, columns=["finding", "split", *_MEANING.values()])
        return table, records.findings, prevalence.fillna(0).astype(dict.fromkeys(_COUNTED, int))
    case = table.drop_duplicates("case_id")
    training = case[case["split"] == "train"]
    counts = conditions.prevalence((training if len(training) else case)["labels"])
    everything = _conditions(case["labels"])
    if target:
        kept, classes = list(target.classes), target.classes
    elif settings.classes:
        kept = conditions.named(settings.classes)
    elif settings.top_conditions or settings.min_cases > 1:
        kept = conditions.most_frequent(counts, settings.top_conditions, settings.min_cases)
    else:
        kept = everything
    if not target:
        other = settings.other or None
        table["labels"] = conditions.relabelled(table["labels"], {n: n for n in kept}, other)
        fallen = (table["labels"] == "") & (table["split"] != "unlabelled")
        if fallen.any():
            notes.append(f"{int(fallen.sum())} images have none of the classes: left out.")
            table = table[~fallen].reset_index(drop=True)
        used = set(_conditions(table["labels"]))
        classes = tuple(kept) + tuple([other] if other in used - set(kept) else [])
    folded = {name.casefold(): name for name in kept}
    rows = []
    for name in dict.fromkeys([*counts.index, *everything]):
        by_split = {
            split: int((part["labels"].str.split("|").map(lambda n, x=name: x in n)).sum())
            for split, part in case[case["split"].isin(LABELLED)].groupby("split")
        }
        as_class = folded.get(name.casefold(), settings.other if not target else "")
        share = counts.get(name, 0) / max(1, len(training))
        rows.append({"condition": name, "class": as_class, "training_share": f"{share:.5f}"})
        rows[-1] |= by_split
    return table, classes, pd.DataFrame(rows)


_MEANING = {"1": "present", "0": "absent", "-1": "uncertain", "": "not_mentioned"}
_COUNTED = tuple(_MEANING.values())


def _info(records, settings, target, classes, folder):
    info = {"name": records.name, "task": records.task, "classes": list(classes)}
    info |= {"groups": list(records.groups), "licence": records.licence}
    info["source"] = records.source
    if records.task == "multiclass":
        other = target.other_class if target else settings.other
        info["other_class"] = other if other in classes else None
        return info
    info["uncertain"] = _uncertain(settings.uncertain, classes)
    info["not_mentioned"] = "masked" if target else settings.not_mentioned
    return info


def _uncertain(text, findings):
    """Finding to policy; findings that are not named are ignored where uncertain."""
    policies = {}
    for part in text.split(",") if text else ():
        name, colon, policy = part.rpartition(":")
        policies |= {name.strip(): policy} if colon else dict.fromkeys(findings, policy)
    for name, policy in policies.items():
        if name not in findings or policy not in manifest.UNCERTAIN:
            raise InputError(
                f"--uncertain={text}: {name}:{policy} is not understood; give one of "
                f"{', '.join(manifest.UNCERTAIN)}, or finding:policy of {', '.join(findings)}"
            )
    return policies


def _write(output, table, records, settings, info, parts, card):
    """Writes the folder in one step; shards are made of a folder of files that is then removed."""
    place = output
    if settings.shards:
        place = output.with_name(f".{output.name}.files")
        files.remove_folder(place)  # of an attempt that was cut off
    with files.new_folder(place) as folder:
        table, info["image_root"] = _own_images(folder, place, table, records, settings)
        labels = records.findings if records.task == "multilabel" else ("labels",)
        unwanted = {*COLUMNS, *labels, FILE, ROW, ROOT, POOL}
        free = [name for name in table.columns if name not in unwanted]
        content = table[[*COLUMNS, *labels, *free]].to_csv(index=False)
        files.write_text(folder / "manifest.csv", content)
        files.write_text(folder / "dataset.json", json.dumps(info, indent=1, ensure_ascii=False))
        for name, part in parts.items():
            if len(part):
                files.write_text(folder / name, part.to_csv(index=False))
        files.write_text(folder / "card.md", card)
        manifest.read(folder)  # what was written can be read
    if settings.shards:
        from simclr_med import shards

        try:
            side = settings.shortest_side
            shards.write(
                place, output, settings.shards, shortest_side=side,
                beam_options=settings.beam_options,
            )  # fmt: skip
        finally:
            files.remove_folder(place)


def _own_images(folder, place, table, records, settings):
    """Writes the images that training could not read where they are; returns table and root."""
    rendered = np.zeros(len(table), bool)
    if records.render is not None:
        rendered = (table[ROOT] == str(records.image_root)).to_numpy()
    rewritten = np.zeros(len(table), bool)
    if settings.shortest_side is not None and not settings.shards:
        rewritten = ~rendered
    names = table["image"].to_numpy(object).copy()
    roots = table[ROOT].to_numpy(object).copy()
    written = np.flatnonzero(rendered | rewritten)
    for i in written:
        inside = names[i] if table[POOL].iloc[i] == "" else f"{table['pool'].iloc[i]}/{names[i]}"
        if rendered[i]:
            try:
                content, name = images.png(records.render(names[i])), inside
            except ValueError as error:
                raise InputError(f"{table['file'].iloc[i]}: {names[i]}: {error}") from None
        else:
            content, suffix = images.rewrite(
                pathlib.Path(roots[i]) / names[i], settings.shortest_side
            )
            name = inside if inside.lower().endswith(suffix) else inside + suffix
        path = folder / OWN_IMAGES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        names[i], roots[i] = name, str(place / OWN_IMAGES)
    root = os.path.commonpath(pd.unique(roots).tolist())
    inside = {r: os.path.relpath(r, root).replace(os.sep, "/") for r in pd.unique(roots)}
    names = [
        n if inside[r] == "." else f"{inside[r]}/{n}" for n, r in zip(names, roots, strict=True)
    ]
    own = place in (pathlib.Path(root), *pathlib.Path(root).parents)
    return table.assign(image=names), os.path.relpath(root, place) if own else root


def _card(records, table, settings, info, notes, sizes, problems, unmapped):
    """What a reader must know of the data set, as Markdown."""
    by_split = table.groupby("split").agg(
        images=("image", "size"),
        cases=("case_id", "nunique"),
        patients=("patient_id", lambda p: p[p != ""].nunique()),
    )
    order = [split for split in manifest.SPLITS if split in by_split.index]
    lines = [f"# {info['name']}", "", f"{info['source'] or 'One’s own images'}. ", ""]
    lines += [f"Licence: {info['licence']}", ""] if info["licence"] else []
    lines += ["| split | images | cases | patients |", "|---|---|---|---|"]
    for split in order:
        row = by_split.loc[split]
        lines.append(f"| {split} | {row.images} | {row.cases} | {row.patients or 'unknown'} |")
    wanted = ", ".join(f"{split} {size:g}" for split, size in sizes.items())
    lines += ["", f"Task: {info['task']}; {len(info['classes'])} classes.", ""]
    lines += [
        f"Splits that the source does not give were drawn by whole patients (cases where a patient "
        f"is not known), seed {settings.seed}, wanted {wanted} of {records.unit}. Groups are "
        "ordered by a seeded hash within their rarest class, the orders interleaved, and the "
        "splits cut from that order; exact numbers are reached by passing over a patient with "
        "too many images and, where that fails, by exchanging the last ones for any set of whole "
        "patients that fits.",
        "",
    ]
    if info["task"] == "multilabel":
        policies = info["uncertain"] or "ignored"
        lines += [
            f"Uncertain (-1): {policies}; not mentioned (empty): {info['not_mentioned']}.",
            "",
        ]
    lines += [f"- {note}" for note in notes]
    lines += [f"- {problems} rows were left out; problems.csv says why."] * (problems > 0)
    lines += ["- unmapped.csv lists the conditions that do not map."] * (len(unmapped) > 0)
    changed = {
        f.name: getattr(settings, f.name)
        for f in dataclasses.fields(settings)
        if getattr(settings, f.name) != f.default
    }
    lines += ["", f"Settings other than the defaults: {json.dumps(changed) if changed else 'none'}"]
    return "\n".join(lines) + "\n"
