"""Every hint of the checks, provoked by the mistake that it names."""

import linecache
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from mxnet import nd

from course import checks
from course.checks import update_rule, verdict
from course.checks.questions import Choice, Number, Question, Task
from course.checks.update_rule import MISTAKES, diagnose
from course.checks.verdict import wrong

LOOP = "for p, v in zip(params, vs):"
TRUE_V = "v[:] = mom * v + lr * p.grad / batch_size"
TRUE_P = "p[:] = p - v"


def function(body, arguments="params, vs, lr, mom, batch_size"):
    """Make the learner's `update` of its body, as a cell of a notebook would."""
    source = f"def update({arguments}):\n"
    source += "".join(f"    {line}\n" for line in body.splitlines())
    name = f"<cell {abs(hash(source))}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace = {"nd": nd, "np": np, "math": math}
    exec(compile(source, name, "exec"), namespace)
    return namespace["update"]


def each(v, p):
    """Give a body that runs a line for the velocity and a line for the parameter, for each."""
    return f"{LOOP}\n    {v}\n    {p}"


WRONG = {
    ("signs", "uphill"): each(TRUE_V, "p[:] = p + v"),
    ("signs", "negated gradient"): each("v[:] = mom * v - lr * p.grad / batch_size", TRUE_P),
    ("lr", "outside"): each("v[:] = mom * v + p.grad / batch_size", "p[:] = p - lr * v"),
    ("lr", "twice"): each(TRUE_V, "p[:] = p - lr * v"),
    ("lr", "on both"): each("v[:] = lr * (mom * v + p.grad / batch_size)", TRUE_P),
    ("lr", "missing"): each("v[:] = mom * v + p.grad / batch_size", TRUE_P),
    ("batch", "missing"): each("v[:] = mom * v + lr * p.grad", TRUE_P),
    ("batch", "step only"): each("v[:] = mom * v + lr * p.grad", "p[:] = p - v / batch_size"),
    ("batch", "on both"): each("v[:] = (mom * v + lr * p.grad) / batch_size", TRUE_P),
    ("batch", "times"): each("v[:] = mom * v + lr * p.grad * batch_size", TRUE_P),
    ("mom", "ignored"): each("v[:] = v + lr * p.grad / batch_size", TRUE_P),
    ("mom", "added to one"): each("v += mom * v + lr * p.grad / batch_size", TRUE_P),
    ("mom", "fixed at 0.9"): each("v[:] = 0.9 * v + lr * p.grad / batch_size", TRUE_P),
    ("mom", "overwritten"): each("v[:] = lr * p.grad / batch_size", TRUE_P),
    ("mom", "on the gradient"): each("v[:] = v + mom * lr * p.grad / batch_size", TRUE_P),
    ("mom", "on both"): each("v[:] = mom * (v + lr * p.grad / batch_size)", TRUE_P),
    ("mom", "swapped with lr"): each("v[:] = lr * v + mom * p.grad / batch_size", TRUE_P),
    ("mom", "average"): each("v[:] = mom * v + (1 - mom) * lr * p.grad / batch_size", TRUE_P),
    ("step", "old velocity"): each(TRUE_P, TRUE_V),
    ("step", "Nesterov"): each(TRUE_V, "p[:] = p - mom * v - lr * p.grad / batch_size"),
    ("step", "gradient"): each(TRUE_V, "p[:] = p - lr * p.grad / batch_size"),
    ("velocity", "lost"): each("v = mom * v + lr * p.grad / batch_size", TRUE_P),
    ("velocity", "decayed only"): each("v *= mom; v = v + lr * p.grad / batch_size", TRUE_P),
    ("params", "lost"): each(TRUE_V, "p = p - v"),
    ("params", "replaced"): each(TRUE_V, "p[:] =- v"),
    ("gradient", "parameter"): each("v[:] = mom * v + lr * p / batch_size", TRUE_P),
    ("which", "first"): f"{each(TRUE_V, TRUE_P)}\n    return",
    ("which", "last"): f"p, v = params[-1], vs[-1]\n{TRUE_V}\n{TRUE_P}",
    ("which", "last steps"): f"{LOOP}\n    {TRUE_V}\n{TRUE_P}",
    ("buffer", "first"): f"v = vs[0]\nfor p in params:\n    {TRUE_V}\n    {TRUE_P}",
    ("buffer", "last"): f"v = vs[-1]\nfor p in params:\n    {TRUE_V}\n    {TRUE_P}",
    ("buffer", "last in the step"): f"{LOOP}\n    {TRUE_V}\nfor p in params:\n    {TRUE_P}",
}

