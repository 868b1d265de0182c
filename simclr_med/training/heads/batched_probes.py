"""Many linear probes at once: all settings, parts of the labels and seeds as one batched problem.

    probes = train_probes(features, targets, [Group(rows, seed=0, ...)], batch_size=256, ...)
    logits = probes.logits(others)  # [G, M, S, K]

Each probe sees the batches and takes the steps that `--mode=linear_probe` has with its setting: SGD
with momentum on standardised features, from zero. G groups learn from the same batches with S
settings each, so that a step is one product for all heads. Letters: M rows of features, U units
(images, or cases as bags of N rows at most), D features, K classes.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from simclr_med import graphs, progress
from simclr_med.data.requirements import refuse_large_batch
from simclr_med.encoders import heads
from simclr_med.training.heads import probe_units
from simclr_med.training.heads.probe_units import batch_rows
from simclr_med.training.models import objective
from simclr_med.training.models.bags import case_logits

AT_ONCE = 100  # steps in a call of the compiled function


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """Probes that learn from the same batches.

    Attributes:
      units: int `[u]`, that are learnt from.
      seed: of the order of batches.
      rates: float `[S]`, peak learning rate of each.
      decays: float `[S]`, weight decay of each.
      class_weights: `[2, K]`, of the loss of its units, see `head_loss.class_weights`; of all
        groups or of none.
    """

    units: np.ndarray
    seed: int
    rates: tuple
    decays: tuple
    class_weights: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Settings that all probes have in common.

    Attributes:
      batch_size, steps, momentum: of SGD.
      factor: a function of the step, a float32 scalar, to the factor of the peak rate.
      label_smoothing, focal_gamma: see `objective.losses`.
    """

    batch_size: int
    steps: int
    momentum: float
    factor: object
    label_smoothing: float = 0.0
    focal_gamma: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Probes:
    """Trained probes.

    Attributes:
      means, variances: float64 `[G, D]`, of the features, by which they are standardised.
      kernels: float32 `[G, D, S, K]`.
      biases: float32 `[G, S, K]`.
      diverged: int `[G, S]`, the first step whose loss was not finite, 0 where all were.
    """

    means: np.ndarray
    variances: np.ndarray
    kernels: np.ndarray
    biases: np.ndarray
    diverged: np.ndarray

    def logits(self, features, group):
        """Return the logits `[S, M, K]` of features `[M, D]` by the probes of a group."""
        units, settings, classes = self.kernels.shape[1:]
        scaled = (features - self.means[group]) / np.sqrt(self.variances[group])
        kernel = self.kernels[group].reshape(units, -1)
        logits = scaled.astype(np.float32) @ kernel + self.biases[group].reshape(-1)
        return logits.reshape(len(features), settings, classes).transpose(1, 0, 2)


def train_probes(features, targets, groups, task, schedule, offsets=None):
    """Return the `Probes` of all groups.

    Args:
      features: float32 `[M, D]`.
      targets: float32 `[U, K]`, NaN where a finding is unknown.
      groups: G `Group`s of the same number S of settings.
      task: "multiclass" or "multilabel".
      schedule: a `Schedule`.
      offsets: int64 `[U + 1]`, of units that have several rows: the loss is of the mean of their
        probabilities; None where each row is a unit.

    Raises:
      InputError: a group has fewer units than a batch.
    """
    for group in groups:
        refuse_large_batch(schedule.batch_size, len(group.units), "that a group learns from")
    offsets = np.arange(len(targets) + 1) if offsets is None else offsets
    members, counted = probe_units.members(offsets)
    own = [members[group.units][counted[group.units]] for group in groups]
    moments = [heads.moments(features[rows]) for rows in own]
    means, variances = (np.stack(part) for part in zip(*moments, strict=True))
    shape = (len(groups), features.shape[1], len(groups[0].rates), targets.shape[1])
    with progress.shown_meanwhile("probes", "step", schedule.steps) as shown:
        rows = (features, members, counted)
        problem = _Problem(rows, targets, groups, (means, variances), task, schedule, shape)
        for start in range(0, schedule.steps, AT_ONCE):
            stop = min(start + AT_ONCE, schedule.steps)
            problem.advance(tf.constant(problem.batches(start, stop)), tf.constant(start))
            shown.to(stop)
    kernels = problem.kernel.numpy().reshape(shape)
    biases = problem.bias.numpy().reshape(shape[0], *shape[2:])
    diverged = problem.diverged.numpy()
    # The last step's loss was finite before its update.
    finite = np.isfinite(kernels).all(axis=(1, 3)) & np.isfinite(biases).all(axis=2)
    diverged = np.where(finite | (diverged > 0), diverged, schedule.steps)
    return Probes(means, variances, kernels, biases, diverged)


