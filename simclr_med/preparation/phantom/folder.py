"""The generated data set as a folder: images, manifest and description, whole or not there."""

import concurrent.futures
import dataclasses
import io
import json
import multiprocessing
import pathlib

from PIL import Image

from simclr_med.errors import InputError, RunError
from simclr_med.files import atomic, paths
from simclr_med.preparation.phantom.camera import render, view_of
from simclr_med.preparation.phantom.cases import (
    CONDITIONS,
    OTHER,
    SKIN_TYPES,
    SPLITS,
    cases_of,
)

VERSION = 2  # of the generator: another one draws other images from the same seed
CHUNK = 20  # cases that a process draws at a time


def generate(folder, config, progress=None, workers=0):
    """Write a data set folder, whole or not at all; return its number of images.

    Args:
      folder: to make; it must not be there.
      config: a `PhantomConfig`.
      progress: called with (images done, images in all).
      workers: processes beside this one; 0 draws in this one.

    Raises:
      InputError: `folder` cannot be made there, or `workers` is wrong.
      RunError: writing failed midway, as on a full disk.
    """
    folder = pathlib.Path(folder)
    _refuse_wrong(folder, workers)
    cases = [case for split in SPLITS for case in cases_of(config, split)]
    done, total = 0, sum(case.images for case in cases)
    try:
        with atomic.new_folder(folder) as new:
            for split in SPLITS:
                (new / "images" / split).mkdir(parents=True)
            (new / "dataset.json").write_text(json.dumps(_description(config), indent=1) + "\n")
            (new / "manifest.csv").write_text(_manifest(cases))
            for count in _counts_written(new / "images", cases, config.image_size, workers):
                done += count
                if progress:
                    progress(done, total)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise InputError(f"output={folder}: cannot be made: {error}") from error
    except (OSError, concurrent.futures.BrokenExecutor) as error:
        raise RunError(f"{folder}: not written, {done} of {total} images: {error}") from error
    return total


def _refuse_wrong(folder, workers):
    if type(workers) is not int or not 0 <= workers <= 256:
        raise InputError(f"workers={workers!r}: expected a whole number, 0 to 256")
    paths.new_folder(folder, "--output")


def _description(config):
    sizes = ", ".join(f"{name} {value}" for name, value in dataclasses.asdict(config).items())
    return {
        "name": "phantom",
        "task": "multiclass",
        "classes": list(CONDITIONS),
        "image_root": "images",
        "other_class": OTHER,
        "groups": ["skin_type"],
        "licence": "CC0-1.0 (generated)",
        # A name, no module: a run knows its data by the bytes of dataset.json.
        "source": f"simclr_med.phantom version {VERSION}; {sizes}",
    }


def _manifest(cases):
    lines = ["image,case_id,patient_id,split,labels,skin_type,body_part"]
    for case in cases:
        labels = "" if case.split == "unlabelled" else "|".join(CONDITIONS[c] for c in case.classes)
        row = (case.case_id, case.patient_id, case.split, labels)
        row += (SKIN_TYPES[case.skin], case.body_part)
        lines += [",".join((_image_name(case, i), *row)) for i in range(case.images)]
    return "\n".join(lines) + "\n"


def _image_name(case, image):
    return f"{case.split}/{case.case_id}_{image}.jpg"


def _write_cases(folder, cases, size):
    for case in cases:
        for image in range(case.images):
            view, encoded = view_of(case, image), io.BytesIO()
            picture = Image.fromarray(render(case, view, size))
            picture.save(encoded, format="JPEG", quality=view.jpeg_quality)
            (folder / _image_name(case, image)).write_bytes(encoded.getvalue())
    return sum(case.images for case in cases)


def _counts_written(folder, cases, size, workers):
    """Write the images; yield how many each chunk of cases held."""
    chunks = [cases[i : i + CHUNK] for i in range(0, len(cases), CHUNK)]
    if not workers:
        for chunk in chunks:
            yield _write_cases(folder, chunk, size)
        return
    spawn = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(min(workers, len(chunks)), spawn)
    try:
        jobs = [pool.submit(_write_cases, folder, chunk, size) for chunk in chunks]
        for job in concurrent.futures.as_completed(jobs):
            yield job.result()
    finally:
        pool.shutdown(cancel_futures=True)
