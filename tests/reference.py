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


def lamb_step(w, m, v, g, step, rate, beta_1, beta_2, epsilon, decay, excluded):
    """Step number `step`, from 1, of LAMB (You et al. 2019, algorithm 2): weight and moments."""
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    r = m / (1 - beta_1**step) / (np.sqrt(v / (1 - beta_2**step)) + epsilon)
    ratio = 1.0
    if not excluded:
        r = r + decay * w
        norms = np.linalg.norm(w), np.linalg.norm(r)
        ratio = norms[0] / norms[1] if min(norms) > 0 else 1.0
    return w - rate * ratio * r, m, v


# Networks. Where the weights come from is the caller's: `weights.conv(place, shape)` gives a kernel
# and `weights.norm(place, channels)` a dict, asked for in the order in which the published code
# creates them. A place is ("stem", i) or (stage, block, part).


def conv2d(x, kernel, stride=1, symmetric=False):
    """Convolution of `[B, H, W, C]`: SAME, or padded by (k - 1) // 2 before and k // 2 after."""
    k = len(kernel)
    pads = [((k - 1) // 2, k // 2)] * 2 if symmetric else [same(n, k, stride) for n in x.shape[1:3]]
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    return np.tensordot(windows[:, ::stride, ::stride], kernel, axes=([4, 5, 3], [0, 1, 2]))


def same(size, k, stride):
    """TensorFlow's SAME padding of one axis."""
    total = max((-(-size // stride) - 1) * stride + k - size, 0)
    return total // 2, total - total // 2


def pool(x, k, stride, pads, reduce, fill):
    """`reduce` over windows of `[B, H, W, C]`, padded with `fill`."""
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    return reduce(windows[:, ::stride, ::stride], axis=(4, 5))


def batch_norm(x, norm, epsilon=1e-5):
    """In inference; a missing offset is 0."""
    x = (x - norm["moving_mean"]) / np.sqrt(norm["moving_variance"] + epsilon)
    return x * norm["gamma"] + norm.get("beta", 0)


def relu(x):
    """Of any shape."""
    return np.maximum(x, 0)


def simclr_resnet(
    x, weights, blocks, bottleneck, filters=64, resnet_d=False, selective=False, small=False,
    project_first=True,
):  # fmt: skip
    """Features of google-research/simclr's ResNet; `filters` is the stem's."""

    def conv(x, place, k, outputs, stride=1):
        kernel = weights.conv(place, [k, k, x.shape[-1], outputs])
        return conv2d(x, kernel, stride, symmetric=stride > 1)

    def norm(x, place):
        return batch_norm(x, weights.norm(place, x.shape[-1]))

    def shortcut(x, stage, block, outputs, stride):
        if resnet_d:
            if stride == 2:
                x = pool(x, 2, 2, [(0, 1)] * 2, np.mean, 0)
            else:  # SAME: the last row and column are averaged over what is there
                x = pool(x, 2, 1, [(0, 1)] * 2, np.nanmean, np.nan)
            stride = 1
        x = conv(x, (stage, block, "shortcut"), 1, outputs, stride)
        return norm(x, (stage, block, "shortcut"))

    def selective_kernel(x, place, outputs, stride):
        both = relu(norm(conv(x, (*place, 2), 3, 2 * outputs, stride), (*place, 2)))
        paths = np.stack([both[..., :outputs], both[..., outputs:]])
        pooled = paths.sum(0).mean((1, 2), keepdims=True)
        hidden = conv(pooled, (*place, "mix"), 1, max(outputs // 16, 32))
        mixing = conv(relu(norm(hidden, (*place, "mix"))), (*place, "mixing"), 1, 2 * outputs)
        mixing = np.exp(np.stack([mixing[..., :outputs], mixing[..., outputs:]]))
        return (paths * mixing / mixing.sum(0)).sum(0)

    if small:
        x = relu(norm(conv(x, ("stem", 0), 3, filters), ("stem", 0)))
    else:
        if resnet_d:
            x = relu(norm(conv(x, ("stem", 0), 3, filters // 2, 2), ("stem", 0)))
            x = relu(norm(conv(x, ("stem", 1), 3, filters // 2), ("stem", 1)))
            x = conv(x, ("stem", 2), 3, filters)
        else:
            x = conv(x, ("stem", 0), 7, filters, 2)
        x = relu(norm(x, ("stem", 2 if resnet_d else 0)))
        x = pool(x, 3, 2, [same(n, 3, 2) for n in x.shape[1:3]], np.max, -np.inf)
    for stage, count in enumerate(blocks, 1):
        inner = filters * 2 ** (stage - 1)
        outputs = 4 * inner if bottleneck else inner
        for block in range(1, count + 1):
            place = (stage, block)
            stride = 2 if stage > 1 and block == 1 else 1
            kept = x
            if block == 1 and (bottleneck or stage > 1 or project_first):
                kept = shortcut(x, stage, block, outputs, stride)
            if not bottleneck:
                x = relu(norm(conv(x, (*place, 1), 3, inner, stride), (*place, 1)))
                x = norm(conv(x, (*place, 2), 3, inner), (*place, 2))
            else:
                x = relu(norm(conv(x, (*place, 1), 1, inner), (*place, 1)))
                if selective:
                    x = selective_kernel(x, place, inner, stride)
                else:
                    x = relu(norm(conv(x, (*place, 2), 3, inner, stride), (*place, 2)))
                x = norm(conv(x, (*place, 3), 1, outputs), (*place, 3))
            x = relu(x + kept)
    return x.mean((1, 2))


def simclr_head(x, weights, layers, dim):
    """Projections of google-research/simclr's head, from features."""
    for i in range(layers):
        last = i == layers - 1
        x = x @ weights.conv(("head", i), [x.shape[-1], dim if last else x.shape[-1]])
        x = batch_norm(x, weights.norm(("head", i), x.shape[-1], offset=not last))
        x = x if last else relu(x)
    return x


def group_norm(x, gamma, beta, epsilon=1e-5):
    """Of `[B, H, W, C]` in 32 groups, or C if those are fewer."""
    grouped = x.reshape([*x.shape[:3], min(32, x.shape[-1]), -1])
    mean = grouped.mean((1, 2, 4), keepdims=True)
    variance = grouped.var((1, 2, 4), keepdims=True)
    return ((grouped - mean) / np.sqrt(variance + epsilon)).reshape(x.shape) * gamma + beta


def bit_resnet(x, weights, blocks, filters=64):
    """Features of BiT's ResNet from pixels in [-1, 1]; `weights(name, shape)` by published name."""

    def conv(x, name, k, outputs, stride=1):
        kernel = weights(f"resnet/{name}standardized_conv2d/kernel", [k, k, x.shape[-1], outputs])
        kernel = kernel - kernel.mean((0, 1, 2))
        kernel = kernel / np.sqrt(kernel.var((0, 1, 2)) + 1e-10)
        return conv2d(x, kernel, stride, symmetric=True)

    def norm_relu(x, name):
        gamma, beta = (
            weights(f"resnet/{name}group_norm/{kind}", [x.shape[-1]]) for kind in ("gamma", "beta")
        )
        return relu(group_norm(x, gamma, beta))

    x = conv(x, "root_block/", 7, filters, 2)
    x = pool(x, 3, 2, [(1, 1)] * 2, np.max, 0)
    for stage, count in enumerate(blocks, 1):
        inner = filters * 2 ** (stage - 1)
        for block in range(1, count + 1):
            name = f"block{stage}/unit{block:02d}/"
            stride = 2 if stage > 1 and block == 1 else 1
            kept, x = x, norm_relu(x, f"{name}a/")
            if block == 1:
                kept = conv(x, f"{name}a/proj/", 1, 4 * inner, stride)
            x = conv(x, f"{name}a/", 1, inner)
            x = conv(norm_relu(x, f"{name}b/"), f"{name}b/", 3, inner, stride)
            x = conv(norm_relu(x, f"{name}c/"), f"{name}c/", 1, 4 * inner) + kept
    return norm_relu(x, "").mean((1, 2))
