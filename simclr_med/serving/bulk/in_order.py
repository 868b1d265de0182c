"""Parallel reading in order, for elements of which some fail.

otherwise = (blank, CANNOT_BE_DECODED)
for views, errors in in_order(elements, function, otherwise, batch_size=64, at_once=8):
    ...
"""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from simclr_med.data.data_service import ahead


def in_order(
    elements: tf.data.Dataset, function: Callable, otherwise: tuple, batch_size: int, at_once: int
) -> Iterator[list[np.ndarray]]:
    """Yield batches, NumPy arrays `[b, ...]` of each value of `function`, in the elements' order.

    tf.data leaves out what fails, and the gap in the numbers says where it stood. A batch has
    `batch_size` elements or, where some failed and at the end, fewer.

    Args:
      elements: a `tf.data.Dataset` of tuples, of known length.
      function: of an element's parts, of TensorFlow's ops; returns a tuple.
      otherwise: arrays that stand in the place of an element that fails.
      batch_size: of what did not fail.
      at_once: elements that are read at a time.
    """
    numbered = elements.enumerate().map(
        lambda number, element: (number, *function(*element)),
        num_parallel_calls=at_once,
        deterministic=True,
    )
    start = 0
    for found in ahead(numbered.ignore_errors().batch(batch_size)):
        numbers, *values = (part.numpy() for part in found)
        yield from _in_place(numbers, values, range(start, numbers[-1] + 1), otherwise, batch_size)
        start = numbers[-1] + 1
    end = range(start, elements.cardinality().numpy())
    nothing = [value[None][:0] for value in otherwise]
    yield from _in_place(np.zeros(0, np.int64), nothing, end, otherwise, batch_size)


def _in_place(numbers, values, asked, otherwise, batch_size):
    """Yield batches of the elements `asked`, a range; one that `numbers` lacks is `otherwise`."""
    if len(numbers) == len(asked):
        if len(asked):
            yield values
        return
    for low in asked[::batch_size]:
        size = min(batch_size, asked.stop - low)
        there = (numbers >= low) & (numbers < low + size)
        batch = [np.repeat(value[None], size, axis=0) for value in otherwise]
        for whole, part in zip(batch, values, strict=True):
            whole[numbers[there] - low] = part[there]
        yield batch
