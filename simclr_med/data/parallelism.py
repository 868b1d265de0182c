"""How many elements tf.data works on at once, and batches ahead: numbers, and no tuner.

TensorFlow's tuner sleeps between its trials, 10 ms and each time twice as long, up to a minute.
Every other iterator that is dropped waits for it to wake (2.15 to 2.21): up to as long again as a
pass took. It also begins with few, and a validation is over before it has found more.
"""

import os

import tensorflow as tf

BATCHES_AHEAD = 2


def at_once(threads):
    """Return the elements to work on at once: `threads`, or, where that is 0, two a core.

    XLA computes in a thread of its own while the one that called it waits.
    """
    return threads or 2 * os.cpu_count()


def ahead(batches, pool=None):
    """Return `batches`, made ahead of who reads them, with numbers that stay as they are given.

    Args:
      batches: a `tf.data.Dataset`.
      pool: threads of its own; None for TensorFlow's.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    if pool:
        options.threading.private_threadpool_size = pool
    return batches.prefetch(BATCHES_AHEAD).with_options(options)
