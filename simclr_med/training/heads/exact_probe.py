"""The exact linear probe: the one solution of the L2-regularised problem, by L-BFGS.

kernel, bias = solve(features, targets, decay=1e-3, task="multiclass", iterations=1000)

It needs no learning rate, no schedule and no seed; SGD with the same decay tends to it.
"""

import numpy as np
import scipy.optimize
from scipy.special import expit, log_softmax

from simclr_med import progress


def solve(features, targets, decay, task, iterations, class_weights=None):
    """Return the kernel and bias that minimise mean loss + decay / 2 |kernel|^2.

    Args:
      features: `[M, D]`, standardised.
      targets: `[M, K]`: several primary diagnoses share the probability; NaN is left out.
      decay: above 0, without which there may be no minimum.
      task: "multiclass", cross-entropy, or "multilabel", binary cross-entropy of known entries.
      iterations: at most; a solution that needs more is told on stderr.
      class_weights: of the loss, `[2, K]`, see `head_loss.class_weights`; None is 1 everywhere.

    Returns:
      float32 `[D, K]` and `[K]`.
    """
    x, y = np.asarray(features, np.float64), np.asarray(targets, np.float64)
    shape = (x.shape[1], y.shape[1])
    weights = np.ones([2, shape[1]]) if class_weights is None else class_weights
    loss = {"multiclass": _softmax_loss, "multilabel": _sigmoid_loss}[task]

    def objective(flat):
        kernel, bias = flat[: -shape[1]].reshape(shape), flat[-shape[1] :]
        value, slope = loss(
            y, x @ kernel + bias, weights
        )  # slope of the mean by the logits, [M, K]
        value += decay / 2 * (kernel**2).sum()
        return value, np.concatenate([(x.T @ slope + decay * kernel).ravel(), slope.sum(0)])

    found = scipy.optimize.minimize(
        objective,
        np.zeros((shape[0] + 1) * shape[1]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "maxfun": 2 * iterations, "ftol": 1e-12, "gtol": 1e-6},
    )
    if found.nit >= iterations:
        progress.note(f"warning: not solved exactly within --steps={iterations} iterations")
    solution = found.x.astype(np.float32)
    return solution[: -shape[1]].reshape(shape), solution[-shape[1] :]


def _softmax_loss(targets, logits, weights):
    shares = targets / targets.sum(axis=1, keepdims=True)
    of_row = shares @ weights[1][:, None] / len(logits)  # [M, 1]
    log_p = log_softmax(logits, axis=1)
    return -(of_row * shares * log_p).sum(), of_row * (np.exp(log_p) - shares)


def _sigmoid_loss(targets, logits, weights):
    known = ~np.isnan(targets)
    y = np.where(known, targets, 0)
    of_entry = known * (weights[0] + y * (weights[1] - weights[0])) / max(1, known.sum())  # [M, K]
    values = np.logaddexp(0, logits) - y * logits
    return (of_entry * values).sum(), of_entry * (expit(logits) - y)
