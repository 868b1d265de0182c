"""Pretraining: SimCLR (pairs are two views of an image) and MICLe (two images of a case).

run(make_config("pretrain", {"data_dir": "my_data", "work_dir": "work/micle", ...}))
"""

import pathlib

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from simclr_med import checkpoint, contract, dataset, files, manifest, networks, objective, trainer
from simclr_med.config import claimed_work_dir
from simclr_med.optimizer import make_optimizer
from simclr_med.recompute import forward
from simclr_med.schedule import WarmUpCosine, scaled_learning_rate

SHOWN_PAIRS = 8


class ContrastiveModel(keras.Model):
    """Encoder and projection head, trained by NT-Xent on batches of two views.

    Batch normalisation sees both views at once, as SimCLR's does.
    """

    def __init__(self, encoder, projection, temperature, gradient_checkpointing="none"):
        super().__init__()
        self.encoder = encoder
        self.projection = projection
        self.temperature = temperature
        self.features = forward(encoder, gradient_checkpointing)

    def call(self, images, training=False):
        """Images `[B, H, W, C]` to projections `[B, P]`."""
        return self.projection(self.features(images, training=training), training=training)

    def train_step(self, batch):
        """`batch`: "view1" and "view2", float32 `[B, H, W, C]`. Returns the step's scalars."""
        images = tf.concat([batch["view1"], batch["view2"]], axis=0)  # [2B, H, W, C]
        with tf.GradientTape() as tape:
            projections = self(images, training=True)  # [2B, P]
            loss, scalars = objective.nt_xent(projections, self.temperature)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return {"loss": loss, **scalars, "learning_rate": self.optimizer.learning_rate}


def batches(config, cases, start_step=0):
    """The batches of a pretraining run from `start_step` on."""
    return dataset.contrastive_batches(
        cases,
        batch_size=config.train.batch_size,
        size=config.augment.image_size,
        augmentation=config.augment.augmentation,
        strength=config.augment.color_strength,
        min_area=config.augment.crop_min_area,
        positives=config.data.positives,
        seed=config.seed,
        start_step=start_step,
        steps=config.train.steps,
        threads=config.data.threads,
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
    # Built before the work folder is claimed: what is wrong leaves nothing behind.
    batches(config, cases)
    nets = networks.build(config)
    networks.initialise(nets, config.head.init)
    model = ContrastiveModel(
        nets.encoder,
        nets.projection,
        config.pretrain.temperature,
        config.train.gradient_checkpointing,
    )
    model.compile(optimizer=optimizer_of(config), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    variables = nets.variables() | checkpoint.named_optimizer_variables(model.optimizer)

    with (
        claimed_work_dir(config, data.fingerprint),
        dataset.naming_bad_images(cases.paths),
    ):
        contract.of_run(config).save(config.work_dir)
        start_step = checkpoint.restore_latest(config.work_dir, variables)
        if start_step == 0:
            draw_views(config, cases)
        trainer.fit(
            model,
            batches(config, cases, start_step),
            variables,
            label=pathlib.Path(config.work_dir).name,
            start_step=start_step,
            config=config,
        )


def draw_views(config, cases):
    """Writes views.png: the first pairs of the run, as original, view, view, original."""
    batch = next(iter(batches(config, cases)))
    size = config.augment.image_size
    rows = []
    for i in range(min(SHOWN_PAIRS, config.train.batch_size)):
        originals = [cases.paths[int(batch[key][i])] for key in ("image1", "image2")]
        left, right = (
            np.asarray(Image.open(path).convert("RGB").resize([size, size])) for path in originals
        )
        views = [np.uint8(np.round(255 * batch[key][i].numpy())) for key in ("view1", "view2")]
        rows.append(np.concatenate([left, *views, right], axis=1))
    half = (len(rows) + 1) // 2
    rows += [np.full_like(rows[0], 255)] * (2 * half - len(rows))
    gap = np.full([size * half, max(4, size // 8), 3], 255, np.uint8)
    sheet = np.concatenate([np.concatenate(rows[:half]), gap, np.concatenate(rows[half:])], axis=1)
    path = pathlib.Path(config.work_dir) / "views.png"
    with files.replacing(path) as beside:
        Image.fromarray(sheet).save(beside, format="PNG")
