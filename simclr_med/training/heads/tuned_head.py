"""Fine-tuning: a head and the network below it, trained together on views of images."""

import functools

import keras
import numpy as np

from simclr_med import compat, distribute, graphs
from simclr_med.config.recipes import Recipe
from simclr_med.data.batches import bag_batches, batch_settings, batches_ahead, labelled_batches
from simclr_med.data.originals import originals_of
from simclr_med.data.positions import Positions
from simclr_med.data.unreadable import StandIns
from simclr_med.encoders import networks
from simclr_med.training import features
from simclr_med.training.heads.head_loss import loss_changes
from simclr_med.training.loop import averaging, trainer
from simclr_med.training.loop.validation import ValidationSplit
from simclr_med.training.models.bag_model import BagModel
from simclr_med.training.models.rate_factors import rate_factors
from simclr_med.training.models.supervised import SupervisedModel
from simclr_med.training.run_setup import configured_optimizer, image_settings
from simclr_med.training.view_sheet import ViewSheet


def train(config, nets, labelled, strategy, until=None):
    """Train all that a head reads, and the head.

    Args:
      config: a `Config` of fine-tuning.
      nets: its `Networks`, initialised.
      labelled: `Labelled`.
      strategy: of tf.distribute.
      until: see `trainer.train`.

    Raises:
      as `trainer.train`.
    """
    kept = originals_of(config, labelled.cases.paths, distribute.workers(strategy)[0])
    with kept as originals, strategy.scope():
        _train_on_views(config, nets, labelled, strategy, until, originals)


def images_of_case(settings, cases):
    """Return the number of images of each case in a step."""
    if settings.bag == "none":
        return 1
    return min(settings.bag_images, int(np.diff(cases.offsets).max()))


def _train_on_views(config, nets, labelled, strategy, until, originals):
    cases, recipe = labelled.cases, Recipe.of(config.augment)
    stand_ins = StandIns(cases, config.data.skip_bad_images, config.work_dir)
    positions = Positions(
        cases,
        batch_size=config.train.batch_size,
        seed=config.seed,
        images=images_of_case(config.head, cases),
        substitutes=stand_ins.substitutes,
        originals=originals,
    )
    recover = positions.recovering(
        stand_ins, config.train.steps, batches_ahead(config.data.data_service)
    )
    micro_batches = distribute.micro_batches(config.train, strategy)
    batches = labelled_batches if config.head.bag == "none" else bag_batches

    def batches_from(done):
        running = batch_settings(config) | {"start_step": done}
        make = functools.partial(batches, positions, recipe, **running)
        return distribute.batches(make, strategy, micro_batches)

    evaluated, variables, averages = _evaluated_of(nets, labelled.info, config)
    trainer.train(
        _model_of(nets, labelled, recipe, config),
        variables,
        batches_from,
        config=config,
        strategy=strategy,
        recover=recover,
        validation=_validation_of(evaluated, labelled, config),
        callbacks=[*averages, ViewSheet(config.work_dir, positions, recipe, recover)],
        until=until,
    )


def _model_of(nets, labelled, recipe, config):
    """Return the compiled model of the networks."""
    bag, task = config.head.bag, labelled.info.task
    kind = SupervisedModel if bag == "none" else functools.partial(BagModel, bag=bag)
    with compat.precision(config.train.precision):
        network = keras.Model(nets.inputs.inputs[0], nets.answers(nets.inputs.outputs[0]))
    model = kind(
        network,
        task,
        **loss_changes(config.head, labelled.cases.targets, task),
        rate_factors=rate_factors(nets, config.optimizer.head_rate, config.optimizer.layer_decay),
        **image_settings(config, recipe),
    )
    model.compile(configured_optimizer(config), jit_compile=config.train.jit_compile)
    return model


def _evaluated_of(nets, info, config):
    """Return the `Networks` that are evaluated, the variables of a checkpoint, and callbacks."""
    share = averaging.share_of(config.train)
    if share is None:
        return nets, nets.variables(), []
    with compat.precision(config.train.precision):
        averaged = networks.build(config, len(info.classes))
    callback = averaging.AveragedWeights(nets, averaged, share)
    return averaged, averaging.named_variables(nets, averaged), [callback]


def _validation_of(nets, labelled, config):
    cases = labelled.watched
    if cases is None:
        return None
    infer = graphs.function(nets.outputs, reduce_retracing=True)
    outputs = functools.partial(
        features.outputs_of_images, infer, cases.paths, config, label="validation"
    )
    return ValidationSplit(cases, labelled.info, outputs, config.head.bag)
