"""A job on this machine: a scheduler, servers and workers, started and watched over.

When a process of ps-lite, the parameter server inside MXNet, dies, the others wait for it for ever
and say nothing. So all are watched here: when one fails, the rest are ended, and a `ClusterError`
says in a sentence what has happened.
"""

import pickle
import time
from pathlib import Path
from types import FunctionType

from course.cluster.packing import pack
from course.cluster.process import (
    EXIT,
    LOOPBACK,
    NO_STORE,
    PATIENCE,
    ClusterError,
    Process,
    Reader,
    check_free,
    find_failed,
    hold_port,
    run_script,
)


def start(work, *args, workers=2, servers=1, port=None, in_order=False, limit=None, **kwargs):
    """Make a job of a scheduler, servers and workers on this machine, for a ``with`` statement.

    Whatever happens inside the statement, none of its processes is left afterwards.

    Parameters
    ----------
    work : function or path
        What each worker does: a function, which may be one of the notebook, or a script.
    *args, **kwargs
        The function's arguments; for a script, `args` are those of its command line.
    workers, servers : int, optional
        How many to start.
    port : int, optional
        Where the scheduler listens; otherwise at a free port.
    in_order : bool, optional
        Show the output of worker 0 first, then that of worker 1, and so on, so that it is the same
        in every run; otherwise line by line, as it comes.
    limit : float, optional
        Seconds after which the job is ended, with a `ClusterError`.

    Returns
    -------
    Job
    """
    for name, number in (("workers", workers), ("servers", servers)):
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {number!r}")
    task = pack_task(work, args, kwargs)
    return Job(task, folder_of(work), workers, servers, port, in_order, limit)


def run(work, *args, **kwargs):
    """Do a job to its end; takes what `start` takes.

    Returns
    -------
    list
        What the function returned in each worker, in the order of their ranks.

    Raises
    ------
    ClusterError
        If any process fails; the others have been ended.
    """
    with start(work, *args, **kwargs) as job:
        return job.wait()


class Job:
    """A scheduler, servers and workers on this machine; see `start`."""

    def __init__(self, task, folder, workers, servers, port, in_order, limit):
        self.task = task
        self.folder = folder
        self.names = [
            "scheduler",
            *(f"server {rank}" for rank in range(servers)),
            *(f"worker {rank}" for rank in range(workers)),
        ]
        self.variables = {"DMLC_NUM_WORKER": str(workers), "DMLC_NUM_SERVER": str(servers)}
        self.port = port
        self.in_order = in_order
        self.limit = limit
        self.processes = {}
        self.held = []

    def __enter__(self):
        """Start every process."""
        try:
            if self.port is not None:
                check_free(LOOPBACK, self.port)
            self.held = [hold_port() for _ in self.names]
            ports = sorted(held.getsockname()[1] for held in self.held)
            self.variables["DMLC_PS_ROOT_URI"] = self.variables["DMLC_NODE_HOST"] = LOOPBACK
            self.variables["DMLC_PS_ROOT_PORT"] = str(self.port or ports[0])
            for name, port in zip(self.names, ports):
                role = name.split()[0]
                # ps-lite ranks by port: in this order, our worker i has rank i in the KVStore.
                own = {} if role == "scheduler" else {"PORT": str(port)}
                task = self.task if role == "worker" else b""
                variables = {**self.variables, **own}
                self.processes[name] = Process(name, role, variables, task, self.folder)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *exception):
        """End what is still running."""
        self.end()

    def end(self):
        """End every process and give the ports back."""
        for process in self.processes.values():
            process.end()
        for held in self.held:
            held.close()

    def kill(self, name):
        """Kill "scheduler", "server 0", "worker 1", ..., to see what happens then."""
        self.processes[name].popen.kill()  # does nothing if it has ended

    def wait(self):
        """Show what the processes write until all workers have ended; see `run`."""
        processes = list(self.processes.values())
        workers = [process for process in processes if process.role == "worker"]
        started, first_end, last_end = time.monotonic(), None, None
        standstill = Standstill(processes)
        with Reader(processes) as reader:
            while True:
                reader.read()
                self.show()
                now = time.monotonic()
                failed = find_failed(processes)
                running = [process for process in processes if process.popen.poll() is None]
                waiting = [process for process in workers if process in running]
                serving = len(running) > len(waiting)  # until all workers have left the KVStore
                if len(waiting) < len(workers):
                    first_end = first_end or now
                if not waiting:
                    last_end = last_end or now
                reason = None
                if waiting and serving and first_end and now - first_end > PATIENCE:
                    reason = f"the {waiting[0].name} waits for workers that have ended: {NO_STORE}"
                elif found := standstill.lost() or standstill.look(now):
                    reason = found
                elif self.limit and now - started > self.limit:
                    reason = f"the job had not come to an end after {self.limit:g} s"
                if failed or reason:
                    for process in processes:
                        process.kill()
                    reader.read_rest()
                    self.show(everything=True)
                    raise ClusterError(failed.failure() if failed else reason)
                # Scheduler and servers end by themselves, unless no worker has made a KVStore.
                if last_end and (not serving or now - last_end > 2):
                    reader.read_rest()
                    self.show(everything=True)
                    if lost := standstill.lost():
                        raise ClusterError(lost)
                    return [pickle.loads(worker.answer) for worker in workers]

    def show(self, everything=False):
        """Print the lines that have come, each with the name of its process."""
        processes = self.processes.values()
        if self.in_order:
            processes = sorted(processes, key=lambda process: process.role != "worker")
        for process in processes:
            process.show()
            if self.in_order and not everything and process.popen.poll() is None:
                break  # the others' turn comes when this one has ended


