"""What the tests of `course.cluster` share: starting its command, and looking for what is left."""

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import mxnet as mx
import numpy as np
from common import ROOT
from mxnet import nd

import utils
from course.chapters import sgd_momentum
from course.cluster import checkpoint, regression

LIMIT = 300  # seconds after which a test that hangs is ended, however busy the machine
COMMAND = [sys.executable, "-m", "course.cluster"]


def mark():
    """Make all processes that this one starts from now on recognizable; give the mark."""
    os.environ["CLUSTER_TEST"] = str(uuid.uuid4())
    return os.environ["CLUSTER_TEST"]


def left(mark):
    """Give the ids of the processes with this mark, but for our own.

    One that has just been started may not be among them yet: its variables come a moment later.
    """
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"CLUSTER_TEST={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            pass  # it has ended meanwhile, or is not ours
    return [pid for pid in found if pid != os.getpid()]


def wait_until(condition):
    """Wait for something that comes about sooner or later."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.05)


def command(*arguments, before=()):
    """Start the command, with words before it; its output and its error output are pipes."""
    return subprocess.Popen(
        [*before, *COMMAND, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(launcher):
    """Wait until the command has ended; give its exit code, output and error output."""
    try:
        out, err = launcher.communicate(timeout=LIMIT)
    finally:
        launcher.kill()
    return launcher.returncode, out, err


def flat(params):
    """Give parameters as one array."""
    return np.concatenate([np.ravel(param) for param in params])


def one_process(workers, X, y, batch_size, lr, decay, mom, epochs):
    """Train in this process, on the minibatches that so many workers have together."""
    params, vs = regression.init_params()
    for param in params:
        param.attach_grad()
    history = [flat(regression.as_numpy(params))]
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
        history.append(flat(regression.as_numpy(params)))
    return history
