"""Start MXNet's parameter server, on this machine or on several, and watch over its processes.

In a notebook, `run` calls a function in every worker and gives what each returned. As a command::

    python -m course.cluster --workers 4 --servers 2 SCRIPT [ARGUMENT ...]

runs a script in every worker. When a process of ps-lite, the parameter server inside MXNet, dies,
the others wait for it for ever and say nothing. So all are watched here: when one fails, the rest
are ended, and a `ClusterError` says in a sentence what has happened.
"""

import argparse
import ctypes
import errno
import logging
import os
import pickle
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType

from course.cluster.packing import pack

ROOT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"
NO_STORE = "has each worker made a KVStore?"
FAILED = 1  # exit code of a worker whose answer is what it raised
PATIENCE = 10  # seconds that processes may wait for each other: every failure is told within 15


class ClusterError(RuntimeError):
    """What went wrong with a job, in a sentence; a notebook shows no traceback with it."""

    def _render_traceback_(self):
        return [f"ClusterError: {self}"]


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
    return Job(pack_task(work, args, kwargs), workers, servers, port, in_order, limit)


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

    def __init__(self, task, workers, servers, port, in_order, limit):
        self.task = task
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
                self.processes[name] = Process(name, role, {**self.variables, **own}, task)
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


# Processes


class Process:
    """A process of a job, which never outlives the launcher.

    Parameters
    ----------
    name : str
        What its lines of output begin with.
    role : str
        "scheduler", "server" or "worker".
    variables : dict
        The job's environment variables, for ps-lite.
    task : bytes, optional
        What `pack_task` gave, for a worker.
    """

    def __init__(self, name, role, variables, task=b""):
        self.name = name
        self.role = role
        self.output = self.answer = b""
        inherited = {
            key: value
            for key, value in os.environ.items()
            # PORT is set by some hosting services, and all processes of ps-lite would obey it.
            if key != "PORT" and not key.startswith(("DMLC_", "PS_"))
        }
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        own = {"DMLC_ROLE": role, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
        # The processes share the cores: a thread each, unless the user wants more.
        environment = {"OMP_NUM_THREADS": "1", **inherited, **variables, **own}
        receiver, sender = os.pipe()
        try:
            self.popen = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "from course import cluster; cluster.be_child()",
                    str(sender),
                ],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[sender],
                start_new_session=True,  # Ctrl+C reaches the launcher only
            )
        except BaseException:
            os.close(receiver)
            raise
        finally:
            os.close(sender)
        self.answers = os.fdopen(receiver, "rb")
        for pipe in (self.popen.stdout, self.answers):
            os.set_blocking(pipe.fileno(), False)
        with suppress(BrokenPipeError):  # if it has died already; its exit code will tell
            self.popen.stdin.write(task)
            # The pipe stays open: when it closes, the child knows that its launcher is gone.
            self.popen.stdin.flush()

    def read(self, pipe):
        """Read what has come through one of the two pipes; tell whether it is still open."""
        new = pipe.read()
        if pipe is self.answers:
            self.answer += new or b""
        else:
            self.output += new or b""
        return new != b""

    def show(self):
        """Print the lines that have come; once the process has ended, half a line too."""
        end = self.output.rfind(b"\n") + 1 if self.popen.poll() is None else len(self.output)
        for line in self.output[:end].decode(errors="replace").splitlines():
            print(f"[{self.name}] {line}", flush=True)
        self.output = self.output[end:]

    def failure(self):
        """Say how the process has failed."""
        code = self.popen.returncode
        if code == FAILED and self.answer:
            return f"the {self.name} failed with {pickle.loads(self.answer)}"
        if code < 0:
            return f"the {self.name} was ended by {signal.Signals(-code).name}"
        return f"the {self.name} ended with exit code {code}; its output says why"

    def kill(self):
        """Kill the process and all that it has started."""
        with suppress(ProcessLookupError):  # if nothing is left of them
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def end(self):
        """Kill the process if it is running, and close the pipes."""
        self.kill()
        for pipe in (self.popen.stdin, self.popen.stdout, self.answers):
            with suppress(BrokenPipeError):  # if it died before it had read its task
                pipe.close()


class Reader:
    """Reads what processes write, and sleeps while there is nothing."""

    def __init__(self, processes):
        self.selector = selectors.DefaultSelector()
        for process in processes:
            for pipe in (process.popen.stdout, process.answers):
                self.selector.register(pipe, selectors.EVENT_READ, process)

    def __enter__(self):
        """Give the reader itself."""
        return self

    def __exit__(self, *exception):
        """Forget the pipes."""
        self.selector.close()

    def read(self, seconds=0.05):
        """Read what there is; wait for it for so many seconds at most."""
        ready = self.selector.select(seconds)
        for key, _ in ready:
            if not key.data.read(key.fileobj):
                self.selector.unregister(key.fileobj)
        return ready

    def read_rest(self):
        """Read what is left when the processes have ended."""
        while self.read(0):
            pass


def find_failed(processes):
    """Give the first process that has ended badly, or None."""
    return next((process for process in processes if process.popen.poll()), None)


def schedule():
    """Be the scheduler, without the second that `import mxnet` takes: it does nothing in Python."""
    (folder,) = find_spec("mxnet").submodule_search_locations
    (path,) = Path(folder).glob("libmxnet.*")
    library = ctypes.CDLL(str(path))
    library.MXGetLastError.restype = ctypes.c_char_p
    store = ctypes.c_void_p()
    if library.MXKVStoreCreate(b"dist", ctypes.byref(store)) or library.MXKVStoreRunServer(
        store, None, None
    ):
        raise RuntimeError(library.MXGetLastError().decode())


