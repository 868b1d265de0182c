"""The supervised model of cases: the loss is of one answer for all images of a case."""

import keras
import tensorflow as tf

from simclr_med.training.models.bags import case_logits
from simclr_med.training.models.supervised import SupervisedModel


@keras.saving.register_keras_serializable("simclr_med")
class BagModel(SupervisedModel):
    """A network of images, trained by its answers for cases, see `bags.case_logits`.

    Batches are dicts with "images" `[B, N, H, W, C]`, "counted", bool `[B, N]`, which of them have
    a say, "targets" and, with `change`, "draws" `[B, N, n]`. All N are seen by batch normalisation.

    Args:
      network, task, settings: see `SupervisedModel`; with attention the network's last output is an
        image's score.
      bag: "features", "probabilities" or "attention".
    """

    def __init__(self, network, task="multiclass", *, bag="features", **settings):
        super().__init__(network, task, **settings)
        self.bag = bag

    def views(self, batch):
        """Return the views of all images, `[B, N, H, W, C]`."""
        names = [name for name in ("images", "draws") if name in batch]
        seen = super().views({name: _in_one_row(batch[name]) for name in names})
        return tf.reshape(seen, [-1, *batch["counted"].shape[1:], *seen.shape[1:]])

    def logits_of(self, views, batch, training):
        """Return the logits `[B, K]` of the cases of a part of a batch."""
        cases, images = tf.unstack(tf.shape(batch["counted"]))
        owner = tf.repeat(tf.range(cases), images)
        counted = tf.reshape(batch["counted"], [-1])
        outputs = self(_in_one_row(views), training=training)
        return case_logits(outputs, owner, cases, self.bag, self.task, counted)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return super().get_config() | {"bag": self.bag}


def _in_one_row(values):
    """Return `[B, N, ...]` as `[B N, ...]`."""
    return tf.reshape(values, [-1, *values.shape[2:]])
