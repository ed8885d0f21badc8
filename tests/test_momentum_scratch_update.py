"""The chapter's `sgd_momentum` against other people's, on the chapter's own problem."""

import mxnet as mx
import numpy as np
import pytest
import rivals
from mxnet import autograd, gluon, nd

import utils
from course.chapters import sgd_momentum

LR, MOM, BATCH_SIZE, UPDATES = 0.05, 0.9, 10, 60
CONSTANT = [LR] * UPDATES
DECAYING = [LR * 0.1 ** (t // 20) for t in range(UPDATES)]


@pytest.fixture
def problem():
    """Features, labels and initial weights; the t-th minibatch is rows 10t to 10t + 9."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(BATCH_SIZE * UPDATES, 2))
    y = X @ [2, -3.4] + 4.2 + rng.normal(0, 0.01, size=len(X))
    return X, y, rng.normal(size=(2, 1)), np.zeros(1)


def batches(X, y):
    X, y = nd.array(X), nd.array(y)
    for start in range(0, len(X), BATCH_SIZE):
        yield X[start : start + BATCH_SIZE], y[start : start + BATCH_SIZE]


def trained(problem, update):
    """Train as the chapter does; `update(t, params)` is one update with the gradients set."""
    X, y, w, b = problem
    params = [nd.array(w), nd.array(b)]
    for param in params:
        param.attach_grad()
    path = []
    for t, (features, labels) in enumerate(batches(X, y)):
        with autograd.record():
            loss = utils.squared_loss(utils.linreg(features, *params), labels)
        loss.backward()
        update(t, params)
        path.append(np.concatenate([param.asnumpy().ravel() for param in params]))
    return np.array(path)


def ours(problem, lrs):
    vs = [nd.zeros((2, 1)), nd.zeros(1)]
    return trained(problem, lambda t, params: sgd_momentum(params, vs, lrs[t], MOM, BATCH_SIZE))


@pytest.mark.parametrize("lrs", [CONSTANT, DECAYING], ids=["constant", "decaying"])
def test_numpy_in_float64(problem, lrs):
    X, y, w, b = problem
    w, b, vw, vb = w.ravel(), b, 0, 0
    path = []
    for t, lr in enumerate(lrs):
        rows = slice(BATCH_SIZE * t, BATCH_SIZE * (t + 1))
        error = X[rows] @ w + b - y[rows]
        vw = MOM * vw + lr * X[rows].T @ error / BATCH_SIZE
        vb = MOM * vb + lr * error.mean()
        w, b = w - vw, b - vb
        path.append([*w, *b])
    np.testing.assert_allclose(ours(problem, lrs), path, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("lrs", [CONSTANT, DECAYING], ids=["constant", "decaying"])
def test_mxnets_optimizer(problem, lrs):
    optimizer = mx.optimizer.SGD(momentum=MOM, rescale_grad=1 / BATCH_SIZE)
    states = [optimizer.create_state(0, nd.zeros((2, 1))), optimizer.create_state(1, nd.zeros(1))]

    def update(t, params):
        optimizer.set_learning_rate(lrs[t])
        for i, param in enumerate(params):
            optimizer.update(i, param, param.grad, states[i])

    np.testing.assert_allclose(ours(problem, lrs), trained(problem, update), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("lrs", [CONSTANT, DECAYING], ids=["constant", "decaying"])
def test_gluons_trainer(problem, lrs):
    X, y, w, b = problem
    net = gluon.nn.Dense(1, in_units=2)
    net.initialize()
    net.weight.set_data(nd.array(w.T))
    net.bias.set_data(nd.array(b))
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": LR, "momentum": MOM})
    loss_of = gluon.loss.L2Loss()
    path = []
    for lr, (features, labels) in zip(lrs, batches(X, y)):
        trainer.set_learning_rate(lr)
        with autograd.record():
            loss = loss_of(net(features), labels)
        loss.backward()
        trainer.step(BATCH_SIZE)
        path.append([*net.weight.data().asnumpy().ravel(), *net.bias.data().asnumpy()])
    np.testing.assert_allclose(ours(problem, lrs), path, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rival", ["torch", "optax"])
@pytest.mark.parametrize("case", ["sgd", "sgd, decay"])
def test_pytorch_and_optax_while_the_learning_rate_is_constant(rival, case):
    """Both have η outside the velocity, which makes no difference while η is constant."""
    _, settings = rivals.CASES[rival][case]
    param, v = (nd.array(one, dtype="float64") for one in (rivals.START, 0 * rivals.START))
    param.attach_grad()
    path = []
    for t, lr in enumerate(rivals.learning_rates(settings["lr"])):
        gradient = rivals.gradient(param.asnumpy(), t)
        param.grad[:] = nd.array(gradient * BATCH_SIZE, dtype="float64")
        sgd_momentum([param], [v], lr, MOM, BATCH_SIZE)
        path.append(param.asnumpy())
    theirs, half = rivals.stored(rival, case), rivals.UPDATES // 2
    np.testing.assert_allclose(path[:half], theirs[:half], rtol=1e-12, atol=1e-12)
    assert np.allclose(path[half:], theirs[half:], rtol=1e-12, atol=1e-12) == (case == "sgd")


@pytest.mark.parametrize("mom", [0, 0.5, 0.9, 0.99])
def test_a_constant_gradient_leads_to_the_velocity_of_the_geometric_series(mom):
    param, v = nd.zeros(3), nd.zeros(3)
    param.attach_grad()
    param.grad[:] = nd.array([1, -2, 3])
    for _ in range(2000):
        sgd_momentum([param], [v], 0.1, mom, 1)
    np.testing.assert_allclose(v.asnumpy(), 0.1 * np.array([1, -2, 3]) / (1 - mom), rtol=1e-4)


def test_parameters_and_velocities_are_updated_in_place():
    param, v = nd.ones(2), nd.ones(2)
    param.attach_grad()
    views = param[0:2], v[0:2]
    assert sgd_momentum([param], [v], 0.1, 0.5, 1) is None
    assert [view.asnumpy().tolist() for view in views] == [[0.5, 0.5], [0.5, 0.5]]
