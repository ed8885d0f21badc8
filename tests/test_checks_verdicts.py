"""No verdict is false: what a hint claims holds of the answer that it is given to."""

import functools
import itertools
import math
import re
import string
from dataclasses import replace
from types import SimpleNamespace

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, nd

from course import checks
from course.chapters import sgd_momentum
from course.checks import verdict
from course.checks.questions import Choice, Question, Task, about, holds
from course.checks.verdict import Answered

CHECKS = {name: check for name, check in vars(checks).items() if hasattr(check, "judge")}
DECLARED = {n: c.declared for n, c in CHECKS.items() if hasattr(c, "declared")}
QUESTIONS = {name: one for name, one in DECLARED.items() if isinstance(one, Question)}
TASKS = {name: one for name, one in DECLARED.items() if isinstance(one, Task)}
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def found(declared, *answers):
    try:
        return declared.find(*answers)
    except Answered as answered:
        return answered.verdict


# Numbers and words


def wrong_numbers(field):
    """Yield numbers of all sizes, and more of them around those that the question knows."""
    yield from (sign * value for sign in (-1, 1) for value in np.geomspace(1e-6, 1e9, 61))
    yield from np.linspace(0, 1, 201)
    yield from (0, math.inf, -math.inf)
    sets = [field.right, *(numbers for numbers, *_ in field.mistakes.values())]
    for end in {end for numbers in sets for interval in numbers for end in interval}:
        yield from (end * factor for factor in (1, 0.5, 0.9, 0.99, 0.999, 1.001, 1.01, 1.1, 2, -1))


def doubling(mom, lr=0.1):
    """Give the stationary variance with momentum, in units of that without, by the formula."""
    return (1 + mom) / (1 - mom) * (2 - lr) / (2 * (1 + mom) - lr)


@functools.cache
def converges(mom):
    """Tell whether the heavy ball comes to rest on the function of Lessard et al."""
    x, v = 3.3, 0.0
    for _ in range(3000):
        v = mom * v + (25 * x if x < 1 else x + 24 if x < 2 else 25 * x - 24) / 9
        x -= v
    return abs(x) < 1e-6


# What an English sentence says of the number, and of the intervals of right ones.
CLAIMS = {
    r"too small": lambda x, right: x < right[0][0],
    r"too large": lambda x, right: x > right[-1][1],
    r"less than ηg": lambda x, right: x < 0.3,
    r"less than η,": lambda x, right: x < 0.2,
    r"lies between 0 and 1": lambda x, right: not 0 <= x < 1,
    r"does not grow without bound": lambda x, right: math.isinf(x),
    r"is twice what it should be": lambda x, right: holds(right, x / 2),
    r"is four times what it should be": lambda x, right: holds(right, x / 4),
    r"close, but": lambda x, right: 0.9 * 6 <= x < 6,
    r"wrong sign": lambda x, right: x < 0,
    r"above 1 it would diverge": lambda x, right: x > 1,
    r"its limit is smaller": lambda x, right: x > 0.5,
    r"less than twice that without": lambda x, right: doubling(x) < 2,
    r"more than twice that without": lambda x, right: doubling(x) > 2,
    r"lies between 4/9 and 1": lambda x, right: not 4 / 9 < x < 1,
    r"and positive": lambda x, right: x < 0,
    r"exceeds 1": lambda x, right: x <= 1,
    r"has not converged": lambda x, right: not converges(x),
    r"\S converges, but so does": lambda x, right: converges(x) and x > 0.52,
}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_a_hint_for_a_number_claims_nothing_false_of_it(question):
    right = [
        next(word for word in field.words if word not in field.mistakes)
        if isinstance(field, Choice)
        else np.mean(field.right[0])
        for field in question.fields
    ]
    for place, field in enumerate(question.fields):
        if isinstance(field, Choice):
            continue
        for number in wrong_numbers(field):
            answers = [*right[:place], number, *right[place + 1 :]]
            told = found(question, *answers)
            number = float(f"{number:.7g}")
            assert (told.kind == "right") == holds(field.right, number), (number, told.en)
            if told.kind == "wrong":
                for claim, predicate in CLAIMS.items():
                    if re.search(claim, told.en):
                        assert predicate(number, field.right), (number, told.en)
                own = r"^(?:with )?(?:γ|best_\w+) = (\S+)|, got (\S+)\.$"
                for shown in re.findall(own, told.en):
                    assert float("".join(shown)) == pytest.approx(number, rel=1e-5)


def test_every_claim_is_made():
    fields = [field for question in QUESTIONS.values() for field in question.fields]
    numbers = [field for field in fields if not isinstance(field, Choice)]
    sentences = [
        hint[-1] for field in numbers for hint in (*field.mistakes.values(), field.otherwise)
    ]
    for claim in CLAIMS:
        assert any(re.search(claim, sentence) for sentence in sentences), claim


