"""The host's work on other machines: batches from a tf.data service, in the order of the run.

    batches = distributed(lambda first, last: ..., start_step=0, steps=1000, "grpc://10.0.0.2:5000")

The dispatcher hands out steps, a worker makes the whole batch of a step. What arrives is put in
order here, so that a run is the same with and without the service. tools/data_service.py starts
dispatchers and workers; they read the images under the same paths as the run would.
"""

import math
import os

import tensorflow as tf

from simclr_med.distribute import refuse_unanswered

AHEAD = 64  # batches that workers may be at work on beyond the next
# What may arrive before an earlier batch, which by then was lost with its worker.
WAITING_BYTES, WAITING_BATCHES = 2**32, 8
# Batches that tf.data makes ahead: numbers, and no tuner. TensorFlow's sleeps between its trials,
# 10 ms and each time twice as long, up to a minute, and every iterator that is dropped waits for
# it to wake (2.15 to 2.21). It also begins with few: a validation is over before it has found more.
BATCHES_AHEAD = 2


def distributed(batches, start_step, steps, address):
    """Return the batches of the steps `start_step` to `steps`, made by the workers of a service.

    What fails on a worker, and a batch that is lost with its worker, reaches the reader as
    `tf.errors.UnknownError`, the one that TensorFlow makes of all errors of a generator.

    Args:
      batches: (first, last), int64 scalars, to a `tf.data.Dataset` of the batches of these steps.
      start_step, steps: ints.
      address: of the dispatcher, grpc://HOST:PORT.

    Raises:
      InputError: nobody answers there.
    """
    refuse_unanswered(address, "dispatcher")

    def of_step(step):
        return batches(step, step + 1).map(lambda batch: (step, batch))

    made = tf.data.Dataset.range(start_step, steps).flat_map(of_step)
    policy = tf.data.experimental.service.ShardingPolicy.DYNAMIC
    arriving = made.apply(
        tf.data.experimental.service.distribute(processing_mode=policy, service=address)
    )

    def in_order():
        waiting, due, size = {}, start_step, 0
        for step, batch in arriving:
            waiting[int(step)] = batch
            size = size or sum(part.dtype.size * math.prod(part.shape) for part in batch.values())
            while due in waiting:
                yield waiting.pop(due)
                due += 1
            if len(waiting) > max(WAITING_BATCHES, WAITING_BYTES // size):
                break
        if due < steps:
            raise RuntimeError(f"the batch of step {due + 1} was lost with its worker")

    ordered = tf.data.Dataset.from_generator(in_order, output_signature=arriving.element_spec[1])
    return ahead(ordered)


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
