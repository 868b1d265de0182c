"""Compares ways to pretrain on a data set folder: random, SimCLR, MICLe, SimCLR then MICLe.

    simclr-med compare --data_dir=my_data --work_dir=work/compare --pretrain_steps=1000

An arm is a chain of trainings, "SimCLR then MICLe", perhaps from imported weights, and arms differ
in it alone: each has the same sweep of heads, chosen on validation, of --seeds seeds. One report a
label fraction shows them. Every run is an ordinary one, to evaluate, export or report on. Stopped,
the same command goes on; with changed settings the runs that they touch begin in new folders, of a
name with a number. @FILE reads options from a file, such as flags/compare_derm.args.
"""

import argparse
import dataclasses
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import simclr_med
from simclr_med import progress, quiet
from simclr_med.command import parsing
from simclr_med.config import flagfiles
from simclr_med.config.checked_config import make_config
from simclr_med.config.checks import check_seed, check_value
from simclr_med.config.fields import FIELDS, Config
from simclr_med.config.flagfiles import expanded, expanded_at
from simclr_med.config.storage import load_config
from simclr_med.errors import EXIT_INPUT, EXIT_INTERRUPTED, InputError, RunError
from simclr_med.runs import claim, layout

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
    """Return the path of a file of flags: the user's, or one that is shipped."""
    try:
        return flagfiles.found(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: no such file") from error


def parse(arguments=None):
    """Return the options of a command line."""
    parser = parsing.parser(__doc__)
    add = parser.add_argument
    add("data", nargs="?", metavar="DATA_DIR", help="data set folder")
    add("--data_dir", help="the same, by name")
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
    options = parser.parse_args(expanded_at(sys.argv[1:] if arguments is None else arguments))
    options.data_dir = options.data_dir or options.data
    if not options.data_dir:
        parser.error("--data_dir is missing: the data set folder")
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


def in_own_process(mode, work_dir, *files, **flags):
    """Run the program in a process of its own; where it fails, so does this one.

    Args:
      mode, work_dir: of the run.
      files: of flags, which give way to `flags`.
      flags: name to value; without value it is not given.
    """
    command = [sys.executable, "-m", "simclr_med.run", *(f"--flagfile={file}" for file in files)]
    flags = {"mode": mode, "work_dir": work_dir, **flags}
    command += [f"--{name}={value}" for name, value in flags.items() if value]
    here = pathlib.Path(simclr_med.__file__).resolve().parent.parent
    paths = os.pathsep.join(filter(None, [str(here), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryFile("w+") as said:
        silent = {} if progress.printing() else {"stdout": subprocess.DEVNULL, "stderr": said}
        child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, **silent)
        code = _ended(child)
        said.seek(0)
        told = said.read().strip().rpartition("error: ")[2]
    if code and not progress.printing():
        raise InputError(told) if code == EXIT_INPUT else RunError(told)
    if code:
        sys.exit(code if code > 0 else 128 - code)


def _ended(child):
    """Return the exit code of a child that is told of SIGTERM, and hears Ctrl-C itself."""
    usual = None
    if threading.current_thread() is threading.main_thread():
        usual = signal.signal(signal.SIGTERM, lambda *_: child.terminate())  # it saves, then leaves
    try:
        return child.wait()
    except KeyboardInterrupt:
        code = child.wait() or EXIT_INTERRUPTED
        if progress.printing():
            return code
        raise
    finally:
        if usual is not None:
            signal.signal(signal.SIGTERM, usual)


@dataclasses.dataclass(frozen=True)
class Planned:
    """A run of a comparison: arguments of `in_own_process`, and the `Config` it will have."""

    mode: str
    folder: pathlib.Path
    file: pathlib.Path
    flags: dict
    config: Config


def compare(options):
    """Run every arm, then a report for each label fraction; return the reports' paths."""
    runs, sweeps = planned(options)
    for run in runs:
        in_own_process(run.mode, run.folder, run.file, **run.flags)
    work = pathlib.Path(options.work_dir)
    return [report(options, work, sweeps, part) for part in options.label_fractions.split(",")]


def planned(options):
    """Return the `Planned` runs of all arms, in their order, and the sweep's folder of each arm.

    Raises:
      InputError: flags of one are wrong.
    """
    work, runs, sweeps = pathlib.Path(options.work_dir), {}, {}
    for arm in options.arms:
        chain = arm.split(THEN)
        start, source = pretraining(options, work, chain, runs)
        flags = {
            **start,
            **{flag: getattr(options, name) for name, flag in HEAD.items()},
            **{
                name: getattr(options, name)
                for name in ("data_dir", "head", "label_fractions", "seeds", "eval_splits", "seed")
            },
            "image_size": options.head_image_size or options.image_size,
        }
        base = work / f"{options.head}_{slug(chain)}"
        run = runs[arm] = a_run("sweep", base, options.head_flags, flags, source)
        sweeps[arm] = run.folder
    return list(runs.values()), sweeps


def pretraining(options, work, chain, runs):
    """Plan the pretrainings of an arm's chain in `runs`, those that are not there by their chain.

    Returns:
      The flags that begin with the last of them, and its `Config`, None where it is no run.
    """
    *before, last = chain
    if last in options.starts:
        return {"init": options.starts[last]}, None
    if last == RANDOM:
        return {"init": "random", "encoder": options.encoder, "width": options.width}, None
    start, source = pretraining(options, work, before or [RANDOM], runs)
    name = f"pretrain_{slug(chain)}"
    if name not in runs:
        continued = last == "MICLe" and before[-1:] == ["SimCLR"]
        flags = {
            **start,
            **{name: getattr(options, name) for name in ("data_dir", "image_size", "seed")},
            **{name: getattr(options, name) for name in PRETRAINING},
            "positives": POSITIVES[last],
            "steps": options.micle_steps if continued else options.pretrain_steps,
        }
        file = options.micle_flags if continued else options.simclr_flags
        runs[name] = a_run("pretrain", work / name, file, flags, source)
    return {"init": f"run:{runs[name].folder}"}, runs[name].config


def a_run(mode, base, file, flags, source):
    """Return the `Planned` run in the first of folders BASE, BASE_2 ... that holds no other run.

    So settings that have changed begin anew what they touch, and find again what they do not.
    """
    try:
        config = make_config(mode, {**values(file, flags), "work_dir": str(base)}, source)
    except InputError as error:
        raise InputError(f"{base.name}: {error}") from None
    folder = next(folder for folder in folders(base) if is_free(folder, config))
    return Planned(mode, folder, file, flags, dataclasses.replace(config, work_dir=str(folder)))


def folders(base):
    """Yield the folder `base`, and others called by it and a number."""
    yield base
    for number in itertools.count(2):
        yield base.with_name(f"{base.name}_{number}")


def is_free(folder, config):
    """Return whether a folder holds the run of a `Config`, which may go on, or none."""
    if not layout.holds_run(folder):
        return True
    there = load_config(folder)
    differing = claim.differences(config, there)
    if config.train.precision == "auto":
        differing.pop("precision", None)
    more = config.train.steps > there.train.steps and config.optimizer.schedule == "constant"
    return not differing or (more and [*differing] == ["steps"])


def values(file, flags):
    """Return the values of a file of flags and of `flags`, texts by name, which come first."""
    texts = {}
    for line in expanded([f"--flagfile={file}"]):
        name, equals, text = line.lstrip("-").partition("=")
        if not equals:  # of a truth value
            name, text = (name, "true") if name in FIELDS else (name.removeprefix("no"), "false")
        texts[name] = text
    texts |= {name: str(text) for name, text in flags.items() if text}
    texts.pop("mode", None)
    seed = texts.pop("seed", "0")
    return {name: value(name, text) for name, text in texts.items()} | {"seed": int(seed)}


def value(name, text):
    """Return the value of a flag's text.

    Raises:
      InputError: there is no such flag, or it is no number.
    """
    if name not in FIELDS:
        raise InputError(f"--{name} is not a known flag")
    kind = FIELDS[name][1].type
    if kind is tuple:
        return tuple(text.split(","))
    if kind is bool:
        return text.lower() in ("true", "1", "t")
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"--{name}={text}: expected a number") from None


def slug(chain):
    """Return the name of an arm's folders."""
    return THEN.join(chain).lower().replace(" ", "_")


def refuse_unmet(options):
    """Refuse a comparison of which some run cannot go through on the data set.

    Raises:
      InputError: names the run, and its flag.
    """
    from simclr_med.data import manifest, requirements  # late: --help needs no pandas

    data = manifest.read(options.data_dir)
    for run in planned(options)[0]:
        try:
            requirements.refuse_unmet(run.config, data)
        except InputError as error:
            raise InputError(f"{run.folder.name}: {error}") from None


def report(options, work, sweeps, fraction):
    """Report on the chosen runs of `sweeps`, arm to folder, of a fraction; return the path."""
    percent = f"{100 * float(fraction):g}"
    runs = [
        f"{arm}={run}"
        for arm, folder in sweeps.items()
        for run in sorted((folder / layout.CHOSEN).glob(f"labels_{percent}_*"))
    ]
    folder, head = HEADS[options.head]
    page = work / (f"{folder}_{percent}" if "," in options.label_fractions else folder)
    title = f"{', '.join(sweeps)}: {head}, {percent} % of the labels"
    in_own_process("report", page, runs=",".join(runs), title=title)
    return page / "report.html"


def tables(page):
    """Return the tables of a report, as text, but for those of each run."""
    parts = f"\n{page.with_suffix('.md').read_text(encoding='utf-8')}".split("\n**")[1:]
    shown = []
    for heading, _, body in (part.partition("**\n") for part in parts):
        if not heading.endswith("each run"):
            rows = [row for row in body.splitlines() if row[:1] == "|" and row[:3] != "|--"]
            shown.append("\n".join(["", heading, *rows]).replace("\\", ""))  # of Markdown
    return "\n".join(shown)


def main():
    """Read the command line, and compare."""
    run(parse())


def run(options):
    """Compare, and show the tables and the paths of the reports; return the paths."""
    from simclr_med.preparation import any_images  # late: --help needs no pandas

    start = time.monotonic()
    images, options.data_dir = options.data_dir, any_images.NOT_YET
    planned(options)  # wrong options are told before a data set is made
    os.environ.setdefault(quiet.LEVEL, "3")  # reading images may load TensorFlow
    options.data_dir = any_images.data_set(images, options.work_dir, labelled=True)
    refuse_unmet(options)
    pages = compare(options)
    for page in pages:
        progress.say(tables(page))
    minutes = (time.monotonic() - start) / 60
    progress.say(f"\n{minutes:.1f} minutes. Which differences are significant:")
    for page in pages:
        progress.say(str(page.absolute()))
    return pages
