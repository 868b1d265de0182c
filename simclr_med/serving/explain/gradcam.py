"""Where a head looked: Grad-CAM (Selvaraju et al. 2017).

explain = GradCam(*networks.load_trained("work/probe"))
maps, probabilities = explain(views, classes)  # [B, S, S] in [0, 1], [B, K]
"""

import keras
import tensorflow as tf

from simclr_med import graphs
from simclr_med.training.models import objective


class GradCam:
    """Maps of what spoke for a class, of the last feature map before its average over positions.

    Of a head that reads stage1 to stage3 it is that stage's; else the encoder's last.

    Args:
      config: the `Config` of the head's run.
      task: its `Task`.
      nets: its `Networks`.
    """

    def __init__(self, config, task, nets):
        self.task, self.head = task.task, nets.head
        inputs, read = nets.inputs, config.head.head_input
        pooling = f"{read}_pooled" if read.startswith("stage") else "features"
        pooled = inputs if read.startswith("stage") else nets.encoder
        self.model = keras.Model(
            inputs.inputs[0], [pooled.get_layer(pooling).input, inputs.outputs[0]]
        )

    @graphs.function(reduce_retracing=True)
    def __call__(self, views, classes):
        """Return maps `[B, S, S]`, their highest 1 (0 where nothing spoke), and probabilities.

        Args:
          views: float32 `[B, S, S, 3]` in [0, 1].
          classes: int `[B]`; of each view's class is the map. -1 is the one it has most of.
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