def test_a_rounded_answer_gets_the_hint_of_the_number():
    for rounded in (0.055, 0.056, 0.0555, 0.0556, 0.05 / 0.9):
        assert holds(about(0.05 / 0.9), rounded)
    for other in (0.05, 0.06, 0.054, 0.057, 0.0552):
        assert not holds(about(0.05 / 0.9), other)
    assert "not by γ" in checks.average_learning_rate.judge(0.055).en
    assert "base 2" in checks.untrained_loss.judge(3.32).en


@pytest.mark.parametrize(
    "number",
    [
        0.4,
        np.float32(0.4),
        np.float16(0.4),
        np.float64(0.4),
        nd.array([0.4]),
        nd.array([[0.4]]),
        np.array([0.4]),
    ],
)
def test_a_number_is_a_number_in_whatever_type(number):
    assert checks.smaller_momentum.judge("smaller", number).kind == "right"


def test_the_digits_of_float32_are_enough_at_an_edge():
    for edge in DECLARED["best_momentum"].fields[0].right[0]:
        assert checks.best_momentum.judge(np.float32(edge)).kind == "right"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        *(
            (right, "right")
            for right in ("smaller", " Smaller.", "更小", "变小了", "it gets smaller")
        ),
        *((right, "right") for right in ("'smaller'", "lower", "小")),
        *((other, "wrong") for other in ("larger", "更大", "bigger", "not smaller", "不会更小")),
        *((other, "wrong") for other in ("larger or smaller", "大小", "the same", "", 0.5)),
    ],
)
def test_a_word_is_understood_as_a_person_would_write_it(said, kind):
    assert checks.smaller_momentum.judge(said).kind == kind
    assert checks.smaller_momentum.judge(said, 0.4).kind == kind


def test_what_is_new_in_a_check_may_be_left_out_but_not_left_open():
    assert checks.smaller_momentum.judge("smaller").kind == "right"
    assert checks.smaller_momentum.judge("smaller", None).kind == "unanswered"
    assert checks.smaller_momentum.judge("smaller", 2).kind == "wrong"


# Functions


def wrong_functions(task):
    """Yield functions that are wrong somehow: scaled, shifted, mixed, wrong in one case only."""
    own = [task.expected, *(by for by, *_ in task.mistakes.values())]

    def value(by, case):
        return np.asarray(by(*case), dtype="float64")

    for by in own:
        for scale, shift in ((1, 0), (0.5, 0), (2, 0), (-1, 0), (1, 1), (1, 1e-2), (0, 0.123)):
            yield lambda *case, by=by, a=scale, b=shift: a * value(by, case) + b
    for one, other in zip(own, [*own[2:], *own[:2]]):
        yield lambda *case, one=one, other=other: (value(one, case) + value(other, case)) / 2
    count = len(list(task.cases(np.random.default_rng(0))))
    for by, place in itertools.product(own[1:], range(count)):
        yield partly(place, count, own[0], by)


def partly(place, count, one, other):
    """Give a function that is `other` in one of `count` cases, and `one` in all others."""
    calls = itertools.count()
    return lambda *case: (other if next(calls) % count == place else one)(*case)


def fields_of(template):
    return {name.split(".")[0] for _, name, *_ in string.Formatter().parse(template) if name}


def as_pattern(template):
    parts = []
    for text, name, *_ in string.Formatter().parse(template):
        parts.append(re.escape(text))
        if name:
            parts.append(f"(?P<{name}>.+?)" if name.isidentifier() else ".+?")
    return "".join(parts)


@every_task
def test_a_hint_for_a_function_is_true_of_it_and_a_case_shown_differs(task):
    task = replace(task, take=lambda value, case: value, also=lambda function, case: None)
    hints = set()
    for function in wrong_functions(task):
        told = found(task, function)
        cases = [list(task.cases(np.random.default_rng(1))) for _ in range(3)]
        values = [function(*case) for case in cases[0]]
        hints.add(told.hint)
        if told.hint != "otherwise":
            by = task.expected if told.kind == "right" else task.mistakes[told.hint][0]
            for value, case in zip(values, cases[1]):
                np.testing.assert_allclose(value, by(*case), rtol=1e-3, atol=1e-9, err_msg=told.en)
        elif "value" in fields_of(task.otherwise[1]):
            shown = re.fullmatch(as_pattern(task.otherwise[1]), told.en).groupdict()
            if "expected" in shown:
                assert shown["expected"] != shown["value"], told.en
            else:
                assert int(shown["hit"]) / int(shown["true"]) != float(shown["value"])
    assert hints == {"", "otherwise", *task.mistakes}


