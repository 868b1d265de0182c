"""Content of the page for one split, made once for the page and for the tables."""

import dataclasses

from simclr_med.evaluation.report import figures
from simclr_med.evaluation.report.comparison import Comparison, groups_of
from simclr_med.evaluation.report.drawing import forest
from simclr_med.evaluation.report.mistakes import confident_mistakes


@dataclasses.dataclass(frozen=True)
class Section:
    """One split.

    Attributes:
      comparison: its `Comparison`.
      groups: group to (run to `subgroups.Group`) of the main metric.
      strips: an SVG for each of the comparison's differences.
      axis: the SVG above them, None where nothing is compared.
      mean_roc: SVG, or None.
      reliability, class_rocs: SVGs.
      group_charts: group to SVG.
      confusion: run to SVG.
      mistakes: run to `mistakes.Mistakes`.
      by_image: the `Comparison` by image, None where none is.
    """

    comparison: Comparison
    groups: dict
    strips: list
    axis: str | None
    mean_roc: str | None
    reliability: list
    class_rocs: list
    group_charts: dict
    confusion: dict
    mistakes: dict
    by_image: Comparison | None


def make_section(comparison, runs, shown, by_image=None):
    """Return the `Section` of a `Comparison`.

    Args:
      comparison: of one split.
      runs: name of a method to its first `Run`.
      shown: how many confident errors of each.
      by_image: the `Comparison` by image, or None.
    """
    groups = groups_of(comparison)
    axis, strips = _strips(comparison)
    label = comparison.columns[comparison.main_metric]
    return Section(
        comparison=comparison,
        groups=groups,
        strips=strips,
        axis=axis,
        mean_roc=figures.mean_roc_chart(comparison),
        reliability=figures.reliability_charts(comparison),
        class_rocs=figures.class_roc_charts(comparison),
        group_charts={
            group: figures.group_chart(group, by_run, label) for group, by_run in groups.items()
        },
        confusion=figures.confusion_charts(comparison),
        mistakes={
            name: confident_mistakes(run, comparison.split, shown) for name, run in runs.items()
        },
        by_image=by_image,
    )


def _strips(comparison):
    """Return the axis of all differences, and the interval of each as a small figure."""
    rows = [difference.row for difference in comparison.differences]
    if not rows:
        return None, []
    scale = forest.common_scale(rows, forest.STRIP)
    numbers = {name: k for k, name in enumerate(comparison.results)}
    strips = [
        forest.strip(
            row, scale, numbers[row.name], f"{row.name} minus {comparison.baseline}, {row.group}"
        )
        for row in rows
    ]
    return forest.strip_axis(scale, f"Scale of the differences from {comparison.baseline}"), strips
