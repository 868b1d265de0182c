"""Steps, log, checkpoints, stopping: what every training shares. It knows no task.

fit(model, batches, variables, start_step=200, steps=1000, work_dir=..., save_every=100, keep=2)
"""

import csv
import io
import math
import pathlib
import signal
import sys

import keras
import tqdm

from simclr_med import checkpoint, files
from simclr_med.errors import EXIT_TERMINATED, RunError


def fit(model, batches, variables, *, label, start_step, config):
    """Trains a compiled `model` on `batches` up to `config.train.steps`.

    Args:
      model: its `train_step` returns a dict of the step's own scalars, "loss" among them.
      batches: a tf.data.Dataset with the batches from `start_step` on.
      variables: name to variable, what a checkpoint holds.
      label: stands before the progress bar.
      start_step: steps already done.
      config: a `Config`.

    Raises:
      RunError: the loss is not finite; the last checkpoint stays.
      SystemExit: with code 143, after saving, on SIGTERM.
    """
    train = config.train
    if start_step >= train.steps:
        print(f"{label}: its {train.steps} steps were done already")
        return
    log = StepLog(config.work_dir, start_step, train.log_every)

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
    with bar:
        callbacks = [
            NonFiniteStop(start_step),
            log,
            Progress(bar),
            Saver(save, start_step, train.steps, train.save_every),
        ]
        model.fit(batches, steps_per_epoch=train.steps - start_step, verbose=0, callbacks=callbacks)


class NonFiniteStop(keras.callbacks.Callback):
    """Stops at a loss that is not finite, before it can be saved."""

    def __init__(self, start_step):
        super().__init__()
        self.start_step = start_step

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            raise RunError(
                f"the loss is {logs['loss']} at step {self.start_step + batch + 1}; checkpoints "
                "before it are kept. A smaller --learning_rate or longer warm-up may help"
            )


class StepLog(keras.callbacks.Callback):
    """log.csv: one row a step. Written with each checkpoint, so that both tell the same story."""

    def __init__(self, work_dir, start_step, every):
        super().__init__()
        self.path = pathlib.Path(work_dir) / "log.csv"
        self.start_step, self.every = start_step, every
        self.rows = []
        if self.path.exists():
            with open(self.path, newline="", encoding="utf-8") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= start_step]

    def on_train_batch_end(self, batch, logs=None):
        step = self.start_step + batch + 1
        if step % self.every == 0:
            values = {name: f"{float(value):.6g}" for name, value in logs.items()}
            self.rows.append({"step": step, **values})

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

    def __init__(self, save, start_step, steps, every):
        super().__init__()
        self.save, self.start_step, self.steps, self.every = save, start_step, steps, every
        self.terminated = False

    def _terminate(self, *_):
        self.terminated = True

    def on_train_begin(self, logs=None):
        self.previous = signal.signal(signal.SIGTERM, self._terminate)

    def on_train_batch_end(self, batch, logs=None):
        step = self.start_step + batch + 1
        if step % self.every == 0 or step == self.steps or self.terminated:
            self.save(step)
        if self.terminated:
            print(f"terminated: saved step {step}; the same command goes on", file=sys.stderr)
            raise SystemExit(EXIT_TERMINATED)

    def on_train_end(self, logs=None):
        signal.signal(signal.SIGTERM, self.previous)
