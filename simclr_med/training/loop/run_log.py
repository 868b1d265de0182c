"""Logs of a run: log.csv, monitor.csv, TensorBoard's files.

    board = Board("work/a/tensorboard")
    model.fit(pairs, callbacks=[RunLog("work/a", board), Monitor("work/a", measure, 1000, board)])

log.csv and monitor.csv grow with each checkpoint, so that they tell the same story as it.
TensorBoard's files are written as the run goes; steps that are computed again after a kill have the
same values, and lie over themselves in its plots.
"""

import contextlib
import os
import pathlib
import time
from collections.abc import Callable

import tensorflow as tf

from simclr_med import progress
from simclr_med.errors import RunError
from simclr_med.files import atomic, stored
from simclr_med.runs import layout
from simclr_med.training.loop.callbacks import READ_EVERY, DeferredReader, StepCallback

Columns = Callable[[int], dict[str, float | None]]


class Board:
    """TensorBoard's files in a folder. A failure to write is told once, and stops no run."""

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder, self._writer, self._failed = str(folder), None, False

    def scalars(self, group, step, scalars):
        """Write `{name: float}` of a step as GROUP/NAME."""
        with self._writing():
            for name, value in scalars.items():
                tf.summary.scalar(f"{group}/{name}", value, step=step)

    def image(self, name, picture):
        """Write a picture, uint8 `[H, W, 3]`."""
        with self._writing():
            tf.summary.image(name, picture[None], step=0)

    def flush(self):
        """Have everything on disk."""
        if self._writer is not None:
            with self._writing():
                self._writer.flush()

    @contextlib.contextmanager
    def _writing(self):
        if self._failed:
            yield  # without a writer, summaries are dropped
            return
        try:
            if self._writer is None:
                self._writer = tf.summary.create_file_writer(self.folder)
            with self._writer.as_default():
                yield
        except tf.errors.OpError as error:
            self._failed = True
            progress.beside(f"warning: no more plots for TensorBoard: {error}")


class RunLog(DeferredReader):
    """Writes each step's own scalars into log.csv and TensorBoard's files.

    A row has the step's measurements (see `DeferredReader`), and, where our loop tells it,
    "input_wait": the share of the time between two readings of the device that was spent waiting
    for batches.

    Args:
      work_dir: folder of the run.
      board: a `Board`; by default one in the folder's tensorboard/.
      every: steps from one row to the next; the last step of a run has one too.
      read_every: steps from one reading of the device to the next.
      beside: a function of a step to further columns `{name: float or None}`; a step of which any
        is a number has a row, also between those of `every`.
      columns: a function of a step to further columns `{name: float}` of its row, if it has one.
    """

    def __init__(
        self,
        work_dir: str | os.PathLike,
        board: Board | None = None,
        every: int = 1,
        read_every: int = READ_EVERY,
        beside: Columns | None = None,
        columns: Columns | None = None,
    ) -> None:
        super().__init__(read_every)
        self.work_dir, self.every = pathlib.Path(work_dir), every
        self.board = board or Board(self.work_dir / layout.TENSORBOARD)
        self.beside, self.columns = (given or (lambda step: {}) for given in (beside, columns))

    def on_train_begin(self, logs=None):
        """Show the view sheet, where there is one."""
        super().on_train_begin(logs)
        self.table, self._taken = Table(self.work_dir / layout.LOG, self.done), self.done
        self._window = self._waited = self._share = None
        views = self.work_dir / layout.VIEWS
        if views.exists() and self.writes():
            self.board.image("views", tf.io.decode_png(views.read_bytes()))

    def on_train_batch_begin(self, batch, logs=None):
        """Note when the first step since a reading begins."""
        super().on_train_batch_begin(batch, logs)
        if self._window is None:
            self._window = time.perf_counter()

    def after_step(self, step, logs):
        """Keep the step, and the time that it waited for its batch."""
        if "input_wait" in logs:
            self._waited = (self._waited or 0) + logs["input_wait"]
        super().after_step(step, logs)

    def read(self):
        """Take the steps that are kept, and begin another window of time."""
        if self._waited is not None:
            self.model.last_step.scalars()  # the device has done them: no time is theirs any more
            self._share = min(1.0, self._waited / (time.perf_counter() - self._window))
        super().read()
        self._window = self._waited = self._share = None

    def take(self, step, scalars):
        """Note a step's row."""
        before, self._taken = self._taken, step
        beside = self.beside(step)
        due = step // self.every > before // self.every or step == self._last()
        due = due or any(value is not None for value in beside.values())
        if not due or not self.writes():
            return
        scalars = scalars | self.columns(step)
        waited = {} if self._share is None else {"input_wait": self._share}
        self.table.add(step, scalars | beside | waited)
        self.board.scalars("train", step, scalars | waited)

    def _last(self):
        """Return the last step of the run, which our loop tells; `fit` knows its epochs alone."""
        return self.params.get("steps") if "start_step" in self.params else None

    def write(self):
        """Write all rows up to the last step."""
        self.read()
        if self.writes():
            self.table.write()
            self.board.flush()

    def on_train_end(self, logs=None):
        """Write the rows that are left."""
        self.write()
        super().on_train_end(logs)

    def close(self):
        """Write the rows that were read; a failure hides no earlier error."""
        if self.writes():
            with contextlib.suppress(OSError):
                self.table.write()
            self.board.flush()


