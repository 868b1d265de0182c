"""Devices, work folder, optimizer and image settings of a training, by its `Config`."""

import contextlib

from simclr_med import compat, distribute
from simclr_med.runs.claim import claimed_work_dir, identity
from simclr_med.training.models.optimizer import make_optimizer
from simclr_med.training.models.schedule import make_schedule, scaled_learning_rate
from simclr_med.views.changing import ChangeView


def agreed_strategy(config, data):
    """Return the strategy of tf.distribute of a `Config`, all of whose processes train the same.

    Args:
      config: a `Config`.
      data: its `Manifest`.

    Raises:
      InputError: the hardware is not there, or the flags or data of another process differ.
    """
    strategy = distribute.strategy_of(config.distribute)
    same = (identity(config), data.fingerprint)
    distribute.refuse_disagreement(strategy, "flags or data", same)
    return strategy


@contextlib.contextmanager
def claimed(config, data, strategy):
    """Hold the work folder meanwhile, in the process that writes it; yield True in that one.

    Raises:
      InputError: see `claimed_work_dir`.
    """
    chief = distribute.is_chief(strategy)
    with claimed_work_dir(config, data.fingerprint) if chief else contextlib.nullcontext():
        yield chief


def configured_optimizer(config):
    """Return the optimizer of a `Config`, with its schedule, and with scaling for float16."""
    settings, total = config.optimizer, config.train.steps
    peak = scaled_learning_rate(
        settings.learning_rate, config.train.batch_size, settings.learning_rate_scaling
    )
    optimizer = make_optimizer(
        settings.optimizer,
        make_schedule(settings.schedule, peak, settings.warmup_steps(total), total),
        settings.momentum,
        settings.weight_decay,
        settings.trust_coefficient,
    )
    half = config.train.precision == "mixed_float16"
    return compat.loss_scaling(optimizer) if half else optimizer


def image_settings(config, recipe):
    """Return the keyword arguments of a model that sees images: changes, recomputation, statistics.

    Args:
      config: a `Config`.
      recipe: its `Recipe`.
    """
    return {
        "change": ChangeView(recipe) if config.augment.augment_on == "device" else None,
        "gradient_checkpointing": config.train.gradient_checkpointing,
        "bn_statistics": config.train.bn_statistics,
    }
