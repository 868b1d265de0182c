"""Heads: a linear probe on frozen features, and fine-tuning of the whole network.

A probe's features are computed once, by the encoder in inference mode: its weights and statistics
stay as they were, and an image's feature does not depend on its neighbours in a batch.
"""

import contextlib
import functools

import keras
import numpy as np
import tensorflow as tf

from simclr_med import compat, devices, distribute
from simclr_med.config.recipes import Recipe
from simclr_med.config.work_folder import claimed_work_dir, identity
from simclr_med.data import learnt_from, manifest
from simclr_med.data.batches import batch_settings, batches_ahead, labelled_batches
from simclr_med.data.cases import label_fraction
from simclr_med.data.originals import originals_of
from simclr_med.data.positions import Positions
from simclr_med.data.unreadable import StandIns
from simclr_med.encoders import input_contract, networks
from simclr_med.errors import InputError
from simclr_med.training import features, trainer
from simclr_med.training.memory import refuse_beyond_memory
from simclr_med.training.run_setup import configured_optimizer, image_settings
from simclr_med.training.supervised import SupervisedModel
from simclr_med.training.view_sheet import ViewSheet


def run(config):
    """Train a head into `config.work_dir`, or go on where it was stopped.

    Raises:
      InputError: flags, data or work folder are wrong.
      RunError, LostError, SystemExit: see `trainer.train`.
    """
    config = devices.with_defaults(config)
    data = manifest.read(config.data.data_dir)
    cases = data.cases(config.data.splits)
    cases = label_fraction(cases, config.data.label_fraction, config.seed)
    strategy = distribute.strategy_of(config.distribute)
    distribute.refuse_disagreement(strategy, "flags or data", (identity(config), data.fingerprint))
    probes = config.mode == "linear_probe"
    train = _train_probe if probes else _train_all
    images = features.BATCH if probes else config.train.batch_size
    refuse_beyond_memory(config, images // distribute.workers(strategy)[1], "batch_size")
    with strategy.scope():
        with compat.precision(config.train.precision):
            nets = networks.build(config, len(data.info.classes))
        networks.initialise(nets, config.head.init)
    chief = distribute.is_chief(strategy)
    claim = claimed_work_dir(config, data.fingerprint) if chief else contextlib.nullcontext()
    with claim:
        if trainer.is_done(config):
            return
        if chief:
            networks.Task.of(data.info).save(config.work_dir)
            input_contract.of_run(config).save(config.work_dir)
            learnt_from.note(config, cases, data.fingerprint)
        train(config, nets, cases, data.info.task, strategy)


def _train_all(config, nets, cases, task, strategy):
    kept = originals_of(config, cases.paths, distribute.workers(strategy)[0])
    with kept as originals, strategy.scope():
        _train_on_views(config, nets, cases, task, strategy, originals)


def _train_on_views(config, nets, cases, task, strategy, originals):
    recipe = Recipe.of(config.augment)
    stand_ins = StandIns(cases, config.data.skip_bad_images, config.work_dir)
    positions = Positions(
        cases,
        batch_size=config.train.batch_size,
        seed=config.seed,
        images=1,
        substitutes=stand_ins.substitutes,
        originals=originals,
    )
    recover = positions.recovering(stand_ins, config.train.steps, batches_ahead(config))
    micro_batches = distribute.micro_batches(config, strategy)

    def batches_from(done):
        running = batch_settings(config) | {"start_step": done}
        make = functools.partial(labelled_batches, positions, recipe, **running)
        return distribute.batches(make, strategy, micro_batches)

    with compat.precision(config.train.precision):
        network = keras.Model(nets.inputs.inputs, nets.head(nets.inputs.outputs[0]))
    model = SupervisedModel(network, task, **image_settings(config, recipe))
    model.compile(configured_optimizer(config), jit_compile=config.train.jit_compile)
    trainer.train(
        model,
        nets.variables(),
        batches_from,
        config=config,
        strategy=strategy,
        recover=recover,
        callbacks=[ViewSheet(config.work_dir, positions, recipe, recover)],
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
    model.compile(configured_optimizer(config), jit_compile=config.train.jit_compile)
    trainer.train(model, nets.variables(), batches, config=config, strategy=strategy)
