"""What has no public name, and is the same in both versions of Keras."""

from tensorflow.python.util import _pywrap_util_port


def onednn_is_on():
    """Return whether this process's TensorFlow computes with oneDNN."""
    return _pywrap_util_port.IsMklEnabled()


def layers_within(model):
    """Return a model or layer and every layer within it, at any depth."""
    return model._flatten_layers()


def random_seed(layer):
    """Draw a seed, int32 `[2]`, from the generator of a KerasCV layer, which moves on."""
    return layer._random_generator.make_seeds(1)[:, 0]


def draw_from(layer, generator):
    """Make a KerasCV layer, and those within it, draw from `generator`."""
    for part in layers_within(layer):
        if hasattr(part, "_random_generator"):
            part._random_generator = generator
