"""The paper's numbers, as printed: numbers.csv, whose column `table` is where each stands."""

import csv
import functools
import pathlib
from typing import NamedTuple


class Key(NamedTuple):
    """Key of a number: its row and column in a table of the paper.

    `augmentation` is MICLe's, "full" or "partial", in B.2 alone; `label_fraction` is 1 but in B.5.
    """

    table: str
    architecture: str
    method: str
    augmentation: str
    label_fraction: float
    metric: str


class Printed(NamedTuple):
    """A number as printed; `plus_minus` is "" where the paper has none."""

    value: str
    plus_minus: str

    @property
    def words(self):
        """The number with its ±."""
        return f"{self.value}±{self.plus_minus}" if self.plus_minus else self.value


@functools.cache
def printed():
    """Return `Key` to `Printed`, in the paper's order of rows and columns."""
    file = pathlib.Path(__file__).with_name("numbers.csv")
    with open(file, newline="", encoding="utf-8") as opened:
        return {
            Key(
                row["table"],
                row["architecture"],
                row["method"],
                row["augmentation"],
                float(row["label_fraction"]),
                row["metric"],
            ): Printed(row["value"], row["plus_minus"])
            for row in csv.DictReader(opened)
        }
