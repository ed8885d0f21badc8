"""`momentum-fast`: that its fast paths end where the chapter's loop ends, and what it claims."""

import json
import re
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from common import ROOT, numbers, outputs, read
from mxnet import autograd, nd

import utils
from course import checks, measuring
from course.chapters import (
    AllUpdates,
    Columns,
    Epoch,
    Products,
    gradient_matrices,
    in_minibatches,
    quadratic_losses,
    sgd_momentum,
    squared_gradient,
    train_columns,
    train_compiled,
    train_least_squares,
    update_matrices,
    with_ones,
)
from course.measuring import count_operators

PRINTED = outputs("momentum-fast")
SIZES = [
    # examples, features, batch size; the last minibatch short, whole, alone
    (47, 2, 10),
    (40, 2, 10),
    (7, 3, 10),
    (30, 1, 1),
    (60, 8, 7),
]
LRS, MOM = [0.1, 0.1, 0.01], 0.8
every_size = pytest.mark.parametrize(("examples", "features", "batch_size"), SIZES)


def made(examples, features, dtype="float64"):
    mx.random.seed(5)
    X = nd.random.normal(shape=(examples, features), dtype=dtype)
    y = nd.dot(X, nd.arange(1, features + 1, dtype=dtype)) + 3
    start = [nd.random.normal(shape=(features, 1), dtype=dtype), nd.zeros((1,), dtype=dtype)]
    return X, y + 0.1 * nd.random.normal(shape=y.shape, dtype=dtype), start


def chapters_loop(start, X, y, batch_size, loss=utils.squared_loss, lr_factor=1, mom=MOM):
    """Give the weights, bias last, before the first and after every update, as the chapter does."""
    w, b = params = [param.copy() for param in start]
    for param in params:
        param.attach_grad()
    vs = [nd.zeros_like(param) for param in params]
    history = [nd.concat(w.reshape((-1,)), b, dim=0).asnumpy()]
    mx.random.seed(9)
    for lr in LRS:
        for features, labels in utils.data_iter(batch_size, len(X), X, y):
            with autograd.record():
                losses = loss(utils.linreg(features, w, b), labels)
            losses.backward()
            sgd_momentum(params, vs, lr_factor * lr, mom, len(labels))
            history.append(nd.concat(w.reshape((-1,)), b, dim=0).asnumpy())
    return np.array(history)


def compiled(gradient, start, X, y, batch_size):
    mx.random.seed(9)
    ws, bs = train_compiled(Epoch(gradient), start, X, y, batch_size, LRS, MOM)
    return np.column_stack([ws.asnumpy()[:, :, 0], bs.asnumpy()])


@every_size
def test_the_compiled_epoch_takes_the_chapters_path(examples, features, batch_size):
    X, y, start = made(examples, features)
    path = compiled(squared_gradient, start, X, y, batch_size)
    np.testing.assert_allclose(path, chapters_loop(start, X, y, batch_size), rtol=1e-10)


@every_size
def test_a_matrix_an_update_takes_the_chapters_path(examples, features, batch_size):
    X, y, start = made(examples, features)
    products = Products()
    mx.random.seed(9)
    path = train_least_squares(products, start, X, y, batch_size, LRS, MOM).asnumpy()[:, :, 0]
    np.testing.assert_allclose(path, chapters_loop(start, X, y, batch_size), rtol=1e-9, atol=1e-12)


