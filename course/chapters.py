"""What the chapters define and others use: the very functions that the reader saw.

Built by tools/build.py from the cells whose metadata says `export`; change the notebook instead.
"""

import numpy as np
import utils
from mxnet import gluon
from mxnet import nd


# Taught in gd-sgd-scratch.
def sgd(params, lr, batch_size):
    # -= changes an NDArray in place, in its own memory
    for param in params:
        param -= lr / batch_size * param.grad


# Taught in momentum-scratch.
def sgd_momentum(params, vs, lr, mom, batch_size):
    # param.grad is the gradient of the loss summed over the minibatch, so divide by batch_size
    # *=, += and -= change an NDArray in place, in its own memory
    for param, v in zip(params, vs):
        v *= mom
        v += lr / batch_size * param.grad
        param -= v


# Taught in momentum-gluon.
def convert_lr(lr, mom, source, target, dampening=0):
    # gives the learning rate that makes target follow source's trajectory, while it is constant
    factor = {
        "course": 1,
        "mxnet": 1,
        "keras": 1,
        "optax": 1,
        "pytorch": 1 - dampening,
        "average": 1 - mom,
    }
    for name in (source, target):
        if name not in factor:
            raise ValueError(f"a form must be one of {', '.join(factor)}; got {name!r}")
    return lr * factor[source] / factor[target]


# Taught in momentum-fast.
def squared_gradient(F, features, labels, w, b):
    error = F.broadcast_add(F.dot(features, w), b) - labels
    return [F.dot(features, error, transpose_a=True), F.sum(error, axis=0)]


