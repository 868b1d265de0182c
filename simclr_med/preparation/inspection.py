"""A page that shows what is in a data set folder: counts, sizes, labels, pictures, problems.

write_page("my_data", "my_data/inspection.html")
"""

import base64
import collections
import contextlib
import hashlib
import io
import os
import pathlib
import re

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from simclr_med import files
from simclr_med.config.splits import SPLITS
from simclr_med.data import manifest
from simclr_med.pages import escape, page
from simclr_med.preparation import shards

STYLE = """
.bar { display: inline-block; height: .7rem; background: #6aa5c8; vertical-align: baseline }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.case { display: inline-flex; gap: 3px; border: 1px solid #b9c4ce; border-radius: 5px;
  padding: 4px; margin: 0 6px 6px 0; flex-direction: column; vertical-align: top }
.case div { display: flex; gap: 3px } .case img { height: 96px; display: block }
.case small { color: #64727f; max-width: 20rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap }
.warn { color: #9a3b00 } pre { white-space: pre-wrap; font-size: .85rem }
td.heat { text-align: center }
"""
SIDE = 96  # of a thumbnail
IMAGES_A_CASE = 4
HEADERS_READ = 20_000
PROBLEMS_SHOWN = 200
FEW = 10
IN_SHARD = re.compile(r"(.*)@(\d+)\+(\d+)/(\d+)")
VALUES = {"1": "present", "0": "absent", "-1": "uncertain", "": "not mentioned"}


def write_page(folder, output, *, thumbnails=6, seed=0):
    """Writes the page; returns its path.

    Args:
      folder: a data set folder.
      output: the HTML file.
      thumbnails: cases shown of each class.
      seed: which cases, and which images where not all are measured.

    Raises:
      InputError: the folder is not one that can be trained on; a missing image is only listed.
    """
    found = manifest.read(folder)
    table = found.table.copy()
    table["path"] = _paths(found)
    sizes, unreadable, identical = _measured(table, seed)
    body = [
        f"<h1>{escape(found.info.name)}</h1>",
        f"<p>{escape(found.info.source)}</p>" if found.info.source else "",
        f'<p class="note">Licence: {escape(found.info.licence)}</p>' if found.info.licence else "",
        *_card(found.folder / "card.md"),
        "<h2>Splits</h2>",
        _splits(table),
        *_warnings(found.info, table),
        *_labels(found.info, table),
        *_groups(found.info, table),
        "<h2>Images a case</h2>",
        _histogram(table.groupby("case_id").size().value_counts().sort_index(), "images", "cases"),
        "<h2>Sizes</h2>",
        *_sizes(sizes, len(table)),
        *_together(found.info, table),
        "<h2>Pictures</h2>",
        *_pictures(found.info, table, thumbnails, seed),
        "<h2>Problems</h2>",
        *_damage(found),
        *_problems(found.folder / "problems.csv", unreadable, identical),
    ]
    output = pathlib.Path(output)
    files.write_text(output, page(found.info.name, [part for part in body if part], STYLE))
    return output


def _paths(found):
    """Where each image is; images that are missing do not stop the page."""
    if not found.info.shards:
        return [str(found.image_root / image) for image in found.table["image"]]
    cases = found.cases(pd.unique(found.table["split"]).tolist())
    # Cases gather their rows: the same gathering of the rows says which path is whose.
    code, _ = pd.factorize(found.table["case_id"])
    paths = np.empty(len(code), object)
    paths[np.argsort(code, kind="stable")] = cases.paths
    return paths


def image_bytes(path):
    """The bytes of an image, a file or a part of a shard as in `Cases.paths`."""
    part = IN_SHARD.fullmatch(path)
    if not part:
        return pathlib.Path(path).read_bytes()
    with open(part[1], "rb") as file:
        file.seek(int(part[2]))
        return file.read(int(part[3]))


def _measured(table, seed):
    """Sizes, what cannot be read, and names of images with the same bytes; of a sample if many."""
    rows = np.arange(len(table))
    if len(rows) > HEADERS_READ:
        rows = np.sort(np.random.default_rng(seed).choice(rows, HEADERS_READ, replace=False))
    sizes, unreadable, same_length = [], [], collections.defaultdict(list)
    for row, path in zip(rows, table["path"].iloc[rows], strict=True):
        try:
            with _opened(path) as (file, length), Image.open(file) as image:
                sizes.append(image.size)  # Pillow reads no more than the header for it
            same_length[length].append((table["image"].iloc[row], path))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
            unreadable.append((table["image"].iloc[row], reason))
    digests = collections.defaultdict(list)
    for images in same_length.values():
        for name, path in images if len(images) > 1 else ():
            digests[hashlib.sha256(image_bytes(path)).digest()].append(name)
    return sizes, unreadable, [names for names in digests.values() if len(names) > 1]


@contextlib.contextmanager
def _opened(path):
    """The image as an open file, and its length in bytes."""
    if IN_SHARD.fullmatch(path):
        content = image_bytes(path)
        yield io.BytesIO(content), len(content)
    else:
        with open(path, "rb") as file:
            yield file, os.fstat(file.fileno()).st_size


