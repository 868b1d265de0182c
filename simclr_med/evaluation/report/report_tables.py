"""The report's tables in other forms than its page: Markdown, LaTeX."""

from simclr_med.evaluation.groups.group_levels import shown
from simclr_med.evaluation.report.drawing.forest import interval_text
from simclr_med.evaluation.text_table import Table
from simclr_med.evaluation.wording import with_interval

SEEDS = (
    "Means over a method's runs. ± is one standard deviation over runs: another training, these "
    "cases. The interval is over other cases, for these runs. Neither holds the other; intervals "
    "of differences are over other runs and other cases together."
)

BOTH = "Means over each method's runs; intervals are over other runs and other cases together."
MEANS = (
    "Groups and curves below are of the mean over each method's runs: intervals are over other "
    "runs and other cases together, thin lines are single runs. Counts in the confusion matrix are "
    "averaged over runs. Errors are of each method's first run."
)

BY_IMAGE = ("Each image is scored by itself; intervals draw a patient's images together.",)


def tables_of(part):
    """Return the `Table`s of one split: metrics, differences from the baseline, groups.

    Args:
      part: a `sections.Section`.
    """
    comparison = part.comparison
    columns, heading = comparison.columns, _heading(comparison)
    tables = [metrics_table(comparison.results, columns, _about(comparison), heading)]
    if comparison.seeded:
        tables.append(metrics_table(comparison.of_runs, columns, caption=f"{heading}, each run"))
    if part.by_image is not None:
        images = part.by_image
        tables.append(metrics_table(images.results, columns, BY_IMAGE, _heading(images, "images")))
    for each in filter(None, (comparison, part.by_image)):
        if each.differences:
            tables.append(_differences(each))
    return tables + [_group(comparison, *item) for item in part.groups.items()]


def metrics_table(results, columns, notes=(), caption="Metrics"):
    """Return the `Table` of runs, one a row.

    Args:
      results: name to what `bootstrap.summary` says of a run.
      columns: metric to how it is written.
      notes, caption: see `Table`.
    """
    header = ("Run", *columns.values())
    rows = [
        (name, *(_value_text(result["metrics"][column]) for column in columns))
        for name, result in results.items()
    ]
    return Table(caption, header, rows, notes)


def _heading(comparison, rows="cases"):
    return f"{comparison.split}: {comparison.cases} {rows}"


def _about(comparison):
    settings = comparison.settings
    drawn = (
        f"{comparison.percent} intervals, {settings.replicates} bootstrap replicates of "
        f"{comparison.unit}s."
    )
    return (drawn, SEEDS) if comparison.seeded else (drawn,)


def _differences(comparison):
    rows = [
        (each.label, each.run, _difference_text(each), each.result["verdict"], _yes(each.holds))
        for each in comparison.differences
    ]
    caption = f"{comparison.split}: each run minus {comparison.baseline}"
    header = ("Metric", "Run", "Difference", "Verdict", "Significant after Holm")
    return Table(caption, header, rows)


def _yes(holds):
    return "yes" if holds else "no"


def _difference_text(difference):
    return interval_text(difference.row)


def _group(comparison, group, by_run):
    label = comparison.columns[comparison.main_metric]
    first = next(iter(by_run.values()))
    header = ("Level", "Cases", *by_run)
    rows = [
        (
            shown(name),
            str(level.cases),
            *(_level_text(found.levels[name]) for found in by_run.values()),
        )
        for name, level in first.levels.items()
    ]
    notes = tuple(gap_sentence(name, found) for name, found in by_run.items())
    if comparison.seeded:
        notes += (BOTH,)
    return Table(f"{comparison.split}: {label} by {group}", header, rows, notes)


def gap_sentence(run, found):
    """Return the largest difference of a `subgroups.Group` in words."""
    if not found.gaps:
        return f"{run}: no two groups are large enough to compare."
    gap = found.gaps[0]
    said = "" if gap.excludes_zero else ", not significant"
    return (
        f"{run}: largest difference {with_interval(gap.value, gap.low, gap.high)}, "
        f"{shown(gap.high_level)} above {shown(gap.low_level)}{said}."
    )


def _level_text(level):
    return with_interval(level.value, level.low, level.high)


def _value_text(value):
    return with_interval(value["value"], value["low"], value["high"], sd=value.get("sd"))
