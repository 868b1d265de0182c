"""--mode=predict and --mode=embed: images of a folder or table to a folder of answers.

run(make_config("predict", {"model": "work/probe", "images": "a", "work_dir": "work/answers"}))
"""

import hashlib
import json
import pathlib

from simclr_med import graphs, packages, progress
from simclr_med.config.fields import Config
from simclr_med.errors import InputError
from simclr_med.files import atomic, paths
from simclr_med.serving.bulk import models, nearest, parts, tables
from simclr_med.serving.bulk.listing import listed, reason
from simclr_med.serving.explain import gradcam_of_images
from simclr_med.serving.formats.encoded_images import CANNOT_BE_DECODED

PARTS = "parts"
EXPLAINING = ("nearest", "gradcam")  # flags


@graphs.as_written
def run(config: Config) -> None:
    """Write predictions.csv or features.FORMAT into `config.work_dir`, and skipped.csv.

    Killed, the same command goes on; a folder appears when it is whole.

    Raises:
      InputError: model or images are not there or are none, no image can be read, `work_dir` is
        there already, or another process is writing it.
    """
    folder = pathlib.Path(config.work_dir).absolute()
    paths.new_folder(folder, "--work_dir")
    images = pathlib.Path(config.bulk.images)
    if images.is_dir():
        paths.refuse_inside(folder, "--work_dir", images, "--images")
    tables.refuse_missing_extra(config.bulk.features_format)
    if config.bulk.nearest:
        nearest.library()  # asked for before the work
    asked = config.bulk
    listing = listed(images, asked.image_column, asked.dicom_ids, asked.salt)
    explaining = tuple(f"--{name}" for name in EXPLAINING if getattr(config.bulk, name))
    model = models.load(
        config.bulk.model, _output(config.mode, with_read=bool(config.bulk.nearest)), explaining
    )
    with atomic.locked(folder.with_name(f".{folder.name}.lock"), folder):
        paths.new_folder(folder, "--work_dir")  # another process may just have made it
        with atomic.resumable_folder(folder, _key(config, model, listing)) as beside:
            done = _answer(config, model, listing, beside)
            atomic.remove_folder(beside / PARTS)
    for sentence in done:
        progress.say(sentence)
    progress.say(f"{config.mode}: {folder}")


def _output(mode, *, with_read):
    if mode == "embed":
        return models.FEATURES
    return models.BOTH if with_read else models.PROBABILITIES


def _key(config, model, listing):
    """Return a text that differs where the answers so far are of another model, image or flag."""
    said = [config.mode, config.evaluate.eval_batch, config.bulk.features_format]
    said += [config.bulk.nearest, config.bulk.gradcam]
    said += [model.fingerprint, listing.fingerprint, packages.versions()]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _answer(config, model, listing, folder):
    """Write the answers into `folder`; return sentences on them."""
    kept, asked = folder / PARTS, config.bulk
    bank = nearest.Bank.of(model.trained) if asked.nearest else None  # what is missing is told now
    parts.complete(
        kept, model, listing, batch_size=config.evaluate.eval_batch, threads=config.data.threads,
        label=config.mode,
    )  # fmt: skip
    skipped = tables.write_skipped(folder / "skipped.csv", listing, parts.each(kept), _why)
    if skipped == len(listing):
        first = (folder / "skipped.csv").read_text(encoding="utf-8").splitlines()[1]
        atomic.remove_folder(folder)
        raise InputError(f"none of the {skipped} images can be read, as {first}")
    read = len(listing) - skipped
    said = [f"{read} of {len(listing)} images"]
    if config.mode == "predict":
        cases = tables.write_predictions(
            folder / "predictions.csv", listing, parts.each(kept), model.classes, model.task
        )
        said[0] += f", {cases} cases"
        if bank:
            read_by_head = ((i, v[:, len(model.classes) :], e) for i, v, e in parts.each(kept))
            bank.write(folder / "nearest.csv", listing, read_by_head, asked.nearest)
        if asked.gradcam:
            views = model.views(listing, 0, config.evaluate.eval_batch, config.data.threads)
            gradcam_of_images.write(folder, model.trained, listing.images, views, asked.gradcam)
    else:
        form = asked.features_format
        tables.write_features(folder / f"features.{form}", listing, parts.each(kept), read, form)
    if skipped:
        said.append(f"note: {skipped} images cannot be read: skipped.csv")
    said += [f"note: {sentence}" for sentence in listing.notes]
    origin = {
        "mode": config.mode,
        "model": pathlib.Path(config.bulk.model).name,
        "model_sha256": model.fingerprint,
        "images_sha256": listing.fingerprint,
        "images": read,
        "skipped": skipped,
        "versions": packages.versions(),
    }
    atomic.write_text(folder / "origin.json", json.dumps(origin, indent=1))
    return said


def _why(listing, number, said):
    """Return the reason why an image has no answer."""
    fault = listing.faults.get(listing.images[number])
    return fault or (reason(listing.places[number]) if said == CANNOT_BE_DECODED else said)
