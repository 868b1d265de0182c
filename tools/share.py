"""A copy of a run's work folder for other people: without ids, names, paths and pictures.

    python tools/share.py work/probe shared/probe

Weights, settings, metrics, predictions and exports stay; docs/serving.md says of each file what is
in it. The copy's left_out.txt says what was copied, changed and left out.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import tools.require_python  # noqa: F401, isort: skip

from simclr_med.errors import run_main


def main():
    """Write the copy and print its omissions."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work_dir", metavar="RUN", help="work folder of a run")
    parser.add_argument("folder", metavar="FOLDER", help="to be made")
    options = parser.parse_args()
    from simclr_med.serving import share

    for sentence in share.write(options.work_dir, options.folder):
        print(sentence)


if __name__ == "__main__":
    sys.exit(run_main(main))
