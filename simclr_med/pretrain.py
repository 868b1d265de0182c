"""Pretraining: SimCLR (pairs are two views of an image) and MICLe (two images of a case).

run(make_config("pretrain", {"data_dir": "my_data", "work_dir": "work/micle", ...}))
"""

import pathlib

import keras
import tensorflow as tf

from simclr_med import (
    augment,
    checkpoint,
    contract,
    dataset,
    manifest,
    networks,
    objective,
    sheet,
    trainer,
)
from simclr_med.config import claimed_work_dir
from simclr_med.optimizer import make_optimizer
from simclr_med.recipes import Recipe
from simclr_med.recompute import forward
from simclr_med.schedule import WarmUpCosine, scaled_learning_rate
from simclr_med.unreadable import StandIns


class ContrastiveModel(keras.Model):
    """Encoder and projection head, trained by NT-Xent on batches of two views.

    Batch normalisation sees both views at once, as SimCLR's does.

    Args:
      encoder, projection: Keras models.
      temperature: of NT-Xent.
      change: makes views of crops and draws, see `augment.changes`; None where the batches bring
        views.
      gradient_checkpointing: "none", "stages" or "blocks".
    """

    def __init__(
        self, encoder, projection, temperature, *, change=None, gradient_checkpointing="none"
    ):
        super().__init__()
        self.encoder = encoder
        self.projection = projection
        self.temperature = temperature
        self.change = change
        self.features = forward(encoder, gradient_checkpointing)

    def call(self, images, training=False):
        """Images `[B, H, W, C]` to projections `[B, P]`."""
        return self.projection(self.features(images, training=training), training=training)

    def train_step(self, batch):
        """`batch`: as of `dataset.contrastive_batches`. Returns the step's scalars."""
        images = tf.concat([batch["view1"], batch["view2"]], axis=0)  # [2B, H, W, C]
        if self.change is not None:
            images = self.change(images, tf.concat([batch["draws1"], batch["draws2"]], axis=0))
        with tf.GradientTape() as tape:
            projections = self(images, training=True)  # [2B, P]
            loss, scalars = objective.nt_xent(projections, self.temperature)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return {"loss": loss, **scalars, "learning_rate": self.optimizer.learning_rate}


def positions_of(config, cases, substitutes=None):
    """Which images stand where in a pretraining run."""
    return dataset.Positions(
        cases,
        batch_size=config.train.batch_size,
        seed=config.seed,
        positives=config.data.positives,
        substitutes=substitutes,
    )


def batches(config, positions, start_step=0):
    """The batches of a pretraining run from `start_step` on."""
    return dataset.contrastive_batches(
        positions, Recipe.of(config.augment), start_step=start_step, **dataset.running(config)
    )


def optimizer_of(config):
    """The configured optimizer with warm-up and cosine decay."""
    settings, steps = config.optimizer, config.train.steps
    peak = scaled_learning_rate(
        settings.learning_rate, config.train.batch_size, settings.learning_rate_scaling
    )
    return make_optimizer(
        settings.optimizer,
        WarmUpCosine(peak, round(settings.warmup_fraction * steps), steps),
        settings.momentum,
        settings.weight_decay,
        settings.trust_coefficient,
    )


def run(config):
    """Pretrains into `config.work_dir`, or goes on where it was stopped."""
    data = manifest.read(config.data.data_dir)
    cases = data.cases(config.data.splits or data.pretraining_splits())
    recipe = Recipe.of(config.augment)
    # Before anything is built: what is wrong with the flags is said at once.
    positions_of(config, cases)
    augment.changes(recipe)
    nets = networks.build(config)
    networks.initialise(nets, config.head.init)
    change = augment.changes(recipe) if config.augment.augment_on == "device" else None
    model = ContrastiveModel(
        nets.encoder,
        nets.projection,
        config.pretrain.temperature,
        change=change,
        gradient_checkpointing=config.train.gradient_checkpointing,
    )
    model.compile(optimizer=optimizer_of(config), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    variables = nets.variables() | checkpoint.named_optimizer_variables(model.optimizer)

    with claimed_work_dir(config, data.fingerprint):
        contract.of_run(config).save(config.work_dir)
        stand_ins = StandIns(cases, config.data.skip_bad_images, config.work_dir)
        positions = positions_of(config, cases, stand_ins.substitutes)
        recover = positions.recovering(stand_ins, config.train.steps, dataset.ahead(config))
        start_step = checkpoint.restore_latest(config.work_dir, variables)
        sheet.write(config.work_dir, positions, recipe, recover)
        trainer.fit(
            model,
            lambda done: batches(config, positions, done),
            variables,
            label=pathlib.Path(config.work_dir).name,
            start_step=start_step,
            config=config,
            recover=recover,
        )