@every_size
def test_all_updates_at_once_take_the_chapters_path(examples, features, batch_size):
    X, y, start = made(examples, features)
    updates = len(LRS) * -(-examples // batch_size)
    mx.random.seed(9)
    products = AllUpdates(updates)
    path = train_least_squares(products, start, X, y, batch_size, LRS, MOM).asnumpy()[:, :, 0]
    np.testing.assert_allclose(path, chapters_loop(start, X, y, batch_size), rtol=1e-9, atol=1e-12)


@every_size
def test_every_column_takes_the_chapters_path(examples, features, batch_size):
    X, y, start = made(examples, features)
    factors, moms = [1, 0.5, 0.1], [0.8, 0.3, 0]
    rows = (nd.array([row], dtype=X.dtype) for row in (factors, moms))
    mx.random.seed(9)
    paths = train_columns(Columns(), start, X, y, batch_size, next(rows), LRS, next(rows)).asnumpy()
    for column, (factor, mom) in enumerate(zip(factors, moms)):
        expected = chapters_loop(start, X, y, batch_size, lr_factor=factor, mom=mom)
        np.testing.assert_allclose(paths[:, :, column], expected, rtol=1e-9, atol=1e-12)


def test_in_float32_too_where_the_sliders_use_it():
    X, y, start = made(1000, 2, dtype="float32")
    path = compiled(squared_gradient, start, X, y, 10)
    np.testing.assert_allclose(path, chapters_loop(start, X, y, 10), rtol=1e-4, atol=1e-5)


def test_the_compiled_epoch_takes_any_differentiable_loss():
    """One with a gradient of its own, and parameters that are no column."""

    def log_cosh(yhat, y):
        return nd.log(nd.cosh(yhat - y.reshape(yhat.shape)))

    def gradient(F, features, labels, w, b):
        slope = F.tanh(F.broadcast_add(F.dot(features, w), b) - labels)
        return [F.dot(features, slope, transpose_a=True), F.sum(slope, axis=0)]

    X, y, start = made(47, 3)
    expected = chapters_loop(start, X, y, 10, loss=log_cosh)
    np.testing.assert_allclose(compiled(gradient, start, X, y, 10), expected, rtol=1e-10)


def test_other_hyperparameters_need_no_new_graph():
    X, y, start = made(40, 2)
    epoch = Epoch(squared_gradient)
    train_compiled(epoch, start, X, y, 10, [0.1], 0.5)
    graph = epoch._cached_op
    train_compiled(epoch, start, X, y, 10, [0.2, 0.05], 0.9)
    assert epoch._cached_op is graph


def test_the_losses_of_all_weights_come_out_as_the_mean_squared_loss():
    X, y, _ = made(50, 3)
    weights = nd.random.normal(shape=(4, 4, 6), dtype="float64")
    losses = quadratic_losses(X, y, weights)
    assert losses.shape == (4, 6)
    for place in np.ndindex(4, 6):
        *w, b = weights.asnumpy()[place[0], :, place[1]]
        expected = ((X.asnumpy() @ w + b - y.asnumpy()) ** 2).mean() / 2
        assert losses[place] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("length", "shapes"),
    [(20, [(2, 10, 3)]), (23, [(2, 10, 3), (1, 3, 3)]), (4, [(1, 4, 3)]), (10, [(1, 10, 3)])],
)
def test_an_array_is_split_into_whole_minibatches_and_the_rest(length, shapes):
    array = nd.arange(length * 3).reshape((length, 3))
    pieces = in_minibatches(array, 10)
    assert [piece.shape for piece in pieces] == shapes
    joined = np.concatenate([piece.asnumpy().reshape(-1, 3) for piece in pieces])
    np.testing.assert_array_equal(joined, array.asnumpy())


# What the text says


def counts(cell_id):
    ((calls, operators),) = re.findall(
        r"(\d+) calls from Python, (\d+) operators", PRINTED[cell_id]
    )
    return int(calls), int(operators)


def test_each_step_saves_operators_or_calls():
    names = ("measure", "chapter", "fused", "compiled", "least-squares", "all-updates")
    steps = [counts(name) for name in names]
    calls, operators = zip(*steps)
    assert 9_000 < operators[0] < 10_000  # “almost ten thousand”
    assert operators[0] / 300 > 30
    assert operators[0] > operators[1] > operators[2] >= operators[3] > 3 * operators[4]
    assert operators[4] > 4 * operators[5]
    assert calls[0] > calls[1] > calls[2] > 20 * calls[3]
    assert calls[2] // 300 == 10
    assert calls[3] < 30


def test_a_run_for_each_column_would_take_over_two_hundred_times_the_multiplications():
    X, y, _ = made(1000, 2)
    gradients = gradient_matrices(X, y, 10, [0.2, 0.2, 0.02])
    updates, size, _ = gradients.shape
    _, double, _ = update_matrices(gradients, 0.9).shape
    rounds = [2**k for k in range(updates.bit_length())]
    assert len(rounds) == 9
    products = sum(updates - distance for distance in rounds)
    assert 200 < products * double**3 / (updates * size**2) < 250


