"""The images of a prepared data set: written anew where they must be, else left where they are."""

import collections
import concurrent.futures
import dataclasses
import os
import pathlib
from collections.abc import Callable

import numpy as np
import pandas as pd

from simclr_med.errors import InputError
from simclr_med.files import atomic
from simclr_med.preparation.images.rewriting import png, rewrite, rewritten_suffix
from simclr_med.preparation.source_table import FILE, POOL, ROOT

OWN_IMAGES = "images"  # the folder of those that are written


@dataclasses.dataclass(frozen=True)
class _Image:
    """An image that is written: by `render` from its name, or from the file below `root`."""

    name: str
    root: str
    pool: str
    row_of: str  # the file that names it, for a message
    render: Callable | None

    def write(self, folder, shortest_side):
        """Write it below `folder`, unless it is there; return its name in it."""
        try:
            name = self._own_name()
            path = folder / name
            if not path.exists():
                atomic.write_bytes(path, self._content(shortest_side))
        except ValueError as error:
            raise InputError(f"{self.row_of}: {self.name}: {error}") from None
        return name

    @property
    def inside(self):
        """Its path below the folder of images, but for a suffix."""
        return "/".join(part for part in (self.pool, self.name) if part)

    def _own_name(self):
        suffix = ".png" if self.render else rewritten_suffix(self._source)
        return self.inside if self.inside.lower().endswith(suffix) else self.inside + suffix

    def _content(self, shortest_side):
        if self.render:
            return png(self.render(self.name), shortest_side)
        return rewrite(self._source, shortest_side)[0]

    @property
    def _source(self):
        return pathlib.Path(self.root, self.name)


def write_images(records, folder, place, settings, progress):
    """Write the images that do not stay where they are, by many threads.

    Args:
      records: `Records` with the final table.
      folder: where to write now; its images that are there already stay as they are.
      place: where `folder` will be in the end.
      settings: with shortest_side and shards; shards rewrite images themselves.
      progress: called with (what, done, all), or None.

    Returns:
      (table, image root): the table with names relative to that root, which is itself relative to
      `place` where it lies inside.

    Raises:
      InputError: an image cannot be read or rendered.
    """
    table = records.table
    names, roots = table["image"].to_numpy(object).copy(), table[ROOT].to_numpy(object).copy()
    rendered = (roots == str(records.image_root)) & (records.render is not None)
    rewritten = settings.shortest_side is not None and not settings.shards
    rows = np.flatnonzero(rendered | rewritten)
    images = [
        _Image(names[i], roots[i], table[POOL].iloc[i], table[FILE].iloc[i],
               records.render if rendered[i] else None)
        for i in rows
    ]  # fmt: skip

    _refuse_one_name(images)

    def write_one(image):
        return image.write(folder / OWN_IMAGES, settings.shortest_side)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        written = zip(rows, pool.map(write_one, images), strict=True)
        for done, (i, name) in enumerate(written, 1):
            names[i], roots[i] = name, str(place / OWN_IMAGES)
            if progress:
                progress("writing images", done, len(rows))
    names, root = _below_one_root(names, roots, place)
    return table.assign(image=names), root


def _refuse_one_name(images):
    """Raise `InputError` where two images would be one file, as a.tif and a.tif.png would."""
    number = collections.Counter(image.inside for image in images)
    for image in images:
        again = [image.inside + suffix for suffix in (".png", ".jpg")]
        if number[image.inside] > 1 or any(name in number for name in again):
            raise InputError(
                f"{image.row_of}: {image.name}: two images would be written under one name, "
                f"{image.inside} with or without a suffix; rename one"
            )


def _below_one_root(names, roots, place):
    """Return names relative to the one root that all `roots` lie below, and that root."""
    different = pd.unique(roots).tolist()
    root = os.path.commonpath(different)
    below = {r: os.path.relpath(r, root).replace(os.sep, "/") for r in different}
    names = [os.path.normpath(f"{below[r]}/{n}") for r, n in zip(roots, names, strict=True)]
    inside = place in (pathlib.Path(root), *pathlib.Path(root).parents)
    return names, os.path.relpath(root, place) if inside else root
