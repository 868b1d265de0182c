"""Training loop: ours beside Keras's `fit`, reading late, saving beside the training.

    python benchmarks/loop.py --json=loop.json

Every arm takes the same steps of one small `ContrastiveModel`, on batches that are in memory. Arms
take turns, and the best turn of each counts: what else the machine does only adds time. The ratio
is of processors' time. A CPU computes in the thread that calls it, so that reading early costs
nothing but the reading there; a device of its own would stand still meanwhile.
  loop            trainer.Loop with log.csv and the refusal of divergence, read every 10 steps
  loop, waiting   the same, read at every step
  fit             Keras's `fit` with the same callbacks
  fit, waiting    the same, and a callback of the usual kind, for which Keras 2 reads each step
  saving          the loop, with a checkpoint every 10 steps
  saving, waiting the same, where the step waits until it is written
"""

import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import simclr_med  # noqa: F401, isort: skip  # before TensorFlow: it turns oneDNN on
import keras
import tensorflow as tf

from benchmarks.verdict import at_most, command_line, conclude, shown
from simclr_med.config.checked_config import make_config
from simclr_med.config.recipes import Recipe
from simclr_med.training import pretrain
from simclr_med.training.loop import run_log, trainer
from simclr_med.training.loop.callbacks import RefuseDivergence
from simclr_med.training.loop.checkpoints import Checkpoints
from simclr_med.training.loop.train_step import compiled_step

GOALS = (
    shown("fit / loop, processor's time"),
    at_most("saving / loop, processor's time", 1.1),
    shown("saving, waiting / loop, processor's time"),
)
ARMS = ("loop", "loop, waiting", "fit", "fit, waiting", "saving", "saving, waiting")
EVERY = 10  # steps between readings, and between saves


class Arms:
    """One model, and the ways in which its steps are surrounded."""

    def __init__(self, options):
        given = {"encoder": "resnet18", "width": options.width, "image_size": options.image_size}
        given |= {"data_dir": "none", "work_dir": "none", "batch_size": options.batch_size}
        config = make_config("pretrain", given | {"learning_rate": 1e-6, "precision": "float32"})
        self.model, _ = pretrain.model_of(config, Recipe.of(config.augment))
        self.step = compiled_step(self.model, tf.distribute.get_strategy())
        shape = [options.batch_size, options.image_size, options.image_size, 3]
        batch = {f"view{i}": tf.random.stateless_uniform(shape, [0, i]) for i in (1, 2)}
        self.batches = tf.data.Dataset.from_tensors(batch).cache().repeat()
        self.steps = options.steps

    def seconds(self, arm):
        """Return seconds and processor's seconds of a step of `arm`, the mean of one turn."""
        with tempfile.TemporaryDirectory() as folder:
            callbacks = callbacks_of(arm, folder)
            begin = time.perf_counter(), time.process_time()
            if arm.startswith("fit"):
                settings = {"steps_per_epoch": self.steps, "verbose": 0}
                self.model.fit(self.batches, callbacks=callbacks, **settings)
            else:
                loop = trainer.Loop(self.model, self.step, callbacks)
                loop.run(lambda done: self.batches, 0, self.steps, lambda error, done: False)
            ends = time.perf_counter(), time.process_time()
            return tuple((end - start) / self.steps for start, end in zip(begin, ends, strict=True))


def callbacks_of(arm, folder):
    """Return the callbacks of `arm`, which write into `folder`."""
    read_every = 1 if arm == "loop, waiting" else EVERY
    made = [run_log.RunLog(folder, read_every=read_every), RefuseDivergence(read_every)]
    if arm == "fit, waiting":
        made.append(keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None))
    if arm.startswith("saving"):
        saves = Checkpoints(folder, EVERY)
        made.append(saves)
        if arm == "saving, waiting":
            wait = keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: saves.wait()
            )
            made.append(wait)
    return made


def main():
    """Measures and prints."""
    parser = command_line(__doc__)
    parser.add_argument("--batch_size", type=int, default=16, help="cases, of two views each")
    parser.add_argument("--image_size", type=int, default=32)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--steps", type=int, default=30, help="of each turn")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each arm, after a first")
    options = parser.parse_args()
    arms = Arms(options)
    times = {arm: [] for arm in ARMS}
    for turn in range(options.repeats + 1):
        for arm in ARMS if turn % 2 else ARMS[::-1]:
            seconds = arms.seconds(arm)
            if turn:  # the first compiles
                times[arm].append(seconds)
    rows = {}
    for arm in ARMS:
        wall, processor = (min(each) for each in zip(*times[arm], strict=True))
        # Of the same turn, so that drift cancels.
        pairs = zip(times[arm], times["loop"], strict=True)
        ratio = statistics.median(one[1] / loop[1] for one, loop in pairs)
        rows[arm] = {"seconds": wall, "processor_seconds": processor, "ratio": ratio}
        print(
            f"{arm:16} {1e3 * wall:8.2f} ms a step, {1e3 * processor:8.2f} of a processor's; "
            f"ratio to loop {ratio:5.3f}"
        )
    ratios = {f"{arm} / loop, processor's time": row["ratio"] for arm, row in rows.items()}
    return conclude(options, GOALS, ratios, arms=rows)


if __name__ == "__main__":
    sys.exit(main())
