"""LARS (You et al. 2017) as SimCLR uses it, its alternatives, and which weights decay.

SGD and LARS count the learning rate into their momentum, as the TensorFlow codes of SimCLR do.
"""

import keras
import tensorflow as tf


def decays(variable):
    """Kernels decay; biases and normalisation's scales and offsets, of rank 1, do not."""
    return len(variable.shape) > 1


def split_by_decay(variables):
    """(decaying, excluded): disjoint and complete."""
    return [v for v in variables if decays(v)], [v for v in variables if not decays(v)]


@keras.saving.register_keras_serializable("simclr_med")
class MomentumOptimizer(keras.optimizers.Optimizer):
    """Heavy-ball momentum with the learning rate inside the buffer and L2 decay on kernels.

    v <- momentum v + rate (g + decay w); w <- w - v
    """

    def __init__(self, learning_rate, momentum=0.9, weight_decay=0.0, name="Momentum"):
        super().__init__(name=name, jit_compile=False)
        self._learning_rate = self._build_learning_rate(learning_rate)
        self.momentum, self.decay_factor = momentum, weight_decay

    def build(self, var_list):
        """Creates the momentum buffers."""
        super().build(var_list)
        if not getattr(self, "_built", False):
            self.buffers = [self.add_variable_from_reference(v, "momentum") for v in var_list]
            self._built = True

    def decayed(self, gradient, variable):
        """The gradient with the decay's."""
        return gradient + self.decay_factor * variable if decays(variable) else gradient

    def trust(self, variable, gradient):
        """What the learning rate is multiplied with."""
        return 1.0

    def update_step(self, gradient, variable):
        """One step of one variable."""
        gradient = self.decayed(tf.convert_to_tensor(gradient), variable)
        rate = tf.cast(self.learning_rate, variable.dtype) * self.trust(variable, gradient)
        buffer = self.buffers[self._index_dict[self._var_key(variable)]]
        buffer.assign(self.momentum * buffer + rate * gradient)
        variable.assign_sub(buffer)

    def get_config(self):
        """The constructor's arguments."""
        return {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "momentum": self.momentum,
            "weight_decay": self.decay_factor,
            "name": self.name,
        }


@keras.saving.register_keras_serializable("simclr_med")
class LARS(MomentumOptimizer):
    """Momentum whose rate is multiplied, kernel by kernel, by trust_coefficient |w| / |g|.

    g includes the decay; the factor is 1 where either norm is 0, and for what does not decay.
    """

    def __init__(
        self, learning_rate, momentum=0.9, weight_decay=0.0, trust_coefficient=0.001, name="LARS"
    ):
        super().__init__(learning_rate, momentum, weight_decay, name)
        self.trust_coefficient = trust_coefficient

    def trust(self, variable, gradient):
        """The trust ratio, float32."""
        if not decays(variable):
            return 1.0
        w, g = (tf.norm(tf.cast(value, tf.float32)) for value in (variable, gradient))
        ratio = self.trust_coefficient * tf.math.divide_no_nan(w, g)
        return tf.cast(tf.where((w > 0) & (g > 0), ratio, 1.0), variable.dtype)

    def get_config(self):
        """The constructor's arguments."""
        return super().get_config() | {"trust_coefficient": self.trust_coefficient}


def trust_ratios(optimizer, gradients, variables):
    """The spread of LARS's trust ratios over the kernels; {} for other optimizers."""
    if not isinstance(optimizer, LARS):
        return {}
    pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if decays(v)]
    ratios = tf.sort(tf.stack([optimizer.trust(v, optimizer.decayed(g, v)) for g, v in pairs]))
    shown = {"min": 0, "median": len(pairs) // 2, "max": -1}
    return {f"trust_{name}": ratios[place] for name, place in shown.items()}


class LAMB(keras.optimizers.Optimizer):
    """Adam's step, kernel by kernel scaled to the kernel's norm (You et al. 2019, algorithm 2).

    r = m' / (sqrt(v') + epsilon) + decay w;  w <- w - rate |w| / |r| r, with m' and v' the bias-
    corrected moments. What does not decay is not scaled either; the factor is 1 where a norm is 0.
    """

    def __init__(
        self, learning_rate, beta_1=0.9, weight_decay=0.0, beta_2=0.999, epsilon=1e-6, name="LAMB"
    ):
        super().__init__(name=name, jit_compile=False)
        self._learning_rate = self._build_learning_rate(learning_rate)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.decay_factor = weight_decay

    def build(self, var_list):
        """Creates the moments."""
        super().build(var_list)
        if not getattr(self, "_built", False):
            self.means = [self.add_variable_from_reference(v, "mean") for v in var_list]
            self.squares = [self.add_variable_from_reference(v, "square") for v in var_list]
            self._built = True

    def update_step(self, gradient, variable):
        """One step of one variable."""
        gradient = tf.convert_to_tensor(gradient)
        index = self._index_dict[self._var_key(variable)]
        mean, square = self.means[index], self.squares[index]
        mean.assign(self.beta_1 * mean + (1 - self.beta_1) * gradient)
        square.assign(self.beta_2 * square + (1 - self.beta_2) * gradient**2)
        step = tf.cast(self.iterations + 1, variable.dtype)
        update = mean / (1 - self.beta_1**step)
        update /= tf.sqrt(square / (1 - self.beta_2**step)) + self.epsilon
        rate = tf.cast(self.learning_rate, variable.dtype)
        if decays(variable):
            update += self.decay_factor * variable
            w, r = tf.norm(variable), tf.norm(update)
            rate = rate * tf.where((w > 0) & (r > 0), tf.math.divide_no_nan(w, r), 1.0)
        variable.assign_sub(rate * update)

    def get_config(self):
        """The constructor's arguments."""
        return {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "beta_1": self.beta_1,
            "weight_decay": self.decay_factor,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "name": self.name,
        }


def make_optimizer(name, learning_rate, momentum, weight_decay, trust_coefficient):
    """One of "lars", "sgd", "adam" (decoupled decay), "lamb"; rank-1 weights never decay.

    `momentum` is beta 1 of the latter two.
    """
    if name == "lars":
        return LARS(learning_rate, momentum, weight_decay, trust_coefficient)
    if name == "sgd":
        return MomentumOptimizer(learning_rate, momentum, weight_decay, name="SGD")
    if name == "adam":
        adam = keras.optimizers.AdamW(
            learning_rate, weight_decay, beta_1=momentum, jit_compile=False
        )
        adam.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return adam
    return LAMB(learning_rate, momentum, weight_decay)
