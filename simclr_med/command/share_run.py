"""A copy of a run's work folder for other people: without ids, names, paths and pictures.

    simclr-med share work/probe shared/probe

Weights, settings, metrics, predictions and exports stay; docs/serving.md says of each file what is
in it. The copy's left_out.txt says what was copied, changed and left out.
"""

from simclr_med.command import parsing


def main():
    """Write the copy and print its omissions."""
    parser = parsing.parser(__doc__)
    parser.add_argument("work_dir", metavar="RUN", help="work folder of a run")
    parser.add_argument("folder", metavar="FOLDER", help="to be made")
    options = parser.parse_args()
    from simclr_med.serving import share

    for sentence in share.write(options.work_dir, options.folder):
        print(sentence)
