"""Every hint of the checks, provoked by the mistake that it names.

Those on updates are in test_checks_updates.py.
"""

import ast
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from common import ROOT
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
    """Yield the answers that a named mistake leads to, the other fields right, and its verdict."""
    for name, (*sets, zh, en) in question.together.items():
        yield [next(samples(numbers)) for numbers in sets], wrong(zh, en, name)
    for place, field in enumerate(question.fields):
        answers = right_answers(question)
        several = f"{field.name}: " if len(question.fields) > 1 else ""
        for name, (*where, zh, en) in field.mistakes.items():
            for answer in samples(*where) if where else [name]:
                answers[place] = answer
                said = (sentence.format(value=answer) for sentence in (zh, en))
                yield list(answers), wrong(*said, several + name)


@every_question
def test_a_question_tells_each_mistake_by_its_own_sentence(question):
    told = [question.find(*answers) for answers, _ in mistakes(question)]
    assert told == [expected for _, expected in mistakes(question)]


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
        assert found.hint == "otherwise"


@every_task
def test_a_task_answers_what_is_no_function_or_returns_nothing_of_use(task):
    assert checked(task, None).en == "a function is expected here, got None."
    assert checked(task, lambda *case: None).kind == "unanswered"
    assert "; it should return a" in checked(task, lambda *case: "7").en
    assert "ZeroDivisionError" in checked(task, lambda *case: 1 / 0).en


def sentences():
    for question in QUESTIONS.values():
        yield question.right
        yield from (row[-2:] for row in question.together.values())
        for field in question.fields:
            if isinstance(field, Choice):
                yield from field.mistakes.values()
            else:
                yield field.otherwise
                yield from (row[-2:] for row in field.mistakes.values())
    for task in TASKS.values():
        yield from (task.right, task.otherwise, *(hint for _, *hint in task.mistakes.values()))


def test_every_sentence_stands_in_both_languages():
    for zh, en in sentences():
        assert re.search("[\u4e00-\u9fff]", zh)
        assert not re.search("[\u3000-\u9fff]", en)


def test_whatever_is_wrong_has_a_hint_with_a_name_that_is_no_sentence():
    """The names stay the same in both languages, and stand in learners' records."""
    calls = []
    for path in (ROOT / "course/checks").glob("*.py"):
        calls += [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "wrong"
        ]
    named = [call for call in calls if len(call.args) == 3 or ast.unparse(call).count("*") == 1]
    assert len(named) == len(calls) > 20
    names = {name for question in QUESTIONS.values() for name in question.together}
    for question in QUESTIONS.values():
        for field in question.fields:
            assert "otherwise" not in field.mistakes
            names |= set(field.mistakes)
    names |= {name for task in TASKS.values() for name in task.mistakes}
    assert all(re.fullmatch(r"[\w γηλ'().,/−+-]{1,40}", name) for name in names), names
    assert not re.search("[\u3000-\u9fff]", "".join(names))


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        (("larger", 0.4), "prediction: larger"),
        (("smaller", 2), "build_up: 1/(1-γ)"),
        (("smaller", 77), "build_up: otherwise"),
        (("sideways", 2), "no such word"),
        (("smaller", "x"), "no number"),
        ((), "arguments"),
    ],
)
def test_a_hint_of_several_fields_says_which(answers, name):
    assert checks.smaller_momentum.judge(*answers).hint == name


def test_a_hint_on_an_update_names_what_is_wrong():
    def overwritten(params, vs, lr, mom, batch_size):
        for param, v in zip(params, vs):
            v[:] = lr * param.grad
            param -= v

    assert checks.sgd_momentum.judge(overwritten).hint == "v overwritten + gain |B| 1"
    assert checks.patient.judge(
        1, "shared", "v[:] = mom * v + lr * param.grad", overwritten
    ).hint == ("cause: shared")
    cure = checks.patient.judge(1, "batch size", "v[:] = mom * v + lr * param.grad", overwritten)
    assert cure.hint == "cure: v overwritten + gain |B| 1"
    assert (
        checks.sgd_momentum.judge(lambda params, vs, lr, mom, batch_size: 1 / 0).hint == "exception"
    )


def test_a_declared_mistake_without_its_translation_is_refused():
    row = (near(1), "只有中文")
    with pytest.raises(
        ValueError, match=r"the mistake 'half' of answer must be \(set of numbers, zh, en\)"
    ):
        Number("answer", right=near(2), mistakes={"half": row}, otherwise=("", ""))
