import re

import matplotlib as mpl
import mxnet as mx
import numpy as np
import pytest
from common import ROOT
from hypothesis import given
from hypothesis import strategies as st
from mxnet import nd

import utils

X = nd.arange(20).reshape((10, 2))
Y = nd.arange(10)


def test_linreg_is_the_matrix_product_plus_the_bias():
    rng = np.random.default_rng(0)
    X, w, b = rng.normal(size=(5, 3)), rng.normal(size=(3, 1)), rng.normal(size=1)
    yhat = utils.linreg(nd.array(X), nd.array(w), nd.array(b))
    np.testing.assert_allclose(yhat.asnumpy(), X @ w + b, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 3)])
def test_squared_loss_takes_the_labels_in_the_shape_of_the_predictions(shape):
    loss = utils.squared_loss(nd.array([[1], [2], [3]]), nd.array([1, 4, 0]).reshape(shape))
    np.testing.assert_array_equal(loss.asnumpy(), [[0], [2], [4.5]])


def test_squared_loss_refuses_labels_that_are_not_one_a_prediction():
    with pytest.raises(ValueError, match=r"y must hold one label.*\(3, 1\).*\(4,\)"):
        utils.squared_loss(nd.ones((3, 1)), nd.ones(4))


def test_the_gradient_of_the_summed_squared_loss_is_the_error():
    yhat = nd.array([[1], [5]])
    yhat.attach_grad()
    with mx.autograd.record():
        loss = utils.squared_loss(yhat, nd.array([2, 2]))
    loss.backward()
    np.testing.assert_array_equal(yhat.grad.asnumpy(), [[-1], [3]])


def test_set_fig_size():
    with mpl.rc_context():
        utils.set_fig_size(mpl)
        assert mpl.rcParams["figure.figsize"] == [3.5, 2.5]
        utils.set_fig_size(mpl, (5, 3))
        assert mpl.rcParams["figure.figsize"] == [5, 3]
        with pytest.raises(ValueError, match="figsize"):
            utils.set_fig_size(mpl, (5,))


sizes = st.integers(1, 40)


@given(data=st.data(), length=sizes, batch_size=sizes, width=st.integers(1, 3))
def test_an_epoch_holds_each_of_the_first_examples_once(data, length, batch_size, width):
    num_examples = data.draw(st.integers(1, length))
    X = nd.arange(length * width).reshape((length, width))
    y = nd.arange(length)
    batches = list(utils.data_iter(batch_size, num_examples, X, y))
    full, rest = divmod(num_examples, batch_size)
    assert [len(labels) for _, labels in batches] == [batch_size] * full + [rest] * (rest > 0)
    labels = np.concatenate([labels.asnumpy() for _, labels in batches])
    features = np.concatenate([features.asnumpy() for features, _ in batches])
    assert sorted(labels) == list(range(num_examples))
    np.testing.assert_array_equal(features, X.asnumpy()[labels.astype(int)])


def epoch(seed=None):
    if seed is not None:
        mx.random.seed(seed)
    return [label for _, labels in utils.data_iter(3, 10, X, Y) for label in labels.asnumpy()]


def test_every_epoch_is_shuffled_anew():
    assert len({tuple(epoch()) for _ in range(10)}) > 1


def test_mxnets_seed_alone_makes_it_repeatable():
    runs = set()
    for numpy_seed in range(5):
        np.random.seed(numpy_seed)
        runs.add(tuple(epoch(seed=3)))
    assert len(runs) == 1


def test_numpys_generator_is_left_alone():
    np.random.seed(3)
    expected = np.random.random(3)
    np.random.seed(3)
    epoch()
    np.testing.assert_array_equal(np.random.random(3), expected)


def test_the_order_is_the_same_on_every_platform():
    """MXNet's own shuffle differs from about a thousand rows on: two hundred times as many here."""
    mx.random.seed(3)
    y = nd.arange(200_000, dtype="int32")
    ((_, order),) = utils.data_iter(len(y), len(y), y, y)
    mx.random.seed(3)
    np.testing.assert_array_equal(order.asnumpy(), utils.random_order(len(y)))
    order = order.asnumpy()
    assert order[:5].tolist() == [120199, 81618, 11945, 19027, 110984]
    mx.random.seed(3)
    seed = int(nd.random.uniform().asscalar() * 2**24)
    np.testing.assert_array_equal(order, np.random.RandomState(seed).permutation(len(y)))