class Monitor(StepCallback):
    """Measures the model every so many steps: monitor.csv, TensorBoard's files, a line.

    Args:
      work_dir: folder of the run.
      measure: a function without arguments to `{name: float}`, such as `features.knn_monitor`.
      every: steps from one measurement to the next; the last step is measured too.
      board: a `Board`; by default one in the folder's tensorboard/.
    """

    def __init__(
        self,
        work_dir: str | os.PathLike,
        measure: Callable[[], dict[str, float]],
        every: int = 1000,
        board: Board | None = None,
    ) -> None:
        super().__init__()
        self.work_dir, self.measure, self.every = pathlib.Path(work_dir), measure, every
        self.board = board or Board(self.work_dir / layout.TENSORBOARD)

    def on_train_begin(self, logs=None):
        """Begin a table."""
        super().on_train_begin(logs)
        self.table, self._measured = Table(self.work_dir / layout.MONITOR, self.done), self.done

    def after_step(self, step, logs):
        """Measure when it is time; a run that is being stopped is not kept waiting."""
        if self.reached(self.every) and not self.model.stop_training:
            self._note(step)

    def on_train_end(self, logs=None):
        """Measure the last step."""
        if self._measured != self.done and not self.model.stop_training:
            self._note(self.done)
        super().on_train_end(logs)

    def _note(self, step):
        scalars, self._measured = self.measure(), step
        if self.writes():
            self.table.add(step, scalars)
            self.table.write()
            self.board.scalars("monitor", step, scalars)
            shown = ", ".join(f"{name} {value:.4g}" for name, value in scalars.items())
            progress.beside(f"step {step}: {shown}")

    def close(self):
        """Have TensorBoard's file on disk."""
        self.board.flush()


class Table:
    """A CSV file of one row a step, which is added to.

    Rows of a former run beyond `start_step` are dropped, and a row that a kill cut short.

    Raises:
      DamagedError: the file that is there is no such table.
    """

    def __init__(self, path, start_step):
        self.path, self.rows, self.begun = path, [], False
        there = stored.read_log(path, {"step": int}, "delete it") if path.exists() else []
        self.kept = [row for row in there if row["step"] <= start_step]

    def add(self, step, scalars):
        """Note a row `{name: float}`, None for an empty field, yet to be written."""
        numbers = {n: "" if value is None else f"{value:.6g}" for n, value in scalars.items()}
        self.rows.append({"step": str(step), **numbers})

    def write(self):
        """Write the rows that were noted since the last time."""
        if not self.rows:
            return
        if not self.begun:
            self._begin(list(self.rows[0]))
            self.begun = True
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.writelines(",".join(row.values()) + "\n" for row in self.rows)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:  # of a write it does not say the file
            raise RunError(f"{self.path}: {error.strerror}") from None
        self.rows = []

    def _begin(self, header):
        kept = [[str(row.get(name, "")) for name in header] for row in self.kept]
        atomic.write_text(self.path, "".join(",".join(line) + "\n" for line in [header, *kept]))
