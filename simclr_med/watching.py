"""What can be seen of a run: log.csv, TensorBoard's files, a profile.

log.csv and monitor.csv are written with each checkpoint, so that they tell the same story as it.
TensorBoard's files are written as the run goes; what is computed again after a kill has the same
values, and lies over itself in its plots.
"""

import csv
import io
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
        self.board = tf.summary.create_noop_writer()
        self.first, self.last = 0, 0
        if config.watch.profile_steps and writes:
            self.first, self.last = map(int, config.watch.profile_steps.split(","))
        self.profiling = False

    def __enter__(self):
        if self.writes:
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
        self.board.close()

    def profile(self, done):
        """Called before each step; profiles those that were asked for."""
        if done + 1 == self.first:
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
        table.add(step, scalars)
        with self.board.as_default():
            for name, value in scalars.items():
                tf.summary.scalar(f"{group}/{name}", value, step=step)

    def write(self):
        """Writes the tables."""
        if self.writes:
            self.log.write()
            self.monitored.write()


class Table:
    """A CSV file of one row a step; what a former run noted beyond `start_step` is dropped."""

    def __init__(self, path, start_step):
        self.path = path
        self.rows = []
        if path.exists():
            with open(path, newline="", encoding="utf-8") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= start_step]

    def add(self, step, scalars):
        """Adds a row."""
        self.rows.append(
            {"step": step, **{name: f"{value:.6g}" for name, value in scalars.items()}}
        )

    def write(self):
        """Writes the file, if there is a row."""
        if self.rows:
            text = io.StringIO()
            writer = csv.DictWriter(text, list(self.rows[-1]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
            files.write_text(self.path, text.getvalue())
