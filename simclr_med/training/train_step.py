"""One training step: of a whole batch, or, in less memory, of micro-batches.

    step = steps.of(model, strategy, micro_batches=4)
    scalars = step([batch1, batch2, batch3, batch4])

A batch is what one replica holds of it. Both kinds of steps have the same mathematics but for the
batch normalisation within an encoder, which sees the images of one micro-batch, of all replicas.
"""

import keras
import tensorflow as tf

from simclr_med import compat, distribute
from simclr_med.training.optimizer import trust_ratios


class Trained(keras.Model):
    """What every model that is trained here does with its gradients.

    A subclass has `train_step(batch)` for a whole batch, and `micro_step(run)`, a function of a
    list of batches; `run` compiles what each replica does.
    """

    def prepare(self, optimizer):
        """Makes the model ready for steps with `optimizer`; in the strategy's scope."""
        self.compile(optimizer=optimizer, jit_compile=False)
        compat.build_optimizer(self.optimizer, self.trainable_variables)

    def update(self, gradients, scalars):
        """Applies the sum of the replicas' gradients; the step's scalars, of all replicas.

        Args:
          gradients: of this replica, of its share of the loss, times the loss scale.
          scalars: a dict; "loss" is this replica's share of a sum.
        """
        gradients = compat.unscaled(self.optimizer, distribute.total(gradients))
        variables = self.trainable_variables
        ratios = trust_ratios(compat.inner(self.optimizer), gradients, variables)
        compat.apply_sums(self.optimizer, gradients, variables)
        return {
            **distribute.total(scalars),
            "learning_rate": compat.learning_rate(self.optimizer),  # that of the step just done
            "gradient_norm": tf.linalg.global_norm(gradients),
            **ratios,
            **compat.loss_scale(self.optimizer),
        }


def zeros(variables):
    """Gradients to add to."""
    return [tf.zeros(variable.shape, variable.dtype) for variable in variables]


def added(sums, gradients):
    """Element by element."""
    return [one + other for one, other in zip(sums, gradients, strict=True)]


def of(model, strategy, micro_batches=1, jit_compile=False):
    """A function from `micro_batches` batches, a list, to the step's scalars, a dict of floats.

    Args:
      model: a `Trained`, built and prepared in the strategy's scope.
      strategy: a tf.distribute strategy.
      micro_batches: 1 for a whole batch at once.
      jit_compile: by XLA.
    """

    def run(function):
        return distribute.compiled(function, strategy, jit_compile)

    if micro_batches > 1:
        step = model.micro_step(run)
    else:
        whole = run(model.train_step)

        def step(batches):
            return whole(batches[0])

    def floats(batches):
        scalars = distribute.first(strategy, step(batches))
        # One reading of the device, not one a scalar.
        values = tf.stack([tf.cast(value, tf.float32) for value in scalars.values()]).numpy()
        return dict(zip(scalars, values.tolist(), strict=True))

    return floats
