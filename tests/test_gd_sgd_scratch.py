"""What `gd-sgd-scratch` says of its runs, against the outputs that it stores (nbval re-runs them)."""

import math
import re

import numpy as np
import pytest
from common import ROOT, numbers, outputs, read
from mxnet import autograd, nd

from course import checks
from course.checks.gd_sgd_scratch import LIMIT

PRINTED = outputs("gd-sgd-scratch")
FLOOR = 0.01**2 / 2
(BEST,) = numbers("best parameters +(.*)", PRINTED["floor"])


@pytest.fixture(scope="module")
def train():
    """Give the chapter's `optimize`, made to return the epochs and the losses that it would draw."""
    names, drawn = {"plt": None}, []
    for cell in read(ROOT / "notebooks/en/gd-sgd-scratch.ipynb").cells:
        if cell.id in ("gradient", "sgd", "data", "floor", "optimize"):
            exec(re.sub("^%.*", "", cell.source, flags=re.MULTILINE), names)
    names["draw"] = lambda *curve: drawn.append(curve)

    def run(**options):
        names["optimize"](**options)
        epochs, losses = drawn.pop()
        return np.array(epochs), np.array([loss.asscalar() for loss in losses])

    run.X, run.y = names["X"], names["y"]
    return run


def losses(cell_id):
    return [float(loss) for loss in re.findall("loss (.*)", PRINTED[cell_id])]


def test_descent_multiplies_x_by_one_minus_two_eta():
    path = [float(x) for x in PRINTED["descend"].split(",")]
    assert path == pytest.approx([10 * 0.6**k for k in range(7)], abs=1e-3)


def test_beyond_the_limit_x_grows_to_nan():
    *growing, last = (float(x) for x in re.findall("x = (.*)", PRINTED["nan"]))
    assert growing == sorted(growing)
    assert math.isnan(last)


def test_the_steepest_direction_is_against_the_gradient():
    steepest, against = re.findall(r"(\d+) degrees", PRINTED["steepest"])
    assert steepest == against
    assert PRINTED["gradient"] == "gradient: [-1.0, -8.0]\n"


def test_backward_overwrites_the_old_gradient_and_what_is_not_recorded_has_none():
    x = nd.array([3.0])
    x.attach_grad()
    for _ in range(2):
        with autograd.record():
            value = x * x
        value.backward()
    assert x.grad.asscalar() == 6
    with pytest.raises(Exception, match="is not in a computational graph"):
        (x * x).backward()
    assert (x - 1).grad is None


def test_every_batch_size_has_the_same_mean_and_the_spread_is_the_predicted():
    found = re.findall("mean (.*), spread (.*), predicted (.*)", PRINTED["unbiased"])
    means, spreads, predicted = zip(*(map(float, row) for row in found))
    assert len(set(means)) == 1
    assert spreads == pytest.approx(predicted, rel=0.1)
    assert spreads[-1] == predicted[-1] == 0


def test_the_floor_of_these_labels_is_a_little_lower_for_two_reasons():
    floor, true, best = numbers(r"(\S+e-05)", PRINTED["floor"])
    assert floor == FLOOR
    assert best < true < floor
    # Chance: of the mean of 1000 squares, two standard deviations are 9%.
    assert true == pytest.approx(floor, rel=2 * math.sqrt(2 / 1000))
    # The fit alone, by 3 of 1000 on average, would not do.
    assert (floor - true) / floor > 0.05
    assert 0 < (true - best) / true < 0.015


@pytest.mark.parametrize("cell_id", ["run-1", "run-10", "run-1000"])
def test_the_good_runs_end_near_the_noise_floor(cell_id):
    assert losses(cell_id)[-1] == pytest.approx(FLOOR, rel=0.2)


def test_full_batches_lower_the_loss_at_every_update():
    assert losses("run-1000") == sorted(losses("run-1000"), reverse=True)


def test_the_decay_calms_the_jitter_and_larger_batches_jitter_less(train):
    jitter = {}
    for batch_size in (1, 10):
        epochs, losses = train(batch_size=batch_size, lr=0.2, num_epochs=3, log_interval=10)
        for epoch in (1, 2, 3):
            settled = (epochs > epoch - 0.5) & (epochs <= epoch)
            jitter[batch_size, epoch] = np.median(losses[settled]) - BEST
    for batch_size in (1, 10):
        assert jitter[batch_size, 3] < jitter[batch_size, 2] / 5
    for epoch in (1, 2):
        assert 5 < jitter[1, epoch] / jitter[10, epoch] < 25


def test_the_losses_that_the_text_names():
    assert losses("run-1") == [6.02e-5, 4.67e-5]
    assert losses("run-10")[1:] == [4.67e-5, 4.66e-5]
    assert BEST == losses("run-1000")[-1] == 4.66e-5


def test_a_learning_rate_of_0999_diverges_with_single_examples_and_jitters_with_ten(train):
    options = {"lr": 0.999, "num_epochs": 1, "decay": 1}
    _, alone = train(batch_size=1, log_interval=1000, **options)
    assert math.isnan(alone[-1])
    epochs, ten = train(batch_size=10, log_interval=10, **options)
    assert ten[epochs > 0.5].max() < 10 * FLOOR
    assert np.median(ten[epochs > 0.5]) - BEST > 1e-5


def test_a_single_examples_loss_curves_more_than_the_mean(train):
    curvatures = (train.X**2).sum(axis=1).asnumpy() + 1
    assert curvatures.mean() == pytest.approx(3, abs=0.1)
    assert 14 < curvatures.max() < 15
    assert (curvatures > 2 / 0.999).mean() == pytest.approx(0.6, abs=0.02)
    extended = np.column_stack([train.X.asnumpy(), np.ones(len(train.X))])
    eigenvalues = np.linalg.eigvalsh(extended.T @ extended / len(extended))
    assert eigenvalues == pytest.approx([1, 1, 1], abs=0.05)


def test_too_large_a_learning_rate_diverges_and_too_small_a_one_is_slow():
    assert math.isnan(losses("run-large")[-1])
    assert losses("run-small")[-1] > 1e4 * FLOOR


def test_the_limit_on_the_web_page_is_that_of_the_chapters_data(train):
    """The page has no X: there the question is declared with the limit of the chapter's own."""
    for step, kind in (
        (-1e-4, "right"),
        (1e-4, "wrong"),
        (-0.1 + 1e-4, "right"),
        (-0.1 - 1e-4, "wrong"),
    ):
        here = checks.largest_learning_rate.judge(LIMIT + step, train.X)
        assert here == checks.largest_learning_rate.declared.find(LIMIT + step)
        assert here.kind == kind
