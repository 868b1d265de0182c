"""Metrics as records: a metric is one entry of `KINDS`, and all else asks it.

    metric("auc:Acne").label         # "AUC of Acne"
    metric("top3_accuracy").kind.k   # 3

A kind is of all cases, "auc", or of each class, "auc:", whose metrics are "auc:Acne" and so on.
Definitions: docs/statistics.md. Letters: N cases, K classes, P pairs of a case and a condition.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from simclr_med.evaluation.metrics import agreement, calibration, conditions, functions

MULTICLASS, MULTILABEL = "multiclass", "multilabel"
BOTH = (MULTICLASS, MULTILABEL)


class Scored:
    """Predictions with weights of their cases, and intermediate results that metrics share.

    Args:
      predictions: `Predictions` of N cases.
      weights: `[..., N]`, the number of times that each case counts.
    """

    def __init__(self, predictions: Any, weights: np.ndarray) -> None:
        self.predictions, self.weights = predictions, weights

    @functools.cached_property
    def pairs(self) -> conditions.Pairs:
        """The pairs of a case and a condition."""
        return conditions.pairs_of(self.predictions)

    @functools.cached_property
    def of_pairs(self) -> np.ndarray:
        """Weights `[..., P]` of the pairs."""
        return np.take(self.weights, self.pairs.case, axis=-1)

    @functools.cached_property
    def weighed(self) -> list[functions.Weighed]:
        """The weighed ranking of each class."""
        return [ranking.weigh(self.weights) for ranking in self.predictions.rankings]

    @functools.cached_property
    def aucs(self) -> list[np.ndarray]:
        """The AUC `[...]` of each class."""
        return [functions.auc(weighed) for weighed in self.weighed]

    @functools.cached_property
    def precisions(self) -> list[np.ndarray]:
        """The average precision `[...]` of each class."""
        return [functions.average_precision(weighed) for weighed in self.weighed]

    @functools.cache  # noqa: B019  # lives as long as one call of `score`
    def sensitivities(self, k: int, reading: str) -> np.ndarray:
        """Return top-k sensitivities `[..., C]` of the conditions that have cases."""
        hits, counted = conditions.readings(self.predictions, self.pairs, k)[reading]
        return conditions.sensitivities(self.pairs, hits, counted, self.of_pairs)

    def by_class(self, each: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Return class to value, of a list with a value for each class."""
        return dict(zip(self.predictions.classes, each, strict=True))

    def share(self, marked: np.ndarray, among: np.ndarray) -> np.ndarray:
        """Return the weighted share of `marked` cases `[N]` `among` others `[N]`."""
        marked = self.weights @ (marked & among).astype(float)
        return functions.ratio(marked, self.weights @ among.astype(float))


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of metric.

    Attributes:
      name: of the metric; of one that each class has, with a colon at its end.
      label: the field's term.
      values: a `Scored` to the values `[...]`, or for each class a dict of them.
      differ: two models' `Predictions` and a class's column (None for all) to the cases, bool
        `[N]`, that can make the two differ.
      tasks: that have it.
      main_of: tasks in which it is shown first.
      bounds: the least and the greatest value.
      higher_is_better: direction.
      k: of top-k metrics.
      share: `Predictions` and a class's column to hits `[N]` and counted `[N]`, of a metric that is
        the share of both sums; None for others.
      reading: of sensitivities by condition, see `conditions.readings`; None for others.
      truths: of each class, the truths that cases must have to count: 1 present, 0 absent.
      mean_of_classes: a mean in which each class has the same weight, however rare it is.
      by_rank: computed from the ranks of scores; "auc" has DeLong's test too.
    """

    name: str
    label: str
    values: Callable
    differ: Callable
    tasks: tuple[str, ...] = BOTH
    main_of: tuple[str, ...] = ()
    bounds: tuple[int, int] = (0, 1)
    higher_is_better: bool = True
    k: int | None = None
    share: Callable | None = None
    reading: str | None = None
    truths: tuple[int, ...] = (1,)
    mean_of_classes: bool = False
    by_rank: bool = False

    @property
    def each_class(self) -> bool:
        """True for a metric that each class has."""
        return self.name.endswith(":")


@dataclasses.dataclass(frozen=True)
class Metric:
    """A kind, and the class (finding) that it is of; "" for all cases."""

    kind: Kind
    finding: str = ""

    @property
    def name(self) -> str:
        """Return its name in files: "auc:Acne"."""
        return self.kind.name + self.finding

    @property
    def label(self) -> str:
        """Return its name in a sentence: "AUC of Acne"."""
        return f"{self.kind.label} of {self.finding}" if self.finding else self.kind.label

    def column(self, classes: Any) -> int | None:
        """Return the class's column, None for all cases."""
        return list(classes).index(self.finding) if self.kind.each_class else None

    def bounded(self, low: float, high: float) -> tuple[float, float]:
        """Return the ends of an interval, no further out than the metric can be."""
        least, most = self.kind.bounds
        return max(low, least), min(high, most)

    def differing(self, a: Any, b: Any) -> np.ndarray:
        """Return the rows `[n]` of cases that can make two models' `Predictions` differ in it."""
        return np.flatnonzero(self.kind.differ(a, b, self.column(a.classes)))


