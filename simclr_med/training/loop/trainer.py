"""Training of all modes: steps, with the callbacks of a run, whatever the task.

    train(model, variables, batches_from, config=config, strategy=strategy)

Each step is the model's `train_step`. The loop stands for Keras's `fit`, which has not: several
batches a step, going on at any step, and with other batches where one could not be read.
docs/decisions.md has the measurement.
"""

import contextlib
import pathlib
import re
import signal
import time

import tensorflow as tf

from simclr_med import distribute, progress
from simclr_med.data.unreadable import READ_ERRORS
from simclr_med.encoders import checkpoint
from simclr_med.errors import LostError, StoppedError
from simclr_med.files import atomic
from simclr_med.runs import kept_step, layout
from simclr_med.training.loop.averaging import TRAINED
from simclr_med.training.loop.callbacks import Profile, Progress, RefuseDivergence, StopOnSigterm
from simclr_med.training.loop.checkpoints import Checkpoints
from simclr_med.training.loop.run_log import Board, Monitor, RunLog
from simclr_med.training.loop.train_step import compiled_step
from simclr_med.training.loop.validation import BestStep, Validation

# Signals that end a run after saving: the word for it, and what is raised.
STOPPED = {
    signal.SIGTERM: ("terminated", StoppedError),
    signal.SIGINT: ("interrupted", KeyboardInterrupt),
}
# Errors of the collectives of several machines when one of them is gone.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


def train(
    model,
    variables,
    batches_from,
    *,
    config,
    strategy,
    recover=None,
    monitor=None,
    validation=None,
    callbacks=(),
    columns=None,
    until=None,
):
    """Train up to `config.train.steps`, from the newest checkpoint on where there is one.

    Args:
      model: a `MeasuredModel`, compiled in the strategy's scope, which this is called in too.
      variables: name to variable; a checkpoint holds them and the optimizer's.
      batches_from: a number of steps done to an iterable of the batches after them, as many a step
        as it has micro-batches.
      config: a `Config`.
      strategy: of tf.distribute.
      recover: called with the steps done when the next batch could not be read; returns True if it
        found and removed the cause. None where nothing can.
      monitor: a function without arguments to a dict of numbers, called every so many steps.
      validation: a `ValidationSplit`, which is measured where `config.watch` says so.
      callbacks: more of them, before those of every run.
      columns: a function of a step to further columns of log.csv.
      until: steps after which to pause, as if the run had been stopped there, but that validation
        is measured; None for all.

    Raises:
      InputError: the checkpoint is of another model.
      RunError: loss or gradients are not finite, or a checkpoint cannot be written; the last stays.
      LostError: another machine or the data service is lost.
      StoppedError, KeyboardInterrupt: after saving, on SIGTERM, on Ctrl-C.
    """
    variables = variables | checkpoint.named_optimizer_variables(model.optimizer)
    done = checkpoint.restore_latest(config.work_dir, variables)
    if distribute.is_chief(strategy):
        checkpoint.set_aside_newer(config.work_dir, done)
    distribute.refuse_disagreement(strategy, f"the step to go on from ({done} here)", done)

    def recovered(error, done):
        if recover and not isinstance(error, LOST) and recover(done):
            return True
        _refuse_lost(error, done, config, strategy)
        return False

    micro_batches = distribute.micro_batches(config.train, strategy)
    step = compiled_step(model, strategy, micro_batches, config.train.jit_compile)
    # A signal that the caller of the Python API has a handler for is his.
    unheld = (signal.SIG_DFL, signal.default_int_handler)
    stop = StopOnSigterm([number for number in STOPPED if signal.getsignal(number) in unheld])
    of_run = callbacks_of(config, variables, monitor, validation, columns, stop)
    callbacks = [*callbacks, *of_run]
    loop = Loop(model, step, callbacks, micro_batches)
    last = min(until or config.train.steps, config.train.steps)
    done = loop.run(batches_from, done, last, recovered)
    if stop.stopped:
        word, kind = STOPPED[stop.signal or signal.SIGTERM]
        said = f"{word}: saved step {done}; the same command goes on"
        if distribute.is_chief(strategy):
            progress.note(said)
        raise kind(said)
    if done < last and distribute.is_chief(strategy):
        progress.say(f"{pathlib.Path(config.work_dir).name}: stopped early, at step {done}")
        atomic.write_text(pathlib.Path(config.work_dir) / layout.STOPPED_EARLY, f"{done}\n")


