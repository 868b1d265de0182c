"""The networks of a run: encoder, projection head, and where it has one, the classifier.

networks = build(config, classes=27)
encoder = load_encoder("work/micle")  # of a run, or of tools/import_checkpoint.py's folder
"""

import dataclasses
import pathlib

import keras

from simclr_med.config.fields import Config
from simclr_med.config.storage import load_config
from simclr_med.encoders import checkpoint, heads
from simclr_med.encoders.encoder import build_encoder
from simclr_med.runs.kept_step import kept_checkpoint
from simclr_med.runs.task import Task

PARTS = ("encoder", "projection", "head", "attention")  # of `Networks` that have weights


@dataclasses.dataclass(eq=False)
class Networks:
    """The parts of a run's network, functional Keras models that share layers.

    Attributes:
      encoder: images `[B, H, W, 3]` to features `[B, D]`.
      projection: features to projections `[B, P]`.
      inputs: images to what the head reads; None in pretraining.
      head: that to logits `[B, K]`; None in pretraining.
      attention: that to scores `[B, 1]`; None without `--bag=attention`.
    """

    encoder: keras.Model
    projection: keras.Model
    inputs: keras.Model | None = None
    head: keras.Model | None = None
    attention: keras.Model | None = None

    def variables(self):
        """Return all weights by stable name: encoder/..., projection/..., head/..."""
        named = {}
        for part in PARTS:
            model = getattr(self, part)
            named |= checkpoint.named_variables(model, part) if model is not None else {}
        return named

    def readers(self):
        """Return the models that read the head's input: head, and attention where there is one."""
        return [part for part in (self.head, self.attention) if part is not None]

    def answers(self, read):
        """Return the logits `[B, K]` of the head's input, and with attention `[B, K + 1]`."""
        if self.attention is None:
            return self.head(read)
        return keras.layers.Concatenate()([self.head(read), self.attention(read)])

    def outputs(self, images):
        """Return the `answers` of images `[B, H, W, C]`."""
        return self.answers(self.inputs(images, training=False))

    def logits(self, images, training=False):
        """Return the logits `[B, K]` of images `[B, H, W, C]`."""
        return self.head(self.inputs(images, training=training), training=training)


def build(config: Config, classes: int | None = None) -> Networks:
    """Return fresh `Networks`, their weights drawn from the run's seed.

    Args:
      config: a `Config`.
      classes: K, the number of outputs of the head; None for pretraining.
    """
    keras.utils.set_random_seed(config.seed)
    encoder = _build_encoder(config.encoder, config.augment.image_size)
    projection = heads.build_projection_head(
        encoder.output_shape[-1],
        config.projection.projection_layers,
        config.projection.projection_dim,
        config.encoder.bn_momentum,
    )
    if classes is None:
        return Networks(encoder, projection)
    inputs = heads.build_head_input(encoder, projection, config.head.head_input)
    normalise = config.mode == "linear_probe"
    head = heads.build_classifier(
        inputs.output_shape[-1],
        classes,
        normalise=normalise,
        init=config.head.head_init,
    )
    attention = None
    if config.head.bag == "attention":
        attention = heads.build_attention(inputs.output_shape[-1], normalise)
    return Networks(encoder, projection, inputs, head, attention)


def _build_encoder(chosen, image_size):
    settings = dataclasses.asdict(chosen)
    return build_encoder(settings.pop("encoder"), image_size=image_size, **settings)


def load_encoder(path: str | pathlib.Path) -> keras.Model:
    """Return the trained encoder in `path`: images `[B, H, W, 3]` to features `[B, D]`, of Keras.

    Images are in [0, 1] whatever the weights' source: what else it expects is the model's first
    layer. input.json in the folder has the size, crop and interpolation of its own evaluation.

    Args:
      path: the work folder of a run that has ended, or a folder of tools/import_checkpoint.py.

    Raises:
      InputError: `path` holds neither, or is damaged.
    """
    config = load_config(path)
    encoder = _build_encoder(config.encoder, config.augment.image_size)
    variables = checkpoint.named_variables(encoder, "encoder")
    checkpoint.restore(kept_checkpoint(path), variables, only=("encoder/",))
    return encoder


def initialise(networks: Networks, init: str) -> None:
    """Restore encoder, and projection head where there is one, from `init`.

    Args:
      init: "random", "run:PATH" or "imported:PATH".
    """
    if init != "random":
        restore_encoder(networks, kept_checkpoint(init.partition(":")[2]))


def restore_encoder(networks: Networks, path: pathlib.Path) -> None:
    """Restore the encoder, and the projection head where the checkpoint folder `path` has one."""
    prefixes: tuple[str, ...] = ("encoder/", "projection/")
    if not any(name.startswith("projection/") for name in checkpoint.saved_shapes(path)):
        prefixes = ("encoder/",)
    wanted = {n: v for n, v in networks.variables().items() if n.startswith(prefixes)}
    checkpoint.restore(path, wanted, only=prefixes)


def load_trained(work_dir: str | pathlib.Path) -> tuple[Config, Task, Networks]:
    """Return (`Config`, `Task`, `Networks`) of a run that has trained its head to the end."""
    config = load_config(work_dir)
    task = Task.load(work_dir)
    path = kept_checkpoint(work_dir)
    networks = build(config, len(task.classes))
    checkpoint.restore(path, networks.variables(), only=tuple(f"{part}/" for part in PARTS))
    for layer in [layer for part in networks.readers() for layer in part.layers]:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # its mean and variance are derived from the weights
    return config, task, networks