def metric(name: str) -> Metric:
    """Return the `Metric` of a name such as "auc" or "auc:Acne".

    Raises:
      KeyError: there is none.
    """
    base, colon, finding = name.partition(":")
    return Metric(KINDS[base + colon], finding)


def main_metrics(task: str, classes: Any) -> list[Metric]:
    """Return the metrics to show first: the paper's five, or the mean AUC and each finding's."""
    return [m for kind in KINDS.values() if task in kind.main_of for m in of_kind(kind, classes)]


def of_kind(kind: Kind, classes: Any) -> list[Metric]:
    """Return the metrics of a kind: one, or one for each class."""
    return [Metric(kind, name) for name in classes] if kind.each_class else [Metric(kind)]


def by_condition() -> Iterator[Kind]:
    """Yield the kinds of sensitivities by condition, averages too."""
    return (kind for kind in KINDS.values() if kind.reading is not None)


def _top_k_accuracy(k):
    def values(scored: Any) -> Any:
        truth, probabilities = scored.predictions.truth, scored.predictions.probabilities
        return functions.mean(functions.top_k_hits(truth, probabilities, k), scored.weights)

    return Kind(
        f"top{k}_accuracy", f"top-{k} accuracy", values, _hits_differ(k),
        tasks=(MULTICLASS,), main_of=(MULTICLASS,), k=k, share=_hits_of_all(k),
    )  # fmt: skip


def _average_sensitivity(k, reading, label):
    def values(scored: Any) -> Any:
        return functions.mean_of_defined(scored.sensitivities(k, reading))

    return Kind(
        f"average_top{k}_{reading}sensitivity", f"average top-{k} sensitivity{label}", values,
        _hits_differ(k, reading), tasks=(MULTICLASS,), main_of=() if reading else (MULTICLASS,),
        k=k, reading=reading,
    )  # fmt: skip


def _sensitivity_of_classes(k, reading, label):
    def values(scored: Any) -> Any:
        each = scored.sensitivities(k, reading)
        names = [scored.predictions.classes[column] for column in scored.pairs.present]
        return {name: each[..., place] for place, name in enumerate(names)}

    return Kind(
        f"top{k}_{reading}sensitivity:", f"top-{k} sensitivity{label}", values,
        _hits_differ(k, reading), tasks=(MULTICLASS,), k=k, reading=reading,
        share=_hits_of_condition(k, reading),
    )  # fmt: skip


def _hits_of_all(k):
    """Return the `Kind.share` of top-k accuracy."""

    def share(predictions: Any, _: Any) -> Any:
        hits = functions.top_k_hits(predictions.truth, predictions.probabilities, k)
        return hits, np.ones(len(hits))

    return share


def _hits_of_condition(k, reading):
    """Return the `Kind.share` of a condition's top-k sensitivity."""

    def share(predictions: Any, column: Any) -> Any:
        pairs = conditions.pairs_of(predictions)
        parts = conditions.readings(predictions, pairs, k)[reading]
        found = np.zeros((2, len(predictions.case_ids)))
        of_column = pairs.condition == column
        found[:, pairs.case[of_column]] = np.stack(parts)[:, of_column]
        return tuple(found)

    return share


