"""A comparison as text: for a terminal, and as a LaTeX table."""

from collections.abc import Sequence
from typing import Any

from simclr_med.evaluation import verdicts, wording
from simclr_med.evaluation.text_table import latex as escaped

_HEADINGS = (
    "Model", "Baseline", "Metric", "Model's", "Baseline's", "Difference", "Interval",
    "$p$", "Holm's $p$", "Verdict",
)  # fmt: skip


def terminal(comparison: dict[str, Any], metrics: Sequence[str]) -> str:
    """Return lines: settings, each model's metrics, then every difference with its verdict.

    Args:
      comparison: of `comparing.compare`.
      metrics: names of those to show.
    """
    first = next(iter(comparison["models"].values()))
    width = max(len(wording.label(metric)) for metric in metrics) + 2
    lines = [_head(comparison, first), ""]
    for name, result in comparison["models"].items():
        lines.append(f"{name}, {result['cases']} cases")
        lines += _lines(result, metrics, width, _value)
        stated = result["calibration"]
        error = stated.get("mean_error", stated["error"])  # of findings, not of all pooled
        said = "not defined" if error is None else f"{error:.4f}"
        lines.append(f"  {'expected calibration error':{max(width, 28)}}{said}")
    lines += ["", "Differences, a model minus its baseline:"]
    lines += _differences(comparison, metrics)
    return "\n".join(lines + ["", *_notes(comparison, first)]).rstrip()


def terminal_of_methods(comparison: dict[str, Any], metrics: Sequence[str]) -> str:
    """Return lines as `terminal` does, of `methods.compare_methods`: each uncertainty by name."""
    first = next(iter(comparison["models"].values()))
    width = max(len(wording.label(metric)) for metric in metrics) + 2
    lines = [_head(comparison, first)]
    lines.append("Mean +/- standard deviation over runs  [interval over cases, for these runs]")
    for name, result in comparison["models"].items():
        lines += ["", f"{name}, {result['runs']} runs"]
        lines += _lines(result, metrics, width, _value_over_runs)
    lines += ["", "Differences of the means, a method minus its baseline;"]
    lines += ["intervals are over other runs and other cases together:"]
    lines += _differences(comparison, metrics)
    return "\n".join(lines + ["", *_notes(comparison, first)]).rstrip()


def latex(comparison: dict[str, Any], metrics: Sequence[str]) -> str:
    """Return a table for LaTeX (booktabs): a row a difference; arguments as of `terminal`."""
    body = []
    for row in _rows(comparison, metrics):
        cells = [row["model"], row["baseline"], wording.label(row["metric"])]
        cells = [escaped(cell) for cell in cells]
        if row["low"] is None:
            cells += ["--"] * 6
        else:
            cells += [f"{row['value']:.4f}", f"{row['baseline_value']:.4f}"]
            cells += [
                "${difference:+.4f}$".format(**row),
                "$[{low:+.4f}, {high:+.4f}]$".format(**row),
            ]
            cells += [_p_in_latex(row["p_value"]), _p_in_latex(row["p_holm"])]
        body.append(" & ".join([*cells, row["verdict"]]) + r" \\")
    first = next(iter(comparison["models"].values()))
    return "\n".join([
        f"% {_head(comparison, first)}",
        r"\begin{tabular}{lllrrrrrrl}",
        r"\toprule",
        " & ".join(_HEADINGS) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]) + "\n"  # fmt: skip


def _head(comparison, first):
    drawn, units = comparison["bootstrap"], first["units"]
    return (
        f"{first['cases']} cases, {units['count']} {units['unit']}s resampled "
        f"{drawn['replicates']} times; {100 * drawn['confidence']:g} % intervals "
        f"({drawn['interval']}), seed {drawn['seed']}"
    )


def _rows(comparison, metrics):
    return [row for row in comparison["differences"] if row["metric"] in metrics]


def _lines(result, metrics, width, shown):
    """Return a line a metric of one model; `shown` writes its numbers."""
    return [
        f"  {wording.label(metric):{width}}{shown(result['metrics'][metric])}" for metric in metrics
    ]


def _differences(comparison, metrics):
    return [f"- {wording.statement(row)}{_p_values(row)}" for row in _rows(comparison, metrics)]


def _value(value):
    if value["value"] is None:
        return "not defined"
    return f"{value['value']:.4f}" + _bounds(value)


def _value_over_runs(value):
    if value["sd"] is None:
        return "not defined"
    return "{value:.4f} +/- {sd:.4f}".format(**value) + _bounds(value)


def _bounds(value):
    return "" if value["low"] is None else "  [{low:.4f}, {high:.4f}]".format(**value)


def _p_values(row):
    if row["p_value"] is None:
        return ""
    named = {"p": "p_value", "Holm": "p_holm", "DeLong": "p_delong"}
    shown = [f"{name} {_p(row[key])}" for name, key in named.items() if row[key] is not None]
    return f" ({', '.join(shown)})"


def _p(p):
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def _p_in_latex(p):
    return "--" if p is None else f"${_p(p)}$" if p < 0.0001 else _p(p)


def _notes(comparison, first):
    drawn, main = comparison["bootstrap"], wording.main_metrics(comparison)
    rows, few = _rows(comparison, main), ""
    if not any(row["holds"] for row in rows):
        few = verdicts.too_few_replicates(len(rows), drawn["replicates"], drawn["confidence"])
    notes = [f"note: {sentence}" for sentence in [*first["warnings"], few] if sentence]
    if first["absent"]:
        notes.append(f"note: no case of {', '.join(first['absent'])}: left out of averages")
    if first["few"]:
        few = ", ".join(f"{name} ({count})" for name, count in first["few"].items())
        notes.append(f"note: fewer than 10 cases of {few}: too few for a verdict of their own")
    return notes
