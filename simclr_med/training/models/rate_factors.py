"""Learning rates that differ between weights: the head's own, and a decay with depth.

model = SupervisedModel(network, rate_factors=rate_factors(nets, head_rate=10, layer_decay=0.8))

Every optimizer here takes steps proportional to its learning rate, so that a step times a factor is
the step at that rate times the factor: one place for all of them, with decay and trust ratio.
"""

import re

import tensorflow as tf

from simclr_med import compat, distribute

# A run of the network from the images on; a part that the head does not read is no level.
LEVELS = ("stem", "stage1", "stage2", "stage3", "stage4", "projection", "head")


def rate_factors(nets, head_rate=1.0, layer_decay=1.0):
    """Return the factor of each weight's learning rate, `{path: factor}`.

    The head has `head_rate`, the level that it reads `layer_decay`, the one below that
    `layer_decay ** 2`, and so on (Clark et al. 2020, ELECTRA, section 3.1, by stages).

    Args:
      nets: `Networks` with a head.
      head_rate: above 0.
      layer_decay: above 0, at most 1.
    """
    if head_rate == layer_decay == 1:
        return {}
    levels = {}
    read = {id(weight) for weight in nets.inputs.trainable_weights}
    for name, weight in nets.variables().items():
        if id(weight) in read or _level(name) == "head":
            levels.setdefault(_level(name), []).append(compat.path(weight))
    factors = dict.fromkeys(levels.pop("head"), head_rate)
    for depth, level in enumerate(sorted(levels, key=LEVELS.index, reverse=True), 1):
        factors |= dict.fromkeys(levels[level], layer_decay**depth)
    return factors


def _level(name):
    """Return the level of a weight by its name in a checkpoint."""
    part, layer = name.split("/")[:2]
    if part != "encoder":
        return "head" if part == "attention" else part
    found = re.match(r"stem|stage\d", layer)
    return found[0] if found else "stage4"  # what normalises BiT's output


class ScaledSteps:
    """Shortens or lengthens a step that an optimizer takes; within a replica's computation.

    Args:
      variables: of a model, those that the optimizer steps.
      factors: path of a weight to its factor; those not named have 1.
    """

    def __init__(self, variables, factors):
        scaled = [variable for variable in variables if factors.get(compat.path(variable), 1) != 1]
        self.factors = [factors[compat.path(variable)] for variable in scaled]
        self.variables = compat.tf_variables(scaled)
        self.before = [tf.identity(variable) for variable in self.variables]

    def scale(self):
        """Multiply the steps taken since this was made by their factors."""
        if self.variables:
            rows = zip(self.before, self.variables, self.factors, strict=True)
            distribute.assign_each(
                self.variables,
                [old + factor * (tf.identity(new) - old) for old, new, factor in rows],
            )
