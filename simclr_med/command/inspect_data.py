"""Writes a page that shows the contents of a data set folder.

    simclr-med inspect my_data

Counts by split, class and group, sizes, labels that come together, pictures by class, problems.
"""

import pathlib

from simclr_med.command import parsing
from simclr_med.config.checks import check_seed
from simclr_med.errors import InputError
from simclr_med.files import paths
from simclr_med.preparation.inspection import write_page


def main():
    """Read the command line and write the page."""
    parser = parsing.parser(__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument(
        "--output", type=pathlib.Path, help="Page to write; by default FOLDER/inspection.html"
    )
    parser.add_argument(
        "--thumbnails", type=int, default=6, help="Number of cases shown of each class"
    )
    parser.add_argument("--seed", type=int, default=0, help="Seed of the choice of cases")
    flags = parser.parse_args()
    check_seed(flags.seed)
    output = flags.output or flags.folder / "inspection.html"
    if output.suffix.lower() not in (".html", ".htm"):  # it might be a file of the data set
        raise InputError(f"--output={output}: expected a name that ends in .html")
    paths.file_to_write(output, "--output")
    print(write_page(flags.folder, output, thumbnails=flags.thumbnails, seed=flags.seed))
