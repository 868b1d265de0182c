"""make demo: generates a data set, then compares ways to pretrain on it, see compare.py.

simclr-med demo --work_dir=work/demo
"""

import pathlib
import subprocess
import sys

from simclr_med.command import compare, parsing

SIZES = {  # cases by split
    "full": ["--train=600", "--validation=100", "--test=600", "--external=300"],
    "short": ["--train=150", "--validation=40", "--test=100", "--external=60"],
}
STEPS = {
    "full": ["--pretrain_steps=150", "--batch_size=128", "--head_steps=300"],
    "short": ["--pretrain_steps=6", "--batch_size=32", "--head_steps=20"],
}


def main():
    """Run the demo."""
    parser = parsing.parser(__doc__)
    parser.add_argument("--work_dir", default="work/demo")
    parser.add_argument(
        "--short",
        action="store_true",
        help="Run a demo of one minute, as a check of the installation",
    )
    options = parser.parse_args()
    size = "short" if options.short else "full"
    work = pathlib.Path(options.work_dir)
    data = work / f"phantom_{size}"
    if not data.exists():
        unlabelled = "--unlabelled=1000" if size == "full" else "--unlabelled=100"
        made = [
            sys.executable,
            "-m",
            "simclr_med",
            "phantom",
            f"--output={data}",
            "--image_size=64",
            unlabelled,
        ]
        subprocess.run([*made, *SIZES[size]], check=True)
    runs = work if size == "full" else work / "short"
    arguments = [f"--data_dir={data}", f"--work_dir={runs}", "--image_size=48", "--width=0.25"]
    arguments += ["--arms=Random,SimCLR,MICLe", "--seeds=1"]
    arguments += ["--eval_splits=test,external", "--head_batch_size=64", *STEPS[size]]
    compare.run(compare.parse(arguments))
