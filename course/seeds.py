"""Many trainings of linear regression at once: whether a comparison depends on the seed."""

import mxnet as mx
import numpy as np
from mxnet import nd

import utils

BATCH_SIZE = 10


def losses_over_seeds(data, lrs, mom, num_epochs, num_seeds):
    """Train as `optimize` of momentum-scratch does, once for each seed and learning rate.

    The batch size is 10, and from the third epoch on each begins by multiplying the learning rate
    by 0.1. A seed decides the initial weights and the order of examples; the seeds are 0, 1, 2, …
    MXNet's generator is left as the last of them leaves it.

    Parameters
    ----------
    data : tuple of two NDArrays
        Features, shape (n, d), and labels, shape (n,).
    lrs : sequence of floats
        Learning rates η, inside the velocity.
    mom : float
        Momentum parameter γ.
    num_epochs, num_seeds : int

    Returns
    -------
    numpy.ndarray, shape (updates + 1, num_seeds, len(lrs))
        The mean loss over all examples before the first and after every update; infinite where a
        training diverged.
    """
    X, y = data
    n, d = X.shape
    ones = nd.concat(X, nd.ones((n, 1)), dim=1)
    starts, orders = [], []
    for seed in range(num_seeds):
        mx.random.seed(seed)
        starts.append(nd.concat(nd.random.normal(shape=(d, 1)), nd.zeros((1, 1)), dim=0))
        orders.append([next(utils.data_iter(n, n, ones, y)) for _ in range(num_epochs)])

    # One run is a column: W[s, :, k] holds the weights and bias of seed s and learning rate k.
    W = nd.broadcast_axis(nd.stack(*starts), axis=2, size=len(lrs))
    V = nd.zeros_like(W)
    lr = nd.array(lrs).reshape((1, 1, -1))
    history = [W]
    for epoch in range(1, num_epochs + 1):
        if epoch > 2:
            lr = lr * 0.1
        features, labels = (nd.stack(*parts) for parts in zip(*(of[epoch - 1] for of in orders)))
        for start in range(0, n, BATCH_SIZE):
            A = features[:, start : start + BATCH_SIZE]
            errors = nd.batch_dot(A, W) - labels[:, start : start + BATCH_SIZE].expand_dims(2)
            V = mom * V + lr / A.shape[1] * nd.batch_dot(A, errors, transpose_a=True)
            W = W - V
            history.append(W)

    # The mean loss is a quadratic function of the weights: their distance from the best in H.
    A, labels = ones.asnumpy().astype("float64"), y.asnumpy().astype("float64")
    best, *_ = np.linalg.lstsq(A, labels, rcond=None)
    distance = np.moveaxis(nd.stack(*history).asnumpy().astype("float64"), 2, -1) - best
    with np.errstate(invalid="ignore", over="ignore"):
        excess = ((distance @ (A.T @ A / n)) * distance).sum(-1) / 2
    return np.where(np.isfinite(excess), excess, np.inf) + ((A @ best - labels) ** 2).mean() / 2
