"""`momentum-distributed`: what it claims, its hints, and its asynchronous workers for real.

The jobs themselves, and what happens when their processes die, are tested in test_cluster.py.
"""

import heapq
import random
import re

import numpy as np
import pytest
from common import ROOT, numbers, outputs, read
from mxnet import nd

from course import checks, cluster

PRINTED = outputs("momentum-distributed")


def test_workers_end_where_one_process_does():
    rows = re.findall(r"learning rates \[(.+)\], (\d) workers, .*: (\w+)\n", PRINTED["run"])
    assert rows == [("0.2, 0.2, 0.2", "2", "True"), ("0.2, 0.2, 0.02", "4", "True")]
    assert PRINTED["digits"].endswith("2 workers, same as one process: True\n")


def test_on_the_server_only_another_optimizer_makes_a_difference():
    assert re.findall(r": (\w+)\n", PRINTED["server"]) == ["True", "False", "True"]


def test_the_measured_bytes_are_the_formulas():
    assert numbers(r"([\d.]+) times the formula", PRINTED["bytes"]) == [1]


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


@pytest.mark.cluster
def test_of_several_asynchronous_workers_each_is_stale_by_the_others_at_most(names):
    """What holds on any machine; how close the mean comes to W - 1 depends on how busy it is."""
    workers, runs, updates = 2, 5, 40
    results = cluster.run(names["train_async"], 0.3, runs, updates, 0.002, workers=workers)
    stale, _ = names["staleness_and_path"](results, runs, updates)
    assert len(stale) == runs * updates
    # While a gradient is computed, another worker may push many; but when one is pushed, each
    # other worker has at most one under way, which it makes stale.
    assert 0 <= stale.mean() <= workers - 1
    for run in range(runs):  # whoever pushes first has pulled before anybody had pushed
        assert 1 in {value for events in results for r, *_, value in events if r == run}


@pytest.mark.cluster
def test_a_single_asynchronous_worker_is_gradient_descent(names):
    results = cluster.run(names["train_async"], 0.3, 1, 10, 0.001, workers=1)
    stale, path = names["staleness_and_path"](results, 1, 10)
    assert not stale.any()
    np.testing.assert_allclose(path, 0.7 ** np.arange(10), rtol=1e-5)
    np.testing.assert_allclose(names["momentum_path"](1, 0.3, 10), path, rtol=1e-5)


def simulate(workers, lr, runs, updates, seed=0):
    """Give what `train_async` gives on an ideal machine: communication takes no time."""
    clock, results = random.Random(seed), [[] for _ in range(workers)]
    for run in range(runs):
        x = 1
        held = [(0, x)] * workers  # when each worker has pulled, and what
        left = [updates // workers] * workers
        ends = sorted((clock.expovariate(1), rank) for rank in range(workers))
        while ends:
            pushed, rank = heapq.heappop(ends)
            pulled, value = held[rank]
            x -= lr * value
            results[rank].append((run, pulled, pushed, value))
            left[rank] -= 1
            if left[rank]:
                held[rank] = np.nextafter(pushed, np.inf), x
                heapq.heappush(ends, (pushed + clock.expovariate(1), rank))
    return results


def test_staleness_makes_asynchronous_workers_overshoot(names):
    """As the text reads the figure; and the curve with momentum is the mean of ideal runs."""
    workers, lr, runs, updates = 4, 0.3, 200, 40
    stale, path = names["staleness_and_path"](simulate(workers, lr, runs, updates), runs, updates)
    assert len(stale) == runs * updates
    curve = names["momentum_path"](workers, lr, updates)
    assert min(path) < -0.05  # gradient descent, which multiplies by 0.7, stays above 0
    assert min(curve) < -0.05
    np.testing.assert_allclose(path, curve, atol=0.03)
    few = stale.mean()
    assert 0.8 * (workers - 1) < few < workers - 1  # somewhat below
    stale, _ = names["staleness_and_path"](simulate(workers, lr, 10, 2000), 10, 2000)
    assert few < stale.mean() < workers - 1  # “with more updates in a run it comes closer”
    assert stale.mean() == pytest.approx(workers - 1, rel=0.05)
    for k in range(5):
        assert (stale == k).mean() == pytest.approx((1 - 1 / workers) ** k / workers, abs=0.02)


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
