"""Gradient checkpointing: activations are computed again in the backward pass, not kept.

    features = forward(encoder, "blocks")
    features(images, training=True)  # the same numbers and gradients as `encoder`, less memory

Chen et al. 2016, "Training deep nets with sublinear memory cost".
"""

import contextlib
import re
from collections.abc import Callable

import keras
import tensorflow as tf

from simclr_med.encoders.normalization import statistics_kept

CUTS = {"stages": r"stage\d", "blocks": r"stage\d(_block\d+_out)?"}


def forward(model: keras.Model, cuts: str, statistics: str = "batch") -> Callable:
    """Return a function (images, training) with the outputs of a functional `model`.

    Args:
      model: an encoder, or any functional model from one input to one output that contains one;
        its layers are shared.
      cuts: activations kept for the backward pass: "none" keeps all, "stages" the outputs of
        the stages, "blocks" those of all residual blocks.
      statistics: of batch normalisation in training: "batch", or "frozen", its moving ones.
    """
    of_batch = statistics == "batch"
    if cuts == "none":
        return lambda images, training=False: model(images, training=training and of_batch)
    named = re.compile(CUTS[cuts])
    ends = [layer.output for layer in model.layers if named.fullmatch(layer.name)]
    if not any(end is model.outputs[0] for end in ends):
        ends.append(model.outputs[0])
    starts = [model.inputs[0], *ends[:-1]]
    segments = [keras.Model(a, b) for a, b in zip(starts, ends, strict=True)]

    def run(images, training=False):
        x = images
        for segment in segments:
            x = _recomputed(segment, of_batch)(x) if training else segment(x, training=False)
        return x

    return run


def _recomputed(segment, of_batch):
    calls = []

    def run(x):
        # The first call is the forward pass; whatever follows computes the same again.
        again = bool(calls)
        calls.append(1)
        with statistics_kept(segment) if again else contextlib.nullcontext():
            return segment(x, training=of_batch)

    return tf.recompute_grad(run)
