"""A step in less memory: several micro-batches, one after the other, one update.

The mathematics is the whole batch's, but for batch normalisation within an encoder, which sees the
images of one micro-batch, of all replicas. The last micro-batch goes through the model's own
`train_step`, with the sums of those before it.
"""

import tensorflow as tf

from simclr_med import compat
from simclr_med.encoders.normalization import statistics_kept
from simclr_med.training.models import objective
from simclr_med.training.models.contrastive import ContrastiveModel
from simclr_med.training.models.measured_model import sums_of_each


def micro_step(model, compiled):
    """Return a function of a step's micro-batches, a list, that takes the step.

    Args:
      model: a compiled `ContrastiveModel` or `SupervisedModel`.
      compiled: a function of one replica's computation to that of all, see `distribute.compiled`.
    """
    kind = GradientCache if isinstance(model, ContrastiveModel) else Accumulation
    return kind(model, compiled)


class GradientCache:
    """A contrastive step (Gao et al. 2021, "Scaling deep contrastive learning batch size", 3.2).

    The features of all micro-batches, the loss's gradient by each, then each micro-batch's
    gradients from those: exact, for a second forward pass. The projection head, which is small,
    sees the whole batch at once.
    """

    def __init__(self, model, compiled):
        self.model = model
        self._features = compiled(self.features)
        self._compare = compiled(self.compare)
        self._zeros = compiled(lambda: zero_gradients(model.encoder.trainable_variables))
        self._add_gradients = compiled(self.add_gradients)
        self._train_step = compiled(model.train_step)

    def __call__(self, batches):
        by_feature, by_head, scalars = self._compare(*[self._features(b) for b in batches])
        sums = self._zeros()
        for batch, gradient in zip(batches[:-1], by_feature[:-1], strict=True):
            sums = self._add_gradients(batch, gradient, sums)
        self._train_step(batches[-1], (by_feature[-1], sums, by_head, scalars))

    def features(self, batch):
        """Return the features `[2m, D]` of both views of a micro-batch."""
        model = self.model
        with statistics_kept(model.encoder):  # they move in the second pass
            return model.features(model.views(batch), training=True)

    def compare(self, *parts):
        """Return the loss's gradients by each part of the features and by the head, and scalars.

        Args:
          parts: features `[2m, D]` of each micro-batch, first views before second ones.
        """
        model, head = self.model, self.model.projection.trainable_variables
        parts = [tf.split(part, 2) for part in parts]
        with tf.GradientTape() as tape:
            tape.watch(parts)
            first, second = (tf.concat(view, 0) for view in zip(*parts, strict=True))
            projections = model.projected(tf.concat([first, second], 0), training=True)
            loss, scalars = objective.nt_xent(projections, model.temperature)
            scaled = compat.scaled(model.optimizer, loss)
        by_part, by_head = tape.gradient(scaled, [parts, head])
        return [tf.concat(pair, 0) for pair in by_part], by_head, {"loss": loss, **scalars}

    def add_gradients(self, batch, by_feature, sums):
        """Return `sums` and a micro-batch's gradients, see `ContrastiveModel.encoder_gradients`."""
        return sums_of_each(sums, self.model.encoder_gradients(batch, by_feature))


class Accumulation:
    """A supervised step: the micro-batches' gradients add up, each label counting alike."""

    def __init__(self, model, compiled):
        self.model = model
        self._count = compiled(model.count)
        self._zeros = compiled(self.zeros)
        self._add_gradients = compiled(self.add_gradients)
        self._train_step = compiled(model.train_step)

    def __call__(self, batches):
        count = self._count(*[batch["targets"] for batch in batches])
        sums, loss = self._zeros()
        for batch in batches[:-1]:
            sums, loss = self._add_gradients(batch, count, sums, loss)
        self._train_step(batches[-1], (count, sums, loss))

    def zeros(self):
        """Return gradients and a loss to add to."""
        return zero_gradients(self.model.trainable_variables), tf.constant(0.0)

    def add_gradients(self, batch, count, sums, loss):
        """Return `sums` and `loss` with a micro-batch's; `count` is of the whole batch."""
        gradients, share, _ = self.model.gradients(batch, count)
        return sums_of_each(sums, gradients), loss + share


def zero_gradients(variables):
    """Return a zero tensor of each variable's shape and type, a list."""
    return [tf.zeros(variable.shape, variable.dtype) for variable in variables]
