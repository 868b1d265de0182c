"""Sample size that finds a difference of two models, from predictions at hand.

simclr-med power A.csv B.csv --difference=0.02

The two files stand for the models to be compared: how much they agree decides.
"""

import json

from simclr_med.command import parsing


def parse():
    """Return the command line's values."""
    parser = parsing.parser(__doc__)
    add = parser.add_argument
    add("models", metavar="FILE.csv", nargs=2)
    add("--difference", type=float, required=True, help="to be found, such as 0.02")
    add("--power", type=float, default=0.8, help="chance to find it, 0.5 or more")
    parsing.add_bootstrap(parser, ("bootstrap_replicates", "confidence", "bootstrap_unit"))
    add("--seed", type=int, default=0)
    add("--other_class", default="Other", help="left out of average sensitivities; '' for none")
    add("--json", help="also write the result to this file")
    return parser.parse_args()


def main():
    """Read the command line, estimate, print."""
    options = parse()
    from simclr_med.evaluation import predictions
    from simclr_med.evaluation.comparisons import power
    from simclr_med.evaluation.intervals.bootstrap import Settings
    from simclr_med.files import atomic, paths  # late: --help needs no NumPy

    if options.json:
        paths.refuse_replacing(
            paths.file_to_write(options.json, "--json"), "--json", options.models
        )
    settings = Settings(
        options.bootstrap_replicates,
        options.confidence,
        options.bootstrap_unit,
        seed=options.seed,
    )
    other = options.other_class or None
    models = dict(zip("AB", (predictions.read(p, other) for p in options.models), strict=True))
    result = power.needed(models, options.difference, settings, options.power)
    print(table(result, options))
    if options.json:
        atomic.write_text(options.json, json.dumps(result, indent=1))


def table(result, options):
    """Return the lines of the sample size of each metric."""
    from simclr_med.evaluation.wording import label

    lines = [
        f"{result['count']} {result['unit']}s of {result['cases_each']:.2f} cases; to find a "
        f"difference of {options.difference:g} in {100 * options.power:g} % of test sets:",
    ]
    if result["warning"]:
        return "\n".join([*lines, f"{result['warning']}, and so does this estimate"])
    head = f"{'':28}{'spread now':>11}{'chance now':>11} {result['unit'] + 's':>9} {'cases':>7}"
    lines.append(head)
    for name, row in result["metrics"].items():
        if row is None:
            lines.append(f"{label(name):28}the two do not differ, or it is not defined")
        else:
            lines.append(
                f"{label(name):28}{row['spread']:11.4f}{row['power']:11.0%} {row['units']:9} "
                f"{row['cases']:7}"
            )
    return "\n".join(lines)
