"""Jobs that would go on without their optimizer, or wait for ever: each ends with a sentence."""

import time

import mxnet as mx
import pytest
from jobs import LIMIT, left, mark
from mxnet import nd

from course import cluster
from course.cluster import job
from course.cluster.packing import pack

pytestmark = pytest.mark.cluster

# A module beside the script or the notebook, and what sends it to a server
MODULE = """
import mxnet as mx
class Halved(mx.optimizer.SGD):
    def update_multi_precision(self, index, weight, grad, state):
        weight[0][:] = VALUE
"""
SEND = """
kv = mx.kv.create("dist_sync")
x = mx.nd.ones(1)
kv.init(0, x)
kv.set_optimizer(Halved())
kv.push(0, x)
kv.pull(0, out=x)
assert x.asscalar() == 0.5
"""


@pytest.mark.parametrize("value", [pytest.param("0.5", marks=pytest.mark.deep), "weight.missing"])
def test_a_server_uses_a_class_of_a_module_beside_the_script_and_tells_what_it_raises(
    value, tmp_path
):
    (tmp_path / "halved.py").write_text(MODULE.replace("VALUE", value))
    script = tmp_path / "script.py"
    script.write_text(f"import mxnet as mx\nfrom halved import Halved\n{SEND}")
    marked = mark()
    if value == "0.5":
        assert cluster.run(script, workers=1, limit=LIMIT) == [None]
    else:
        said = "the server 0 failed with AttributeError: 'tuple' object has no attribute 'missing'"
        with pytest.raises(cluster.ClusterError, match=said):
            cluster.run(script, workers=1, limit=LIMIT)
    assert left(marked) == []


def send():
    from halved import Halved

    kv = mx.kv.create("dist_sync")
    kv.set_optimizer(Halved())
    return Halved.__module__


@pytest.mark.deep
def test_what_the_sentence_on_a_class_of_the_notebook_advises_works(tmp_path, monkeypatch):
    class Net:
        __module__ = "__main__"

    with pytest.raises(TypeError, match=r"define it in a module, a file NAME\.py beside the note"):
        pack(Net)
    (tmp_path / "halved.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)  # where a notebook's kernel runs
    monkeypatch.setattr(send, "__module__", "__main__")
    assert cluster.run(send, workers=1, limit=LIMIT) == ["halved"]


@pytest.mark.deep
def test_a_class_of_the_script_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(MODULE + SEND)
    said = (
        "the server 0 failed with AttributeError: Can't get attribute 'Halved' .* a module defines"
    )
    with pytest.raises(cluster.ClusterError, match=said):
        cluster.run(script, workers=1, limit=LIMIT)


# Workers that wait for each other


def share(rows, look):
    """Push once for each row of this worker, of 3 rows among 2 workers."""
    kv = mx.kv.create("dist_sync")
    x = nd.ones(1)
    kv.init("x", x)
    for _ in range(kv.rank, rows, kv.num_workers):
        kv.pushpull("x", x, out=x)
        if look:
            x.asscalar()


def test_a_worker_that_waits_for_others_at_their_exit_is_told(monkeypatch):
    monkeypatch.setattr(job, "PATIENCE", 2)
    monkeypatch.setattr(share, "__module__", "__main__")
    marked = mark()
    said = (
        r"worker 0 at line \d+, `x.asscalar\(\)`, worker 1 at its exit; "
        "pushes of key x: 2 by worker 0, 1 by worker 1; each must be done by all workers"
    )
    with pytest.raises(cluster.ClusterError, match=said):
        cluster.run(share, 3, look=True, workers=2, limit=LIMIT)
    assert left(marked) == []


@pytest.mark.deep
def test_a_push_that_nobody_looks_at_is_told(monkeypatch):
    """MXNet waits for it at the exit, or does not: that is chance."""
    monkeypatch.setattr(job, "PATIENCE", 2)
    monkeypatch.setattr(share, "__module__", "__main__")
    said = "pushes of key x: 2 by worker 0, 1 by worker 1; each must be done by all"
    with pytest.raises(cluster.ClusterError, match=said):
        cluster.run(share, 3, look=False, workers=2, limit=LIMIT)


def other_keys(seconds):
    """Let each worker push another key, and worker 1 be late."""
    kv = mx.kv.create("dist_sync")
    x = nd.ones(1)
    kv.init([0, 1], [x, x])
    if kv.rank == 1:
        time.sleep(seconds)
    kv.push(0, x)
    if seconds == 0:
        kv.push(kv.rank, x)
    kv.pull(0, out=x)
    return x.asscalar()


@pytest.mark.deep
def test_workers_that_wait_for_different_keys_are_told(monkeypatch):
    monkeypatch.setattr(job, "PATIENCE", 2)
    monkeypatch.setattr(other_keys, "__module__", "__main__")
    said = "pushes of key 0: 2 by worker 0, 1 by worker 1; each must"
    with pytest.raises(cluster.ClusterError, match=said):
        cluster.run(other_keys, 0, workers=2, limit=LIMIT)


def test_a_worker_that_sleeps_is_waited_for(monkeypatch):
    """Much longer than nothing may move, as it goes on by itself."""
    monkeypatch.setattr(job, "PATIENCE", 0.5)
    monkeypatch.setattr(other_keys, "__module__", "__main__")
    assert cluster.run(other_keys, 4, workers=2, limit=LIMIT) == [2, 2]


def test_what_a_worker_cannot_return_is_told(monkeypatch):
    def work():
        return lambda: None

    work.__module__ = "__main__"
    with pytest.raises(cluster.ClusterError, match=r"the worker 0 failed with .*local object"):
        cluster.run(work, workers=1, limit=LIMIT)


def test_an_mxnet_without_a_parameter_server_is_told():
    """As that for Linux aarch64, which raises this when a KVStore is made."""

    def work():
        raise RuntimeError("MXNetError: compile with USE_DIST_KVSTORE=1 to use dist")

    work.__module__ = "__main__"
    with pytest.raises(cluster.ClusterError, match="built without its parameter server"):
        cluster.run(work, workers=1, limit=LIMIT)
