"""Encoded images to views, inside a graph that other processes run: an answer for each image.

views, errors = read_views(encoded, contract)  # [B] strings -> [B, S, S, 3], [B] strings
"""

import tensorflow as tf

from simclr_med.data.batches import evaluation_view
from simclr_med.views.as_prepared import as_prepared, refusal

UNREADABLE = "cannot be decoded"
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


def each_view(elements, contract, content=tf.identity, at_once=AT_ONCE):
    """Return a data set of (view, error) of each element, in order; see `read_views`.

    Args:
      elements: a `tf.data.Dataset`.
      contract: a `Contract`.
      content: function of an element to a file's bytes; where it fails there is no view.
      at_once: elements that are read at a time.
    """
    size, preparation = contract.size, contract.preparation
    blank = tf.zeros([size, size, 3])

    def view(content):
        return evaluation_view(as_prepared(content, preparation), size, contract.crop)

    def looked_at(*element):
        found = content(*element)
        why = refusal(found, preparation)
        return tf.cond(why == "", lambda: view(found), lambda: blank), why

    return each_or(elements, looked_at, (blank, UNREADABLE), at_once)


def each_or(elements, function, otherwise, at_once=AT_ONCE):
    """Return a data set of what `function` makes of each element, `otherwise` where it fails.

    Args:
      elements: a `tf.data.Dataset`.
      function: of TensorFlow's ops.
      otherwise: of the types of what it returns.
      at_once: elements at a time; they stay in order.
    """

    def one(*element):
        # An op that fails fails its whole graph, but of a data set its element alone.
        found = tf.data.Dataset.from_tensors(element).map(function).ignore_errors()
        return found.concatenate(_element(otherwise)).take(1)

    return elements.interleave(
        one, cycle_length=at_once, num_parallel_calls=at_once, deterministic=True
    )


def _element(value):
    return tf.data.Dataset.from_tensors(value)
