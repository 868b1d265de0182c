"""KerasCV's layers in our recipes: by name, as functions of a view and its own drawn numbers.

    follow = parse('{"GridMask": {"ratio_factor": 0.3}}')
    view = follow(view, draws)  # [S, S, 3] in [0, 1], [m]

KerasCV draws from generators with a state, which forgets where in the run it is. Each layer here
gets a generator without one, and its factors draw from that too. A layer that still draws from
elsewhere is found by the graph that it traces, and refused.
"""

import contextlib
import functools
import inspect
import io
import json
import re

import numpy as np
import tensorflow as tf

from simclr_med import compat, graphs
from simclr_med.config.recipes import CHANGING_DRAWS
from simclr_med.errors import InputError

with contextlib.redirect_stdout(io.StringIO()):  # where it says which backend it uses
    import keras_cv

SIDE = 32  # of the image that layers are tried on
# Ops that draw from a state of TensorFlow's, or of Python's.
STATEFUL = re.compile(
    "(?!Stateless|StatefulPartitionedCall)"
    "(.*Random|.*TruncatedNormal|.*Multinomial|Stateful|Rng|.*PyFunc)"
)


class KeyedNumbers:
    """Random numbers without a state: within `keyed`, each call in its order has its own seed.

    The methods are those of `tf.random.Generator` that KerasCV's layers call.
    """

    def __init__(self):
        self._seed, self._calls = None, 0

    @contextlib.contextmanager
    def keyed(self, seed):
        """Draw the numbers that belong to `seed`, int32 `[2]`, within the context."""
        self._seed, self._calls = seed, 0
        try:
            yield
        finally:
            self._seed = None  # it may be a tensor of a graph that ends

    def _next(self):
        if self._seed is None:
            raise RuntimeError("this KerasCV layer follows a recipe and has no numbers of its own")
        self._calls += 1
        return tf.random.experimental.stateless_fold_in(self._seed, self._calls)

    def uniform(self, shape, minval=0, maxval=None, dtype=tf.float32, name=None):
        """Return numbers uniform in [minval, maxval)."""
        if maxval is None and tf.as_dtype(dtype).is_floating:
            maxval = 1
        return tf.random.stateless_uniform(shape, self._next(), minval, maxval, dtype)

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=tf.float32, name=None):
        """Return normal numbers."""
        return tf.random.stateless_normal(shape, self._next(), mean, stddev, dtype)

    random_normal = normal  # which `GridMask` calls


class KeyedUniform(keras_cv.core.UniformFactorSampler):
    """A uniform factor that draws from `numbers`."""

    def __init__(self, sampler, numbers):
        super().__init__(sampler.lower, sampler.upper)
        self.numbers = numbers

    def __call__(self, shape=(), dtype="float32"):
        return self.numbers.uniform(shape, self.lower, self.upper, dtype)


class KeyedNormal(keras_cv.core.NormalFactorSampler):
    """A clipped normal factor that draws from `numbers`."""

    def __init__(self, sampler, numbers):
        super().__init__(sampler.mean, sampler.stddev, sampler.min_value, sampler.max_value)
        self.numbers = numbers

    def __call__(self, shape=(), dtype="float32"):
        drawn = self.numbers.normal(shape, self.mean, self.stddev, dtype)
        return tf.clip_by_value(drawn, self.min_value, self.max_value)


SAMPLERS = {
    keras_cv.core.UniformFactorSampler: KeyedUniform,
    keras_cv.core.NormalFactorSampler: KeyedNormal,
}


class ExtraLayers:
    """Layers of KerasCV, one after another, that draw from numbers they are given.

    Attributes:
      layers: the Keras layers. They are changed: called alone, they have no numbers to draw.
    """

    def __init__(self, layers):
        self.layers, self._numbers = layers, KeyedNumbers()
        for layer in layers:
            compat.draw_from(layer, self._numbers)
            for part in compat.layers_within(layer):
                for name, value in [*vars(part).items()]:
                    if type(value) in SAMPLERS:
                        setattr(part, name, SAMPLERS[type(value)](value, self._numbers))

    def __call__(self, view, draws):
        """Return a view `[S, S, 3]` changed by all layers and its draws `[m]`, clipped."""
        for number in range(len(self.layers)):
            view = self.one(number, view, draws)
        return tf.clip_by_value(view, 0.0, 1.0)

    def one(self, number, view, draws):
        """Return a view changed by layer `number`."""
        own = draws[-CHANGING_DRAWS["layers"] :]  # the last of a view's draws
        seed = tf.cast(own * 2**24, tf.int32)  # all bits of a uniform number
        with self._numbers.keyed(tf.random.experimental.stateless_fold_in(seed, number)):
            # Traced, with every branch, each call draws the same wherever it is made. With
            # AutoGraph, since KerasCV's `if` asks tensors; anew, since the numbers are others.
            return tf.function(self.layers[number])(view)


