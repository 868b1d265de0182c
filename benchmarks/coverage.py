"""How often default intervals cover the truth, and how often equal models are told apart.

    python benchmarks/coverage.py --json=coverage.json

Test sets are drawn from populations whose true metrics are known from a very large draw; two models
of equal skill and correlated errors are scored on each. Groups of equal skill are compared too: how
often their widest gap excludes 0. docs/statistics.md has what came out.
"""

import dataclasses
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.verdict import at_least, at_most, command_line, conclude
from simclr_med import progress
from simclr_med.errors import run_main
from simclr_med.evaluation.bootstrap import Settings, replicate
from simclr_med.evaluation.comparing import difference_row
from simclr_med.evaluation.gaps import all_gaps
from simclr_med.evaluation.predictions import Predictions
from simclr_med.evaluation.scoring import score

LARGE = 200_000  # cases that stand for a population
SHARED = 0.6  # share of the noise that both models have in common
OF_DIAGNOSES = (
    "top1_accuracy", "top3_accuracy", "average_top1_sensitivity", "average_top3_sensitivity",
    "auc", "kappa", "brier",
)  # fmt: skip
OF_FINDINGS = (
    "auc", "auc:k0", "auc:k4", "average_precision", "average_precision:k0", "brier",
)  # fmt: skip
# Sizes of groups of equal skill; each case is right with this chance.
GROUPS = {
    "4 groups of 100, 70 % right": ((100,) * 4, 0.7),
    "8 groups of 100, 70 % right": ((100,) * 8, 0.7),
    "groups of 40, 60, 100 and 300, 70 % right": ((40, 60, 100, 300), 0.7),
    "2 groups of 100, 90 % right": ((100,) * 2, 0.9),
}


@dataclasses.dataclass(frozen=True)
class Population:
    """Where test sets come from.

    Attributes:
      cases: of a test set.
      prevalence: of the classes; the last one is Other (multiclass).
      skill: by class, how far its cases' scores lie off the others', in deviations.
      studies: cases a patient on average (geometric); 1 for independent cases.
      multilabel: findings instead of diagnoses.
    """

    cases: int
    prevalence: tuple
    skill: tuple
    studies: float = 1.0
    multilabel: bool = False

    def draw(self, random, cases=None):
        """Return `Predictions` of two models of equal skill on one test set."""
        cases = cases or self.cases
        patient = self._patients(random, cases)
        same = (
            0.5 if self.studies > 1 else 0.0
        )  # share of the variance that a patient's cases share
        truth = self._truth(random, patient, same)

        def noise():
            own = random.normal(size=truth.shape)
            if not same:
                return own
            of_patient = random.normal(size=(patient.max() + 1, truth.shape[1]))
            return np.sqrt(same) * of_patient[patient] + np.sqrt(1 - same) * own

        common = noise()
        return [
            self._predictions(truth, patient, common * SHARED**0.5 + noise() * (1 - SHARED) ** 0.5)
            for _ in range(2)
        ]

    def _patients(self, random, cases):
        if self.studies == 1:
            return np.arange(cases)
        sizes = random.geometric(1 / self.studies, size=cases)
        return np.repeat(np.arange(cases), sizes)[:cases]

    def _truth(self, random, patient, same):
        """Return `[N, K]`; with chance `same` a case has its patient's own class."""
        chances = np.array(self.prevalence)
        of_patient = random.random((patient.max() + 1, len(chances)))
        if self.multilabel:
            alike = random.random((len(patient), len(chances))) < same
            drawn = random.random((len(patient), len(chances)))
            return (np.where(alike, of_patient[patient], drawn) < chances).astype(np.float32)
        edges = np.cumsum(chances / chances.sum())
        place = np.where(
            random.random(len(patient)) < same, of_patient[patient, 0], random.random(len(patient))
        )
        return np.eye(len(chances), dtype=np.float32)[
            np.minimum(np.searchsorted(edges, place), len(chances) - 1)
        ]

    def _predictions(self, truth, patient, noise):
        scores = truth * np.array(self.skill) + noise
        if self.multilabel:
            probabilities = 1 / (1 + np.exp(-scores))
        else:
            probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        classes = tuple(f"k{k}" for k in range(truth.shape[1]))
        return Predictions(
            case_ids=np.arange(len(truth)).astype(str),
            patient_ids=np.char.add("p", patient.astype(str)),
            truth=truth,
            probabilities=probabilities,
            classes=classes,
            task="multilabel" if self.multilabel else "multiclass",
            other_class=None if self.multilabel or len(classes) < 20 else classes[-1],
        )


