"""Jobs of real processes: the same numbers as one process, and every failure told in a sentence.

What needs no KVStore is tested with scripts that make none: `import mxnet` takes a second.
"""

import contextlib
import io
import random
import re
import signal
import socket
from itertools import pairwise
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from common import ROOT
from jobs import LIMIT, command, flat, left, mark, one_process, outcome, wait_until
from jupyter_client.manager import start_new_kernel
from kill_fifty import EXAMPLES, NAMES, RUN, SAID, kill_and_resume, numbers, unbroken
from mxnet import nd

from course import cluster
from course.cluster import job, regression
from course.cluster.__main__ import main
from course.cluster.packing import pack

pytestmark = pytest.mark.cluster
EPOCHS = 6  # of the runs in which a process is killed


# The same numbers as one process


def check_history(answers, expected):
    """Fail unless every worker had these parameters at the start and after each epoch."""
    assert all(np.abs(new - old).max() > 1e-3 for old, new in pairwise(expected))
    for history in answers:
        assert len(history) == len(expected)
        for params, one in zip(history, expected):
            np.testing.assert_allclose(flat(params), one, rtol=1e-5)


@pytest.fixture(scope="module")
def whole_run():
    return unbroken(EPOCHS)


def test_two_workers_with_velocities_have_the_parameters_of_one_process(whole_run):
    """After every epoch: the learning rate is constant for two, and decays after each from then on."""
    data = regression.make_data(EXAMPLES)
    check_history(whole_run[0], one_process(2, *data, **RUN, epochs=EPOCHS))


WORKERS, SERVER = regression.train_on_workers, regression.train_on_server
deep = pytest.mark.deep


@pytest.mark.parametrize(
    ("train", "workers", "servers"),
    [
        (SERVER, 2, 1),
        pytest.param(SERVER, 1, 1, marks=deep),
        pytest.param(SERVER, 4, 2, marks=deep),
        pytest.param(WORKERS, 1, 1, marks=deep),
        pytest.param(WORKERS, 4, 2, marks=deep),
    ],
)
def test_workers_have_the_parameters_of_one_process(train, workers, servers):
    data = regression.make_data(400)
    settings = {"batch_size": 20, "lr": 0.05, "decay": 0.5, "mom": 0.9, "epochs": 4}
    answers = cluster.run(train, *data, **settings, workers=workers, servers=servers, limit=LIMIT)
    check_history(answers, one_process(workers, *data, **settings))


def steps():
    """Update a weight four times by a gradient of 1, without and with a new optimizer halfway."""
    kv = mx.kv.create("dist_sync")
    optimizer = mx.optimizer.SGD(learning_rate=0.1, momentum=0.5)
    kv.set_optimizer(optimizer)
    moves = []
    for key in range(2):
        weight, gradient, path = nd.zeros(1), nd.ones(1), [0]
        kv.init(key, weight)
        for step in range(4):
            if key == 1 and step == 2:
                kv.set_optimizer(optimizer)
            gradient[:] = 1  # again, as `pull` writes into what was pushed
            kv.push(key, gradient)
            kv.pull(key, out=weight)
            path.append(weight.asscalar())
        moves.append(np.diff(path))
    return moves


def test_a_new_optimizer_loses_the_servers_velocities(monkeypatch):
    """So a decay goes into the optimizer, as a scheduler, and not into a second `set_optimizer`."""
    monkeypatch.setattr(steps, "__module__", "__main__")  # sent as one of a notebook
    ((kept, lost),) = cluster.run(steps, workers=1, limit=LIMIT)
    np.testing.assert_allclose(kept, [-0.1, -0.15, -0.175, -0.1875], rtol=1e-6)
    np.testing.assert_allclose(lost, [-0.1, -0.15, -0.1, -0.15], rtol=1e-6)


# What fails


@pytest.mark.parametrize(
    "name",
    ["server 0", *(pytest.param(name, marks=deep) for name in NAMES if name != "server 0")],
)
def test_a_killed_process_is_reported_and_the_run_resumed(name, whole_run, tmp_path):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    answers, duration = whole_run
    moments = iter(lambda: rng.uniform(0, duration), None)
    found = kill_and_resume(EPOCHS, name, tmp_path / "run.ckpt", moments)
    print(found)
    assert found["said"] == SAID.format(name)
    assert found["left"] == []
    np.testing.assert_array_equal(found["numbers"], numbers(answers))


@pytest.fixture
def script(tmp_path):
    """Give a function that writes a script of so many lines of Python."""

    def write(*lines):
        path = tmp_path / "script.py"
        path.write_text("\n".join(["import os, signal, subprocess, sys, time", *lines, ""]))
        return path

    return write


