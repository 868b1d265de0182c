"""Checkpoints beside the training: values are copied at their step, and written while it goes on.

saved = Checkpoints("work/a", every=200)
model.fit(pairs, callbacks=[saved])
"""

import concurrent.futures
import pathlib

from simclr_med.encoders import checkpoint
from simclr_med.errors import UNWRITABLE, RunError
from simclr_med.training.callbacks import StepCallback


class Checkpoints(StepCallback):
    """Saves the model and its optimizer every so many steps, and at the end; see `checkpoint`.

    A save that cannot be written is told at the next step, or at the end, which waits for it.

    Args:
      work_dir: folder of the run; checkpoints/ in it must not hold another model's.
      every: steps from one checkpoint to the next.
      keep: how many are kept.
      variables: name to variable; by default all weights of the model and of its optimizer.
      before_save: functions that are called before each save, such as `RunLog.write`: rows of a
        log beyond the newest checkpoint are dropped when a run goes on, so none may be missing.

    Raises:
      RunError: a checkpoint cannot be written; those before it stay.
    """

    def __init__(self, work_dir, every=200, keep=2, variables=None, before_save=()):
        super().__init__()
        self.work_dir, self.every, self.keep = work_dir, every, keep
        self.variables, self.before_save = variables, before_save

    def on_train_begin(self, logs=None):
        """Find the variables."""
        super().on_train_begin(logs)
        self._saved, self._writer = self.done, BackgroundWriter(self.work_dir, self.keep)
        if self.variables is None:
            self.variables = checkpoint.named_training_variables(self.model)

    def after_step(self, step, logs):
        """Save when it is time."""
        self._writer.raise_failure()
        if step % self.every == 0:
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
        values = checkpoint.values_of(self.variables)  # of all machines together
        if self.writes():
            self._writer.begin(values, step)
        self._saved = step

    def wait(self):
        """Wait for a write that is under way; raise its `RunError` where it fails."""
        self._writer.wait()

    def close(self):
        """Wait for a write that is under way, whatever becomes of it."""
        self._writer.close()


class BackgroundWriter:
    """Writes checkpoints in one thread, one at a time.

    Args:
      work_dir: folder of the run.
      keep: how many checkpoints are kept.
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
        f"step {step} cannot be saved in {pathlib.Path(work_dir) / 'checkpoints'}: "
        f"{error.strerror}. "
        + (f"Step {kept[-1]} is whole there" if kept else "No step was saved before it")
        + ", and the same command goes on when that is mended"
    )
