"""The training cases that resemble an image most, by the cosine of what the head reads.

    bank = Bank.of(model.trained, features.inference(nets.inputs))
    bank.write("nearest.csv", listing, parts, 5)

Every case is looked at: the answer is exact. A case is as similar as its most similar image.
"""

import dataclasses

import numpy as np

from simclr_med.data import manifest
from simclr_med.data.cases import Cases
from simclr_med.serving.bulk.tables import csv_writer
from simclr_med.training import features

ROWS = 256  # images at a time


@dataclasses.dataclass(frozen=True, eq=False)
class Bank:
    """N cases with M images.

    Attributes:
      cases: `Cases`.
      classes: K names.
      units: features of the images, each of length 1, float32 `[M, D]`.
    """

    cases: Cases
    classes: tuple
    units: np.ndarray

    @classmethod
    def of(cls, trained):
        """Return the cases of the splits that a head was trained on, by what it reads of them.

        Args:
          trained: a `Trained` with a head.

        Raises:
          InputError: the data set is not where it was, or an image cannot be read.
        """
        data = manifest.read(trained.config.data.data_dir)
        cases = data.cases(list(trained.config.data.splits))
        found = features.extract(trained.nets.inputs, cases.paths, trained.config)
        return cls(cases, tuple(data.info.classes), features.unit_rows(found))

    def nearest(self, queries, count):
        """Return numbers of the most similar cases and their cosines, `[Q, count]` each.

        Args:
          queries: features `[Q, D]`.
          count: how many, at most N.
        """
        similar = features.unit_rows(queries) @ self.units.T  # [Q, M]
        by_case = np.maximum.reduceat(similar, self.cases.offsets[:-1], axis=1)  # [Q, N]
        order = np.argsort(-by_case, axis=1, kind="stable")[:, :count]
        return order, np.take_along_axis(by_case, order, axis=1)

    def write(self, path, listing, parts, count):
        """Write a row for each image and each of its `count` most similar cases.

        Args:
          path: the file.
          listing: a `Listing`.
          parts: (number of the first image, features `[n, D]`, errors `[n]`), in order.
          count: of cases.
        """
        header = ("image", "rank", "similar_case", "similarity", "labels")
        with csv_writer(path) as writer:
            writer.writerow(header)
            for start, values, errors in parts:
                readable = np.flatnonzero(errors == "")
                for some in np.array_split(readable, -(-len(readable) // ROWS) or 1):
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