def be_child():
    """Be a process of a job, started by `Process`."""
    answers = int(sys.argv.pop())
    os.set_inheritable(answers, False)
    launcher = os.dup(0)  # what the script starts inherits 0, but not this
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def follow_launcher():
        os.read(launcher, 1)  # nothing comes, but the end when the launcher is gone
        os.killpg(0, signal.SIGKILL)

    def answer(value):
        with os.fdopen(answers, "wb") as file:
            pickle.dump(value, file)

    try:
        task = None
        if os.environ["DMLC_ROLE"] == "worker":
            with os.fdopen(os.dup(launcher), "rb") as file:
                task = pickle.load(file)
        threading.Thread(target=follow_launcher, daemon=True).start()
        if os.environ["DMLC_ROLE"] == "scheduler":
            schedule()
        elif task is None:
            logging.disable(logging.INFO)  # the optimizer notes each decay there, with the time
            import mxnet  # serves until all workers have ended, then exits  # noqa: F401
        else:
            answer(do(*task))
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        if error.code:
            os._exit(error.code if isinstance(error.code, int) else 1)
        if task:
            answer(None)
    except BaseException as error:
        # Printed without our own frames. Then out at once: on the usual way the KVStore would wait
        # for the other workers, and they wait for this one's gradients.
        own = error.__traceback__
        ours = (__file__, runpy.run_path.__code__.co_filename)
        while own and own.tb_frame.f_code.co_filename in ours:
            own = own.tb_next
        traceback.print_exception(error.with_traceback(own))
        # What an error of MXNet says stands between its Python and its C++ traceback.
        lines = str(error).partition("\nStack trace")[0].strip().splitlines() or ["no message"]
        answer(f"{type(error).__name__}: {lines[-1]}")
        os._exit(FAILED)


# What a worker does


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


def do(function, args, kwargs):
    """Do what `pack_task` has packed."""
    return function(*args, **kwargs)


def run_script(script, args):
    """Run a script as `python SCRIPT ARGUMENT ...` does."""
    sys.argv = [script, *args]
    sys.path[0] = str(Path(script).resolve().parent)
    runpy.run_path(script, run_name="__main__")


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
        (one,), (two, again) = (
            struct.unpack_from("Q", info, 128),
            struct.unpack_from("2Q", info, 200),
        )
        received, sent = received + one, sent + two - again
    return sent, received


# Ports


def hold_port():
    """Take a free port of the loopback interface, until the socket is closed.

    Only ps-lite can still listen there: it sets SO_REUSEADDR, and this socket does not listen.
    """
    held = socket.socket()
    held.bind((LOOPBACK, 0))
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return held


def check_free(host, port):
    """Raise a `ClusterError` that says why nobody can listen there, if that is so."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        reason = {
            errno.EADDRINUSE: "the port is taken by another program",
            errno.EADDRNOTAVAIL: "this machine does not have the address",
            errno.EACCES: "this user is not allowed to",
        }.get(error.errno, error.strerror)
        raise ClusterError(f"cannot listen at {host}:{port}: {reason}") from None


# The command


def positive(text):
    """Read an argument that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer of at least 1, got {text!r}")
    return int(text)


def port_number(text):
    """Read a port."""
    if not text.isdecimal() or not 1 <= int(text) <= 65534:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65534, got {text!r}")
    return int(text)


def address(text):
    """Read HOST:PORT."""
    host, colon, port = text.rpartition(":")
    if not host or not colon:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, got {text!r}")
    return host, port_number(port)


def main(argv=None):
    """Run the command; give its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m course.cluster",
        description="Run SCRIPT in every worker of a parameter server on this machine; with --role, "
        "be one process of it, the others on other machines. ps-lite neither encrypts nor asks who "
        "is there: use --role in a network that you trust only.",
    )
    parser.add_argument("--workers", type=positive, default=2, metavar="N", help="(default: 2)")
    parser.add_argument("--servers", type=positive, default=1, metavar="N", help="(default: 1)")
    parser.add_argument(
        "--port", type=port_number, help="where the scheduler listens (default: a free port)"
    )
    parser.add_argument(
        "--in-order", action="store_true", help="show worker 0's output first, then worker 1's, ..."
    )
    parser.add_argument(
        "--limit", type=positive, metavar="SECONDS", help="end the job after this time"
    )
    parser.add_argument(
        "--role",
        choices=("scheduler", "server", "worker"),
        help="be this process; the same command with another role runs on the other machines",
    )
    parser.add_argument(
        "--root",
        type=address,
        metavar="HOST:PORT",
        help="the address where the scheduler listens; the port after it is used too",
    )
    parser.add_argument(
        "--wait",
        type=positive,
        default=PATIENCE,
        metavar="SECONDS",
        help=f"with --role: how long to wait for the others at the start (default: {PATIENCE})",
    )
    parser.add_argument("script", metavar="SCRIPT")
    parser.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER)
    options = parser.parse_args(argv)
    if (options.role is None) != (options.root is None):
        parser.error("--role and --root belong together: give both, or none")
    if options.role and (options.port or options.limit or options.in_order):
        parser.error("--port, --limit and --in-order are for a job on this machine, without --role")

    def leave(number, frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        if options.role:
            from course.cluster import hosts

            hosts.take_part(
                *(options.role, options.root, options.workers, options.servers),
                *(pack_task(options.script, options.arguments, {}), options.wait),
            )
        else:
            run(
                options.script,
                *options.arguments,
                workers=options.workers,
                servers=options.servers,
                port=options.port,
                in_order=options.in_order,
                limit=options.limit,
            )
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cluster: interrupted; every process has been ended", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0