def callbacks_of(config, variables, monitor, validation, columns, stop):
    """Return the callbacks of every run, in the order in which they must hear of a step."""
    work_dir, settings, watch = pathlib.Path(config.work_dir), config.train, config.watch
    board = Board(work_dir / layout.TENSORBOARD)
    validating = _validating(validation, config, variables, board)
    beside = validating[0].row if validating else None
    log = RunLog(work_dir, board, settings.log_every, beside=beside, columns=columns)
    divergence = RefuseDivergence()
    made = [*validating, log, divergence, stop]
    if watch.profile_steps:
        made.append(Profile(board.folder, *map(int, watch.profile_steps.split(","))))
    if monitor:
        made.append(Monitor(work_dir, monitor, watch.monitor_every, board))
    ready = (log.write, divergence.read)
    saves = Checkpoints(work_dir, settings.save_every, settings.keep_checkpoints, variables, ready)
    return [*made, saves, Progress(work_dir.name, settings.steps)]


def is_done(work_dir, steps):
    """Return True, and say so, if the run's last step is saved; asked before anything is read.

    A checkpoint that is damaged is not: training goes on from one before it.
    """
    done = max(checkpoint.steps(work_dir), default=0)
    early = kept_step.stopped_early(work_dir)
    if not done or (done < steps and not early):
        return False
    try:
        checkpoint.saved_shapes(layout.checkpoint(work_dir, done))
    except checkpoint.DamagedError:
        return False
    progress.say(f"{pathlib.Path(work_dir).name}: its {done} steps were done already")
    return True


def _validating(split, config, variables, board):
    """Return the callbacks that look at validation: one or none."""
    watch = config.watch
    if split is None or not watch.validate_every:
        return []
    best = None
    if watch.keep == "best":
        split.refuse_undefined(watch.choose_by)
        others = ("optimizer/", TRAINED)  # what only training goes on from
        of_networks = {n: v for n, v in variables.items() if not n.startswith(others)}
        best = BestStep(config.work_dir, watch.choose_by, of_networks)
    return [Validation(split, watch.validate_every, board, best, watch.patience)]


class Loop:
    """Steps of a model, with callbacks that are told as Keras's `fit` tells them.

    Args:
      model: a `MeasuredModel`, compiled.
      step: takes a step, see `train_step.compiled_step`.
      callbacks: of Keras; those of callbacks.py are closed, however the training ends.
      micro_batches: number of batches in a step.
    """

    def __init__(self, model, step, callbacks, micro_batches=1):
        self.model, self.step, self.callbacks = model, step, list(callbacks)
        self.micro_batches = micro_batches

    def run(self, batches_from, done, steps, recovered):
        """Train from `done` steps to `steps`, or until a callback stops it.

        Args:
          batches_from: steps done to an iterable of batches.
          done: steps done before.
          steps: to have done in the end.
          recovered: called with TensorFlow's error and the steps done; returns True to go on, with
            batches made anew.

        Returns:
          The steps done.
        """
        self.model.stop_training = False
        self.model.reset_metrics()
        with contextlib.ExitStack() as closing:
            for callback in self.callbacks:
                callback.set_model(self.model)
                callback.set_params({"start_step": done, "steps": steps})
                callback.on_train_begin()
                closing.callback(getattr(callback, "close", lambda: None))
            batches = None
            while done < steps and not self.model.stop_training:
                try:
                    if batches is None:
                        batches = iter(batches_from(done))
                    self._one_step(batches, done)
                    done += 1
                except (*READ_ERRORS, *LOST, tf.errors.UnknownError) as error:
                    if not recovered(error, done):
                        raise
                    batches = None
            self._tell("on_train_end")
        return done

    def _one_step(self, batches, done):
        self._tell("on_train_batch_begin", done)
        begin = time.perf_counter()
        parts = [next(batches) for _ in range(self.micro_batches)]
        waited = time.perf_counter() - begin
        self.step(parts)
        self._tell("on_train_batch_end", done, {"input_wait": waited})

    def _tell(self, what, *arguments):
        for callback in self.callbacks:
            getattr(callback, what)(*arguments)


def _refuse_lost(error, step, config, strategy):
    """Raise `LostError` where TensorFlow's `error` is that of another machine."""
    if config.data.data_service and isinstance(error, tf.errors.UnknownError):
        raise LostError(
            f"the data service failed after step {step}: has a worker died? Checkpoints are kept, "
            "and the same command goes on"
        ) from error
    if distribute.workers(strategy)[1] > 1:  # there are many words for one that is gone, or is back
        why = re.sub(r"\{\{.*?\}\} |This indicates.*", "", (error.message or "").split("\n")[0])
        saved = max(checkpoint.steps(config.work_dir), default=0)
        raise LostError(
            f"another machine was lost, or failed, after step {step}: {why}\nStep {saved} is what "
            "is saved; the same command on all machines goes on from there"
        ) from error
