"""Estimate of a run's memory from its settings, before any is taken.

refuse_beyond_memory(config, images=2 * config.train.batch_size, flag="batch_size")
"""

from simclr_med import devices
from simclr_med.config.architectures import ENCODERS
from simclr_med.errors import InputError

COPIES = 3  # of each weight: itself, its gradient, its momentum
KERNELS = {True: 17, False: 16}  # of a block, by bottleneck, in units of its squared channels


def refuse_beyond_memory(config, images, flag):
    """Raise `InputError` where a step's images and the encoder's weights do not fit into memory.

    The network's activations come on top, so that a run that passes may still be too large;
    tools/describe_encoder.py counts them.

    Args:
      config: a `Config`.
      images: number that this machine holds at once.
      flag: name of the setting that decides it.
    """
    size = config.augment.image_size
    copies = COPIES + (config.train.weight_averaging != "none")
    needed = {
        f"{images} images of {size} x {size} pixels": 12 * images * size**2,  # float32 RGB
        "the weights, their gradients and momenta": 4 * copies * kernel_weights(config.encoder),
    }
    there = devices.memory()
    if sum(needed.values()) > there:
        parts = " and ".join(f"{what} take {_gib(amount)}" for what, amount in needed.items())
        given = config.train.batch_size if flag == "batch_size" else config.evaluate.eval_batch
        raise InputError(
            f"--{flag}={given}, --image_size={size}, --encoder={config.encoder.encoder}, "
            f"--width={config.encoder.width:g}: {parts}; this machine has {_gib(there)}"
        )


def kernel_weights(chosen):
    """Return the approximate number of weights in the blocks of an `EncoderConfig`'s ResNet.

    A bottleneck of f channels has kernels of 1x1, 3x3 and 1x1 between 4f, f, f and 4f channels,
    17 f^2 weights; a basic block two of 3x3, 18 f^2, and fewer where a stage begins.
    """
    row = ENCODERS[chosen.encoder]
    channels = [64 * 2**stage * chosen.width for stage in range(len(row.blocks))]
    squares = sum(count * own**2 for count, own in zip(row.blocks, channels, strict=True))
    return KERNELS[row.bottleneck] * squares


def _gib(amount):
    return f"{amount / 2**30:.1f} GiB"
