"""Picture of a recipe's views: original images, and views beside them."""

import os
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from PIL import Image

from simclr_med.config.recipes import Recipe
from simclr_med.data.batches import crops_at
from simclr_med.data.positions import Positions
from simclr_med.data.unreadable import READ_ERRORS
from simclr_med.files import atomic
from simclr_med.runs import layout
from simclr_med.training.loop.callbacks import StepCallback
from simclr_med.views.changing import change_each
from simclr_med.views.decode import read

SHOWN = 8


class ViewSheet(StepCallback):
    """Writes views.png into a run's folder before its first step, if it is not there.

    It stands before `RunLog`, which shows the picture in TensorBoard.

    Args:
      work_dir: of the run.
      positions, recipe: see `sheet`.
      recover: called with 0 where an image cannot be read; returns True if it found and removed
        the cause, see `Positions.recovering`.
    """

    def __init__(
        self,
        work_dir: str | os.PathLike,
        positions: Positions,
        recipe: Recipe,
        recover: Callable[[int], bool] = lambda done: False,
    ) -> None:
        super().__init__()
        self.path = pathlib.Path(work_dir) / layout.VIEWS
        self.positions, self.recipe, self.recover = positions, recipe, recover

    def on_train_begin(self, logs=None):
        """Write the picture."""
        super().on_train_begin(logs)
        if self.writes() and not self.path.exists():
            save(self.path, self._picture())

    def _picture(self):
        while True:
            try:
                return sheet(self.positions, self.recipe, SHOWN)
            except READ_ERRORS:
                if not self.recover(0):
                    raise


def save(path: str | pathlib.Path, picture: np.ndarray) -> None:
    """Write uint8 `[H, W, 3]` as a PNG."""
    with atomic.replacing(path) as beside:
        Image.fromarray(picture).save(beside, format="PNG")


def sheet(positions: Positions, recipe: Recipe, rows: int, pairs: int = 1) -> np.ndarray:
    """Return a picture of a run's first examples.

    A row has the original, its views, and for a case its other original.

    Args:
      positions: `Positions`; with 1 or 2 images.
      recipe: a `Recipe`.
      rows: how many; fewer where there are not so many units.
      pairs: how often each example's views are drawn; the first time they are the run's own.

    Returns:
      uint8 `[height, width, 3]`, in two halves side by side.
    """
    rows = min(rows, len(positions.offsets) - 1)
    changes, size = change_each(recipe), recipe.size
    shown = []
    for position, images in positions.drawn(0, rows).take(rows):
        paths = tf.gather(positions.paths, images)
        views = []
        for again in range(pairs):
            views += changes(*crops_at(positions, recipe, position, images, again))
        cells = [original(paths[0], size), *views[:: len(images)]]
        if len(images) == 2:
            cells += views[1::2]
            if positions.by_case:
                cells.append(original(paths[1], size))
        shown.append(np.concatenate([np.uint8(np.round(255 * cell)) for cell in cells], axis=1))
    half = (len(shown) + 1) // 2
    shown += [np.full_like(shown[0], 255)] * (2 * half - len(shown))
    gap = np.full([size * half, max(4, size // 8), 3], 255, np.uint8)
    return np.concatenate([np.concatenate(shown[:half]), gap, np.concatenate(shown[half:])], axis=1)


def original(path, size):
    """Return the whole image, squeezed into a square: float32 `[size, size, 3]` in [0, 1]."""
    image = tf.image.resize(read(path), [size, size], "area")
    return np.asarray(image) / 255
