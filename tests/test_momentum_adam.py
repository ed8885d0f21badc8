"""`momentum-adam`: its rules against the published ones in float64, its prose, its questions."""

import numpy as np
import pytest
from common import numbers, outputs
from mxnet import nd

from course import chapters, checks, contest

PRINTED = outputs("momentum-adam")
TABLE = contest.stored(contest.STORED)


@pytest.mark.parametrize("decay", [0, 0.3])
def test_adam_and_adamw_are_those_of_the_papers(decay):
    """Kingma, Ba 2015, algorithm 1; Loshchilov, Hutter 2019, algorithm 2, its λ times η."""
    rng = np.random.default_rng(1)
    theta, m, s = rng.normal(size=(3, 4)), 0, 0
    x = nd.array(theta, dtype="float64")
    x.attach_grad()
    states = [(nd.zeros_like(x), nd.zeros_like(x))]
    for t in range(1, 21):
        g = rng.normal(size=(3, 4))
        x.grad[:] = nd.array(5 * g, dtype="float64")
        chapters.adamw([x], states, 0.1, 0.9, 0.99, 1e-3, t, 5, decay)
        m, s = 0.9 * m + 0.1 * g, 0.99 * s + 0.01 * g**2
        m_hat, s_hat = m / (1 - 0.9**t), s / (1 - 0.99**t)
        theta = theta - 0.1 * (m_hat / (np.sqrt(s_hat) + 1e-3) + decay * theta)
        np.testing.assert_allclose(x.asnumpy(), theta, rtol=1e-9)


def test_the_bias_is_corrected():
    assert numbers(r"corrected ([\d.]+)", PRINTED["bias"]) == [5] * 4
    assert numbers(r"m = ([\d.]+)", PRINTED["bias"])[0] == 0.5


def test_with_a_constant_gradient_every_step_is_eta():
    assert PRINTED["constant"].count("[ 1. -1.  1.]") == 3


def test_only_decoupled_decay_is_the_same_for_all_coordinates():
    expected = numbers(r"= ([\d.]+)\n", PRINTED["decay"])[0]
    inside = numbers(r"gradient leaves ([\d.]+)", PRINTED["decay"])
    outside = numbers(r"decoupled ([\d.]+)", PRINTED["decay"])
    assert inside[1] > 0.98
    assert outside == pytest.approx([expected] * 2, abs=0.02)


def test_equal_to_mxnet_with_its_epsilon():
    assert PRINTED["library"].count("equal True") == 3
    assert "as in the paper: equal False" in PRINTED["library"]
    assert "32 times" in PRINTED["library"]
    assert PRINTED["contrib"] == "AdamW: equal True\n"


def test_rescaling_helps_along_the_axes_only():
    axes, turned, far_axes, far_turned = (
        numbers(r" (\d+);", line) for line in PRINTED["quadratic"].strip().splitlines()
    )
    assert "edge" not in PRINTED["quadratic"]
    assert axes[:2] == turned[:2]
    assert far_axes[:2] == far_turned[:2]
    assert axes[2:] == far_axes[2:]
    assert far_turned[2] / turned[2] == pytest.approx(5, rel=0.1)
    assert far_turned[3] / turned[3] == pytest.approx(3, rel=0.1)
    assert far_axes[1] / axes[1] < 10**0.5


@pytest.mark.parametrize(("kappa", "seeming", "count"), [(100, 83, 205), (1000, 169, 614)])
def test_how_soon_adam_stays_depends_on_how_long_one_watches(kappa, seeming, count):
    """Rotated; above the line are f of each learning rate of the grid, after each update."""
    R = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    H = R @ np.diag([1, 1 / kappa]) @ R.T
    grid = np.geomspace(0.001, 3, 40)
    x, m, s, above = np.repeat((R @ np.ones(2))[:, None], 40, axis=1), 0, 0, []
    for t in range(1, 5601):
        g = H @ x
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
        x = x - grid * m / (1 - 0.9**t) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
        above.append((x * (H @ x)).sum(axis=0) >= 1e-4 * (1 + 1 / kappa))

    def needed(watched):
        return watched - np.argmax(above[:watched][::-1], axis=0) + 1

    above = np.array(above)
    short, long = needed(1500), needed(5000)
    assert (short.min(), long.min()) == (seeming, count)
    assert above[1500:5000, short.argmin()].any()
    assert above[5000:, long.argmin()].any()


