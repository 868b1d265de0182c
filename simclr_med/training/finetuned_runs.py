"""The runs of a sweep of fine-tuning: one after the other, each an ordinary run."""

import pathlib

import keras

from simclr_med import files, stored
from simclr_med.config import sweeping
from simclr_med.data.cases import label_fraction
from simclr_med.encoders import checkpoint
from simclr_med.encoders.kept_step import best_folder, kept_step
from simclr_med.errors import DivergedError, InputError
from simclr_med.evaluation.sweep_table import DIVERGED, DONE, Outcome
from simclr_med.training import finetune
from simclr_med.training.validation import ValidationSplit, worth

_COLUMN = "validation_"


class FinetunedRuns:
    """Fine-tuned heads, in settings/ of the sweep's folder, and the chosen ones in chosen/.

    Of a fraction's settings the best so far keeps its checkpoints; the others keep their logs.

    Args:
      config: the sweep's `Config`.
      data: a `Manifest`.

    Raises:
      InputError: validation has not what is chosen by, or a fraction has fewer cases than a batch.
    """

    def __init__(self, config, data):
        self.config, self.folder = config, pathlib.Path(config.work_dir)
        self.metric = config.watch.choose_by
        split = ValidationSplit(data.cases(["validation"]), data.info, None)
        split.refuse_undefined(self.metric)
        cases = data.cases(config.data.splits)
        for fraction in map(float, config.sweep.label_fractions):
            found = len(label_fraction(cases, fraction, config.data.label_seed))
            if config.train.batch_size > found:
                raise InputError(
                    f"--batch_size={config.train.batch_size} exceeds the {found} cases of "
                    f"--label_fractions={fraction:g}"
                )

    def tried(self, trials):
        """Train each of `trials` in turn, and yield `{trial: Outcome}` of it.

        A run that diverges is an outcome; what else stops one stops the sweep.
        """
        for trial in trials:
            folder = self.folder / "settings" / trial.name
            try:
                self._train(trial, folder)
                outcome = outcome_of(folder)
                self._keep_better(trial, folder)
            except DivergedError as error:
                outcome = Outcome(DIVERGED, error.step, {})
            yield {trial: outcome}

    def finished(self, trials):
        """Return `{trial: work folder}` of trained heads."""
        folders = {trial: self.folder / "chosen" / trial.name for trial in trials}
        for trial, folder in folders.items():
            tried = self.folder / "settings" / trial.name
            if not folder.exists() and checkpoint.steps(tried):
                folder.parent.mkdir(exist_ok=True)
                tried.rename(folder)
            self._train(trial, folder)
        return folders

    def _train(self, trial, folder):
        keras.backend.clear_session()  # each builds its own networks
        finetune.run(sweeping.config_of(self.config, trial, folder))

    def _keep_better(self, trial, folder):
        """Delete the weights of the worse of a run and the best one of its fraction before it."""
        kept = self.folder / "settings" / f"best_with_{100 * trial.label_fraction:g}"
        before = kept.read_text() if kept.exists() else trial.name
        if before != trial.name:
            other = folder.parent / before
            better = self._worth(folder) > self._worth(other)
            worse = other if better else folder
            files.remove_folder(best_folder(worse))
            files.remove_folder(worse / "checkpoints")
            if not better:
                return
        files.write_text(kept, trial.name)

    def _worth(self, folder):
        return worth(self.metric, outcome_of(folder).scalars[_COLUMN + self.metric])


def outcome_of(folder):
    """Return the `Outcome` of a run that has ended, by the step that it keeps and its log."""
    step = kept_step(folder).step
    rows = stored.read_log(folder / "log.csv", {"step": int}, "delete the folder")
    (row,) = (row for row in rows if row["step"] == step)
    scalars = {name: float(v) for name, v in row.items() if name.startswith(_COLUMN)}
    return Outcome(DONE, step, scalars)
