"""Where learners' notebooks run: a server that has run a chapter's own cells, and its children.

`judge.py` starts this file by itself, outside of the package. It walls itself in, imports MXNet,
runs the chapter's own cells, and then forks for each notebook a process that gets walls of its own
and runs what the learner wrote. A check that is called there asks the judge over a socket.
"""

import contextlib
import ctypes
import fcntl
import gc
import os
import platform
import re
import resource
import signal
import socket
import struct
import sys
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1,
    2,
    4,
    32,
    4096,
    2**14,
    2**18,
)
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
COURSE = "/course"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc")
SPACE = "size=64m,mode=1777"  # of each folder that can be written to

libc = ctypes.CDLL(None, use_errno=True)


def _must(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source, target, kind=None, flags=0, data=None):
    coded = [None if one is None else os.fsencode(one) for one in (source, target, kind)]
    _must(libc.mount(*coded, ctypes.c_ulong(flags), data and data.encode()), f"mount {target}")


def _unshare(flags):
    _must(libc.unshare(flags), "unshare")


# What stands between a learner's code and the rest of the machine.


def wall_in(config):
    """Leave for a root folder with the system, Python and the course in it, read-only, no more."""
    user, group = os.geteuid(), os.getegid()
    spaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET
    if user == 0:
        _unshare(spaces)
    else:
        _unshare(spaces | CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    root = Path(config["folder"]) / "root"
    root.mkdir(exist_ok=True)
    _mount("tmpfs", root, "tmpfs", 0, "mode=755")
    given = {name: f"/given/{n}" for n, name in enumerate(config["python"])}
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            (root / path.relative_to("/")).symlink_to(path.readlink())
        elif path.is_dir():
            _bind(path, root / path.relative_to("/"))
    for secret in config["hidden"]:  # a course that was unpacked in /usr/local, say
        if (target := root / secret.lstrip("/")).is_dir():
            _mount("tmpfs", target, "tmpfs", 0, "size=64k,mode=755")
    for name, again in given.items():
        _bind(name, root / again.lstrip("/"))
        if not (target := root / name.lstrip("/")).is_dir():
            _bind(name, target)
            for secret in config["hidden"]:
                if secret != name and secret.startswith(name + "/"):
                    _mount("tmpfs", root / secret.lstrip("/"), "tmpfs", 0, "size=64k,mode=755")
    _bind(config["course"], root / "course")
    (root / "dev").mkdir(exist_ok=True)
    _mount("tmpfs", root / "dev", "tmpfs", 0, "mode=755")
    for name in ("null", "zero", "full", "random", "urandom"):
        (root / "dev" / name).touch()
        _mount(f"/dev/{name}", root / "dev" / name, None, MS_BIND)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1")):
        (root / "dev" / name).symlink_to(target)
    (root / "dev/shm").mkdir(exist_ok=True)
    (root / "proc").mkdir(exist_ok=True)
    _mount("/proc", root / "proc", None, MS_BIND | MS_REC)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "old").mkdir(exist_ok=True)
    _fresh_folders(config, root)


def _bind(path, target):
    target.mkdir(parents=True, exist_ok=True)
    _mount(path, target, None, MS_BIND | MS_REC)
    flags = os.statvfs(target).f_flag & (MS_NOSUID | MS_NODEV | 8 | 1024 | 2048)  # kept, as must be
    _mount(None, target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | flags)


def _fresh_folders(config, root=Path("/")):
    for name in ("tmp", "dev/shm", "course/notebooks/zh", "course/notebooks/en"):
        _mount("tmpfs", root / name, "tmpfs", MS_NOSUID | MS_NODEV, SPACE)
    for number, name in enumerate(config["python"]):
        if name.startswith("/tmp/"):
            _bind(root / f"given/{number}", root / name.lstrip("/"))


def change_root(config):
    """Make the new root the only one."""
    root = os.fsencode(Path(config["folder"]) / "root")
    _must(libc.syscall(PIVOT_ROOT[platform.machine()], root, root + b"/old"), "pivot_root")
    os.chdir("/")
    _must(libc.umount2(b"/old", 2), "umount2")


def _loopback():
    """Bring the new network's loopback up; there is no other way out of it."""
    with socket.socket() as sock, contextlib.suppress(OSError):
        request = struct.pack("16sH14s", b"lo", 1 | 64, b"")
        fcntl.ioctl(sock, 0x8914, request)


