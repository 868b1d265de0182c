"""Every setting of a run, by section: its default, help and check, and the modes in which it acts.

run.py derives one flag from each field. A field's default may depend on the mode.
"""

import dataclasses

from simclr_med.config.sections.data import DataConfig
from simclr_med.config.sections.heads import HeadConfig, SweepConfig
from simclr_med.config.sections.networks import EncoderConfig, PretrainConfig, ProjectionConfig
from simclr_med.config.sections.results import (
    BulkConfig,
    EvaluateConfig,
    ExportConfig,
    ReportConfig,
)
from simclr_med.config.sections.running import DistributeConfig, WatchConfig
from simclr_med.config.sections.training import OptimizerConfig, TrainConfig
from simclr_med.config.sections.views import AugmentConfig


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings of one run."""

    mode: str
    work_dir: str
    seed: int = 0
    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    encoder: EncoderConfig = EncoderConfig()
    projection: ProjectionConfig = ProjectionConfig()
    pretrain: PretrainConfig = PretrainConfig()
    head: HeadConfig = HeadConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()
    distribute: DistributeConfig = DistributeConfig()
    watch: WatchConfig = WatchConfig()
    sweep: SweepConfig = SweepConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    report: ReportConfig = ReportConfig()
    export: ExportConfig = ExportConfig()
    bulk: BulkConfig = BulkConfig()


SECTIONS = {
    field.name: field.type
    for field in dataclasses.fields(Config)
    if dataclasses.is_dataclass(field.type)
}
FIELDS = {  # flat name -> (section, field)
    field.name: (section, field)
    for section, kind in SECTIONS.items()
    for field in dataclasses.fields(kind)
}


def flat(config):
    """Return the value of each setting of a `Config`, by flat name."""
    return {name: getattr(getattr(config, section), name) for name, (section, _) in FIELDS.items()}
