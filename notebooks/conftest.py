"""The kernels of the notebook tests talk over sockets in the file system, not over TCP.

A TCP port is chosen before the kernel binds it. With several workers at once another process now
and then gets it first, and the kernel dies at its start.

No notebook may open a port: what listens after a cell did so before the first, too.
"""

import contextlib
import tempfile
import uuid
from pathlib import Path

import nbval.kernel
import psutil
import pytest
from jupyter_client import KernelManager
from nbval.plugin import IPyNbCell

FOLDER = tempfile.TemporaryDirectory(prefix="nbval-")  # deleted when the tests end


def kernel_manager(**settings):
    """Make a `KernelManager` whose kernel has sockets of its own."""
    return KernelManager(transport="ipc", ip=str(Path(FOLDER.name, uuid.uuid4().hex)), **settings)


nbval.kernel.KernelManager = kernel_manager


def open_ports(kernel):
    """Give the addresses at which a kernel listens, and its children other than on loopback."""
    process = psutil.Process(kernel.km.provisioner.pid)
    found = set()
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended since
            found |= {
                tuple(one.laddr)
                for one in each.net_connections("inet")
                if one.status == psutil.CONN_LISTEN
                and (each is process or one.laddr.ip not in ("127.0.0.1", "::1"))
            }
    return found


@pytest.hookimpl(trylast=True)  # when the kernel runs
def pytest_runtest_setup(item):
    """Note the kernel's own ports before the first cell."""
    if isinstance(item, IPyNbCell) and not hasattr(item.parent, "own_ports"):
        item.parent.own_ports = open_ports(item.parent.kernel)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    """Look for other ports after every cell, while there is a kernel; complain after the rest."""
    ports = set()
    if isinstance(item, IPyNbCell) and item.parent.kernel.is_alive():
        ports = open_ports(item.parent.kernel) - item.parent.own_ports
    yield
    assert not ports, f"{item.name} leaves {ports} open"
