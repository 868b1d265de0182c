"""Networks of a run that has ended, with their task and input contract."""

import dataclasses
import pathlib

from simclr_med.config.fields import Config
from simclr_med.config.setting import HEADS
from simclr_med.config.storage import load_config
from simclr_med.encoders import networks
from simclr_med.runs import input_contract, layout
from simclr_med.runs.kept_step import last_checkpoint
from simclr_med.runs.task import Task


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """A run's networks.

    Attributes:
      config: its `Config`.
      nets: its `Networks`.
      contract: the `Contract` of the images that it is served.
      task: the `Task` of its head; None of a run of pretraining, or imported weights, which have
        features alone.
    """

    config: Config
    nets: networks.Networks
    contract: input_contract.Contract
    task: Task | None


def load(work_dir: str | pathlib.Path) -> Trained:
    """Return the `Trained` of a work folder, or of a folder of imported weights.

    Raises:
      InputError: it is neither, is damaged, or has not been trained to the end.
    """
    config = load_config(work_dir)
    if config.mode in HEADS:
        config, task, nets = networks.load_trained(work_dir)
    else:
        task, nets = None, networks.build(config)
        networks.restore_encoder(nets, last_checkpoint(work_dir))
    contract = input_contract.of_run(config)
    if (pathlib.Path(work_dir) / layout.INPUT).exists():
        # Evaluation here resizes in one way, whatever the weights' source did.
        found = input_contract.load(work_dir)
        contract = dataclasses.replace(contract, source=found.source, preparation=found.preparation)
    return Trained(config, nets, contract, task)
