"""What can be seen of a run: log.csv, TensorBoard's files, a profile.

log.csv and monitor.csv grow with each checkpoint, so that they tell the same story as it.
TensorBoard's files are written as the run goes; what is computed again after a kill has the same
values, and lies over itself in its plots.
"""

import contextlib
import os
import pathlib
import sys

import tensorflow as tf
import tqdm

from simclr_med import files


class Watch:
    """A context in which a run is watched.

    Args:
      config: a `Config`.
      start_step: steps already done.
      writes: False for a worker that leaves this to another.
    """

    def __init__(self, config, start_step, writes):
        self.work_dir = pathlib.Path(config.work_dir)
        self.every, self.writes = config.train.log_every, writes
        self.log = Table(self.work_dir / "log.csv", start_step)
        self.monitored = Table(self.work_dir / "monitor.csv", start_step)
        self.board = None
        self.first, self.last = 0, 0
        if config.watch.profile_steps and writes:
            self.first, self.last = map(int, config.watch.profile_steps.split(","))
        self.profiling = False

    def __enter__(self):
        if self.writes:
            with self._plots():
                self.board = tf.summary.create_file_writer(str(self.work_dir / "tensorboard"))
                views = self.work_dir / "views.png"
                if views.exists():
                    picture = tf.io.decode_png(views.read_bytes())[None]
                    with self.board.as_default():
                        tf.summary.image("views", picture, step=0)
        return self

    def __exit__(self, *error):
        if self.profiling:
            tf.profiler.experimental.stop()
        with self._plots():
            if self.board:
                self.board.close()

    @contextlib.contextmanager
    def _plots(self):
        """What TensorBoard's writer does within may fail: a plot is no reason to stop a run."""
        try:
            yield
        except tf.errors.OpError as error:
            self.board = None
            tqdm.tqdm.write(f"warning: no more plots for TensorBoard: {error}", file=sys.stderr)

    def profile(self, done):
        """Called before each step; profiles those that were asked for."""
        if done + 1 == self.first and not self.profiling:
            tf.profiler.experimental.start(str(self.work_dir / "tensorboard"))
            self.profiling = True
        elif self.profiling and done == self.last:
            tf.profiler.experimental.stop()
            self.profiling = False

    def step(self, step, scalars):
        """Notes the scalars of a step, every so often."""
        if step % self.every == 0:
            self._note(self.log, step, scalars, "train")

    def monitor(self, step, scalars):
        """Notes what a monitor found, and prints it."""
        self._note(self.monitored, step, scalars, "monitor")
        if self.writes:
            shown = ", ".join(f"{name} {value:.4g}" for name, value in scalars.items())
            tqdm.tqdm.write(f"step {step}: {shown}", file=sys.stderr)

    def _note(self, table, step, scalars, group):
        if not self.writes:
            return
        table.add(step, scalars)
        with self._plots():
            if self.board:
                with self.board.as_default():
                    for name, value in scalars.items():
                        tf.summary.scalar(f"{group}/{name}", value, step=step)

    def write(self):
        """Writes what was noted."""
        self.log.write()
        self.monitored.write()
        with self._plots():
            if self.board:
                self.board.flush()


class Table:
    """A CSV file of one row a step, which is added to.

    What a former run noted beyond `start_step` is dropped, and a row that a kill cut short.
    """

    def __init__(self, path, start_step):
        self.path, self.start_step = path, start_step
        self.rows, self.begun = [], False

    def add(self, step, scalars):
        """Adds a row, yet to be written."""
        numbers = {name: f"{value:.6g}" for name, value in scalars.items()}
        self.rows.append({"step": str(step), **numbers})

    def write(self):
        """Writes the rows that were added since the last time."""
        if not self.rows:
            return
        if not self.begun:
            self._begin(",".join(self.rows[0]) + "\n")
            self.begun = True
        with open(self.path, "a", encoding="utf-8") as file:
            file.writelines(",".join(row.values()) + "\n" for row in self.rows)
            file.flush()
            os.fsync(file.fileno())
        self.rows = []

    def _begin(self, header):
        there = self.path.read_text(encoding="utf-8") if self.path.exists() else header
        whole = [line for line in there.splitlines(keepends=True)[1:] if line.endswith("\n")]
        kept = [line for line in whole if int(line.partition(",")[0]) <= self.start_step]
        files.write_text(self.path, "".join([header, *kept]))
