"""Grad-CAM pictures of the first predicted images, for --mode=predict --gradcam.

A picture is called by its number: names of files may lead elsewhere.
"""

import pathlib
from collections.abc import Iterable

import numpy as np

from simclr_med.files import atomic
from simclr_med.preparation.images.rewriting import png
from simclr_med.serving.explain.gradcam import GradCam, beside
from simclr_med.serving.trained import Trained

FOLDER, TABLE = "gradcam", "gradcam.csv"


def write(
    folder: pathlib.Path, trained: Trained, images: np.ndarray, batches: Iterable, count: int
) -> None:
    """Write gradcam/NUMBER.png of the first readable images, and gradcam.csv.

    Args:
      folder: a path, where both are written.
      trained: the networks, with a head.
      images: names of all images, in order.
      batches: (views `[b, S, S, 3]`, errors `[b]`) of the same images, in order.
      count: number of pictures, at most.
    """
    explain = GradCam(trained.task.task, trained.nets, trained.config.head.head_input)
    rows, number = [], 0
    for views, errors in batches:
        maps, probabilities = explain(views, np.full(len(views), -1, np.int32))
        seen = zip(views, maps.numpy(), probabilities.numpy(), errors, strict=True)
        for view, heat, shares, error in seen:
            if not error and len(rows) < count:
                file, best = f"{FOLDER}/{number:06}.png", shares.argmax()
                atomic.write_bytes(folder / file, png(beside(view, heat)))
                rows.append((images[number], file, trained.task.classes[best], shares[best]))
            number += 1
        if len(rows) == count:
            break
    with atomic.csv_writer(folder / TABLE) as writer:
        writer.writerows([("image", "picture", "class", "probability"), *rows])
