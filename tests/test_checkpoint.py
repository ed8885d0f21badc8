"""Checkpoints, and how examples and seeds are shared out: what needs no process."""

import os
import random
import re

import numpy as np
import pytest

from course.cluster import checkpoint, regression

X, y = regression.make_data(400)


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


def test_a_checkpoint_with_momentum_on_the_server_is_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    with pytest.raises(checkpoint.CheckpointError, match="MXNet cannot save the velocities there"):
        regression.train_on_server(X, y, 20, 0.1, 1, 0.9, 1, path=path)
    assert not path.exists()


def test_batches_that_cannot_be_shared_are_refused():
    class Store:
        rank, num_workers = 0, 4

    with pytest.raises(
        ValueError, match="batch_size must be a multiple of the number of workers, 4; got 10"
    ):
        regression.my_part(Store, X, y, 10)
    with pytest.raises(ValueError, match="the number of examples must be a multiple of"):
        regression.my_part(Store, X[:399], y[:399], 20)
