"""Losses, all in float32: NT-Xent, and the supervised ones of heads."""

import tensorflow as tf

from simclr_med import distribute

LARGE = 1e9
TASKS = ("multiclass", "multilabel")


def nt_xent(projections, temperature):
    """Return NT-Xent (Chen et al. 2020, equation 1), the mean over the 2B anchors of all replicas.

    Each replica has R times fewer anchors, and all candidates: gradients reach those of the others.
    google-research/simclr reports the sum of two means over B: twice this.

    Args:
      projections: `[2b, P]` of this replica, B = R b; row i and row b + i are a positive pair. Need
        not have unit length.
      temperature: above 0.

    Returns:
      Of each, this replica's share, which sum to the whole: the loss, and "contrastive_accuracy"
      and "contrastive_entropy", of the first view's choice among the second views.
    """
    z = tf.math.l2_normalize(tf.cast(projections, tf.float32), axis=1)
    first, second = tf.split(z, 2)
    candidates = tf.concat([distribute.gather(first), distribute.gather(second)], 0)  # [2B, P]
    here, pairs = tf.shape(first)[0], tf.shape(candidates)[0] // 2  # b, B
    own = distribute.replica_number() * here + tf.range(here)  # of all pairs
    anchors = tf.concat([own, pairs + own], 0)  # [2b], rows of candidates
    logits = tf.matmul(z, candidates, transpose_b=True) / temperature  # [2b, 2B]
    logits -= LARGE * tf.one_hot(anchors, 2 * pairs)  # an anchor is no candidate for itself
    positives = tf.math.floormod(anchors + pairs, 2 * pairs)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(positives, logits)
    across = logits[:here, pairs:]  # [b, B]
    chosen = tf.argmax(across, axis=1, output_type=tf.int32)
    accuracy = tf.reduce_mean(tf.cast(tf.equal(chosen, own), tf.float32))
    log_p = tf.nn.log_softmax(across)
    entropy = -tf.reduce_mean(tf.reduce_sum(tf.exp(log_p) * log_p, axis=1))
    share = 1 / distribute.replicas()
    scalars = {"contrastive_accuracy": accuracy * share, "contrastive_entropy": entropy * share}
    return tf.reduce_mean(losses) * share, scalars


def labelled_count(targets, task):
    """Return what a supervised loss is a mean over: rows, or for "multilabel" known entries.

    Args:
      targets: `[B, K]`; NaN is unknown.
      task: one of `TASKS`.
    """
    if task == "multiclass":
        return tf.cast(tf.shape(targets)[0], tf.float32)
    return tf.reduce_sum(tf.cast(tf.logical_not(tf.math.is_nan(targets)), tf.float32))


def summed_loss(targets, logits, task, sample_weight=None):
    """Return the sum of a supervised loss; divided by `labelled_count` it is the mean.

    As in Keras, weights multiply what they weigh, and the mean is over the count as it is.

    Args:
      targets: `[B, K]`. "multiclass": several primary diagnoses share the probability equally.
        "multilabel": 1 present, 0 absent, NaN unknown and left out.
      logits: `[B, K]`.
      task: "multiclass", cross-entropy, or "multilabel", binary cross-entropy of each entry.
      sample_weight: `[B]`; None is 1 everywhere.
    """
    logits = tf.cast(logits, tf.float32)
    if task == "multiclass":
        shares = targets / tf.reduce_sum(targets, axis=1, keepdims=True)
        losses = tf.nn.softmax_cross_entropy_with_logits(shares, logits)  # [B]
    else:
        unknown = tf.math.is_nan(targets)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.where(unknown, 0.0, targets), logits)
        losses = tf.reduce_sum(tf.where(unknown, 0.0, losses), axis=1)
    if sample_weight is not None:
        losses *= tf.reshape(tf.cast(sample_weight, tf.float32), [-1])
    return tf.reduce_sum(losses)


def probabilities(logits, task):
    """Return the probabilities of logits `[B, K]`: over the classes, or of each finding alone."""
    logits = tf.cast(logits, tf.float32)
    return tf.nn.softmax(logits) if task == "multiclass" else tf.nn.sigmoid(logits)
