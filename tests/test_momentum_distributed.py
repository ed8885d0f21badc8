"""`momentum-distributed`: what it claims, its hints, and its asynchronous workers for real.

The jobs themselves, and what happens when their processes die, are tested in test_cluster.py.
"""

import re

import numpy as np
import pytest
from common import ROOT, numbers, outputs, read
from mxnet import nd

from course import checks, cluster

PRINTED = outputs("momentum-distributed")


def test_workers_end_where_one_process_does():
    rows = re.findall(r"learning rates \[(.+)\], (\d) workers, .*: (\w+)\n", PRINTED["run"])
    assert {(rates, workers) for rates, workers, _ in rows} == {
        *(("0.2, 0.2, 0.02", workers) for workers in "124"),
        ("0.2, 0.2, 0.2", "2"),
    }
    assert all(same == "True" for *_, same in rows)
    assert PRINTED["digits"].endswith("2 workers, same as one process: True\n")


def test_on_the_server_only_another_optimizer_makes_a_difference():
    assert re.findall(r": (\w+)\n", PRINTED["server"]) == ["True", "False", "True"]


def test_the_measured_bytes_are_the_formulas():
    assert numbers(r"([\d.]+) times the formula", PRINTED["bytes"]) == [1, 1]


def test_what_the_text_says_of_the_cost():
    small, large, many = numbers(r"at most ([\d.]+) times", PRINTED["cost"])
    assert numbers(r"W = (\d+)", PRINTED["cost"]) == [16, 1, 4096]
    assert small > 5
    assert large < 1  # “slower than one process from the start”
    assert many == pytest.approx(1.25e9 / (8 * 10**8), abs=0.1)  # TR/(8P)


@pytest.fixture(scope="module")
def names():
    """Give what the cells on asynchronous training define."""
    cells = {
        cell.id: cell.source
        for cell in read(ROOT / "notebooks/en/momentum-distributed.ipynb").cells
    }
    found = {"__name__": "__main__"}  # so that its functions are sent to the workers
    imports = [line for line in cells["one"].splitlines() if line.startswith(("import", "from"))]
    exec("\n".join(imports) + "\n" + cells["async"], found)
    exec(cells["async-run"].split("\n\n\n")[0], found)
    return found


def test_staleness_makes_asynchronous_workers_overshoot(names):
    """Each gradient counts in the staleness of those under way: W - 1 on average, at any speed."""
    workers, runs, updates = 4, 20, 40
    results = cluster.run(names["train_async"], 0.3, runs, updates, 0.002, workers=workers)
    stale, path = names["staleness_and_path"](results, runs, updates)
    assert len(stale) == runs * updates
    assert workers / 3 < stale.mean() < 1.2 * (workers - 1)  # less, as none is stale at the start
    assert np.nanmin(path) < -0.05  # gradient descent, which multiplies by 0.7, stays above 0
    assert min(names["momentum_path"](workers, 0.3, updates)) < -0.05


def test_a_single_asynchronous_worker_is_gradient_descent(names):
    results = cluster.run(names["train_async"], 0.3, 1, 10, 0.001, workers=1)
    stale, path = names["staleness_and_path"](results, 1, 10)
    assert not stale.any()
    np.testing.assert_allclose(path, 0.7 ** np.arange(10), rtol=1e-5)
    np.testing.assert_allclose(names["momentum_path"](1, 0.3, 10), path, rtol=1e-5)


def test_the_curve_with_momentum_is_the_mean_of_the_ideal_asynchronous_run(names):
    """Simulated: equal workers, memoryless times, no time for communication."""
    workers, lr, updates, runs = 4, 0.3, 12, 20_000
    rng = np.random.default_rng(0)
    paths = np.ones((runs, updates))
    held = np.ones((runs, workers))  # the parameter that each worker has pulled
    for t in range(1, updates):
        pushes = rng.integers(workers, size=runs)  # who is next does not depend on the past
        paths[:, t] = paths[:, t - 1] - lr * held[np.arange(runs), pushes]
        held[np.arange(runs), pushes] = paths[:, t]
    expected = names["momentum_path"](workers, lr, updates)
    np.testing.assert_allclose(paths.mean(axis=0), expected, atol=0.02)


def test_the_expected_update_is_momentums():
    """With geometric staleness and a linear gradient, as the text derives."""
    workers, lr = 4, 0.1
    share = 1 / workers
    x = [1.0] * 400  # long at rest, so that the sum over staleness is whole
    for _ in range(60):
        stale = sum(share * (1 - share) ** k * x[-1 - k] for k in range(390))
        x.append(x[-1] - lr * stale)
    for t in range(402, 459):
        expected = (1 - share) * (x[t] - x[t - 1]) - lr * share * x[t]
        assert x[t + 1] - x[t] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda grads: [sum(one) / len(one) for one in zip(*grads)], "mean"),
        (lambda grads: grads[0], "first"),
        (lambda grads: grads[-1], "last"),
    ],
)
def test_combine_names_the_mistake(function, hint):
    assert checks.combine.judge(function).hint == hint


def test_combine_says_which_arrays_it_wants():
    found = checks.combine.judge(lambda grads: [sum(worker[-1]) for worker in grads])
    assert "with 3 workers and 2 parameters, your list holds 3 arrays" in found.en
    found = checks.combine.judge(
        lambda grads: [nd.add_n(*(one[i] for one in grads)) for i in (0, 1)]
    )
    assert found.en.startswith("for len(grads_of_workers) = 4, len(grads_of_workers[0]) = 1, your")
    found = checks.combine.judge(lambda grads: [grads[0][1], grads[0][0]])
    assert "should have the shape (2, 1), yours has (1,)" in found.en


def test_combine_accepts_nd_add_n():
    assert checks.combine(lambda grads: [nd.add_n(*one) for one in zip(*grads)]) is True
