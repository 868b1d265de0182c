"""The paper's tables and figures (Azizi et al. 2021, appendix B), filled from runs.

    runs = [describe(run) for run in read_runs(pairs)]
    text = page(runs, lay_tables(runs) + lay_figures(runs))

numbers.csv holds every number that the appendix prints, 305 of tables B.1 to B.6; figures B.4 to
B.9 are printed as curves and bars alone.
"""

from collections.abc import Sequence

from simclr_med.evaluation.paper.figures import lay_figures
from simclr_med.evaluation.paper.layout import Laid, lay_tables
from simclr_med.evaluation.protocol import Described, describe
from simclr_med.evaluation.report.drawing.svg import STYLE
from simclr_med.evaluation.text_table import FORMS
from simclr_med.files import html

__all__ = ["describe", "in_form", "lay_figures", "lay_tables", "page"]


def page(runs: Sequence[Described], parts: Sequence[Laid]) -> str:
    """Return the HTML page of `Laid` parts, filled from `Described` runs."""
    title = "The paper's tables and figures, and what was run"
    return html.render(
        "evaluation/paper/paper.html", title=title, svg_style=STYLE, runs=runs, parts=parts
    )


def in_form(part: Laid, form: str) -> str:
    """Return a `Laid` as "text", "markdown" or "latex"."""
    return FORMS[form](part.table())
