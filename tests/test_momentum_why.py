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

    assert worst_rate(1, 0) > 0.9  # where it starts
    for eta in (2.2, 2.4, 2.7):  # a target that a pointer can hit
        assert worst_rate(eta, 0.45) < 0.7
    for eta in np.arange(0.05, 4, 0.05):
        assert worst_rate(eta, 0) > 0.9
        assert worst_rate(eta, 0.9) > 0.9


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
