"""Prepared records as a data set folder: images where needed, manifest, description, card."""

import hashlib
import json

from simclr_med.config.preparation import AS_THEY_ARE, REWRITTEN, UNRECORDED, Preparation
from simclr_med.data import manifest
from simclr_med.data.info import COLUMNS
from simclr_med.files import atomic
from simclr_med.preparation import contradictions
from simclr_med.preparation.output.card import card_text
from simclr_med.preparation.output.image_writer import write_images
from simclr_med.preparation.source_table import OURS, ROOT, SHA256


def write(output, records, info, tables, settings, progress=None):
    """Write the folder `output`; cut off, the next attempt uses the images that are there.

    Args:
      output: the folder, which is not there.
      records: `Records` with the final table.
      info: what dataset.json says, but for where the images are.
      tables: file name to a table, written where it has rows.
      settings: `Settings`.
      progress: called with (what, done, all), or None.
    """
    if not settings.shards:
        _write_files(output, records, info, tables, settings, progress)
        return
    from simclr_med.preparation.output import shards

    place = output.with_name(f".{output.name}.files")
    atomic.remove_folder(place)  # it was finished, and the shards cut off: cheap to make again
    _write_files(place, records, info, tables, settings, progress)
    shards.write(
        place, output, settings.shards, shortest_side=settings.shortest_side,
        beam_options=settings.beam_options,
    )  # fmt: skip
    atomic.remove_folder(place)


def _write_files(place, records, info, tables, settings, progress):
    """Write the folder `place` of images as files."""
    card = card_text(records, info, len(tables["problems.csv"]), settings)
    with atomic.resumable_folder(place, _key(records, settings)) as folder:
        table, root = write_images(records, folder, place, settings, progress)
        labels = records.findings or ("labels",)
        free = [n for n in table.columns if n not in {*COLUMNS, *labels, *OURS}]
        write_table(folder / "manifest.csv", table[[*COLUMNS, *labels, *free]])
        of_images = {"image_root": root, "preparation": _preparation(records, settings).as_json()}
        text = json.dumps(info | of_images, indent=1, ensure_ascii=False)
        atomic.write_text(folder / "dataset.json", text)
        for name, content in tables.items():
            if name == contradictions.FILE:  # of images under the names that they have now
                names = table["image"].reindex(content.index).to_numpy()
                content = content.assign(image=content["image"].where(content.index == -1, names))
            if len(content):
                write_table(folder / name, content)
        atomic.write_text(folder / "card.md", card)
        manifest.read(folder)  # what was written can be read


def _preparation(records, settings):
    """Return the `Preparation` of the images that are written, or left."""
    rendered = records.name if records.render else ""
    if settings.shortest_side is not None:
        return Preparation(REWRITTEN, settings.shortest_side, rendered)
    looked_at = settings.check_images == "decode"
    return Preparation(AS_THEY_ARE if looked_at else UNRECORDED, 0, rendered)


def write_table(path, table):
    """Write a table as CSV in one step."""
    atomic.write_text(path, table.to_csv(index=False))


def _key(records, settings):
    """Return a text that differs where images that another attempt left may not be used."""
    kept = records.table[[ROOT, "image", SHA256]].to_csv()
    return hashlib.sha256(f"{settings.shortest_side}\n{kept}".encode()).hexdigest()