FOR_EVER = ("print('started', flush=True)", "time.sleep(3600)")
# Only the first worker that comes goes on; so two workers do different things without a KVStore.
FIRST_ONLY = (
    "try:",
    "    os.mkdir(sys.argv[1])",
    "except FileExistsError:",
    "    time.sleep(3600)",
)


def test_a_damaged_checkpoint_is_refused_by_the_job(tmp_path):
    path = tmp_path / "run.ckpt"
    path.write_bytes(b"momentum-lab checkpoint 1, sha256 0\nPK")
    arguments = ("--checkpoint", path, "--resume", "--epochs", 2)
    code, out, err = outcome(command("--workers", 1, "course/cluster/regression.py", *arguments))
    assert code == 1
    assert f"cluster: the worker 0 failed with CheckpointError: the checkpoint {path}" in err
    assert "Traceback" in out


def test_what_a_script_raises_is_shown_and_told(script, tmp_path):
    marked = mark()
    path = script(*FIRST_ONLY, "raise KeyError('Größe')")
    code, out, err = outcome(command(path, tmp_path / "came"))
    assert code == 1
    (name,) = re.fullmatch(
        "cluster: the (worker [01]) failed with KeyError: 'Größe'\n", err
    ).groups()
    traceback = [line.removeprefix(f"[{name}] ") for line in out.splitlines()]
    assert traceback[:2] == [
        "Traceback (most recent call last):",
        f'  File "{path}", line 6, in <module>',
    ]
    assert traceback[-1] == "KeyError: 'Größe'"
    assert left(marked) == []


def test_an_exit_code_is_told(script):
    code, _, err = outcome(command("--workers", 1, script("sys.exit(3)")))
    assert (code, err) == (1, "cluster: the worker 0 ended with exit code 3; its output says why\n")


@pytest.mark.deep
def test_an_optimizer_that_a_server_cannot_use_is_told(monkeypatch):
    def send():
        class Unknown(mx.optimizer.SGD):
            def __reduce__(self):
                return int, ("unknown",)

        mx.kv.create("dist_sync").set_optimizer(Unknown())

    monkeypatch.setattr(send, "__module__", "__main__")
    with pytest.raises(cluster.ClusterError, match="the server 0 failed with ValueError: invalid"):
        cluster.run(send, workers=1, limit=LIMIT)


def test_a_port_that_is_taken_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = outcome(command("--port", port, "course/cluster/regression.py"))
    said = f"cluster: cannot listen at 127.0.0.1:{port}: the port is taken by another program\n"
    assert (code, err) == (1, said)


def test_a_job_that_does_not_end_is_ended(script):
    marked = mark()
    code, _, err = outcome(command("--workers", 1, "--limit", 1, script("time.sleep(3600)")))
    assert (code, err) == (1, "cluster: the job had not come to an end after 1 s\n")
    assert left(marked) == []


def test_a_worker_that_waits_for_one_without_a_kvstore_is_told(script, tmp_path, monkeypatch):
    """As the worker that sleeps here would wait in `kv.create`."""
    marked = mark()
    monkeypatch.setattr(job, "PATIENCE", 0.1)
    with pytest.raises(
        cluster.ClusterError, match=r"the worker \d waits for workers that have ended"
    ):
        cluster.run(script(*FIRST_ONLY), tmp_path / "came", limit=LIMIT)
    assert left(marked) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--workers", "0", "x.py"], "--workers: expected an integer of at least 1, got '0'"),
        (["--servers", "two", "x.py"], "--servers: expected an integer of at least 1, got 'two'"),
        (["--port", "70000", "x.py"], "--port: expected a port from 1 to 65534, got '70000'"),
        (["--role", "server", "x.py"], "--role and --root belong together"),
        (["--role", "server", "--root", "9000", "x.py"], "--root: expected HOST:PORT, got '9000'"),
        (["--role", "boss", "x.py"], "--role: invalid choice: 'boss'"),
        ([], "the following arguments are required: SCRIPT"),
    ],
)
def test_arguments_that_make_no_sense_are_named(arguments, said, capsys):
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2
    assert said in capsys.readouterr().err


def test_a_job_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="workers must be an integer of at least 1, got 0"):
        cluster.run(print, workers=0)
    with pytest.raises(TypeError, match="work must be a function or the path of a script, got 5"):
        cluster.run(5)
    with pytest.raises(cluster.ClusterError, match=r"there is no file no-such\.py"):
        cluster.run("no-such.py")


# Nothing is left, and nothing listens to strangers


