"""What a `Config` says of every training: its optimizer, and how its model sees images."""

from simclr_med import compat
from simclr_med.training.optimizer import make_optimizer
from simclr_med.training.schedule import make_schedule, scaled_learning_rate
from simclr_med.views.changing import ChangeView


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
