"""The largest eigenvalue of a small network's Hessian while it trains."""

import numpy as np

SHAPES = ((64, 128), (128,), (128, 10), (10,))  # weights and biases of momentum-real's network
ENDS = np.cumsum([np.prod(shape) for shape in SHAPES])[:-1]


def _gradient(w, X, targets, active=None):
    """Give the mean cross-entropy, its gradient, and which ReLUs are active (or hold those given)."""
    W1, b1, W2, b2 = (part.reshape(shape) for part, shape in zip(np.split(w, ENDS), SHAPES))
    before = X @ W1 + b1
    active = before > 0 if active is None else active
    hidden = before * active
    outputs = hidden @ W2 + b2
    p = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d_outputs = (p - targets) / len(X)
    d_before = d_outputs @ W2.T * active
    parts = X.T @ d_before, d_before.sum(axis=0), hidden.T @ d_outputs, d_outputs.sum(axis=0)
    return (
        -np.log((p * targets).sum(axis=1)).mean(),
        np.concatenate([g.ravel() for g in parts]),
        active,
    )


def sharpness_while_training(X, y, lr, mom, updates, seed, every=10):
    """Train momentum-real's network with all examples at once, and follow its sharpness.

    Parameters
    ----------
    X : ndarray, shape (n, 64)
        Features.
    y : ndarray of int, shape (n,)
        Classes.
    lr, mom : float
        η, inside the velocity, and γ; the loss is averaged.
    updates, seed, every : int
        How many updates, from which initial weights, and how many from one value to the next.

    Returns
    -------
    ndarray, shape (3, number of values)
        Updates made, loss, largest eigenvalue of the Hessian.
    """
    rng, targets = np.random.default_rng(seed), np.eye(10)[y]
    parts = [rng.uniform(-1, 1, s) * (len(s) > 1) * np.sqrt(6 / sum(s)) for s in SHAPES]  # Xavier
    w = np.concatenate([part.ravel() for part in parts])
    v, u, found = np.zeros_like(w), rng.normal(size=w.size), []
    for update in range(updates + 1):
        loss, gradient, active = _gradient(w, X, targets)
        if update % every == 0:
            # Power iteration from the last eigenvector; the kinks of the ReLUs are held in place.
            for _ in range(10):
                u /= np.linalg.norm(u)
                ahead, behind = (_gradient(w + h * u, X, targets, active)[1] for h in (1e-4, -1e-4))
                product = (ahead - behind) / 2e-4
                u, largest = product, u @ product
            found.append((update, loss, largest))
        v = mom * v + lr * gradient
        w = w - v
    return np.array(found).T
