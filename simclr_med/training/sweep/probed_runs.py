"""The runs of a sweep of linear probes: all at once, see probes.py."""

import dataclasses
import pathlib

import numpy as np

from simclr_med.config import sweeping
from simclr_med.data import seen_cases
from simclr_med.data.cases import fraction_of, label_fraction
from simclr_med.data.requirements import refuse_large_batch
from simclr_med.encoders import checkpoint, heads, networks
from simclr_med.evaluation.sweep_table import DIVERGED, DONE, Outcome
from simclr_med.runs import layout
from simclr_med.runs.claim import claimed_work_dir
from simclr_med.training.heads import feature_cache, probe_units
from simclr_med.training.heads.batched_probes import Group, Schedule, train_probes
from simclr_med.training.heads.head_loss import class_weights, with_targets
from simclr_med.training.heads.train_head import describe_head
from simclr_med.training.loop.validation import ValidationSplit
from simclr_med.training.models.schedule import make_schedule, scaled_learning_rate


class ProbedRuns:
    """Linear probes; the chosen ones are left in chosen/ of the sweep's folder.

    Args:
      config: the sweep's `Config`.
      data: a `Manifest`.

    Raises:
      InputError: validation lacks the metric of the choice, or a fraction has fewer images, with
        bags cases, than a batch.
    """

    def __init__(self, config, data):
        self.config, self.data, self._built = config, data, (None, None)
        self.folder = pathlib.Path(config.work_dir) / layout.CHOSEN
        self.cases, self.watched = data.cases(config.data.splits), data.cases(["validation"])
        bag = config.head.bag
        self.split = ValidationSplit(self.watched, data.info, None, bag)
        self.split.refuse_undefined(config.watch.choose_by)
        cases = with_targets(config.head.targets, self.cases, config.data.data_dir)
        self.learnt = probe_units.units(cases, bag)
        for fraction in map(float, config.sweep.label_fractions):
            units = len(self._units(fraction))
            what = f"{probe_units.words(bag)} of --label_fractions={fraction:g}"
            refuse_large_batch(config.train.batch_size, units, what)

    def tried(self, trials):
        """Train `trials`, all at once, and yield `{trial: Outcome}` of all."""
        groups = {}
        for trial in trials:
            groups.setdefault((trial.label_fraction, trial.seed), []).append(trial)
        if groups:
            yield self._outcomes([*groups.values()])

    def _outcomes(self, groups):
        probes = self._trained(groups)
        watched = self._features(groups[0][0].seed, self.watched)
        outcomes = {}
        for g, group in enumerate(groups):
            for s, (trial, logits) in enumerate(zip(group, probes.logits(watched, g), strict=True)):
                diverged = int(probes.diverged[g, s])
                outcomes[trial] = Outcome(DIVERGED, diverged, {})
                if not diverged:
                    scores = self.split.score(logits)
                    scalars = {f"validation_{name}": value for name, value in scores.items()}
                    outcomes[trial] = Outcome(DONE, self.config.train.steps, scalars)
        return outcomes

    def finished(self, trials):
        """Return `{trial: work folder}` of trained heads."""
        folders = {trial: self.folder / trial.name for trial in trials}
        left = [trial for trial, folder in folders.items() if not checkpoint.steps(folder)]
        # Encoders drawn at random differ from seed to seed, and so do their features.
        drawn = self.config.head.init == "random"
        for seed in sorted({trial.seed if drawn else self.config.seed for trial in left}):
            some = [trial for trial in left if not drawn or trial.seed == seed]
            probes = self._trained([[trial] for trial in some])
            for g, trial in enumerate(some):
                self._write(trial, folders[trial], probes, g)
        return folders

    def _trained(self, groups):
        """Return the `Probes` of groups of trials, each of one fraction and seed."""
        settings, train, bag = self.config.optimizer, self.config.train, self.config.head.bag
        warmup = settings.warmup_steps(train.steps)
        schedule = Schedule(
            train.batch_size,
            train.steps,
            settings.momentum,
            make_schedule(settings.schedule, 1.0, warmup, train.steps),
            self.config.head.label_smoothing,
            self.config.head.focal_gamma,
        )
        seen = self._features(groups[0][0].seed, self.cases)
        rows, offsets = probe_units.rows_of(seen, self.learnt.offsets, bag)
        made = [self._group(trials) for trials in groups]
        task = self.data.info.task
        return train_probes(rows, self.learnt.targets, made, task, schedule, offsets)

    def _group(self, trials):
        size, scaling = self.config.train.batch_size, self.config.optimizer.learning_rate_scaling
        units, kind = self._units(trials[0].label_fraction), self.config.head.class_weights
        return Group(
            units,
            trials[0].seed,
            tuple(scaled_learning_rate(trial.learning_rate, size, scaling) for trial in trials),
            tuple(trial.weight_decay for trial in trials),
            class_weights(self.learnt.targets[units], self.data.info.task, kind),
        )

    def _units(self, fraction):
        """Return the units of `learnt` in a label fraction, int `[u]`."""
        if fraction >= 1:
            return np.arange(len(self.learnt))
        taken = fraction_of(self.cases, fraction, self.config.data.label_seed)
        if self.config.head.bag != "none":
            return taken
        owner = np.repeat(np.arange(len(self.cases)), np.diff(self.cases.offsets))
        return np.flatnonzero(np.isin(owner, taken))

    def _features(self, seed, cases):
        config = dataclasses.replace(self.config, seed=seed)
        return feature_cache.extract(self._networks(seed).inputs, cases.paths, config)

    def _networks(self, seed):
        """Return the networks of a seed, those of the last one without building them again."""
        if self._built[0] != seed:
            self._built = seed, self._build(seed)
        return self._built[1]

    def _build(self, seed):
        some = sweeping.grid(self.config)[0]
        config = sweeping.config_of(self.config, dataclasses.replace(some, seed=seed), "unused")
        nets = networks.build(config, len(self.data.info.classes))
        networks.initialise(nets, config.head.init)
        return nets

    def _write(self, trial, folder, probes, g):
        """Leave a probe as an ordinary run of one would."""
        config = sweeping.config_of(self.config, trial, folder)
        nets = self._networks(trial.seed)
        with claimed_work_dir(config, self.data.fingerprint):
            describe_head(config, self.data.info)
            seed = self.config.data.label_seed
            own = label_fraction(self.cases, trial.label_fraction, seed)
            seen_cases.note(folder, config.head.init, own, self.data.fingerprint)
            heads.set_standardisation(nets.head, probes.means[g], probes.variances[g])
            logits = nets.head.get_layer("logits")
            logits.kernel.assign(probes.kernels[g, :, 0])
            logits.bias.assign(probes.biases[g, 0])
            values = checkpoint.values_of(nets.variables())
            checkpoint.save(folder, values, config.train.steps, keep=1)
