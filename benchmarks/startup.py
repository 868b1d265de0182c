"""Seconds until a command answers, beside an empty Python program and importing TensorFlow.

python benchmarks/startup.py --json=startup.json
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.machine import ROOT
from benchmarks.verdict import at_most, command_line, conclude, shown
from simclr_med.errors import run_main

COMMANDS = {
    "run --helpshort": ["-m", "simclr_med.run", "--helpshort"],
    "bootstrap --help": ["tools/bootstrap.py", "--help"],
    "make_phantom --help": ["tools/make_phantom.py", "--help"],
    "import tensorflow": ["-c", "import tensorflow"],
}
BOOTSTRAP = "bootstrap of two small files"  # its start and little else: 20 cases, 20 replicates
ROWS = "".join(f"c{i},,{'ab'[i % 2]},0.{i % 9 + 1},0.{9 - i % 9}\n" for i in range(20))
PREDICTIONS = "case_id,patient_id,truth,probability:a,probability:b\n" + ROWS


def seconds(arguments, repeats):
    """The fastest of `repeats` runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            check=True,
            capture_output=True,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    """Measures and prints."""
    parser = command_line(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    empty = seconds(["-c", "pass"], options.repeats)
    result = {"python -c pass": {"seconds": empty, "ratio": 1.0}}
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / name for name in ("a.csv", "b.csv")]
        for file in files:
            file.write_text(PREDICTIONS)
        small = {BOOTSTRAP: ["tools/bootstrap.py", *map(str, files), "--replicates=20"]}
        for name, arguments in (COMMANDS | small).items():
            took = seconds(arguments, options.repeats)
            result[name] = {"seconds": took, "ratio": took / empty}
    for name, row in result.items():
        print(f"{name:24} {row['seconds']:7.3f} s {row['ratio']:8.1f} times an empty program")
    ratios = {f"{name} / python -c pass": row["ratio"] for name, row in result.items()}
    goals = [shown(name) for name in list(ratios)[1:]]
    ratios[f"{BOOTSTRAP}, seconds"] = result[BOOTSTRAP]["seconds"]
    goals.append(at_most(f"{BOOTSTRAP}, seconds", 1.0))
    return conclude(options, goals, ratios, commands=result)


if __name__ == "__main__":
    sys.exit(run_main(main))
