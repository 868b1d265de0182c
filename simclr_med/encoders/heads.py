"""The projection head (SimCLR, section 4), classifiers, their inputs, and attention over bags."""

import keras
import numpy as np

from simclr_med.encoders.normalization import batch_norm
from simclr_med.encoders.resnet import EPSILON

DEVIATION = 0.01  # of kernels drawn from a normal distribution, as in google-research/simclr
ATTENTION_UNITS = 128
FLOOR = 0.01  # least deviation of a standardised unit, of the root mean square of all


def build_projection_head(
    input_dim: int, layers: int = 2, dim: int = 128, bn_momentum: float = 0.9
) -> keras.Model:
    """Return a model of features `[B, D]` to projections `[B, P]` (SimCLR, section 4).

    Dense layers with batch normalisation: hidden ones are as wide as the input, with ReLU; the last
    has no ReLU and no offset. The outputs of the layers are "projection1", "projection2" ...

    Args:
      input_dim: D.
      layers: number of dense layers, 1 or more.
      dim: P.
      bn_momentum: decay of the moving statistics.
    """
    x = features = keras.Input([input_dim], name="projection_input")
    for i in range(1, layers + 1):
        last = i == layers
        x = keras.layers.Dense(
            dim if last else input_dim,
            use_bias=False,
            kernel_initializer=keras.initializers.RandomNormal(stddev=DEVIATION),
            name=f"projection{i}_dense",
        )(x)
        name = f"projection{i}" if last else f"projection{i}_bn"
        x = batch_norm(momentum=bn_momentum, epsilon=EPSILON, center=not last, name=name)(x)
        if not last:
            x = keras.layers.ReLU(name=f"projection{i}")(x)
    return keras.Model(features, x, name="projection")


def build_head_input(encoder: keras.Model, projection: keras.Model, head_input: str) -> keras.Model:
    """Return a model of images to the head's inputs, `[B, D]`; it shares the layers' weights.

    Args:
      encoder, projection: functional Keras models, see `build_encoder`, `build_projection_head`.
      head_input: "encoder", "stage1" ... "stage3" (averaged over positions) or "projection1" ...
    """
    images = encoder.inputs[0]
    if head_input == "encoder":
        output = encoder.outputs[0]
    elif head_input.startswith("stage"):
        output = encoder.get_layer(head_input).output
        output = keras.layers.GlobalAveragePooling2D(name=f"{head_input}_pooled")(output)
    else:
        part = keras.Model(projection.inputs[0], projection.get_layer(head_input).output)
        output = part(encoder.outputs[0])
    return keras.Model(images, output, name="head_input")


def build_classifier(
    input_dim: int, classes: int, normalise: bool = False, init: str = "zeros"
) -> keras.Model:
    """Return a linear model of `[B, D]` to logits `[B, K]`.

    Args:
      input_dim: D.
      classes: K.
      normalise: True puts a layer "normalization" first, see `standardise`.
      init: of the kernel: "zeros", or "normal", of deviation 0.01. The bias starts at 0.
    """
    x = inputs = keras.Input([input_dim], name="head_inputs")
    if normalise:
        x = keras.layers.Normalization(name="normalization")(x)
    drawn = keras.initializers.RandomNormal(stddev=DEVIATION)
    initializer = {"zeros": "zeros", "normal": drawn}[init]
    logits = keras.layers.Dense(classes, kernel_initializer=initializer, name="logits")(x)
    return keras.Model(inputs, logits, name="head")


def build_attention(input_dim: int, normalise: bool = False) -> keras.Model:
    """Return a model of `[B, D]` to each image's attention score, `[B, 1]`: equal at the start.

    Ilse et al. 2018, equation 8, w' tanh(V h) with as many hidden units as there.

    Args:
      input_dim: D.
      normalise: see `build_classifier`.
    """
    x = inputs = keras.Input([input_dim], name="attention_inputs")
    if normalise:
        x = keras.layers.Normalization(name="normalization")(x)
    settings = {"activation": "tanh", "use_bias": False, "name": "attention_hidden"}
    x = keras.layers.Dense(ATTENTION_UNITS, **settings)(x)
    score = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="zeros", name="attention_score"
    )(x)
    return keras.Model(inputs, score, name="attention")


def standardise(head: keras.Model, features: np.ndarray) -> None:
    """Give a classifier's or attention's "normalization" the moments of features `[M, D]`.

    The least deviation of a unit is `FLOOR` times the root mean square of all units': dividing by
    that of a unit that is all but dead in training would blow any other value up without bound.
    """
    set_standardisation(head, *moments(features))


def set_standardisation(head: keras.Model, mean: np.ndarray, variance: np.ndarray) -> None:
    """Give a classifier's or attention's "normalization" a mean and variance, `[D]`."""
    layer = head.get_layer("normalization")
    layer.adapt_mean.assign(mean)
    layer.adapt_variance.assign(variance)
    layer.finalize_state()


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and floored variance, float64 `[D]`, of features `[M, D]`; see `standardise`."""
    blocks = np.array_split(features, -(-features.shape[1] // 256), axis=1)  # float64 is large
    mean = np.concatenate([block.mean(axis=0, dtype=np.float64) for block in blocks])
    variance = np.concatenate([block.var(axis=0, dtype=np.float64) for block in blocks])
    return mean, np.maximum(variance, FLOOR**2 * variance.mean() or 1.0)
