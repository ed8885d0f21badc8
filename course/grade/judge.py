"""A process that judges: it has the checks, and asks learners' processes for values.

`python -m course.grade.judge` takes a job a line, and answers with what came of it. No code of a
learner's is executed in it: what a check calls is a stand-in, which calls the learner's function
in the learner's process (`inside.py`), and what comes back are numbers, arrays and words.
"""

import contextlib
import hashlib
import inspect
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
from pathlib import Path

import numpy as np
import psutil

from course import checks
from course.checks import verdict
from course.grade import wire

INSIDE = Path(__file__).with_name("inside.py")
TRIES = 20  # verdicts on one exercise of one notebook
SERVERS = 3  # of chapters, kept at a time
MEMORY = 2 * 2**30  # bytes, beside what the chapter's own cells took
CALL = 4  # seconds of computing for a call of a learner's function
CELLS = 4  # times the seconds for a cell are those for a notebook
PROCESSES = 60  # at a time; where there are walls, no more than 48 can be started
SLOWEST = 15  # times the seconds of computing, in which they must be over
IDLE = 30  # seconds in which nothing at all is computed
verdict.SECONDS = 10**6  # the learner's process limits itself, by computing time, and is watched
wire.Peer.time_is_up = verdict.TimeIsUpError


def fingerprint():
    """Give the functions of the checks and their code, as they are in this process."""
    return {
        (name, key): (value, inspect.unwrap(value).__code__)
        for name, module in sorted(sys.modules.items())
        if name.startswith("course.checks")
        for key, value in vars(module).items()
        if isinstance(value, types.FunctionType)
    }


def threads():
    """Count the threads of this user, as the system's limit does."""
    count = 0
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            count += one.num_threads() if one.uids().real == os.getuid() else 0
    return count


class Server:
    """A process that has run a chapter's own cells, and forks a process a notebook."""

    def __init__(self, settings, chapter):
        self.folder = tempfile.TemporaryDirectory(dir=settings["folder"])
        self.control, theirs = socket.socketpair()
        folder = Path(settings["course"])
        if not settings["walls"]:  # a copy of its own, as it could be written to
            shutil.copytree(folder, Path(self.folder.name) / "course")
        config = {
            "walls": settings["walls"],
            "folder": self.folder.name,
            "course": str(folder),
            "hidden": settings["hidden"],
            "python": settings["python"],
            "user": 60000 + os.getpid() % 1000 if os.geteuid() == 0 else 0,  # nobody's else
            "language": "en",
            "cells": chapter["cells"],
            "checks": settings["checks"],
            "cell": settings["seconds"],
            "call": CALL,
            "seconds": settings["seconds"] * CELLS,
            "memory": MEMORY,
            "processes": 48 if settings["walls"] else 48 + threads(),
        }
        environment = {
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "MPLCONFIGDIR", "HOME")
        }
        environment |= {
            # With one thread each, a fork is whole; and there are as many processes as cores.
            "MXNET_ENGINE_TYPE": "NaiveEngine",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "MXNET_CPU_WORKER_NTHREADS": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(INSIDE), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=environment,
            cwd=self.folder.name,
        )
        theirs.close()
        wire.send(self.control, config)
        answer = wire.receive(self.control)
        if "problem" in answer:
            self.close()
            raise OSError(answer["problem"])
        self.said = answer["ready"]

    def start(self, job):
        """Start a learner's process; give its socket and number."""
        mine, theirs = socket.socketpair()
        socket.send_fds(self.control, [b"j"], [theirs.fileno()])
        theirs.close()
        wire.send(self.control, job)
        return mine, wire.receive(self.control)["started"]

    def finish(self, number):
        """End a learner's process, if it has not ended, with all that it has started."""
        with contextlib.suppress(OSError):
            os.kill(number, 9)
        wire.receive(self.control)

    def close(self):
        """End the server."""
        self.control.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


class Watch(threading.Thread):
    """Ends a learner's processes that take too much, and says why."""

    def __init__(self, number, seconds, peer):
        super().__init__(daemon=True)
        self.seconds, self.peer = seconds, peer
        self.number, self.reason, self.over = number, None, threading.Event()

    def run(self):
        """Look every now and then."""
        seen, since, base = 0.0, time.monotonic(), None
        latest = since + SLOWEST * self.seconds
        while not self.over.wait(0.3):
            memory = computed = 0
            try:
                first = psutil.Process(self.number)
                family = [first, *first.children(recursive=True)]
            except psutil.Error:
                return
            for one in family:
                with contextlib.suppress(psutil.Error):
                    took = one.cpu_times()
                    computed += sum(took[:4])
                    size = one.memory_info().rss
                    base = size if base is None else base
                    memory += max(0, size - base)
            if computed > seen + 0.05 or not self.peer.listening:
                seen, since = max(computed, seen), time.monotonic()
            if memory > MEMORY:
                self.reason = "memory"
            elif computed > self.seconds:
                self.reason = "time"
            elif time.monotonic() > min(since + IDLE, latest):
                self.reason = "idle"
            elif len(family) > PROCESSES:
                self.reason = "processes"
            if self.reason:
                for one in family:  # the first is the first of its namespace: all end with it
                    with contextlib.suppress(psutil.Error):
                        one.kill()
                return


