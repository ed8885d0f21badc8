"""Exercises as declarations: questions for numbers and words, and tasks to write a function.

What is asked for by number or word is judged by data alone: which answers are right, which
mistakes lead to which answers, what to say of each. A task says how a mistake computes.
"""

import inspect
import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field, replace

import numpy as np
from mxnet import nd

from course.checks.answers import as_number, called, given, number, one_of
from course.checks.verdict import Answered, check, right, shown, unanswered, wrong

# Sets of numbers: tuples of closed intervals, joined by `+`.


def near(*values, rel=1e-3, tol=1e-9):
    """Give the numbers near one of the values, by a relative tolerance or an absolute one."""
    margins = [max(rel * abs(value), tol) for value in values]
    return tuple((value - margin, value + margin) for value, margin in zip(values, margins))


def about(*values):
    """Give the numbers near one of the values, or what one gets by rounding it or cutting it off.

    Two or three digits must be left: 0.05/0.9 may be answered as 0.055.
    """
    shortened = set()
    for value in values:
        for digits in (2, 3):
            unit = 10.0 ** (math.floor(math.log10(abs(value))) + 1 - digits)
            count = round(value / unit, 6)
            shortened |= {unit * round(count), unit * math.trunc(count)}
    return near(*values) + near(*sorted(shortened), rel=1e-6)


def below(value):
    """Give the numbers less than the value."""
    return ((-math.inf, math.nextafter(value, -math.inf)),)


INFINITE = ((math.inf, math.inf), (-math.inf, -math.inf))


def holds(numbers, value):
    """Tell whether a value is in a set of numbers."""
    return any(low <= value <= high for low, high in numbers)


@dataclass(frozen=True)
class Number:
    """A number to answer with, by the name of its variable.

    In a sentence, `{value:g}` stands for the learner's number.
    """

    name: str
    right: tuple
    mistakes: dict  # {name: (set of numbers, zh, en)}; the first that holds the number is told
    otherwise: tuple  # (zh, en)

    def __post_init__(self):
        """Refuse a row that lacks a sentence when it is declared, not when a learner meets it."""
        for name, row in self.mistakes.items():
            if len(row) != 3:
                raise ValueError(
                    f"the mistake {name!r} of {self.name} must be (set of numbers, zh, en), "
                    f"got {row!r:.80}"
                )

    def take(self, answer):
        """Take the learner's number."""
        return number(**{self.name: answer})

    def told(self, value):
        """Give the hint for a value as (zh, en, name), or None if it is right."""
        if holds(self.right, value):
            return None
        for name, (numbers, zh, en) in self.mistakes.items():
            if holds(numbers, value):
                return zh, en, name
        return *self.otherwise, "otherwise"


@dataclass(frozen=True)
class Choice:
    """A word to answer with, by the name of its variable."""

    name: str
    words: dict  # {word: other ways to say it}
    mistakes: dict  # {word: (zh, en)}, and the word is the name; the one that is not in it is right

    def take(self, answer):
        """Take the learner's word."""
        return one_of(self.words, **{self.name: answer})

    def told(self, value):
        """Give the hint for a word as (zh, en, name), or None if it is right."""
        return (*self.mistakes[value], value) if value in self.mistakes else None


@dataclass(frozen=True)
class Question:
    """A question for numbers and words; hints come in the order of the fields."""

    fields: tuple
    right: tuple  # (zh, en)
    together: dict = field(default_factory=dict)  # {name: (set of numbers for each field, zh, en)}
    optional: int = 0  # so many of the last fields need not be given

    def find(self, *answers):
        """Give the verdict on the learner's answers, one for each field that is given."""
        given(**{one.name: answer for one, answer in zip(self.fields, answers)})
        values = [one.take(answer) for one, answer in zip(self.fields, answers)]
        for name, (*sets, zh, en) in self.together.items():
            if all(holds(numbers, value) for numbers, value in zip(sets, values)):
                return wrong(zh, en, name)
        for one, value in zip(self.fields, values):
            if hint := one.told(value):
                zh, en, name = hint
                where = f"{one.name}: " if len(self.fields) > 1 else ""
                return wrong(zh.format(value=value), en.format(value=value), where + name)
        return right(*self.right)


def question(doc, *fields, right, together=None, optional=0):
    """Make the check of a `Question`; its parameters are the fields, by name."""
    declared = Question(fields, right, together or {}, optional)

    def find(*answers):
        return declared.find(*answers)

    find.__doc__ = doc
    find.__signature__ = inspect.Signature(
        inspect.Parameter(
            one.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=None if place >= len(fields) - optional else inspect.Parameter.empty,
        )
        for place, one in enumerate(fields)
    )
    checked = check(find)
    checked.declared = declared
    return checked


