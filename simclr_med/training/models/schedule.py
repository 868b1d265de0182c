"""Learning rates: scaling with the batch, linear warm-up, cosine decay (SimCLR, appendix B)."""

import math

import keras
import tensorflow as tf


def scaled_learning_rate(learning_rate, batch_size, scaling):
    """Return the peak learning rate for a batch size (SimCLR, section 2.3 and appendix B.1).

    Args:
      learning_rate: positive.
      batch_size: examples a step.
      scaling: "none", "linear" (times batch_size / 256) or "sqrt" (times its root).
    """
    factor = {"none": 1.0, "linear": batch_size / 256, "sqrt": math.sqrt(batch_size)}
    return learning_rate * factor[scaling]


def make_schedule(name, peak, warmup_steps, total_steps):
    """Return the `LearningRateSchedule` "cosine" or "constant" of a run, both with warm-up.

    Args:
      name: of the schedule after the warm-up.
      peak, warmup_steps, total_steps: see `WarmUpCosine`.
    """
    if name == "constant":
        return WarmUp(peak, warmup_steps)
    return WarmUpCosine(peak, warmup_steps, total_steps)


@keras.saving.register_keras_serializable("simclr_med")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """`peak * step / warmup_steps`, then `peak`.

    Args:
      peak: learning rate after the warm-up.
      warmup_steps: 0 for none.
    """

    def __init__(self, peak: float, warmup_steps: int) -> None:
        super().__init__()
        self.peak, self.warmup_steps = peak, warmup_steps

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """Return the learning rate, a float32 scalar, of the step after `step` steps."""
        if not self.warmup_steps:
            return tf.constant(self.peak, tf.float32)
        return self.peak * tf.minimum(tf.cast(step, tf.float32) / self.warmup_steps, 1.0)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable("simclr_med")
class WarmUpCosine(keras.optimizers.schedules.LearningRateSchedule):
    """`peak * step / warmup_steps`, then a half cosine from `peak` to 0 at `total_steps`.

    Args:
      peak: learning rate after the warm-up.
      warmup_steps: 0 for none.
      total_steps: from there on the rate is 0.
    """

    def __init__(self, peak: float, warmup_steps: int, total_steps: int) -> None:
        super().__init__()
        self.peak, self.warmup_steps, self.total_steps = peak, warmup_steps, total_steps

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """Return the learning rate, a float32 scalar, of the step after `step` steps."""
        step = tf.cast(step, tf.float32)
        # Both are computed and one selected, so neither may divide by 0 where it is not wanted.
        warm = self.peak * step / max(1, self.warmup_steps)
        share = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        decayed = self.peak * 0.5 * (1 + tf.cos(math.pi * tf.clip_by_value(share, 0.0, 1.0)))
        return tf.where(step < self.warmup_steps, warm, decayed)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
        }
