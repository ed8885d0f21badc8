"""Run All harms no exercise: afterwards, in any order, each gets the verdict of a fresh kernel."""

import math
import random
import re
import sys

import matplotlib as mpl
import numpy as np
import pytest
from common import ROOT, read
from matplotlib import pyplot as plt

from course import checks
from course.checks import verdict
from course.checks.questions import Choice, Question, Task
from tools.sources import order, tag, without_magics

CHAPTERS = [name for name in order() if name not in ("index", "glossary")]
OFTEN = {("zh", "momentum-gluon")}  # which `nox -s test` runs
CALL = re.compile(r"\npassed = checks\.(\w+)\((.+)\)\s*$")
OTHER = str.maketrans("+-*/", "-++*")


def codes(edition, name):
    cells = read(ROOT / f"notebooks/{edition}/{name}.ipynb").cells
    return [cell for cell in cells if cell.cell_type == "code"]


def inside(interval):
    """Give a number in a closed interval, which may be infinite."""
    low, high = interval
    if math.isinf(low):
        return high
    return low if math.isinf(high) else (low + high) / 2


def named_mistakes(declared):
    """Yield the place of each argument with the first mistake in it that a check declares."""
    if isinstance(declared, Task):
        for by, *_ in list(declared.mistakes.values())[:1]:
            yield 0, by
    elif isinstance(declared, Question):
        for place, field in enumerate(declared.fields):
            for name, (numbers, *_) in list(field.mistakes.items())[:1]:
                yield place, name if isinstance(field, Choice) else inside(numbers[0])


def answers(cell):
    """Yield answers to an exercise, of which the solution is given: code, and values to put into it.

    The solution; if that is a function, the same with an operator turned round; then with a
    mistake as the value of each argument, or with a number far from anything where none is named.
    """
    code = without_magics(cell.source)
    called = CALL.search(code)
    body, arguments = code[: called.start()], called[2].split(", ")
    yield body, {}, called[0]
    start = body.find(f"def {arguments[-1]}(")
    if start >= 0 and (operator := re.search(r" [-+*/]=? ", body[start:])):
        other = operator[0].translate(OTHER)
        turned = body[:start] + body[start:].replace(operator[0], other, 1)
        yield turned, {}, called[0]
    declared = getattr(getattr(checks, called[1]), "declared", None)
    first = next(place for place, one in enumerate(arguments) if one.isidentifier())
    for place, value in list(named_mistakes(declared)) or [(first, 77.7)]:
        if place < len(arguments):
            yield body, {arguments[place]: value}, called[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("edition", "name"),
    [
        pytest.param(edition, name, marks=() if (edition, name) in OFTEN else pytest.mark.deep)
        for edition in ("en", "zh")
        for name in CHAPTERS
    ],
)
def test_after_run_all_an_exercise_gets_the_verdict_of_a_fresh_kernel(edition, name, monkeypatch):
    """The fresh kernel has run all the cells above but the exercises, as their text says."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    verdicts = []
    monkeypatch.setattr(verdict, "show", lambda told, below: verdicts.append(told))
    # The checks' trials are the same in each namespace, and so is what verdicts show of them.
    generator = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed=seed: generator(seed))
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.chdir(ROOT / f"notebooks/{edition}")
    solutions = {
        cell.id: list(answers(cell))
        for cell in codes(f"{edition}-solutions", name)
        if tag(cell, "solution")
    }

    def verdict_on(names, body, values, call):
        exec(body, names)
        names.update(values)
        exec(call, names)
        return verdicts.pop()

    names, fresh, ran = {"__name__": "__main__"}, {}, {"__name__": "__main__"}
    with mpl.rc_context():
        for cell in codes(edition, name):
            for place, answer in enumerate(solutions.get(cell.id, ())):
                fresh[cell.id, place] = verdict_on(dict(names), *answer)
            exec(without_magics(cell.source), ran)
            if not tag(cell, "exercise"):
                exec(without_magics(cell.source), names)
        again = list(fresh)
        random.Random(seed).shuffle(again)
        for one, place in sorted(again, key=lambda key: key[1] > 0):  # first the solutions
            told = verdict_on(ran, *solutions[one][place])
            assert told == fresh[one, place], (one, place)
            assert told.kind == "right" or place > 0, (one, told)
        wrong = {one for one, place in fresh if fresh[one, place].kind == "wrong"}
        assert wrong == set(solutions)
    plt.close("all")