class _Problem(tf.Module):
    """The state of all probes, and their steps; kernels lie as `[G, D, S K]`."""

    def __init__(self, rows, targets, groups, moments, task, schedule, shape):
        super().__init__()
        self.groups, self.task, self.schedule, self.shape = groups, task, schedule, shape
        g, d, s, k = shape
        self.features, self.members, self.counted = map(tf.constant, rows)
        self.targets = tf.constant(targets)
        self.means = tf.constant(moments[0][:, None], tf.float32)  # [G, 1, D]
        self.scales = tf.constant(1 / np.sqrt(moments[1])[:, None], tf.float32)
        each = [(group.rates, group.decays) for group in groups]
        spread = np.repeat(np.asarray(each, np.float32), k, axis=2)  # [G, 2, S K]
        self.rates, self.decays = (tf.constant(spread[:, i : i + 1]) for i in range(2))
        self.kernel, self.kernel_steps = (tf.Variable(tf.zeros([g, d, s * k])) for _ in range(2))
        self.bias, self.bias_steps = (tf.Variable(tf.zeros([g, 1, s * k])) for _ in range(2))
        self.diverged = tf.Variable(tf.zeros([g, s], tf.int32))

    def batches(self, start, stop):
        """Return the units in each group's batches, int32 `[T, G, B]`."""
        size = self.schedule.batch_size
        each = [
            group.units[batch_rows(len(group.units), size, group.seed, start, stop)]
            for group in self.groups
        ]
        return np.stack(each, axis=1).astype(np.int32)

    @graphs.function(reduce_retracing=True)
    def advance(self, batches, start):
        """Take the steps of `batches`, int32 `[T, G, B]`, after `start` steps."""

        def one(i):
            self._step(batches[i], start + i)
            return (i + 1,)

        steps = tf.shape(batches)[0]
        tf.while_loop(lambda i: i < steps, one, [0], parallel_iterations=1)

    def _step(self, units, step):
        rows = tf.reshape(tf.gather(self.members, units), [self.shape[0], -1])  # [G, B N]
        x = (tf.gather(self.features, rows) - self.means) * self.scales  # [G, B N, D]
        logits = tf.matmul(x, self.kernel) + self.bias  # [G, B N, S K]
        losses, slope = self._losses_and_slope(units, logits)
        fine = tf.math.is_finite(losses) | (self.diverged > 0)
        self.diverged.assign(tf.where(fine, self.diverged, step + 1))
        rates = self.rates * self.schedule.factor(tf.cast(step, tf.float32))
        gradient = tf.matmul(x, slope, transpose_a=True) + self.decays * self.kernel
        self._move(self.kernel, self.kernel_steps, rates * gradient)
        self._move(self.bias, self.bias_steps, rates * tf.reduce_sum(slope, 1, keepdims=True))

    def _losses_and_slope(self, units, logits):
        """Return each probe's loss `[G, S]`, and the slope of it by its logits `[G, B N, S K]`."""
        g, _, s, k = self.shape
        size, targets = self.schedule.batch_size, tf.gather(self.targets, units)  # [G, B, K]
        wide = tf.repeat(targets[:, :, None], s, axis=2)  # [G, B, S, K]
        with tf.GradientTape() as tape:
            tape.watch(logits)
            wide = tf.reshape(wide, [-1, k])
            each = objective.losses(
                wide,
                self._of_units(units, tf.reshape(logits, [-1, k])),
                self.task,
                self.schedule.label_smoothing,
                self.schedule.focal_gamma,
                self._class_weights(),
            )
            summed = tf.reduce_sum(tf.reshape(each, [g, size, s]), axis=1)
            counts = [objective.labelled_count(targets[i], self.task) for i in range(g)]
            means = tf.math.divide_no_nan(summed, tf.stack(counts)[:, None])  # [G, S]
            total = tf.reduce_sum(means)
        return means, tape.gradient(total, logits)

    def _of_units(self, units, logits):
        """Return the logits of units, `[G B S, K]`, by those of their rows, `[G B N S, K]`."""
        settings, most = self.shape[2], self.members.shape[1]
        if most == 1:
            return logits
        cases = tf.size(units)
        owner = tf.reshape(tf.range(cases * settings), [-1, 1, settings])
        owner = tf.reshape(tf.repeat(owner, most, axis=1), [-1])
        counted = tf.repeat(tf.reshape(tf.gather(self.counted, units), [-1]), settings)
        return case_logits(logits, owner, cases * settings, "probabilities", self.task, counted)

    def _class_weights(self):
        """Return the weights of absent and present classes, `[2, G B S, K]`, or None."""
        if self.groups[0].class_weights is None:
            return None
        each = tf.stack([group.class_weights for group in self.groups], axis=1)  # [2, G, K]
        return tf.repeat(each, self.schedule.batch_size * self.shape[2], axis=1)

    def _move(self, variable, steps, step):
        steps.assign(self.schedule.momentum * steps + step)
        variable.assign_sub(steps)
