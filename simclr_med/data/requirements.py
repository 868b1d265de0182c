"""Requirements of a run on its data set: splits that are there, and cases enough for a batch.

    refuse_unmet(config, manifest.read(config.data.data_dir))

All that a mode will ask of the data is asked here, before its work begins. No TensorFlow: whoever
plans many runs asks for each of them.
"""

import numpy as np

from simclr_med.config.setting import HEADS
from simclr_med.data.cases import fraction_of
from simclr_med.errors import InputError


def refuse_unmet(config, data):
    """Raise `InputError` where a run cannot go through on its data set.

    Args:
      config: a `Config` of a training, a sweep or an evaluation.
      data: the `Manifest` of its data set.

    Raises:
      InputError: a split is empty, or a batch exceeds its cases.
    """
    if config.mode == "pretrain":
        _check_pretraining(config.data, config.train.batch_size, data)
    elif config.mode in HEADS:
        _check_head(config, config.mode, [config.data.label_fraction], data)
        if config.watch.validate_every:
            data.cases(["validation"])
    elif config.mode == "sweep":
        _check_head(config, config.sweep.head, map(float, config.sweep.label_fractions), data)
        data.cases(["validation"])
    if config.mode in ("evaluate", "sweep"):
        for split in config.evaluate.eval_splits:
            data.cases([split])


def refuse_large_batch(size, units, what):
    """Refuse a batch of more units than there are.

    Args:
      size: of the batch.
      units: number of them.
      what: they are called.

    Raises:
      InputError: names both numbers.
    """
    if size > units:
        raise InputError(f"--batch_size={size} exceeds the {units} {what}")


def _check_pretraining(settings, batch_size, data):
    cases = data.cases(settings.splits or data.pretraining_splits())
    by_case = settings.positives == "case"
    units = len(cases) if by_case else len(cases.paths)
    refuse_large_batch(batch_size, units, "cases" if by_case else "images")


def _check_head(config, head, fractions, data):
    cases = data.cases(config.data.splits)
    images = np.diff(cases.offsets)
    by_case = head == "finetune" or config.head.bag != "none"
    for fraction in fractions:
        taken = images
        if fraction < 1:
            taken = images[fraction_of(cases, fraction, config.data.label_seed)]
        units = len(taken) if by_case else int(taken.sum())
        what = f"labelled {'cases' if by_case else 'images'} of a fraction of {fraction:g}"
        if config.head.solver == "sgd":  # the other takes all at once
            refuse_large_batch(config.train.batch_size, units, what)
