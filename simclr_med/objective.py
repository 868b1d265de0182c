"""Losses, all in float32: NT-Xent, and the supervised ones of heads."""

import tensorflow as tf

LARGE = 1e9


def nt_xent(projections, temperature):
    """NT-Xent (Chen et al. 2020, equation 1): the mean over the 2B anchors.

    google-research/simclr reports the sum of two means over B: twice this.

    Args:
      projections: `[2B, P]`; row i and row B + i are a positive pair. Need not have unit length.
      temperature: above 0.

    Returns:
      The loss, and "contrastive_accuracy" and "contrastive_entropy": of the first view's choice
      among the second views.
    """
    z = tf.math.l2_normalize(tf.cast(projections, tf.float32), axis=1)
    anchors = tf.shape(z)[0]
    pairs = anchors // 2
    logits = tf.matmul(z, z, transpose_b=True) / temperature  # [2B, 2B]
    logits -= LARGE * tf.eye(anchors)  # an anchor is no candidate for itself
    positives = tf.math.floormod(tf.range(anchors) + pairs, anchors)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(positives, logits)
    across = logits[:pairs, pairs:]  # [B, B]
    chosen = tf.argmax(across, axis=1, output_type=tf.int32)
    accuracy = tf.reduce_mean(tf.cast(tf.equal(chosen, tf.range(pairs)), tf.float32))
    log_p = tf.nn.log_softmax(across)
    entropy = -tf.reduce_mean(tf.reduce_sum(tf.exp(log_p) * log_p, axis=1))
    scalars = {"contrastive_accuracy": accuracy, "contrastive_entropy": entropy}
    return tf.reduce_mean(losses), scalars


def supervised_loss(targets, logits, task):
    """The mean loss of a batch, targets and logits `[B, K]`.

    "multiclass": cross-entropy; several primary diagnoses share the probability equally.
    "multilabel": binary cross-entropy over the entries that are known; NaN is unknown.
    """
    logits = tf.cast(logits, tf.float32)
    if task == "multiclass":
        shares = targets / tf.reduce_sum(targets, axis=1, keepdims=True)
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(shares, logits))
    known = tf.logical_not(tf.math.is_nan(targets))
    losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.where(known, targets, 0.0), logits)
    known = tf.cast(known, tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(losses * known), tf.reduce_sum(known))


def probabilities(logits, task):
    """Logits to probabilities: over the classes, or for each finding by itself."""
    logits = tf.cast(logits, tf.float32)
    return tf.nn.softmax(logits) if task == "multiclass" else tf.nn.sigmoid(logits)
