"""The paper's tables B.1 to B.6 and figures B.4 to B.9, filled from runs, beside its numbers.

    simclr-med paper_tables work/simclr_0 work/simclr_1 work/supervised
    simclr-med paper_tables work/*/ --format=html --output=paper.html

A run is the work folder of an evaluated head; that of a sweep stands for its chosen runs. Its row
is found from its settings and from what it started from; runs that differ in their seed alone share
a row. What the paper has no row for stands below its rows.
"""

import pathlib
import sys

from simclr_med.command import parsing
from simclr_med.errors import InputError

FORMATS = ("text", "markdown", "latex", "html")


def parse():
    """Return the command line's values."""
    parser = parsing.parser(__doc__)
    parser.add_argument("runs", metavar="RUN", nargs="+", help="PATH or NAME=PATH")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--output", help="file to write; the terminal by default")
    parser.add_argument(
        "--only", help="such as B.3,B.6; all tables and figures by default", default=""
    )
    parser.add_argument(
        "--group", default="skin_type", help="column of the skin types of figure B.7"
    )
    options = parser.parse_args()
    if options.format == "html" and not options.output:
        parser.error("--format=html needs --output")
    return options


def main():
    """Read the runs, lay out, print or write."""
    options = parse()
    from simclr_med.evaluation import paper
    from simclr_med.files import atomic, paths  # late: --help needs no pandas

    if options.output:
        paths.file_to_write(options.output, "--output")
    runs = _described(options.runs)
    parts = paper.lay_tables(runs) + paper.lay_figures(runs, options.group)
    if options.only:
        parts = _chosen(parts, options.only.split(","))
    if options.format == "html":
        words = paper.page(runs, parts)
    else:
        words = "\n\n".join(paper.in_form(part, options.format) for part in parts) + "\n"
    if options.output:
        atomic.write_text(options.output, words)
    else:
        print(words, end="")


def _described(texts):
    """Return the `Described` runs among folders; folders of other modes are told and left out."""
    from simclr_med.config.setting import HEADS
    from simclr_med.config.storage import load_config
    from simclr_med.evaluation import evaluated_runs, paper
    from simclr_med.runs import layout

    heads = []
    for name, path in evaluated_runs.named(texts):
        if not pathlib.Path(path).exists():
            raise InputError(f"{path} is not there; expected the work folder of an evaluated head")
        is_run = layout.holds_run(path)
        mode = load_config(path).mode if is_run else f"no mode, no {layout.CONFIG}"
        if mode in (*HEADS, "sweep"):
            heads.append((name, path))
        else:
            print(f"left out: {path} ({mode})", file=sys.stderr)
    if not heads:
        raise InputError(f"{', '.join(texts)}: no run of --mode=finetune or linear_probe")
    described = [paper.describe(run) for run in evaluated_runs.read_runs(heads)]
    for run in described:
        if "test" not in run.run.predictions:
            raise InputError(f"{run.run.path} has no predictions of the test split")
    return described


def _chosen(parts, names):
    known = [part.name.split()[1] for part in parts]
    for name in names:
        if name not in known:
            raise InputError(f"--only={name}: expected some of {', '.join(dict.fromkeys(known))}")
    return [part for part in parts if part.name.split()[1] in names]
