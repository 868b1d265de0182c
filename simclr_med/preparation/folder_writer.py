"""Prepared records as a data set folder: images where needed, manifest, description, card."""

import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib

import numpy as np
import pandas as pd

from simclr_med import files
from simclr_med.config.splits import SPLITS
from simclr_med.data import manifest
from simclr_med.data.info import COLUMNS
from simclr_med.errors import InputError
from simclr_med.preparation import images
from simclr_med.preparation.source_table import FILE, OURS, POOL, ROOT, SHA256

OWN_IMAGES = "images"


def write(output, records, info, tables, settings, progress=None):
    """Writes the folder `output`; cut off, the next attempt uses the images that are there.

    Args:
      records: `Records` with the final table.
      info: what dataset.json says, but for where the images are.
      tables: file name to a table, written where it has rows.
      settings: `prepare.Settings`.
      progress: called with (what, done, all), or None.
    """
    place = output.with_name(f".{output.name}.files") if settings.shards else output
    if settings.shards:
        files.remove_folder(place)  # it was finished, and the shards cut off: cheap to make again
    table = records.table
    card = _card(records, info, tables, settings)
    key = _key(records, settings)
    with files.resumable_folder(place, key) as folder:
        table, root = _images(folder, place, records, settings, progress)
        labels = records.findings or ("labels",)
        free = [n for n in table.columns if n not in {*COLUMNS, *labels, *OURS}]
        write_table(folder / "manifest.csv", table[[*COLUMNS, *labels, *free]])
        text = json.dumps(info | {"image_root": root}, indent=1, ensure_ascii=False)
        files.write_text(folder / "dataset.json", text)
        for name, content in tables.items():
            if len(content):
                write_table(folder / name, content)
        files.write_text(folder / "card.md", card)
        manifest.read(folder)  # what was written can be read
    if settings.shards:
        from simclr_med.preparation import shards

        shards.write(
            place, output, settings.shards, shortest_side=settings.shortest_side,
            beam_options=settings.beam_options,
        )  # fmt: skip
        files.remove_folder(place)


def write_table(path, table):
    """Writes a table as CSV in one step."""
    files.write_text(path, table.to_csv(index=False))


def _key(records, settings):
    """Changes where images that another attempt left may not be used."""
    kept = records.table[[ROOT, "image", SHA256]].to_csv()
    return hashlib.sha256(f"{settings.shortest_side}\n{kept}".encode()).hexdigest()


def _images(folder, place, records, settings, progress):
    """Writes the images that do not stay where they are; returns the table and the image root."""
    table = records.table
    names, roots = table["image"].to_numpy(object).copy(), table[ROOT].to_numpy(object).copy()
    rendered = np.zeros(len(table), bool)
    if records.render is not None:
        rendered = roots == str(records.image_root)
    rewritten = settings.shortest_side is not None and not settings.shards
    rows = np.flatnonzero(rendered | rewritten)
    own = str(place / OWN_IMAGES)

    def write_one(i):
        inside = "/".join(part for part in (table[POOL].iloc[i], names[i]) if part)
        suffix = (
            ".png" if rendered[i] else images.rewritten_suffix(pathlib.Path(roots[i], names[i]))
        )
        name = inside if inside.lower().endswith(suffix) else inside + suffix
        path = folder / OWN_IMAGES / name
        if not path.exists():
            try:
                if rendered[i]:
                    content = images.png(records.render(names[i]))
                else:
                    source = pathlib.Path(roots[i], names[i])
                    content = images.rewrite(source, settings.shortest_side)[0]
            except ValueError as error:
                raise InputError(f"{table[FILE].iloc[i]}: {names[i]}: {error}") from None
            files.write_bytes(path, content)
        return name

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (i, name) in enumerate(zip(rows, pool.map(write_one, rows), strict=True), 1):
            names[i], roots[i] = name, own
            if progress:
                progress("writing images", done, len(rows))
    different = pd.unique(roots).tolist()
    root = os.path.commonpath(different)
    below = {r: os.path.relpath(r, root).replace(os.sep, "/") for r in different}
    names = [os.path.normpath(f"{below[r]}/{n}") for r, n in zip(roots, names, strict=True)]
    inside = place in (pathlib.Path(root), *pathlib.Path(root).parents)
    return table.assign(image=names), os.path.relpath(root, place) if inside else root


def _card(records, info, tables, settings):
    """What a reader must know of the data set, as Markdown."""
    by_split = records.table.groupby("split").agg(
        images=("image", "size"),
        cases=("case_id", "nunique"),
        patients=("patient_id", lambda ids: ids[ids != ""].nunique()),
    )
    lines = [f"# {info['name']}", ""]
    lines += [info["source"], ""] if info["source"] else []
    lines += [f"Licence: {info['licence']}", ""] if info["licence"] else []
    lines += ["| split | images | cases | patients |", "|---|---|---|---|"]
    for split in (s for s in SPLITS if s in by_split.index):
        row = by_split.loc[split]
        lines.append(f"| {split} | {row.images} | {row.cases} | {row.patients or 'unknown'} |")
    lines += ["", f"Task: {info['task']}, {len(info['classes'])} classes.", ""]
    if info["task"] == "multilabel":
        policies = ", ".join(f"{name}: {policy}" for name, policy in info["uncertain"].items())
        lines.append(f"- Uncertain (-1): {policies or 'masked'}.")
        meaning = {"negative": "absent", "masked": "masked"}[info["not_mentioned"]]
        lines.append(f"- Not mentioned (empty): {meaning}.")
    lines += [f"- {note}" for note in records.notes]
    left_out = len(tables["problems.csv"])
    lines += [f"- {left_out} rows were left out; problems.csv says why."] * (left_out > 0)
    changed = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if getattr(settings, field.name) != field.default
    }
    lines += ["", f"Settings other than the defaults: {json.dumps(changed) if changed else 'none'}"]
    return "\n".join(lines) + "\n"