class Judge:
    """Judges notebooks one after the other."""

    def __init__(self, settings):
        self.settings, self.servers = settings, {}
        self.whole = fingerprint()

    def server(self, name):
        """Give the chapter's server; the one that was not used for longest makes room."""
        server = self.servers.pop(name, None)
        if server is None:
            if len(self.servers) >= SERVERS:
                self.servers.pop(next(iter(self.servers))).close()
            server = Server(self.settings, self.settings["chapters"][name])
        self.servers[name] = server
        return server

    def judge(self, job):
        """Run one notebook's cells, and give the verdict on each exercise that answered.

        Returns
        -------
        dict
            ``verdicts``: by exercise, [kind, hint, zh, en]; ``cells``: errors by cell;
            ``reason``: why it was ended, or None.
        """
        server = self.server(job["chapter"])
        sock, number = server.start({"cells": job["cells"], "checks": self.settings["checks"]})
        found = {"verdicts": {}, "cells": {}, "tries": {}, "reason": None, "said": server.said}
        peer = wire.Peer(sock)
        watch = Watch(number, self.settings["seconds"] * CELLS, peer)
        watch.start()
        try:
            self.follow(peer, job, found)
        except wire.Gone:
            found["reason"] = "ended"
        except wire.Broken:
            found["reason"] = "broken"
        finally:
            watch.over.set()
            sock.close()
            try:
                server.finish(number)
            except (wire.Gone, wire.Broken):
                self.servers.pop(job["chapter"]).close()
            watch.join()
        found["reason"] = watch.reason or found["reason"]
        if fingerprint() != self.whole:
            raise SystemExit("the checks are not what they were")
        return found

    def follow(self, peer, job, found):
        """Answer a learner's process until it ends."""
        while True:
            message = peer.until("check", "cell", "end")
            if "end" in message:
                return
            if "cell" in message:
                number, error = message["cell"], message.get("error")
                known = type(number) is int and 0 <= number < len(job["cells"])
                if known and isinstance(error, str) and error:
                    found["cells"][number] = error[:400]
                    if error.startswith("TimeIsUp"):
                        found["cells"][number] = "TimeIsUp"
                continue
            name, args, named = message["check"], message.get("args"), message.get("named")
            if name not in self.settings["checks"] or not isinstance(args, list):
                raise wire.Broken("no such check")
            args = [peer.decode(one) for one in args]
            named = {str(key): peer.decode(one) for key, one in dict(named or {}).items()}
            exercise = self.exercise(name, args)
            if exercise is not None:
                tries = found["tries"][exercise] = found["tries"].get(exercise, 0) + 1
                if tries <= TRIES:
                    said = self.verdict(name, exercise, args, named, job)
                    if said[0] != "unanswered" or exercise not in found["verdicts"]:
                        found["verdicts"][exercise] = said
            peer.forget()
            wire.send(peer.sock, {"judged": True})

    def exercise(self, name, args):
        """Give the exercise's name: the check's, and the number that it begins with if it has one."""
        if args and type(args[0]) in (int, float):
            numbered = f"{name} {args[0]:g}"
            if numbered in self.settings["exercises"]:
                return numbered
        return name if name in self.settings["exercises"] else None

    def verdict(self, name, exercise, args, named, job):
        """Give the check's verdict, as [kind, hint, zh, en]."""
        seed = hashlib.sha256(f"{self.settings['seed']} {job['digest']} {exercise}".encode())
        draw, number = np.random.default_rng, int(seed.hexdigest(), 16)
        # Drawn anew for each notebook, and again in the same way if the run is resumed.
        np.random.default_rng = lambda given=None: draw(number if given is None else given)
        try:
            said = getattr(checks, name).judge(*args, **named)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"[:300]
            return ["failed", "check", f"检查没能完成：{text}", f"the check itself failed: {text}"]
        finally:
            np.random.default_rng = draw
        return [said.kind, said.hint, said.zh, said.en]


def orphaned(parent):
    """End this process when the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main():
    """Take jobs from the standard input, one a line, and answer on the standard output."""
    threading.Thread(target=orphaned, args=(os.getppid(),), daemon=True).start()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.chdir(tempfile.gettempdir())
    judge = None
    for line in sys.stdin:
        job = json.loads(line)
        try:
            if judge is None:
                judge = Judge(job)
                answer = {"ready": True}
            else:
                answer = judge.judge(job)
        except OSError as error:
            answer = {"problem": str(error)}
        print(json.dumps(answer), file=answers, flush=True)
    for server in judge.servers.values() if judge else ():
        server.close()


if __name__ == "__main__":
    main()
