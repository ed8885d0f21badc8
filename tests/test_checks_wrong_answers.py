"""Wrong answers of every kind, typed into every exercise: each is answered with a sentence.

The exercises are found in the sources, so that a new one is tried as well.
"""

import ast
import contextlib
import math

import numpy as np
import pytest
from mxnet import nd

from course import checks
from course.checks import verdict
from course.checks.verdict import OPENINGS
from tools.sources import read_all


class Hostile:
    """Raises whatever is done with it."""

    def _raise(self, *args):
        raise RuntimeError("hostile")

    __repr__ = __str__ = __float__ = __bool__ = __eq__ = __hash__ = __len__ = __iter__ = _raise
    __array__ = __getattr__ = __add__ = __sub__ = __lt__ = __gt__ = __call__ = _raise


class SilentError(Exception):
    def __str__(self):
        raise RuntimeError("hostile")


def raising(error):
    """Give a function that raises `error`."""

    def function(*args):
        raise error

    return function


def endless(*args):
    while True:
        pass


def endless_and_deaf(*args):
    while True:
        with contextlib.suppress(Exception):
            nd.ones(1).asscalar()


def recursive(*args):
    return recursive(*args)


def generator(*args):
    yield 1


def spoiling(*args):
    """Overwrite every array it is given with numbers that are none."""
    for arg in args:
        for array in arg if isinstance(arg, list) else [arg]:
            if isinstance(array, nd.NDArray):
                array[:] = math.nan
    return math.nan


VALUES = {
    "nothing": None,
    "text": "6",
    "empty text": "",
    "Chinese text": "六",
    "list": [0.1, 0.2],
    "empty list": [],
    "dictionary": {"answer": 1},
    "set": {1},
    "object": object(),
    "hostile object": Hostile(),
    "function": len,
    "class": dict,
    "ellipsis": ...,
    "bytes": b"1",
    "nan": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "huge integer": 10**400,
    "negative": -77.7,
    "complex number": 1 + 2j,
    "NDArray of two numbers": nd.array([1, 2]),
    "NDArray of nan": nd.array([math.nan]),
    "empty NumPy array": np.array([]),
    "NumPy matrix": np.ones((2, 3)),
    "NumPy text": np.array("x"),
}
FUNCTIONS = {
    "nothing": None,
    "number": 3,
    "text": "def update(): pass",
    "list": [1],
    "hostile object": Hostile(),
    "class": int,
    "no parameters": lambda: None,
    "too many parameters": lambda a, b, c, d, e, f, g: None,
    "returns nothing": lambda *args: None,
    "returns text": lambda *args: "0.5",
    "returns nan": lambda *args: math.nan,
    "returns infinity": lambda *args: math.inf,
    "returns a list": lambda *args: [1, 2],
    "returns a ragged list": lambda *args: [[1, 2], [3]],
    "returns a wrong shape": lambda *args: nd.ones((7, 5)),
    "returns a NumPy array": lambda *args: np.ones(3),
    "returns a hostile object": lambda *args: Hostile(),
    "returns a function": lambda *args: len,
    "returns a huge integer": lambda *args: 10**400,
    "is a generator": generator,
    "divides by zero": lambda *args: 1 / 0,
    "misspells a name": lambda *args: gamma,  # noqa: F821
    "asks for a missing attribute": lambda *args: args[0].gradient,
    "asks for a missing item": lambda *args: args[0][99],
    "asserts": raising(AssertionError()),
    "raises an error that cannot be printed": raising(SilentError()),
    "raises StopIteration": raising(StopIteration()),
    "leaves Python": raising(SystemExit(1)),
    "fails inside MXNet": lambda *args: nd.dot(nd.ones((2, 3)), nd.ones((2, 3))).asnumpy(),
    "recurses without end": recursive,
    "fills its arguments with nan": spoiling,
    "loops without end": endless,
    "loops without end and catches exceptions": endless_and_deaf,
}
# What the notebooks hand to a check beside the learner's answer, and answers good enough to get
# past one argument to the next.
GIVEN = {
    "X": nd.array([[2], [-2], [2], [-2]]),
    "bug": "batch size",
    "line": "v[:] = mom * v + lr * param.grad",
}


