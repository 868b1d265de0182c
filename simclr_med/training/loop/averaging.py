"""Weight averaging: a run is evaluated by an average of its steps' weights.

averages = AveragedWeights(nets, averaged, lambda step: ema_share(step, decay=0.999))

The averages are `Networks` of their own, evaluated like any other. In a checkpoint they have the
networks' names, for all readers of the run; the weights that training goes on from lie beside them.
"""

import math

import tensorflow as tf

from simclr_med import compat, graphs
from simclr_med.training.loop.callbacks import StepCallback

TRAINED = "trained/"  # of names in a checkpoint: the weights that are averaged


def ema_share(step, decay):
    """Return the newest weights' share of the exponential moving average of `step` steps.

    The average is the mean of all steps' weights, each counting `decay` times as much as the next;
    Adam's correction of its moments (Kingma and Ba 2015, section 3), so that what the run started
    from has no part in it.

    Args:
      step: steps done, 1 or more.
      decay: in [0, 1).
    """
    return (1 - decay) / (1 - decay**step)


def swa_share(step, first):
    """Return the newest weights' share of the mean of the weights from the step `first` on.

    Before that it is 1, so that the average is the step's own (Izmailov et al. 2018, algorithm 1,
    with each step a model).
    """
    return 1 / max(1, step - first + 1)


def share_of(settings):
    """Return the function of a step that a `TrainConfig` asks for; None for no average."""
    if settings.weight_averaging == "ema":
        return lambda step: ema_share(step, settings.ema_decay)
    if settings.weight_averaging == "swa":
        first = math.floor(settings.swa_start * settings.steps) + 1
        return lambda step: swa_share(step, first)
    return None


def named_variables(nets, averaged):
    """Return the variables in a checkpoint of a run with averages, by name."""
    trained = {TRAINED + name: variable for name, variable in nets.variables().items()}
    return averaged.variables() | trained


class AveragedWeights(StepCallback):
    """Moves averages towards a network's weights after each step, its statistics' too.

    It stands before whatever reads or saves them.

    Args:
      nets: `Networks` that are trained.
      averaged: `Networks` like them.
      share: a function of the steps done to the newest weights' share of the average, see above.
    """

    def __init__(self, nets, averaged, share):
        super().__init__()
        self.share = share
        self.pairs = [
            compat.tf_variables(part.variables().values()) for part in (averaged, nets)
        ]  # fmt: skip

    def on_train_begin(self, logs=None):
        """Compile the step."""
        super().on_train_begin(logs)
        strategy = self.model.distribute_strategy

        @graphs.function
        def move(share):
            for average, weight in zip(*self.pairs, strict=True):
                # With a share of 1 it is the weight, bit for bit.
                strategy.extended.update(
                    average,
                    lambda own, new: own.assign((1 - share) * own + share * new),
                    args=(weight,),
                )

        self._move = move

    def after_step(self, step, logs):
        """Take the step into the averages."""
        self._move(tf.constant(self.share(step), tf.float32))
