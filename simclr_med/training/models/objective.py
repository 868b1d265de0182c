"""Losses, all in float32: NT-Xent, and the supervised ones of heads."""

import tensorflow as tf

from simclr_med import distribute

MISSED = 1e-7  # least share of a target that counts as missed, Keras's epsilon


def nt_xent(projections, temperature):
    """Return NT-Xent (Chen et al. 2020, equation 1), the mean over the 2B anchors of all replicas.

    Each replica has its own anchors, and all candidates: gradients reach those of the others. A
    replica may have fewer pairs than others, or none, as in the last batch of Keras's `fit`.
    google-research/simclr reports the sum of two means over B: twice this.

    Args:
      projections: `[2b, P]` of this replica, B the sum of all b, 2 or more; row i and row b + i are
        a positive pair. Need not have unit length.
      temperature: above 0.

    Returns:
      Of each, this replica's share, which sum to the whole: the loss, and "contrastive_accuracy"
      and "contrastive_entropy", of the first view's choice among the second views.
    """
    z = unit_rows(tf.cast(projections, tf.float32))
    first, second = tf.split(z, 2)
    candidates = tf.concat([distribute.gather(first), distribute.gather(second)], 0)  # [2B, P]
    here, pairs = tf.shape(first)[0], tf.shape(candidates)[0] // 2  # b, B
    own = distribute.rows_before(here) + tf.range(here)  # of all pairs
    anchors = tf.concat([own, pairs + own], 0)  # [2b], rows of candidates
    logits = tf.matmul(z, candidates, transpose_b=True) / temperature  # [2b, 2B]
    itself = tf.one_hot(anchors, 2 * pairs, on_value=True, off_value=False)
    logits = tf.where(itself, logits.dtype.min, logits)  # an anchor is no candidate for itself
    positives = tf.math.floormod(anchors + pairs, 2 * pairs)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(positives, logits)
    across = logits[:here, pairs:]  # [b, B]
    chosen = tf.argmax(across, axis=1, output_type=tf.int32)
    right = tf.reduce_sum(tf.cast(tf.equal(chosen, own), tf.float32))
    log_p = tf.nn.log_softmax(across)
    entropies = -tf.reduce_sum(tf.exp(log_p) * log_p, axis=1)  # [b]
    # Sums over what all have: a mean here would be of nothing where a replica has no pair.
    count = tf.cast(pairs, tf.float32)
    scalars = {
        "contrastive_accuracy": right / count,
        "contrastive_entropy": tf.reduce_sum(entropies) / count,
    }
    return tf.reduce_sum(losses) / (2 * count), scalars


def unit_rows(rows):
    """Return float32 `[N, P]` divided by its rows' lengths, short or long; 0 for a row of zeros.

    `tf.math.l2_normalize` leaves rows shorter than 1e-6 short, and gives 0 of rows whose squares
    overflow.
    """
    # Of rows whose largest entry is 1 no sum of squares is too small or too large. The direction
    # does not depend on the scale, so that its gradient is exact with the scale held constant.
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(rows), axis=1, keepdims=True))
    rows = tf.math.divide_no_nan(rows, largest)
    squares = tf.reduce_sum(tf.square(rows), axis=1, keepdims=True)
    return rows * tf.math.rsqrt(tf.maximum(squares, 1.0))  # it is 1 or more, but of zeros


def as_rows(targets, classes, task):
    """Return targets as float32 `[B, K]`.

    Args:
      targets: `[B, K]`; for "multiclass" also class numbers, `[B]` or `[B, 1]`; where K is 1 also
        `[B]`.
      classes: K.
      task: one of `TASKS`.

    Raises:
      ValueError: they have another shape.
      InvalidArgumentError: a number is none of a class, 0 to K - 1; where the batch is computed.
    """
    shape = targets.shape
    vector = shape.rank == 1
    column = shape.rank == 2 and shape[1] == 1
    if task == "multiclass" and classes > 1 and (vector or column):
        numbers = tf.cast(tf.reshape(targets, [-1]), tf.int32)
        # Of another number no class would be right, and the loss not a number.
        within = tf.debugging.Assert(
            tf.reduce_all((numbers >= 0) & (numbers < classes)),
            [f"class numbers are 0 to {classes - 1}; a batch has", numbers],
        )
        with tf.control_dependencies([within] if within is not None else []):
            return tf.one_hot(numbers, classes)
    if vector and classes == 1:
        targets = targets[:, None]
    if targets.shape.rank != 2 or targets.shape[1] not in (classes, None):
        either = ", or class numbers [B]" if task == "multiclass" else ""
        raise ValueError(
            f"{task} targets are [B, {classes}]{either}, as the network has {classes} outputs; "
            f"these are {shape}"
        )
    return tf.cast(targets, tf.float32)


