"""What `gd-sgd-scratch` says of its runs, against the outputs that it stores (nbval re-runs them)."""

import math
import re

import pytest
from common import outputs

PRINTED = outputs("gd-sgd-scratch")
FLOOR = 0.01**2 / 2


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


def test_every_batch_size_has_the_same_mean_and_larger_ones_less_spread():
    means, spreads = zip(*re.findall("mean (.*), spread (.*)", PRINTED["unbiased"]))
    assert len(set(means)) == 1
    assert sorted(map(float, spreads), reverse=True) == [float(spread) for spread in spreads]
    assert float(spreads[-1]) == 0
    # Roughly as one over the root of the batch size.
    assert float(spreads[0]) / float(spreads[1]) == pytest.approx(10**0.5, rel=0.3)
    assert float(spreads[1]) / float(spreads[2]) == pytest.approx(10**0.5, rel=0.3)


@pytest.mark.parametrize("cell_id", ["run-1", "run-10", "run-1000"])
def test_the_good_runs_end_near_the_noise_floor(cell_id):
    assert losses(cell_id)[-1] == pytest.approx(FLOOR, rel=0.2)


def test_full_batches_lower_the_loss_at_every_update():
    assert losses("run-1000") == sorted(losses("run-1000"), reverse=True)


def test_the_decay_calms_the_jitter_of_batch_size_one():
    before, _, after = losses("run-1")
    assert after < before


def test_too_large_a_learning_rate_diverges_and_too_small_a_one_is_slow():
    assert math.isnan(losses("run-large")[-1])
    assert losses("run-small")[-1] > 1e4 * FLOOR
