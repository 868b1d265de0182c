"""Paired bootstrap of models on the same cases: every metric, every difference, its verdict.

simclr-med bootstrap work/a/predictions/test.csv work/b/predictions/test.csv
simclr-med bootstrap SimCLR=a.csv MICLe=b.csv Random=c.csv --baseline=Random --json=out.json

simclr-med bootstrap --runs SimCLR=a1.csv,a2.csv,a3.csv MICLe=b1.csv,b2.csv

A file may come from any framework, see docs/predictions.md. A difference is the earlier file minus
the later one, or each file minus the baseline. With --runs each argument is a method with the files
of its runs, one a seed: means and standard deviations over runs are shown, and differences are over
other runs and other cases together.
"""

import itertools
import json
import os

from simclr_med.command import parsing
from simclr_med.errors import InputError


def parse():
    """Return the command line's values."""
    parser = parsing.parser(__doc__)
    add = parser.add_argument
    add("models", metavar="[NAME=]FILE.csv", nargs="+", help="two or more predictions files")
    add("--runs", action="store_true",
        help="each is METHOD=FILE.csv,FILE.csv: a method's runs, one a seed")  # fmt: skip
    add("--baseline", help="name of the model that the others are compared with; else all pairs")
    parsing.add_bootstrap(parser)
    add("--margin", type=float, help="what may be lost and still count as non-inferior")
    add("--seed", type=int, default=0)
    add("--validation", metavar="FILE.csv", nargs="+",
        help="findings: each model's predictions of validation, to choose thresholds; "
        "with --runs each method's, separated by commas")  # fmt: skip
    add("--other_class", default="Other", help="left out of average sensitivities; '' for none")
    add("--all", action="store_true", help="show every metric, by class too")
    add("--json", help="also write the result to this file")
    add("--latex", help="also write the differences as a LaTeX table to this file")
    add("--forest", metavar="FILE.svg", help="also draw the differences as a forest plot")
    return parser.parse_args()


def main():
    """Read the command line, compare, print."""
    options = parse()
    from simclr_med.evaluation import wording
    from simclr_med.evaluation.comparisons import comparison_tables
    from simclr_med.files import atomic, paths  # late: --help needs no NumPy

    read = [*itertools.chain(*grouped(options).values(), *validation(options))]
    for flag in ("json", "latex", "forest"):
        if path := getattr(options, flag):
            output = paths.file_to_write(path, f"--{flag}")
            paths.refuse_replacing(output, f"--{flag}", read)
    result = compared(options)
    shown = wording.main_metrics(result)
    if options.all:
        shown = list(next(iter(result["models"].values()))["metrics"])
    written = comparison_tables.terminal_of_methods if options.runs else comparison_tables.terminal
    print(written(result, shown))
    if options.json:
        atomic.write_text(options.json, json.dumps(result, indent=1, allow_nan=False))
    if options.latex:
        atomic.write_text(options.latex, comparison_tables.latex(result, shown))
    if options.forest:
        atomic.write_text(options.forest, drawn(result, shown))


def compared(options):
    """Return the comparison of the models, or of the methods with `--runs`."""
    from simclr_med.evaluation.comparisons import over_seeds, paired
    from simclr_med.evaluation.intervals.bootstrap import Settings

    settings = Settings(
        options.bootstrap_replicates,
        options.confidence,
        options.bootstrap_unit,
        options.bootstrap_interval,
        options.seed,
    )
    groups = read_groups(options)
    if options.runs:
        return over_seeds.compare_methods(groups, settings, options.baseline, options.margin)
    models = {name: only for name, (only,) in groups.items()}
    return paired.compare(models, settings, options.baseline, options.margin)


def drawn(result, shown):
    """Return the forest plot of a comparison's differences in the metrics that are shown."""
    from simclr_med.evaluation.report.drawing import forest, svg
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


def read_groups(options):
    """Return name -> list of `Predictions`, with thresholds where validation is given."""
    from simclr_med.evaluation import predictions
    from simclr_med.evaluation.metrics import thresholds

    other, groups, chosen_by = options.other_class or None, grouped(options), validation(options)
    made = {name: [predictions.read(path, other) for path in groups[name]] for name in groups}
    if not chosen_by:
        return made
    given, expected = ([len(group) for group in part] for part in (chosen_by, groups.values()))
    if given != expected:
        raise InputError(
            f"--validation: {_counted(given)} files for {_counted(expected)} "
            f"{'runs' if options.runs else 'models'}; expected one each"
        )
    return {
        name: [
            thresholds.chosen_on(predictions.read(path, other), run)
            for run, path in zip(made[name], paths, strict=True)
        ]
        for name, paths in zip(made, chosen_by, strict=True)
    }


def _counted(sizes):
    """Return 3 for three single files, "2 + 3" for groups of them."""
    return sum(sizes) if max(sizes) == 1 else " + ".join(map(str, sizes))


def grouped(options):
    """Return name -> paths: of a model's one file, or of a method's runs."""
    if not options.runs:
        return {name: [path] for name, path in named(options.models).items()}
    from simclr_med.files.paths import name_and_path

    groups, seen = {}, set()
    for text in options.models:
        name, listed = name_and_path(text)
        if not name or name in groups:
            raise InputError(f"--runs: {text}: expected METHOD=FILE.csv,FILE.csv, each method once")
        groups[name] = listed.split(",")
        for path in groups[name]:
            if (place := os.path.realpath(path)) in seen:
                raise InputError(f"--runs: {path} is given twice; expected each run once")
            seen.add(place)
    return groups


def validation(options):
    """Return lists of paths, in the order of the models or methods."""
    given = options.validation or ()
    return [text.split(",") if options.runs else [text] for text in given]


def named(texts):
    """Return name -> path; a file without a name is called by its path's distinctive part."""
    from simclr_med.files.paths import file_to_read, name_and_path

    given = [name_and_path(text) for text in texts]
    parts = [file_to_read(path).parts for _, path in given]
    differ = [
        depth for depth in range(-min(map(len, parts)), 0) if len({p[depth] for p in parts}) > 1
    ]
    own = [p[differ[0]] if differ else p[-1] for p in parts]
    names = [name or shown for (name, _), shown in zip(given, own, strict=True)]
    if len(set(names)) < len(names):
        names = [name or path for name, path in given]
    if len(set(names)) < len(names):
        raise InputError(f"two models are called the same: {', '.join(names)}; use NAME=FILE.csv")
    return dict(zip(names, (path for _, path in given), strict=True))
