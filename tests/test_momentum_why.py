"""`momentum-why`: what it claims against what it computed, and the hints of its checks."""

import re

import numpy as np
import pytest
from common import numbers, outputs

from course import checks

PRINTED = outputs("momentum-why")


def test_momentum_falls_apart_in_the_eigenbasis():
    assert "the same point: True" in PRINTED["eigenbasis"]


def test_the_formula_gives_the_spectral_radius():
    for formula, radius in re.findall(r"formula ([\d.]+), eigenvalues ([\d.]+)", PRINTED["rate"]):
        assert formula == radius


def test_the_predicted_rates_are_those_measured():
    count, deviation = re.search(r"(\d+) pairs, .* ([\d.]+)%", PRINTED["measured"]).groups()
    assert int(count) == 32
    assert float(deviation) <= 2


def test_it_converges_up_to_the_stability_edge():
    errors = numbers(r"updates (\S+)", PRINTED["beyond"])
    assert [error < 1 for error in errors] == [False, True, True, False]


def test_critical_damping_is_fastest():
    over, critical, under = numbers(r"rate ([\d.]+)", PRINTED["phase"])
    assert critical < min(over, under)
    over, critical, under = numbers(r"updates (\S+)", PRINTED["phase"])
    assert critical < 1e-3 * min(over, under)


def test_the_best_pair_is_polyaks():
    assert PRINTED["best"].splitlines()[:2] == [
        "plain: eta 0.476, rate 0.905",
        "momentum: eta 0.668, gamma 0.403, rate 0.635",
    ]
    assert numbers(r"eta ([\d.]+)", PRINTED["best"])[2] == pytest.approx(0.668, abs=0.01)
    assert numbers(r"gamma ([\d.]+)", PRINTED["best"])[1] == pytest.approx(0.403, abs=0.01)
    assert numbers(r"rate ([\d.]+)", PRINTED["best"])[2] == pytest.approx(0.635, abs=0.01)


def test_the_goal_on_the_playground_takes_the_right_momentum():
    def worst_rate(eta, gamma):
        matrices = ([[gamma, eta * x], [-gamma, 1 - eta * x]] for x in (1 / 20, 1))
        return max(abs(np.linalg.eigvals(matrix)).max() for matrix in matrices)

    assert worst_rate(1, 0.8) > 0.89  # where it starts
    for eta in (2.2, 2.4, 2.7):  # a target that a pointer can hit
        assert worst_rate(eta, 0.45) < 0.7
    for eta in np.arange(0.05, 4, 0.05):
        assert worst_rate(eta, 0) > 0.9
        assert worst_rate(eta, 0.9) > 0.9


def test_the_playground_opens_on_two_different_runs_and_its_answer_holds():
    """In the solutions' edition: at γ = 0.8 both directions are equally slow; at Polyak's, fast."""
    assert rate(1, 0.8) == pytest.approx(rate(1 / 20, 0.8)) == pytest.approx(0.894, abs=1e-3)
    eta, gamma = (2 / (1 + 20**-0.5)) ** 2, 0.403
    assert eta == pytest.approx(2.67, abs=5e-3)
    assert rate(eta, gamma) == pytest.approx(rate(eta / 20, gamma), abs=0.02)
    assert rate(eta, gamma) == pytest.approx(0.635, abs=1e-3)
    # The steep part of the loss in the third panel: 8 at the start, 24 after two updates, then falling.
    z, v, parts = -2, 0, []
    for _ in range(8):
        v = gamma * v + 0.668 * 4 * z
        z = z - v
        parts.append(2 * z**2)
    assert 8 < parts[0] < parts[1] == max(parts) == pytest.approx(24, abs=0.5)


def test_the_rates_give_the_updates_and_most_of_the_gain_needs_no_larger_learning_rate():
    lines = re.findall(r"  (.+): predicted (\d+), counted (\d+)", PRINTED["updates"])
    counts = {20: lines[:3], 100: lines[3:6], 1000: lines[6:]}
    for kappa, rows in counts.items():
        (_, plain, counted), (_, best, of_best), (_, same, of_same) = [
            (name, int(predicted), int(number)) for name, predicted, number in rows
        ]
        assert plain == pytest.approx(kappa / 2 * np.log(1e6), rel=0.01)
        assert best == pytest.approx(kappa**0.5 / 2 * np.log(1e6), rel=0.03)
        assert abs(counted - plain) <= 1
        assert 1.3 < of_best / best < 1.5
        assert 1.15 < of_same / same < 1.3
        # of the updates that momentum at its best saves, the same η saves nearly all
        assert counted - of_same > 0.9 * (counted - of_best)


def test_near_a_minimum_that_is_not_quadratic_the_rate_holds():
    measured, quadratic = numbers(r"(0\.\d+)", PRINTED["near"])
    assert measured == pytest.approx(quadratic, abs=0.005)


def test_overdamped_steps_build_up():
    """The larger root is about 1 − h/(1−γ) for small h."""
    for mom in (0.3, 0.5, 0.9):
        h = 0.02 * (1 - mom) ** 2
        assert 1 - rate(h, mom) == pytest.approx(h / (1 - mom), rel=0.05)


def rate(h, mom):
    return abs(np.linalg.eigvals([[mom, h], [-mom, 1 - h]])).max()


def test_nesterov_lies_between_gradient_descent_and_the_heavy_ball_at_its_best():
    plain, nesterov, ball = numbers(r"updates (\S+)", PRINTED["nesterov"])
    assert 100 * ball < nesterov < plain / 10
    rate = numbers(r"rate of Nesterov: (\S+)", PRINTED["nesterov"])[0]
    h, mom = 1 / 20, (20**0.5 - 1) / (20**0.5 + 1)  # the flat direction; the steep one has h = 1
    assert abs(np.linalg.eigvals(ahead(h, mom))).max() == pytest.approx(rate, abs=1e-3)


def test_the_heavy_ball_cycles_and_nesterov_does_not():
    ball = numbers(r"-?\d\.\d{4}", PRINTED["cycle"])
    assert ball[:3] == ball[3:]
    assert set(ball) == {2.1159, 0.6465, -1.8024}
    assert abs(numbers(r"last: (\S+)", PRINTED["cycle"])[0]) < 1e-12


def ahead(h, mom):
    return np.array([[mom * (1 - h), h], [-mom * (1 - h), 1 - h]])


def test_the_checks_own_matrix_is_nesterovs():
    """By its definition: the gradient at z − γv, then z minus the new velocity."""
    h, mom = 0.3, 0.8
    for v, z in ((1, 0), (0, 1)):
        new = mom * v + h * (z - mom * v)
        np.testing.assert_allclose(ahead(h, mom) @ [v, z], [new, z - new])
    assert checks.nesterov_matrix(ahead) is True
