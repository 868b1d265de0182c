"""Heads: a linear probe on frozen features, and fine-tuning of the whole network.

A probe's features are computed once, by the encoder in inference mode: its weights and statistics
stay as they were, and an image's feature does not depend on its neighbours in a batch.
"""

import pathlib

import keras
import numpy as np
import tensorflow as tf
import tqdm

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
from simclr_med.errors import InputError
from simclr_med.pretrain import optimizer_of
from simclr_med.recipes import Recipe
from simclr_med.recompute import forward
from simclr_med.unreadable import StandIns, naming


class SupervisedModel(keras.Model):
    """A network and its head, trained by the task's loss.

    Args:
      network: a Keras model from "inputs" to logits, trainable as a whole.
      task: "multiclass" or "multilabel".
      change: makes views of crops and draws, see `augment.changes`; None where the batches bring
        views.
      gradient_checkpointing: "none", "stages" or "blocks".
    """

    def __init__(self, network, task, *, change=None, gradient_checkpointing="none"):
        super().__init__()
        self.network = network
        self.task = task
        self.change = change
        self.logits = forward(network, gradient_checkpointing)

    def call(self, inputs, training=False):
        """Inputs to logits `[B, K]`."""
        return self.logits(inputs, training=training)

    def train_step(self, batch):
        """`batch`: "images" (or features) and "targets" `[B, K]`. Returns the step's scalars."""
        images = batch["images"]
        if self.change is not None:
            images = self.change(images, batch["draws"])
        with tf.GradientTape() as tape:
            logits = self(images, training=True)
            loss = objective.supervised_loss(batch["targets"], logits, self.task)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return {"loss": loss, "learning_rate": self.optimizer.learning_rate}


def run(config):
    """Trains a head into `config.work_dir`, or goes on where it was stopped."""
    data = manifest.read(config.data.data_dir)
    cases = data.cases(config.data.splits)
    cases = manifest.label_fraction(cases, config.data.label_fraction, config.seed)
    nets = networks.build(config, len(data.info.classes))
    networks.initialise(nets, config.head.init)
    train = _train_probe if config.mode == "linear_probe" else _train_all
    with claimed_work_dir(config, data.fingerprint):
        networks.Task.of(data.info).save(config.work_dir)
        contract.of_run(config).save(config.work_dir)
        train(config, nets, cases, data.info.task)


def _train_all(config, nets, cases, task):
    recipe = Recipe.of(config.augment)
    change = augment.changes(recipe) if config.augment.augment_on == "device" else None
    stand_ins = StandIns(cases, config.data.skip_bad_images, config.work_dir)
    positions = dataset.Positions(
        cases,
        batch_size=config.train.batch_size,
        seed=config.seed,
        images=1,
        substitutes=stand_ins.substitutes,
    )
    recover = positions.recovering(stand_ins, config.train.steps, dataset.ahead(config))
    sheet.write(config.work_dir, positions, recipe, recover)
    network = keras.Model(nets.inputs.inputs, nets.head(nets.inputs.outputs[0]))

    def batches(start_step):
        running = dataset.running(config)
        return dataset.labelled_batches(positions, recipe, start_step=start_step, **running)

    cuts = config.train.gradient_checkpointing
    model = SupervisedModel(network, task, change=change, gradient_checkpointing=cuts)
    _fit(config, nets, model, batches, recover)


def _train_probe(config, nets, cases, task):
    cases = cases.each_image_alone()
    size = config.train.batch_size
    if size > len(cases):
        raise InputError(f"--batch_size={size} exceeds the {len(cases)} labelled images")
    with naming(cases.paths):
        features = extract_features(config, nets, cases.paths)
    for layer in nets.head.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt(features)

    def batches(start_step):
        def indices():
            per_epoch = len(cases) // size
            for step in range(start_step, config.train.steps):
                epoch, k = divmod(step, per_epoch)
                order = np.random.default_rng([config.seed, epoch]).permutation(len(cases))
                yield order[k * size : (k + 1) * size]

        def gather(index):
            return {"images": tf.gather(features, index), "targets": tf.gather(targets, index)}

        targets = tf.constant(cases.targets)
        spec = tf.TensorSpec([size], tf.int64)
        return tf.data.Dataset.from_generator(indices, output_signature=spec).map(gather)

    _fit(config, nets, SupervisedModel(nets.head, task), batches)


def extract_features(config, nets, paths):
    """What the head reads, float32 `[M, D]`, for each image in its evaluation view."""
    images = dataset.evaluation_batches(
        paths,
        batch_size=64,
        size=config.augment.image_size,
        proportion=config.augment.eval_crop,
        threads=config.data.threads,
    )
    infer = tf.function(lambda batch: nets.inputs(batch, training=False), reduce_retracing=True)
    total = -(-len(paths) // 64)
    bar = tqdm.tqdm(images, "features", total, unit="batch", leave=False, mininterval=1)
    return np.concatenate([infer(batch).numpy() for batch in bar])


def _fit(config, nets, model, batches_from, recover=None):
    model.compile(optimizer=optimizer_of(config), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    variables = nets.variables() | checkpoint.named_optimizer_variables(model.optimizer)
    start_step = checkpoint.restore_latest(config.work_dir, variables)
    trainer.fit(
        model,
        batches_from,
        variables,
        label=pathlib.Path(config.work_dir).name,
        start_step=start_step,
        config=config,
        recover=recover,
    )