def exercises():
    """Yield each exercise's notebook, cell, check, and arguments as (name, kind, constant)."""
    for name, source in read_all().items():
        for cell in source.cells:
            if "exercise" not in cell.metadata.get("tags", ()):
                continue
            lines = (line for line in cell.source.splitlines() if not line.startswith("%"))
            tree = ast.parse("\n".join(lines))
            defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            assigned = {
                target.id
                for node in tree.body
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            call = tree.body[-1].value
            assert call.func.value.id == "checks", cell.id
            arguments = []
            for arg in call.args:
                if isinstance(arg, ast.Constant):
                    arguments.append((None, "constant", arg.value))
                elif arg.id in GIVEN and arg.id not in assigned | defined:
                    arguments.append((arg.id, "given", None))
                else:
                    arguments.append((arg.id, "function" if arg.id in defined else "value", None))
            yield name, cell.id, call.func.attr, arguments


EXERCISES = list(exercises())


def test_every_check_is_tried():
    everything = {name for name, check in vars(checks).items() if hasattr(check, "judge")}
    assert {check for _, _, check, _ in EXERCISES} == everything


@pytest.mark.parametrize(
    ("check", "arguments"),
    [pytest.param(*asked, id=f"{name}-{cell_id}") for name, cell_id, *asked in EXERCISES],
)
def test_a_wrong_answer_gets_a_sentence_and_no_traceback(check, arguments, monkeypatch, capsys):
    monkeypatch.setattr(verdict, "SECONDS", 0.05)  # for what loops without end
    started = tuple(OPENINGS[kind]["en"] for kind in ("wrong", "unanswered"))
    for place, (_, kind, _) in enumerate(arguments):
        for case, answer in {"value": VALUES, "function": FUNCTIONS}.get(kind, {}).items():
            answers = [
                constant if kind == "constant" else GIVEN.get(name, 1.0)
                for name, kind, constant in arguments
            ]
            answers[place] = answer
            passed = getattr(checks, check)(*answers)
            printed = capsys.readouterr().out
            assert passed is False, f"{case}: {printed}"
            assert printed.startswith(started), f"{case}: {printed}"
            assert "Traceback" not in printed, f"{case}: {printed}"
            # The second line is the learner's own line of code, the third advice on it.
            assert len(printed.splitlines()) <= 3, f"{case}: {printed}"


@pytest.mark.parametrize(
    ("check", "answers", "hint"),
    [
        ("stability_limit", ["0.5"], "without quotes"),
        ("stability_limit", [(0, 5)], "with a decimal point"),
        ("received_bytes", [4e6 / 3, 1], "what one worker pushes to one server"),
        ("received_bytes", [7812.5, 1], "KiB"),
        ("received_bytes", [7.63, 1], "MiB"),
        ("received_bytes", [0.008, 1], "gigabytes"),
        ("received_bytes", [16e6, 1], "took 8 bytes"),
        ("received_bytes", [8, 1], "megabytes"),
        ("implicit_momentum", [10], "lies between 0 and 1"),
        ("implicit_momentum", [0.75], "for 4 workers"),
        ("implicit_momentum", [0.889], "not the mean staleness"),
        ("multiplications", [2001, 10_000], "from_data is not right"),
        ("multiplications", [4000, 20_000], "counts additions as well"),
        ("multiplications", [2000, 100], "one number of the result"),
        ("multiplications", [2000, 10_201], "leave the bias aside"),
        ("step_after_decay", [2, 0.25], "the newest gradient is missing"),
        ("step_after_decay", [2.55, 0.25], "not multiplied by γ"),
        ("step_after_decay", [-2.05, -0.25], "and positive"),
        ("step_after_decay", [2.05, 5], "the velocity itself"),
        ("step_after_decay", [2.05, 2.05], "for η inside"),
        ("average_learning_rate", [0.1], "must not be doubled"),
        ("untrained_loss", [0.23], "−p ln p"),
        ("untrained_loss", [23.03], "sum over 10 classes"),
        ("untrained_loss", [0.693], "yes or no at each output"),
        ("final_velocity", [0.154], "the denominator is wrong"),
        ("final_velocity", [0.285], "γ times the velocity after one update"),
        ("condition_number_factors", [16, 2], "that is the square;"),
        ("condition_number_factors", [2, 1.41], "that is the square root"),
        ("condition_number_factors", [0.25, 0.5], "exceeds 1"),
        (
            "combine",
            [lambda grads: [g.asnumpy() for g in grads[0]]],
            "an NDArray for each parameter",
        ),
        ("log_cosh_gradient", [lambda F, X, *rest: X], "the gradients of w and of b"),
        ("nesterov_matrix", [lambda h, mom: [mom, h, -mom, 1 - h]], "a 2 × 2 list or array"),
        ("nesterov_matrix", [lambda h, mom: np.linalg.eigvals([[mom, h], [-mom, 1]])], "2 × 2"),
        (
            "recall",
            [lambda out, truth, digit: (out.argmax(axis=1)[truth == digit] == digit).mean()],
            "an NDArray takes no mask",
        ),
        (
            "recall",  # which is nan in the last case, and wrong in the first
            [
                lambda out, truth, digit: (
                    np.float64((truth == 3).sum().asscalar()) / len(truth) or math.nan
                )
            ],
            "6 are classified correctly",
        ),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(check, answers, hint):
    assert hint in getattr(checks, check).judge(*answers).en
