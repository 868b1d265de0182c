"""Cases: the unit of one diagnosis, with its images and targets.

    cases = manifest.read("my_data").cases(["train", "unlabelled"])
    cases.paths[cases.offsets[3] : cases.offsets[4]]  # the images of the fourth case

A case may hold many images, and a patient many cases.
"""

import dataclasses

import numpy as np

from simclr_med.data import splitting


@dataclasses.dataclass(frozen=True, eq=False)
class Cases:
    """N cases with M images; case i owns `paths[offsets[i]:offsets[i + 1]]`.

    Attributes:
      case_ids, patient_ids: str `[N]`; an unknown patient is "".
      paths: absolute, str `[M]`; rows of one case stand together, in the manifest's order. A
        path, or the place of an image in a shard, see `views.places`.
      offsets: int64 `[N + 1]`.
      targets: float32 `[N, K]`. Multiclass: 1 for each primary diagnosis. Multilabel: 1, 0, or
        NaN where the truth is unknown. All NaN for an unlabelled case.
      groups: column name to the level of each case, str `[N]`: "" where unknown, "mixed" where its
        images have several.
      shares: float32 `[N, K]`, what a case's diagnosis is spread over, see `label_weights`; None
        where the manifest does not say.
    """

    case_ids: np.ndarray
    patient_ids: np.ndarray
    paths: np.ndarray
    offsets: np.ndarray
    targets: np.ndarray
    groups: dict
    shares: np.ndarray | None = None

    def __len__(self):
        return len(self.case_ids)

    def take(self, index) -> "Cases":
        """Return the cases at `index`, int `[n]`, in that order."""
        index = np.asarray(index, np.int64)
        sizes = np.diff(self.offsets)[index]
        rows = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in index]
        return Cases(
            self.case_ids[index],
            self.patient_ids[index],
            self.paths[np.concatenate(rows)] if rows else self.paths[:0],
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            self.targets[index],
            {name: values[index] for name, values in self.groups.items()},
            None if self.shares is None else self.shares[index],
        )

    def each_image_alone(self) -> "Cases":
        """Return the same images, each a case of its own: SimCLR, which knows nothing of cases."""
        owner = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        return Cases(
            self.case_ids[owner],
            self.patient_ids[owner],
            self.paths,
            np.arange(len(self.paths) + 1, dtype=np.int64),
            self.targets[owner],
            {name: values[owner] for name, values in self.groups.items()},
            None if self.shares is None else self.shares[owner],
        )


def label_fraction(cases: Cases, fraction: float, seed: int) -> Cases:
    """Return the part of `cases` whose labels may be used: stratified (see `strata`), and nested.

    The cases are put in `splitting.interleaved_order`'s order, whose beginnings are nested: of one
    seed, what 10 % holds is in 50 % too.

    Args:
      cases: `Cases`, all of them labelled.
      fraction: above 0; from 1 on, all cases.
      seed: of the order, int.

    Returns:
      `Cases`, one at least, in the order of `cases`.
    """
    return cases if fraction >= 1 else cases.take(fraction_of(cases, fraction, seed))


def fraction_of(cases: Cases, fraction: float, seed: int) -> np.ndarray:
    """Return which cases `label_fraction` takes, int `[n]`, ascending."""
    order = splitting.interleaved_order(cases.case_ids, strata(cases.targets), seed)
    return np.sort(order[: max(1, round(fraction * len(cases)))])


def strata(targets: np.ndarray) -> np.ndarray:
    """Return the stratum of each case, int `[N]`: the rarest of the classes that it has.

    Where a case has several, the rarest is the one of which a small part could hold none. Cases
    that have no class are a stratum of their own, and so are those of which nothing is known.

    Args:
      targets: `[N, K]`, 1 present, 0 absent, NaN unknown.

    Returns:
      The number of a class, K for none of them, K + 1 where all are unknown.
    """
    classes = targets.shape[1]
    present = targets == 1  # [N, K]
    rarest = np.where(present, present.sum(axis=0), len(targets) + 1).argmin(axis=1)
    without = np.where(np.isnan(targets).all(axis=1), classes + 1, classes)
    return np.where(present.any(axis=1), rarest, without)
