"""The contrastive model: encoder and projection head, trained by NT-Xent on pairs of views.

model = ContrastiveModel(encoder, projection, temperature=0.1)
model.compile(optimizer=LARS(0.3))
model.fit(pairs, epochs=10)  # (view1, view2), or {"view1": ..., "view2": ...}
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from simclr_med import compat, distribute
from simclr_med.encoders.recompute import forward
from simclr_med.training.models import objective
from simclr_med.training.models.measured_model import (
    MeasuredModel,
    deserialized,
    serialized,
    sums_of_each,
)


@keras.saving.register_keras_serializable("simclr_med")
class ContrastiveModel(MeasuredModel):
    """Encoder and projection head, trained by NT-Xent on batches of two views.

    Whose views the two are, of one image (SimCLR) or of two images of a case (MICLe), is the
    batches' affair. Batch normalisation sees both views at once, as SimCLR's does.

    `fit` and `evaluate` take batches `(view1, view2)`, or dicts with "view1" and "view2", images
    `[B, H, W, C]`; with `change` also "draws1" and "draws2". Calling the model, and `predict`,
    takes images to projections `[B, P]`.

    Args:
      encoder: a Keras model, images `[B, H, W, C]` to features `[B, D]`.
      projection: a Keras model, features to projections `[B, P]`.
      temperature: of NT-Xent, above 0.
      change: a `ChangeView`, which makes views of crops and draws; None where the batches bring
        views.
      gradient_checkpointing: "none", "stages" or "blocks", see `recompute.forward`.
      bn_statistics: "batch" or "frozen", see `recompute.forward`.
    """

    objectives = ("loss", "contrastive_accuracy", "contrastive_entropy")

    def __init__(
        self,
        encoder: keras.Model,
        projection: keras.Model,
        temperature: float = 0.1,
        *,
        change: Callable | None = None,
        gradient_checkpointing: str = "none",
        bn_statistics: str = "batch",
        **keras_settings: Any,
    ) -> None:
        super().__init__(**keras_settings)
        self.encoder = encoder
        self.projection = projection
        self.temperature = temperature
        self.change = change
        self.gradient_checkpointing = gradient_checkpointing
        self.bn_statistics = bn_statistics
        self.features = forward(encoder, gradient_checkpointing, bn_statistics)
        self.projected = forward(projection, "none", bn_statistics)

    def parts(self):
        """Return encoder and projection head, by the names of their weights."""
        return {"encoder": self.encoder, "projection": self.projection}

    def call(self, images, training=False):
        """Return the projections `[B, P]` of images `[B, H, W, C]`."""
        return self.projected(self.features(images, training=training), training=training)

    def views(self, batch):
        """Return both views, `[2b, H, W, C]`, of a batch of `contrastive_batches`."""
        images = tf.concat([batch["view1"], batch["view2"]], axis=0)
        if self.change is None:
            return images
        return self.change(images, tf.concat([batch["draws1"], batch["draws2"]], axis=0))

    def gradients(self, batch):
        """Return gradients, and this replica's share of the scalars, of a whole batch."""
        images = self.views(batch)
        with tf.GradientTape() as tape:
            projections = self(images, training=True)  # [2b, P]
            loss, scalars = objective.nt_xent(projections, self.temperature)
            scaled = compat.scaled(self.optimizer, loss)
        return tape.gradient(scaled, self.trainable_variables), {"loss": loss, **scalars}

    def encoder_gradients(self, batch, by_feature):
        """Return the gradients by the encoder's variables of a micro-batch.

        Args:
          batch: a micro-batch of m pairs.
          by_feature: the loss's gradient by its features, `[2m, D]`.
        """
        images = self.views(batch)
        with tf.GradientTape() as tape:
            features = self.features(images, training=True)
        weights = self.encoder.trainable_variables
        return tape.gradient(features, weights, output_gradients=by_feature)

    def train_step(self, data, others=None):
        """Train on a batch of `fit`, or of the command; return the epoch's means so far.

        Args:
          data: this replica's part of a batch; of a step in micro-batches, its last one.
          others: None, or the rest of such a step, see `micro_batches.GradientCache`: the loss's
            gradients by the features of `data`, by the encoder as far as it comes from the other
            micro-batches, and by the projection head, and the step's scalars.
        """
        batch = as_pairs(data)
        if others is None:
            gradients, scalars = self.gradients(batch)
        else:
            by_feature, by_encoder, by_head, scalars = others
            own = self.encoder_gradients(batch, by_feature)
            gradients = [*sums_of_each(by_encoder, own), *by_head]
        scalars = self.update(gradients, scalars)
        self.epoch_means.update(scalars, weight=tf.shape(batch["view1"])[0])
        return self.get_metrics_result()

    def test_step(self, data):
        """Measure a batch of `evaluate` in inference mode; return the means so far."""
        batch = as_pairs(data)
        projections = self(self.views(batch), training=False)
        loss, scalars = objective.nt_xent(projections, self.temperature)
        scalars = distribute.sum_of_replicas({"loss": loss, **scalars})
        self.epoch_means.update(scalars, weight=tf.shape(batch["view1"])[0])
        return self.get_metrics_result()

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return super().get_config() | {
            "name": self.name,
            "encoder": serialized(self.encoder),
            "projection": serialized(self.projection),
            "temperature": self.temperature,
            "change": serialized(self.change),
            "gradient_checkpointing": self.gradient_checkpointing,
            "bn_statistics": self.bn_statistics,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Return the model of a `get_config`."""
        return cls(**deserialized(config, ("encoder", "projection", "change")))


def as_pairs(data):
    """Return a batch of `fit` as a dict with "view1" and "view2".

    Args:
      data: such a dict, or a pair of both views.

    Raises:
      ValueError: it is neither.
    """
    first, second, weights = keras.utils.unpack_x_y_sample_weight(data)
    if isinstance(first, dict) and {"view1", "view2"} <= first.keys():
        return first
    if second is None and isinstance(first, (tuple, list)) and len(first) == 2:
        first, second = first  # both came as x
    if second is None or weights is not None:
        raise ValueError(
            "a contrastive batch is (view1, view2), or a dict with view1 and view2; this has "
            + (f"the keys {', '.join(first)}" if isinstance(first, dict) else "another structure")
        )
    return {"view1": first, "view2": second}
