"""Cost of an encoder: parameters, multiply-adds and memory, counted in its own graph.

    cost = measure("resnet152", width=2, image_size=448)
    cost.parameters, cost.multiply_adds, cost.kept("blocks")

No weight is allocated: the graph is traced and not run.
"""

import dataclasses
import math
import re

import tensorflow as tf

from simclr_med import compat, graphs
from simclr_med.encoders.encoder import build_encoder
from simclr_med.encoders.recompute import CUTS

TRAINING = 3  # forward, gradients of the activations, gradients of the weights
COPIES = 3  # of each parameter: itself, its gradient, its momentum
PRODUCTS = ("Conv2D", "MatMul")
KEPT = (*PRODUCTS, "Relu", "MaxPool", "AvgPool")  # ops whose outputs the backward pass reads


@dataclasses.dataclass(frozen=True)
class Cost:
    """Cost of an encoder for one image.

    Attributes:
      parameters: trainable ones.
      multiply_adds: of the convolutions, forward; the field's tables call them FLOPs.
      outputs: (layer, number of values) of each activation that the backward pass reads, in order.
    """

    parameters: int
    multiply_adds: int
    outputs: tuple[tuple[str, int], ...]

    def kept(self, recompute: str = "none") -> int:
        """Return the number of values kept for the backward pass; recomputing, at its peak."""
        if recompute == "none":
            return sum(values for _, values in self.outputs)
        boundaries, segment, largest = 0, 0, 0
        for layer, values in self.outputs:
            segment += values
            if re.fullmatch(CUTS[recompute], layer):
                boundaries += values
                largest, segment = max(largest, segment), 0
        return boundaries + max(largest, segment)

    def memory(self, images: int, bytes_a_value: int = 4, recompute: str = "none") -> int:
        """Return the bytes of a step on `images` images: weights, gradients, momenta, activations.

        An estimate: the kernels' own working memory comes on top.
        """
        return 4 * COPIES * self.parameters + images * bytes_a_value * self.kept(recompute)

    def step_flops(self, images: int, recompute: str = "none") -> int:
        """Return the floating-point operations of a training step, a multiply-add being two."""
        passes = TRAINING + (recompute != "none")
        return 2 * passes * images * self.multiply_adds


def measure(name: str, width: float = 1.0, image_size: int = 224, **settings: bool) -> Cost:
    """Return the `Cost` of an encoder on one image; `settings` are `build_encoder`'s."""
    with tf.variable_creator_scope(compat.unallocated_variable):
        encoder = build_encoder(name, width, image_size, **settings)
    images = tf.TensorSpec([1, image_size, image_size, 3])
    infer = graphs.function(lambda images: encoder(images, training=False))
    operations = infer.get_concrete_function(images).graph.get_operations()
    outputs, multiply_adds = [], 0
    for operation in operations:
        layer = compat.layer_of(operation)
        block = operation.type == "AddV2" and re.fullmatch(CUTS["blocks"], layer)  # BiT's end so
        if operation.type in KEPT or block:
            outputs.append((layer, math.prod(operation.outputs[0].shape)))
        if operation.type in PRODUCTS:
            contracted = operation.inputs[1].shape[:-1]  # of the kernel: height, width, inputs
            multiply_adds += outputs[-1][1] * math.prod(contracted)
    parameters = sum(math.prod(variable.shape) for variable in encoder.trainable_variables)
    return Cost(parameters, multiply_adds, tuple(outputs))
