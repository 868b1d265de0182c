"""A step in less memory: several micro-batches, one after the other, one update.

The mathematics is the whole batch's, but for batch normalisation within an encoder, which sees the
images of one micro-batch, of all replicas.
"""

import tensorflow as tf

from simclr_med import compat
from simclr_med.encoders.normalization import statistics_kept
from simclr_med.training.models import objective
from simclr_med.training.models.contrastive import ContrastiveModel


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
        self.encoder_variables = model.encoder.trainable_variables
        self._features = compiled(self.features)
        self._compare = compiled(self.compare)
        self._zeros = compiled(lambda: zero_gradients(self.encoder_variables))
        self._add_gradients = compiled(self.add_gradients)
        self._update = compiled(self.update)

    def __call__(self, batches):
        by_feature, by_head, scalars = self._compare(*[self._features(b) for b in batches])
        sums = self._zeros()
        for batch, gradient in zip(batches, by_feature, strict=True):
            sums = self._add_gradients(batch, gradient, sums)
        self._update(sums, by_head, scalars)

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
        """Return `sums` and a micro-batch's gradients by the encoder's variables.

        Args:
          batch: a micro-batch.
          by_feature: the loss's gradient by its features, `[2m, D]`.
          sums: of those before it.
        """
        images = self.model.views(batch)
        with tf.GradientTape() as tape:
            features = self.model.features(images, training=True)
        gradients = tape.gradient(features, self.encoder_variables, output_gradients=by_feature)
        return sums_of_each(sums, gradients)

    def update(self, by_encoder, by_head, scalars):
        """Apply the step's gradients."""
        self.model.update([*by_encoder, *by_head], scalars)


class Accumulation:
    """A supervised step: the micro-batches' gradients add up, each label counting alike."""

    def __init__(self, model, compiled):
        self.model = model
        self._count = compiled(model.count)
        self._zeros = compiled(self.zeros)
        self._add_gradients = compiled(self.add_gradients)
        self._update = compiled(self.update)

    def __call__(self, batches):
        count = self._count(*[batch["targets"] for batch in batches])
        sums, loss = self._zeros()
        for batch in batches:
            sums, loss = self._add_gradients(batch, count, sums, loss)
        self._update(sums, loss)

    def zeros(self):
        """Return gradients and a loss to add to."""
        return zero_gradients(self.model.trainable_variables), tf.constant(0.0)

    def add_gradients(self, batch, count, sums, loss):
        """Return `sums` and `loss` with a micro-batch's; `count` is of the whole batch."""
        gradients, share, _ = self.model.gradients(batch, count)
        return sums_of_each(sums, gradients), loss + share

    def update(self, sums, loss):
        """Apply the step's gradients."""
        self.model.update(sums, {"loss": loss})


def zero_gradients(variables):
    """Return a zero tensor of each variable's shape and type, a list."""
    return [tf.zeros(variable.shape, variable.dtype) for variable in variables]


def sums_of_each(tensors, others):
    """Return the sums of two lists' tensors, pair by pair."""
    return [one + other for one, other in zip(tensors, others, strict=True)]
