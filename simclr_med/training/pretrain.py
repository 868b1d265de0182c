"""Pretraining: SimCLR (pairs are two views of an image) and MICLe (two images of a case).

run(make_config("pretrain", {"data_dir": "my_data", "work_dir": "work/micle", ...}))
"""

import functools

from simclr_med import compat, devices, distribute, graphs
from simclr_med.config.recipes import Recipe
from simclr_med.data import manifest, requirements, seen_cases
from simclr_med.data.batches import batch_settings, batches_ahead, contrastive_batches
from simclr_med.data.originals import originals_of
from simclr_med.data.positions import Positions
from simclr_med.data.unreadable import StandIns
from simclr_med.encoders import networks
from simclr_med.runs import input_contract
from simclr_med.training import features
from simclr_med.training.loop import trainer
from simclr_med.training.loop.train_step import compiled_step
from simclr_med.training.memory import refuse_beyond_memory
from simclr_med.training.models.contrastive import ContrastiveModel
from simclr_med.training.run_setup import (
    agreed_strategy,
    claimed,
    configured_optimizer,
    image_settings,
)
from simclr_med.training.view_sheet import ViewSheet
from simclr_med.views.changing import change_each


def positions_of(config, cases, substitutes=None, originals=None):
    """Return the `Positions` of a pretraining run.

    Args:
      config: a `Config`.
      cases: `Cases`.
      substitutes, originals: of unreadable images, and of all, see `Positions`.
    """
    return Positions(
        cases,
        batch_size=config.train.batch_size,
        seed=config.seed,
        positives=config.data.positives,
        substitutes=substitutes,
        originals=originals,
    )


def log_columns(positions):
    """Return a function of a step to columns of log.csv; of MICLe its share of true pairs."""
    if not positions.by_case:
        return None
    return lambda step: {"true_pairs": positions.true_pairs(step)}


def batches(config, positions, start_step=0, **part):
    """Return the batches of a pretraining run from `start_step` on.

    Args:
      config: a `Config`.
      positions: its `Positions`.
      start_step: steps done.
      part: `share` and `pieces`, see `contrastive_batches`.
    """
    running = batch_settings(config) | {"start_step": start_step, **part}
    return contrastive_batches(positions, Recipe.of(config.augment), **running)


@graphs.as_written
def run(config):
    """Pretrain into `config.work_dir`, or go on where it was stopped.

    Raises:
      InputError: flags, data or work folder are wrong.
      RunError, LostError, StoppedError, KeyboardInterrupt: see `trainer.train`.
    """
    config = devices.with_defaults(config)
    data = manifest.read(config.data.data_dir)
    requirements.refuse_unmet(config, data)
    cases = data.cases(config.data.splits or data.pretraining_splits())
    strategy = agreed_strategy(config, data)
    recipe = Recipe.of(config.augment)
    # Before anything is built, so that wrong flags are told at once.
    positions_of(config, cases)
    change_each(recipe)
    distribute.micro_batches(config.train, strategy)
    images = 2 * config.train.batch_size // distribute.workers(strategy)[1]
    refuse_beyond_memory(config, images, "batch_size")
    with strategy.scope():
        model, nets = model_of(config, recipe)
        monitor = None
        if config.watch.monitor == "knn":
            monitor = features.knn_monitor(nets.encoder, data, config)

    with claimed(config, data, strategy) as chief:
        if not trainer.is_done(config.work_dir, config.train.steps):
            if chief:
                seen_cases.note(config.work_dir, config.head.init, cases, data.fingerprint)
            _train(config, data.info.preparation, cases, strategy, model, nets, monitor)


def measure(config, told):
    """Train without a work folder, and call `told` after each step; nothing is kept.

    Args:
      config: a `Config` of few steps.
      told: a function without arguments.
    """
    config = devices.with_defaults(config)
    data = manifest.read(config.data.data_dir)
    requirements.refuse_unmet(config, data)
    cases = data.cases(config.data.splits or data.pretraining_splits())
    strategy = agreed_strategy(config, data)
    micro_batches = distribute.micro_batches(config.train, strategy)
    kept = originals_of(config, cases.paths, distribute.workers(strategy)[0])
    with kept as originals, strategy.scope():
        model, _ = model_of(config, Recipe.of(config.augment))
        positions = positions_of(config, cases, originals=originals)
        step = compiled_step(model, strategy, micro_batches, config.train.jit_compile)
        make = functools.partial(batches, config, positions, 0)
        parts = iter(distribute.batches(make, strategy, micro_batches))
        for _ in range(config.train.steps):
            step([next(parts) for _ in range(micro_batches)])
            model.optimizer.iterations.numpy()  # waits for the device
            told()


def _train(config, preparation, cases, strategy, model, nets, monitor):
    recipe = Recipe.of(config.augment)
    micro_batches = distribute.micro_batches(config.train, strategy)
    kept = originals_of(config, cases.paths, distribute.workers(strategy)[0])
    with kept as originals, strategy.scope():
        stand_ins = StandIns(cases, config.data.skip_bad_images, config.work_dir)
        positions = positions_of(config, cases, stand_ins.substitutes, originals)
        recover = positions.recovering(
            stand_ins, config.train.steps, batches_ahead(config.data.data_service)
        )
        if distribute.is_chief(strategy):
            input_contract.of_run(config, preparation).save(config.work_dir)

        def batches_from(done):
            make = functools.partial(batches, config, positions, done)
            return distribute.batches(make, strategy, micro_batches)

        trainer.train(
            model,
            nets.variables(),
            batches_from,
            config=config,
            strategy=strategy,
            recover=recover,
            monitor=monitor,
            callbacks=[ViewSheet(config.work_dir, positions, recipe, recover)],
            columns=log_columns(positions),
        )


def model_of(config, recipe):
    """Return a compiled `ContrastiveModel` and its `Networks`; in a strategy's scope.

    Args:
      config: a `Config` of a definite precision, see `devices.with_defaults`.
      recipe: its `Recipe`.
    """
    with compat.precision(config.train.precision):
        nets = networks.build(config)
    networks.initialise(nets, config.head.init)
    model = ContrastiveModel(
        nets.encoder, nets.projection, config.pretrain.temperature, **image_settings(config, recipe)
    )
    model.compile(configured_optimizer(config), jit_compile=config.train.jit_compile)
    return model, nets
