"""Steps, log, checkpoints, stopping: what every training shares. It knows no task.

fit(model, batches_from, variables, label="micle", start_step=200, config=config)
"""

import contextlib
import csv
import io
import math
import pathlib
import signal
import sys

import keras
import tensorflow as tf
import tqdm

from simclr_med import checkpoint, files
from simclr_med.errors import EXIT_TERMINATED, RunError
from simclr_med.unreadable import UNREADABLE


def fit(model, batches_from, variables, *, label, start_step, config, recover=None):
    """Trains a compiled `model` up to `config.train.steps`.

    Args:
      model: its `train_step` returns a dict of the step's own scalars, "loss" among them.
      batches_from: a number of steps done to a tf.data.Dataset with the batches after them.
      variables: name to variable, what a checkpoint holds.
      label: stands before the progress bar.
      start_step: steps already done.
      config: a `Config`.
      recover: called with the steps done when the next batch could not be read; returns whether it
        found and removed the cause. None where nothing can.

    Raises:
      RunError: the loss is not finite, or the data service fails; the last checkpoint stays.
      SystemExit: with code 143, after saving, on SIGTERM.
    """
    train = config.train
    if start_step >= train.steps:
        print(f"{label}: its {train.steps} steps were done already")
        return
    steps = Steps(start_step)
    log = StepLog(config.work_dir, steps, train.log_every)

    def save(step):
        log.write()
        checkpoint.save(config.work_dir, variables, step, train.keep_checkpoints)

    bar = tqdm.tqdm(
        desc=label,
        initial=start_step,
        total=train.steps,
        unit="step",
        mininterval=0.5 if sys.stderr.isatty() else 15,  # sparse where nobody watches
    )
    saver = Saver(save, steps, train.steps, train.save_every)
    callbacks = [steps, NonFiniteStop(steps), log, Progress(bar), saver]
    with bar, saver.on_termination():
        while steps.done < train.steps:
            left = train.steps - steps.done
            try:
                model.fit(
                    batches_from(steps.done), steps_per_epoch=left, verbose=0, callbacks=callbacks
                )
            except (*UNREADABLE, tf.errors.UnknownError) as error:
                if recover and recover(steps.done):
                    continue
                if config.data.data_service and isinstance(error, tf.errors.UnknownError):
                    raise RunError(
                        f"the data service failed after step {steps.done}: has a worker died? "
                        "Checkpoints are kept, and the same command goes on"
                    ) from error
                raise


class Steps(keras.callbacks.Callback):
    """Counts the steps done; first in the list, so that the others read it."""

    def __init__(self, done):
        super().__init__()
        self.done = done

    def on_train_batch_end(self, batch, logs=None):
        self.done += 1


class NonFiniteStop(keras.callbacks.Callback):
    """Stops at a loss that is not finite, before it can be saved."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            raise RunError(
                f"the loss is {logs['loss']} at step {self.steps.done}; checkpoints "
                "before it are kept. A smaller --learning_rate or longer warm-up may help"
            )


class StepLog(keras.callbacks.Callback):
    """log.csv: one row a step. Written with each checkpoint, so that both tell the same story."""

    def __init__(self, work_dir, steps, every):
        super().__init__()
        self.path = pathlib.Path(work_dir) / "log.csv"
        self.steps, self.every = steps, every
        self.rows = []
        if self.path.exists():
            with open(self.path, newline="", encoding="utf-8") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= steps.done]

    def on_train_batch_end(self, batch, logs=None):
        if self.steps.done % self.every == 0:
            values = {name: f"{float(value):.6g}" for name, value in logs.items()}
            self.rows.append({"step": self.steps.done, **values})

    def write(self):
        if self.rows:
            text = io.StringIO()
            writer = csv.DictWriter(text, list(self.rows[-1]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
            files.write_text(self.path, text.getvalue())


class Progress(keras.callbacks.Callback):
    """Shows each step, with its loss, in a tqdm bar."""

    def __init__(self, bar):
        super().__init__()
        self.bar = bar

    def on_train_batch_end(self, batch, logs=None):
        self.bar.set_postfix(loss=f"{logs['loss']:.3f}", refresh=False)
        self.bar.update()


class Saver(keras.callbacks.Callback):
    """Calls `save(step)` every so often, at the end, and on SIGTERM before leaving."""

    def __init__(self, save, steps, total, every):
        super().__init__()
        self.save, self.steps, self.total, self.every = save, steps, total, every
        self.terminated = False

    @contextlib.contextmanager
    def on_termination(self):
        """While the block runs, SIGTERM is kept until the step has ended."""

        def terminate(*_):
            self.terminated = True

        previous = signal.signal(signal.SIGTERM, terminate)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)

    def on_train_batch_end(self, batch, logs=None):
        step = self.steps.done
        if step % self.every == 0 or step == self.total or self.terminated:
            self.save(step)
        if self.terminated:
            print(f"terminated: saved step {step}; the same command goes on", file=sys.stderr)
            raise SystemExit(EXIT_TERMINATED)
