"""Checkpoints beside the training: values are copied at their step, and written while it goes on.

saved = Checkpoints("work/a", every=200)
model.fit(pairs, callbacks=[saved])
"""

import concurrent.futures
import os
import pathlib
from collections.abc import Callable, Sequence

import tensorflow as tf

from simclr_med.encoders import checkpoint
from simclr_med.errors import UNWRITABLE, InputError, RunError
from simclr_med.runs import layout
from simclr_med.training.loop.callbacks import StepCallback


class Checkpoints(StepCallback):
    """Saves the model and its optimizer every so many steps, and at the end; see `checkpoint`.

    A save that cannot be written is told at the next step, or at the end, which waits for it.

    Args:
      work_dir: folder of the run.
      every: steps from one checkpoint to the next.
      keep: number of checkpoints kept.
      variables: name to variable; by default all weights of the model and of its optimizer.
      before_save: functions that are called before each save, such as `RunLog.write`: rows of a
        log beyond the newest checkpoint are dropped when a run goes on, so none may be missing.

    Raises:
      InputError: at the begin, the folder holds a checkpoint of more steps than are done.
      RunError: a checkpoint cannot be written; those before it stay.
    """

    _writer = None

    def __init__(
        self,
        work_dir: str | os.PathLike,
        every: int = 200,
        keep: int = 2,
        variables: dict[str, tf.Variable] | None = None,
        before_save: Sequence[Callable[[], None]] = (),
    ) -> None:
        super().__init__()
        self.work_dir, self.every, self.keep = work_dir, every, keep
        self.variables, self.before_save = variables, before_save

    def on_train_begin(self, logs=None):
        """Find the variables."""
        super().on_train_begin(logs)
        if self.writes():
            self._refuse_newer()
        self.close()  # a training that failed may have left it
        self._saved, self._writer = self.done, BackgroundWriter(self.work_dir, self.keep)
        self._found = self.variables or checkpoint.named_training_variables(self.model)

    def _refuse_newer(self):
        # The oldest are deleted: these would stay, and what is trained now be lost.
        newest = max(checkpoint.steps(self.work_dir), default=0)
        if newest > self.done:
            raise InputError(
                f"{self.work_dir} holds step {newest}, and training begins after step {self.done}: "
                "give another folder, or go on with checkpoint.restore_latest"
            )

    def after_step(self, step, logs):
        """Save when it is time."""
        self._writer.raise_failure()
        if self.reached(self.every):
            self._save(step)

    def on_train_end(self, logs=None):
        """Save the last step; all is on disk afterwards."""
        if self._saved != self.done:
            self._save(self.done)
        self._writer.wait()
        super().on_train_end(logs)

    def _save(self, step):
        for prepare in self.before_save:
            prepare()
        self._writer.wait()  # one copy of the weights at a time
        values = checkpoint.values_of(self._found)  # of all machines together
        if self.writes():
            self._writer.begin(values, step)
        self._saved = step

    def wait(self):
        """Wait for a write that is under way; raise its `RunError` where it fails."""
        self._writer.wait()

    def close(self):
        """Wait for a write that is under way, even if it fails."""
        if self._writer is not None:
            self._writer.close()


class BackgroundWriter:
    """Writes checkpoints in one thread, one at a time.

    Args:
      work_dir: folder of the run.
      keep: number of checkpoints kept.
    """

    def __init__(self, work_dir, keep):
        self.work_dir, self.keep = work_dir, keep
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "checkpoint")
        self._step = self._future = None

    def begin(self, values, step):
        """Begin to write `values`, `{name: array}`, which nobody may change; after `wait`."""
        self._step = step
        self._future = self._thread.submit(checkpoint.save, self.work_dir, values, step, self.keep)

    def raise_failure(self):
        """Raise the `RunError` of a write that has failed by now."""
        if self._future is not None and self._future.done():
            self.wait()

    def wait(self):
        """Wait for the write under way.

        Raises:
          RunError: it failed on a disk or folder that cannot be written.
        """
        future, self._future = self._future, None
        try:
            if future is not None:
                future.result()
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            raise RunError(_why_unsaved(self.work_dir, self._step, error)) from error

    def close(self):
        """Wait for the write under way, and end the thread."""
        self._thread.shutdown(wait=True)


def _why_unsaved(work_dir, step, error):
    kept = checkpoint.steps(work_dir)
    return (
        f"step {step} cannot be saved in {pathlib.Path(work_dir) / layout.CHECKPOINTS}: "
        f"{error.strerror}. "
        + (f"Step {kept[-1]} is whole there" if kept else "No step was saved before it")
        + ", and the same command goes on when that is mended"
    )
