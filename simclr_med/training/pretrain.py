"""Pretraining: SimCLR (pairs are two views of an image) and MICLe (two images of a case).

run(make_config("pretrain", {"data_dir": "my_data", "work_dir": "work/micle", ...}))
"""

import contextlib
import functools

import tensorflow as tf

from simclr_med import compat, distribute
from simclr_med.config.recipes import Recipe
from simclr_med.config.work_folder import claimed_work_dir, identity
from simclr_med.data import dataset, manifest
from simclr_med.data.unreadable import StandIns
from simclr_med.encoders import input_contract, networks
from simclr_med.encoders.normalization import statistics_kept
from simclr_med.encoders.recompute import forward
from simclr_med.training import features, objective, train_step, trainer, view_sheet
from simclr_med.training.optimizer import make_optimizer
from simclr_med.training.schedule import WarmUpCosine, scaled_learning_rate
from simclr_med.views.changing import ChangeView, change_each


class ContrastiveModel(train_step.Trained):
    """Encoder and projection head, trained by NT-Xent on batches of two views.

    Batch normalisation sees both views at once, as SimCLR's does.

    Args:
      encoder, projection: Keras models.
      temperature: of NT-Xent.
      change: a `ChangeView`, which makes views of crops and draws; None where the batches bring
        views.
      gradient_checkpointing: "none", "stages" or "blocks".
      bn_statistics: "batch" or "frozen", see `recompute.forward`.
    """

    def __init__(
        self,
        encoder,
        projection,
        temperature,
        *,
        change=None,
        gradient_checkpointing="none",
        bn_statistics="batch",
    ):
        super().__init__()
        self.encoder = encoder
        self.projection = projection
        self.temperature = temperature
        self.change = change
        self.features = forward(encoder, gradient_checkpointing, bn_statistics)
        self.projected = forward(projection, "none", bn_statistics)

    def call(self, images, training=False):
        """Images `[B, H, W, C]` to projections `[B, P]`."""
        return self.projected(self.features(images, training=training), training=training)

    def views(self, batch):
        """Both views `[2b, H, W, C]` of a batch of `dataset.contrastive_batches`."""
        images = tf.concat([batch["view1"], batch["view2"]], axis=0)
        if self.change is None:
            return images
        return self.change(images, tf.concat([batch["draws1"], batch["draws2"]], axis=0))

    def train_step(self, batch):
        """Returns the step's scalars."""
        images = self.views(batch)
        with tf.GradientTape() as tape:
            projections = self(images, training=True)  # [2b, P]
            loss, scalars = objective.nt_xent(projections, self.temperature)
            scaled = compat.scaled(self.optimizer, loss)
        gradients = tape.gradient(scaled, self.trainable_variables)
        return self.update(gradients, {"loss": loss, **scalars})

    def micro_step(self, run):
        """A function of a list of batches; see `train_step.Trained`.

        Gradient caching (Gao et al. 2021, section 3.2): the features of all micro-batches, the
        loss's gradient by each, then each micro-batch's gradients from those: exact, for a second
        forward pass. The projection head, which is small, sees the whole batch at once.
        """
        encoder, head = self.encoder.trainable_variables, self.projection.trainable_variables

        def embedded(batch):
            with statistics_kept(self.encoder):  # they move in the second pass
                return self.features(self.views(batch), training=True)  # [2m, D]

        def compared(*parts):
            parts = [tf.split(part, 2) for part in parts]
            with tf.GradientTape() as tape:
                tape.watch(parts)
                first, second = (tf.concat(view, 0) for view in zip(*parts, strict=True))
                projections = self.projected(tf.concat([first, second], 0), training=True)
                loss, scalars = objective.nt_xent(projections, self.temperature)
                scaled = compat.scaled(self.optimizer, loss)
            by_part, by_head = tape.gradient(scaled, [parts, head])
            return [tf.concat(pair, 0) for pair in by_part], by_head, {"loss": loss, **scalars}

        def passed_on(batch, cotangent, sums):
            images = self.views(batch)
            with tf.GradientTape() as tape:
                features = self.features(images, training=True)
            return train_step.added(
                sums, tape.gradient(features, encoder, output_gradients=cotangent)
            )

        def updated(by_encoder, by_head, scalars):
            return self.update([*by_encoder, *by_head], scalars)

        embed, compare, pass_on, update = map(run, (embedded, compared, passed_on, updated))
        zeros = run(lambda: train_step.zeros(encoder))

        def step(batches):
            cotangents, by_head, scalars = compare(*[embed(batch) for batch in batches])
            sums = zeros()
            for batch, cotangent in zip(batches, cotangents, strict=True):
                sums = pass_on(batch, cotangent, sums)
            return update(sums, by_head, scalars)

        return step


