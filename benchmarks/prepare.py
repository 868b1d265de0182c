"""CheXpert's table to a checked manifest: seconds and memory, against reading and writing it.

    python benchmarks/prepare.py --rows=100000 --json=prepare.json

The table is generated: CheXpert's header, paths and quirks, not its contents. The baseline is what
no preparation can do without: pandas reading the table as text and writing it.
"""

import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.machine import ROOT
from benchmarks.verdict import at_most, command_line, conclude, shown
from simclr_med.errors import run_main

HEADER = (
    "Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding", "Enlarged Cardiomediastinum",
    "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia",
    "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture",
    "Support Devices",
)  # fmt: skip
LIMIT_SECONDS, LIMIT_MEBIBYTES = 30, 1024
GOALS = (
    at_most(f"seconds / {LIMIT_SECONDS}", 1),
    at_most(f"peak MiB / {LIMIT_MEBIBYTES}", 1),
    shown("seconds / baseline"),
)


def write_chexpert(folder, rows, seed):
    """Writes `folder`/train.csv of so many images; studies of 1 or 2, patients of 1 to 90."""
    rng = np.random.default_rng(seed)
    patients, paths, studies = 0, [], []
    while len(paths) < rows:
        patients += 1
        for study in range(1, 1 + min(90, rng.geometric(0.35))):
            views = ["frontal", "lateral"] if rng.random() < 0.17 else ["frontal"]
            for view, kind in enumerate(views, 1):
                name = f"patient{patients:05d}/study{study}/view{view}_{kind}.jpg"
                paths.append(f"CheXpert-v1.0-small/train/{name}")
                studies.append((patients, study))
    paths, studies = paths[:rows], studies[:rows]
    study, _ = pd.factorize(pd.Series(studies))
    cells = rng.choice(["", "1.0", "0.0", "-1.0"], (study.max() + 1, 14), p=[0.6, 0.2, 0.15, 0.05])
    lateral = np.array(["lateral" in path for path in paths])
    table = pd.DataFrame(cells[study], columns=HEADER[5:])
    table.insert(0, "Path", paths)
    table.insert(1, "Sex", rng.choice(["Male", "Female"], rows))
    table.insert(2, "Age", rng.integers(18, 91, rows))
    table.insert(3, "Frontal/Lateral", np.where(lateral, "Lateral", "Frontal"))
    table.insert(4, "AP/PA", np.where(lateral, "", rng.choice(["AP", "PA"], rows)))
    folder.mkdir(parents=True)
    table.to_csv(folder / "train.csv", index=False)


def main():
    """Measures and prints."""
    parser = command_line(__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, output = pathlib.Path(place, "in"), pathlib.Path(place, "out")
        write_chexpert(folder, flags.rows, 0)
        start = time.perf_counter()
        table = pd.read_csv(folder / "train.csv", dtype=str, keep_default_na=False)
        table.to_csv(pathlib.Path(place, "copy.csv"), index=False)
        baseline = time.perf_counter() - start
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, str(ROOT / "tools" / "prepare_data.py"), "--source=chexpert",
             f"--input={folder}", f"--output={output}", "--check_images=none"],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{seconds:.3g} s, {seconds / baseline:.3g} of the baseline; peak {peak:.0f} MiB")
    ratios = {
        "seconds / baseline": seconds / baseline,
        f"seconds / {LIMIT_SECONDS}": seconds / LIMIT_SECONDS,
        f"peak MiB / {LIMIT_MEBIBYTES}": peak / LIMIT_MEBIBYTES,
    }
    return conclude(flags, GOALS, ratios, rows_of_table=flags.rows, seconds=seconds, mebibytes=peak)


if __name__ == "__main__":
    sys.exit(run_main(main))
