"""Gradient checkpointing: activations are computed again in the backward pass, not kept.

    forward = recomputing(encoder, "blocks")
    features = forward(images, training=True)  # the same numbers and gradients, less memory

Chen et al. 2016, "Training deep nets with sublinear memory cost".
"""

import contextlib
import re

import keras
import tensorflow as tf

CUTS = {"stages": r"stage\d", "blocks": r"stage\d(_block\d+_out)?"}


def recomputing(model, cuts):
    """A function (images, training) that computes what a functional `model` does.

    Args:
      model: an encoder, or any functional model from one input to one output that contains one;
        its layers are shared.
      cuts: what is kept for the backward pass: "stages", the outputs of the stages; or "blocks",
        those of all residual blocks.
    """
    named = re.compile(CUTS[cuts])
    kept = [layer.output for layer in model.layers if named.fullmatch(layer.name)]
    tensors = [model.inputs[0], *kept]
    if kept[-1] is not model.outputs[0]:
        tensors.append(model.outputs[0])
    segments = [keras.Model(a, b) for a, b in zip(tensors, tensors[1:], strict=False)]

    def forward(images, training=False):
        x = images
        for segment in segments:
            x = _recomputed(segment)(x) if training else segment(x, training=False)
        return x

    return forward


def _recomputed(segment):
    calls = []

    def run(x):
        # The first call is the forward pass; whatever follows computes the same again.
        again = bool(calls)
        calls.append(1)
        with _statistics_kept(segment) if again else contextlib.nullcontext():
            return segment(x, training=True)

    return tf.recompute_grad(run)


@contextlib.contextmanager
def _statistics_kept(model):
    """Within, batch normalisation leaves its moving statistics as they are."""
    layers = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 1.0
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
