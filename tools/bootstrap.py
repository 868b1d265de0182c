"""Paired bootstrap of models on the same cases: every metric, every difference, its verdict.

python tools/bootstrap.py work/a/predictions/test.csv work/b/predictions/test.csv
python tools/bootstrap.py SimCLR=a.csv MICLe=b.csv Random=c.csv --baseline=Random --json=out.json

A file may come from any framework, see docs/predictions.md. A difference is the earlier file minus
the later one, or each file minus the baseline.
"""

import argparse
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from simclr_med.errors import InputError, run_main


def parse():
    """Return the command line's values."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("models", metavar="[NAME=]FILE.csv", nargs="+", help="two or more predictions files")
    add("--baseline", help="name of the model that the others are compared with; else all pairs")
    add("--replicates", type=int, default=1000)
    add("--confidence", type=float, default=0.95)
    add("--unit", choices=["auto", "case", "patient"], default="auto",
        help="what is resampled; auto: patients where one has several cases")  # fmt: skip
    add("--interval", choices=["auto", "percentile", "bca", "stratified"], default="auto")
    add("--margin", type=float, help="what may be lost and still count as non-inferior")
    add("--seed", type=int, default=0)
    add("--validation", metavar="FILE.csv", nargs="+",
        help="findings: each model's predictions of validation, to choose thresholds")  # fmt: skip
    add("--other_class", default="Other", help="left out of average sensitivities; '' for none")
    add("--all", action="store_true", help="show every metric, by class too")
    add("--json", help="also write the result to this file")
    add("--latex", help="also write the differences as a LaTeX table to this file")
    add("--forest", metavar="FILE.svg", help="also draw the differences as a forest plot")
    return parser.parse_args()


def main():
    """Read the command line, compare, print."""
    options = parse()
    from simclr_med import files, paths  # late: --help needs no NumPy
    from simclr_med.evaluation import comparing, tables, wording
    from simclr_med.evaluation.bootstrap import Settings

    for flag in ("json", "latex"):
        if path := getattr(options, flag):
            refuse_input(paths.file_to_write(path, f"--{flag}"), flag, options)
    settings = Settings(
        options.replicates, options.confidence, options.unit, options.interval, options.seed
    )
    result = comparing.compare(read(options), settings, options.baseline, options.margin)
    shown = wording.main_metrics(result)
    if options.all:
        shown = list(next(iter(result["models"].values()))["metrics"])
    print(tables.terminal(result, shown))
    if options.json:
        files.write_text(options.json, json.dumps(result, indent=1, allow_nan=False))
    if options.latex:
        files.write_text(options.latex, tables.latex(result, shown))
    if options.forest:
        files.write_text(options.forest, drawn(result, shown))


def drawn(result, shown):
    """Return the forest plot of a comparison's differences in the metrics that are shown."""
    from simclr_med.evaluation.report import forest, svg
    from simclr_med.evaluation.wording import label

    rows = [
        forest.Row(
            label(row["metric"]),
            f"{row['model']} minus {row['baseline']}",
            *(row[key] for key in ("difference", "low", "high")),
        )
        for metric in shown
        for row in result["differences"]
        if row["metric"] == metric
    ]
    return svg.document(forest.forest_plot(rows, "Differences, a model minus its baseline"))


def refuse_input(output, flag, options):
    """Raise `InputError` where an output is a file that is read."""
    read = [*named(options.models).values(), *(options.validation or ())]
    if output.exists() and any(os.path.exists(path) and output.samefile(path) for path in read):
        raise InputError(f"--{flag}={output}: is read, and would be replaced; give another name")


def read(options):
    """Return name -> `Predictions` of the files, with thresholds where validation is given."""
    from simclr_med.evaluation import predictions, thresholds

    other = options.other_class or None
    models = {name: predictions.read(path, other) for name, path in named(options.models).items()}
    if not options.validation:
        return models
    if len(options.validation) != len(models):
        raise InputError(
            f"--validation: {len(options.validation)} files for {len(models)} models; "
            "expected one each"
        )
    return {
        name: thresholds.chosen_on(predictions.read(path, other), made)
        for (name, made), path in zip(models.items(), options.validation, strict=True)
    }


def named(texts):
    """Return name -> path; a file without a name is called by what tells the paths apart."""
    given = [text.rpartition("=") for text in texts]
    parts = [pathlib.Path(path).parts for _, _, path in given]
    differ = [
        depth for depth in range(-min(map(len, parts)), 0) if len({p[depth] for p in parts}) > 1
    ]
    own = [p[differ[0]] if differ else p[-1] for p in parts]
    names = [name or shown for (name, _, _), shown in zip(given, own, strict=True)]
    if len(set(names)) < len(names):
        names = [name or path for name, _, path in given]
    if len(set(names)) < len(names):
        raise InputError(f"two models are called the same: {', '.join(names)}; use NAME=FILE.csv")
    return dict(zip(names, (path for *_, path in given), strict=True))


if __name__ == "__main__":
    sys.exit(run_main(main))
