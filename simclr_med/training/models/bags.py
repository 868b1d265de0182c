"""Cases as bags of images: one answer of a head for all images of a case (`--bag`).

    logits = case_logits(outputs, owner, cases, bag="attention", task="multiclass")  # [C, K]

One network of images serves training, evaluation and export: a head is linear, so that what it says
of the mean of features is the mean of its logits, and of their weighted mean the logits' one. What
else attention needs, a score, is an output of the network beside the logits.

M images of C cases, K classes.
"""

import numpy as np
import tensorflow as tf

from simclr_med.evaluation import predictions
from simclr_med.training.models import objective

IN_LOGITS = ("features", "attention")  # whose answer for a case is no mean of the images' answers


def case_logits(outputs, owner, cases, bag, task, counted=None):
    """Return one answer a case, float32 `[C, K]`, as logits.

    Args:
      outputs: of images, `[M, K]`, with "attention" `[M, K + 1]`.
      owner: number of each image's case, int `[M]`, from 0 to C - 1.
      cases: C.
      bag: "features", "probabilities" or "attention" (Ilse et al. 2018, equation 7).
      task: "multiclass" or "multilabel".
      counted: bool `[M]`, the images that have a say; None for all. A case of none has no answer.
    """
    outputs = tf.cast(outputs, tf.float32)
    logits, scores = outputs, tf.zeros_like(outputs[:, 0])
    if bag == "attention":
        logits, scores = outputs[:, :-1], outputs[:, -1]
    if counted is not None:
        scores = tf.where(counted, scores, -np.inf)
    # Each image's share of its case, as a logarithm.
    shares = scores - tf.gather(_log_sums(scores[:, None], owner, cases)[:, 0], owner)  # [M]
    if bag != "probabilities":
        weighted = tf.exp(shares)[:, None] * logits
        return tf.math.unsorted_segment_sum(weighted, owner, cases)

    def log_mean(log_probabilities):
        return _log_sums(log_probabilities + shares[:, None], owner, cases)

    if task == "multiclass":
        return log_mean(tf.nn.log_softmax(logits))
    return log_mean(tf.math.log_sigmoid(logits)) - log_mean(tf.math.log_sigmoid(-logits))


def _log_sums(values, owner, cases):
    """Return the logarithm of the sum of each case's exponentials, `[C, n]` of `[M, n]`."""
    largest = tf.stop_gradient(tf.math.unsorted_segment_max(values, owner, cases))
    largest = tf.where(tf.math.is_finite(largest), largest, 0.0)
    sums = tf.math.unsorted_segment_sum(tf.exp(values - tf.gather(largest, owner)), owner, cases)
    return largest + tf.math.log(sums)


def logits_of_cases(outputs, cases, bag, task):
    """Return `case_logits` of the outputs `[M, ...]` of all images of `Cases`."""
    owner = np.repeat(np.arange(len(cases)), np.diff(cases.offsets))
    return case_logits(outputs, owner, len(cases), bag, task)


def predictions_of_images(outputs, cases, bag, task):
    """Return the `Predictions` of cases.

    Args:
      outputs: a network's, of the cases' M images, see `case_logits`.
      cases: `Cases`.
      bag: of the head; "none" and "probabilities" are the mean of the images' probabilities.
      task: what has `task`, `classes` and `other_class`.
    """
    if bag in IN_LOGITS:
        logits = logits_of_cases(outputs, cases, bag, task.task)
        return predictions.of_cases(cases, objective.probabilities(logits, task.task).numpy(), task)
    by_image = objective.probabilities(outputs, task.task).numpy()
    return predictions.average_over_images(cases, by_image, task)
