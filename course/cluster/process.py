"""The processes of a job: how a launcher starts and watches them, and what each does."""

import ctypes
import errno
import functools
import importlib.util
import json
import linecache
import os
import pickle
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections import Counter
from contextlib import suppress
from pathlib import Path

BE_CHILD = "from course.cluster.process import be_child; be_child()"
ROOT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"
NO_STORE = "has each worker made a KVStore?"
NO_SERVER = (
    "the MXNet installed here was built without its parameter server, as that for Linux aarch64 is; "
    "the stored outputs show what a run gives"
)
REPORT = b"?"  # what a worker's report begins with; no pickle does
EXIT = "its exit"  # the place of a worker that has done its work
FAILED = 1  # exit code of a child whose answer is what it raised
PATIENCE = 10  # seconds that processes may wait for each other: every failure is told within 15


class ClusterError(RuntimeError):
    """What went wrong with a job, in a sentence; a notebook shows no traceback with it."""

    def _render_traceback_(self):
        return [f"ClusterError: {self}"]


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
    folder : str, optional
        That of the script or the notebook, so that a server finds the modules beside it.
    """

    def __init__(self, name, role, variables, task=b"", folder=""):
        self.name = name
        self.role = role
        self.output = self.answer = b""
        self.report = None
        inherited = {
            key: value
            for key, value in os.environ.items()
            # PORT is set by some hosting services, and all processes of ps-lite would obey it.
            if key != "PORT" and not key.startswith(("DMLC_", "PS_"))
        }
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH"), folder]))
        own = {"DMLC_ROLE": role, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
        # The processes share the cores: a thread each, unless the user wants more.
        environment = {"OMP_NUM_THREADS": "1", **inherited, **variables, **own}
        receiver, sender = os.pipe()
        try:
            self.popen = subprocess.Popen(
                [sys.executable, "-c", BE_CHILD, str(sender)],
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
            while self.answer.startswith(REPORT) and b"\n" in self.answer:
                report, _, self.answer = self.answer.partition(b"\n")
                self.report = json.loads(report.removeprefix(REPORT))
        else:
            self.output += new or b""
        return new != b""

    def show(self):
        """Print the lines that have come; once the process has ended, half a line too."""
        end = self.output.rfind(b"\n") + 1 if self.popen.poll() is None else len(self.output)
        for line in self.output[:end].decode(errors="replace").splitlines():
            print(f"[{self.name}] {line}", flush=True)
        self.output = self.output[end:]

    def ask(self):
        """Let a worker report, see `be_child`; `read` puts that into `report`."""
        self.report = None
        with suppress(BrokenPipeError):
            self.popen.stdin.write(b"?")
            self.popen.stdin.flush()

    def activity(self):
        """Give what is another value later if the process did anything in between.

        None if it is at work, or waits for its turn to be: on a busy machine that is no standstill.
        """
        found = {}
        for stat in Path(f"/proc/{self.popen.pid}/task").glob("*/stat"):
            with suppress(OSError):  # if the thread has ended
                state, *fields = stat.read_text().rpartition(")")[2].split()
                if state not in "SZX":
                    return None
                found[stat.parent.name] = fields[10:12]  # the time it has had of a processor
        return found

    def failure(self):
        """Say how the process has failed."""
        code = self.popen.returncode
        if code == FAILED and self.answer:
            raised = pickle.loads(self.answer)
            if "USE_DIST_KVSTORE" in raised:
                return NO_SERVER
            return f"the {self.name} failed with {raised}"
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


# What a child does


def be_child():
    """Be a process of a job, started by `Process`."""
    # The launcher may have been started with SIGINT ignored, and hands that down.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    answers = int(sys.argv.pop())
    os.set_inheritable(answers, False)
    launcher = os.dup(0)  # what the script starts inherits 0, but not this
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    answering = threading.Lock()
    counts = Counter()

    def report(place):
        """Say where the worker is, and what `count_pushes` has counted."""
        os.write(answers, REPORT + json.dumps([place, counts]).encode() + b"\n")

    def follow_launcher():
        while os.read(launcher, 1):  # or nothing: the launcher is gone
            if answering.acquire(blocking=False):  # else the answer is on its way
                report(waiting_line())
                answering.release()
        os.killpg(0, signal.SIGKILL)

    def answer(value):
        pickled = pickle.dumps(value)
        answering.acquire()
        report(EXIT)
        with os.fdopen(answers, "wb") as file:
            file.write(pickled)

    def fail(error):
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

    try:
        works = os.environ["DMLC_ROLE"] == "worker"
        if works:
            count_pushes(counts)
            with os.fdopen(os.dup(launcher), "rb") as file:
                task = pickle.load(file)
        threading.Thread(target=follow_launcher, daemon=True).start()
        if works:
            answer(do(*task))
        else:
            serve(fail)
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        if error.code:
            os._exit(error.code if isinstance(error.code, int) else 1)
        answer(None)
    except BaseException as error:
        fail(error)


def count_pushes(counts):
    """Count in `counts`, once MXNet is imported, what a worker does together with all others.

    That is how often it pushes each key of a synchronous KVStore, and comes to a barrier.
    """

    def counted(method):
        def call(store, *args, **kwargs):
            key = args[0] if args else kwargs.get("key", "barrier")
            if "dist" in store.type and ("async" not in store.type or key == "barrier"):
                counts.update(map(str, key if isinstance(key, list | tuple) else [key]))
            return method(store, *args, **kwargs)

        return functools.wraps(method)(call)

    class Finder:
        def find_spec(self, name, *_):
            if name != "mxnet.kvstore.kvstore":
                return None
            sys.meta_path.remove(self)
            spec = importlib.util.find_spec(name)
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                for name in ("push", "pushpull", "_barrier"):
                    setattr(module.KVStore, name, counted(getattr(module.KVStore, name)))

            spec.loader.exec_module = exec_module
            return spec

    sys.meta_path.insert(0, Finder())


def waiting_line():
    """Give the line in which the main thread waits for MXNet, with its number; else nothing."""
    frame = sys._current_frames()[threading.main_thread().ident]
    if not frame.f_globals.get("__name__", "").startswith("mxnet."):
        return ""
    while frame.f_globals.get("__name__", "").startswith("mxnet."):
        frame = frame.f_back
    if frame.f_code.co_filename == __file__:  # the function has returned, and MXNet cleans up
        return EXIT
    number = frame.f_lineno
    line = linecache.getline(frame.f_code.co_filename, number).strip()
    return f"line {number}" + (f", `{line}`" if line else "")


def serve(fail):
    """Be the scheduler or a server, without the second of computing that `import mxnet` takes.

    The C library needs no Python for either, until a server is sent an optimizer; if that cannot be
    used, then or in an update, `fail` is called with what it raises.
    """
    (folder,) = importlib.util.find_spec("mxnet").submodule_search_locations
    (path,) = Path(folder).glob("libmxnet.*")
    library = ctypes.CDLL(str(path))
    library.MXGetLastError.restype = ctypes.c_char_p
    handle = ctypes.c_void_p()
    store = None

    @ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
    def take_optimizer(_, pickled, __):
        nonlocal store
        try:
            if store is None:
                os.environ["DMLC_ROLE"] = "worker"  # in a server, the import serves and then exits
                import mxnet

                os.environ["DMLC_ROLE"] = "server"
                store = mxnet.kv.KVStore(handle)
            try:
                optimizer = pickle.loads(pickled)
            except (AttributeError, ImportError) as error:
                raise type(error)(
                    f"{error}. What is sent to a server must be of classes that a module defines, "
                    "for example one beside the notebook or the script"
                ) from None
            store.set_optimizer(optimizer)
        except BaseException as error:  # would be ignored, and the job go on without
            fail(error)

    # What an update raises, in a callback of the C library.
    sys.unraisablehook = lambda raised: fail(raised.exc_value)
    if library.MXKVStoreCreate(b"dist", ctypes.byref(handle)) or library.MXKVStoreRunServer(
        handle, take_optimizer, None
    ):
        raise RuntimeError(library.MXGetLastError().decode())
    sys.unraisablehook = sys.__unraisablehook__


def do(function, args, kwargs):
    """Do what `pack_task` has packed."""
    return function(*args, **kwargs)


def run_script(script, args):
    """Run a script as `python SCRIPT ARGUMENT ...` does."""
    sys.argv = [script, *args]
    sys.path[0] = str(Path(script).resolve().parent)
    runpy.run_path(script, run_name="__main__")


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
