"""The report: any number of runs compared on one self-contained page.

    write_report([("SimCLR", "work/simclr"), ("MICLe", "work/micle")], "work/report", Options(...))

comparison (the numbers), figures and what they are drawn with (svg, charts, bars, forest, matrix),
mistakes, training, label_efficiency -> sections -> page, which fills report.html, and
report_tables.
"""

from simclr_med.evaluation.report.page import Options, write_report
from simclr_med.evaluation.report.report_tables import metrics_table

__all__ = ["Options", "metrics_table", "write_report"]
