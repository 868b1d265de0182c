"""Requirements of a run on its data set: splits that are there, and cases enough for a batch.

    refuse_unmet(config, manifest.read(config.data.data_dir))

All that a mode will ask of the data is asked here, before its work begins. No TensorFlow: whoever
plans many runs asks for each of them.
"""

import numpy as np

from simclr_med import progress
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
        data.refuse_empty(config.evaluate.eval_splits)  # their cases stay unread until the end
    if config.mode == "sweep" and not config.evaluate.allow_seen:
        _refuse_learnt_from(config.evaluate.eval_splits, config.data.splits)


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
    splits = settings.splits or data.pretraining_splits()
    cases = data.cases(splits)
    by_case = settings.positives == "case"
    if by_case:
        refuse_no_pairs(cases, splits)
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


def refuse_no_pairs(cases, splits):
    """Refuse MICLe on cases of one image, where it is SimCLR; tell where few cases have more.

    Raises:
      InputError: no case has two images.
    """
    several = int((np.diff(cases.offsets) > 1).sum())
    if not several:
        raise InputError(
            f"--positives=case: none of the {len(cases)} cases of {', '.join(splits)} has two "
            "images, so that nothing is paired but views of one image; expected several rows of "
            "manifest.csv with one case_id (docs/data.md), or --positives=augmentation"
        )
    if several < len(cases) / 2:
        progress.note(
            f"--positives=case: {several} of {len(cases)} cases have two images or more; of the "
            "others both views come from one image, as with --positives=augmentation"
        )


def _refuse_learnt_from(evaluated, splits):
    learnt = [split for split in evaluated if split in splits]
    if learnt:
        raise InputError(
            f"--eval_splits={','.join(evaluated)}: the heads learn from {', '.join(learnt)} "
            "(--splits), whose results are no test; --allow_seen evaluates it all the same"
        )
