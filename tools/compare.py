"""Compares ways to pretrain on a data set folder: random, SimCLR, MICLe, SimCLR then MICLe.

    python tools/compare.py --data_dir=my_data --work_dir=work/compare --pretrain_steps=1000

An arm is a chain of trainings, "SimCLR then MICLe", perhaps from imported weights, and arms differ
in it alone: each has the same sweep of heads, chosen on validation, of --seeds seeds. One report a
label fraction shows them. Every run is an ordinary one, to evaluate, export or report on. Stopped,
the same command goes on. @FILE reads options from a file, such as flags/compare_derm.args.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tools.require_python  # noqa: F401, isort: skip

from simclr_med.config.checks import check_seed, check_value
from simclr_med.config.fields import FIELDS
from simclr_med.errors import EXIT_INTERRUPTED, InputError
from simclr_med.runs import layout

ROOT = pathlib.Path(__file__).resolve().parent.parent
POSITIVES = {"SimCLR": "augmentation", "MICLe": "case"}  # what a positive pair is
# The folder of a head's report, and what it is called there.
HEADS = {"linear_probe": ("report", "linear probes"), "finetune": ("report_finetune", "fine-tuned")}
RANDOM, THEN = "Random", " then "
ARMS = (RANDOM, "SimCLR", "MICLe", "SimCLR then MICLe")  # the last is the paper's order
PRETRAINING = (
    "splits", "batch_size", "optimizer", "learning_rate", "learning_rate_scaling",
    "color_strength", "crop_min_area",
)  # fmt: skip
HEAD = {"head_steps": "steps", "head_batch_size": "batch_size"} | {
    name: name for name in ("learning_rates", "weight_decays", "choose_by")
}


def checked(flag):
    """Return the type of an option that goes to a flag of run.py: a text, checked at once."""
    field = FIELDS[flag][1]

    def sound(text):
        try:
            value = tuple(text.split(",")) if field.type is tuple else field.type(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}: expected a number") from None
        try:
            check_value(field, value)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text

    return sound


def seed(text):
    """Return the text of a seed, checked."""
    try:
        check_seed(int(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected 0 to {2**32 - 1}") from None
    return text


def imported_starts(text):
    """Return name -> "imported:PATH" of comma-separated NAME=imported:PATH."""
    pairs = [part.partition("=") for part in text.split(",")]
    for name, _, init in pairs:
        if not name or name in (*POSITIVES, RANDOM) or not init.startswith("imported:"):
            raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=imported:PATH,...")
    return {name: init for name, _, init in pairs}


def flagfile(text):
    """Return the path of a file of flags, given from here or from the program's folder."""
    for path in (pathlib.Path(text), ROOT / text):
        if path.is_file():
            return path
    raise argparse.ArgumentTypeError(f"{text!r}: no such file")


def parse(arguments=None):
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        fromfile_prefix_chars="@",
    )
    parser.convert_arg_line_to_args = lambda line: [line] if line[:1] not in ("", "#") else []
    add = parser.add_argument
    add("--data_dir", required=True, help="data set folder")
    add("--work_dir", required=True, help="folder for the runs and the reports")
    add("--arms", help=f"chains of trainings; by default {','.join(ARMS)} and the --starts")
    add("--starts", type=imported_starts, default={}, metavar="NAME=imported:PATH,...",
        help="what else arms may begin with: 'NAME', 'NAME then SimCLR'")  # fmt: skip
    add("--head", choices=HEADS, default="linear_probe")
    add(
        "--encoder",
        type=checked("encoder"),
        default="resnet18",
        help="of arms without an imported start",
    )
    add("--width", type=checked("width"), default="0.5", help="width multiplier")
    add("--image_size", type=checked("image_size"), default="64", help="pixels")
    add("--head_image_size", type=checked("image_size"),
        help="pixels of the heads; the same by default")  # fmt: skip
    # LARS, the paper's, needs tens of thousands of steps; Adam learns in the hundreds of a trial.
    add("--simclr_flags", type=flagfile, default="flags/trial_simclr.cfg", metavar="FILE",
        help="flags of SimCLR, and of MICLe without it before")  # fmt: skip
    add("--micle_flags", type=flagfile, default="flags/trial_micle.cfg", metavar="FILE",
        help="flags of MICLe after SimCLR")  # fmt: skip
    add("--head_flags", type=flagfile, metavar="FILE",
        help="flags of the sweep; flags/trial_linear_probe.cfg or trial_finetune.cfg")  # fmt: skip
    add("--pretrain_steps", type=checked("steps"),
        help="of SimCLR, and of MICLe without it before")  # fmt: skip
    add("--micle_steps", type=checked("steps"),
        help="of MICLe after SimCLR; two thirds of --pretrain_steps, as the paper")  # fmt: skip
    for name in PRETRAINING:
        add(f"--{name}", type=checked(name),
            help="of pretraining, see run.py; by default what its flags say")  # fmt: skip
    for name, flag in HEAD.items():
        add(f"--{name}", type=checked(flag),
            help=f"the sweep's --{flag}; by default what its flags say")  # fmt: skip
    add("--label_fractions", default="1.0", type=checked("label_fractions"), help="such as 0.1,1.0")
    add("--seeds", default="3", type=checked("seeds"), help="heads of each arm's chosen setting")
    add("--eval_splits", default="test", type=checked("eval_splits"))
    add("--seed", default="0", type=seed, help="of pretraining, and the first of the heads")
    options = parser.parse_args(arguments)
    arms = options.arms.split(",") if options.arms else [*ARMS, *options.starts]
    options.arms = list(dict.fromkeys(arms))
    for arm in options.arms:
        first, *others = arm.split(THEN)
        known = POSITIVES.keys() if others else {RANDOM, *POSITIVES}
        if first not in {*known, *options.starts} or not set(others) <= set(POSITIVES):
            parser.error(
                f"--arms: {arm!r}: expected {RANDOM}, SimCLR, MICLe or a name of --starts, and "
                "then SimCLR or MICLe, such as 'SimCLR then MICLe'"
            )
    options.head_flags = options.head_flags or flagfile(f"flags/trial_{options.head}.cfg")
    if options.pretrain_steps and not options.micle_steps:
        options.micle_steps = str(max(1, round(int(options.pretrain_steps) * 2 / 3)))
    return options


