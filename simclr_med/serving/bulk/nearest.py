"""Nearest training cases of an image, by the cosine of the features that the head reads.

    bank = Bank.of(model.trained)
    bank.write("nearest.csv", listing, parts, 5)

Every image is compared, by scikit-learn: the answer is exact. A case is as similar as its most
similar image.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable

import numpy as np

from simclr_med import packages
from simclr_med.data import manifest
from simclr_med.data.cases import Cases
from simclr_med.files import atomic
from simclr_med.serving.bulk.listing import Listing
from simclr_med.serving.trained import Trained
from simclr_med.training import features

ROWS = 256  # images at a time


def library():
    """Return scikit-learn's module of neighbours.

    Raises:
      InputError: it is not installed.
    """
    try:
        from sklearn import neighbors
    except ImportError:
        raise packages.missing("nearest", "--nearest needs scikit-learn") from None
    return neighbors


@dataclasses.dataclass(frozen=True, eq=False)
class Bank:
    """N cases with M images.

    Attributes:
      cases: `Cases`.
      classes: K names.
      features: of the images, float32 `[M, D]`.
    """

    cases: Cases
    classes: tuple
    features: np.ndarray

    @classmethod
    def of(cls, trained: Trained) -> "Bank":
        """Return the cases of the splits that a head was trained on, with the features it reads.

        Args:
          trained: a `Trained` with a head.

        Raises:
          InputError: the data set is not where it was, or an image cannot be read.
        """
        data = manifest.read(trained.config.data.data_dir)
        cases = data.cases(list(trained.config.data.splits))
        found = features.extract(trained.nets.inputs, cases.paths, trained.config)
        return cls(cases, tuple(data.info.classes), found)

    @functools.cached_property
    def index(self):
        """Return scikit-learn's index of the images."""
        return library().NearestNeighbors(algorithm="brute", metric="cosine").fit(self.features)

    def nearest(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return numbers of the most similar cases and their cosines, `[Q, count]` each.

        Args:
          queries: features `[Q, D]`, Q at least 1.
          count: number of cases; all where there are fewer.
        """
        sizes = np.diff(self.cases.offsets)
        count = min(count, len(sizes))
        # So many images are of `count` cases or more, whichever they are.
        enough = 1 + np.sort(sizes)[len(sizes) - count + 1 :].sum()
        distances, images = self.index.kneighbors(queries, enough)  # [Q, enough], ascending
        owners = np.repeat(np.arange(len(sizes)), sizes)[images]
        first = np.stack([_first_places(row)[:count] for row in owners])
        similar = 1 - distances
        return np.take_along_axis(owners, first, 1), np.take_along_axis(similar, first, 1)

    def write(self, path: pathlib.Path, listing: Listing, parts: Iterable, count: int) -> None:
        """Write a row for each image and each of its `count` most similar cases.

        Args:
          path: the file.
          listing: a `Listing`.
          parts: (number of the first image, features `[n, D]`, errors `[n]`), in order.
          count: of cases.
        """
        header = ("image", "rank", "similar_case", "similarity", "labels")
        with atomic.csv_writer(path) as writer:
            writer.writerow(header)
            for start, values, errors in parts:
                readable = np.flatnonzero(errors == "")
                for low in range(0, len(readable), ROWS):
                    some = readable[low : low + ROWS]
                    cases, cosines = self.nearest(values[some], count)
                    for i, row, similar in zip(some, cases, cosines, strict=True):
                        for rank, (case, cosine) in enumerate(zip(row, similar, strict=True), 1):
                            said = (self.cases.case_ids[case], f"{cosine:.6f}", self._labels(case))
                            writer.writerow((listing.images[start + i], rank, *said))

    def _labels(self, case):
        present = self.cases.targets[case] == 1
        return "|".join(
            name for name, is_there in zip(self.classes, present, strict=True) if is_there
        )


def _first_places(row):
    """Return the place at which each value of a row first stands, ascending."""
    return np.sort(np.unique(row, return_index=True)[1])
