"""Slow NumPy versions, written from the papers, to test against."""

import numpy as np


def nt_xent(projections, temperature):
    """Equation 1 of SimCLR by loops; projections `[2B, P]`."""
    z = projections / np.linalg.norm(projections, axis=1, keepdims=True)
    anchors = len(z)
    total = 0.0
    for i in range(anchors):
        positive = (i + anchors // 2) % anchors
        candidates = [np.exp(z[i] @ z[k] / temperature) for k in range(anchors) if k != i]
        total -= np.log(np.exp(z[i] @ z[positive] / temperature) / sum(candidates))
    return total / anchors


def lars_step(w, g, v, rate, momentum, decay, trust, excluded):
    """One step of LARS; returns the new weight and momentum."""
    if not excluded:
        g = g + decay * w
    ratio = 1.0
    if not excluded and np.linalg.norm(w) > 0 and np.linalg.norm(g) > 0:
        ratio = trust * np.linalg.norm(w) / np.linalg.norm(g)
    v = momentum * v + rate * ratio * g
    return w - v, v
