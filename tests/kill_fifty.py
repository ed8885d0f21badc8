"""Kill a process of a job at a random moment, fifty times: `python tests/kill_fifty.py`.

Each time the job must say in a sentence what has happened and leave no process behind, and, begun
again from its checkpoint, end at the numbers of a run that nothing has broken.
"""

import argparse
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
from jobs import flat, left, mark

from course import cluster
from course.cluster import checkpoint, regression

NAMES = ("scheduler", "server 0", "worker 0", "worker 1")
SAID = "the {} was ended by SIGKILL"
# With two workers a sum of gradients is the same in either order, so that runs agree in every bit.
EPOCHS, EXAMPLES = 40, 1000
RUN = {"batch_size": 20, "lr": 0.002, "decay": 0.9, "mom": 0.9}


def train(epochs, path=None, resume=False):
    """Give a job that trains on two workers."""
    return cluster.start(
        regression.train_on_workers,
        *regression.make_data(EXAMPLES),
        **RUN,
        epochs=epochs,
        path=path,
        resume=resume,
    )


def numbers(answers):
    """Give all workers' parameters at the end, as one array."""
    return np.concatenate([flat(history[-1]) for history in answers])


def unbroken(epochs):
    """Give the answers of a run that nothing breaks, and how many seconds it took."""
    started = time.monotonic()
    with train(epochs) as job:
        return job.wait(), time.monotonic() - started


def kill_and_resume(epochs, name, path, moments):
    """Kill a process at one of `moments`, and resume.

    Parameters
    ----------
    epochs : int
        Of the whole run.
    name : str
        Which process.
    path : Path
        Where the checkpoint is to be.
    moments : iterator of float
        Seconds from the start; the next is taken when the job has ended before.

    Returns
    -------
    dict
        The moment, what the job said, how many seconds after the kill, how many epochs were in the
        checkpoint, the processes left, and the numbers at the end.
    """
    marked = mark()
    for moment in moments:
        path.unlink(missing_ok=True)
        killed = []
        with train(epochs, str(path)) as job:

            def kill(job=job, killed=killed):
                killed.append(time.monotonic())
                job.kill(name)

            timer = threading.Timer(moment, kill)
            timer.start()
            try:
                job.wait()
                said = None
            except cluster.ClusterError as error:
                said, seconds = str(error), time.monotonic() - killed[0]
            timer.cancel()
            timer.join()
        if said:
            break
    processes = left(marked)
    settings = RUN | {"workers": 2, "examples": EXAMPLES}
    done = checkpoint.load(path, regression.SEED, **settings)[2] if path.exists() else 0
    with train(epochs, str(path), resume=True) as job:
        end = numbers(job.wait())
    return {
        "moment": moment,
        "said": said,
        "seconds": seconds,
        "epochs": done,
        "left": processes + left(marked),
        "numbers": end,
    }


def main():
    """Kill as often as asked, print a line for each time and a summary; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    print(f"seed {options.seed}")
    rng = random.Random(options.seed)
    answers, duration = unbroken(EPOCHS)
    expected = numbers(answers)
    moments = iter(lambda: rng.uniform(0, duration), None)
    reports, resumes, waits = 0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        for run in range(options.runs):
            name = rng.choice(NAMES)
            found = kill_and_resume(EPOCHS, name, Path(folder, "run.ckpt"), moments)
            clean = found["said"] == SAID.format(name) and not found["left"]
            same = np.array_equal(found["numbers"], expected)
            reports, resumes = reports + clean, resumes + same
            waits.append(found["seconds"])
            print(
                f"{run + 1:3} {found['moment']:5.2f} s: {found['said']} (told after "
                f"{found['seconds']:.2f} s, {len(found['left'])} processes left); resumed after "
                f"{found['epochs']} epochs of {EPOCHS}: "
                + ("the same numbers" if same else f"OTHER NUMBERS {found['numbers']}"),
                flush=True,
            )
    print(f"an unbroken run takes {duration:.1f} s")
    print(f"{reports} clean reports of {options.runs}, told after", end=" ")
    print(f"{statistics.median(waits):.2f} s (median), {max(waits):.2f} s (longest)")
    print(f"{resumes} resumed runs of {options.runs} ended at the unbroken run's numbers")
    return 0 if reports == resumes == options.runs else 1


if __name__ == "__main__":
    sys.exit(main())
