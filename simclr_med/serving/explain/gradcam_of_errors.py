"""Grad-CAM pictures of the most confident errors, for the report.

    head = networks.load_trained("work/probe")
    write("work/probe", manifest.read("my_data"), head, {"test": predictions}, 8)

gradcam/SPLIT.csv names each picture's case, class and probability, and gradcam/SPLIT/NUMBER.png is
the image, and beside it the image under its map.
"""

import csv
import io
import pathlib
import shutil

import numpy as np

from simclr_med.data.batches import evaluation_batches
from simclr_med.data.manifest import Manifest
from simclr_med.evaluation.predictions import Predictions
from simclr_med.evaluation.report import mistakes
from simclr_med.files import atomic
from simclr_med.preparation.images.rewriting import png
from simclr_med.runs import layout
from simclr_med.serving.explain.gradcam import GradCam, beside

HEADER = ("case_id", "class", "probability", "picture")


def write(
    work_dir: str, data: Manifest, head: tuple, splits: dict[str, Predictions], count: int
) -> None:
    """Write gradcam/ of each split into the work folder, in the place of former ones.

    Args:
      work_dir: of the run.
      data: the `Manifest` of the evaluated data set.
      head: of `networks.load_trained`.
      splits: name of a split to its `Predictions`.
      count: number of cases of each split that are shown.
    """
    trained, task, nets = head
    explain = GradCam(task.task, nets, trained.head.head_input)
    for split, made in splits.items():
        shown = _images(made, data.cases([split]), count)
        folder = pathlib.Path(work_dir) / layout.GRADCAM / split
        table = folder.with_suffix(".csv")
        table.unlink(missing_ok=True)  # first: pictures that no table names are none
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for number, picture in enumerate(_pictures(explain, trained.augment, shown)):
            atomic.write_bytes(folder / f"{number:06}.png", png(picture))
        atomic.write_text(table, _table(shown))


def _pictures(explain, augment, shown):
    """Yield the picture of each image, uint8 `[S, 2 S, 3]`."""
    views = evaluation_batches(
        [path for path, *_ in shown],
        batch_size=mistakes.IMAGES_A_CASE,
        size=augment.image_size,
        proportion=augment.eval_crop,
    )
    classes = iter([k for _, k, _ in shown])
    for batch in views:
        of_batch = [next(classes) for _ in range(len(batch))]
        maps, _ = explain(batch, np.array(of_batch, np.int32))
        yield from map(beside, batch.numpy(), maps.numpy())


def _images(made, cases, count):
    """Return path, class and `mistakes.identity` of each image that is shown."""
    rows, classes, sure = mistakes.most_sure(made, count)
    paths = mistakes.images_of(cases, made.case_ids[rows])
    return [
        (path, k, mistakes.identity(str(made.case_ids[row]), made.classes[k], probability))
        for row, k, probability in zip(rows, classes, sure, strict=True)
        for path in paths[str(made.case_ids[row])][: mistakes.IMAGES_A_CASE]
    ]


def _table(shown):
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((*identity, number) for number, (_, _, identity) in enumerate(shown))
    return text.getvalue()
