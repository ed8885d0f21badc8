"""Every hint of the checks, provoked by the mistake that it names.

Those on updates are in test_checks_updates.py.
"""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from mxnet import nd

from course import checks
from course.chapters import sgd_momentum
from course.checks import verdict
from course.checks.questions import Choice, Number, Question, Task, near
from course.checks.verdict import wrong


@pytest.mark.parametrize(
    "answer", [None, 3, "sgd_momentum", lambda: None, lambda params: None, [1]]
)
def test_what_is_no_update_function(answer, capsys):
    assert checks.sgd_momentum(answer) is False
    assert "Traceback" not in capsys.readouterr().out


def test_the_chapters_own_function_passes():
    assert checks.sgd_momentum(sgd_momentum) is True


@pytest.mark.parametrize(
    "folder", ["zh", "en", "zh-solutions", "en-solutions", "elsewhere", "zhang", "zh-TW"]
)
def test_verdicts_are_in_the_notebooks_language(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    assert checks.sgd_momentum(sgd_momentum) is True
    assert checks.sgd_momentum(lambda *args: args) is False
    assert checks.final_velocity(None) is False
    zh = r"正确。参数和速度每一步都与公式一致。\n还不对。.*\n轮到你了。把答案写进 `answer`，.*\n"
    en = (
        r"Right: parameters and velocities follow the formula at every step.\n"
        r"Not yet: .*\nYour turn: write your answer into `answer`, then run the cell.\n"
    )
    chinese = folder in ("zh", "zh-solutions")
    assert re.fullmatch(zh if chinese else en, capsys.readouterr().out)


# Features whose Hessian, with the bias's column of ones, is diag(4, 1): the limit is 2/4.
FEATURES = nd.array([[2], [-2], [2], [-2]])


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (None, "write your answer into `answer`, then"),
        ([0.5], "should be a number"),
        (0, "a learning rate is positive"),
        (0.51, "with 0.51 the training diverges"),
        (math.inf, "with inf the training diverges"),
        (0.3, "the limit is more than 0.1 higher"),
    ],
)
def test_largest_learning_rate_names_the_mistake(answer, hint):
    assert hint in checks.largest_learning_rate.judge(answer, FEATURES).en


@pytest.mark.parametrize("answer", [0.41, 0.49, 0.5])
def test_largest_learning_rate_right(answer):
    assert checks.largest_learning_rate(answer, FEATURES) is True


DECLARED = {n: c.declared for n, c in vars(checks).items() if hasattr(c, "declared")}
QUESTIONS = {name: one for name, one in DECLARED.items() if isinstance(one, Question)}
TASKS = {name: one for name, one in DECLARED.items() if isinstance(one, Task)}
every_question = pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def samples(numbers):
    """Give a number of each interval: its middle if narrow, else an end."""
    for low, high in numbers:
        narrow = high - low < 0.09 * max(abs(low), abs(high), 1e-6)
        if narrow or low == high:
            yield (low + high) / 2 if narrow else low
        else:
            yield low + 1e-3 if math.isfinite(low) else high - 1e-3


def right_answers(question):
    return [
        next(word for word in field.words if word not in field.mistakes)
        if isinstance(field, Choice)
        else next(samples(field.right))
        for field in question.fields
    ]


def mistakes(question):
    """Yield the answers that a named mistake leads to, the other fields right, with its sentences."""
    for *sets, zh, en in question.together:
        yield [next(samples(numbers)) for numbers in sets], zh, en
    for place, field in enumerate(question.fields):
        answers = right_answers(question)
        for where, *hint in (
            field.mistakes
            if isinstance(field, Number)
            else ((word, *hint) for word, hint in field.mistakes.items())
        ):
            for answer in [where] if isinstance(where, str) else samples(where):
                answers[place] = answer
                yield list(answers), *(sentence.format(value=answer) for sentence in hint)


@every_question
def test_a_question_tells_each_mistake_by_its_own_sentence(question):
    told = [question.find(*answers) for answers, *_ in mistakes(question)]
    assert told == [wrong(zh, en) for _, zh, en in mistakes(question)]


@every_question
def test_a_question_knows_right_answers_starters_and_what_no_rule_explains(question):
    right = right_answers(question)
    assert question.find(*right).kind == "right"
    for place, field in enumerate(question.fields):

        def asked(answer, place=place):
            return checked(question, *right[:place], answer, *right[place + 1 :])

        assert asked(None).kind == "unanswered"
        for no_answer in ("sideways", [6], math.nan, nd.array([1, 2]), {}, True):
            said = asked(no_answer).en
            assert said.startswith(f"{field.name} should be "), said
        if isinstance(field, Number):
            for same in (np.float64(right[place]), nd.array([right[place]], dtype="float64")):
                assert asked(same).kind == "right"
            told = {
                asked(sign * value).en for sign in (-1, 1) for value in np.geomspace(1e-9, 1e9, 97)
            } | {asked(value).en for value in np.linspace(0, 1, 53)}
            assert any(re.fullmatch(pattern(field.otherwise[1]), said) for said in told)


def checked(question, *answers):
    try:
        return question.find(*answers)
    except verdict.Answered as answered:
        return answered.verdict


def pattern(sentence):
    return re.sub(r"\\\{.*?\\\}", ".*", re.escape(sentence))


@every_task
def test_a_task_tells_each_mistake_by_its_own_sentence(task):
    """The mistakes' own functions, for what the learner's function returns, as it is compared."""
    task = replace(task, take=lambda value, case: value, also=lambda function, case: None)
    for _ in range(3):
        assert task.find(task.expected).kind == "right"
        for name, (by, zh, en) in task.mistakes.items():
            assert task.find(by) == wrong(zh, en, name)
        found = task.find(lambda *case: 0.77 * np.array(task.expected(*case)))
        assert re.fullmatch(pattern(task.otherwise[1]), found.en)
        assert found.hint == ""


@every_task
def test_a_task_answers_what_is_no_function_or_returns_nothing_of_use(task):
    assert checked(task, None).en == "a function is expected here, got None."
    assert checked(task, lambda *case: None).kind == "unanswered"
    assert "; it should return a" in checked(task, lambda *case: "7").en
    assert "ZeroDivisionError" in checked(task, lambda *case: 1 / 0).en


def sentences():
    for question in QUESTIONS.values():
        yield question.right
        yield from (row[-2:] for row in question.together)
        for field in question.fields:
            if isinstance(field, Choice):
                yield from field.mistakes.values()
            else:
                yield field.otherwise
                yield from (row[-2:] for row in field.mistakes)
    for task in TASKS.values():
        yield from (task.right, task.otherwise, *(hint for _, *hint in task.mistakes.values()))


def test_every_sentence_stands_in_both_languages():
    for zh, en in sentences():
        assert re.search("[\u4e00-\u9fff]", zh)
        assert not re.search("[\u3000-\u9fff]", en)


def test_a_declared_mistake_without_its_translation_is_refused():
    row = (near(1), "只有中文")
    with pytest.raises(ValueError, match=r"a mistake of answer must be \(set of numbers, zh, en\)"):
        Number("answer", right=near(2), mistakes=(row,), otherwise=("", ""))
