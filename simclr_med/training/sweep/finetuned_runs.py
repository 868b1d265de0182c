"""The runs of a sweep of fine-tuning: one after the other, each an ordinary run."""

import dataclasses
import math
import pathlib

import keras

from simclr_med.config import sweeping
from simclr_med.data.cases import label_fraction
from simclr_med.data.requirements import refuse_large_batch
from simclr_med.encoders import checkpoint
from simclr_med.errors import DivergedError
from simclr_med.evaluation.sweep_table import DIVERGED, DONE, STOPPED, Outcome
from simclr_med.files import atomic, stored
from simclr_med.runs import layout
from simclr_med.runs.kept_step import kept_step, stopped_early
from simclr_med.training.heads import train_head
from simclr_med.training.heads.head_loss import with_targets
from simclr_med.training.loop.validation import ValidationSplit, worth

_COLUMN = "validation_"


class FinetunedRuns:
    """Fine-tuned heads, in settings/ of the sweep's folder, and the chosen ones in chosen/.

    Of a fraction's settings the best so far keeps its checkpoints; the others keep their logs.

    Args:
      config: the sweep's `Config`.
      data: a `Manifest`.

    Raises:
      InputError: validation lacks the metric of the choice, or a fraction has fewer cases than
        a batch.
    """

    def __init__(self, config, data):
        self.config, self.folder = config, pathlib.Path(config.work_dir)
        self.metric = config.watch.choose_by
        split = ValidationSplit(data.cases(["validation"]), data.info, None)
        split.refuse_undefined(self.metric)
        cases = data.cases(config.data.splits)
        cases = with_targets(config.head.targets, cases, config.data.data_dir)
        for fraction in map(float, config.sweep.label_fractions):
            units = len(label_fraction(cases, fraction, config.data.label_seed))
            what = f"labelled cases of --label_fractions={fraction:g}"
            refuse_large_batch(config.train.batch_size, units, what)

    def tried(self, trials):
        """Train each of `trials` in turn, and yield `{trial: Outcome}` of those that have ended.

        A run that diverges is an outcome; any other error stops the sweep.
        """
        for fraction in dict.fromkeys(trial.label_fraction for trial in trials):
            left = [trial for trial in trials if trial.label_fraction == fraction]
            for steps, kept in sweeping.rungs(self.config):
                left = yield from self._climbed(left, steps, kept)
            for trial in left:
                outcome = self._outcome(trial)
                if outcome.status == DONE:
                    self._keep_better(trial, self._tried(trial))
                yield {trial: outcome}

    def _climbed(self, trials, steps, kept):
        """Train `trials` to `steps`, yield those that end there, and return the `kept` best.

        Where a sweep goes on, those that were stopped before are none of `trials`, so that nothing
        more ends at steps that all of them have behind them.
        """
        outcomes = {}
        for trial in trials:
            outcome = self._outcome(trial, steps)
            if outcome.status == DIVERGED:
                yield {trial: outcome}
            else:
                outcomes[trial] = dataclasses.replace(outcome, status=STOPPED)
        # Of equal ones the first, as in the choice at the end.
        best = sorted(outcomes, key=lambda trial: -self._worth(outcomes[trial]))[:kept]
        stopped = {trial: outcomes[trial] for trial in outcomes if trial not in best}
        if stopped:
            yield stopped
        for trial in stopped:  # their rows are written
            _forget_weights(self._tried(trial))
        return [trial for trial in outcomes if trial in best]

    def _outcome(self, trial, until=None):
        """Train a setting, to the end or `until` so many steps, and return its `Outcome`."""
        folder = self._tried(trial)
        try:
            if until is None or max(checkpoint.steps(folder), default=0) < until:
                self._train(trial, folder, until)
            return outcome_of(folder, until)
        except DivergedError as error:
            return Outcome(DIVERGED, error.step, {})

    def _tried(self, trial):
        return self.folder / layout.SETTINGS / trial.name

    def finished(self, trials):
        """Return `{trial: work folder}` of trained heads."""
        folders = {trial: self.folder / layout.CHOSEN / trial.name for trial in trials}
        for trial, folder in folders.items():
            tried = self._tried(trial)
            if not folder.exists() and checkpoint.steps(tried):
                folder.parent.mkdir(exist_ok=True)
                tried.rename(folder)
            self._train(trial, folder)
        return folders

    def _train(self, trial, folder, until=None):
        keras.backend.clear_session()  # each builds its own networks
        train_head.run(sweeping.config_of(self.config, trial, folder), until)

    def _keep_better(self, trial, folder):
        """Delete the weights of the worse of a run and the best one of its fraction before it."""
        kept = layout.best_setting(self.folder, trial.label_fraction)
        before = stored.read_text(kept, "delete the folder") if kept.exists() else trial.name
        if before != trial.name:
            other = folder.parent / before
            better = self._worth(outcome_of(folder)) > self._worth(outcome_of(other))
            _forget_weights(other if better else folder)
            if not better:
                return
        atomic.write_text(kept, trial.name)

    def _worth(self, outcome):
        value = worth(self.metric, outcome.scalars[_COLUMN + self.metric])
        return -math.inf if math.isnan(value) else value


def _forget_weights(folder):
    atomic.remove_folder(layout.best(folder))
    atomic.remove_folder(folder / layout.CHECKPOINTS)


def outcome_of(folder, until=None):
    """Return the `Outcome` of a run, by its log at a step.

    Args:
      folder: of the run.
      until: that step, where the run has not ended or was paused; None for the one that it keeps.
    """
    ended = until is None or stopped_early(folder)
    step = kept_step(folder).step if ended else until
    rows = stored.read_log(folder / layout.LOG, {"step": int}, "delete the folder")
    row = next((row for row in rows if row["step"] == step), None)
    if row is None:
        raise stored.DamagedError(
            f"{folder / layout.LOG} is damaged: no row of step {step}; delete the folder"
        )
    scalars = {name: float(v) for name, v in row.items() if name.startswith(_COLUMN)}
    return Outcome(DONE, step, scalars)
