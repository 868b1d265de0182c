"""Weights of narrow torchvision ResNets, drawn by name, and images: no file need hold them.

torchvision_answers.json holds what torchvision itself made of them, once: its own blocks and
forward, a sixteenth as wide, in float64.
"""

import zlib

import numpy as np

NARROW = 4  # filters of the stem
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
IMAGES = np.random.default_rng(0).random([2, 65, 70, 3])  # odd and even: paddings differ


def drawn(shapes):
    """Return an array for each name of a state_dict, by its name alone."""
    arrays = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        if name.endswith("num_batches_tracked"):
            arrays[name] = np.array(3, np.int64)
        elif len(shape) == 4:
            scale = np.sqrt(1.5 / np.prod(shape[1:]))
            arrays[name] = np.float32(scale * rng.standard_normal(shape))
        elif name.endswith(("bias", "running_mean")):
            arrays[name] = np.float32(0.1 * rng.standard_normal(shape))
        else:
            arrays[name] = np.float32(0.5 + np.abs(0.2 * rng.standard_normal(shape)))
    return arrays


def shapes_of(blocks, bottleneck, base, filters=NARROW):
    """Return name to shape of a ResNet's state_dict, after torchvision's source.

    Its stem has `filters`; 64 is the full width.
    """
    shapes, channels = {}, filters

    def both(conv, norm, out, into, size):
        shapes[f"{conv}.weight"] = [out, into, size, size]
        for weight in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{weight}"] = [out]
        shapes[f"{norm}.num_batches_tracked"] = []

    both("conv1", "bn1", filters, 3, 7)
    for stage, count in enumerate(blocks):
        planes = filters * 2**stage
        out = 4 * planes if bottleneck else planes
        inner = planes * base // 64 if bottleneck else planes
        for block in range(count):
            prefix = f"layer{stage + 1}.{block}."
            widths = [(inner, channels, 1), (inner, inner, 3), (out, inner, 1)]
            widths = widths if bottleneck else [(planes, channels, 3), (planes, planes, 3)]
            for number, (to, into, size) in enumerate(widths, 1):
                both(f"{prefix}conv{number}", f"{prefix}bn{number}", to, into, size)
            if block == 0 and (stage > 0 or channels != out):
                both(f"{prefix}downsample.0", f"{prefix}downsample.1", out, channels, 1)
            channels = out
    return shapes
