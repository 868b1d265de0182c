"""Grad-CAM: the regions of an image that moved a class's score (Selvaraju et al. 2017).

explain = GradCam("multiclass", nets, config.head.head_input)
maps, probabilities = explain(views, classes)  # [B, S, S] in [0, 1], [B, K]
"""

import keras
import matplotlib
import numpy as np
import tensorflow as tf

from simclr_med import graphs
from simclr_med.encoders.networks import Networks
from simclr_med.training.models import objective


class GradCam:
    """Grad-CAM of the last feature map before its average over positions.

    A head that reads stage1 to stage3 has that stage's; others have the encoder's last.

    Args:
      task: "multiclass" or "multilabel".
      nets: the `Networks` of the head.
      read: the input of the head, --head_input.
    """

    def __init__(self, task: str, nets: Networks, read: str):
        self.task, self.head = task, nets.head
        inputs = nets.inputs
        pooling = f"{read}_pooled" if read.startswith("stage") else "features"
        pooled = inputs if read.startswith("stage") else nets.encoder
        self.model = keras.Model(
            inputs.inputs[0], [pooled.get_layer(pooling).input, inputs.outputs[0]]
        )

    @graphs.function(reduce_retracing=True)
    def __call__(self, views, classes):
        """Return maps `[B, S, S]`, their highest 1 (0 where none is positive), and probabilities.

        Args:
          views: float32 `[B, S, S, 3]` in [0, 1].
          classes: int `[B]`, the class of each view's map; -1 for its most probable class.
        """
        with tf.GradientTape() as tape:
            tape.watch(views)
            features, read = self.model(views, training=False)  # [B, h, w, D], [B, D]
            logits = self.head(read, training=False)  # [B, K]
            classes = tf.where(
                classes < 0, tf.argmax(logits, axis=1, output_type=tf.int32), classes
            )
            score = tf.gather(logits, classes, batch_dims=1)
        # Equation 1: a channel weighs its gradient's mean over positions; 2: the sum's ReLU.
        weights = tf.reduce_mean(tape.gradient(score, features), axis=[1, 2], keepdims=True)
        maps = tf.nn.relu(tf.reduce_sum(weights * features, axis=3, keepdims=True))  # [B, h, w, 1]
        maps = tf.image.resize(maps, tf.shape(views)[1:3])[..., 0]
        highest = tf.reduce_max(maps, axis=[1, 2], keepdims=True)
        return tf.math.divide_no_nan(maps, highest), objective.probabilities(logits, self.task)


def beside(view: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return a view and, beside it, the view under its map: uint8 `[S, 2 S, 3]`.

    Args:
      view: float `[S, S, 3]` in [0, 1].
      seen: its map, float `[S, S]` in [0, 1].
    """
    heat = matplotlib.colormaps["turbo"](seen)[..., :3]
    share = 0.6 * seen[..., None]  # regions that moved nothing stay as they are
    both = np.concatenate([view, (1 - share) * view + share * heat], axis=1)
    return np.round(255 * both).astype(np.uint8)
