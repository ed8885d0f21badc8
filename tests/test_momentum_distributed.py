"""`momentum-distributed`: what it claims, its hints, and its asynchronous workers for real.

The jobs themselves, and what happens when their processes die, are tested in test_cluster.py; what
one does that waits for pushes that never come, in test_cluster_failures.py.
"""

import inspect
import re
import time
from contextlib import suppress

import mxnet as mx
import numpy as np
import pytest
from common import ROOT, numbers, outputs, read
from mxnet import nd

from course import checks, cluster

PRINTED = outputs("momentum-distributed")


def test_workers_end_where_one_process_does():
    assert PRINTED["run"] == "3 workers, same as one process: True\n"
    assert PRINTED["digits"].endswith("2 workers, same as one process: True\n")


def test_on_the_server_only_another_optimizer_makes_a_difference():
    assert re.findall(r": (\w+)\n", PRINTED["server"]) == ["True", "False"]


def test_the_measured_bytes_are_the_formulas():
    assert numbers(r"([\d.]+) times the formula", PRINTED["bytes"]) == [1]


def test_what_the_text_says_of_the_cost():
    small, large, many = numbers(r"at most ([\d.]+) times", PRINTED["cost"])
    assert numbers(r"W = (\d+)", PRINTED["cost"]) == [16, 1, 4096]
    assert small > 5
    assert large < 1  # “slower than one process from the start”
    assert many == pytest.approx(1.25e9 / (8 * 10**8), abs=0.1)  # TR/(8P)


def test_a_ring_of_workers_moves_as_much_as_the_text_says():
    """All-reduce, step by step: who has sent how many numbers when all have the sum."""
    workers, block = 5, 3
    rng = np.random.default_rng(0)
    grads = rng.normal(size=(workers, workers, block))  # of each worker, in as many blocks
    held, sent = grads.copy(), np.zeros(workers)
    for step in range(2 * (workers - 1)):
        moving = [(k, (k - step) % workers, held[k, (k - step) % workers].copy()) for k in range(5)]
        for k, which, values in moving:
            to, sent[k] = (k + 1) % workers, sent[k] + block
            held[to, which] = values + (held[to, which] if step < workers - 1 else 0)
    np.testing.assert_allclose(held, [grads.sum(axis=0)] * workers)
    params = workers * block
    assert 4 * sent == pytest.approx([4 * params * 2 * (workers - 1) / workers] * workers)
    # As with a server on every machine: what a worker sends to the others', and its own to them
    own = 4 * params / workers
    assert 4 * sent == pytest.approx([2 * (workers - 1) * own] * workers)


def test_with_the_correction_eta_may_stand_on_either_side():
    uncorrected, corrected = numbers(r"at most ([\d.]+)", PRINTED["correction"])
    assert uncorrected == 0.59
    assert corrected == 0


@pytest.mark.parametrize("workers", [2, 4, 10])
def test_the_links_with_the_mean_age_and_the_effective_learning_rate(workers):
    gamma, lr = 1 - 1 / workers, 0.3
    assert gamma / (1 - gamma) == pytest.approx(workers - 1)
    assert (lr / workers) / (1 - gamma) == pytest.approx(lr)


@pytest.fixture(scope="module")
def names():
    """Give what the cells on asynchronous training define."""
    cells = {
        cell.id: cell.source
        for cell in read(ROOT / "notebooks/en/momentum-distributed.ipynb").cells
    }
    found = {"__name__": "__main__"}  # so that its functions are sent to the workers
    imports = [line for line in cells["one"].splitlines() if line.startswith(("import", "from"))]
    simulation = cells["simulation"].partition("\n\n\nworkers")[0]
    path = cells["simulation-figure"].partition("\n\n\npaths")[0]
    exec("\n".join([*imports, simulation, path, cells["async"]]), found)
    return found


def test_in_the_simulation_staleness_is_as_derived():
    assert numbers(r"mean staleness ([\d.]+); W - 1 = (?:\d)", PRINTED["simulation"]) == [3]
    for found, expected in re.findall(r"(0\.\d+) of .+ (0\.\d+)", PRINTED["simulation"]):
        assert float(found) == pytest.approx(float(expected), abs=0.011)


