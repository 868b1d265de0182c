"""LARS (You et al. 2017) as SimCLR uses it, its alternatives, and the weights that decay.

    optimizer = make_optimizer("lars", 0.3, momentum=0.9, weight_decay=1e-6, trust_coefficient=1e-3)

SGD and LARS count the learning rate into their momentum, as the TensorFlow codes of SimCLR do.
"""

from typing import TypeAlias

import keras
import tensorflow as tf

from simclr_med import compat

LearningRate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule
# Parts of the names of biases, and of normalisation's scales and offsets; of no kernel's.
EXCLUDED = ("bias", "gamma", "beta")


def decays(variable):
    """Return True for a weight that decays: a kernel; not a bias, scale or offset, of rank 1."""
    return len(variable.shape) > 1


@keras.saving.register_keras_serializable("simclr_med")
class MomentumOptimizer(compat.SlotOptimizer):
    """Heavy-ball momentum with the learning rate inside the buffer and L2 decay on kernels.

    v <- momentum v + rate (g + decay w); w <- w - v

    Args:
      learning_rate: a number or a `LearningRateSchedule`.
      momentum: in [0, 1).
      weight_decay: decay of the formula; not multiplied with anything else.
      name: of the optimizer.
    """

    SLOTS = ("momentum",)

    def __init__(
        self,
        learning_rate: LearningRate,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        name: str = "Momentum",
    ) -> None:
        super().__init__(learning_rate, name)
        # Not `weight_decay`: from an attribute of that name Keras would decay once more.
        self.momentum, self.decay_factor = momentum, weight_decay

    def decayed(self, gradient, variable):
        """Return the gradient of the loss with the penalty decay / 2 |w|^2, on kernels alone."""
        return gradient + self.decay_factor * variable if decays(variable) else gradient

    def trust(self, variable, gradient):
        """Return the factor of a variable's learning rate, by its `decayed` gradient."""
        return 1.0

    def step(self, gradient, variable, learning_rate, buffer):
        """Take one step of one variable."""
        gradient = self.decayed(gradient, variable)
        rate = learning_rate * self.trust(variable, gradient)
        # The rate goes into the buffer and not onto it: after a change of rate, or of trust, the
        # steps taken before keep the length they had.
        buffer.assign(self.momentum * buffer + rate * gradient)
        variable.assign_sub(buffer)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        own = {"momentum": self.momentum, "weight_decay": self.decay_factor}
        return super().get_config() | own


@keras.saving.register_keras_serializable("simclr_med")
class LARS(MomentumOptimizer):
    """Momentum whose rate is multiplied, kernel by kernel, by trust_coefficient |w| / |g|.

    You et al. 2017, algorithm 1, with SimCLR's exclusions: g includes the decay; the factor is 1
    where either norm is 0, and for what does not decay.

    Args:
      learning_rate, momentum, weight_decay, name: see `MomentumOptimizer`.
      trust_coefficient: a step's length relative to its kernel's, at rate 1.
    """

    def __init__(
        self,
        learning_rate: LearningRate,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        name: str = "LARS",
    ) -> None:
        super().__init__(learning_rate, momentum, weight_decay, name)
        self.trust_coefficient = trust_coefficient

    def trust(self, variable, gradient):
        """Return the trust ratio, in the variable's dtype."""
        if not decays(variable):
            return 1.0
        # Sums of squares of a large kernel would overflow in float16.
        w, g = (tf.norm(tf.cast(value, tf.float32)) for value in (variable, gradient))
        ratio = self.trust_coefficient * tf.math.divide_no_nan(w, g)
        # A kernel of zeros would never move at a ratio of 0.
        return tf.cast(tf.where((w > 0) & (g > 0), ratio, 1.0), variable.dtype)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return super().get_config() | {"trust_coefficient": self.trust_coefficient}


def trust_ratios(optimizer, gradients, variables):
    """Return the spread of LARS's trust ratios over the kernels; {} for other optimizers."""
    if not isinstance(optimizer, LARS):
        return {}
    pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if decays(v)]
    ratios = tf.sort(tf.stack([optimizer.trust(v, optimizer.decayed(g, v)) for g, v in pairs]))
    shown = {"min": 0, "median": len(pairs) // 2, "max": -1}
    return {f"trust_{name}": ratios[place] for name, place in shown.items()}


def make_optimizer(name, learning_rate, momentum, weight_decay, trust_coefficient):
    """Return one of "lars", "sgd", "adam" (decoupled decay), "lamb".

    Args:
      name: of the optimizer.
      learning_rate: a number or a `LearningRateSchedule`.
      momentum: of "lars" and "sgd"; beta 1 of the others.
      weight_decay: of kernels; weights of rank 1 never decay.
      trust_coefficient: of "lars".
    """
    if name == "lars":
        return LARS(learning_rate, momentum, weight_decay, trust_coefficient)
    if name == "sgd":
        return MomentumOptimizer(learning_rate, momentum, weight_decay, name="SGD")
    if name == "adam":
        return compat.adamw(learning_rate, momentum, weight_decay, [*EXCLUDED])
    return compat.lamb(learning_rate, momentum, weight_decay, [*EXCLUDED])
