"""`momentum-noise`: what it claims against what it computed, and the hints of its checks."""

import math
from itertools import pairwise

import numpy as np
import pytest
from common import ROOT, numbers, outputs, read

from course import checks
from course.checks.momentum_noise import _stationary_variance

PRINTED = outputs("momentum-noise")


def test_the_four_numbers_are_as_the_formulas_say_and_differ():
    assert PRINTED["four"].count("as the formulas say: True") == 3
    assert "gamma = 0.9: sum 10, mean age 9, size by variance 19, share 0.65;" in PRINTED["four"]


def test_the_simulated_variance_is_the_predicted_one():
    predicted, simulated = (
        numbers("predicted ([\\d.]+)", PRINTED["three"]),
        numbers(r"simulated ([\d.]+)", PRINTED["three"]),
    )
    assert simulated == pytest.approx(predicted, rel=0.1)
    assert predicted == [0.05, 0.053, 0.005]
    assert numbers(r"(\d+)%", PRINTED["effective"])[0] <= 10


def test_the_decaying_rate_ends_below_both_others():
    large, small, decaying = numbers(r"after 400 (\S+)", PRINTED["decay"])
    assert decaying < large / 5
    assert large < small


def test_after_the_decay_the_old_velocity_carries_on():
    """The variance 20 updates after η falls from 0.05 to 0.001, from the recursion itself."""
    mom, lrs = 0.9, [0.05] * 500 + [0.001] * 20
    # The second moments of (v, x): E v², E vx, E x², each update exactly.
    vv = vx = xx = 0.0
    before = None
    for t, lr in enumerate(lrs):
        if t == 500:
            before = xx
        new_vv = mom**2 * vv + 2 * mom * lr * vx + lr**2 * (xx + 1)
        new_vx_old = mom * vx + lr * xx  # E of the new velocity times the old x
        vv, vx, xx = new_vv, new_vx_old - new_vv, xx - 2 * new_vx_old + new_vv
    assert before == pytest.approx(_stationary_variance(0.05, mom, 1, 1), rel=1e-6)
    assert xx > 2 * before


def test_near_the_edge_of_gradient_descent_momentum_jitters_less():
    assert _stationary_variance(0.19, 0.9, 1, 1) < _stationary_variance(1.9, 0, 1, 1) / 5


def defined(*cell_ids):
    """Give what cells of the chapter define, run without its output."""
    space = {"np": np, "print": lambda *args, **kwargs: None}
    for cell in read(ROOT / "notebooks/en/momentum-noise.ipynb").cells:
        if cell.id in cell_ids:
            exec(cell.source, space)
    return space


def test_the_exact_expectations_are_those_of_simulated_runs():
    expected_squares = defined("speed")["expected_squares"]
    draw = np.random.default_rng(1)
    for lr, mom, curvature in ((0.3, 0.5, 1), (0.5, 0.9, 0.2), (1.5, 0, 1)):
        x, v = np.full(20000, 2.0), np.zeros(20000)
        for exact in expected_squares(lr, mom, curvature, 0.5, 2, updates=60):
            v = mom * v + lr * (curvature * x + draw.normal(scale=0.5**0.5, size=x.size))
            x = x - v
            assert (x**2).mean() == pytest.approx(exact, rel=0.06)
        *_, last = expected_squares(lr, mom, curvature, 0.5, 2, updates=2000)
        assert last == pytest.approx(_stationary_variance(lr, mom, curvature, 0.5), rel=1e-9)


def test_the_smaller_the_learning_rate_the_more_momentum_is_plain_sgd_in_speed():
    momentum = numbers(r"gamma = 0\.9: (\d+)", PRINTED["speed"])
    plain = numbers(r"gamma = 0: (\d+)", PRINTED["speed"])
    apart = [abs(a / b - 1) for a, b in zip(momentum, plain)]
    assert apart[0] > 0.5 > 0.1 > apart[1] > 5 * apart[2]
    assert len(apart) == 3


def test_the_mean_of_the_iterates_has_the_variance_predicted_with_momentum_or_without():
    with_momentum, without = numbers(r"one iterate ([\d.]+)", PRINTED["averaging"])
    assert with_momentum == pytest.approx(10 * without, rel=0.1)
    for mean in numbers(r"of the mean of 300 ([\d.]+)", PRINTED["averaging"]):
        assert mean == pytest.approx(1 / 300, rel=0.2)


def test_momentum_gains_with_the_batch_size_and_the_grid_holds_the_best_inside():
    gain = defined("speed", "gain")
    size, needed = gain["sizes"], gain["needed"]
    assert size.tolist() == numbers(r"size +(\d+)", PRINTED["gain"])
    ratios = numbers(r"ratio ([\d.]+)", PRINTED["gain"])
    assert ratios == sorted(ratios)
    assert ratios[0] < 1.2
    assert ratios[-1] > 3
    for one in needed:
        plain = one[0].argmin()
        mom, lr = np.unravel_index(one.argmin(), one.shape)
        assert one.min() <= one[0].min() < 2000
        assert 0 < plain < one.shape[1] - 1
        assert 0 < lr < one.shape[1] - 1
        assert 0 < mom < one.shape[0] - 1
        # Where it gains much, its effective learning rate is one that SGD hardly bears, or not.
        if one[0].min() > 2 * one.min():
            assert gain["grid_lrs"][lr] / (1 - gain["grid_moms"][mom]) > 1.5
    # A batch four times as large: a quarter of the updates up to 32 and 128, then no longer.
    for best, last in ((gain["plain"], 1), (gain["best"], 2)):
        steps = [a / b for a, b in pairwise(best)]
        assert all(step > 3.4 for step in steps[:last])
        assert steps[last] < 2.6


def test_the_floor_is_the_label_noise():
    assert numbers(r"solution: (\S+)", PRINTED["floor"])[0] == pytest.approx(0.01**2 / 2, rel=0.1)


def test_the_excess_goes_as_one_over_the_batch_size_and_grows_tenfold_with_momentum():
    momentum = numbers(r"momentum (\S+) \(", PRINTED["excess"])
    plain = numbers(r"without momentum (\S+)", PRINTED["excess"])
    predicted = numbers(r"predicted ([\d.e-]+)", PRINTED["excess"])
    assert momentum == pytest.approx(predicted, rel=0.2)
    assert [a / b for a, b in pairwise(momentum)] == pytest.approx([4, 4], rel=0.25)
    assert [a / b for a, b in zip(momentum, plain)] == pytest.approx([10] * 3, rel=0.2)


def needed(lr, mom, curvature, variance, target):
    return _stationary_variance(lr, mom, curvature, variance) / target


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda *a: needed(*a), "not rounded"),
        (lambda *a: int(needed(*a)), "rounded down"),
        (lambda *a: round(needed(*a)), "rounded"),
        (lambda *a: int(needed(*a)) + 1, "one more"),
        (lambda lr, mom, *a: math.ceil(needed(lr, 0, *a)), "without momentum"),
        (lambda *a: math.ceil(needed(*a) ** 0.5), "root"),
        (lambda *a: math.ceil(needed(*a) ** 2), "square"),
        (lambda *a: 7, "otherwise"),
    ],
)
def test_smallest_batch_names_the_mistake(function, hint):
    found = checks.smallest_batch.judge(function)
    assert (found.kind, found.hint) == ("wrong", hint)


def test_smallest_batch_right():
    assert checks.smallest_batch(lambda *a: math.ceil(needed(*a))) is True


@pytest.mark.parametrize("answer", [0.48, 0.51, 0.54])
def test_doubled_variance_right(answer):
    assert checks.doubled_variance(answer) is True
