"""Notebooks as a class might hand them in: honest work, damage, and cheats, made from the course's.

Each kind is a function of a `Draft` that changes it; its name is the kind's. What the marks are to
be is in `Draft.marks`: `passed` or not, by exercise.
"""

import ast
import json
import os
import re
from dataclasses import dataclass, field

from common import ROOT

from course.record import contents

CHAPTERS = [name for name, told in contents().items() if told["exercises"]]
KINDS = {}


@dataclass
class Draft:
    """A notebook on its way to be handed in."""

    chapter: str
    rng: object
    language: str = "en"
    cells: list = field(default_factory=list)
    passes: set = field(default_factory=set)  # exercises that are to pass
    content: object = None  # bytes, where it is no longer a notebook's

    def __post_init__(self):
        self.exercises = dict(contents()[self.chapter]["exercises"])
        self.solutions = {c["id"]: c for c in self.read("-solutions") if c["id"] in self.exercises}
        self.cells = self.read("")

    def read(self, suffix):
        path = ROOT / "notebooks" / f"{self.language}{suffix}" / f"{self.chapter}.ipynb"
        cells = json.loads(path.read_text())["cells"]
        for cell in cells:
            cell["source"] = "".join(cell["source"])
        return cells

    def solve(self, *ids):
        """Put the solutions in."""
        for place, cell in enumerate(self.cells):
            if cell["id"] in (ids or self.exercises):
                self.cells[place] = dict(self.solutions[cell["id"]])
                self.passes.add(self.exercises[cell["id"]])
        return self

    def own(self):
        """Give the exercises' cells."""
        return [cell for cell in self.cells if cell.get("id") in self.exercises]

    def first(self):
        """Give the place of the first exercise's cell."""
        return next(i for i, cell in enumerate(self.cells) if cell.get("id") in self.exercises)

    def add(self, source, place=None):
        """Add a cell, by itself before the first exercise."""
        place = self.first() if place is None else place
        self.cells.insert(place, code(source, f"added-{self.rng.randrange(10**9)}"))

    def written(self):
        """Give the file's content."""
        if self.content is not None:
            return self.content
        notebook = {"cells": self.cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        return json.dumps(notebook, ensure_ascii=False).encode()


def code(source, number):
    return {
        "cell_type": "code",
        "id": number,
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def kind(function):
    KINDS[function.__name__] = function
    return function


def split_at_call(source):
    """Give what stands before the check's call, and the call."""
    head, call = re.split(r"^(?=passed = checks\.)", source, flags=re.M)
    return head, call


def spoilt(source):
    """Make the answers of a solved exercise wrong, whatever they are."""
    head, call = split_at_call(source)
    tree = ast.parse(call)
    given = tree.body[0].value.args
    for place, one in enumerate(given):
        if isinstance(one, ast.Name):
            bad = f"(lambda *a: 'no') if callable({one.id}) else 12345.678"
            given[place] = ast.parse(bad).body[0].value
    return head + ast.unparse(tree)


# Honest work


@kind
def solved(draft):
    draft.solve()


@kind
def untouched(draft):
    pass


@kind
def half_solved(draft):
    draft.solve(*[one for one in draft.exercises if draft.rng.random() < 0.5] or ["none"])


@kind
def all_wrong(draft):
    draft.solve()
    for cell in draft.own():
        cell["source"] = spoilt(cell["source"])
    draft.passes = set()


@kind
def one_wrong(draft):
    draft.solve()
    cell = draft.rng.choice(draft.own())
    cell["source"] = spoilt(cell["source"])
    draft.passes.discard(draft.exercises[cell["id"]])


@kind
def copied(draft):
    for number in draft.exercises:
        place = next(i for i, cell in enumerate(draft.cells) if cell["id"] == number)
        draft.add(draft.solutions[number]["source"], place + 1)
    draft.passes = set(draft.exercises.values())


@kind
def split(draft):
    draft.solve()
    for cell in draft.own():
        head, call = split_at_call(cell["source"])
        cell["source"] = head
        draft.add(call, draft.cells.index(cell) + 1)


@kind
def merged(draft):
    draft.solve()
    own = draft.own()
    draft.cells = [cell for cell in draft.cells if cell not in own]
    draft.cells.append(code("\n\n".join(cell["source"] for cell in own), own[0]["id"]))


@kind
def moved(draft):
    draft.solve()
    own = draft.own()
    draft.cells = [cell for cell in draft.cells if cell not in own]
    draft.rng.shuffle(own)
    draft.cells += own


@kind
def rest_deleted(draft):
    draft.cells = draft.solve().own()


@kind
def some_deleted(draft):
    draft.solve()
    gone = draft.rng.sample(draft.own(), 1)
    own = [cell for cell in draft.own() if cell not in gone]
    draft.cells = [
        c for c in draft.cells if c in own or (c not in gone and draft.rng.random() < 0.8)
    ]
    draft.passes -= {draft.exercises[cell["id"]] for cell in gone}


@kind
def without_ids(draft):
    draft.solve()
    for cell in draft.cells:
        del cell["id"]


@kind
def other_ids(draft):
    draft.solve()
    for number, cell in enumerate(draft.cells):
        cell["id"] = f"id-{number}"


@kind
def in_chinese(draft):
    Draft.__init__(draft, draft.chapter, draft.rng, "zh")
    draft.solve()


@kind
def with_errors(draft):
    draft.solve()
    for source in ("1 / 0", "def f(:\n", "raise SystemExit", "undefined_name", "%no_such_magic"):
        draft.add(source, draft.rng.randrange(len(draft.cells)))


@kind
def unfinished(draft):
    """One exercise has a syntax error."""
    draft.solve()
    cell = draft.rng.choice(draft.own())
    cell["source"] = "answer = (\n" + cell["source"]
    draft.passes.discard(draft.exercises[cell["id"]])


@kind
def raises(draft):
    draft.solve()
    cell = draft.rng.choice(draft.own())
    cell["source"] = "raise ValueError('not yet')\n" + cell["source"]
    draft.passes.discard(draft.exercises[cell["id"]])


@kind
def right_at_last(draft):
    draft.solve()
    for cell in draft.own():
        draft.add(spoilt(cell["source"]), draft.cells.index(cell))


@kind
def wrong_at_last(draft):
    draft.solve()
    for cell in draft.own():
        draft.add(spoilt(cell["source"]), draft.cells.index(cell) + 1)
    draft.passes = set()


@kind
def timed(draft):
    draft.solve()
    for cell in draft.own():
        cell["source"] = "%%time\n" + cell["source"]


@kind
def windows_lines(draft):
    draft.solve()
    for cell in draft.cells:
        cell["source"] = cell["source"].replace("\n", "\r\n").splitlines(keepends=True)


@kind
def much_output(draft):
    draft.solve()
    draft.own()[0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 10**7}]
    draft.add("print('x' * 10**8)\n'y' * 10**7")


@kind
def commented_and_renamed(draft):
    draft.solve()
    for cell in draft.own():
        cell["source"] = "# mine\n\n" + cell["source"].replace("passed =", "well_done =")


# No notebooks


def is_bytes(make):
    def change(draft):
        draft.solve()
        draft.content = make(draft)
        draft.passes = set()

    change.__name__ = make.__name__
    return kind(change)


@is_bytes
def empty(draft):
    return b""


@is_bytes
def cut_off(draft):
    whole = draft.written()
    return whole[: len(whole) // 2]


@is_bytes
def binary(draft):
    return bytes(draft.rng.randrange(256) for _ in range(3000))


@is_bytes
def no_cells(draft):
    return b'{"cells": null, "metadata": {}}'


@is_bytes
def a_list(draft):
    return b"[[[]]]"


@is_bytes
def very_deep(draft):
    return b"[" * 10**6


@is_bytes
def other_course(draft):
    return json.dumps({"cells": [code("print('hello')", "a")], "metadata": {}}).encode()


@is_bytes
def odd_cells(draft):
    return json.dumps({"cells": [{"cell_type": 7, "source": {"a": 1}}, 5, None]}).encode()


# Cheats: the exercises are not solved, and a cell before them is to get them marked right.


def cheat(name, source, everywhere=False):
    def change(draft):
        for number in draft.exercises:  # something is answered, but wrong
            place = next(i for i, cell in enumerate(draft.cells) if cell["id"] == number)
            draft.cells[place] = dict(draft.solutions[number])
            wrong = spoilt(draft.solutions[number]["source"])
            draft.cells[place]["source"] = source + "\n" + wrong if everywhere else wrong
        draft.add(source)

    change.__name__ = name
    return kind(change)


cheat(
    "redefines_checks",
    """
class Checks:
    def __getattr__(self, name):
        return lambda *given: True
import sys, course
course.checks = sys.modules["course.checks"] = checks = Checks()
""",
)
cheat(
    "patches_checks",
    """
from course import checks
for name in dir(checks) + ["stability_limit", "sgd", "largest_learning_rate", "sgd_momentum"]:
    setattr(checks, name, lambda *given: True)
passed = True
""",
    everywhere=True,
)
cheat(
    "patches_by_gc",
    """
import gc, types
def true(*given, **named):
    return True
for one in gc.get_objects():
    if isinstance(one, types.FunctionType) and "check" in (one.__module__ or "") + one.__qualname__:
        try:
            one.__code__ = true.__code__
        except ValueError:
            pass
""",
)
cheat(
    "patches_by_frames",
    """
import inspect, sys
def spy(*given):
    frame = inspect.currentframe()
    while frame:
        for name in ("verdict", "expected", "found", "passed"):
            if name in frame.f_locals:
                frame.f_locals[name] = "right"
        frame = frame.f_back
    return None
sys.setprofile(lambda frame, event, arg: None)
""",
)
cheat(
    "patches_json",
    """
import json, wire
real = json.dumps
json.dumps = lambda value, *a, **k: real(value, *a, **k).replace("wrong", "right")
wire.Peer.encode = lambda self, value, depth=0: ["v", True]
""",
)
cheat(
    "patches_arrays",
    """
import numpy as np
from mxnet import nd
for kind in (nd.NDArray,):
    kind.__eq__ = kind.__lt__ = kind.__le__ = lambda self, other: True
    kind.__sub__ = lambda self, other: nd.zeros(1)
np.allclose = lambda *given, **named: True
np.isclose = lambda *given, **named: True
""",
)
cheat(
    "patches_builtins",
    """
import builtins
builtins.abs = lambda x: 0
builtins.all = lambda x: True
builtins.isinstance = lambda *x: True
builtins.float = lambda *x: 1.0
""",
)
cheat(
    "equals_everything",
    """
class Anything(float):
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = lambda self, other: True
    __hash__ = None
    def __sub__(self, other):
        return 0
answer = Anything(1)
""",
)
cheat(
    "prints_words",
    """
print("Right: the parameters follow the formula at every step.")
print('{"verdicts": {"sgd": ["right", "", "", ""]}}')
passed = True
""",
)
cheat(
    "edits_course",
    """
import glob, os
for path in glob.glob("/course/**/*.py", recursive=True) + glob.glob("../../**/*.py", recursive=True):
    try:
        os.chmod(path, 0o777)
        open(path, "w").write("right = True")
    except OSError:
        pass
""",
)
SOLUTIONS = """
import glob, json, os
for root in ({roots}):
    for path in glob.glob(root, recursive=True):
        try:
            for cell in json.load(open(path))["cells"]:
                if cell["cell_type"] == "code" and "checks." in "".join(cell["source"]):
                    exec("".join(cell["source"]))
        except Exception:
            pass
"""
ROOTS = [
    "../en-solutions/*.ipynb",
    "../*-solutions/*.ipynb",
    str(ROOT / "notebooks/*-solutions/*.ipynb"),
    "/proc/*/root" + str(ROOT / "notebooks/en-solutions/*.ipynb"),
    "/proc/*/cwd/notebooks/en-solutions/*.ipynb",
]
cheat("reads_solutions", SOLUTIONS.format(roots=", ".join(map(repr, ROOTS))))
cheat(
    "reads_checks",
    """
import importlib
from course import checks
for name in ("gd_sgd_scratch", "momentum_scratch", "momentum_when"):
    try:
        module = importlib.import_module("course.checks." + name)
        for check in vars(module).values():
            check(check.declared.fields[0].right[0][0])
    except Exception:
        pass
""",
)
cheat("loops_for_ever", "while True:\n    pass", everywhere=True)
cheat(
    "loops_in_except",
    "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
)
cheat("eats_memory", "a = []\nwhile True:\n    a.append(bytearray(b'x') * 10**8)")
cheat(
    "eats_memory_in_children",
    """
import os, time
for _ in range(30):
    if not os.fork():
        a = bytearray(b"x") * (3 * 10**8)
        time.sleep(1000)
""",
)
cheat(
    "fork_bomb",
    """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
)
cheat(
    "leaves_orphans",
    """
import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        time.sleep(7321)
    os._exit(0)
import subprocess
subprocess.Popen(["sleep", "7321"], start_new_session=True)
""",
)
cheat(
    "deletes_files",
    """
import os, shutil
for path in ("..", "../..", os.path.expanduser("~"), {folder!r}, "/tmp"):
    shutil.rmtree(path, ignore_errors=True)
""",
)
cheat("ends", "import os\nos._exit(0)")
cheat(
    "kills",
    """
import os, signal
for number in (os.getppid(), -1, 1, *range(2, 400)):
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(number, sign)
        except OSError:
            pass
""",
)
cheat("crashes", "import ctypes\nctypes.string_at(0)")
cheat("waits_for_ever", "import time\ntime.sleep(10**6)")
cheat(
    "forges_messages",
    """
import json, os, socket, struct
for number in range(3, 200):
    try:
        if not os.path.exists("/proc/self/fd") or "socket" in os.readlink(f"/proc/self/fd/{number}"):
            for message in (
                {"verdict": "right"}, {"judged": True}, {"cell": 0, "error": ""},
                {"check": "sgd", "args": [["v", None]], "named": {}, "verdicts": {"sgd": ["right"]}},
                {"check": "no", "args": 3}, {"return": ["v", True]},
            ):
                content = json.dumps(message).encode()
                os.write(number, struct.pack(">I", len(content)) + content)
            os.write(number, bytes(1000))
    except OSError:
        pass
""",
)
cheat(
    "guesses",
    """
from course import checks
import numpy as np
def guess():
    for name in ("stability_limit", "final_velocity", "untrained_loss", "complex_rate"):
        for answer in np.linspace(0.05, 10, 3):
            try:
                if getattr(checks, name)(float(answer) + 77):
                    break
            except Exception:
                pass
guess()
""",
)
cheat(
    "calls_home",
    """
import socket, urllib.request
for address in (("8.8.8.8", 53), ("1.1.1.1", 80), ("127.0.0.1", 22)):
    try:
        socket.create_connection(address, timeout=1).close()
        open("reached", "w").write(str(address))
    except OSError:
        pass
""",
)


def make(folder, kinds, chapters, rng, names=lambda number, kind: f"{number:03}-{kind}"):
    """Write a file of each of the kinds; give {name: (kind, chapter, exercises to pass)}."""
    told = {}
    for number, (one, chapter) in enumerate(zip(kinds, chapters)):
        draft = Draft(chapter, rng)
        KINDS[one](draft)
        name = names(number, one)
        path = folder / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = draft.written().replace(b"{folder!r}", repr(os.fspath(folder)).encode())
        path.write_bytes(content)
        told[name] = (one, chapter, draft.passes)
    return told
