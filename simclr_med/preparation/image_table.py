"""Sources that are one table beside a folder of images, declared by the names of their columns.

read = ImageTable(name="HAM10000", image="image_id", labels="dx", ...).reader(TITLE, ...)
"""

import dataclasses
import pathlib
import types
from collections.abc import Callable, Mapping

import pandas as pd

from simclr_med.files.tables import whole_numbers
from simclr_med.preparation.csv_table import read_csv
from simclr_med.preparation.image_lookup import jpegs, locate
from simclr_med.preparation.source_files import find_file
from simclr_med.preparation.source_table import FILE, ROW, Records, case_names

NUMBERS = ("age", "skin_type")  # of our columns: 3.0 in the table is 3


@dataclasses.dataclass(frozen=True)
class ImageTable:
    """A table of labelled images and the meaning of its columns.

    Attributes:
      name: of the data set.
      files: names of the table, the first that is there counts; may hold *.
      image: column of the images' names.
      labels: column of the labels; "" where the option `labels` names it.
      case: columns that name a case together; () makes each image a case.
      patient: column of patients; "" where the set names none.
      columns: our group or free column to the table's, which must be there.
      optional: free columns taken under their own names where the table has them.
      also: further columns that must be there.
      jpeg: true where `image` holds names without their ".jpg".
      split: of all images; "" to draw it.
      groups: of `columns`, those for subgroup analysis.
      licence: of the set.
      notes: sentences for the card.
      change: (rows, options, notes, problems) to the rows to use instead; None leaves them.
    """

    name: str
    files: tuple
    image: str
    labels: str = ""
    case: tuple = ()
    patient: str = ""
    columns: Mapping = dataclasses.field(default_factory=dict)
    optional: tuple = ()
    also: tuple = ()
    jpeg: bool = False
    split: str = ""
    groups: tuple = ()
    licence: str = ""
    notes: tuple = ()
    change: Callable | None = None

    def reader(self, source: str, looks_for: str, where: str) -> Callable[..., Records]:
        """Return the `read` of the source with that TITLE, LOOKS_FOR and WHERE."""
        told = types.SimpleNamespace(TITLE=source, LOOKS_FOR=looks_for, WHERE=where)

        def read(folder: pathlib.Path, options: dict) -> Records:
            """Return the set's `Records`."""
            file = find_file(folder, self.files, told)
            labels = self.labels or options["labels"]
            notes, problems = [], []
            rows = read_csv(file, self._wanted(labels), options, notes)
            if self.change:
                rows = self.change(rows, options, notes, problems)
            return Records(
                name=self.name,
                task="multiclass",
                table=self._table(folder, rows, labels, notes),
                image_root=folder,
                groups=self.groups,
                licence=self.licence,
                source=source,
                labels_from=labels,
                notes=[*self.notes, *notes],
                problems=problems,
            )

        return read

    def _wanted(self, labels):
        named = (self.image, *self.case, self.patient, labels, *self.columns.values(), *self.also)
        return tuple(dict.fromkeys(name for name in named if name))

    def _table(self, folder, rows, labels, notes):
        image = rows[self.image]
        files = jpegs(image) if self.jpeg else image
        parts = [rows[name] for name in self.case]
        return pd.DataFrame(
            {
                "image": locate(folder, files, notes),
                "case_id": case_names(notes, image, *parts) if parts else image,
                "patient_id": rows[self.patient] if self.patient else "",
                "split": self.split,
                "labels": rows[labels],
                **{
                    ours: whole_numbers(rows[name]) if ours in NUMBERS else rows[name]
                    for ours, name in self.columns.items()
                },
                **{name: rows.get(name, "") for name in self.optional},
                FILE: rows[FILE],
                ROW: rows[ROW],
            }
        )
