"""What one stack computes, for test_stacks.py to compare with the other's; also a command.

python tests/stack_numbers.py DATA_DIR OUT [WORK_DIR_TO_GO_ON]
"""

import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
SIZE, STEPS = 32, 5
SETTINGS = {"encoder": "resnet18", "width": 0.125, "image_size": SIZE, "precision": "float32"}
RUN = {"steps": STEPS, "batch_size": 8, "save_every": 1, "keep_checkpoints": STEPS}


def five_steps():
    """Return numbers of the whole way, from drawing to the loss, by name."""
    import tensorflow as tf

    from simclr_med.config.checked_config import make_config
    from simclr_med.config.recipes import Recipe
    from simclr_med.training import pretrain
    from simclr_med.views import augment
    from simclr_med.views.changing import ChangeView

    _, draws = augment.draw(tf.constant([7, 9]), 16)
    crops = 127.5 * (1 + np.sin(np.arange(16 * SIZE * SIZE * 3) ** 1.1))
    crops = crops.reshape(16, SIZE, SIZE, 3).astype(np.float32)
    recipe = Recipe.named("full", SIZE)
    views = ChangeView(recipe)(crops, draws)
    config = make_config(
        "pretrain", {"data_dir": "unused", "work_dir": "unused", **SETTINGS, **RUN}
    )
    model, nets = pretrain.model_of(config, recipe)
    features = nets.encoder(views, training=False)
    losses = []
    for _ in range(STEPS):
        model.train_step({"view1": views[:8], "view2": views[8:]})
        losses.append(model.last_step.scalars()["loss"])
    return {
        "draws": draws.numpy()[:2],
        "views": tf.reduce_mean(views, [1, 2]).numpy(),
        "features": features.numpy(),
        "losses": np.float32(losses),
        "trained": nets.encoder(views, training=False).numpy(),
    }


def batches(config):
    """Return two batches of a run, by key and number: of views, or of crops and drawn numbers."""
    from simclr_med.data import manifest
    from simclr_med.training import pretrain

    data = manifest.read(config.data.data_dir)
    positions = pretrain.positions_of(config, data.cases(data.pretraining_splits()))
    made = enumerate(pretrain.batches(config, positions).take(2))
    return {f"{key}{i}": value.numpy() for i, batch in made for key, value in batch.items()}


def write(data_dir, out, others):
    """Write batches, weights and their shapes, and a run, and go on with the `others`' run."""
    from simclr_med.config.checked_config import make_config
    from simclr_med.config.recipes import Recipe
    from simclr_med.training import pretrain

    def config_of(folder, **more):
        given = {"data_dir": data_dir, "work_dir": str(folder), **SETTINGS, **RUN, **more}
        return make_config("pretrain", given)

    for place in ("host", "device"):
        np.savez(out / f"{place}.npz", **batches(config_of(out, augment_on=place)))
    config = config_of(out / "run")
    _, nets = pretrain.model_of(config, Recipe.of(config.augment))
    np.savez(out / "weights.npz", **{k: v.numpy() for k, v in nets.variables().items()})
    pretrain.run(config)
    if others:
        pretrain.run(config_of(others))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    out = pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    write(sys.argv[1], out, sys.argv[3] if len(sys.argv) > 3 else None)
