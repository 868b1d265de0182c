"""Validation of a head while it trains: metrics and loss, and the best step kept.

    split = ValidationSplit(cases, info, outputs)  # split() -> {"loss": 0.7, "auc": 0.8, ...}

It is the one split by which anything of a head is chosen; the test split is read by evaluation.
"""

import math

import numpy as np

from simclr_med import progress
from simclr_med.encoders import checkpoint
from simclr_med.errors import InputError
from simclr_med.evaluation.metrics import scoring
from simclr_med.runs import kept_step, layout
from simclr_med.training.loop.callbacks import StepCallback
from simclr_med.training.models import bags, objective


class ValidationSplit:
    """Measures a head on the validation split's cases; called, it returns `{name: float}`.

    Args:
      cases: `Cases` of the split, M images in all.
      info: has `task`, `classes` and `other_class`.
      outputs: a function without arguments to the network's outputs of the images, `[M, K]`, see
        `bags.case_logits`.
      bag: of the head.

    Attributes:
      names: of the measurements: "loss", the mean over the images, of bags over the cases, and the
        main metrics of cases.
    """

    def __init__(self, cases, info, outputs, bag="none"):
        self.cases, self.info, self.outputs, self.bag = cases, info, outputs, bag
        # What is defined depends on the truth alone: any prediction tells.
        nothing = np.zeros([len(cases.paths), len(info.classes) + (bag == "attention")], np.float32)
        self._defined = self.score(nothing)
        self.names = tuple(self._defined)

    def __call__(self):
        """Return loss and metrics of the head as it is now."""
        return self.score(np.asarray(self.outputs()))

    def score(self, outputs):
        """Return "loss" and the metrics, by name, of the outputs of all images."""
        cases, task = self.cases, self.info.task
        if self.bag == "none":
            logits, targets = outputs, np.repeat(cases.targets, np.diff(cases.offsets), axis=0)
        else:
            logits = bags.logits_of_cases(outputs, cases, self.bag, task)
            targets = cases.targets
        count = objective.labelled_count(targets, task)
        loss = objective.summed_loss(targets, logits, task) / count
        predicted = bags.predictions_of_images(outputs, cases, self.bag, self.info)
        return {"loss": float(loss)} | scoring.score_all_cases(predicted)

    def refuse_undefined(self, metric):
        """Refuse to choose by a `metric` that the split does not have.

        Raises:
          InputError: it is another task's, or not defined for want of positives or negatives.
        """
        if math.isnan(self._defined.get(metric, math.nan)):
            defined = [name for name, value in self._defined.items() if not math.isnan(value)]
            raise InputError(
                f"--choose_by={metric}: the validation split, {self.info.task} with "
                f"{len(self.cases)} cases, has no such number; expected one of {', '.join(defined)}"
            )


def worth(metric, value):
    """Return the `value` of a metric, negated if less is better."""
    return -value if metric == "loss" else value


class Validation(StepCallback):
    """Measures a head every so many steps, and at the last; stands before the log in the callbacks.

    Args:
      split: a `ValidationSplit`.
      every: steps from one measurement to the next.
      board: a `run_log.Board`.
      best: a `BestStep`, which is told of each; None where the last step is kept.
      patience: measurements without a better one after which training stops; 0 never stops.
    """

    def __init__(self, split, every, board, best=None, patience=0):
        super().__init__()
        self.split, self.every, self.board = split, every, board
        self.best, self.patience, self._measured = best, patience, {}

    def after_step(self, step, logs):
        """Measure when it is time."""
        if self.reached(self.every) or step == self.params["steps"]:
            scalars = self._measured[step] = self.split()
            if self.writes():
                self._tell(step, scalars)
            if self.best is not None:
                self.best.offer(step, scalars, self.writes())
                if self.patience and step >= self.best.step + self.patience * self.every:
                    self.model.stop_training = True

    def _tell(self, step, scalars):
        self.board.scalars("validation", step, scalars)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in scalars.items())
        progress.beside(f"step {step}, validation: {shown}")

    def row(self, step):
        """Return a step's columns of log.csv; None in those of a step that was not measured."""
        scalars = self._measured.pop(step, {})
        return {f"validation_{name}": scalars.get(name) for name in self.split.names}


class BestStep:
    """The weights of the step that was the best on validation, kept in a work folder.

    A run that goes on knows what to beat: also where it was killed after the step, and computes it
    once more.

    Args:
      work_dir: of the run.
      metric: by which steps compare; of two equal ones the first is kept.
      variables: name to variable, those that are kept.

    Attributes:
      step: the best one, 0 before there is any.
    """

    def __init__(self, work_dir, metric, variables):
        self.work_dir, self.metric, self.variables = work_dir, metric, variables
        self.step, self._worth = 0, -math.inf
        kept = kept_step.read_best(work_dir, metric)
        if kept:
            self.step, self._worth = kept[0], worth(metric, kept[1])

    def offer(self, step, scalars, writes):
        """Keep the step if its `scalars` are better than all before; one process writes."""
        value = scalars[self.metric]
        if worth(self.metric, value) > self._worth:
            values = checkpoint.values_of(self.variables)  # of all machines together
            if writes:
                values |= kept_step.worth_of_best(self.metric, value)
                checkpoint.save(layout.best(self.work_dir), values, step, keep=1)
            self.step, self._worth = step, worth(self.metric, value)