@every_task
def test_a_fault_in_one_case_says_in_which(task):
    """Unless what it returned before is wrong already."""
    task = replace(task, take=lambda value, case: value)
    calls = itertools.count()
    told = found(task, lambda *case: task.expected(*case) / np.int64(next(calls) < 1 or 1 // 0))
    assert "ZeroDivisionError" in told.en
    assert told.en.startswith("for ")
    wrong = next(by for by, *_ in task.mistakes.values())
    calls = itertools.count()
    told = found(task, lambda *case: wrong(*case) if next(calls) < 1 else 1 // 0)
    assert told.hint in task.mistakes


def test_dividing_by_gamma_gets_a_sentence():
    right = TASKS["smallest_batch"].expected
    told = checks.smallest_batch.judge(lambda *args: right(*args) + 0 / args[1])
    assert re.match(r"for lr = 0.1, mom = 0, .* failed in line \d+: ZeroDivisionError", told.en)
    right = TASKS["nesterov_matrix"].expected
    told = checks.nesterov_matrix.judge(lambda h, mom: right(h, mom) + 0 / mom)
    assert told.en.startswith("for h = 0.5, mom = 0, your function failed in line")


@pytest.mark.parametrize(
    ("line", "habit"),
    [
        ("p.grad()", "takes no parentheses"),
        ("p.data -= lr * p.grad", "not Gluon's Parameters"),
        ("p.zero_grad()", "a method of PyTorch"),
        ("v.mul_(mom)", "a method of PyTorch"),
        ("vs[:] = mom * vs", "A list is no array"),
        ("params.grad", "A list is no array"),
        ("with autograd.record(): v *= mom; p -= v", "An update belongs outside"),
    ],
)
def test_a_habit_from_another_library_gets_a_sentence(line, habit):
    names = {"autograd": autograd}
    exec(
        "def update(params, vs, lr, mom, batch_size):\n"
        f"    for p, v in zip(params, vs):\n        {line}\n",
        names,
    )
    told = checks.sgd_momentum.judge(names["update"])
    assert habit in told.en


# All checks


@pytest.mark.parametrize("name", CHECKS)
def test_too_few_or_too_many_arguments_get_a_sentence(name, capsys):
    assert CHECKS[name]() is False
    assert re.fullmatch(
        r"Not yet: this check is to be given `.*; it was given 0 values\.\n",
        capsys.readouterr().out,
    )
    assert CHECKS[name](*range(9)) is False
    assert CHECKS[name](nonsense=1) is False
    assert "it was given 1 value.\n" in capsys.readouterr().out


RIGHT = {
    "combine": lambda grads: [sum(one) for one in zip(*grads)],
    "log_cosh_gradient": lambda F, X, y, w, b: (
        lambda slope: [F.dot(X, slope, transpose_a=True), F.sum(slope, axis=0)]
    )(F.tanh(F.broadcast_add(F.dot(X, w), b) - y)),
    "sgd_momentum": sgd_momentum,
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_leaves_mxnets_generator_alone(name):
    def drawn():
        mx.random.seed(1)
        return nd.random.normal(shape=3).asnumpy()

    expected = drawn()
    count = len(DECLARED[name].fields) if name in QUESTIONS else 1
    mx.random.seed(1)
    CHECKS[name].judge(*[0.3] * count)
    CHECKS[name].judge(lambda *args: 1)
    if name in RIGHT:
        assert CHECKS[name].judge(RIGHT[name]).kind == "right"
    np.testing.assert_array_equal(nd.random.normal(shape=3).asnumpy(), expected)


# How a verdict looks


def test_a_notebook_shows_a_card_with_plain_text_beside_it(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(verdict, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr(verdict, "display", lambda data, raw: shown.append(data))
    assert checks.final_velocity(None) is False
    assert checks.final_velocity("<script>") is False
    assert checks.final_velocity(6) is True
    assert checks.recall(lambda outputs, truth, digit: 1 / 0 if digit < 9 else "`") is False
    assert capsys.readouterr().out == ""
    turn, no_number, right, failed = shown
    assert turn["text/plain"] == "Your turn: write your answer into `answer`, then run the cell."
    assert (
        "<strong>Your turn:</strong> write your answer into <code>answer</code>,"
        in turn["text/html"]
    )
    assert "&lt;script&gt;" in no_number["text/html"]
    assert "<script" not in no_number["text/html"]
    assert ">✓</span> <strong>Right:</strong> ηg/(1−γ) = 6" in right["text/html"]
    assert re.search(r"<pre style=.*>.*1 / 0.*</pre>", failed["text/html"])
    assert all(one["text/html"].startswith('<div role="status"') for one in shown)
