"""The report's tables as Markdown, for where no page can be shown."""

from simclr_med.evaluation import wording


def markdown_section(comparison):
    """Return the lines of one split: its table, then the paired differences.

    Args:
      comparison: a `Comparison`.
    """
    bootstrap = comparison.bootstrap
    return [
        f"## {comparison.split}: {comparison.cases} cases",
        "",
        markdown_table(comparison.results, list(comparison.results)),
        "",
        f"{comparison.percent} intervals, {bootstrap['replicates']} bootstrap "
        f"replicates of {comparison.unit}s. Paired differences:",
        "",
        *(f"- {finding.sentence}" for finding in comparison.findings),
        "",
    ]


def markdown_table(results, names):
    """Return a Markdown table, one run a row.

    Args:
      results: name to what `bootstrap.evaluate` returns.
      names: the runs to show, in this order.
    """
    columns = wording.main_metrics(next(iter(results.values())))
    lines = ["| | " + " | ".join(wording.label(c) for c in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for name in names:
        values = [results[name]["metrics"][column] for column in columns]
        lines.append(f"| {name} | " + " | ".join(map(_value_text, values)) + " |")
    return "\n".join(lines)


def _value_text(value):
    if value["value"] is None:
        return "not defined"
    return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
