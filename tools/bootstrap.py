"""Paired bootstrap of two models on the same cases: A minus B.

python tools/bootstrap.py work/a/predictions/test.csv work/b/predictions/test.csv
"""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from simclr_med.errors import run_main


def main():
    """Reads the command line, compares, prints."""
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
    options = parser.parse_args()

    from simclr_med import files  # late: --help needs no pandas
    from simclr_med.evaluation import (
        metrics,  # late: --help needs no pandas
        predictions,  # late: --help needs no pandas
    )

    result = metrics.compare(
        predictions.read(options.a, options.other_class or None),
        predictions.read(options.b, options.other_class or None),
        options.replicates,
        options.confidence,
        options.unit,
        options.seed,
        names=(options.a, options.b),
    )
    print(
        f"{result['cases']} cases; {100 * options.confidence:g} % intervals, "
        f"{options.unit}s resampled"
    )
    print(f"{'':28}{'A':>8}{'B':>8}{'A - B':>9}   interval")
    for name in metrics.main_metrics(result):
        row = result["metrics"][name]
        if row["difference"] is not None:
            print(
                f"{metrics.label(name):28}{row['value_a']:8.4f}{row['value_b']:8.4f}"
                f"{row['difference']:+9.4f}   [{row['low']:+.4f}, {row['high']:+.4f}]"
            )
    for name in metrics.main_metrics(result):
        print("- " + metrics.statement(name, result["metrics"][name], "A", "B"))
    if options.json:
        files.write_text(options.json, json.dumps(result, indent=1))


if __name__ == "__main__":
    sys.exit(run_main(main))
