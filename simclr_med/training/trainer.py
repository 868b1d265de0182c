"""The loop: steps, log, checkpoints, stopping. What every training shares; it knows no task.

fit(model, weights, batches_from, config=config, strategy=strategy)
"""

import contextlib
import math
import pathlib
import re
import signal
import sys
import time

import tensorflow as tf
import tqdm

from simclr_med import distribute
from simclr_med.data.unreadable import UNREADABLE
from simclr_med.encoders import checkpoint
from simclr_med.errors import EXIT_TERMINATED, UNWRITABLE, LostError, RunError
from simclr_med.training import run_log, train_step

# What the collectives of several machines raise when one of them is gone.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


def fit(model, weights, batches_from, *, config, strategy, recover=None, monitor=None):
    """Trains up to `config.train.steps`, from the newest checkpoint on where there is one.

    Args:
      model: a `train_step.Trained`, prepared in the strategy's scope, which this is called in too.
      weights: name to variable; a checkpoint holds them and the optimizer's.
      batches_from: a number of steps done to an iterable of the batches after them, as many a step
        as it has micro-batches.
      config: a `Config`.
      strategy: of tf.distribute.
      recover: called with the steps done when the next batch could not be read; returns whether it
        found and removed the cause. None where nothing can.
      monitor: a function without arguments to a dict of numbers, called every so many steps.

    Raises:
      InputError: the checkpoint is of another model.
      RunError: loss or gradients are not finite, or a checkpoint cannot be written; the last stays.
      LostError: another machine or the data service is lost.
      SystemExit: with code 143, after saving, on SIGTERM.
    """
    train, label = config.train, pathlib.Path(config.work_dir).name
    chief = distribute.is_chief(strategy)
    variables = weights | checkpoint.named_optimizer_variables(model.optimizer)
    done = checkpoint.restore_latest(config.work_dir, variables, chief)
    if done >= train.steps:
        print(f"{label}: its {train.steps} steps were done already")
        return
    distribute.agree(strategy, f"the step to go on from ({done} here)", done)
    micro_batches = distribute.micro_batches(config, strategy)
    step = train_step.of(model, strategy, micro_batches, train.jit_compile)
    watch = run_log.Watch(config, done, chief)
    bar = tqdm.tqdm(
        desc=label,
        initial=done,
        total=train.steps,
        unit="step",
        mininterval=0.5 if sys.stderr.isatty() else 15,  # sparse where nobody watches
        disable=not chief,
    )
    batches = None
    with bar, watch, _termination() as asked:
        while done < train.steps:
            try:
                if batches is None:
                    batches = iter(batches_from(done))
                watch.profile(done)
                begin = time.perf_counter()
                parts = [next(batches) for _ in range(micro_batches)]
                waited = time.perf_counter() - begin
                scalars = step(parts)
                done += 1
                scalars["input_wait"] = waited / (time.perf_counter() - begin)
                watch.step(done, scalars)
                _refuse_divergence(done, scalars, watch)
                bar.set_postfix(loss=f"{scalars['loss']:.3f}", refresh=False)
                bar.update()
                stopping = distribute.any_worker(strategy, bool(asked))
                if done % train.save_every == 0 or done == train.steps or stopping:
                    _save(config, variables, done, watch, chief)
                if stopping:
                    if chief:
                        note = f"terminated: saved step {done}; the same command goes on"
                        print(note, file=sys.stderr)
                    raise SystemExit(EXIT_TERMINATED)
                if monitor and (done % config.watch.monitor_every == 0 or done == train.steps):
                    watch.monitor(done, monitor())
                    watch.write()
            except (*UNREADABLE, *LOST, tf.errors.UnknownError) as error:
                if recover and not isinstance(error, LOST) and recover(done):
                    batches = None
                    continue
                _refuse_lost(error, done, config, strategy)
                raise


def _refuse_lost(error, step, config, strategy):
    """Raises `LostError` where TensorFlow's `error` is that of another machine."""
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


def _refuse_divergence(step, scalars, watch):
    # A step whose gradients overflow in float16 is skipped, and the scale lowered.
    watched = ("loss",) if "loss_scale" in scalars else ("loss", "gradient_norm")
    for name in watched:
        if not math.isfinite(scalars[name]):
            watch.write()
            raise RunError(
                f"the {name} is {scalars[name]} at step {step}; checkpoints before it are kept. "
                "A smaller --learning_rate or longer warm-up may help"
            )


def _save(config, variables, step, watch, chief):
    try:
        watch.write()  # first: rows beyond the newest checkpoint are dropped, none would be missed
        checkpoint.save(config.work_dir, variables, step, config.train.keep_checkpoints, chief)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        folder = pathlib.Path(config.work_dir) / "checkpoints"
        kept = checkpoint.steps(config.work_dir)
        raise RunError(
            f"step {step} cannot be saved in {folder}: {error.strerror}. "
            + (f"Step {kept[-1]} is whole there" if kept else "No step was saved before it")
            + ", and the same command goes on when that is mended"
        ) from error


@contextlib.contextmanager
def _termination():
    """Yields a list that SIGTERM adds to: it is kept until the step has ended."""
    asked = []
    previous = signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, previous)
