"""The supervised model: a network and its head, trained by the task's loss.

classifier = SupervisedModel(network, task="multilabel")
classifier.compile(optimizer="sgd", metrics=["binary_accuracy"])
classifier.fit(images_and_targets, validation_data=others)
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from simclr_med import compat, distribute
from simclr_med.config.splits import TASKS
from simclr_med.encoders.recompute import forward
from simclr_med.training.models import objective
from simclr_med.training.models.measured_model import (
    MeasuredModel,
    deserialized,
    serialized,
    sums_of_each,
)


@keras.saving.register_keras_serializable("simclr_med")
class SupervisedModel(MeasuredModel):
    """A network and its head, trained by the task's loss.

    `fit` and `evaluate` take batches `(images, targets)`, `(images, targets, sample_weight)`, or
    dicts with "images" and "targets" and, with `change`, "draws". Targets are `[B, K]`, NaN where a
    finding is unknown; for "multiclass" also class numbers, `[B]` or `[B, 1]`; for a single finding
    also `[B]`. Calling the model, and `predict`, gives logits `[B, K]`; metrics that `compile` is
    given see probabilities, and the targets as they came.

    Args:
      network: a Keras model from images (or features) to logits `[B, K]`, trainable as a whole.
      task: "multiclass" or "multilabel", see `objective.summed_loss`.
      change: a `ChangeView`, which makes views of crops and draws; None where the batches bring
        views.
      gradient_checkpointing: "none", "stages" or "blocks", see `recompute.forward`.
      bn_statistics: "batch" or "frozen", see `recompute.forward`.
      label_smoothing, focal_gamma, class_weights: of the training loss, see `objective.losses`.
      rate_factors: path of a weight to the factor of its learning rate, see
        `rate_factors.rate_factors`; those not named have 1.

    Raises:
      ValueError: another task.
    """

    def __init__(
        self,
        network: keras.Model,
        task: str = "multiclass",
        *,
        change: Callable | None = None,
        gradient_checkpointing: str = "none",
        bn_statistics: str = "batch",
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
        class_weights: Any = None,
        rate_factors: dict[str, float] | None = None,
        **keras_settings: Any,
    ) -> None:
        super().__init__(**keras_settings)
        if task not in TASKS:
            raise ValueError(f"task {task!r}; expected one of {', '.join(TASKS)}")
        self.network = network
        self.task = task
        self.change = change
        self.gradient_checkpointing = gradient_checkpointing
        self.bn_statistics = bn_statistics
        self.label_smoothing, self.focal_gamma = label_smoothing, focal_gamma
        # As an array: of a list Keras would make something of its own.
        self.class_weights = (
            None if class_weights is None else np.asarray(class_weights, np.float32)
        )
        self.rate_factors = rate_factors or {}
        self.logits = forward(network, gradient_checkpointing, bn_statistics)

    def parts(self):
        """Return the network, by the name of its weights."""
        return {"network": self.network}

    def call(self, inputs, training=False):
        """Return the logits `[B, K]` of inputs."""
        return self.logits(inputs, training=training)

    def count(self, *targets):
        """Return the loss's denominator, over all replicas, by the targets of batches."""
        counts = [objective.labelled_count(part, self.task) for part in targets]
        return distribute.sum_of_replicas(tf.add_n(counts))

    def gradients(self, batch, count):
        """Return gradients, this replica's share of the loss, and logits, of a part of a batch.

        Args:
          batch: "images" and "targets"; "sample_weight" where there is one; "draws" with
            `change`.
          count: of the whole batch, see `count`.
        """
        views = self.views(batch)
        with tf.GradientTape() as tape:
            logits = self.logits_of(views, batch, training=True)
            loss = self.loss_share(batch, logits, count, **self.changes)
            scaled = compat.scaled(self.optimizer, loss)
        return tape.gradient(scaled, self.trainable_variables), loss, logits

    def views(self, batch):
        """Return the network's input in training, of a part of a batch."""
        images = batch["images"]
        return images if self.change is None else self.change(images, batch["draws"])

    def logits_of(self, views, batch, training):
        """Return the logits `[B, K]` of a part of a batch, by its views."""
        return self(views, training=training)

    @property
    def changes(self):
        """Settings that the training loss alone has, see `objective.losses`."""
        names = ("label_smoothing", "focal_gamma", "class_weights")
        return {name: getattr(self, name) for name in names}

    def loss_share(self, batch, logits, count, **changes):
        """Return the share of a part of a batch in the mean over `count`."""
        targets = objective.as_rows(batch["targets"], logits.shape[-1], self.task)
        weight = batch.get("sample_weight")
        summed = objective.summed_loss(targets, logits, self.task, weight, **changes)
        return tf.math.divide_no_nan(summed, count)

    def train_step(self, data, others=None):
        """Train on a batch of `fit`, or of the command; return means and metrics so far.

        Args:
          data: this replica's part of a batch; of a step in micro-batches, its last one.
          others: None, or of such a step the count of the whole batch, see `count`, and the sums of
            gradients and of losses over the other micro-batches.
        """
        batch = self.labelled(data)
        count = self.count(batch["targets"]) if others is None else others[0]
        gradients, loss, logits = self.gradients(batch, count)
        if others is not None:
            _, sums, before = others
            gradients, loss = sums_of_each(sums, gradients), before + loss
        scalars = self.update(gradients, {"loss": loss})
        return self._counted(batch, scalars, count, logits)

    def test_step(self, data):
        """Measure a batch of `evaluate` in inference mode; return means and metrics so far."""
        batch = self.labelled(data)
        count = self.count(batch["targets"])
        logits = self.logits_of(batch["images"], batch, training=False)
        loss = distribute.sum_of_replicas(self.loss_share(batch, logits, count))
        return self._counted(batch, {"loss": loss}, count, logits)

    def predict_step(self, data):
        """Return the logits of a batch of `predict`: inputs, or one of `fit`'s."""
        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self(inputs["images"] if isinstance(inputs, dict) else inputs, training=False)

    def _counted(self, batch, scalars, count, logits):
        self.epoch_means.update(scalars, weight=count)
        return self.compute_metrics(
            batch["images"],
            batch["targets"],
            objective.probabilities(logits, self.task),
            batch.get("sample_weight"),
        )

    def labelled(self, data):
        """Return a batch of `fit` as a dict with "images" and "targets".

        Raises:
          ValueError: it has no targets.
        """
        inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(data)
        if targets is not None:
            batch = {"images": inputs, "targets": targets}
            return batch if weights is None else batch | {"sample_weight": weights}
        if isinstance(inputs, dict) and {"images", "targets"} <= inputs.keys():
            return inputs
        raise ValueError("a batch is (images, targets) or a dict with images and targets")

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        weights = self.class_weights
        return super().get_config() | {
            "name": self.name,
            "network": serialized(self.network),
            "task": self.task,
            "change": serialized(self.change),
            "gradient_checkpointing": self.gradient_checkpointing,
            "bn_statistics": self.bn_statistics,
            "label_smoothing": self.label_smoothing,
            "focal_gamma": self.focal_gamma,
            "class_weights": None if weights is None else weights.tolist(),
            "rate_factors": dict(self.rate_factors),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Return the model of a `get_config`."""
        return cls(**deserialized(config, ("network", "change")))