def test_the_simulation_agrees_with_momentum_as_its_figure_shows(names):
    workers, lr, updates = 4, 0.3, 40
    draw = np.random.default_rng(1).exponential
    paths = [names["simulate"](workers, lr, updates, draw)[0] for _ in range(20_000)]
    curve = np.array(names["momentum_path"](workers, lr, updates))
    np.testing.assert_allclose(np.mean(paths, axis=0), curve, atol=0.005)
    assert -0.35 < min(curve) < -0.3  # “to about -0.3”


def test_constant_times_are_a_delay_and_not_momentum(names):
    path, stale = names["simulate"](4, 0.3, 40, lambda: 1)
    assert stale == [0, 1, 2] + [3] * 37
    assert min(path) < -0.5
    assert 2.8 < np.mean(stale) < 3  # “nearly”
    assert np.abs(np.subtract(path, names["momentum_path"](4, 0.3, 40))).max() > 0.2


@pytest.mark.cluster
def test_real_workers_are_stale_by_the_others_at_most(names):
    """What holds on any machine; how close the mean comes to W - 1 depends on how busy it is."""
    workers = 2
    results = cluster.run(names["train_async"], 0.3, 1, 0.03, workers=workers)
    # Each update makes the gradients of the others staler by one, if they have one under way.
    assert 0 <= names["mean_staleness"](results) <= workers - 1
    seen = {}
    for worker in results:
        assert worker == sorted(worker, key=lambda pull: pull[0])  # the server counts up
        for updates, x in worker:
            assert seen.setdefault(updates, x) == x  # after so many updates there is one x
    assert seen[0] == 1
    assert max(seen) < sum(map(len, results))


@pytest.mark.cluster
def test_a_single_asynchronous_worker_is_gradient_descent(names):
    (pulled,) = results = cluster.run(names["train_async"], 0.3, 0.2, 0.001, workers=1)
    assert names["mean_staleness"](results) == 0
    updates, path = zip(*pulled)
    assert updates == tuple(range(len(pulled)))
    np.testing.assert_allclose(path[:40], 0.7 ** np.arange(40)[: len(path)], rtol=1e-4)
    momentum = names["momentum_path"](1, 0.3, 39)[: len(path)]
    np.testing.assert_allclose(path[:40], momentum, rtol=1e-4)


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


# What the text warns of


def leave_first():
    kv = mx.kv.create("dist_sync")
    x = nd.ones(1)
    kv.init(0, x)
    kv.pushpull(0, x, out=x)
    x.wait_to_read()
    if kv.rank == 0:
        return time.time()
    time.sleep(1)
    kv.pull(0, out=x)
    return time.time(), x.asscalar()


@pytest.mark.cluster
def test_worker_0_may_leave_first(monkeypatch):
    monkeypatch.setattr(leave_first, "__module__", "__main__")
    left, (done, pulled) = cluster.run(leave_first, workers=2)
    assert left < done
    assert pulled == 2


SENT = """
import mxnet as mx
class Sent(mx.optimizer.SGD):
    def __reduce__(self):
        return exec, ("import os, pathlib; pathlib.Path(FILE).write_text(os.environ['DMLC_ROLE'])",)
kv = mx.kv.create("dist_sync")
kv.init(0, mx.nd.ones(1))
kv.set_optimizer(Sent())
"""


@pytest.mark.cluster
def test_code_in_a_sent_optimizer_runs_on_the_server(tmp_path):
    """In the course's servers as in MXNet's own: both unpickle what they are sent."""
    script, file = tmp_path / "script.py", tmp_path / "role"
    script.write_text(SENT.replace("FILE", repr(str(file))))
    with suppress(cluster.ClusterError):  # None is no optimizer, but by then the code has run
        cluster.run(script, workers=1)
    assert file.read_text() == "server"
    assert "pickle.loads" in inspect.getsource(mx.kvstore.kvstore_server)


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