def a_number(value, case):
    """Take a number that a learner's function returned; None if it is none."""
    return as_number(value)


def _alike(values, others):
    return all(np.allclose(a, b, rtol=1e-3, atol=1e-9) for a, b in zip(values, others))


@dataclass(frozen=True)
class Task:
    """A function to write: called with each case's arguments, it is to return what `expected` does.

    A mistake is named if its own function returns, in each case, what the learner's does. In
    the sentence for all else, the names are those of `expected`'s parameters and of `facts`, in
    the first case that differs, `value` what the learner's function returned and `expected` what
    it should have.
    """

    cases: Callable  # of a generator of random numbers: the arguments of each call, a tuple each
    expected: Callable
    mistakes: dict  # {name: (function, zh, en)}; the first that fits is told
    otherwise: tuple  # (zh, en)
    right: tuple  # (zh, en)
    _: KW_ONLY
    wanted: tuple = ("一个数", "a number")  # what the function is to return, (zh, en)
    take: Callable = a_number  # of a returned value and its case: an array to compare, or None
    facts: Callable = lambda *case: {}  # what `otherwise` tells of a case
    also: Callable = lambda function, case: None  # raises what is wrong if all numbers are right

    def find(self, function):
        """Give the verdict on a learner's function."""
        seed = np.random.default_rng().integers(2**32)

        def cases():  # made anew, since the learner's function may change its arguments
            return list(self.cases(np.random.default_rng(seed)))

        arguments, returned, fault = cases(), [], None

        def run():
            for case in arguments:
                value = function(*case)
                nd.waitall()  # an error in MXNet's engine belongs to the case that made it
                returned.append(value)

        try:
            called(run, function)
        except Answered as answered:
            if not returned:
                raise
            fault = self._in_case(cases()[len(returned)], answered.verdict)
        # If a case failed, or gave nothing to compare, those before it are judged first.
        if all(value is None for value in returned):
            return unanswered(
                "你的函数还没有返回任何值。", "your function does not return anything yet."
            )
        values = []
        for value, case in zip(returned, cases()):
            try:
                values.append(self._taken(value, case))
            except Answered as answered:
                if not values:
                    raise
                fault = self._in_case(case, answered.verdict)
                break

        def made(by):
            return [by(*case) for case in cases()]

        expected = made(self.expected)
        if _alike(values, expected):
            if fault:
                return fault
            self.also(function, cases()[0])
            return right(*self.right)
        for name, (by, zh, en) in self.mistakes.items():
            if _alike(values, made(by)):
                return wrong(zh, en, name)
        for case, value, wanted in zip(cases(), values, expected):
            if not _alike([value], [wanted]):
                facts = self._names(case) | self.facts(*case) | {"value": value, "expected": wanted}
                said = (sentence.format(**facts) for sentence in self.otherwise)
                return wrong(*said, "otherwise")
        raise AssertionError("the cases were not alike a moment ago")

    def _names(self, case):
        """Give the arguments of a case by the names of the parameters."""
        return inspect.signature(self.expected).bind(*case).arguments

    def _in_case(self, case, verdict):
        said = []
        for name, value in self._names(case).items():
            if isinstance(value, (int, float)):
                said.append(f"{name} = {value:g}")
            elif hasattr(value, "shape"):
                said.append(f"{name}.shape = {value.shape}")
            elif isinstance(value, list):
                said += [f"len({name}) = {len(value)}", f"len({name}[0]) = {len(value[0])}"]
        return replace(
            verdict,
            zh=f"{'、'.join(said)} 时，{verdict.zh}",
            en=f"for {', '.join(said)}, {verdict.en}",
        )

    def _taken(self, value, case):
        taken = self.take(value, case)
        if taken is None:
            zh, en = self.wanted
            raise Answered(
                wrong(
                    f"你的函数返回了 {shown(value)}，应当返回{zh}。",
                    f"your function returned {shown(value)}; it should return {en}.",
                    "wrong type",
                )
            )
        return taken


def task(doc, *declared, **options):
    """Make the check of a `Task`."""
    asked = Task(*declared, **options)

    def find(function):
        return asked.find(function)

    find.__doc__ = doc
    checked = check(find)
    checked.declared = asked
    return checked
