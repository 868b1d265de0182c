"""Measurement of images and machine, by which a pretraining's settings are chosen.

    config, chosen = fit({"steps": 500}, data_dir="work/a/data_set", work_dir="work/a", hours=1.0)

A few steps of the chosen settings are trained in a folder beside, and timed.
"""

import dataclasses
import json
import pathlib
import time
from typing import Any

import numpy as np
from PIL import Image

from simclr_med import devices, progress
from simclr_med.config.checked_config import make_config
from simclr_med.config.fields import Config
from simclr_med.config.fitting import Choice, Found, fitted, steps_in
from simclr_med.data import manifest
from simclr_med.files import atomic
from simclr_med.runs import layout

LOOKED_AT = 64  # images
GREY = 0.9  # share of the images that is grey where the recipe of radiographs is taken
SAME = 4  # of 255: channels of a grey image differ by less, on average
WARM, TIMED = 4, 8  # steps of the measurement
START = 30  # seconds until the first step, of a run that is timed


def fit(
    given: dict[str, Any], *, data_dir: str, work_dir: str, hours: float
) -> tuple[Config, dict[str, Choice]]:
    """Return the `Config` of a pretraining that fits, and the choices that it was made by.

    Args:
      given: explicitly given values by flat name.
      data_dir: data set folder.
      work_dir: of the run; one that holds a run is not fitted anew.
      hours: that the training may take, where `given` has no steps.

    Raises:
      InputError: a value is wrong.
    """
    given = given | {"data_dir": data_dir, "work_dir": work_dir}
    data = manifest.read(data_dir)
    probe = make_config("pretrain", given)
    found = look(data, devices.kind_of_device(probe.distribute).split()[0])
    chosen = fitted(found, given)
    values = {name: choice.value for name, choice in chosen.items()} | given
    if "steps" not in given:
        config = make_config("pretrain", {**values, "steps": WARM + TIMED})
        each = _seconds_of_a_step(config)
        batch = config.train.batch_size
        chosen["steps"] = steps_in(max(1, hours * 3600 - START), each, found.cases, batch)
        values["steps"] = chosen["steps"].value
    return make_config("pretrain", values), chosen


def look(data: manifest.Manifest, device: str) -> Found:
    """Return the number, size and colour of a data set's images, by a look at some of them."""
    cases = data.cases(data.pretraining_splits())
    paths = cases.paths[np.linspace(0, len(cases.paths) - 1, LOOKED_AT).astype(int)]
    sides, greys = [], []
    for path in dict.fromkeys(paths.tolist()):
        try:
            with Image.open(path) as image:
                sides.append(min(image.size))
                small = np.asarray(image.convert("RGB").resize((32, 32)), float)
        except (OSError, ValueError):  # in a shard, or unreadable: training says so
            continue
        greys.append(np.ptp(small, axis=2).mean() < SAME)
    side = int(np.median(sides)) if sides else 224
    grey = bool(greys) and float(np.mean(greys)) >= GREY
    return Found(len(cases.paths), len(cases), side, grey, device)


def tell(chosen: dict[str, Choice]) -> None:
    """Print the choices with their reasons, as flags that repeat the run."""
    if not chosen:
        return
    progress.say("chosen for these images and this machine; what you give wins:")
    for name, choice in chosen.items():
        flag = f"--{name}={choice.value}"
        progress.say(f"  {flag:32} {choice.reason}")


def save(chosen: dict[str, Choice], work_dir: str) -> None:
    """Write the choices into the work folder."""
    content = {name: dataclasses.asdict(choice) for name, choice in chosen.items()}
    atomic.write_text(pathlib.Path(work_dir) / layout.FITTED, json.dumps(content, indent=1) + "\n")


def _seconds_of_a_step(config):
    """Return the seconds that a step takes: the median of some, after some to warm up."""
    from simclr_med.training import pretrain

    stamps: list[float] = []
    pretrain.measure(config, lambda: stamps.append(time.perf_counter()))
    return float(np.median(np.diff(stamps[WARM - 1 :])))
