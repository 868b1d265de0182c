"""Keras callbacks around training steps: for `fit`, and for our own loop in trainer.py.

    stop = StopOnSigterm()
    model.fit(pairs, callbacks=[RefuseDivergence(), RunLog("work/a"), stop, Checkpoints("work/a")])

Their order matters where they meet at one step: those that stop or refuse stand before those that
save.
A step's measurements are read some steps later, many at once, so that the host need not wait for
the device at each.
"""

import math
import signal
import threading
from collections.abc import Sequence

import tensorflow as tf

from simclr_med import compat, distribute, progress
from simclr_med.errors import DivergedError

READ_EVERY = 10  # steps between two readings of the device
GRADIENTS = ("gradient_norm", "trust_min", "trust_median", "trust_max")  # of a step's scalars


class StepCallback(compat.AsynchronousCallback):
    """A callback that counts the steps done, those of former runs among them.

    A subclass has `after_step(step, logs)`, and `close()` where it holds something.

    Attributes:
      done: steps done.
    """

    def on_train_begin(self, logs=None):
        """Count from the step on that our loop or the optimizer is at."""
        start = self.params.get("start_step")
        self.done = int(self.model.optimizer.iterations.numpy()) if start is None else start
        self._executed = 0

    def on_train_batch_begin(self, batch, logs=None):
        """Note where an execution begins: with `steps_per_execution` it has several steps."""
        self._begun = batch

    def on_train_batch_end(self, batch, logs=None):
        """Count the steps of an execution."""
        self._executed = batch - self._begun + 1
        self.done += self._executed
        self.after_step(self.done, logs or {})

    def reached(self, every):
        """Return True if the execution just done had a step that is a multiple of `every`."""
        return self.done // every > (self.done - self._executed) // every

    def on_train_end(self, logs=None):
        """Close; a training that fails closes without it."""
        self.close()

    def after_step(self, step, logs):
        """Act when `step` steps are done."""

    def close(self):
        """Release all resources; may be called twice."""

    def writes(self):
        """Return True in the process that writes for all machines."""
        return distribute.is_chief(self.model.distribute_strategy)


class DeferredReader(StepCallback):
    """A callback that keeps steps' measurements on the device, and reads many at once.

    Of a `MeasuredModel` they are the step's own, of another Keras model the logs of Keras: the
    epoch's means so far.

    A subclass has `take(step, scalars)`, called in order, some steps late; `read` makes up leeway.

    Args:
      read_every: steps from one reading to the next, above 0.
    """

    def __init__(self, read_every: int = READ_EVERY) -> None:
        super().__init__()
        self.read_every, self._kept = read_every, []

    def on_train_begin(self, logs=None):
        """Begin anew; a training that failed may have left steps."""
        super().on_train_begin(logs)
        self._kept = []

    def after_step(self, step, logs):
        """Keep the step; read when it is time."""
        self._kept.append((step, *self._measured(logs)))
        if self.reached(self.read_every):
            self.read()

    def _measured(self, logs):
        """Return names, and their values as a tensor that is not waited for."""
        own = getattr(self.model, "last_step", None)
        if own is not None:
            return own.names, own.tensor()
        return tuple(logs), tf.stack([tf.cast(value, tf.float32) for value in logs.values()])

    def read(self):
        """Take all steps that are kept; waits for the device."""
        if not self._kept:
            return
        steps, names, tensors = zip(*self._kept, strict=True)
        self._kept = []
        for step, own, values in zip(steps, names, tf.stack(tensors).numpy(), strict=True):
            self.take(step, dict(zip(own, values.tolist(), strict=True)))

    def on_train_end(self, logs=None):
        """Read the steps that are left."""
        self.read()
        super().on_train_end(logs)

    def take(self, step, scalars):
        """Use the scalars `{name: float}` of a step."""
        raise NotImplementedError


class RefuseDivergence(DeferredReader):
    """Stops training with a `DivergedError` when loss, gradients or trust ratios are not finite.

    `Checkpoints(before_save=[divergence.read])` has no step saved that is yet to be looked at.
    """

    def take(self, step: int, scalars: dict[str, float]) -> None:
        """Raise `DivergedError` unless the step's loss, gradients and trust ratios are finite."""
        watched: tuple[str, ...] = ("loss", *GRADIENTS)
        # A step whose gradients overflow in float16 is skipped, and the scale halved. At a scale of
        # 1 the gradients themselves are not finite, and no step would be taken any more.
        if scalars.get("loss_scale", 0.0) > 1:
            watched = ("loss",)
        for name in watched:
            if not math.isfinite(scalars.get(name, 0.0)):  # only ours tell of gradients
                raise DivergedError(
                    f"the {name} is {scalars[name]} at step {step}; checkpoints before it are "
                    "kept. A smaller --learning_rate or longer warm-up may help",
                    step,
                )


class StopOnSigterm(StepCallback):
    """Stops training after the step under way when a signal comes, on all machines at one step.

    Signals are taken over from the training's begin to its end, or, where it fails, to `close`. A
    second signal ends the process at once, as if it had not been taken over.

    Args:
      signals: those that stop training; Ctrl-C is `signal.SIGINT`. One that the process ignores
        stays ignored; outside the main thread all are left alone.

    Attributes:
      stopped: True where training was stopped so.
      signal: the one that this process was sent, or None.
    """

    def __init__(self, signals: Sequence[int] = (signal.SIGTERM,)) -> None:
        super().__init__()
        self.signals = tuple(signals)
        self.stopped, self.signal, self._previous = False, None, {}

    def on_train_begin(self, logs=None):
        """Take the signals over."""
        super().on_train_begin(logs)
        self.close()  # a training that failed may have left them
        self.stopped, self.signal = False, None
        if threading.current_thread() is not threading.main_thread():
            return  # Python gives signals to the main thread alone
        for number in self.signals:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._ask)

    def _ask(self, number, frame):
        self.signal = number
        for taken in self._previous:  # not by Python, which would wait for TensorFlow
            signal.signal(taken, signal.SIG_DFL)

    def after_step(self, step, logs):
        """Stop where any machine was asked to."""
        if distribute.any_worker(self.model.distribute_strategy, self.signal is not None):
            self.stopped = self.model.stop_training = True

    def close(self):
        """Give the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}


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
    """Shows the number of steps done and a loss on stderr; see progress.py.

    Args:
      label: stands before it.
      steps: of the whole run.
    """

    def __init__(self, label, steps):
        super().__init__()
        self.label, self.steps, self._shown = label, steps, None

    def on_train_begin(self, logs=None):
        """Begin to show them, on one of the machines."""
        super().on_train_begin(logs)
        if self.writes():
            self._shown = progress.shown(self.label, "step", self.steps, self.done)

    def after_step(self, step, logs):
        """Show the step; the loss is read where it is shown."""
        if self._shown:
            self._shown.to(step, note=self._loss)

    def on_train_end(self, logs=None):
        """Show the last step."""
        if self._shown:
            self._shown.close(note=self._loss)
        super().on_train_end(logs)

    def _loss(self):
        return f"loss {self.model.last_step.scalars()['loss']:.3f}"

    def close(self):
        """Show no more."""
        if self._shown:
            self._shown.close()
