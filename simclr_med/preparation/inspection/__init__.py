"""The page of a data set folder: counts, sizes, labels, pictures, problems.

    write_page("my_data", "my_data/inspection.html")

counts and labels (of the manifest's table), measured (of the files) and pictures -> page, which
fills inspection.html.
"""

from simclr_med.preparation.inspection.page import write_page

__all__ = ["write_page"]
