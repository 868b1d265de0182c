"""Optimizers of Keras 3 that step one variable at a time, and LAMB among them."""

import keras
import tensorflow as tf

from simclr_med.compat.common import SteppedOptimizer


class SlotOptimizer(SteppedOptimizer):
    """`SteppedOptimizer`, on Keras 3."""

    def __init__(self, learning_rate, name):
        schedule = callable(learning_rate)
        super().__init__(learning_rate if schedule else float(learning_rate), name=name)

    def build(self, variables):
        """Create a zero of each slot for each variable, once."""
        if self.built:
            return
        super().build(variables)
        self._slots = [self.add_optimizer_variables(variables, slot) for slot in self.SLOTS]

    def update_step(self, gradient, variable, learning_rate):
        """Take one step of one variable, under Keras's name."""
        place = self._get_variable_index(variable)
        slots = [slot[place].value for slot in self._slots]
        self.step_in(gradient, variable, learning_rate, slots)

    def get_config(self):
        """Return the constructor's arguments."""
        rate = super().get_config()["learning_rate"]
        return {"learning_rate": rate, "name": self.name}


@keras.saving.register_keras_serializable("simclr_med")
class LAMB(SlotOptimizer):
    """Adam whose step, with the decay, is scaled to the norm of its kernel.

    You et al. 2019, algorithm 2, as TensorFlow Addons has it:

    m <- beta_1 m + (1 - beta_1) g; v <- beta_2 v + (1 - beta_2) g^2, both less their bias;
    u = m / (sqrt(v) + epsilon) + decay w; w <- w - rate |w| / |u| u

    `keras.optimizers.Lamb` is another algorithm: its decay lies outside the ratio, which biases
    and normalisation have too.

    Args:
      learning_rate: a number or a `LearningRateSchedule`.
      beta_1: decay of the first moment, in [0, 1).
      weight_decay: of the formula.
      excluded: parts of the names of variables that neither decay nor are scaled.
      name: of the optimizer.
    """

    SLOTS = ("m", "v")
    BETA_2, EPSILON = 0.999, 1e-6

    def __init__(self, learning_rate, beta_1=0.9, weight_decay=0.0, excluded=(), name="LAMB"):
        super().__init__(learning_rate, name)
        # Not `weight_decay`: from an attribute of that name Keras would decay once more.
        self.beta_1, self.decay_factor, self.excluded = beta_1, weight_decay, tuple(excluded)

    def step(self, gradient, variable, learning_rate, m, v):
        """Take one step of one variable."""
        count = tf.cast(self.iterations + 1, variable.dtype)
        m.assign(self.beta_1 * m + (1 - self.beta_1) * gradient)
        v.assign(self.BETA_2 * v + (1 - self.BETA_2) * gradient**2)
        first = m / (1 - self.beta_1**count)
        second = v / (1 - self.BETA_2**count)
        update = first / (tf.sqrt(second) + self.EPSILON)
        if not any(part in variable.name for part in self.excluded):
            update += self.decay_factor * variable
            w, u = tf.norm(variable), tf.norm(update)
            learning_rate *= tf.where((w > 0) & (u > 0), w / u, 1.0)
        variable.assign_sub(learning_rate * update)

    def get_config(self):
        """Return the constructor's arguments."""
        own = {"beta_1": self.beta_1, "weight_decay": self.decay_factor, "excluded": self.excluded}
        return super().get_config() | own


def lamb(learning_rate, beta_1, weight_decay, excluded):
    """Return a `LAMB` with the arguments of keras2.py's."""
    return LAMB(learning_rate, beta_1, weight_decay, excluded)
