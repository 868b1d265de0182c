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
from simclr_med.data.batches import bag_batches, batch_settings, batches_ahead, labelled_batches
from simclr_med.data.cases import label_fraction
from simclr_med.data.originals import originals_of
from simclr_med.data.positions import Positions
from simclr_med.data.unreadable import StandIns
from simclr_med.encoders import checkpoint, heads, input_contract, networks
from simclr_med.training import averaging, exact_probe, features, kept_features, trainer
from simclr_med.training.bag_model import BagModel
from simclr_med.training.epochs import batch_rows, refuse_large_batch
from simclr_med.training.head_loss import class_weights, loss_changes, refuse_focal
from simclr_med.training.memory import refuse_beyond_memory
from simclr_med.training.rate_factors import rate_factors
from simclr_med.training.run_setup import configured_optimizer, image_settings
from simclr_med.training.supervised import SupervisedModel
from simclr_med.training.validation import ValidationSplit
from simclr_med.training.view_sheet import ViewSheet


def run(config):
    """Train a head into `config.work_dir`, or go on where it was stopped.

    Raises:
      InputError: flags, data or work folder are wrong.
      RunError, LostError, SystemExit: see `trainer.train`.
    """
    config = devices.with_defaults(config)
    data = manifest.read(config.data.data_dir)
    refuse_focal(config, data.info)
    cases = data.cases(config.data.splits)
    watched = data.cases(["validation"]) if config.watch.validate_every else None
    cases = label_fraction(cases, config.data.label_fraction, config.data.label_seed)
    strategy = distribute.strategy_of(config.distribute)
    distribute.refuse_disagreement(strategy, "flags or data", (identity(config), data.fingerprint))
    probes = config.mode == "linear_probe"
    train = _train_probe if probes else _train_all
    images = features.BATCH if probes else config.train.batch_size * images_of_case(config, cases)
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
            describe_head(config, data.info)
            learnt_from.note(config, cases, data.fingerprint)
        train(config, nets, cases, watched, data.info, strategy)


def describe_head(config, info):
    """Write beside a head what it is a head of: its task, and which images it expects."""
    networks.Task.of(info).save(config.work_dir)
    input_contract.of_run(config, info.preparation).save(config.work_dir)


def images_of_case(config, cases):
    """Return how many images of each case a step of fine-tuning has."""
    if config.head.bag == "none":
        return 1
    return min(config.head.bag_images, int(np.diff(cases.offsets).max()))


def _train_all(config, nets, cases, watched, info, strategy):
    kept = originals_of(config, cases.paths, distribute.workers(strategy)[0])
    with kept as originals, strategy.scope():
        _train_on_views(config, nets, cases, watched, info, strategy, originals)


def _train_on_views(config, nets, cases, watched, info, strategy, originals):
    recipe = Recipe.of(config.augment)
    stand_ins = StandIns(cases, config.data.skip_bad_images, config.work_dir)
    positions = Positions(
        cases,
        batch_size=config.train.batch_size,
        seed=config.seed,
        images=images_of_case(config, cases),
        substitutes=stand_ins.substitutes,
        originals=originals,
    )
    batches, kind = labelled_batches, SupervisedModel
    if config.head.bag != "none":
        batches, kind = bag_batches, functools.partial(BagModel, bag=config.head.bag)
    recover = positions.recovering(stand_ins, config.train.steps, batches_ahead(config))
    micro_batches = distribute.micro_batches(config, strategy)

    def batches_from(done):
        running = batch_settings(config) | {"start_step": done}
        make = functools.partial(batches, positions, recipe, **running)
        return distribute.batches(make, strategy, micro_batches)

    with compat.precision(config.train.precision):
        network = keras.Model(nets.inputs.inputs, nets.answers(nets.inputs.outputs[0]))
    model = kind(
        network,
        info.task,
        **loss_changes(config, cases.targets, info.task),
        rate_factors=rate_factors(nets, config.optimizer.head_rate, config.optimizer.layer_decay),
        **image_settings(config, recipe),
    )
    model.compile(configured_optimizer(config), jit_compile=config.train.jit_compile)
    evaluated, variables, averages = _evaluated_of(nets, info, config)
    trainer.train(
        model,
        variables,
        batches_from,
        config=config,
        strategy=strategy,
        recover=recover,
        validation=_validation_of(evaluated, watched, info, config),
        callbacks=[*averages, ViewSheet(config.work_dir, positions, recipe, recover)],
    )


def _evaluated_of(nets, info, config):
    """Return the `Networks` that the run is known by, what a checkpoint holds, and callbacks."""
    share = averaging.share_of(config.train)
    if share is None:
        return nets, nets.variables(), []
    with compat.precision(config.train.precision):
        averaged = networks.build(config, len(info.classes))
    callback = averaging.AveragedWeights(nets, averaged, share)
    return averaged, averaging.named_variables(nets, averaged), [callback]


def _validation_of(nets, cases, info, config):
    if cases is None:
        return None
    infer = tf.function(nets.outputs, reduce_retracing=True)
    outputs = functools.partial(
        features.outputs_of_images, infer, cases.paths, config, label="validation"
    )
    return ValidationSplit(cases, info, outputs, config.head.bag)


def _train_probe(config, nets, cases, watched, info, strategy):
    cases = cases.each_image_alone()
    if config.head.solver == "lbfgs":
        _solve_probe(config, nets, cases, info.task)
        return
    size = config.train.batch_size
    refuse_large_batch(size, len(cases))
    found = kept_features.extract(nets.inputs, cases.paths, config)
    heads.standardise(nets.head, found)

    def batches(start_step):
        def indices():
            for step in range(start_step, config.train.steps):
                yield batch_rows(len(cases), size, config.seed, step, step + 1)[0]

        def gather(index):
            return {"images": tf.gather(found, index), "targets": tf.gather(targets, index)}

        targets = tf.constant(cases.targets)
        spec = tf.TensorSpec([size], tf.int64)
        return tf.data.Dataset.from_generator(indices, output_signature=spec).map(gather)

    changes = loss_changes(config, cases.targets, info.task)
    model = SupervisedModel(nets.head, info.task, **changes)
    model.compile(configured_optimizer(config), jit_compile=config.train.jit_compile)
    split = None
    if watched is not None:
        seen = tf.constant(kept_features.extract(nets.inputs, watched.paths, config))
        split = ValidationSplit(watched, info, lambda: nets.head(seen, training=False))
    trainer.train(
        model, nets.variables(), batches, config=config, strategy=strategy, validation=split
    )


def _solve_probe(config, nets, cases, task):
    """Leave the exact solution as the checkpoint of the last step."""
    steps = config.train.steps
    checkpoint.set_aside_newer(config.work_dir, 0)  # one that is there is damaged: see is_done
    seen = kept_features.extract(nets.inputs, cases.paths, config)
    heads.standardise(nets.head, seen)
    standardised = nets.head.get_layer("normalization")(seen).numpy()
    decay, logits = config.optimizer.weight_decay, nets.head.get_layer("logits")
    weights = class_weights(cases.targets, task, config.head.class_weights)
    kernel, bias = exact_probe.solve(standardised, cases.targets, decay, task, steps, weights)
    logits.kernel.assign(kernel)
    logits.bias.assign(bias)
    checkpoint.save(config.work_dir, checkpoint.values_of(nets.variables()), steps, keep=1)
