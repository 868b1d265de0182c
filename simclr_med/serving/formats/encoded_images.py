"""Decoding of encoded images to views inside a served graph, with an error for each image.

views, errors = read_views(encoded, contract)  # [B] strings -> [B, S, S, 3], [B] strings
"""

from collections.abc import Callable

import tensorflow as tf

from simclr_med.data.batches import evaluation_view
from simclr_med.runs.input_contract import Contract
from simclr_med.views.as_prepared import as_prepared, refusal

CANNOT_BE_DECODED = "cannot be decoded"
AT_ONCE = 8  # images of a batch; TensorFlow's own pool has the threads


def read_views(encoded: tf.Tensor, contract: Contract) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the evaluation views of encoded images, and the error of each that has none.

    Args:
      encoded: files' bytes, strings `[B]`; B may be 0.
      contract: a `Contract`: size, crop, and preparation of the files.

    Returns:
      Views, float32 `[B, S, S, 3]` in [0, 1], black where there is an error, and errors, strings
      `[B]`, "" where there is none.
    """
    each = each_view(tf.data.Dataset.from_tensor_slices(encoded), contract)
    count, size = tf.size(encoded, tf.int64), contract.size
    none = _element((tf.zeros([0, size, size, 3]), tf.zeros([0], tf.string)))
    batches = each.batch(tf.maximum(count, 1)).concatenate(none)
    return batches.take(1).get_single_element()


def each_view(elements: tf.data.Dataset, contract: Contract) -> tf.data.Dataset:
    """Return a data set of (view, error) of each file's bytes, in order; see `read_views`."""
    look, blank = view_or_error(contract), tf.zeros([contract.size, contract.size, 3])

    def one(encoded):
        # An op that fails fails its whole graph, but of a data set its element alone.
        found = _element(encoded).map(look).ignore_errors()
        return found.concatenate(_element((blank, CANNOT_BE_DECODED))).take(1)

    return elements.interleave(
        one, cycle_length=AT_ONCE, num_parallel_calls=AT_ONCE, deterministic=True
    )


def view_or_error(contract: Contract, content: Callable = tf.identity) -> Callable:
    """Return the function of an element to its (view, error); it fails where there is no view.

    Args:
      contract: a `Contract`.
      content: function of an element's parts to a file's bytes.
    """
    size, preparation = contract.size, contract.preparation

    def view(found):
        return evaluation_view(as_prepared(found, preparation), size, contract.crop)

    def look(*element):
        found = content(*element)
        why = refusal(found, preparation)
        return tf.cond(why == "", lambda: view(found), lambda: tf.zeros([size, size, 3])), why

    return look


def _element(value):
    return tf.data.Dataset.from_tensors(value)
