"""Every benchmark at its documented size, one after the other, and benchmarks/README.md of them.

    make benchmarks
    make benchmarks BENCHMARK_FLAGS=--only=input_pipeline,peers_run

benchmarks/results/ keeps the last result of each, and the table is made of what lies there: a
benchmark that was not run, was not done in time, or failed keeps its last rows. Figures in
documents follow (figures.py). Other work on the machine spoils the ratios.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks import figures, machine, table
from simclr_med.errors import EXIT_FAILED, EXIT_INPUT, InputError, run_main
from simclr_med.files import atomic

FOLDER = machine.ROOT / "benchmarks"
# Name of the result, script and flags; the goals that others wait for first.
BENCHMARKS = {
    "peers_step": ("peers", "--parts=step"),
    "peers_run": ("peers", "--parts=run"),
    "peers_pipeline": ("peers", "--parts=pipeline"),
    "input_pipeline": ("input_pipeline",),
    "linear_probe": ("linear_probe",),
    "precision": ("precision",),
    "stacks": ("stacks",),
    "loop": ("loop",),
    "serving": ("serving",),
    "startup": ("startup",),
    "first_step": ("first_step",),
    "phantom": ("phantom",),
    "prepare": ("prepare",),
    "train_step": ("train_step",),
    "memory": ("memory",),
    "scaling": ("scaling",),
    "bootstrap": ("bootstrap",),
    "coverage": ("coverage", "--datasets=80", "--replicates=399"),
}


def run(name, script, *flags, results, seconds):
    """Run one benchmark and keep its result.

    Args:
      results: the folder that keeps it.
      seconds: how long it may take.

    Returns:
      What went otherwise than it should, "" where all is well.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "result.json"
        command = [sys.executable, str(FOLDER / f"{script}.py"), *flags, f"--json={file}"]
        env = os.environ | {"PYTHONPATH": str(machine.ROOT)}
        process = subprocess.Popen(command, env=env, start_new_session=True)
        try:
            code = process.wait(max(1, seconds))
        except subprocess.TimeoutExpired:
            return "was not done in time"
        finally:
            stop(process.pid)
        if not file.exists():
            return "cannot run here" if code == EXIT_INPUT else f"failed with exit code {code}"
        atomic.write_text(results / f"{name}.json", file.read_text())
        return f"misses a goal ({results.name}/{name}.json)" if code else ""


def stop(session):
    """End a benchmark's remaining processes."""
    try:
        os.killpg(session, signal.SIGKILL)
    except ProcessLookupError:
        return


def chosen(names):
    """Return the benchmarks of `--only`, all where it is empty.

    Raises:
      InputError: a name is unknown.
    """
    for name in names:
        if name not in BENCHMARKS:
            raise InputError(f"--only: {name!r}; expected some of {','.join(BENCHMARKS)}")
    return {name: BENCHMARKS[name] for name in names or BENCHMARKS}


def main():
    """Run the chosen benchmarks, write the table, and print the failures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="which, with commas between")
    parser.add_argument("--minutes", type=float, default=30, help="of all together")
    parser.add_argument("--results", type=pathlib.Path, default=FOLDER / "results")
    parser.add_argument("--table", type=pathlib.Path, default=FOLDER / "README.md")
    options = parser.parse_args()
    benchmarks = chosen([name for name in options.only.split(",") if name])
    load = os.getloadavg()[0]
    if load > machine.cores() / 4:
        print(f"warning: the machine is busy (load {load:.1f}), which spoils the ratios")
    end, troubles = time.monotonic() + 60 * options.minutes, {}
    for name, arguments in benchmarks.items():
        begin = time.monotonic()
        print(f"== {name}", flush=True)
        why = run(name, *arguments, results=options.results, seconds=end - begin)
        print(f"== {name}: {why or 'done'}, {time.monotonic() - begin:.0f} s", flush=True)
        troubles |= {name: why} if why else {}
    atomic.write_text(options.table, table.of_results(options.results, BENCHMARKS))
    if options.results == FOLDER / "results":
        figures.write()
    for name, why in troubles.items():
        print(f"{name} {why}")
    print(f"table: {options.table}")
    return EXIT_FAILED if troubles else 0


if __name__ == "__main__":
    sys.exit(run_main(main))
