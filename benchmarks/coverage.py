"""Coverage of default intervals, and false alarms between equal models, by simulation.

    python benchmarks/coverage.py --json=coverage.json

Test sets are drawn from populations whose true metrics are known from a very large draw; two models
of equal skill and correlated errors are scored on each. So are two equal methods of several runs,
and groups of equal skill: how often their widest gap excludes 0. docs/statistics.md has what came
out. A data set is drawn from its number alone, so that 1,000 of them may be run in parts (--first).
"""

import dataclasses
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.verdict import at_least, at_most, command_line, conclude
from simclr_med import progress
from simclr_med.errors import run_main
from simclr_med.evaluation.comparisons.over_seeds import differences, replicated
from simclr_med.evaluation.comparisons.paired import difference_row, pairs_of
from simclr_med.evaluation.groups.group_differences import all_gaps
from simclr_med.evaluation.intervals.bootstrap import Settings, replicate
from simclr_med.evaluation.intervals.interval_ends import small_sample
from simclr_med.evaluation.metrics.scoring import score
from simclr_med.evaluation.predictions import Predictions

LARGE = 200_000  # cases that stand for a population
SHARED = 0.6  # share of the noise that both models have in common
OF_DIAGNOSES = (
    "top1_accuracy", "top3_accuracy", "average_top1_sensitivity", "average_top3_sensitivity",
    "auc", "kappa", "brier",
)  # fmt: skip
OF_FINDINGS = (
    "auc", "auc:k0", "auc:k4", "average_precision", "average_precision:k0", "brier",
)  # fmt: skip
# Runs of each of two methods, and how far their skills lie apart, as a share of the skill.
SEVERAL_RUNS = {
    "3 runs of equal skill": (3, 0.0),
    "3 runs, skill ± 10 %": (3, 0.1),
    "3 runs, skill ± 30 %": (3, 0.3),
    "5 runs, skill ± 10 %": (5, 0.1),
}
# Sizes of groups of equal skill; each case is right with this chance.
GROUPS = {
    "4 groups of 100, 70 % right": ((100,) * 4, 0.7),
    "8 groups of 100, 70 % right": ((100,) * 8, 0.7),
    "groups of 40, 60, 100 and 300, 70 % right": ((40, 60, 100, 300), 0.7),
    "2 groups of 100, 90 % right": ((100,) * 2, 0.9),
}


