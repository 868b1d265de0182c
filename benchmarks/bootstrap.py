"""The paired bootstrap's replicates against a loop over scikit-learn, on the paper's test sizes.

    python benchmarks/bootstrap.py --json=bootstrap.json

33,745 cases with 5 findings (AUC), and 4,146 cases with 27 diagnoses (top-k accuracy, average
sensitivity and AUC). Ours gives every other metric too. scikit-learn's loop is timed on a few
replicates of the same draws and multiplied; its numbers must be ours to 1e-9. Each size has a
process of its own, whose memory is measured.
"""

import json
import pathlib
import resource
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.verdict import at_least, at_most, command_line, conclude
from simclr_med.errors import run_main
from simclr_med.evaluation.intervals import bootstrap, resampling
from simclr_med.evaluation.metrics import records
from simclr_med.evaluation.predictions import Predictions

SIZES = {"findings": (33_745, 5, "multilabel"), "diagnoses": (4_146, 27, "multiclass")}
GOALS = (
    at_least("AUC of 33,745 x 5: loop / ours, time", 25),
    at_least("top-k of 4,146 x 27: loop / ours, time", 25),
    at_most("memory above the start, MiB", 500),
)


def made(kind):
    """Return `Predictions` of the paper's size."""
    cases, classes, task = SIZES[kind]
    random = np.random.default_rng(0)
    chances = np.geomspace(0.3, 0.02, classes)
    if task == "multilabel":
        truth = random.random((cases, classes)) < chances
    else:
        truth = np.eye(classes)[random.choice(classes, size=cases, p=chances / chances.sum())]
    scores = np.exp(truth + random.normal(size=truth.shape))
    total = scores.sum(1, keepdims=True) if task == "multiclass" else 1 + scores
    return Predictions(
        case_ids=np.arange(cases).astype(str),
        patient_ids=np.full(cases, ""),
        truth=truth.astype(np.float32),
        probabilities=(scores / total).astype(np.float32),
        classes=tuple(f"k{k}" for k in range(classes)),
        task=task,
    )


def scikit_learn(predictions, rows):
    """Return scikit-learn's metrics of one replicate: name -> number."""
    from sklearn import metrics

    truth, probabilities = predictions.truth[rows], predictions.probabilities[rows]
    if predictions.task == "multilabel":
        return {"auc": metrics.roc_auc_score(truth, probabilities, average="macro")}
    reference, labels = truth.argmax(1), np.arange(truth.shape[1])
    there = np.unique(reference)
    values = {"auc": np.mean([
        metrics.roc_auc_score(truth[:, k], probabilities[:, k]) for k in there
    ])}  # fmt: skip
    for k in records.TOP:
        values[f"top{k}_accuracy"] = metrics.top_k_accuracy_score(
            reference, probabilities, k=k, labels=labels
        )
        best = np.argpartition(-probabilities, k, axis=1)[:, :k]
        hit = np.where((best == reference[:, None]).any(1), reference, -1)
        values[f"average_top{k}_sensitivity"] = metrics.recall_score(
            reference, hit, labels=there, average="macro", zero_division=0
        )
    return values


def measure(kind, replicates, looped):
    """Return seconds of ours and of the loop, and MiB that ours took above the start."""
    predictions = made(kind)
    units = resampling.units_of(predictions, "case")
    before = _peak()
    start = time.perf_counter()
    settings = bootstrap.Settings(replicates, interval="percentile")
    samples = bootstrap.replicate(predictions, settings).samples
    ours = time.perf_counter() - start
    memory = _peak() - before
    start = time.perf_counter()
    for number in range(looped):
        counts = resampling.draw(units, 0, [number])[0].astype(int)
        rows = np.repeat(np.arange(len(counts)), counts)
        for name, value in scikit_learn(predictions, rows).items():
            np.testing.assert_allclose(samples[name][number], value, atol=1e-9)
    loop = (time.perf_counter() - start) * replicates / looped
    return {"ours": ours, "loop": loop, "memory": memory}


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(arguments):
    """Measure each size in a process of its own, and print."""
    parser = command_line(__doc__)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--looped", type=int, default=20, help="replicates of the loop")
    parser.add_argument("--kind", choices=SIZES, help="measure this alone, and print it as JSON")
    options = parser.parse_args(arguments[1:])
    if options.kind:
        print(json.dumps(measure(options.kind, options.replicates, options.looped)))
        return 0
    found = {}
    for kind in SIZES:
        done = subprocess.run(
            [sys.executable, *arguments[:1], f"--kind={kind}",
             f"--replicates={options.replicates}", f"--looped={options.looped}"],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        found[kind] = json.loads(done.stdout)
        print(f"{kind}: ours {found[kind]['ours']:.2f} s, loop {found[kind]['loop']:.1f} s")
    ratios = {
        GOALS[0].ratio: found["findings"]["loop"] / found["findings"]["ours"],
        GOALS[1].ratio: found["diagnoses"]["loop"] / found["diagnoses"]["ours"],
        GOALS[2].ratio: max(part["memory"] for part in found.values()),
    }
    return conclude(options, GOALS, ratios, measured=found)


if __name__ == "__main__":
    sys.exit(run_main(main, sys.argv))
