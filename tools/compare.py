"""Compares random initialisation, SimCLR and MICLe on a data set folder.

    python tools/compare.py --data_dir=my_data --work_dir=work/compare --pretrain_steps=1000

The arms share encoder, steps, labels and seed; only the pretraining differs. Every arm is an
ordinary run: its folder can be evaluated, exported or reported on by itself. Stopped, the same
command goes on.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import time

from simclr_med.config.splits import LABELLED

ROOT = pathlib.Path(__file__).resolve().parent.parent
ARMS = {"Random": None, "SimCLR": "augmentation", "MICLe": "case"}  # and what a positive pair is


def label_fractions(text):
    """Return comma-separated label fractions as given; checked here, before anything is trained."""
    try:
        if not all(0 < float(part) <= 1 for part in text.split(",")):
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected numbers above 0, at most 1") from None
    return text


def labelled_splits(text):
    """Return comma-separated labelled splits as given, checked."""
    if not set(text.split(",")) <= set(LABELLED):
        raise argparse.ArgumentTypeError(f"{text!r}: expected {', '.join(LABELLED)}")
    return text


def parse(arguments=None):
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data_dir", required=True, help="data set folder")
    add("--work_dir", required=True, help="folder for the runs and the report")
    add("--head", choices=["linear_probe", "finetune"], default="linear_probe")
    add("--encoder", default="resnet18")
    add("--width", default="0.5", help="width multiplier")
    add("--image_size", default="64", help="pixels")
    add("--batch_size", default="256", help="of pretraining")
    add("--pretrain_steps", default="1000")
    # LARS, the paper's, needs tens of thousands of steps; Adam learns in the hundreds of a trial.
    add("--optimizer", choices=["lars", "sgd", "adam", "lamb"], default="adam")
    add("--learning_rate", default="0.001", help="of pretraining, before scaling")
    add("--learning_rate_scaling", choices=["none", "linear", "sqrt"], default="none")
    # SimCLR's colour strength for small images; 1 wipes out most of what tells lesions apart there.
    add("--color_strength", default="0.5")
    add("--crop_min_area", default="0.2")
    add("--head_steps", default="500")
    add("--head_batch_size", default="128")
    add("--head_learning_rate", default="0.1")
    add("--label_fractions", default="1.0", type=label_fractions, help="such as 0.1,1.0")
    add("--splits", default="", help="to pretrain on; train and, where there is one, unlabelled")
    add("--eval_splits", default="test", type=labelled_splits)
    add("--seed", default="0")
    return parser.parse_args(arguments)


def simclr_med(mode, work_dir, **flags):
    """Run the program in a process of its own; where it fails, so does this one."""
    command = [sys.executable, "-m", "simclr_med.run", f"--mode={mode}", f"--work_dir={work_dir}"]
    command += [f"--{name}={value}" for name, value in flags.items()]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths})
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())  # it saves, then leaves
    try:
        code = child.wait()
    except KeyboardInterrupt:
        child.wait()
        code = 1
    if code:
        sys.exit(code if code > 0 else 128 - code)


def compare(options):
    """Run every arm, then a report for each label fraction; return the reports' paths."""
    work = pathlib.Path(options.work_dir)
    pretrain(options, work)
    pages = []
    given = options.label_fractions.split(",")
    for fraction in given:
        percent = f"{100 * float(fraction):g}"
        runs = [f"{arm}={head(options, work, arm, fraction, percent)}" for arm in ARMS]
        page = work / ("report" if len(given) == 1 else f"report_{percent}")
        title = f"Random, SimCLR and MICLe with {percent} % of the labels"
        simclr_med("report", page, runs=",".join(runs), title=title)
        pages.append(page / "report.html")
    return pages


def network(options):
    """Return the flags of the encoder's shape."""
    return {name: getattr(options, name) for name in ("encoder", "width", "image_size")}


def pretrain(options, work):
    """Pretrain every arm that is."""
    same = ("data_dir", "seed", "splits", "batch_size", "optimizer", "learning_rate")
    same += ("learning_rate_scaling", "color_strength", "crop_min_area")
    for arm, positives in ARMS.items():
        if positives:
            simclr_med(
                "pretrain",
                work / f"pretrain_{arm.lower()}",
                **network(options),
                **{name: getattr(options, name) for name in same if getattr(options, name)},
                positives=positives,
                steps=options.pretrain_steps,
            )


def head(options, work, arm, fraction, percent):
    """Train and evaluate an arm's head; return its work folder."""
    folder = work / f"{options.head}_{arm.lower()}_{percent}"
    if ARMS[arm]:
        start = {"init": f"run:{work / f'pretrain_{arm.lower()}'}"}
        start["image_size"] = options.image_size
    else:
        start = {"init": "random", **network(options)}
    simclr_med(
        options.head,
        folder,
        **start,
        data_dir=options.data_dir,
        seed=options.seed,
        label_fraction=fraction,
        steps=options.head_steps,
        batch_size=options.head_batch_size,
        learning_rate=options.head_learning_rate,
    )
    simclr_med("evaluate", folder, eval_splits=options.eval_splits)
    return folder


def tables(page):
    """Return the tables of a report, as text."""
    lines = page.with_suffix(".md").read_text(encoding="utf-8").splitlines()
    shown = [line for line in lines if line.startswith(("**", "|")) and not line.startswith("|--")]
    return "\n".join(line.replace("**", "\n", 1).rstrip("*") for line in shown)


def main(options):
    """Compare, and show what came out, and where the reports are."""
    start = time.monotonic()
    pages = compare(options)
    for page in pages:
        print(tables(page))
    print(f"\n{(time.monotonic() - start) / 60:.1f} minutes. Which differences are significant:")
    for page in pages:
        print(page.absolute())


if __name__ == "__main__":
    main(parse())
