"""The report's page and its tables, from runs."""

import dataclasses
import pathlib

from simclr_med import packages
from simclr_med.config.splits import SPLITS
from simclr_med.errors import InputError
from simclr_med.evaluation.comparisons.shift import compare_splits
from simclr_med.evaluation.evaluated_runs import read_methods
from simclr_med.evaluation.intervals.bootstrap import Settings
from simclr_med.evaluation.metrics import thresholds
from simclr_med.evaluation.report.comparison import compare_runs
from simclr_med.evaluation.report.conclusion import conclusion
from simclr_med.evaluation.report.drawing.svg import STYLE
from simclr_med.evaluation.report.label_efficiency import label_charts
from simclr_med.evaluation.report.report_tables import (
    BOTH,
    BY_IMAGE,
    MEANS,
    SEEDS,
    gap_sentence,
    tables_of,
)
from simclr_med.evaluation.report.run_settings import compare_settings, origins, view_pictures
from simclr_med.evaluation.report.sections import make_section
from simclr_med.evaluation.report.training import training_charts
from simclr_med.files import atomic, html

FORMATS = {"html": ".html", "markdown": ".md", "latex": ".tex"}


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of a report.

    Attributes:
      title: of the page.
      settings: `bootstrap.Settings`.
      baseline: name of the run or method that the others are compared with; "" takes the first.
      formats: some of `FORMATS`.
      errors_shown: most confident errors of each run.
      margin: of non-inferiority, see `comparing.compare`; None for none.
    """

    title: str
    settings: Settings
    baseline: str = ""
    formats: tuple = ("html", "markdown")
    errors_shown: int = 8
    margin: float | None = None


def write_report(runs, folder, options):
    """Write report.html, report.md and report.tex, those that are asked for; return their paths.

    Args:
      runs: pairs (name, path), see `evaluated_runs.read_methods`.
      folder: to write into.
      options: `Options`.

    Raises:
      InputError: a run given twice, an unknown baseline, or runs that cannot be compared. Nothing
        is written then.
    """
    methods = read_methods(runs)
    found = [run for of_method in methods.values() for run in of_method]
    sections = _sections(methods, options)
    texts = {"markdown": _tables(sections, "as_markdown"), "latex": _tables(sections, "as_latex")}
    if "html" in options.formats:
        texts["html"] = _page(found, sections, options)
    folder = pathlib.Path(folder)
    written = {folder / f"report{FORMATS[form]}": texts[form] for form in options.formats}
    atomic.write_texts(written)
    return list(written)


def _sections(methods, options):
    baseline = options.baseline or next(iter(methods))
    if baseline not in methods:
        raise InputError(f"--baseline={baseline}: expected one of the runs, {', '.join(methods)}")
    runs = [run for of_method in methods.values() for run in of_method]
    splits = [split for split in SPLITS if all(split in run.predictions for run in runs)]
    if not splits:
        raise InputError("--runs: no split that all of them have predictions of")
    # What a reader looks for first comes first.
    splits.sort(key=lambda split: (split != "test", SPLITS.index(split)))
    shown = {name: of_method[0] for name, of_method in methods.items()}
    return [
        make_section(
            compare_runs(
                split,
                _predictions(methods, split),
                baseline,
                options.settings,
                options.margin,
            ),
            shown,
            options.errors_shown,
            _by_image(methods, split, baseline, options),
        )
        for split in splits
    ]


def _by_image(methods, split, baseline, options):
    """Return the `Comparison` by image, None where a run has no such predictions of the split."""
    if not all(split in run.by_image for of_method in methods.values() for run in of_method):
        return None
    images = {
        name: {run.name: run.by_image[split] for run in of_method}
        for name, of_method in methods.items()
    }
    return compare_runs(f"{split}, by image", images, baseline, options.settings, options.margin)


def _predictions(methods, split):
    """Return name of a method to (run to `Predictions`).

    Findings have thresholds where all runs can choose them on validation.
    """
    runs = [run for of_method in methods.values() for run in of_method]
    findings = all(run.predictions[split].task == "multilabel" for run in runs)
    chosen = (
        findings and split != "validation" and all("validation" in run.predictions for run in runs)
    )

    def made(run):
        part = run.predictions[split]
        return thresholds.chosen_on(run.predictions["validation"], part) if chosen else part

    return {name: {run.name: made(run) for run in of_method} for name, of_method in methods.items()}


def _page(runs, sections, options):
    comparisons = [section.comparison for section in sections]
    shifts = _shifts(comparisons, options.settings)
    return html.render(
        "evaluation/report/report.html",
        title=options.title,
        svg_style=STYLE,
        runs=runs,
        sections=sections,
        shifts=shifts,
        verdict=conclusion(
            comparisons, {each.comparison.split: each.groups for each in sections}, shifts
        ),
        gap_sentence=gap_sentence,
        seeds_note=SEEDS,
        means_note=MEANS,
        both_note=BOTH,
        by_image_note=BY_IMAGE[0],
        labels=label_charts(runs, comparisons[0]),
        training=training_charts(runs),
        pictures=view_pictures(runs),
        settings=compare_settings(runs),
        origins=origins(runs),
        versions=packages.versions(),
    )


def _shifts(comparisons, settings):
    """Return method to `shift.Shift`, empty where there is no external split beside the test."""
    by_split = {comparison.split: comparison.predictions for comparison in comparisons}
    if not {"test", "external"} <= set(by_split):
        return {}
    return {
        name: compare_splits(runs, by_split["external"][name], settings)
        for name, runs in by_split["test"].items()
    }


def _tables(sections, form):
    tables = [table for section in sections for table in tables_of(section)]
    return "\n\n".join(getattr(table, form)() for table in tables) + "\n"
