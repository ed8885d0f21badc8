"""Checkpoints, from which a training run goes on after a crash and loses nothing."""

import hashlib
import io
import json
import os
from pathlib import Path

import numpy as np

FORMAT = b"momentum-lab checkpoint 1, sha256 "


class CheckpointError(RuntimeError):
    """Why a checkpoint cannot be used, in a sentence that names it."""


def save(path, params, vs, epoch, seed, **settings):
    """Write a checkpoint in place of the one before; a crash leaves one of the two, whole.

    Parameters
    ----------
    path : str or Path
    params, vs : list of NDArray
        Parameters and velocities.
    epoch : int
        How many epochs are done.
    seed : int
        From which `epoch_seed` makes the seeds of the epochs.
    **settings
        What else must be the same when the run goes on: numbers and strings.
    """
    path = Path(path)
    about = {"epoch": epoch, "seed": seed, "settings": settings}
    arrays = {
        f"{kind}{i}": array.asnumpy()
        for kind, group in (("param", params), ("v", vs))
        for i, array in enumerate(group)
    }
    file = io.BytesIO()
    np.savez(file, about=np.array(json.dumps(about)), **arrays)
    body = file.getvalue()
    new = path.with_name(f".{path.name}.new")
    with new.open("wb") as file:
        file.write(FORMAT + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())  # the content is on the disk before the file gets its name
    new.replace(path)


def load(path, seed, **settings):
    """Read a checkpoint of a run with this seed and these settings.

    Returns
    -------
    tuple
        Parameters and velocities, lists of NumPy arrays, and how many epochs are done.

    Raises
    ------
    CheckpointError
        If it is damaged, or belongs to another run.
    """
    head, _, body = Path(path).read_bytes().partition(b"\n")
    if head != FORMAT + hashlib.sha256(body).hexdigest().encode():
        raise CheckpointError(
            f"the checkpoint {path} is damaged, or is none: delete it and begin anew"
        )
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].item())
        count = (len(arrays) - 1) // 2
        params, vs = ([arrays[f"{kind}{i}"] for i in range(count)] for kind in ("param", "v"))
    saved = {"seed": about["seed"], **about["settings"]}
    for name, value in {"seed": seed, **settings}.items():
        if saved[name] != value:
            raise CheckpointError(
                f"the checkpoint {path} is of a run with {name} = {saved[name]}, not {value}"
            )
    return params, vs, about["epoch"]


def epoch_seed(seed, epoch, rank):
    """Give the seed with which a worker shuffles in an epoch, for `mx.random.seed`.

    MXNet cannot save the state of its generator; but if each epoch begins with a seed of its own,
    a run that goes on from a checkpoint shuffles as if it had never stopped. NumPy's
    `SeedSequence` mixes the three numbers, the same in all its versions, so that neither
    neighbouring epochs nor neighbouring workers have anything in common.
    """
    return int(np.random.SeedSequence((seed, epoch, rank)).generate_state(1)[0] >> 1)