@dataclasses.dataclass(frozen=True)
class Population:
    """A population that test sets are drawn from.

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
        return [run for (run,) in self.draw_methods(random, 1, cases=cases)]

    def draw_methods(self, random, runs, apart=0.0, cases=None):
        """Return two lists of `runs` `Predictions` of two equal methods on one test set.

        Of what all models' noise does not share, runs of one method share half.

        Args:
          random: a generator.
          runs: of each method.
          apart: deviation of the runs' skills, as a share of the skill.
          cases: of the test set.
        """
        cases = cases or self.cases
        patient = self._patients(random, cases)
        # Share of the variance that a patient's cases share.
        same = 0.5 if self.studies > 1 else 0.0
        truth = self._truth(random, patient, same)

        def noise():
            own = random.normal(size=truth.shape)
            if not same:
                return own
            of_patient = random.normal(size=(patient.max() + 1, truth.shape[1]))
            return np.sqrt(same) * of_patient[patient] + np.sqrt(1 - same) * own

        common, methods = noise() * SHARED**0.5, []
        own = (1 - SHARED) / (2 if runs > 1 else 1)  # share of the noise that is a run's alone
        for _ in range(2):
            of_method = common + (noise() * (1 - SHARED - own) ** 0.5 if runs > 1 else 0)
            methods.append([
                self._predictions(
                    truth, patient, of_method + noise() * own**0.5, random.normal(1, apart)
                )
                for _ in range(runs)
            ])  # fmt: skip
        return methods

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

    def _predictions(self, truth, patient, noise, skilled):
        scores = truth * np.array(self.skill) * skilled + noise
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
    "3 diagnoses, 80/15/5 %, 150 cases": Population(150, (0.8, 0.15, 0.05), (2.9, 1.5, 1.5)),
    "3 diagnoses, 98.8 % right, 150 cases": Population(150, (0.8, 0.15, 0.05), (3.5,) * 3),
    "2 findings, about 430 patients, 3 cases each on average": Population(
        1300, (0.1, 0.3), (1.5, 1), studies=3, multilabel=True
    ),
    "5 diagnoses, 25 cases": Population(25, (0.3, 0.25, 0.2, 0.15, 0.1), (1.5,) * 5),
}


def measure(population, numbers, settings, names):
    """Return metric -> (share of intervals that cover, share of differences called significant).

    Args:
      population: a `Population`.
      numbers: of the data sets.
      settings: `Settings`; each data set has another seed.
      names: of the metrics.
    """
    truth = truth_of(population)
    found = [
        covers_and_alarms(population, truth, number, settings, names)
        for number in progress.followed(numbers, "data sets", "data set", len(numbers))
    ]
    return {name: tuple(np.nanmean([each[name] for each in found], axis=0)) for name in names}


def truth_of(population):
    """Return metric -> its value in the population."""
    large, _ = population.draw(np.random.default_rng(0), LARGE)
    return score(large, np.ones(LARGE))


def covers_and_alarms(population, truth, number, settings, names):
    """Return metric -> (whether the interval covers, whether equal models are told apart)."""
    drawn = dataclasses.replace(settings, seed=number)
    models = population.draw(np.random.default_rng([1, number]))
    a, b = (replicate(made, drawn) for made in models)
    difference, found = a - b, {}
    for name in names:
        interval = a.interval(name)
        withheld = interval["low"] is None
        covers = np.nan if withheld else interval["low"] <= truth[name] <= interval["high"]
        found[name] = covers, difference_row(a, b, difference, name)["significant"]
    return found


def alarms_of_methods(population, runs, apart, numbers, settings, names):
    """Return metric -> share of data sets on which two equal methods of several runs differ.

    Args:
      population: a `Population`.
      runs, apart: see `Population.draw_methods`.
      numbers, settings, names: see `measure`.
    """
    alarms = []
    for number in progress.followed(numbers, "data sets", "data set", len(numbers)):
        random = np.random.default_rng([2, number])
        a, b = population.draw_methods(random, runs, apart)
        made = replicated({"a": a, "b": b}, dataclasses.replace(settings, seed=number))
        rows = differences(made, pairs_of(["a", "b"], None))
        alarms.append({row["metric"]: row["significant"] for row in rows})
    return {name: float(np.mean([each[name] for each in alarms])) for name in names}


def widest_gaps(sizes, chance, datasets, replicates):
    """Return the share of data sets in which the widest gap of equal groups excludes 0.

    A replicate of all cases draws how many of each group, then how many of these are right.
    """
    random, sizes, alarms = np.random.default_rng(0), np.array(sizes), 0
    for _ in range(datasets):
        right = random.binomial(sizes, chance) / sizes
        drawn = random.multinomial(sizes.sum(), sizes / sizes.sum(), size=replicates)
        samples = random.binomial(drawn, right) / drawn
        gaps = all_gaps(range(len(sizes)), right, samples, 0.95, small_sample(sizes.min()))
        alarms += bool(gaps) and gaps[0].excludes_zero
    return alarms / datasets


def main(arguments):
    """Simulate and print."""
    parser = command_line(__doc__)
    parser.add_argument("--datasets", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first data set")
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--interval", default="auto")
    parser.add_argument("--only", default="", help="populations whose name holds this")
    options = parser.parse_args(arguments[1:])
    settings = Settings(options.replicates, interval=options.interval)
    numbers = range(options.first, options.first + options.datasets)
    ratios, goals, shares = {}, [], {}
    # What chance does to the least and the most of several shares: three standard errors.
    off = 3 * np.sqrt(0.05 * 0.95 / options.datasets)
    for title, population in POPULATIONS.items():
        if options.only not in title:
            continue
        names = OF_FINDINGS if population.multilabel else OF_DIAGNOSES
        shares[title] = measure(population, numbers, settings, names)
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
    for title, (runs, apart) in SEVERAL_RUNS.items():
        if options.only in title:
            alarms = alarms_of_methods(
                POPULATIONS["5 diagnoses, 300 cases"], runs, apart, numbers, settings, OF_DIAGNOSES
            )
            shares[title] = alarms
            for name, share in alarms.items():
                print(f"{title}: {name}: false alarms {share:.1%}", flush=True)
            ratios[f"{title}: most false alarms"] = max(alarms.values())
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
