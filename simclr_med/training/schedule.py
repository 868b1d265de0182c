"""Learning rates: scaling with the batch, linear warm-up, cosine decay (SimCLR, appendix B)."""

import math

import keras
import tensorflow as tf


def scaled_learning_rate(learning_rate, batch_size, scaling):
    """Return the peak rate: "none", "linear" (times batch / 256) or "sqrt" (times its root)."""
    factor = {"none": 1.0, "linear": batch_size / 256, "sqrt": math.sqrt(batch_size)}
    return learning_rate * factor[scaling]


@keras.utils.register_keras_serializable("simclr_med")
class WarmUpCosine(keras.optimizers.schedules.LearningRateSchedule):
    """`peak * step / warmup_steps`, then a half cosine from `peak` to 0 at `total_steps`."""

    def __init__(self, peak, warmup_steps, total_steps):
        super().__init__()
        self.peak, self.warmup_steps, self.total_steps = peak, warmup_steps, total_steps

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        warm = self.peak * step / max(1, self.warmup_steps)
        share = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        decayed = self.peak * 0.5 * (1 + tf.cos(math.pi * tf.clip_by_value(share, 0.0, 1.0)))
        return tf.where(step < self.warmup_steps, warm, decayed)

    def get_config(self):
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
        }