def positions_of(config, cases, substitutes=None):
    """Which images stand where in a pretraining run."""
    return dataset.Positions(
        cases,
        batch_size=config.train.batch_size,
        seed=config.seed,
        positives=config.data.positives,
        substitutes=substitutes,
    )


def batches(config, positions, start_step=0, **part):
    """The batches of a pretraining run from `start_step` on; `part`: `share` and `pieces`."""
    running = dataset.running(config) | {"start_step": start_step, **part}
    return dataset.contrastive_batches(positions, Recipe.of(config.augment), **running)


def optimizer_of(config):
    """The configured optimizer with warm-up and cosine decay."""
    settings, total = config.optimizer, config.train.steps
    peak = scaled_learning_rate(
        settings.learning_rate, config.train.batch_size, settings.learning_rate_scaling
    )
    optimizer = make_optimizer(
        settings.optimizer,
        WarmUpCosine(peak, round(settings.warmup_fraction * total), total),
        settings.momentum,
        settings.weight_decay,
        settings.trust_coefficient,
    )
    half = config.train.precision == "mixed_float16"
    return compat.loss_scaling(optimizer) if half else optimizer


def run(config):
    """Pretrains into `config.work_dir`, or goes on where it was stopped."""
    data = manifest.read(config.data.data_dir)
    cases = data.cases(config.data.splits or data.pretraining_splits())
    strategy = distribute.strategy_of(config.distribute)
    distribute.agree(strategy, "flags or data", (identity(config), data.fingerprint))
    recipe = Recipe.of(config.augment)
    # Before anything is built: what is wrong with the flags is said at once.
    positions_of(config, cases)
    change_each(recipe)
    micro_batches = distribute.micro_batches(config, strategy)
    with strategy.scope():
        model, nets = model_of(config, recipe)
        monitor = None
        if config.watch.monitor == "knn":
            monitor = features.knn_monitor(nets.encoder, data, config)

    chief = distribute.is_chief(strategy)
    claim = claimed_work_dir(config, data.fingerprint) if chief else contextlib.nullcontext()
    with claim, strategy.scope():
        stand_ins = StandIns(cases, config.data.skip_bad_images, config.work_dir)
        positions = positions_of(config, cases, stand_ins.substitutes)
        recover = positions.recovering(stand_ins, config.train.steps, dataset.ahead(config))
        if chief:
            input_contract.of_run(config).save(config.work_dir)
            view_sheet.write(config.work_dir, positions, recipe, recover)

        def batches_from(done):
            make = functools.partial(batches, config, positions, done)
            return distribute.batches(make, strategy, micro_batches)

        trainer.fit(
            model,
            nets.variables(),
            batches_from,
            config=config,
            strategy=strategy,
            recover=recover,
            monitor=monitor,
        )


def model_of(config, recipe):
    """A `ContrastiveModel`, ready to be trained, and its `Networks`; in a strategy's scope."""
    with compat.precision(config.train.precision):
        nets = networks.build(config)
    networks.initialise(nets, config.head.init)
    model = ContrastiveModel(
        nets.encoder, nets.projection, config.pretrain.temperature, **running(config, recipe)
    )
    model.prepare(optimizer_of(config))
    return model, nets


def running(config, recipe):
    """How a model that sees images is run: keyword arguments of every such model."""
    return {
        "change": ChangeView(recipe) if config.augment.augment_on == "device" else None,
        "gradient_checkpointing": config.train.gradient_checkpointing,
        "bn_statistics": config.train.bn_statistics,
    }
