"""The kernels of the notebook tests talk over sockets in the file system, not over TCP.

A TCP port is chosen before the kernel binds it. With several workers at once another process now
and then gets it first, and the kernel dies at its start.
"""

import tempfile
import uuid
from pathlib import Path

import nbval.kernel
from jupyter_client import KernelManager

FOLDER = tempfile.TemporaryDirectory(prefix="nbval-")  # deleted when the tests end


def kernel_manager(**settings):
    """Make a `KernelManager` whose kernel has sockets of its own."""
    return KernelManager(transport="ipc", ip=str(Path(FOLDER.name, uuid.uuid4().hex)), **settings)


nbval.kernel.KernelManager = kernel_manager
