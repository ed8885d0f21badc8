"""Counting what MXNet executes, with its own profiler, and what it sends, with Linux's counters."""

import json
import socket
import struct
import tempfile
from pathlib import Path

from mxnet import nd, profiler

# C functions by which Python starts operators: one by one, a compiled graph, the backward pass.
STARTERS = ("MXImperativeInvokeEx", "MXInvokeCachedOpEx", "MXAutogradBackwardEx")
# What the engine does for itself, some of it a different number of times in each run.
HOUSEKEEPING = ("DeleteVariable", "WaitForVar", "Resource")


def count_operators(run):
    """Call `run()` and count the operators that MXNet executes in it.

    Parameters
    ----------
    run : callable
        Takes no argument.

    Returns
    -------
    tuple of two ints
        How often Python told MXNet to execute something (an operator, a compiled graph, a backward
        pass), and how many operators were executed.
    """
    nd.waitall()  # what was started before does not count
    # MXNet begins by deleting the file that it is given, and may write into it at any later time,
    # were it stopped: so a file in a folder that is no more, where it can do neither.
    with tempfile.TemporaryDirectory() as folder:
        pass
    profiler.set_config(
        profile_imperative=True,
        profile_symbolic=True,
        profile_api=True,
        aggregate_stats=True,
        continuous_dump=False,  # otherwise a thread of its own writes every second
        filename=f"{folder}/profile.json",
    )
    profiler.set_state("run")
    try:
        run()
        nd.waitall()
    finally:
        profiler.set_state("stop")
        times = json.loads(profiler.dumps(reset=True, format="json"))["Time"]
    calls, operators = (
        {name: row["Count"] for name, row in times.get(table, {}).items()}
        for table in ("MXNET_C_API", "operator")
    )
    return (
        sum(calls.get(name, 0) for name in STARTERS),
        sum(n for name, n in operators.items() if not name.startswith(HOUSEKEEPING)),
    )


def traffic():
    """Count the bytes that this process has sent and received by TCP, as Linux counts them.

    Returns
    -------
    tuple of two ints
        The contents of the connections, without the headers of packets.
    """
    sent = received = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            with socket.fromfd(int(link.name), socket.AF_INET, socket.SOCK_STREAM) as connection:
                info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 216)
        except OSError:
            continue  # no socket of TCP
        # Of Linux's struct tcp_info: bytes_received, bytes_sent and bytes_retrans
        (new,) = struct.unpack_from("Q", info, 128)
        received += new
        new, again = struct.unpack_from("2Q", info, 200)
        sent += new - again
    return sent, received
