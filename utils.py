"""What the chapters share: a model, its loss, minibatches, and the size of figures."""

from numbers import Integral

import numpy as np
from mxnet import nd

_generator = np.random.RandomState()  # to make one takes ten times as long as to seed it


def linreg(X, w, b):
    """Linear regression: the prediction ``X·w + b``.

    Parameters
    ----------
    X : NDArray, shape (n, d)
        Features, one example per row.
    w : NDArray, shape (d, 1)
        Weights.
    b : NDArray, shape (1,)
        Bias.

    Returns
    -------
    NDArray, shape (n, 1)
    """
    return nd.dot(X, w) + b


def squared_loss(yhat, y):
    """Squared loss ``(ŷ − y)² / 2`` of each example, neither summed nor averaged.

    Parameters
    ----------
    yhat : NDArray
        Predictions.
    y : NDArray
        Labels, as many as predictions. They are taken in the shape of `yhat`: subtracted from
        predictions of shape (n, 1), labels of shape (n,) would silently broadcast to (n, n).

    Returns
    -------
    NDArray, shape of `yhat`

    Raises
    ------
    ValueError
        If `yhat` and `y` differ in size.
    """
    if yhat.size != y.size:
        raise ValueError(
            f"y must hold one label for each prediction: yhat has shape {yhat.shape} "
            f"({yhat.size} predictions), y has shape {y.shape} ({y.size} labels)"
        )
    return (yhat - y.reshape(yhat.shape)) ** 2 / 2


def data_iter(batch_size, num_examples, X, y):
    """Iterate once over the first `num_examples` examples, in minibatches and in random order.

    Every call shuffles anew. `mx.random.seed` alone makes the order repeatable; it is the same on
    every platform, and NumPy's global generator is neither used nor changed.

    Parameters
    ----------
    batch_size : int
        Examples in a minibatch, at least 1; the last minibatch may be shorter.
    num_examples : int
        How many examples to use, from 1 to ``len(X)``.
    X : NDArray, shape (n, ...)
        Features, one example per row.
    y : NDArray, shape (n, ...)
        Labels, in the order of `X`.

    Yields
    ------
    tuple of NDArray
        The features and the labels of a minibatch.

    Raises
    ------
    TypeError
        If `batch_size` or `num_examples` is not an integer, or `X` or `y` not an NDArray.
    ValueError
        If `batch_size` or `num_examples` is out of range, or `X` and `y` differ in length.
    """
    for name, array in (("X", X), ("y", y)):
        if not isinstance(array, nd.NDArray):
            raise TypeError(f"{name} must be an NDArray, got {type(array).__name__}: {array!r:.50}")
    if len(X) != len(y):
        raise ValueError(f"X and y must have the same length, got {len(X)} and {len(y)}")
    _check_count("batch_size", batch_size)
    _check_count("num_examples", num_examples)
    if num_examples > len(X):
        raise ValueError(f"num_examples must be at most len(X) = {len(X)}, got {num_examples}")
    # The checks run at the call; a generator's own body would wait for the first minibatch.
    return _minibatches(int(batch_size), int(num_examples), X, y)


def random_order(num_examples):
    """Draw the order in which `data_iter` takes the examples of an epoch.

    Parameters
    ----------
    num_examples : int
        At least 1.

    Returns
    -------
    numpy.ndarray of int, shape (num_examples,)
        The indices 0, ..., ``num_examples - 1``, shuffled anew, and repeatable as there.

    Raises
    ------
    TypeError, ValueError
        If `num_examples` is not an integer, or less than 1.
    """
    _check_count("num_examples", num_examples)
    # MXNet's own shuffle gives another order on another platform; NumPy has frozen RandomState's.
    # Its seed comes from MXNet as one float32 in [0, 1): C++ lays down the engine and how it makes
    # such a number, but not how it draws integers. Times 2**24, float32's precision, it is exact.
    _generator.seed(int(nd.random.uniform().asscalar() * 2**24))
    return _generator.permutation(num_examples)


def _check_count(name, count):
    if not isinstance(count, Integral) or isinstance(count, bool):
        raise TypeError(f"{name} must be a positive integer, got {count!r}")
    if count < 1:
        raise ValueError(f"{name} must be at least 1, got {count}")


def _minibatches(batch_size, num_examples, X, y):
    # int32, not NDArray's default float32, which cannot tell whole numbers apart above 2**24.
    order = nd.array(random_order(num_examples), dtype="int32")
    X, y = X.take(order), y.take(order)  # one gather an epoch: each minibatch is a slice of it
    for start in range(0, num_examples, batch_size):
        yield X[start : start + batch_size], y[start : start + batch_size]


def set_fig_size(mpl, figsize=(3.5, 2.5)):
    """Set the size of the figures that follow.

    Parameters
    ----------
    mpl : module
        matplotlib.
    figsize : tuple of two floats, optional
        Width and height in inches.
    """
    mpl.rcParams["figure.figsize"] = figsize