def wall_in_one(config):
    """Give one learner's process folders, processes and a network that nobody else has."""
    kept = Path(config["here"])
    left = {p.name: p.read_bytes() for p in kept.iterdir() if p.is_file()}  # by the chapter's cells
    _unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC)
    child = os.fork()
    if child:
        return child
    os.setsid()  # of a group with nobody outside
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    _fresh_folders(config)
    try:
        _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV)
    except OSError:  # in some containers: then there is none
        _mount("tmpfs", "/proc", "tmpfs", 0, "size=4k")
    _mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY)
    _loopback()
    os.chdir(config["here"])
    for name, content in left.items():
        Path(name).write_bytes(content)
        Path(name).chmod(0o666)
    return 0


def drop_rights(config):
    """Give up every privilege for good."""
    walled, user = config["walls"], config["user"]
    if walled:
        for capability in range(64):
            libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
        if os.getuid() == 0 and user:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        header, none = struct.pack("Ii", 0x20080522, 0), bytes(24)
        _must(libc.capset(header, none), "capset")
    if sys.platform == "linux":
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
    now = 0
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        now = next(int(line.split()[1]) for line in lines if line.startswith("VmData")) * 1024
    for name, value in {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": 2**26,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_NPROC": config["processes"],
        "RLIMIT_DATA": now + config["memory"],
        "RLIMIT_CPU": int(config["seconds"]) + 30,
    }.items():
        if hasattr(resource, name):
            with contextlib.suppress(OSError, ValueError):
                number = getattr(resource, name)
                hard = resource.getrlimit(number)[1]
                value = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.setrlimit(number, (value, value))


def readable(config, paths):
    """Say what keeps a learner's process from reading Python's files; "" if nothing does."""
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            drop_rights(config)
            for path in paths:
                Path(path).read_bytes()
            os._exit(0)
        os._exit(1)
    return "Python's folder can be read by its owner alone" if os.waitpid(child, 0)[1] else ""


# What runs there.


class Runner:
    """IPython without a kernel, which runs cells and shows nothing."""

    def __init__(self):
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        self.shell = InteractiveShell.instance(config=config)
        self.shell.enable_gui = lambda *given: None
        self.shell.showtraceback = lambda *given, **named: None
        self.shell.showsyntaxerror = lambda *given, **named: None

    def run(self, source):
        """Run a cell; give the exception that ended it, or None."""
        import matplotlib.pyplot as plt

        result = self.shell.run_cell(source, store_history=False, silent=True)
        plt.close("all")
        return result.error_before_exec or result.error_in_exec


def stand_in_checks(names, ask):
    """Make `course.checks` a module whose checks ask the judge."""
    from course import checks

    def find(name):
        if name not in names:
            raise AttributeError(f"module 'course.checks' has no attribute '{name}'")

        def check(*answers, **named):
            return ask(name, answers, named)

        check.__name__ = check.__qualname__ = name
        return check

    checks.__getattr__ = find


def limited(seconds, error):
    """Raise the error in the main thread after so many seconds of computing, again and again."""

    def handler(signum, frame):
        raise error

    signal.signal(signal.SIGPROF, handler)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.2 if seconds else 0)


def be_a_learner(config, job, sock, runner):
    """Run what a learner wrote, cell by cell."""
    import wire

    asking = []

    def end():
        limited(0, wire.TimeIsUp)

    peer = wire.Peer(
        sock, before=lambda: limited(config["call"], wire.TimeIsUp), after=end, graphs=True
    )

    def ask(name, answers, named):
        if asking:
            raise RuntimeError("a check within a check")
        asking.append(name)
        end()
        try:
            coded = [peer.encode(one) for one in answers]
            others = {key: peer.encode(value) for key, value in named.items()}
            wire.send(sock, {"check": name, "args": coded, "named": others})
            peer.until("judged")
        finally:
            peer.forget()
            asking.clear()
        limited(config["cell"], wire.TimeIsUp)
        return True  # never the verdict itself: who guesses must not be told

    stand_in_checks(job["checks"], ask)
    for number, source in enumerate(job["cells"]):
        limited(config["cell"], wire.TimeIsUp)
        try:
            error = runner.run(source)
        except BaseException as caught:  # whatever escapes IPython
            error = caught
        end()
        if isinstance(error, (wire.Gone, wire.Broken)):
            os._exit(1)
        said = ""
        if error is not None:
            name = type(error).__name__
            try:
                text = re.sub(r"<(ipython-)?input-[^>]*>, ", "", wire.short(str(error), 300))
                said = f"{name}: {text}"
            except Exception:
                said = name
        wire.send(sock, {"cell": number, "error": said})
    wire.send(sock, {"end": True})