def simclr_med(mode, work_dir, *files, **flags):
    """Run the program in a process of its own; where it fails, so does this one.

    Args:
      mode, work_dir: of the run.
      files: of flags, which give way to `flags`.
      flags: name to value; without value it is not given.
    """
    command = [sys.executable, "-m", "simclr_med.run", *(f"--flagfile={file}" for file in files)]
    flags = {"mode": mode, "work_dir": work_dir, **flags}
    command += [f"--{name}={value}" for name, value in flags.items() if value]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths})
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())  # it saves, then leaves
    try:
        code = child.wait()
    except KeyboardInterrupt:  # of the child too: it saves, then leaves
        code = child.wait() or EXIT_INTERRUPTED
    if code:
        sys.exit(code if code > 0 else 128 - code)


def compare(options):
    """Run every arm, then a report for each label fraction; return the reports' paths."""
    work = pathlib.Path(options.work_dir)
    sweeps = {arm: sweep(options, work, arm) for arm in options.arms}
    return [report(options, work, sweeps, part) for part in options.label_fractions.split(",")]


def pretrained(options, work, chain):
    """Run the pretrainings of an arm's chain, unless done; return the flags that begin with it."""
    *before, last = chain
    if last in options.starts:
        return {"init": options.starts[last]}
    if last == RANDOM:
        return {"init": "random", "encoder": options.encoder, "width": options.width}
    start = pretrained(options, work, before or [RANDOM])
    continued = last == "MICLe" and before[-1:] == ["SimCLR"]
    folder = work / f"pretrain_{slug(chain)}"
    simclr_med(
        "pretrain",
        folder,
        options.micle_flags if continued else options.simclr_flags,
        **start,
        **{name: getattr(options, name) for name in ("data_dir", "image_size", "seed")},
        **{name: getattr(options, name) for name in PRETRAINING},
        positives=POSITIVES[last],
        steps=options.micle_steps if continued else options.pretrain_steps,
    )
    return {"init": f"run:{folder}"}


def slug(chain):
    """Return the name of an arm's folders."""
    return THEN.join(chain).lower().replace(" ", "_")


def sweep(options, work, arm):
    """Train, choose and evaluate an arm's heads; return the sweep's folder."""
    chain = arm.split(THEN)
    folder = work / f"{options.head}_{slug(chain)}"
    start = pretrained(options, work, chain)
    simclr_med(
        "sweep",
        folder,
        options.head_flags,
        **start,
        **{flag: getattr(options, name) for name, flag in HEAD.items()},
        **{
            name: getattr(options, name)
            for name in ("data_dir", "head", "label_fractions", "seeds", "eval_splits", "seed")
        },
        image_size=options.head_image_size or options.image_size,
    )
    return folder


def report(options, work, sweeps, fraction):
    """Report on the chosen runs of `sweeps`, arm to folder, at one share; return its page."""
    percent = f"{100 * float(fraction):g}"
    runs = [
        f"{arm}={run}"
        for arm, folder in sweeps.items()
        for run in sorted((folder / layout.CHOSEN).glob(f"labels_{percent}_*"))
    ]
    folder, head = HEADS[options.head]
    page = work / (f"{folder}_{percent}" if "," in options.label_fractions else folder)
    title = f"{', '.join(sweeps)}: {head}, {percent} % of the labels"
    simclr_med("report", page, runs=",".join(runs), title=title)
    return page / "report.html"


def tables(page):
    """Return the tables of a report, as text, but for those of each run."""
    parts = f"\n{page.with_suffix('.md').read_text(encoding='utf-8')}".split("\n**")[1:]
    shown = []
    for heading, _, body in (part.partition("**\n") for part in parts):
        if not heading.endswith("each run"):
            rows = [row for row in body.splitlines() if row[:1] == "|" and row[:3] != "|--"]
            shown.append("\n".join(["", heading, *rows]))
    return "\n".join(shown)


def main(options):
    """Compare, and show the tables and the paths of the reports."""
    start = time.monotonic()
    pages = compare(options)
    for page in pages:
        print(tables(page))
    print(f"\n{(time.monotonic() - start) / 60:.1f} minutes. Which differences are significant:")
    for page in pages:
        print(page.absolute())


if __name__ == "__main__":
    main(parse())
