"""Encoded images to views, inside a graph that other processes run: an answer for each image.

views, errors = read_views(encoded, contract)  # [B] strings -> [B, S, S, 3], [B] strings
"""

import tensorflow as tf

from simclr_med.data.batches import evaluation_view
from simclr_med.views.as_prepared import as_prepared, refusal

CANNOT_BE_DECODED = "cannot be decoded"
AT_ONCE = 8  # images of a batch; TensorFlow's own pool has the threads


def read_views(encoded, contract):
    """Return the evaluation views of encoded images, and why one has none.

    Args:
      encoded: files' bytes, strings `[B]`; B may be 0.
      contract: a `Contract`: size, crop, and what preparation did.

    Returns:
      Views, float32 `[B, S, S, 3]` in [0, 1], black where there is an error, and errors, strings
      `[B]`, "" where there is none.
    """
    each = each_view(tf.data.Dataset.from_tensor_slices(encoded), contract)
    count, size = tf.size(encoded, tf.int64), contract.size
    none = _element((tf.zeros([0, size, size, 3]), tf.zeros([0], tf.string)))
    batches = each.batch(tf.maximum(count, 1)).concatenate(none)
    return batches.take(1).get_single_element()


def each_view(elements, contract):
    """Return a data set of (view, error) of each file's bytes, in order; see `read_views`."""
    look, blank = looking(contract), tf.zeros([contract.size, contract.size, 3])

    def one(encoded):
        # An op that fails fails its whole graph, but of a data set its element alone.
        found = _element(encoded).map(look).ignore_errors()
        return found.concatenate(_element((blank, CANNOT_BE_DECODED))).take(1)

    return elements.interleave(
        one, cycle_length=AT_ONCE, num_parallel_calls=AT_ONCE, deterministic=True
    )


def looking(contract, content=tf.identity):
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