def _hits_differ(k, reading=None):
    """Return the `Kind.differ` of top-k metrics; with a reading, of the cases with a condition."""

    def differ(a: Any, b: Any, column: Any) -> Any:
        hits = [functions.top_k_hits(p.truth, p.probabilities, k) for p in (a, b)]
        found = hits[0] != hits[1]
        if reading:
            own = [functions.top_k_chances(p.probabilities, k) * (p.truth == 1) for p in (a, b)]
            found |= (own[0] != own[1]).any(1)
        if reading is None:
            return found
        pairs = conditions.pairs_of(a)
        carriers = pairs.case if column is None else pairs.case[pairs.condition == column]
        return found & np.isin(np.arange(len(found)), carriers)

    return differ


def _probabilities_differ(a, b, column):
    columns = slice(None) if column is None else [column]
    return (a.probabilities[:, columns] != b.probabilities[:, columns]).any(1)


def _weighted_auc(scored):
    each = np.stack(scored.aucs, axis=-1)
    positives = scored.weights @ (scored.predictions.truth == 1).astype(float)  # [..., K]
    share = np.where(np.isnan(each), 0, positives)
    return functions.ratio((share * np.nan_to_num(each)).sum(-1), share.sum(-1))


def _at_thresholds(name, truth):
    """Return the `Kind` of the share of cases of a truth that a threshold calls right."""

    def values(scored: Any) -> Any:
        found, made = {}, scored.predictions
        for finding, threshold in made.thresholds.items():
            column = made.classes.index(finding)
            called = (made.probabilities[:, column] >= threshold) == bool(truth)
            found[finding] = scored.share(called, made.truth[:, column] == truth)
        return found

    def differ(a: Any, b: Any, column: Any) -> Any:
        finding = a.classes[column]
        called = [p.probabilities[:, column] >= p.thresholds[finding] for p in (a, b)]
        return (called[0] != called[1]) & (a.truth[:, column] == truth)

    def share(predictions: Any, column: Any) -> Any:
        called = predictions.probabilities[:, column]
        called = (called >= predictions.thresholds[predictions.classes[column]]) == bool(truth)
        among = predictions.truth[:, column] == truth
        return (called & among).astype(float), among.astype(float)

    return Kind(f"{name}:", name, values, differ, tasks=(MULTILABEL,), truths=(truth,), share=share)


def _mean(each):
    return functions.mean_of_defined(np.stack(each, axis=-1))


READINGS = {"": "", "own_": ", own diagnosis"}  # of conditions.readings: its words
TOP = (1, 3)
KINDS = {
    kind.name: kind
    for kind in (
        *map(_top_k_accuracy, TOP),
        *(_average_sensitivity(k, r, label) for k in TOP for r, label in READINGS.items()),
        Kind(
            "kappa", "Cohen's kappa",
            lambda scored: agreement.kappa(scored.predictions, scored.weights),
            _probabilities_differ, tasks=(MULTICLASS,), bounds=(-1, 1),
        ),
        *(_sensitivity_of_classes(k, r, label + "," * bool(label))
          for k in TOP for r, label in READINGS.items()),
        Kind(
            "auc", "AUC", lambda scored: _mean(scored.aucs), _probabilities_differ,
            main_of=BOTH, mean_of_classes=True, by_rank=True,
        ),
        Kind("auc_weighted", "AUC weighted by positives", _weighted_auc, _probabilities_differ),
        Kind(
            "auc:", "AUC", lambda scored: scored.by_class(scored.aucs), _probabilities_differ,
            main_of=(MULTILABEL,), truths=(0, 1), by_rank=True,
        ),
        Kind(
            "average_precision", "average precision", lambda scored: _mean(scored.precisions),
            _probabilities_differ, tasks=(MULTILABEL,), mean_of_classes=True, by_rank=True,
        ),
        Kind(
            "average_precision:", "average precision",
            lambda scored: scored.by_class(scored.precisions), _probabilities_differ,
            tasks=(MULTILABEL,), by_rank=True,
        ),
        _at_thresholds("sensitivity", 1),
        _at_thresholds("specificity", 0),
        Kind(
            "brier", "Brier score",
            lambda scored: calibration.brier(scored.predictions, scored.weights),
            _probabilities_differ, bounds=(0, 1), higher_is_better=False,
        ),
    )
}  # fmt: skip