@functools.cache  # a batch's layer and the function of single views both want them
def parse(text):
    """Return the `ExtraLayers` that JSON names.

    Args:
      text: an object from names of `keras_cv.layers` to their arguments. They act in that order; a
        `value_range` that is not given is (0, 1).

    Raises:
      InputError: says what is wrong, also where a layer does not map an image to one of its size,
        or draws random numbers past the generator and the factors of KerasCV.
    """
    try:
        named = json.loads(text, object_pairs_hook=_without_repetition)
        if not isinstance(named, dict) or not all(isinstance(a, dict) for a in named.values()):
            raise ValueError('expected an object from names to arguments, {"GridMask": {}}')
        extra = ExtraLayers([_made(name, arguments) for name, arguments in named.items()])
        for number, name in enumerate(named):
            _try(extra, number, name)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"--extra_layers={text[:80]}: not JSON ({error})") from None
    except ValueError as error:
        raise InputError(f"--extra_layers={text}: {error}") from None
    return extra


def _without_repetition(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"a name stands twice among {', '.join(names)}")
    return dict(pairs)


def _made(name, arguments):
    kind = getattr(keras_cv.layers, name, None)
    if not inspect.isclass(kind):
        raise ValueError(f"KerasCV has no layer {name}")
    try:
        if "value_range" in inspect.signature(kind.__init__).parameters:
            arguments = {"value_range": (0, 1), **arguments}
        return kind(**arguments)
    except Exception as error:  # a layer raises whatever it meets
        raise ValueError(f"{name}: {_reason(error)}") from None


def _try(extra, number, name):
    """Raise `ValueError` unless the layer is a function of image and draws, of the image's size."""
    image = tf.reshape(tf.linspace(0.0, 1.0, SIDE * SIDE * 3), [SIDE, SIDE, 3])
    numbers = tf.constant([[0.2, 0.1], [0.2, 0.5], [0.2, 0.9]])

    def traced():
        one = graphs.function(lambda draws: extra.one(number, image, draws))
        return one.get_concrete_function(numbers[0])

    try:
        one, other = traced(), traced()
        out, again = (tf.stack([each(draws) for draws in numbers]) for each in (one, other))
        drawing = _stateful_draws(one)
    except Exception as error:  # a layer raises whatever it meets
        raise ValueError(f"{name}: {_reason(error)}") from None
    if out.shape != (3, SIDE, SIDE, 3) or out.dtype != tf.float32:
        raise ValueError(f"{name} does not make one image of another, of its size")
    # Equal views prove nothing where a seed is set; a traced op does. Python's and NumPy's numbers
    # leave no op, and other views.
    if drawing or not np.array_equal(out, again):
        how = f" ({', '.join(drawing)})" if drawing else ""
        raise ValueError(
            f"{name} draws random numbers{how} that cannot be tied to a place in the run"
        )


def _stateful_draws(traced):
    """Return the names of the ops by which a function draws from a state, in any branch of it."""
    graph = traced.graph.as_graph_def()
    nodes = [*graph.node, *(n for part in graph.library.function for n in part.node_def)]
    return sorted({node.op for node in nodes if STATEFUL.match(node.op)})


def _reason(error):
    """Return the line of an error's reason, without the frame of Keras and AutoGraph."""
    *frames, inner = re.sub(r"\x1b\[\d+m", "", str(error)).split("Exception encountered")
    lines = [line.strip() for line in inner.splitlines() if line.strip()]
    named = re.findall(r"\w+Error: (.+)", inner)[-1:]
    return (named or lines[bool(frames) :] or [type(error).__name__])[0]
