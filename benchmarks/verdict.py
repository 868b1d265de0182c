"""A benchmark's result: ratios, their goals, a JSON file and an exit code.

A benchmark declares each goal once and ends with `conclude`:

    GOALS = (at_least("host / floor", 0.7), at_most("micro / small, memory", 1.4))
    return conclude(options, GOALS, {"host / floor": 0.72, ...}, images_per_second=rates)
"""

import argparse
import dataclasses
import datetime
import json
import operator

from benchmarks import machine
from simclr_med.errors import EXIT_FAILED, InputError
from simclr_med.files import atomic, paths

HOLDS = {">=": operator.ge, "<=": operator.le}
MISSED = "MISSED"


@dataclasses.dataclass(frozen=True)
class Goal:
    """A ratio by name, and its limit.

    Attributes:
      ratio: its name among the ratios of `conclude`.
      sign: ">=" or "<="; "" for a ratio that is shown and held to nothing.
      limit: a number, None without a sign.
      note: what a reader of the table should know.
    """

    ratio: str
    sign: str = ""
    limit: float | None = None
    note: str = ""

    def row(self, value):
        """Return the table's row of the ratio's `value`: a dict that JSON takes."""
        verdict = ""
        if self.sign:
            verdict = "met" if HOLDS[self.sign](value, self.limit) else MISSED
        wanted = f"{self.sign} {self.limit:g}" if self.sign else ""
        return {"ratio": self.ratio, "value": value, "goal": wanted, "verdict": verdict} | (
            {"note": self.note} if self.note else {}
        )


def at_least(ratio, limit, note=""):
    """Return the goal of a ratio that should be `limit` or more."""
    return Goal(ratio, ">=", limit, note)


def at_most(ratio, limit, note=""):
    """Return the goal of a ratio that should be `limit` or less."""
    return Goal(ratio, "<=", limit, note)


def shown(ratio, note=""):
    """Return the row of a ratio that belongs into the table and is held to nothing."""
    return Goal(ratio, note=note)


def command_line(description):
    """Return a parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=_file, help="a file for the result")
    return parser


def _file(text):
    try:
        return paths.file_to_write(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def conclude(options, goals, ratios, **measured):
    """Print each goal's verdict and write the result where `--json` wants it.

    Args:
      options: of `command_line`.
      goals: `Goal`s; one whose ratio was not measured this time is passed over.
      ratios: name to number.
      measured: what else is worth keeping.

    Returns:
      The exit code: 1 where a goal is missed.
    """
    rows = [goal.row(ratios[goal.ratio]) for goal in goals if goal.ratio in ratios]
    for row in rows:
        if row["goal"]:
            print(f"{row['ratio']}: {row['value']:.2f}, goal {row['goal']}: {row['verdict']}")
    if options.json:
        result = {
            "rows": rows,
            "machine": machine.describe(),
            "date": datetime.date.today().isoformat(),
            "commit": machine.commit(),
            "ratios": ratios,
            **measured,
        }
        atomic.write_text(options.json, json.dumps(result, indent=1) + "\n")
    return EXIT_FAILED if any(row["verdict"] == MISSED for row in rows) else 0
