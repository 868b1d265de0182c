"""What surrounds training steps, as Keras callbacks: for `fit`, and for our own loop in trainer.py.

    stop = StopOnSigterm()
    model.fit(pairs, callbacks=[RefuseDivergence(), RunLog("work/a"), stop, Checkpoints("work/a")])

Their order matters where they meet at one step: what stops or refuses stands before what saves.
What a step measured is read some steps later, many at once, so that the host need not wait for the
device at each.
"""

import math
import signal
import sys

import tensorflow as tf
import tqdm

from simclr_med import compat, distribute
from simclr_med.errors import RunError

READ_EVERY = 10  # steps between two readings of the device


class StepCallback(compat.AsynchronousCallback):
    """A callback that is told how many steps are done, those of former runs among them.

    A subclass has `after_step(step, logs)`, and `close()` where it holds something.

    Attributes:
      done: steps done.
    """

    def on_train_begin(self, logs=None):
        """Count from the step on that our loop or the optimizer is at."""
        start = self.params.get("start_step")
        self.done = int(self.model.optimizer.iterations) if start is None else start

    def on_train_batch_begin(self, batch, logs=None):
        """Note where an execution begins: with `steps_per_execution` it has several steps."""
        self._begun = batch

    def on_train_batch_end(self, batch, logs=None):
        """Count the steps of an execution."""
        self.done += batch - self._begun + 1
        self.after_step(self.done, logs or {})

    def on_train_end(self, logs=None):
        """Close; a training that fails closes without it."""
        self.close()

    def after_step(self, step, logs):
        """Do what is due when `step` steps are done."""

    def close(self):
        """Give back what is held; may be called twice."""

    def writes(self):
        """Return whether this process writes for all machines."""
        return distribute.is_chief(self.model.distribute_strategy)


class DeferredReader(StepCallback):
    """A callback that keeps steps' measurements on the device, and reads many at once.

    A subclass has `take(step, scalars)`, called in order, some steps late; `read` makes up leeway.

    Args:
      read_every: steps from one reading to the next, above 0.
    """

    def __init__(self, read_every=READ_EVERY):
        super().__init__()
        self.read_every, self._kept = read_every, []

    def after_step(self, step, logs):
        """Keep the step; read when it is time."""
        self._kept.append((step, self.model.last_step.tensor()))
        if step % self.read_every == 0:
            self.read()

    def read(self):
        """Take all steps that are kept; waits for the device."""
        if not self._kept:
            return
        steps, tensors = zip(*self._kept, strict=True)
        self._kept = []
        for step, values in zip(steps, tf.stack(tensors).numpy(), strict=True):
            self.take(step, self.model.last_step.scalars(values))

    def on_train_end(self, logs=None):
        """Read what is left."""
        self.read()
        super().on_train_end(logs)

    def take(self, step, scalars):
        """Use the scalars `{name: float}` of a step."""
        raise NotImplementedError


class RefuseDivergence(DeferredReader):
    """Stops training with a `RunError` when loss or gradients are not finite.

    `Checkpoints(before_save=[divergence.read])` has no step saved that is yet to be looked at.
    """

    def take(self, step, scalars):
        """Raise `RunError` unless the step's loss and gradients are finite."""
        # A step whose gradients overflow in float16 is skipped, and the scale lowered.
        watched = ("loss",) if "loss_scale" in scalars else ("loss", "gradient_norm")
        for name in watched:
            if not math.isfinite(scalars[name]):
                raise RunError(
                    f"the {name} is {scalars[name]} at step {step}; checkpoints before it are "
                    "kept. A smaller --learning_rate or longer warm-up may help"
                )


class StopOnSigterm(StepCallback):
    """Stops training after the step under way when SIGTERM comes, on all machines at one step.

    The signal is taken over from the training's begin to its end, or, where it fails, to `close`.

    Attributes:
      stopped: whether training was stopped so.
    """

    stopped = False

    def on_train_begin(self, logs=None):
        """Take the signal over."""
        super().on_train_begin(logs)
        self.stopped = self._asked = False
        self._previous = signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_):
        self._asked = True

    def after_step(self, step, logs):
        """Stop where any machine was asked to."""
        if distribute.any_worker(self.model.distribute_strategy, self._asked):
            self.stopped = self.model.stop_training = True

    def close(self):
        """Give the signal back."""
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
            self._previous = None


class Profile(StepCallback):
    """Writes a profile of some steps for TensorBoard.

    Args:
      folder: where TensorBoard looks.
      first, last: steps of the run, counted from 1.
    """

    def __init__(self, folder, first, last):
        super().__init__()
        self.folder, self.first, self.last = str(folder), first, last
        self._profiling = False

    def on_train_batch_begin(self, batch, logs=None):
        """Begin before the first step."""
        super().on_train_batch_begin(batch, logs)
        if self.done + 1 == self.first and not self._profiling and self.writes():
            tf.profiler.experimental.start(self.folder)
            self._profiling = True

    def after_step(self, step, logs):
        """End after the last step, when the device has done it."""
        if step >= self.last and self._profiling:
            self.model.last_step.scalars()
            self.close()

    def close(self):
        """End a profile that is under way."""
        if self._profiling:
            self._profiling = False
            tf.profiler.experimental.stop()


class Progress(StepCallback):
    """A bar on stderr: steps done of all, and a loss; sparse where nobody watches.

    Args:
      label: stands before it.
      steps: of the whole run.
    """

    def __init__(self, label, steps):
        super().__init__()
        self.label, self.steps = label, steps

    def on_train_begin(self, logs=None):
        """Show the bar."""
        super().on_train_begin(logs)
        self._bar = tqdm.tqdm(
            desc=self.label,
            initial=self.done,
            total=self.steps,
            unit="step",
            mininterval=0.5 if sys.stderr.isatty() else 15,
            disable=not self.writes(),
        )

    def after_step(self, step, logs):
        """Move the bar; the loss is read where it is shown."""
        if self._bar.update():
            loss = self.model.last_step.scalars()["loss"]
            self._bar.set_postfix(loss=f"{loss:.3f}")

    def close(self):
        """End the bar."""
        self._bar.close()
