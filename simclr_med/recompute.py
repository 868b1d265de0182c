"""Gradient checkpointing: activations are computed again in the backward pass, not kept.

    features = forward(encoder, "blocks")
    features(images, training=True)  # the same numbers and gradients as `encoder`, less memory

Chen et al. 2016, "Training deep nets with sublinear memory cost".
"""

import contextlib
import re

import keras
import tensorflow as tf

CUTS = {"stages": r"stage\d", "blocks": r"stage\d(_block\d+_out)?"}


def forward(model, cuts):
    """A function (images, training) that computes what a functional `model` does.

    Args:
      model: an encoder, or any functional model from one input to one output that contains one;
        its layers are shared.
      cuts: what is kept for the backward pass: "none" keeps everything, "stages" the outputs of
        the stages, "blocks" those of all residual blocks.
    """
    if cuts == "none":
        return model
    named = re.compile(CUTS[cuts])
    ends = [layer.output for layer in model.layers if named.fullmatch(layer.name)]
    if not any(end is model.outputs[0] for end in ends):
        ends.append(model.outputs[0])
    starts = [model.inputs[0], *ends[:-1]]
    segments = [keras.Model(a, b) for a, b in zip(starts, ends, strict=True)]

    def run(images, training=False):
        x = images
        for segment in segments:
            x = _recomputed(segment)(x) if training else segment(x, training=False)
        return x

    return run


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
    # A model may hold others, as that of a head on the projection head does.
    everything = model._flatten_layers()
    layers = [x for x in everything if isinstance(x, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 1.0
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
