"""The card of a data set for its readers, as Markdown."""

import dataclasses
import json
import pathlib

from simclr_med.config.splits import SPLITS

PATHS = ("classes", "mapping", "map_to")  # settings that may be a path


def card_text(records, info, left_out, settings):
    """Return the card.

    Args:
      records: `Records` with the final table.
      info: what dataset.json says.
      left_out: number of rows that stand in problems.csv.
      settings: `Settings`; those that are not the defaults are named.
    """
    lines = [f"# {info['name']}", ""]
    lines += [info["source"], ""] if info["source"] else []
    lines += [f"Licence: {info['licence']}", ""] if info["licence"] else []
    lines += _splits(records.table)
    lines += ["", f"Task: {info['task']}, {len(info['classes'])} classes.", ""]
    lines += _meaning_of_findings(info) if info["task"] == "multilabel" else []
    lines += [f"- {note}" for note in records.notes]
    lines += [f"- {left_out} rows were left out; problems.csv says why."] * (left_out > 0)
    changed = _changed(settings)
    lines += ["", f"Settings other than the defaults: {json.dumps(changed) if changed else 'none'}"]
    return "\n".join(lines) + "\n"


def _splits(table):
    by_split = table.groupby("split").agg(
        images=("image", "size"),
        cases=("case_id", "nunique"),
        patients=("patient_id", lambda ids: ids[ids != ""].nunique()),
    )
    lines = ["| split | images | cases | patients |", "|---|---|---|---|"]
    for split in (s for s in SPLITS if s in by_split.index):
        row = by_split.loc[split]
        lines.append(f"| {split} | {row.images} | {row.cases} | {row.patients or 'unknown'} |")
    return lines


def _meaning_of_findings(info):
    policies = ", ".join(f"{name}: {policy}" for name, policy in info["uncertain"].items())
    meaning = {"negative": "absent", "masked": "masked"}[info["not_mentioned"]]
    return [f"- Uncertain (-1): {policies or 'masked'}.", f"- Not mentioned (empty): {meaning}."]


def _changed(settings):
    """Return the settings that are not the defaults, of paths the names alone."""
    changed = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if getattr(settings, field.name) != field.default
    }
    for name in set(PATHS) & set(changed):
        changed[name] = pathlib.Path(changed[name]).name
    if settings.unlabelled:
        changed["unlabelled"] = [pathlib.Path(path).name for path in settings.unlabelled]
    if settings.beam_options:  # of accounts, machines and places
        changed["beam_options"] = [text.partition("=")[0] for text in settings.beam_options]
    return changed