def test_expanded_the_quadratic_form_is_wrong_by_a_few_per_cent():
    """In single precision, on the chapter's kind of data, near the noise floor."""
    mx.random.seed(1)
    X = nd.random.normal(shape=(1000, 2))
    y = nd.dot(X, nd.array([2, -3.4])) + 4.2 + nd.random.normal(scale=0.01, shape=1000)
    w = np.float32([[2], [-3.4], [4.2]]) + 1e-3 * nd.random.normal(shape=(3, 50)).asnumpy()
    A, labels = with_ones(X), y.asnumpy()
    exact = ((A.astype("float64") @ w - labels[:, None]) ** 2).mean(axis=0) / 2
    H, c, constant = A.T @ A / len(A), A.T @ labels / len(A), (labels**2).mean() / 2
    expanded = (w * (H @ w)).sum(axis=0) / 2 - c @ w + constant
    assert expanded.dtype == "float32" and 14 < constant < 18
    assert np.median(exact) == pytest.approx(5e-5, rel=0.1)
    assert 0.01 < np.median(abs(expanded / exact - 1)) < 0.1
    np.testing.assert_allclose(quadratic_losses(X, y, nd.array(w)), exact, rtol=1e-3)


def test_every_way_ends_at_the_same_loss():
    losses = [
        numbers(r"the last (\S+)", PRINTED[name])[0]
        for name in ("measure", "chapter", "fused", "compiled", "least-squares", "all-updates")
    ]
    assert losses == pytest.approx([losses[1]] * 6, rel=0.05)
    assert len(set(losses[1:])) == 1
    assert PRINTED["same"].count("True") == 4
    assert PRINTED["gradient"] == "True\nTrue\n"


def test_a_column_of_the_grid_is_a_run():
    assert PRINTED["grid-proof"].endswith(": True\n")
    assert PRINTED["grid"].startswith("4096 runs, 301 losses each\n")


def test_what_a_loss_and_an_update_cost():
    X, y, (w, b) = made(10, 2)
    assert count_operators(lambda: utils.squared_loss(utils.linreg(X, w, b), y).mean())[1] == 6
    w.attach_grad()
    assert count_operators(lambda: sgd_momentum([w], [nd.zeros_like(w)], 0.1, 0.9, 10))[1] == 4 + 1


CHAPTER, NAIVE = "(a) the chapter's optimize", "(b) written naively"
TORCH, NUMPY, JAX = "(d) PyTorch eager", "(n) NumPy by hand", "(j) JAX, compiled"
EPOCH, MATRIX, AT_ONCE = (
    "(c1) compiled epoch",
    "(c2) a matrix an update",
    "(c3) all updates at once",
)
MANY = "(e) one of 4,096 settings at once"


def milliseconds():
    """Give the time of each version as the text does: by ratios, from that of the first version.

    The machine's speed changes while it is measured, so only what was timed in turn compares.
    """
    stored = json.loads((ROOT / "benchmarks/results.json").read_text())
    rows = {(row["name"], row["rival"]): row for row in stored}
    found = {NAIVE: 1000 * rows[CHAPTER, NAIVE]["rival_median_s"]}
    found[CHAPTER] = found[NAIVE] * rows[CHAPTER, NAIVE]["ratio"]
    for rival in (TORCH, NUMPY):
        found[rival] = found[CHAPTER] / rows[CHAPTER, rival]["ratio"]
    for name in ("fused update", EPOCH, MATRIX):
        found[name] = found[TORCH] * rows[name, TORCH]["ratio"]
    found[AT_ONCE] = found[NUMPY] * rows[AT_ONCE, NUMPY]["ratio"]
    for rival in (JAX, "(j) JAX: compiling it"):
        found[rival] = found[AT_ONCE] / rows[AT_ONCE, rival]["ratio"]
    found[MANY] = found[TORCH] * rows[MANY, "(d) one of 64 settings in turn"]["ratio"]
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_times_in_the_text_are_those_of_the_benchmarks(language):
    cells = read(ROOT / f"notebooks/{language}/momentum-fast.ipynb").cells
    text, summary = (
        next(cell.source for cell in cells if cell.id == name) for name in ("measured", "summary")
    )
    found = milliseconds()
    versions = (NAIVE, CHAPTER, "fused update", EPOCH, MATRIX, AT_ONCE, MANY)
    times = [found[name] for name in versions]
    rows = re.findall(r"^\| .+ \| ([\d.]+) \S+ \| ([\d,.]+) \|$", text, re.MULTILINE)
    assert [float(time) for time, _ in rows] == [float(f"{time:.3g}") for time in times]
    factors = [float(factor.replace(",", "")) for _, factor in rows]
    assert factors == [float(f"{times[0] / time:.2g}") for time in times]
    told = text.split("|\n\n")[1]
    for rival in (TORCH, NUMPY, JAX):
        assert f" {found[rival]:.2g} " in told
    assert re.search(rf" {found['(j) JAX: compiling it'] / 1000:.1f} (sec|秒)", told)
    assert 2 < found[NUMPY] / times[5] < 3  # “more than twice”
    for cell_id, time in (("chapter", times[1]), ("compiled", times[3])):
        assert re.search(rf" {1000 * time / counts(cell_id)[1]:.0f}\b", told)
    assert re.search("about two hundred times|两百倍左右", summary)
    assert 150 < factors[5] < 300
    assert 7 < 1000 * times[6] < 13  # “about ten microseconds”


