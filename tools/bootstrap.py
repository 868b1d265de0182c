"""Paired bootstrap of two models on the same cases: A minus B.

python tools/bootstrap.py work/a/predictions/test.csv work/b/predictions/test.csv
"""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from simclr_med.errors import run_main


def parse():
    """Return the command line's values."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("a", metavar="A.csv")
    parser.add_argument("b", metavar="B.csv")
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--unit", choices=["case", "patient"], default="case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--other_class", default="Other", help="left out of average sensitivities; '' for none"
    )
    parser.add_argument("--json", help="also write the result to this file")
    return parser.parse_args()


def main():
    """Read the command line, compare, print."""
    options = parse()
    from simclr_med import files  # late: --help needs no pandas
    from simclr_med.evaluation import bootstrap, predictions

    result = bootstrap.compare(
        predictions.read(options.a, options.other_class or None),
        predictions.read(options.b, options.other_class or None),
        options.replicates,
        options.confidence,
        options.unit,
        options.seed,
        names=(options.a, options.b),
    )
    show(result)
    if options.json:
        files.write_text(options.json, json.dumps(result, indent=1))


def show(result):
    """Print the table and the sentences of what `bootstrap.compare` returned."""
    from simclr_med.evaluation.wording import label, main_metrics, statement

    settings, metrics = result["bootstrap"], main_metrics(result)
    print(
        f"{result['cases']} cases; {100 * settings['confidence']:g} % intervals, "
        f"{settings['unit']}s resampled"
    )
    print(f"{'':28}{'A':>8}{'B':>8}{'A - B':>9}   interval")
    for name in metrics:
        row = result["metrics"][name]
        if row["difference"] is not None:
            print(
                f"{label(name):28}{row['value_a']:8.4f}{row['value_b']:8.4f}"
                f"{row['difference']:+9.4f}   [{row['low']:+.4f}, {row['high']:+.4f}]"
            )
    for name in metrics:
        print("- " + statement(name, result["metrics"][name], "A", "B"))


if __name__ == "__main__":
    sys.exit(run_main(main))
