"""What a head is trained with: the cases that it learns from, and those that it is watched by."""

import dataclasses

from simclr_med.data.cases import Cases
from simclr_med.data.info import DatasetInfo


@dataclasses.dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled cases of a data set.

    Attributes:
      cases: `Cases` that are learnt from.
      watched: `Cases` of validation; None where it is not looked at.
      info: the `DatasetInfo` of both.
    """

    cases: Cases
    watched: Cases | None
    info: DatasetInfo