def labelled_count(targets, task):
    """Return the denominator of a supervised loss: rows, or for "multilabel" known entries.

    Args:
      targets: `[B, K]`, NaN unknown; or as `as_rows` takes them.
      task: one of `TASKS`.
    """
    if task == "multiclass":
        return tf.cast(tf.shape(targets)[0], tf.float32)
    known = tf.logical_not(tf.math.is_nan(tf.cast(targets, tf.float32)))
    return tf.reduce_sum(tf.cast(known, tf.float32))


def summed_loss(targets, logits, task, sample_weight=None, **changes):
    """Return the sum of a supervised loss; divided by `labelled_count` it is the mean.

    As in Keras, weights multiply what they weigh, and the mean is over the count as it is.

    Args:
      targets, logits, task, changes: see `losses`.
      sample_weight: `[B]`; None is 1 everywhere.
    """
    summed = losses(targets, logits, task, **changes)
    if sample_weight is not None:
        summed *= tf.reshape(tf.cast(sample_weight, tf.float32), [-1])
    return tf.reduce_sum(summed)


def losses(targets, logits, task, label_smoothing=0.0, focal_gamma=0.0, class_weights=None):
    """Return the loss of each row, `[B]`, summed over its findings.

    Args:
      targets: `[B, K]`. "multiclass": several primary diagnoses share the probability equally.
        "multilabel": 1 present, 0 absent, NaN unknown and left out.
      logits: `[B, K]`.
      task: "multiclass", cross-entropy, or "multilabel", binary cross-entropy of each entry.
      label_smoothing: the share of each target that is spread over all answers, in [0, 1): over the
        classes, or over present and absent.
      focal_gamma: of the focal loss of findings (Lin et al. 2017, equation 4), 0 or more.
      class_weights: weights of absent and present classes, `[2, K]` or `[2, B, K]`, see
        `head_loss.class_weights`; a row of several diagnoses has the mean of their weights.
    """
    logits = tf.cast(logits, tf.float32)
    if task == "multiclass":
        shares = targets / tf.reduce_sum(targets, axis=1, keepdims=True)
        smooth = (1 - label_smoothing) * shares + label_smoothing / shares.shape[1]
        rows = tf.nn.softmax_cross_entropy_with_logits(smooth, logits)
        if class_weights is not None:
            rows *= tf.reduce_sum(shares * class_weights[1], axis=1)
        return rows
    unknown = tf.math.is_nan(targets)
    truth = tf.where(unknown, 0.0, targets)
    known = (1 - label_smoothing) * truth + label_smoothing / 2
    each = tf.nn.sigmoid_cross_entropy_with_logits(known, logits)
    if focal_gamma:
        missed = known * tf.sigmoid(-logits) + (1 - known) * tf.sigmoid(logits)
        # A root has no slope at 0, where a logit is so large that nothing is missed.
        each *= tf.maximum(missed, MISSED) ** focal_gamma
    if class_weights is not None:
        each *= class_weights[0] + truth * (class_weights[1] - class_weights[0])
    return tf.reduce_sum(tf.where(unknown, 0.0, each), axis=1)


def probabilities(logits, task):
    """Return the probabilities of logits `[B, K]`: over the classes, or of each finding alone."""
    logits = tf.cast(logits, tf.float32)
    return tf.nn.softmax(logits) if task == "multiclass" else tf.nn.sigmoid(logits)
