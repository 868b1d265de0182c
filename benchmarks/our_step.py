"""A pretraining step of ours on images that are in memory, as a run makes it."""

import simclr_med  # noqa: F401, isort: skip  # before TensorFlow: it turns oneDNN on
import numpy as np
import tensorflow as tf

from simclr_med import distribute
from simclr_med.config.checked_config import make_config
from simclr_med.config.recipes import Recipe
from simclr_med.training import pretrain
from simclr_med.training.loop.train_step import compiled_step


def pretraining_step(**given):
    """Return a function without arguments that takes one step, and the trained model.

    Args:
      given: settings of the pretraining by name; `batch_size`, `image_size`, `encoder` ...
    """
    given = {"data_dir": "none", "work_dir": "none", "precision": "float32", **given}
    config = make_config("pretrain", given)
    model, _ = pretrain.model_of(config, Recipe.of(config.augment))
    strategy = tf.distribute.get_strategy()
    parts = distribute.micro_batches(config.train, strategy)
    step = compiled_step(model, strategy, parts, config.train.jit_compile)
    side, draw = config.augment.image_size, np.random.default_rng(0)
    shape = [config.train.batch_size // parts, side, side, 3]
    batches = [
        {f"view{i}": tf.constant(draw.random(shape, np.float32)) for i in (1, 2)}
        for _ in range(parts)
    ]

    def take():
        step(batches)
        return model.last_step.scalars()  # waits for it

    return take, model
