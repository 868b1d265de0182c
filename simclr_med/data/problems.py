"""What is wrong with a data set folder, listed by file, row and column."""

import dataclasses

from simclr_med.errors import InputError

LISTED_PROBLEMS = 20


@dataclasses.dataclass(frozen=True)
class Problem:
    """One wrong cell or file: `row` counts as a spreadsheet does, the header being row 1."""

    file: str
    row: int | None
    column: str | None
    value: str
    reason: str

    def __str__(self):
        row = "" if self.row is None else f", row {self.row}"
        column = "" if self.column is None else f", column {self.column}"
        return f"{self.file}{row}{column}: {self.value!r} {self.reason}"


class DataError(InputError):
    """What is wrong with a data set folder; `problems` holds all of it."""

    def __init__(self, problems):
        self.problems = list(problems)
        lines = [str(problem) for problem in self.problems[:LISTED_PROBLEMS]]
        rest = len(self.problems) - len(lines)
        if rest:
            lines.append(f"... and {rest} more")
        super().__init__("\n".join(lines))