def _table(head, rows, numbers=True):
    """An HTML table; the first column of each row is its heading, cells are HTML already."""
    mark = ' class="number"' if numbers else ""
    cells = "".join(f"<th{mark if i else ''}>{cell}</th>" for i, cell in enumerate(head))
    lines = [
        f"<tr><th>{row[0]}</th>" + "".join(f"<td{mark}>{cell}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    ]
    return f'<div class="wide"><table><tr>{cells}</tr>{"".join(lines)}</table></div>'


def _bar(share):
    return f'<span class="bar" style="width:{max(0.05, 8 * share):.2f}rem"></span>'


def _card(file):
    if file.exists():
        text = escape(file.read_text(encoding="utf-8"))
        yield f"<details><summary>Card of the data set</summary><pre>{text}</pre></details>"


def _in_order(splits):
    return [split for split in SPLITS if split in set(splits)]


def _splits(table):
    rows = []
    parts = dict(list(table.groupby("split")))
    for name, part in [*((s, parts[s]) for s in _in_order(parts)), ("all", table)]:
        sizes = part.groupby("case_id").size()
        known = part["patient_id"][part["patient_id"] != ""].nunique()
        rows.append(
            (escape(name), len(part), len(sizes), known or "unknown", f"{sizes.mean():.2f}",
             sizes.max(), int((sizes > 1).sum()))
        )  # fmt: skip
    head = ("split", "images", "cases", "patients", "images a case", "most", "cases with 2+ images")
    return _table(head, rows)


def _class_counts(info, table):
    """Cases of each class, rows, in each labelled split, columns."""
    case = table[table["split"] != "unlabelled"].drop_duplicates("case_id")
    if info.task == "multiclass":
        names = case["labels"].str.split("|").explode()
        counts = pd.crosstab(names.to_numpy(), case["split"].loc[names.index].to_numpy())
    else:
        counts = pd.DataFrame(
            {s: (part[list(info.classes)] == "1").sum() for s, part in case.groupby("split")}
        )
    return counts.reindex(list(info.classes), fill_value=0)[_in_order(counts.columns)]


def _warnings(info, table):
    if not info.classes or (table["split"] == "unlabelled").all():
        return
    counts = _class_counts(info, table)
    for split in counts.columns:
        absent = counts.index[counts[split] == 0]
        if len(absent):
            names = escape(", ".join(absent))
            yield f'<p class="warn">No case in {escape(split)} of: {names}.</p>'
    if "train" in counts:
        few = [f"{n} ({c})" for n, c in counts["train"].items() if 0 < c < FEW]
        if few:
            names = escape(", ".join(few))
            yield f'<p class="warn">Fewer than {FEW} training cases of: {names}.</p>'


def _labels(info, table):
    if not info.classes or (table["split"] == "unlabelled").all():
        return
    yield "<h2>Labels</h2>"
    case = table[table["split"] != "unlabelled"].drop_duplicates("case_id")
    if info.task == "multilabel":
        rows = []
        for name in info.classes:
            for split in _in_order(case["split"]):
                column = case[name][case["split"] == split]
                counts = [int((column == value).sum()) for value in VALUES]
                share = counts[0] / len(column)
                rows.append(
                    (escape(name), escape(split), *counts, f"{100 * share:.1f} % {_bar(share)}")
                )
        yield _table(("finding", "split", *VALUES.values(), "share present"), rows)
        return
    counts = _class_counts(info, table)
    largest = (counts / counts.sum()).max().max()
    rows = [
        (escape(name), *(
            f"{count} <small>{100 * count / max(1, counts[split].sum()):.1f} % "
            f"{_bar(count / max(1, counts[split].sum()) / largest)}</small>"
            for split, count in row.items()
        ))
        for name, row in counts.iterrows()
    ]  # fmt: skip
    yield _table(("class", *(f"{escape(split)}: cases" for split in counts.columns)), rows, False)


def _groups(info, table):
    case = table.drop_duplicates("case_id")
    for name in info.groups:
        yield f"<h2>By {escape(name)}</h2>"
        counts = pd.crosstab(case[name], case["split"])[_in_order(case["split"])]
        rows = [(escape(level or "unknown"), *row) for level, row in counts.iterrows()]
        yield _table((escape(name), *(f"{escape(s)}: cases" for s in counts.columns)), rows)


def _histogram(counts, what, of):
    most = counts.max()
    rows = [(n, f"{count} {_bar(count / most)}") for n, count in counts.head(30).items()]
    more = f'<p class="note">and up to {counts.index.max()} {what}.</p>' if len(counts) > 30 else ""
    return _table((what, of), rows, False) + more


def _sizes(sizes, total):
    if not sizes:
        yield "<p>No image could be measured.</p>"
        return
    sides = np.array(sizes)
    if len(sizes) < total:
        yield f'<p class="note">Of {len(sizes)} images, drawn at random where there are more.</p>'
    rows = [
        (name, *(f"{int(f(sides[:, i]))}" for f in (np.min, np.median, np.max)))
        for i, name in enumerate(("width", "height"))
    ]
    yield _table(("pixels", "least", "median", "most"), rows)
    common = collections.Counter(sizes).most_common(5)
    named = ", ".join(f"{w} x {h} ({count})" for (w, h), count in common)
    yield f"<p>{len(set(sizes))} different sizes; most common: {named}.</p>"


def _together(info, table):
    """How often two labels stand in one case."""
    case = table[table["split"] != "unlabelled"].drop_duplicates("case_id")
    if info.task == "multilabel":
        present = (case[list(info.classes)] == "1").to_numpy(int)
    else:
        several = case["labels"][case["labels"].str.contains("|", regex=False)]
        if not len(several):
            return
        sets = [set(text.split("|")) for text in several]
        present = np.array([[name in names for name in info.classes] for names in sets], int)
    both = present.T @ present
    yield "<h2>Labels that come together</h2>"
    yield '<p class="note">Cases with both; in a row, the share of its label’s cases as shade.</p>'
    shown = [i for i in range(len(both)) if both[i, i]]
    head = "".join(f"<th>{escape(info.classes[i])}</th>" for i in shown)
    lines = []
    for i in shown:
        cells = "".join(
            f'<td class="heat" style="background:rgba(106,165,200,'
            f'{both[i, j] / both[i, i] if i != j else 0:.2f})">{both[i, j]}</td>'
            for j in shown
        )
        lines.append(f"<tr><th>{escape(info.classes[i])}</th>{cells}</tr>")
    yield f'<div class="wide"><table><tr><th></th>{head}</tr>{"".join(lines)}</table></div>'


def _pictures(info, table, thumbnails, seed):
    labelled = table["split"] != "unlabelled"
    for name in info.classes:
        if info.task == "multilabel":
            has = table[name] == "1"
        else:
            has = table["labels"].map({t: name in t.split("|") for t in table["labels"].unique()})
        yield from _row_of_cases(name, table[has & labelled], thumbnails, seed)
    yield from _row_of_cases("unlabelled", table[~labelled], thumbnails, seed)


def _row_of_cases(title, rows, thumbnails, seed):
    if not len(rows):
        return
    by_hash = sorted(
        rows["case_id"].unique(),
        key=lambda case: hashlib.sha256(f"{seed}\n{case}".encode()).digest(),
    )
    several = set(rows["case_id"][rows["case_id"].duplicated()])
    # Cases with several images first, up to half: they are what MICLe learns from.
    first = [case for case in by_hash if case in several][: thumbnails // 2]
    shown = first + [case for case in by_hash if case not in first][: thumbnails - len(first)]
    yield f"<h3>{escape(title)}</h3><div>"
    part = rows[rows["case_id"].isin(shown)]
    for case in shown:
        images = part[part["case_id"] == case]
        pictures = "".join(
            _thumbnail(path, image)
            for path, image in zip(
                images["path"][:IMAGES_A_CASE], images["image"][:IMAGES_A_CASE], strict=True
            )
        )
        more = f" ({len(images)} images)" if len(images) > 1 else ""
        yield (
            f'<span class="case"><div>{pictures}</div><small title="{escape(case)}">'
            f"{escape(case)}{more}</small></span>"
        )
    yield "</div>"


def _thumbnail(path, name):
    try:
        with Image.open(io.BytesIO(image_bytes(path))) as image:
            small = image.convert("RGB" if image.mode not in ("L", "1") else "L")
            small = ImageOps.contain(small, (2 * SIDE, SIDE))
    except (OSError, ValueError, Image.DecompressionBombError):
        return f'<small class="warn">{escape(name)} cannot be read</small>'
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{escape(name)}" title="{escape(name)}" src="data:image/jpeg;base64,{data}">'


def _damage(found):
    names = shards.damaged(found.folder) if found.info.shards else ()
    if names:
        listed = escape(", ".join(names))
        yield f'<p class="warn">Shards are damaged, their checksums differ: {listed}.</p>'


def _problems(file, unreadable, identical):
    nothing = True
    if file.exists():
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        nothing = not len(table)
        yield f"<p>{len(table)} rows were left out when the data set was made:</p>"
        rows = [tuple(map(escape, row)) for row in table.head(PROBLEMS_SHOWN).to_numpy()]
        yield _table(tuple(table.columns), rows, False)
    if unreadable:
        nothing = False
        yield f'<p class="warn">{len(unreadable)} images are missing or cannot be read:</p>'
        rows = [(escape(name), reason) for name, reason in unreadable[:PROBLEMS_SHOWN]]
        yield _table(("image", ""), rows, False)
    if identical:
        nothing = False
        yield f"<p>{len(identical)} groups of images have the same bytes:</p>"
        lines = [f"<li>{escape(' = '.join(names[:5]))}</li>" for names in identical[:50]]
        yield f"<ul>{''.join(lines)}</ul>"
    if nothing:
        yield "<p>None found.</p>"