def test_nothing_that_a_learner_runs_leaves_an_order_to_mxnet():
    """Its shuffle and its integers differ from platform to platform."""
    paths = [*ROOT.glob("notebooks/src/*.md"), *ROOT.glob("course/**/*.py"), ROOT / "utils.py"]
    used = re.compile(r"(nd|mx)\.random\.(shuffle|randint|multinomial)")
    assert [path.name for path in paths if used.search(path.read_text())] == []


def test_other_shapes_and_types_pass_through():
    X = nd.zeros((4, 2, 3), dtype="float64")
    y = nd.zeros((4, 1), dtype="int32")
    ((features, labels),) = utils.data_iter(np.int64(9), np.int32(4), X, y)
    assert (features.shape, labels.shape) == (X.shape, y.shape)
    assert (features.dtype, labels.dtype) == (X.dtype, y.dtype)


def test_one_gather_an_epoch(monkeypatch):
    calls = []
    take = nd.NDArray.take
    monkeypatch.setattr(
        nd.NDArray, "take", lambda self, *rest, **more: calls.append(1) or take(self, *rest, **more)
    )
    list(utils.data_iter(1, 10, X, Y))
    assert len(calls) == 2  # features and labels


@pytest.mark.deep  # three seconds of arithmetic
def test_right_above_2_to_the_24_examples():
    """As float32, the indices there would be rounded to even numbers, and odd examples left out."""
    num_examples = 2**24 + 5
    y = nd.arange(num_examples, dtype="int32")
    ((_, labels),) = utils.data_iter(num_examples, num_examples, y.astype("int8"), y)
    seen = np.zeros(num_examples, dtype=bool)
    seen[labels.asnumpy()] = True
    assert seen.all()


@pytest.mark.parametrize("count", [0, -1, -(10**30)])
@pytest.mark.parametrize("name", ["batch_size", "num_examples"])
def test_a_count_below_one_is_refused_by_name_and_value(name, count):
    counts = {"batch_size": 3, "num_examples": 10, name: count}
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got {count}"):
        utils.data_iter(**counts, X=X, y=Y)
    with pytest.raises(ValueError, match=f"num_examples must be at least 1, got {count}"):
        utils.random_order(count)


@pytest.mark.parametrize("count", [1.5, 3.0, float("nan"), True, None, "{3}", [3], nd.ones(1)])
@pytest.mark.parametrize("name", ["batch_size", "num_examples"])
def test_a_count_that_is_no_integer_is_refused_by_name_and_value(name, count):
    counts = {"batch_size": 3, "num_examples": 10, name: count}
    with pytest.raises(TypeError) as error:
        utils.data_iter(**counts, X=X, y=Y)
    assert str(error.value) == f"{name} must be a positive integer, got {count!r}"
    with pytest.raises(TypeError, match="num_examples must be a positive integer"):
        utils.random_order(count)


@pytest.mark.parametrize("num_examples", [11, 10**30])
def test_more_examples_than_data_are_refused(num_examples):
    message = rf"num_examples must be at most len\(X\) = 10, got {num_examples}"
    with pytest.raises(ValueError, match=message):
        utils.data_iter(3, num_examples, X, Y)


@pytest.mark.parametrize("length", [1, 9, 11])
def test_features_and_labels_of_different_length_are_refused(length):
    with pytest.raises(ValueError, match=f"X and y must have the same length, got 10 and {length}"):
        utils.data_iter(3, 5, X, nd.zeros(length))


@pytest.mark.parametrize("name", ["X", "y"])
def test_data_that_are_no_ndarray_are_refused(name):
    data = {"X": X, "y": Y, name: [1.5] * 10}
    with pytest.raises(TypeError, match=rf"{name} must be an NDArray, got list: \[1.5, 1.5"):
        utils.data_iter(3, 10, **data)
