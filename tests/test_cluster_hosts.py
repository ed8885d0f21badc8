"""Jobs on several machines: launchers that meet at a port, and miss each other.

Each test has an address of its own on the loopback interface, where no port can be taken by others.
"""

import fcntl
import heapq
import os
import random
import re
import select
import shutil
import signal
import struct
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from jobs import LIMIT, command, left, mark, one_process, outcome, wait_until

from course.cluster import regression

pytestmark = pytest.mark.cluster
ROLES = ("scheduler", "server", "worker")
TRAINING = ("course/cluster/regression.py", "--examples", "400", "--lr", "0.05", "--epochs")


def start(root, role, *arguments, wait=LIMIT, workers=1):
    """Start one process of a job on this machine."""
    numbers = ("--workers", workers, "--servers", 1, "--wait", wait)
    return command("--role", role, "--root", root, *numbers, *arguments)


@pytest.fixture
def root():
    """Give an address that nobody uses, and a port outside of those that are given out."""
    return "127.{}.{}.{}:9100".format(*random.SystemRandom().choices(range(1, 255), k=3))


def test_processes_started_one_by_one_end_at_the_numbers_of_one(root):
    started = [
        start(root, role, *TRAINING, 1, workers=2)
        for role in ("worker", "scheduler", "worker", "server")
    ]
    outcomes = [outcome(launcher) for launcher in started]
    assert [(code, err) for code, _, err in outcomes] == [(0, "")] * 4
    (expected,) = one_process(2, *regression.make_data(400), 20, 0.05, 0.1, 0.9, 1)[1:]
    for _, out, _ in outcomes[::2]:
        found = [float(number) for number in re.search("w, b: (.*)", out)[1].split()]
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_process_that_dies_on_one_host_is_told_on_all(root, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import time\ntime.sleep(3600)\n")
    marked = mark()
    started = [start(root, role, script) for role in ROLES]
    wait_until(lambda: [pid for pid in left(marked) if b"DMLC_ROLE=server" in environment(pid)])
    server = next(pid for pid in left(marked) if b"DMLC_ROLE=server" in environment(pid))
    os.kill(server, signal.SIGKILL)
    for launcher in started:
        code, _, err = outcome(launcher)
        assert code == 1
        assert re.fullmatch(r"cluster: the server at 127[.\d]+ was ended by SIGKILL\n", err)
    assert left(marked) == []


def environment(pid):
    """Give a process's variables; none if it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def test_hosts_that_do_not_come_are_named(root):
    for role, said in (
        ("worker", f"no scheduler was found at {root} within 1 s"),
        ("scheduler", "within 1 s only 0 of 1 servers and 0 of 1 workers have come"),
    ):
        code, _, err = outcome(start(root, role, *TRAINING, 1, wait=1))
        assert code == 1
        assert said in err


def test_a_host_with_other_numbers_is_told(root):
    scheduler = start(root, "scheduler", *TRAINING, 1)
    code, _, err = outcome(start(root, "server", *TRAINING, 1, workers=3))
    scheduler.terminate()
    outcome(scheduler)
    assert code == 1
    assert "was started with 1 servers and 1 workers, the server at 127.0.0.1 was not" in err


# Two hosts of their own


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
        numbers = ("--workers", 2, "--servers", 1, "--wait", LIMIT)
        return command(
            "--role",
            role,
            "--root",
            f"{self.HOSTS[0]}:9100",
            *numbers,
            *arguments,
            before=("ip", "netns", "exec", self.names[host]),
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


@pytest.mark.deep
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


@pytest.mark.deep
def test_a_host_that_vanishes_is_missed_by_the_others(wire):
    marked = mark()
    roles = ((0, "scheduler"), (0, "server"), (0, "worker"), (1, "worker"))
    started = [wire.start(host, role, *TRAINING, 10**6) for host, role in roles]
    wait_until(lambda: wire.packets >= 200)
    wire.LOSS = 1  # the cable is cut
    outcomes = [outcome(launcher) for launcher in started]
    assert [code for code, _, _ in outcomes] == [1] * 4
    a, b = wire.HOSTS
    missed = f"nothing has been heard from the launcher of a worker at {b} for 10 s"
    for _, _, err in outcomes[:3]:
        assert err == f"cluster: {missed}\n"
    assert f"nothing has been heard from the scheduler's launcher at {a} for 10 s" in outcomes[3][2]
    assert left(marked) == []