SKEWED = tuple(np.geomspace(0.12, 0.006, 26)) + (0.21,)  # as the paper's: heads above a tenth
POPULATIONS = {
    "5 diagnoses, 300 cases": Population(300, (0.3, 0.25, 0.2, 0.15, 0.1), (1.5,) * 5),
    "5 diagnoses, 300 studies, 3.8 a patient": Population(
        300, (0.3, 0.25, 0.2, 0.15, 0.1), (1.5,) * 5, studies=3.8
    ),
    "27 skewed diagnoses, 300 cases": Population(300, SKEWED, tuple(np.linspace(3.2, 1.8, 27))),
    "27 skewed diagnoses, 600 cases": Population(600, SKEWED, tuple(np.linspace(3.2, 1.8, 27))),
    "5 findings, 300 cases": Population(
        300, (0.3, 0.25, 0.2, 0.15, 0.1), (1.5, 0.5, 1, 1, 2), multilabel=True
    ),
    "5 findings, 300 studies, 3.8 a patient": Population(
        300, (0.3, 0.25, 0.2, 0.15, 0.1), (1.5, 0.5, 1, 1, 2), studies=3.8, multilabel=True
    ),
    "5 diagnoses, 25 cases": Population(25, (0.3, 0.25, 0.2, 0.15, 0.1), (1.5,) * 5),
}


def measure(population, datasets, settings, names):
    """Return metric -> (share of intervals that cover, share of differences called significant)."""
    random = np.random.default_rng(0)
    large, _ = population.draw(random, LARGE)
    truth = score(large, np.ones(LARGE))
    covered, alarms = (dict.fromkeys(names, 0) for _ in range(2))
    for number in progress.followed(range(datasets), "data sets", "data set", datasets):
        drawn = dataclasses.replace(settings, seed=number)
        a, b = (replicate(made, drawn) for made in population.draw(random))
        for name in names:
            interval = a.interval(name)
            covered[name] += interval["low"] <= truth[name] <= interval["high"]
            alarms[name] += difference_row(a, b, a - b, name)["significant"]
    return {name: (covered[name] / datasets, alarms[name] / datasets) for name in names}


def widest_gaps(sizes, chance, datasets, replicates):
    """Return the share of data sets in which the widest gap of equal groups excludes 0.

    A replicate of all cases draws how many of each group, then how many of these are right.
    """
    random, sizes, alarms = np.random.default_rng(0), np.array(sizes), 0
    for _ in range(datasets):
        right = random.binomial(sizes, chance) / sizes
        drawn = random.multinomial(sizes.sum(), sizes / sizes.sum(), size=replicates)
        samples = random.binomial(drawn, right) / drawn
        gaps = all_gaps(range(len(sizes)), right, samples, 0.95, sizes.min())
        alarms += bool(gaps) and gaps[0].excludes_zero
    return alarms / datasets


def main(arguments):
    """Simulate and print."""
    parser = command_line(__doc__)
    parser.add_argument("--datasets", type=int, default=1000)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--interval", default="auto")
    parser.add_argument("--only", default="", help="populations whose name holds this")
    options = parser.parse_args(arguments[1:])
    settings = Settings(options.replicates, interval=options.interval)
    ratios, goals, shares = {}, [], {}
    # What chance does to the least and the most of several shares: three standard errors.
    off = 3 * np.sqrt(0.05 * 0.95 / options.datasets)
    for title, population in POPULATIONS.items():
        if options.only not in title:
            continue
        names = OF_FINDINGS if population.multilabel else OF_DIAGNOSES
        shares[title] = measure(population, options.datasets, settings, names)
        for name, (covers, alarms) in shares[title].items():
            print(f"{title}: {name}: covers {covers:.1%}, false alarms {alarms:.1%}", flush=True)
        covers, alarms = zip(*shares[title].values(), strict=True)
        ratios[f"{title}: least covered"] = min(covers)
        ratios[f"{title}: most covered"] = max(covers)
        ratios[f"{title}: most false alarms"] = max(alarms)
        if population.cases >= 300:
            goals.append(at_least(f"{title}: least covered", 0.93 - off))
            goals.append(at_most(f"{title}: most covered", 0.97 + off))
        goals.append(at_most(f"{title}: most false alarms", 0.05 + off))
    for title, (sizes, chance) in GROUPS.items():
        if options.only in title:
            share = widest_gaps(sizes, chance, options.datasets, options.replicates)
            print(f"{title}: widest gap: false alarms {share:.1%}", flush=True)
            ratios[f"{title}: false alarms of the widest gap"] = share
            goals.append(at_most(f"{title}: false alarms of the widest gap", 0.05 + off))
    return conclude(options, goals, ratios, datasets=options.datasets, shares=shares)


if __name__ == "__main__":
    sys.exit(run_main(main, sys.argv))
