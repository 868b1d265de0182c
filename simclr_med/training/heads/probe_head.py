"""A linear probe: a head on frozen features, of images or of cases as bags (`--bag`).

They are computed once, by the encoder in inference mode: its weights and statistics stay as they
were, and an image's feature does not depend on its neighbours in a batch.
"""

import functools

import keras
import tensorflow as tf

from simclr_med.data.requirements import refuse_large_batch
from simclr_med.encoders import checkpoint, heads
from simclr_med.training.heads import exact_probe, feature_cache, probe_units
from simclr_med.training.heads.head_loss import class_weights, loss_changes
from simclr_med.training.heads.probe_units import batch_rows
from simclr_med.training.loop import trainer
from simclr_med.training.loop.validation import ValidationSplit
from simclr_med.training.models.bag_model import BagModel
from simclr_med.training.models.supervised import SupervisedModel
from simclr_med.training.run_setup import configured_optimizer


def train(config, nets, labelled, strategy, until=None):
    """Train a head on features, by steps or exactly; the arguments are `tuned_head.train`'s."""
    bag, task = config.head.bag, labelled.info.task
    cases = probe_units.units(labelled.cases, bag)
    if config.head.solver == "lbfgs":
        _solve(config, nets, cases, task)
        return
    refuse_large_batch(config.train.batch_size, len(cases), probe_units.words(bag))
    rows, offsets = _read(config, nets, cases)
    model = _model_of(nets, bag, task, loss_changes(config.head, cases.targets, task))
    model.compile(configured_optimizer(config), jit_compile=config.train.jit_compile)
    trainer.train(
        model,
        nets.variables(),
        _batches(config, rows, offsets, cases.targets),
        config=config,
        strategy=strategy,
        validation=_validation_of(nets, labelled, config),
        until=until,
    )


def _read(config, nets, cases):
    """Return `probe_units.rows_of` the cases, by which the networks now standardise."""
    found = feature_cache.extract(nets.inputs, cases.paths, config)
    rows, offsets = probe_units.rows_of(found, cases.offsets, config.head.bag)
    for reader in nets.readers():
        heads.standardise(reader, rows)
    return rows, offsets


def _model_of(nets, bag, task, changes):
    if bag not in probe_units.IN_STEPS:
        return SupervisedModel(nets.head, task, **changes)
    rows = nets.head.inputs[0]
    return BagModel(keras.Model(rows, nets.answers(rows)), task, bag=bag, **changes)


def _batches(config, rows, offsets, targets):
    """Return a function of the steps done to the batches from there on."""
    size, bag = config.train.batch_size, config.head.bag
    members, counted = map(tf.constant, probe_units.members(offsets))
    rows, targets = tf.constant(rows), tf.constant(targets)

    def indices(start_step):
        for step in range(start_step, config.train.steps):
            yield batch_rows(len(offsets) - 1, size, config.seed, step, step + 1)[0]

    def gather(index):
        batch = {"targets": tf.gather(targets, index)}
        if bag not in probe_units.IN_STEPS:  # a unit is a row
            return batch | {"images": tf.gather(rows, index)}
        seen = tf.gather(rows, tf.gather(members, index))  # [B, N, D]
        return batch | {"images": seen, "counted": tf.gather(counted, index)}

    def batches(start_step):
        spec = tf.TensorSpec([size], tf.int64)
        made = tf.data.Dataset.from_generator(indices, args=[start_step], output_signature=spec)
        return made.map(gather)

    return batches


def _validation_of(nets, labelled, config):
    cases = labelled.watched
    if cases is None:
        return None
    seen = tf.constant(feature_cache.extract(nets.inputs, cases.paths, config))
    outputs = functools.partial(nets.answers, seen)
    return ValidationSplit(cases, labelled.info, outputs, config.head.bag)


def _solve(config, nets, cases, task):
    """Leave the exact solution as the checkpoint of the last step."""
    steps = config.train.steps
    checkpoint.set_aside_newer(config.work_dir, 0)  # one that is there is damaged: see is_done
    rows, _ = _read(config, nets, cases)
    standardised = nets.head.get_layer("normalization")(rows).numpy()
    decay, logits = config.optimizer.weight_decay, nets.head.get_layer("logits")
    weights = class_weights(cases.targets, task, config.head.class_weights)
    kernel, bias = exact_probe.solve(standardised, cases.targets, decay, task, steps, weights)
    logits.kernel.assign(kernel)
    logits.bias.assign(bias)
    checkpoint.save(config.work_dir, checkpoint.values_of(nets.variables()), steps, keep=1)