@pytest.mark.parametrize("mom", [0, 0.9])
def test_rotation_changes_nothing_for_momentum(mom):
    R = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    H = np.diag([1, 0.1, 0.01])
    x, v = np.ones(3), 0
    y, u = R @ x, 0
    for _ in range(100):
        v, u = mom * v + 0.5 * H @ x, mom * u + 0.5 * R @ H @ R.T @ y
        x, y = x - v, y - u
    np.testing.assert_allclose(y, R @ x, atol=1e-12)


def test_adams_steps_are_a_fixed_share_of_eta():
    assert numbers(r"step ([\d.]+) eta", PRINTED["noise"]) == [0.18] * 3


def test_the_table_is_that_of_the_grids_and_its_best_lie_inside():
    for rows in TABLE.values():
        assert list(rows) == list(contest.METHODS)
        for name, row in rows.items():
            grid = contest.METHODS[name].grid
            assert row["grid"] == {key: list(values) for key, values in grid.items()}
            assert contest.inside(row)
            assert np.shape(row["losses"])[-1] == 5


def test_the_conclusion_is_what_the_table_says():
    short, long = (
        {name: np.mean(row["losses"], axis=-1).min() for name, row in TABLE[epochs].items()}
        for epochs in (5, 10)
    )
    assert short["Adam"] < 0.9 * short["momentum"]
    assert short["momentum"] == pytest.approx(short["RMSProp"], rel=0.03)
    assert min(short["SGD"], short["AdaGrad"]) > 1.2 * short["RMSProp"]
    assert min(long, key=long.get) == "RMSProp"
    assert long["Adam"] == pytest.approx(long["momentum"], rel=0.05)
    for losses in (short, long):
        assert losses["AdamW"] == pytest.approx(losses["Adam"], rel=0.01)
    for rows in TABLE.values():
        row = rows["AdamW"]
        at_best = np.mean(row["losses"], axis=-1)[row["grid"]["lr"].index(0.02)]
        assert list(at_best[-3:]) == sorted(at_best[-3:])
        assert at_best[-3] > 1.05 * at_best.min()


@pytest.mark.parametrize("name", ["Adam", "RMSProp"])
def test_the_stored_losses_come_out_again(name):
    row = TABLE[5][name]
    point = contest.best(row)
    net = contest.trained(contest.METHODS[name], point, 5, contest.TUNING_SEEDS[0])
    stored = row["losses"][row["grid"]["lr"].index(point["lr"])][0]
    assert contest.evaluate(net, "validation")[0] == pytest.approx(stored, rel=1e-2)


@pytest.mark.deep
@pytest.mark.parametrize("epochs", [5, 10])
def test_the_whole_table_comes_out_again(epochs):
    for name, method in contest.METHODS.items():
        mean = contest.tuned(method, epochs).mean(axis=-1)
        stored = np.mean(TABLE[epochs][name]["losses"], axis=-1)
        assert mean.min() == pytest.approx(stored.min(), rel=0.02)


def test_the_questions_tell_each_mistake():
    first = {10: "gradient's size", 0.2: "gradient's size", 0.001: "first moment uncorrected"}
    first |= {0.0316: "both uncorrected", 0.316: "second moment uncorrected", 1: "without η"}
    share = {0.349: "what is missing", 1.54: "the correction", 0.613: "t from 0", 1: "corrected"}
    share |= {0.686: "one too many", 0.00996: "β₂", 6.51: "a sum"}
    for check, hints in ((checks.adam_first_step, first), (checks.uncorrected_moment, share)):
        for answer, hint in hints.items():
            assert check.judge(answer).hint == hint
    assert checks.adam_first_step.judge(0.01).kind == "right"
    assert checks.uncorrected_moment.judge(1 - 0.9**10).kind == "right"
