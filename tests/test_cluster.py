"""Jobs of real processes: the same numbers as one process, and every failure told in a sentence.

Nothing here waits for ever: a test that hung would be ended by `LIMIT`.
"""

import fcntl
import heapq
import os
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from common import ROOT
from jupyter_client.manager import start_new_kernel
from kill_fifty import NAMES, SAID, kill_and_resume, left, mark, unbroken
from mxnet import nd

import utils
from course import cluster
from course.chapters import sgd_momentum
from course.cluster import checkpoint, regression
from course.cluster.packing import pack

LIMIT = 60
COMMAND = [sys.executable, "-m", "course.cluster"]
DATA = regression.make_data(400)
HYPERPARAMETERS = {"batch_size": 20, "lr": 0.05, "decay": 0.5, "mom": 0.9, "epochs": 4}
EPOCHS = 10  # of the runs in which a process is killed


# The same numbers as one process


def one_process(workers, batch_size, lr, decay, mom, epochs):
    """Train in this process, on the minibatches that so many workers have together."""
    X, y = DATA
    params, vs = regression.init_params()
    for param in params:
        param.attach_grad()
    history = [np.concatenate([param.asnumpy().ravel() for param in params])]
    for epoch in range(1, epochs + 1):
        shares = []
        for rank in range(workers):
            mx.random.seed(checkpoint.epoch_seed(regression.SEED, epoch, rank))
            part = X[rank::workers], y[rank::workers]
            shares.append(list(utils.data_iter(batch_size // workers, len(part[0]), *part)))
        for minibatch in zip(*shares):
            features, labels = (nd.concat(*arrays, dim=0) for arrays in zip(*minibatch))
            regression.compute_gradients(params, features, labels)
            sgd_momentum(params, vs, regression.learning_rate(lr, decay, epoch), mom, len(labels))
        history.append(np.concatenate([param.asnumpy().ravel() for param in params]))
    return history


@pytest.mark.parametrize("train", [regression.train_on_workers, regression.train_on_server])
@pytest.mark.parametrize(("workers", "servers"), [(1, 1), (2, 1), (4, 2)])
def test_workers_have_the_parameters_of_one_process(workers, servers, train):
    """After every epoch: the learning rate is constant for two, and decays after each from then on."""
    answers = cluster.run(
        train, *DATA, **HYPERPARAMETERS, workers=workers, servers=servers, limit=LIMIT
    )
    expected = one_process(workers, **HYPERPARAMETERS)
    assert all(np.abs(new - old).max() > 1e-3 for old, new in pairwise(expected))
    for history in answers:
        assert len(history) == len(expected)
        for params, one in zip(history, expected):
            np.testing.assert_allclose(np.concatenate([x.ravel() for x in params]), one, rtol=1e-5)


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


def test_batches_that_cannot_be_shared_are_refused():
    class Store:
        rank, num_workers = 0, 4

    with pytest.raises(
        ValueError, match="batch_size must be a multiple of the number of workers, 4; got 10"
    ):
        regression.my_part(Store, *DATA, 10)
    with pytest.raises(ValueError, match="the number of examples must be a multiple of"):
        regression.my_part(Store, DATA[0][:399], DATA[1][:399], 20)


# Checkpoints


@pytest.fixture
def saved(tmp_path):
    params, vs = regression.init_params()
    vs[0] += 0.25
    path = tmp_path / "run.ckpt"
    checkpoint.save(path, params, vs, 3, 7, lr=0.1)
    return path, params, vs


def test_a_checkpoint_gives_back_what_was_saved(saved):
    path, params, vs = saved
    loaded = checkpoint.load(path, 7, lr=0.1)
    for ours, theirs in zip((params, vs), loaded):
        for array, value in zip(ours, theirs):
            np.testing.assert_array_equal(array.asnumpy(), value)
    assert loaded[2] == 3


def test_a_half_written_or_changed_checkpoint_is_refused_by_name(saved):
    path, *_ = saved
    whole = path.read_bytes()
    rng = random.Random(5)
    for cut in (0, 1, 20, len(whole) // 2, len(whole) - 1, *rng.sample(range(len(whole)), 20)):
        path.write_bytes(whole[:cut])
        with pytest.raises(checkpoint.CheckpointError, match=re.escape(str(path))):
            checkpoint.load(path, 7, lr=0.1)
    for place in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(checkpoint.CheckpointError, match=re.escape(str(path))):
            checkpoint.load(path, 7, lr=0.1)


def test_a_checkpoint_of_another_run_is_refused(saved):
    path, *_ = saved
    with pytest.raises(checkpoint.CheckpointError, match=r"run\.ckpt .* seed = 7, not 8"):
        checkpoint.load(path, 8, lr=0.1)
    with pytest.raises(checkpoint.CheckpointError, match=r"run\.ckpt .* lr = 0\.1, not 0\.2"):
        checkpoint.load(path, 7, lr=0.2)


def test_a_crash_while_saving_leaves_the_checkpoint_before(saved, monkeypatch):
    path, params, vs = saved

    def crash(file):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="no space left"):
        checkpoint.save(path, params, vs, 4, 7, lr=0.1)
    assert checkpoint.load(path, 7, lr=0.1)[2] == 3


def test_no_two_epochs_or_workers_share_a_seed():
    seeds = {
        checkpoint.epoch_seed(*numbers)
        for numbers in np.ndindex(5, 20, 20)
        if 0 <= checkpoint.epoch_seed(*numbers) < 2**31
    }
    assert len(seeds) == 5 * 20 * 20


# What fails


@pytest.fixture(scope="module")
def whole_run():
    return unbroken(EPOCHS)


@pytest.mark.parametrize("name", ["scheduler", "server 0", "worker"])
def test_a_killed_process_is_reported_and_the_run_resumed(name, whole_run, tmp_path):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    name = rng.choice(NAMES[2:]) if name == "worker" else name
    expected, duration = whole_run
    moments = iter(lambda: rng.uniform(0, duration), None)
    found = kill_and_resume(EPOCHS, name, tmp_path / "run.ckpt", moments)
    print(found)
    assert found["said"] == SAID.format(name)
    assert found["left"] == []
    np.testing.assert_array_equal(found["numbers"], expected)


def command(*arguments, **options):
    """Start the command; its error output is a pipe, its output too."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def outcome(launcher):
    """Wait until the command has ended; give its exit code, output and error output."""
    try:
        out, err = launcher.communicate(timeout=LIMIT)
    finally:
        launcher.kill()
    return launcher.returncode, out, err


@pytest.fixture
def script(tmp_path):
    """Give a function that writes a script: so many lines of Python after making the KVStore."""

    def write(*lines):
        path = tmp_path / "script.py"
        opening = ["import os, sys, time", "import mxnet as mx", 'kv = mx.kv.create("dist_sync")']
        path.write_text("\n".join([*opening, *lines, ""]))
        return path

    return write


FOR_EVER = ("print('started', flush=True)", "time.sleep(600)")


def test_a_damaged_checkpoint_is_refused_by_the_job(tmp_path):
    path = tmp_path / "run.ckpt"
    path.write_bytes(b"momentum-lab checkpoint 1, sha256 0\nPK")
    code, out, err = outcome(
        command("course/cluster/regression.py", "--checkpoint", path, "--resume", "--epochs", 2)
    )
    assert code == 1
    assert f"cluster: the worker 0 failed with CheckpointError: the checkpoint {path}" in err
    assert "Traceback" in out


def test_a_checkpoint_with_momentum_on_the_server_is_refused(tmp_path):
    arguments = ("--momentum", "server", "--checkpoint", tmp_path / "run.ckpt", "--resume")
    code, _, err = outcome(command("--workers", 1, "course/cluster/regression.py", *arguments))
    assert code == 1
    assert 'MXNet cannot save the velocities there ("Cannot save states' in err
    assert not (tmp_path / "run.ckpt").exists()


def test_what_a_script_raises_is_shown_and_told(script):
    marked = mark()
    path = script("if kv.rank == 1:", "    raise KeyError('Größe')", "time.sleep(600)")
    code, out, err = outcome(command(path))
    assert (code, err) == (1, "cluster: the worker 1 failed with KeyError: 'Größe'\n")
    traceback = [line.removeprefix("[worker 1] ") for line in out.splitlines()]
    assert traceback[:2] == [
        "Traceback (most recent call last):",
        f'  File "{path}", line 5, in <module>',
    ]
    assert traceback[-1] == "KeyError: 'Größe'"
    assert left(marked) == []


def test_an_exit_code_is_told(script):
    code, _, err = outcome(command(script("sys.exit(3 * kv.rank)")))
    assert (code, err) == (1, "cluster: the worker 1 ended with exit code 3; its output says why\n")


def test_a_port_that_is_taken_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = outcome(command("--port", port, "course/cluster/regression.py"))
    said = f"cluster: cannot listen at 127.0.0.1:{port}: the port is taken by another program\n"
    assert (code, err) == (1, said)


def test_a_job_that_does_not_end_is_ended(script):
    marked = mark()
    code, _, err = outcome(command("--limit", 4, script("kv._barrier() if kv.rank else None")))
    assert (code, err) == (1, "cluster: the job had not come to an end after 4 s\n")
    assert left(marked) == []


def one_makes_a_store(path):
    """Make a KVStore, but for the first worker that comes."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        mx.kv.create("dist_sync")


def test_a_worker_that_waits_for_one_without_a_kvstore_is_told(tmp_path, monkeypatch):
    marked = mark()
    monkeypatch.setattr(one_makes_a_store, "__module__", "__main__")
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with pytest.raises(
        cluster.ClusterError, match=r"the worker \d waits for workers that have ended"
    ):
        cluster.run(one_makes_a_store, tmp_path / "came", limit=LIMIT)
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
        (["no-such.py"], "SCRIPT must be a Python file; there is no file no-such.py"),
    ],
)
def test_arguments_that_make_no_sense_are_named(arguments, said, capsys):
    with pytest.raises(SystemExit) as exit:
        sys.exit(cluster.main(arguments))
    assert exit.value.code in (1, 2)
    assert said in capsys.readouterr().err


def test_a_number_of_workers_that_makes_no_sense_is_named():
    with pytest.raises(ValueError, match="workers must be an integer of at least 1, got 0"):
        cluster.run(print, workers=0)
    with pytest.raises(TypeError, match="work must be a function or the path of a script, got 5"):
        cluster.run(5)


# Nothing is left, and nothing listens to strangers


def wait_until_nothing_is_left(marked):
    """Fail if processes are left for long."""
    deadline = time.monotonic() + LIMIT
    while left(marked):
        assert time.monotonic() < deadline, "processes are left"
        time.sleep(0.1)


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
    marked = mark()
    # A script may start processes of its own: they go too.
    child = f"import subprocess; subprocess.Popen([{sys.executable!r}, '-c', 'input()'])"
    launcher = command(script(child, *FOR_EVER))
    assert launcher.stdout.readline().endswith("started\n")
    assert len(left(marked)) >= 5
    launcher.send_signal(number)
    assert outcome(launcher)[::2] == (code, said)
    wait_until_nothing_is_left(marked)


def test_nothing_is_left_when_a_kernel_is_interrupted_or_restarted(script):
    marked = mark()
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        (kernel,) = left(marked)
        client.execute(f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom course import cluster")
        for end in (manager.interrupt_kernel, lambda: manager.restart_kernel(now=True)):
            cell = client.execute(f"cluster.run({str(script(*FOR_EVER))!r}, workers=1)")
            while "started" not in client.get_iopub_msg(timeout=LIMIT)["content"].get("text", ""):
                pass
            assert len(left(marked)) == 4
            end()
            if end == manager.interrupt_kernel:
                reply = client._recv_reply(cell, timeout=LIMIT)["content"]
                assert reply["ename"] == "KeyboardInterrupt"
                assert left(marked) == [kernel]
        manager.shutdown_kernel(now=True)
        wait_until_nothing_is_left(marked)
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


def test_every_process_listens_on_loopback_only(script):
    marked = mark()
    launcher = command("--workers", 2, "--servers", 2, script(*FOR_EVER))
    assert launcher.stdout.readline().endswith("started\n")
    addresses = listening(left(marked))
    launcher.terminate()
    outcome(launcher)
    loopback = socket.inet_aton("127.0.0.1")[::-1].hex().upper()
    assert addresses == [loopback] * 5


# What a notebook uses

ADDED = 0.5  # a variable of the notebook


def helper(number):
    return number + ADDED


def work(number, scale=2):
    kv = mx.kv.create("dist_sync")
    for line in range(2):
        print(f"line {line}", flush=True)
        time.sleep(0.1 * (2 - kv.rank))
    return kv.rank, helper(number) * scale


def test_a_notebooks_function_goes_to_the_workers_with_what_it_uses(monkeypatch, capsys):
    for function in (helper, work):
        monkeypatch.setattr(function, "__module__", "__main__")
    answers = cluster.run(work, 1, scale=4, workers=3, in_order=True, limit=LIMIT)
    assert answers == [(0, 6), (1, 6), (2, 6)]
    lines = [f"[worker {rank}] line {line}\n" for rank in range(3) for line in range(2)]
    assert capsys.readouterr().out == "".join(lines)


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


# Several hosts


class Wire:
    """A link between two hosts, each a network namespace: 20 ms late, and 1% of packets lost.

    Its ends are TUN devices, so that it needs no kernel module for network emulation.
    """

    LATENCY, LOSS = 0.02, 0.01
    HOSTS = ("10.77.0.1", "10.77.0.2")

    def __init__(self):
        self.names = [f"momentum-{os.getpid()}-{i}" for i in range(2)]
        self.ends = []
        self.packets = self.lost = 0
        self.rng = random.Random(1)
        self.closed = False

    def __enter__(self):
        try:
            for i, name in enumerate(self.names):
                device = f"wire{os.getpid()}{'ab'[i]}"
                end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                self.ends.append(end)
                # TUNSETIFF with IFF_TUN and IFF_NO_PI: packets of IP, and nothing before them
                fcntl.ioctl(end, 0x400454CA, struct.pack("16sH22x", device.encode(), 0x1001))
                self.ip("netns", "add", name)
                self.ip("link", "set", device, "netns", name)
                addresses = (self.HOSTS[i], "peer", self.HOSTS[1 - i])
                self.ip("-n", name, "address", "add", *addresses, "dev", device)
                for interface in ("lo", device):
                    self.ip("-n", name, "link", "set", interface, "up")
        except BaseException:
            self.close()
            raise
        self.carrier = threading.Thread(target=self.carry)
        self.carrier.start()
        return self

    def __exit__(self, *exception):
        self.closed = True
        self.carrier.join()
        self.close()

    def close(self):
        for end in self.ends:
            os.close(end)
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)

    @staticmethod
    def ip(*arguments):
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    def carry(self):
        on_the_way = []
        while not self.closed:
            for end in select.select(self.ends, [], [], 0.001)[0]:
                packet = os.read(end, 1 << 16)
                self.packets += 1
                if self.rng.random() < self.LOSS:
                    self.lost += 1
                else:
                    other = self.ends[1 - self.ends.index(end)]
                    arrival = time.monotonic() + self.LATENCY
                    heapq.heappush(on_the_way, (arrival, self.packets, other, packet))
            while on_the_way and on_the_way[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(on_the_way)
                os.write(end, packet)

    def start(self, host, role, *arguments):
        """Start a process of the job on one of the two hosts."""
        root = f"{self.HOSTS[0]}:9100"
        numbers = ("--workers", "2", "--servers", "1", "--wait", "30")
        return subprocess.Popen(
            [
                *("ip", "netns", "exec", self.names[host], *COMMAND),
                *("--role", role, "--root", root, *numbers, *map(str, arguments)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def wire():
    if not shutil.which("ip"):
        pytest.skip("no command ip (Debian: iproute2), so no network namespaces")
    with ExitStack() as stack:
        try:
            wire = stack.enter_context(Wire())
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", b"").decode() or error
            pytest.skip(f"no network namespaces with TUN devices on this machine: {reason}")
        yield wire


TRAINING = ("course/cluster/regression.py", "--examples", "400", "--lr", "0.05", "--epochs")


def test_two_hosts_far_apart_end_at_the_numbers_of_one(wire):
    marked = mark()
    started = [
        wire.start(host, role, *TRAINING, 1)
        for host, role in ((1, "worker"), (0, "scheduler"), (0, "worker"), (0, "server"))
    ]
    outcomes = [outcome(launcher) for launcher in started]
    assert [(code, err) for code, _, err in outcomes] == [(0, "")] * 4
    found = [re.findall(r"w, b: (.*)", out) for _, out, _ in outcomes]
    code, out, _ = outcome(command(*TRAINING, 1))
    expected = re.findall(r"w, b: (.*)", out)
    assert (code, len(expected)) == (0, 2)
    assert [found[0], found[2]] == [expected[:1], expected[1:]]
    assert wire.packets > 200
    assert left(marked) == []


def test_a_host_that_vanishes_is_missed_by_the_others(wire):
    marked = mark()
    roles = ((0, "scheduler"), (0, "server"), (0, "worker"), (1, "worker"))
    started = [wire.start(host, role, *TRAINING, 10**6) for host, role in roles]
    while wire.packets < 200:
        assert started[0].poll() is None, started[0].communicate()
        time.sleep(0.05)
    wire.LOSS = 1  # the cable is cut
    outcomes = [outcome(launcher) for launcher in started]
    assert [code for code, _, _ in outcomes] == [1] * 4
    a, b = wire.HOSTS
    missed = f"nothing has been heard from the launcher of a worker at {b} for 10 s"
    for _, _, err in outcomes[:3]:
        assert err == f"cluster: {missed}\n"
    assert f"nothing has been heard from the scheduler's launcher at {a} for 10 s" in outcomes[3][2]
    assert left(marked) == []


def test_a_process_that_dies_on_one_host_is_told_on_all():
    root = cluster.hold_port()
    port = root.getsockname()[1]
    root.close()
    marked = mark()
    common = ("--root", f"127.0.0.1:{port}", "--workers", 1)
    started = [
        command("--role", role, *common, *TRAINING, 10**6)
        for role in ("scheduler", "server", "worker")
    ]
    while len(left(marked)) < 6:
        time.sleep(0.05)
    server = next(pid for pid in left(marked) if b"DMLC_ROLE=server" in environment(pid))
    os.kill(server, signal.SIGKILL)
    for launcher in started:
        code, _, err = outcome(launcher)
        assert (code, err) == (1, "cluster: the server at 127.0.0.1 was ended by SIGKILL\n")
    assert left(marked) == []


def environment(pid):
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def test_hosts_that_do_not_come_are_named():
    root = cluster.hold_port()
    port = root.getsockname()[1]
    root.close()
    common = ("--root", f"127.0.0.1:{port}", "--wait", 2, "course/cluster/regression.py")
    worker = outcome(command("--role", "worker", *common))
    assert worker[0] == 1
    assert f"no scheduler was found at 127.0.0.1:{port} within 2 s" in worker[2]
    scheduler = command("--role", "scheduler", *common)
    other = command("--role", "server", "--workers", 3, *common)
    code, _, err = outcome(scheduler)
    assert code == 1
    assert "within 2 s only 0 of 1 servers and 0 of 2 workers have come" in err
    code, _, err = outcome(other)
    assert code == 1
    assert "was started with 1 servers and 2 workers, the server at 127.0.0.1 was not" in err