RIGHT = {
    "as in the chapter": each("v *= mom; v += lr / batch_size * p.grad", "p -= v"),
    "written out": each(TRUE_V, TRUE_P),
    "out=": each(
        "nd.elemwise_add(mom * v, lr / batch_size * p.grad, out=v)",
        "nd.elemwise_sub(p, v, out=p)",
    ),
    "by index": "for i in range(len(params)):\n"
    "    vs[i][:] = mom * vs[i] + lr * params[i].grad / batch_size\n"
    "    params[i][:] -= vs[i]",
    "by NumPy": each(
        "v[:] = mom * v.asnumpy() + lr * p.grad.asnumpy() / batch_size",
        "p[:] = p.asnumpy() - v.asnumpy()",
    ),
    "gradient divided in place": each(
        "p.grad[:] /= batch_size; v[:] = mom * v + lr * p.grad", TRUE_P
    ),
    "all velocities first": f"{LOOP}\n    {TRUE_V}\n{LOOP}\n    {TRUE_P}",
    "fused, in the chapter's sign": f"{LOOP}\n    v *= -1\n"
    "    nd.sgd_mom_update(p, p.grad, v, out=p, lr=lr, momentum=mom, rescale_grad=1 / batch_size)\n"
    "    v *= -1",
    "returns what it updated": f"{each(TRUE_V, TRUE_P)}\nreturn params, vs",
}

MXNET_SIGN = {
    "fused": f"{LOOP}\n    nd.sgd_mom_update(p, p.grad, v, out=p, lr=lr, momentum=mom, "
    "rescale_grad=1 / batch_size)",
    "written out": each("v[:] = mom * v - lr * p.grad / batch_size", "p[:] = p + v"),
}

OTHER = {
    "only the velocity is updated": (
        each(TRUE_V, "pass"),
        "the parameters do not change. If you wrote",
    ),
    "only x - v": (each("pass", TRUE_P), "the velocity does not change. If you wrote"),
    "both renamed": (
        each("v = mom * v + lr * p.grad / batch_size", "p = p - v"),
        "Assigning to a name",
    ),
    "nothing happens": ("pass", "neither parameters nor velocities change"),
    "new arrays": (
        "return [p - (mom * v + lr * p.grad / batch_size) for p, v in zip(params, vs)]",
        "returns new arrays",
    ),
    "new arrays in the lists": (
        "for i, (p, v) in enumerate(zip(params, vs)):\n"
        "    vs[i] = mom * v + lr * p.grad / batch_size\n    params[i] = p - vs[i]",
        "neither parameters nor velocities change",
    ),
    "plain SGD": (f"{LOOP}\n    p[:] = p - lr * p.grad / batch_size", "the velocity is not used"),
    "nan": (each("v[:] = math.nan", TRUE_P), "nan"),
    "a name that is not there": (
        each("v[:] = gamma * v", TRUE_P),
        "failed in line 3: NameError: name 'gamma' is not defined\n    v[:] = gamma * v",
    ),
    "a shape that does not fit": (each("v[:] = nd.ones((7, 5))", TRUE_P), "failed in line 3: "),
    "an error inside MXNet": (
        each("v[:] = nd.dot(nd.ones((2, 3)), nd.ones((2, 3)))", TRUE_P),
        "failed in line 3: MXNetError: ",
    ),
    "a wrong sign and no batch size": (
        each("v[:] = mom * v + lr * p.grad", "p[:] = p + v"),
        "wrong sign: the parameters move uphill",
    ),
    "leaves Python": ("raise SystemExit(3)", "failed in line 2: SystemExit: 3"),
    "the first learning rate for ever": (
        "global first\nif params[0].shape not in seen:\n    first = lr\n"
        "    seen[params[0].shape] = 1\nlr = first\n" + each(TRUE_V, TRUE_P),
        "the first update is right, later ones are not",
    ),
    "a step of its own": (each(TRUE_V, "p[:] = p - 0.77 * v"), "the velocities are right"),
    "a velocity of its own": (each("v[:] = 0.77 * v", TRUE_P), "velocities do not follow"),
}


def test_every_mistake_in_momentum_is_provoked():
    assert set(WRONG) == set(update_rule.MOMENTUM.mistakes)
    assert set(MISTAKES) - set(WRONG) == {("lr", "inside")}


@pytest.mark.parametrize("name", WRONG, ids="-".join)
def test_the_mistake_is_named_alone_and_from_every_start(name):
    zh, en = MISTAKES[name]
    for seed in range(2):
        found = diagnose(function(WRONG[name]), rng=np.random.default_rng(seed))
        assert (found.kind, found.zh, found.en) == ("wrong", zh, en)


@pytest.mark.parametrize("form", RIGHT)
def test_a_right_answer_passes_in_any_form(form):
    for seed in range(2):
        found = diagnose(function(RIGHT[form]), rng=np.random.default_rng(seed))
        assert found.kind == "right", found.en
        assert "sign" not in found.en


@pytest.mark.parametrize("form", MXNET_SIGN)
def test_mxnets_sign_form_passes_and_is_recognized(form):
    found = diagnose(function(MXNET_SIGN[form]))
    assert found.kind == "right"
    assert "MXNet's sign convention" in found.en
    assert "MXNet 的符号约定" in found.zh


@pytest.mark.parametrize("case", OTHER)
def test_other_wrong_answers(case):
    body, hint = OTHER[case]
    update = function(body)
    update.__globals__["seen"] = {}
    found = diagnose(update)
    assert found.kind == "wrong"
    assert hint in found.en
    assert "Traceback" not in found.en