# The counter


def test_a_slice_and_waiting_are_no_operators():
    x = nd.ones((10, 2))
    assert count_operators(lambda: x[2:5].asnumpy()) == (0, 0)
    assert count_operators(lambda: nd.dot(x, x.T) + 1) == (3, 3)


def test_counting_ends_when_the_code_fails_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError):
        count_operators(lambda: 1 / 0)
    assert count_operators(lambda: None) == (0, 0)
    assert not list(tmp_path.iterdir())


def test_counting_operators_deletes_no_file(monkeypatch):
    """MXNet's profiler begins by deleting the file that it is given, were it /dev/null."""
    given = []
    original = measuring.profiler.set_config

    def noting(**settings):
        given.append((Path(settings["filename"]).parent.exists(), settings["continuous_dump"]))
        original(**settings)

    monkeypatch.setattr(measuring.profiler, "set_config", noting)
    count_operators(lambda: None)
    assert given == [(False, False)]  # in no folder that exists, so that nothing can be left there


# The hints


def gradient_of(slope, bias=lambda F, s: F.sum(s, axis=0)):
    def gradient(F, features, labels, w, b):
        s = slope(F, F.broadcast_add(F.dot(features, w), b) - labels)
        return [F.dot(features, s, transpose_a=True), bias(F, s)]

    return gradient


def with_plus(F, features, labels, w, b):
    s = F.tanh(F.dot(features, w) + b - labels)
    return [F.dot(features, s, transpose_a=True), F.sum(s, axis=0)]


def with_nd(F, features, labels, w, b):
    s = nd.tanh(nd.dot(features, w) + b - labels)
    return [nd.dot(features.T, s), s.sum(axis=0)]


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (gradient_of(lambda F, e: e), "squared loss"),
        (gradient_of(lambda F, e: -F.tanh(e)), "sign"),
        (gradient_of(lambda F, e: F.log(F.cosh(e))), "loss"),
        (gradient_of(lambda F, e: F.tanh(2 * e)), "otherwise"),
        (
            lambda F, X, y, w, b: [
                one / len(y) for one in gradient_of(lambda F, e: F.tanh(e))(F, X, y, w, b)
            ],
            "mean",
        ),
        (with_nd, "compiled"),
        (with_plus, "compiled"),
    ],
)
def test_log_cosh_gradient_names_the_mistake(function, hint):
    found = checks.log_cosh_gradient.judge(function)
    assert (found.kind, found.hint) == ("wrong", hint)


def test_log_cosh_gradient_says_which_shape_it_wants():
    gradient = gradient_of(lambda F, e: F.tanh(e), bias=lambda F, s: s)
    found = checks.log_cosh_gradient.judge(gradient)
    assert "the gradient of b should have the shape of b, (1,); yours has (6, 1)" in found.en


def test_log_cosh_gradient_accepts_a_tuple():
    def gradient(*args):
        return tuple(gradient_of(lambda F, e: F.tanh(e))(*args))

    assert checks.log_cosh_gradient(gradient) is True
