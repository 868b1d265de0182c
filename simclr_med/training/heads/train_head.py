"""Heads: a linear probe on frozen features, and fine-tuning of the whole network.

    run(make_config("finetune", {"data_dir": "my_data", "work_dir": "work/tuned"}))

probe_head.py and tuned_head.py train each.
"""

import dataclasses

from simclr_med import compat, devices, distribute, graphs
from simclr_med.data import manifest, requirements, seen_cases
from simclr_med.data.cases import Cases, label_fraction
from simclr_med.data.info import DatasetInfo
from simclr_med.encoders import networks
from simclr_med.runs import input_contract
from simclr_med.runs.task import Task
from simclr_med.training import features
from simclr_med.training.heads import probe_head, tuned_head
from simclr_med.training.heads.head_loss import refuse_focal, with_targets
from simclr_med.training.loop import trainer
from simclr_med.training.memory import refuse_beyond_memory
from simclr_med.training.run_setup import agreed_strategy, claimed


@graphs.as_written
def run(config, until=None):
    """Train a head into `config.work_dir`, or go on where it was stopped.

    Args:
      config: a `Config`.
      until: see `trainer.train`.

    Raises:
      InputError: flags, data or work folder are wrong.
      RunError, LostError, StoppedError, KeyboardInterrupt: see `trainer.train`.
    """
    config = devices.with_defaults(config)
    data = manifest.read(config.data.data_dir)
    refuse_focal(config.head.focal_gamma, data.info, config.data.data_dir)
    requirements.refuse_unmet(config, data)
    cases = data.cases(config.data.splits)
    watched = data.cases(["validation"]) if config.watch.validate_every else None
    cases = label_fraction(cases, config.data.label_fraction, config.data.label_seed)
    learnt = with_targets(config.head.targets, cases, config.data.data_dir)
    strategy = agreed_strategy(config, data)
    images, module = features.BATCH, probe_head
    if config.mode == "finetune":
        images, module = config.train.batch_size, tuned_head
        images *= tuned_head.images_of_case(config.head, cases)
    refuse_beyond_memory(config, images // distribute.workers(strategy)[1], "batch_size")
    with strategy.scope():
        with compat.precision(config.train.precision):
            nets = networks.build(config, len(data.info.classes))
        networks.initialise(nets, config.head.init)
    with claimed(config, data, strategy) as chief:
        if trainer.is_done(config.work_dir, config.train.steps):
            return
        if chief:
            describe_head(config, data.info)
            seen_cases.note(config.work_dir, config.head.init, cases, data.fingerprint)
        module.train(config, nets, Labelled(learnt, watched, data.info), strategy, until)


def describe_head(config, info):
    """Write a head's task, and the images that it expects, into its work folder."""
    Task.of(info).save(config.work_dir)
    input_contract.of_run(config, info.preparation).save(config.work_dir)


@dataclasses.dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled cases of a data set.

    Attributes:
      cases: `Cases` that are learnt from.
      watched: `Cases` of validation; None where it is not looked at.
      info: the `DatasetInfo` of both.
    """

    cases: Cases
    watched: Cases | None
    info: DatasetInfo
