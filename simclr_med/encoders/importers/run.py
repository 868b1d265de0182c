"""A run of ours: its encoder and projection head, without its classifier."""

import pathlib

from simclr_med.config.storage import load_config
from simclr_med.encoders import checkpoint, networks
from simclr_med.encoders.importers import Imported
from simclr_med.runs import input_contract, layout
from simclr_med.runs.kept_step import kept_checkpoint


def read(path: pathlib.Path) -> Imported:
    """Return the `Imported` of the work folder of a run that has ended."""
    config = load_config(path)
    nets = networks.build(config)
    folder = kept_checkpoint(path)
    networks.restore_encoder(nets, folder)
    weights = {name: variable.numpy() for name, variable in nets.variables().items()}
    # Runs of earlier versions have no contract of their own.
    own = (
        input_contract.load(path)
        if (path / layout.INPUT).exists()
        else input_contract.of_run(config)
    )
    return Imported(
        source=f"{pathlib.Path(path).name} (a run of simclr_med)",
        encoder=config.encoder,
        weights=weights,
        left_out=tuple(name for name in checkpoint.saved_shapes(folder) if name not in weights),
        image_size=own.size,
        crop=own.crop,
        interpolation=own.interpolation,
        projection_layers=config.projection.projection_layers,
        projection_dim=config.projection.projection_dim,
    )