def serve(config, control, runner):
    """Fork for each job, and tell the judge when its process has ended."""
    import wire

    while True:
        try:
            content, fds, _, _ = socket.recv_fds(control, 1, 1)
            if not content:
                return
            job = wire.receive(control)
        except (wire.Gone, OSError):
            return
        sock = socket.socket(fileno=fds[0])
        told, tell = os.pipe()
        outer = os.fork()
        if not outer:
            os.close(told)
            with contextlib.suppress(BaseException):
                os.setsid()
                inner = wall_in_one(config) if config["walls"] else 0
                if inner:
                    os.write(tell, struct.pack("i", inner))
                    os.close(tell)
                    sock.close()
                    control.close()
                    os.waitpid(inner, 0)
                    os._exit(0)
                control.close()
                drop_rights(config)
                keep = os.dup2(sock.fileno(), 100)
                sock = socket.socket(fileno=keep)
                os.closerange(3, 100)
                os.closerange(101, 4096)
                be_a_learner(config, job, sock, runner)
            os._exit(0)
        os.close(tell)
        sock.close()
        inner = os.read(told, 4)
        os.close(told)
        inner = struct.unpack("i", inner)[0] if len(inner) == 4 else outer
        wire.send(control, {"started": inner})
        _wait(control, outer, inner)
        with contextlib.suppress(OSError):
            wire.send(control, {"ended": inner})


def _wait(control, outer, inner):
    """Wait for a child's end; if the judge has died, end it."""
    watch = os.pidfd_open(outer) if hasattr(os, "pidfd_open") else None
    import select

    while True:
        ready = select.select(
            [control, *([] if watch is None else [watch])], [], [], 0.02 if watch is None else None
        )[0]
        if control in ready:  # the judge says nothing meanwhile, so it has died, or wants an end
            with contextlib.suppress(OSError):
                control.recv(1)
            for one in (inner, outer):
                with contextlib.suppress(OSError):
                    os.kill(one, signal.SIGKILL)
            if not config_walls():
                with contextlib.suppress(OSError):
                    os.killpg(outer, signal.SIGKILL)
        if os.waitpid(outer, os.WNOHANG)[0]:
            break
    if watch is not None:
        os.close(watch)


WALLS = [True]


def config_walls():
    """Tell whether there are walls."""
    return WALLS[0]


def main():
    """Serve the judge, whose socket is the number given."""
    control = socket.socket(fileno=int(sys.argv[1]))
    here = str(Path(__file__).parent)
    sys.path[:] = [one for one in sys.path if Path(one or ".").resolve() != Path(here)]
    sys.path.insert(0, here)
    first = control.recv(4, socket.MSG_WAITALL)
    import json

    config = json.loads(control.recv(struct.unpack(">I", first)[0], socket.MSG_WAITALL))
    WALLS[0] = config["walls"]
    problem = ""
    if config["walls"]:
        try:
            wall_in(config)
        except (OSError, KeyError) as error:
            problem, config["walls"] = str(error), False
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.font_manager
    import matplotlib.pyplot
    import mxnet
    import numpy
    import wire

    if not problem and config["walls"]:
        change_root(config)
        problem = readable(config, [numpy.__file__, mxnet.__file__, os.__file__])
    if problem:
        wire.send(control, {"problem": problem})
        return
    runner = Runner()
    if config["walls"]:
        _loopback()
        sys.path.remove(here)
    root = COURSE if config["walls"] else str(Path(config["folder"]) / "course")
    config["here"] = f"{root}/notebooks/{config['language']}"
    os.chdir(config["here"])
    sys.path.insert(0, root)
    os.environ |= {"HOME": "/tmp", "MPLCONFIGDIR": "/tmp"}
    said = []
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    stand_in_checks(config["checks"], lambda *given: True)
    for name, source in config["cells"]:
        error = runner.run(source)
        if error is not None:
            said.append(f"{name}: {type(error).__name__}: {wire.short(str(error), 200)}")
    mxnet.nd.waitall()
    gc.collect()
    wire.send(control, {"ready": said})
    serve(config, control, runner)


if __name__ == "__main__":
    main()