SGD_LOOP = "for p in params:"
WRONG_SGD = {
    ("signs", "uphill"): f"{SGD_LOOP}\n    p += lr / batch_size * p.grad",
    ("lr", "missing"): f"{SGD_LOOP}\n    p -= p.grad / batch_size",
    ("batch", "missing"): f"{SGD_LOOP}\n    p -= lr * p.grad",
    ("batch", "times"): f"{SGD_LOOP}\n    p -= lr * batch_size * p.grad",
    ("params", "lost"): f"{SGD_LOOP}\n    p = p - lr / batch_size * p.grad",
    ("gradient", "parameter"): f"{SGD_LOOP}\n    p -= lr / batch_size * p",
    ("which", "first"): f"{SGD_LOOP}\n    p -= lr / batch_size * p.grad\n    return",
    ("which", "last"): "params[-1][:] -= lr / batch_size * params[-1].grad",
}


@pytest.mark.parametrize("method", ["MOMENTUM", "OUTSIDE", "SGD"])
def test_no_two_mistakes_lead_to_the_same_place(method):
    """Wherever a single mistake leads, it is the one that is named, whatever the random start."""
    method = getattr(update_rule, method)
    for seed in range(2):
        for name in method.mistakes:
            shapes = update_rule.SAME_SHAPES if name[0] == "buffer" else update_rule.SHAPES
            trial = update_rule.Trial(shapes, np.random.default_rng(seed))
            state = trial.by_rule(method.rule._replace(**dict([name])))
            found = update_rule._compared(trial, state, False, method)
            assert (found.kind, found.en) == ("wrong", method.hints[name][1])


def test_every_mistake_in_sgd_is_provoked():
    assert set(WRONG_SGD) == set(update_rule.SGD.mistakes)


@pytest.mark.parametrize("name", WRONG_SGD, ids="-".join)
def test_the_mistake_in_sgd_is_named_alone(name):
    zh, en = MISTAKES[name]
    update = function(WRONG_SGD[name], "params, lr, batch_size")
    for seed in range(2):
        found = diagnose(update, update_rule.SGD, np.random.default_rng(seed))
        assert (found.kind, found.zh, found.en) == ("wrong", zh, en)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ("pass", "Your turn: write the update into the function"),
        ("lr = 2 * lr", "the parameters do not change"),
        ("return [p - lr / batch_size * p.grad for p in params]", "returns new arrays"),
        (f"{SGD_LOOP}\n    p -= 0.3 * p.grad", "the parameters do not follow the formula"),
        (f"{SGD_LOOP}\n    p -= eta * p.grad", "line 3: NameError"),
    ],
)
def test_other_wrong_answers_for_sgd(body, hint, capsys):
    assert checks.sgd(function(body, "params, lr, batch_size")) is False
    assert hint in capsys.readouterr().out


def test_sgd_right():
    from course.chapters import sgd

    assert checks.sgd(sgd) is True


def test_two_mistakes_are_both_named():
    found = diagnose(function(OTHER["a wrong sign and no batch size"][0]))
    assert "Also: the division by batch_size is missing" in found.en


@pytest.mark.parametrize("body", ["while True: pass", "while True: params[0] += 1"])
def test_an_endless_loop_is_stopped(body, monkeypatch):
    monkeypatch.setattr(verdict, "SECONDS", 0.2)
    assert diagnose(function(body)) is verdict.TIME_IS_UP


@pytest.mark.parametrize(
    "answer", [None, 3, "sgd_momentum", lambda: None, lambda params: None, [1]]
)
def test_what_is_no_update_function(answer, capsys):
    assert checks.sgd_momentum(answer) is False
    assert "Traceback" not in capsys.readouterr().out


def test_the_chapters_own_function_passes():
    from course.chapters import sgd_momentum

    assert checks.sgd_momentum(sgd_momentum) is True


@pytest.mark.parametrize(
    "folder", ["zh", "en", "zh-solutions", "en-solutions", "elsewhere", "zhang", "zh-TW"]
)
def test_verdicts_are_in_the_notebooks_language(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    assert checks.sgd_momentum(function(RIGHT["written out"])) is True
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


OUTSIDE_V = "v[:] = mom * v + p.grad / batch_size"


def test_momentum_with_the_learning_rate_outside(capsys):
    assert checks.outside_momentum(function(each(OUTSIDE_V, "p[:] = p - lr * v"))) is True
    assert checks.outside_momentum(function(each(TRUE_V, TRUE_P))) is False
    assert "the learning rate stands inside the velocity" in capsys.readouterr().out
    assert checks.outside_momentum(function(each(OUTSIDE_V, TRUE_P))) is False
    assert "the learning rate is not used" in capsys.readouterr().out
    assert checks.outside_momentum(function(f"{LOOP}\n    pass")) is False
    assert "Your turn: write the update into the function" in capsys.readouterr().out


# Declared questions and tasks: their tables are walked

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
    assert "not the kind of value" in checked(task, lambda *case: "7").en
    assert "ZeroDivisionError" in checked(task, lambda *case: 1 / 0).en


def sentences():
    yield from update_rule.MISTAKES.values()
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
