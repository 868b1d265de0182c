"""Heads: a linear probe on frozen features, and fine-tuning of the whole network.

A probe's features are computed once, by the encoder in inference mode: its weights and statistics
stay as they were, and an image's feature does not depend on its neighbours in a batch.
"""

import contextlib
import functools

import keras
import numpy as np
import tensorflow as tf

from simclr_med import compat, distribute
from simclr_med.config.recipes import Recipe
from simclr_med.config.work_folder import claimed_work_dir, identity
from simclr_med.data import dataset, manifest
from simclr_med.data.cases import label_fraction
from simclr_med.data.unreadable import StandIns
from simclr_med.encoders import input_contract, networks
from simclr_med.encoders.recompute import forward
from simclr_med.errors import InputError
from simclr_med.training import features, objective, train_step, trainer, view_sheet
from simclr_med.training.pretrain import optimizer_of, running


class SupervisedModel(train_step.Trained):
    """A network and its head, trained by the task's loss.

    Args:
      network: a Keras model from "inputs" to logits, trainable as a whole.
      task: "multiclass" or "multilabel".
      change: a `ChangeView`, which makes views of crops and draws; None where the batches bring
        views.
      gradient_checkpointing: "none", "stages" or "blocks".
      bn_statistics: "batch" or "frozen", see `recompute.forward`.
    """

    def __init__(
        self, network, task, *, change=None, gradient_checkpointing="none", bn_statistics="batch"
    ):
        super().__init__()
        self.network = network
        self.task = task
        self.change = change
        self.logits = forward(network, gradient_checkpointing, bn_statistics)

    def call(self, inputs, training=False):
        """Inputs to logits `[B, K]`."""
        return self.logits(inputs, training=training)

    def known(self, *targets):
        """What the loss is a mean over, of all replicas; targets of batches `[b, K]`."""
        return distribute.total(tf.add_n([objective.known(part, self.task) for part in targets]))

    def part(self, batch, known):
        """Gradients and loss of a part of the batch.

        Args:
          batch: "images" (or features) and "targets" `[b, K]`.
          known: of the whole batch.
        """
        images = batch["images"]
        if self.change is not None:
            images = self.change(images, batch["draws"])
        with tf.GradientTape() as tape:
            logits = self(images, training=True)
            summed = objective.supervised_loss(batch["targets"], logits, self.task)
            loss = tf.math.divide_no_nan(summed, known)
            scaled = compat.scaled(self.optimizer, loss)
        return tape.gradient(scaled, self.trainable_variables), loss

    def train_step(self, batch):
        """Returns the step's scalars."""
        gradients, loss = self.part(batch, self.known(batch["targets"]))
        return self.update(gradients, {"loss": loss})

    def micro_step(self, run):
        """A function of a list of batches, whose gradients add up; see `train_step.Trained`."""

        def added(batch, known, sums, losses):
            gradients, loss = self.part(batch, known)
            return train_step.added(sums, gradients), losses + loss

        count, add, update = run(self.known), run(added), run(self.update)
        start = run(lambda: (train_step.zeros(self.trainable_variables), tf.constant(0.0)))

        def step(batches):
            known = count(*[batch["targets"] for batch in batches])
            sums, losses = start()
            for batch in batches:
                sums, losses = add(batch, known, sums, losses)
            return update(sums, {"loss": losses})

        return step


def run(config):
    """Trains a head into `config.work_dir`, or goes on where it was stopped."""
    data = manifest.read(config.data.data_dir)
    cases = data.cases(config.data.splits)
    cases = label_fraction(cases, config.data.label_fraction, config.seed)
    strategy = distribute.strategy_of(config.distribute)
    distribute.agree(strategy, "flags or data", (identity(config), data.fingerprint))
    train = _train_probe if config.mode == "linear_probe" else _train_all
    with strategy.scope():
        with compat.precision(config.train.precision):
            nets = networks.build(config, len(data.info.classes))
        networks.initialise(nets, config.head.init)
        chief = distribute.is_chief(strategy)
        claim = claimed_work_dir(config, data.fingerprint) if chief else contextlib.nullcontext()
        with claim:
            if chief:
                networks.Task.of(data.info).save(config.work_dir)
                input_contract.of_run(config).save(config.work_dir)
            train(config, nets, cases, data.info.task, strategy)


def _train_all(config, nets, cases, task, strategy):
    recipe = Recipe.of(config.augment)
    stand_ins = StandIns(cases, config.data.skip_bad_images, config.work_dir)
    positions = dataset.Positions(
        cases,
        batch_size=config.train.batch_size,
        seed=config.seed,
        images=1,
        substitutes=stand_ins.substitutes,
    )
    recover = positions.recovering(stand_ins, config.train.steps, dataset.ahead(config))
    micro_batches = distribute.micro_batches(config, strategy)
    if distribute.is_chief(strategy):
        view_sheet.write(config.work_dir, positions, recipe, recover)

    def batches_from(done):
        running = dataset.running(config) | {"start_step": done}
        make = functools.partial(dataset.labelled_batches, positions, recipe, **running)
        return distribute.batches(make, strategy, micro_batches)

    with compat.precision(config.train.precision):
        network = keras.Model(nets.inputs.inputs, nets.head(nets.inputs.outputs[0]))
    model = SupervisedModel(network, task, **running(config, recipe))
    model.prepare(optimizer_of(config))
    trainer.fit(
        model, nets.variables(), batches_from, config=config, strategy=strategy, recover=recover
    )


def _train_probe(config, nets, cases, task, strategy):
    cases = cases.each_image_alone()
    size = config.train.batch_size
    if size > len(cases):
        raise InputError(f"--batch_size={size} exceeds the {len(cases)} labelled images")
    found = features.extract(nets.inputs, cases.paths, config)
    for layer in nets.head.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt(found)

    def batches(start_step):
        def indices():
            per_epoch = len(cases) // size
            for step in range(start_step, config.train.steps):
                epoch, k = divmod(step, per_epoch)
                order = np.random.default_rng([config.seed, epoch]).permutation(len(cases))
                yield order[k * size : (k + 1) * size]

        def gather(index):
            return {"images": tf.gather(found, index), "targets": tf.gather(targets, index)}

        targets = tf.constant(cases.targets)
        spec = tf.TensorSpec([size], tf.int64)
        return tf.data.Dataset.from_generator(indices, output_signature=spec).map(gather)

    model = SupervisedModel(nets.head, task)
    model.prepare(optimizer_of(config))
    trainer.fit(model, nets.variables(), batches, config=config, strategy=strategy)