def ignores(pid, number):
    """Tell whether a process ignores a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"SigIgn:\s*(\w+)", status)[1], 16) >> (number - 1) & 1


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "cluster: interrupted; every process has been ended\n"),
        (signal.SIGTERM, 143, ""),
        (signal.SIGKILL, -9, ""),
    ],
    ids=["SIGINT", "SIGTERM", "SIGKILL"],
)
def test_nothing_is_left_when_the_launcher_is_ended(number, code, said, script):
    """Even if the shell that starts it has SIGINT ignored, as for a background job."""
    marked = mark()
    # A script may start processes of its own: they go too.
    child = "subprocess.Popen(['sleep', '3600'])"
    path = script(child, *FOR_EVER)
    ignoring = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")
    launcher = command("--workers", 1, path, before=ignoring)
    assert launcher.stdout.readline().endswith("started\n")
    wait_until(lambda: len(left(marked)) == 5)
    assert not any(ignores(pid, signal.SIGINT) for pid in left(marked))
    launcher.send_signal(number)
    assert outcome(launcher)[::2] == (code, said)
    wait_until(lambda: not left(marked))


def test_nothing_is_left_when_a_kernel_is_interrupted_or_restarted(script):
    marked = mark()
    manager, client = start_new_kernel(startup_timeout=LIMIT, kernel_name="python3")
    try:
        kernel = manager.provisioner.pid
        client.execute(f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom course import cluster")
        for end in (manager.interrupt_kernel, lambda: manager.restart_kernel(now=True)):
            run = f"cluster.run({str(script(*FOR_EVER))!r}, workers=1)"
            # A kernel refuses what comes just after an error, unless told otherwise.
            cell = client.execute(run, stop_on_error=False)
            while "started" not in client.get_iopub_msg(timeout=LIMIT)["content"].get("text", ""):
                pass
            wait_until(lambda: len(left(marked)) == 4)
            end()
            if end == manager.interrupt_kernel:
                reply = client._recv_reply(cell, timeout=LIMIT)["content"]
                assert reply["ename"] == "KeyboardInterrupt"
                assert left(marked) == [kernel]
        manager.shutdown_kernel(now=True)
        wait_until(lambda: not left(marked))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def listening(pids):
    """Give the addresses on which these processes accept connections."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            inodes.update(re.findall(r"socket:\[(\d+)\]", str(link.readlink())))
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.append(fields[1].partition(":")[0])
    return found


def test_every_process_listens_on_loopback_only_and_output_comes_in_order(script, tmp_path):
    marked = mark()
    path = script(
        "import mxnet as mx",
        "kv = mx.kv.create('dist_sync')",
        "print('rank', kv.rank)",
        "while not os.path.exists(sys.argv[1]): time.sleep(0.05)",
        "print('end')",
    )
    arguments = ("--in-order", "--workers", 2, "--servers", 2)
    launcher = command(*arguments, path, tmp_path / "go")
    assert launcher.stdout.readline() == "[worker 0] rank 0\n"
    addresses = listening(left(marked))
    (tmp_path / "go").touch()
    code, out, err = outcome(launcher)
    assert (code, err) == (0, "")
    assert out == "[worker 0] end\n[worker 1] rank 1\n[worker 1] end\n"
    loopback = socket.inet_aton("127.0.0.1")[::-1].hex().upper()
    assert addresses == [loopback] * 5


# What a notebook uses

ADDED = 0.5  # a variable of the notebook


def helper(number):
    return number + ADDED


def work(number, scale=2):
    print("a line")
    return helper(number) * scale, signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_a_notebooks_function_goes_to_the_workers_with_what_it_uses(monkeypatch):
    """And can be interrupted there, whatever the notebook's process does with SIGINT."""
    for function in (helper, work):
        monkeypatch.setattr(function, "__module__", "__main__")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            answers = cluster.run(work, 1, scale=4, workers=2, in_order=True, limit=LIMIT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert answers == [(6, True)] * 2
    assert out.getvalue() == "[worker 0] a line\n[worker 1] a line\n"


def test_what_cannot_go_to_a_worker_is_named(monkeypatch):
    class Net:
        __module__ = "__main__"

    def make():
        return Net()

    make.__module__ = "__main__"
    with pytest.raises(TypeError, match="make uses variables of the function around it"):
        pack(make)
    with pytest.raises(TypeError, match="the class Net is defined in the notebook"):
        pack(Net)


def test_a_notebook_shows_the_sentence_alone():
    assert cluster.ClusterError("so")._render_traceback_() == ["ClusterError: so"]