# Taught in momentum-fast.
class Epoch(gluon.HybridBlock):
    # gradient(F, features, labels, *params) gives the gradients of a minibatch's summed loss
    def __init__(self, gradient):
        super().__init__()
        self.gradient = gradient
        self.hybridize()

    def hybrid_forward(self, F, features, labels, lr, mom, *state):
        def update(minibatch, state):
            params, vs = state[: len(state) // 2], state[len(state) // 2 :]
            grads = self.gradient(F, *minibatch, *params)
            vs = [F.broadcast_mul(mom, v) + F.broadcast_mul(lr, grad) for v, grad in zip(vs, grads)]
            params = [param - v for param, v in zip(params, vs)]
            # the step's output, the new state
            return params, params + vs

        return F.contrib.foreach(update, [features, labels], list(state))


# Taught in momentum-fast.
def in_minibatches(array, batch_size):
    # split into (k, batch_size, ...), and (1, rest, ...) if the last one is short
    full = len(array) - len(array) % batch_size
    pieces = []
    if full:
        pieces.append(array[:full].reshape((-1, batch_size, *array.shape[1:])))
    if full < len(array):
        pieces.append(array[full:].expand_dims(axis=0))
    return pieces


# Taught in momentum-fast.
def train_compiled(epoch, params, X, y, batch_size, lrs, mom):
    def scalar(value):
        return nd.array([value], dtype=X.dtype)

    state = [*params, *(nd.zeros_like(param) for param in params)]
    history = [[param.expand_dims(axis=0)] for param in params]
    for lr in lrs:
        # one minibatch of all examples: the epoch's data, shuffled as for minibatches one by one
        ((features, labels),) = utils.data_iter(len(X), len(X), X, y)
        labels = labels.reshape((len(y), -1))
        pieces = zip(in_minibatches(features, batch_size), in_minibatches(labels, batch_size))
        for features, labels in pieces:
            size = features.shape[1]
            # gradient gives a sum, so divide by the minibatch's size
            updated, state = epoch(features, labels, scalar(lr / size), scalar(mom), *state)
            for values, new in zip(history, updated):
                values.append(new)
    return [nd.concat(*values, dim=0) for values in history]


# Taught in momentum-fast.
def with_ones(X):
    return np.column_stack([X.asnumpy(), np.ones(len(X), dtype=X.dtype)])


# Taught in momentum-fast.
def gradient_matrices(X, y, batch_size, lrs):
    rows = np.column_stack([with_ones(X), -y.asnumpy().ravel()])
    width, starts = rows.shape[1], np.arange(0, len(X), batch_size)
    Z = np.zeros((len(lrs), len(starts) * batch_size, width), dtype=X.dtype)
    for epoch in Z:
        # in the order in which data_iter takes the examples
        epoch[: len(X)] = rows[utils.random_order(len(X))]
    # divide by a minibatch's size, multiply by the learning rate; the last row by 0
    sizes = np.minimum(batch_size, len(X) - starts)
    factors = np.outer(lrs, 1 / sizes).reshape((-1, 1, 1)) * (np.arange(width) < width - 1)
    # one product of matrices for each minibatch
    Z = Z.reshape((-1, batch_size, width))
    return (Z * factors.astype(X.dtype)).swapaxes(1, 2) @ Z


# Taught in momentum-fast.
def update_matrices(gradients, mom):
    identity = np.eye(gradients.shape[1], dtype=gradients.dtype)
    identity = np.broadcast_to(identity, gradients.shape)
    return np.block([[identity - gradients, -mom * identity], [gradients, mom * identity]])


# Taught in momentum-fast.
class Products(gluon.HybridBlock):
    # multiply by one matrix after the other
    def __init__(self):
        super().__init__()
        self.hybridize()

    def hybrid_forward(self, F, matrices, state):
        def multiply(matrix, state):
            state = F.dot(matrix, state)
            return state, state

        states, _ = F.contrib.foreach(multiply, matrices, state)
        return F.concat(F.expand_dims(state, axis=0), states, dim=0)


# Taught in momentum-fast.
def train_least_squares(products, params, X, y, batch_size, lrs, mom):
    gradients = gradient_matrices(X, y, batch_size, lrs)
    matrices = nd.array(update_matrices(gradients, mom), dtype=X.dtype)
    weights = [param.asnumpy().ravel() for param in params]
    state = np.concatenate([*weights, [1], np.zeros(gradients.shape[1])])
    states = products(matrices, nd.array(state.reshape((-1, 1)), dtype=X.dtype))
    return nd.slice_axis(states, axis=1, begin=0, end=gradients.shape[1] - 1)


# Taught in momentum-fast.
class AllUpdates(gluon.HybridBlock):
    # as Products, but all at once; updates is their number, which a graph does not see
    def __init__(self, updates):
        super().__init__()
        self.updates = updates
        self.hybridize()

    def hybrid_forward(self, F, matrices, state):
        distance = 1
        while distance < self.updates:
            first = F.slice_axis(matrices, axis=0, begin=0, end=distance)
            later = F.slice_axis(matrices, axis=0, begin=distance, end=None)
            earlier = F.slice_axis(matrices, axis=0, begin=0, end=-distance)
            matrices = F.concat(first, F.batch_dot(later, earlier), dim=0)
            distance *= 2
        return F.concat(F.expand_dims(state, axis=0), F.dot(matrices, state), dim=0)


# Taught in momentum-fast.
def quadratic_losses(X, y, weights):
    # the mean loss of each column of weights, bias last: (..., d + 1, n) to (..., n)
    A, labels = with_ones(X).astype("float64"), y.asnumpy().ravel()
    best = np.linalg.lstsq(A, labels, rcond=None)[0]
    smallest = ((A @ best - labels) ** 2).mean() / 2
    H = (A.T @ A / len(A)).astype(weights.dtype)
    distance = weights.asnumpy() - best[:, None].astype(weights.dtype)
    # the inner product of each column; runs that diverge may overflow
    with np.errstate(over="ignore", invalid="ignore"):
        return np.einsum("...in,...in->...n", distance, H @ distance) / 2 + smallest


# Taught in momentum-fast.
class Columns(gluon.HybridBlock):
    # many runs at once, a column each; give the weights before each update, without the 1
    def __init__(self):
        super().__init__()
        self.hybridize()

    def hybrid_forward(self, F, gradients, lr, mom, W, M):
        def update(G, state):
            W, M = state
            weights = F.slice_axis(W, axis=0, begin=0, end=-1)
            M = F.linalg_gemm(G, W, mom * M)
            return weights, [W - lr * M, M]

        weights, _ = F.contrib.foreach(update, gradients, [W, M])
        return weights


# Taught in momentum-fast.
def train_columns(columns, params, X, y, batch_size, lr_row, factors, mom_row):
    gradients = gradient_matrices(X, y, batch_size, factors)
    gradients = np.concatenate([gradients, np.zeros_like(gradients[:1])])
    one = nd.ones((1, 1), dtype=X.dtype)
    weights = nd.concat(*(param.reshape((-1, 1)) for param in params), one, dim=0)
    shape = len(weights), mom_row.size
    W, lr, mom = (nd.broadcast_to(array, shape) for array in (weights, lr_row, mom_row))
    return columns(nd.array(gradients, dtype=X.dtype), lr, mom, W, nd.zeros_like(W))


# Taught in momentum-adam.
def adagrad(params, states, lr, eps, batch_size):
    for param, s in zip(params, states):
        g = param.grad / batch_size
        s[:] = s + g**2
        param[:] = param - lr * g / (s + eps).sqrt()


# Taught in momentum-adam.
def rmsprop(params, states, lr, beta, eps, batch_size):
    for param, s in zip(params, states):
        g = param.grad / batch_size
        s[:] = beta * s + (1 - beta) * g**2
        param[:] = param - lr * g / (s + eps).sqrt()


# Taught in momentum-adam.
def adam(params, states, lr, beta1, beta2, eps, t, batch_size):
    for param, (m, s) in zip(params, states):
        g = param.grad / batch_size
        m[:] = beta1 * m + (1 - beta1) * g
        s[:] = beta2 * s + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        s_hat = s / (1 - beta2**t)
        param[:] = param - lr * m_hat / (s_hat.sqrt() + eps)


# Taught in momentum-adam.
def adamw(params, states, lr, beta1, beta2, eps, t, batch_size, weight_decay):
    for param in params:
        param[:] = (1 - lr * weight_decay) * param
    adam(params, states, lr, beta1, beta2, eps, t, batch_size)


# Taught in momentum-today.
def lion(params, states, lr, beta1, beta2, batch_size, weight_decay):
    for param, m in zip(params, states):
        g = param.grad / batch_size
        c = beta1 * m + (1 - beta1) * g
        param[:] = param - lr * (nd.sign(c) + weight_decay * param)
        m[:] = beta2 * m + (1 - beta2) * g


# Taught in momentum-today.
def newton_schulz(B, steps=5):
    a, b, c = 3.4445, -4.7750, 2.0315
    X = B / (B.norm() + 1e-7)
    tall = X.shape[0] > X.shape[1]
    # transposed if it is tall, so that A is the smaller of the two possible
    X = X.T if tall else X
    for _ in range(steps):
        A = nd.dot(X, X.T)
        X = a * X + nd.dot(b * A + c * nd.dot(A, A), X)
    return X.T if tall else X


# Taught in momentum-today.
def muon(params, vs, lr, mom, batch_size):
    for param, v in zip(params, vs):
        v[:] = mom * v + param.grad / batch_size
        param[:] = param - lr * newton_schulz(v)


# Taught in momentum-today.
def schedule_free(params, states, lr, beta, c, batch_size):
    # params hold y, states hold (z, x); the result of training is x
    for y, (z, x) in zip(params, states):
        z[:] = z - lr / batch_size * y.grad
        x[:] = (1 - c) * x + c * z
        y[:] = (1 - beta) * z + beta * x