class Standstill:
    """Finds out when the workers wait for each other and nothing will come.

    One that has pushed a key less often than another, or does not come to a barrier, keeps the
    other waiting for ever; if it has nothing left to do, it waits itself, at its exit.

    Parameters
    ----------
    processes : list of Process
    """

    def __init__(self, processes):
        self.processes = processes
        self.workers = [process for process in processes if process.role == "worker"]
        self.activity, self.since, self.next = None, 0, 0
        self.asked = False

    def look(self, now):
        """Say who waits for what, if nothing has moved for `PATIENCE` seconds; otherwise None.

        A worker that sleeps, or waits for anything but MXNet, may go on by itself.
        """
        if self.asked and all(worker.report for worker in self.workers):
            if all(worker.report[0] for worker in self.workers):
                places = (f"{worker.name} at {worker.report[0]}" for worker in self.workers)
                told = [f"the workers wait for each other, and nothing comes: {', '.join(places)}"]
                return "; ".join(told + list(self.uneven())[:1])
            self.asked, self.activity = False, None
        elif self.asked and now - self.since > 3 * PATIENCE:  # one was not able to report
            self.asked, self.activity = False, None
        elif not self.asked and now >= self.next:
            self.next = now + PATIENCE / 10
            activity = [process.activity() for process in self.processes]
            if None in activity or activity != self.activity:
                self.activity, self.since = activity, now
            elif now - self.since > PATIENCE:
                self.asked = True
                for worker in self.workers:
                    if not worker.answer:
                        worker.ask()
        return None

    def lost(self):
        """Say which pushes have got lost, if the workers have done their work; otherwise None."""
        if all(worker.report and worker.report[0] == EXIT for worker in self.workers):
            return next(self.uneven(), None)
        return None

    def uneven(self):
        """Yield, for each key that a worker has pushed more often than another, who how often."""
        counts = [worker.report[1] for worker in self.workers]
        for key in sorted(set().union(*counts)):
            numbers = [count.get(key, 0) for count in counts]
            if len(set(numbers)) > 1:
                what = "barriers" if key == "barrier" else f"pushes of key {key}"
                said = ", ".join(f"{n} by {w.name}" for n, w in zip(numbers, self.workers))
                yield f"{what}: {said}; each must be done by all workers"


def folder_of(work):
    """Give the folder in which a script's modules stand; a notebook's is the working directory."""
    return str(Path.cwd() if isinstance(work, FunctionType) else Path(work).resolve().parent)


def pack_task(work, args, kwargs):
    """Pack a function or a script, with its arguments, for the workers."""
    if isinstance(work, FunctionType):
        return pack((work, args, kwargs))
    if not isinstance(work, str | Path):
        raise TypeError(f"work must be a function or the path of a script, got {work!r}")
    script = Path(work)
    if not script.is_file():
        raise ClusterError(f"SCRIPT must be a Python file; there is no file {script}")
    return pack((run_script, (str(script), [str(arg) for arg in args]), kwargs))
