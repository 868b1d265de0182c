"""The report's page and its tables, from runs."""

import dataclasses
import pathlib

from simclr_med import files, html, versions
from simclr_med.config.splits import SPLITS
from simclr_med.errors import InputError
from simclr_med.evaluation import thresholds
from simclr_med.evaluation.bootstrap import Settings
from simclr_med.evaluation.report import provenance
from simclr_med.evaluation.report.comparison import compare_runs
from simclr_med.evaluation.report.conclusion import conclusion
from simclr_med.evaluation.report.label_efficiency import label_charts
from simclr_med.evaluation.report.pictures import view_pictures
from simclr_med.evaluation.report.report_tables import gap_sentence, tables_of
from simclr_med.evaluation.report.run_settings import compare_settings
from simclr_med.evaluation.report.sections import make_section
from simclr_med.evaluation.report.svg import STYLE
from simclr_med.evaluation.report.training import training_charts
from simclr_med.evaluation.runs import read_runs
from simclr_med.evaluation.shift import compare_splits

FORMATS = {"html": ".html", "markdown": ".md", "latex": ".tex"}


@dataclasses.dataclass(frozen=True)
class Options:
    """How a report is made.

    Attributes:
      title: of the page.
      settings: `bootstrap.Settings`.
      baseline: name of the run that the others are compared with; "" takes the first.
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
      runs: pairs (name, path), see `runs.read_run`.
      folder: to write into.
      options: `Options`.

    Raises:
      InputError: two runs of one name, an unknown baseline, or runs that cannot be compared.
        Nothing is written then.
    """
    found = read_runs(runs)
    sections = _sections(found, options)
    texts = {"markdown": _tables(sections, "as_markdown"), "latex": _tables(sections, "as_latex")}
    if "html" in options.formats:
        texts["html"] = _page(found, sections, options)
    folder = pathlib.Path(folder)
    written = {folder / f"report{FORMATS[form]}": texts[form] for form in options.formats}
    files.write_texts(written)
    return list(written)


def _sections(runs, options):
    names = [run.name for run in runs]
    baseline = options.baseline or names[0]
    if baseline not in names:
        raise InputError(f"--baseline={baseline}: expected one of the runs, {', '.join(names)}")
    splits = [split for split in SPLITS if all(split in run.predictions for run in runs)]
    if not splits:
        raise InputError("--runs: no split that all of them have predictions of")
    # What a reader looks for first comes first.
    splits.sort(key=lambda split: (split != "test", SPLITS.index(split)))
    return [
        make_section(
            compare_runs(
                split,
                _predictions(runs, split),
                baseline,
                options.settings,
                options.margin,
            ),
            runs,
            options.errors_shown,
        )
        for split in splits
    ]


def _predictions(runs, split):
    """Return run to `Predictions`, with thresholds where all runs can choose them on validation."""
    made = {run.name: run.predictions[split] for run in runs}
    findings = all(part.task == "multilabel" for part in made.values())
    if split == "validation" or not findings:
        return made
    if not all("validation" in run.predictions for run in runs):
        return made
    return {
        run.name: thresholds.chosen_on(run.predictions["validation"], made[run.name])
        for run in runs
    }


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
        verdict=conclusion(comparisons, sections[0].groups, shifts),
        gap_sentence=gap_sentence,
        labels=label_charts(runs, comparisons[0]),
        training=training_charts(runs),
        pictures=view_pictures(runs),
        settings=compare_settings(runs),
        origins=provenance.origins(runs),
        versions=versions.installed(),
    )


def _shifts(comparisons, settings):
    """Return run to `shift.Shift`, empty where there is no external split beside the test."""
    by_split = {comparison.split: comparison.by_run for comparison in comparisons}
    if not {"test", "external"} <= set(by_split):
        return {}
    return {
        name: compare_splits(made, by_split["external"][name], settings)
        for name, made in by_split["test"].items()
    }


def _tables(sections, form):
    tables = [table for section in sections for table in tables_of(section)]
    return "\n\n".join(getattr(table, form)() for table in tables) + "\n"
