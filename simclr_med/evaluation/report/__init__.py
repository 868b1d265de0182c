"""The report: several work folders compared on one self-contained page.

    write_report([("SimCLR", "work/simclr"), ("MICLe", "work/micle")], "report.html", ...)

comparison (the numbers), run_settings (what differs), pictures (curves and views) -> page, which
fills report.html, and markdown.
"""

from simclr_med.evaluation.report.markdown import markdown_table
from simclr_med.evaluation.report.page import write_report

__all__ = ["markdown_table", "write_report"]
