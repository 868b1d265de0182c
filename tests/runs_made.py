"""Work folders for tests, as training and evaluation leave them."""

import json

from simclr_med.config.checked_config import make_config
from simclr_med.config.storage import load_config, to_json
from simclr_med.evaluation import predictions
from simclr_med.files import atomic
from simclr_med.runs import input_contract
from simclr_med.runs.task import Task


def run_folder(folder, mode="linear_probe", **given):
    """A work folder with a log, and its settings."""
    config = make_config(mode, {"data_dir": "d", "work_dir": folder, **given})
    atomic.write_text(folder / "config.json", to_json(config))
    atomic.write_text(folder / "data.sha256", "0123abcd\n")
    rows = "".join(f"{step},{2 / step}\n" for step in range(1, 6))
    atomic.write_text(folder / "log.csv", "step,loss\n" + rows)
    return folder


def head_folder(folder, made, split="test", **given):
    """The work folder of an evaluated head."""
    run_folder(folder, **given)
    Task(made.task, made.classes, made.other_class).save(folder)
    predictions.write(folder / "predictions" / f"{split}.csv", made)
    return folder


def imported_folder(folder, source, **given):
    """A folder of imported weights, but for the weights."""
    run_folder(folder, "pretrain", **given)
    config = json.loads((folder / "config.json").read_text())
    config["mode"] = "imported"
    atomic.write_text(folder / "config.json", json.dumps(config))
    input_contract.make(load_config(folder), source, "bicubic").save(folder)
    return folder
