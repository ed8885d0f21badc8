"""`momentum-clinic`: its patients have the bugs and the symptoms that it says, and its checks' hints."""

import itertools

import numpy as np
import pytest
from common import ROOT, read
from mxnet import nd

from course import checks
from course.chapters import sgd_momentum
from course.checks.momentum_clinic import BUGS, LINES, PATIENTS, _healthy, _squeezed
from course.checks.updates import NAMES, ROWS, diagnose

SOURCES, CURED = (
    {cell.id: cell.source for cell in read(ROOT / f"notebooks/{e}/momentum-clinic.ipynb").cells}
    for e in ("en", "en-solutions")
)
# What course.checks.updates calls each bug.
SENTENCES = {
    "sign": NAMES["uphill"],
    "batch size": ROWS["gain |B| 1"],
    "outside": ROWS["gain η -1, step η 1"],
    "overwritten": NAMES["v overwritten"],
    "rebound": NAMES["v lost"],
    "shared": NAMES["first shared"],
    "nesterov": NAMES["nesterov"],
}


def patient(number):
    """Give a patient as its exercise cell defines it, without the cell's last lines."""
    lines = SOURCES[f"patient-{number}"].splitlines()
    body = itertools.takewhile(lambda line: not line.startswith("examine"), lines)
    namespace = {"nd": nd}
    exec("\n".join(body), namespace)
    return namespace[f"patient_{number}"]


def curves_of(seed, functions):
    """Give the loss curves that the ward's cell gives with examples in the order of this seed."""
    namespace = {}
    exec(SOURCES["ward"].replace("seed + 1", "order"), namespace)
    namespace["order"] = seed
    return [namespace["train"](function) for function in functions]


# The notebook's own order of examples, seed + 1 = 8, and others.
@pytest.fixture(
    scope="module", params=(8, *(pytest.param(one, marks=pytest.mark.deep) for one in (11, 17)))
)
def curves(request):
    """Give the loss curves of the ward: 0 is the healthy one, the patients are 1 to 7."""
    functions = [sgd_momentum, *(patient(number) for number in PATIENTS)]
    return curves_of(request.param, functions)


@pytest.mark.parametrize("number", PATIENTS)
def test_each_patient_has_its_bug_and_so_has_the_checks_own_copy(number):
    word = PATIENTS[number]
    for function in (patient(number), BUGS[word][0]):
        found = diagnose(function)
        assert found.en.endswith(SENTENCES[word][1])
        assert found.zh.endswith(SENTENCES[word][0])


def test_every_bug_has_a_patient():
    assert sorted(PATIENTS.values()) == sorted(BUGS)


def test_the_symptoms_are_those_of_the_text(curves):
    healthy, jumping, slow, parting, rising, same_as_slow, faster, shared = curves
    decay = 20  # after 80 updates, four to a point
    assert healthy[0] / healthy[-1] > 5e3
    steps = np.diff(np.log10(jumping[: decay + 1]))
    assert (steps > 0).sum() >= 6
    assert (steps < 0).sum() >= 6
    assert steps.max() > 0.9  # up to ten times as much, from one point to the next
    assert np.median(jumping[5:decay] / healthy[5:decay]) > 2
    assert slow[-1] > 50 * healthy[-1]
    np.testing.assert_allclose(parting[: decay + 1], healthy[: decay + 1], rtol=1e-3)
    assert np.median(abs(np.log(parting[decay + 1 :] / healthy[decay + 1 :]))) > 0.1
    assert (np.diff(rising[:9]) > 0).all()
    np.testing.assert_allclose(same_as_slow, slow, rtol=1e-4)
    assert faster[decay] < healthy[decay] / 5
    assert shared[-1] > 100 * healthy[-1]


def test_the_shared_velocity_is_worse_than_no_momentum(curves):
    """Patient 2, who forgets the velocity, is gradient descent without momentum."""
    assert curves[7][-1] > 1.5 * curves[2][-1]


def features():
    namespace = {}
    exec(SOURCES["ward"], namespace)
    return np.column_stack([namespace["X"].asnumpy(), np.ones(400)])


def test_no_minibatch_is_beyond_the_edge_and_the_change_of_h_makes_the_loss_jump():
    """What the right answer to the forgotten batch size says, on 4,000 minibatches.

    Without noise in the labels, so that nothing but H changes.
    """
    X, rng = features(), np.random.default_rng(0)
    hessian = X.T @ X / 400

    def run(hessians):
        error, v, losses = np.array([2, -3.4, 4.2]), 0, []
        for h in hessians:
            losses.append(error @ hessian @ error)
            v = 0.9 * v + h @ error
            error = error - v
        return np.array(losses) / losses[0]

    fixed, jumps, largest = run([hessian] * 80), 0, 0
    for _ in range(50):
        orders = np.concatenate([rng.permutation(400) for _ in range(2)]).reshape(80, 10)
        hessians = [X[chosen].T @ X[chosen] / 10 for chosen in orders]
        largest = max(largest, np.linalg.eigvalsh(hessians).max())
        jumps += run(hessians)[20:].max() > 1
    assert largest == pytest.approx(3.4, abs=0.05)
    assert largest < 2 * (1 + 0.9) / 1
    assert np.linalg.eigvalsh(hessian).max() == pytest.approx(1, abs=0.05)
    assert fixed.max() == 1
    assert fixed[-1] < 1e-3
    assert jumps > 25  # of 50 runs, those above their start again after 20 updates


def test_patient_6_holds_nesterovs_x_less_gamma_v():
    """The substitution of the text, on f(x) = x² with the gradient at x − γv."""
    x, v, lr, mom = np.array([1.0]), np.array([0.0]), 0.1, 0.9
    y, patients_v = nd.array(x), nd.array(v)
    y.attach_grad()
    for _ in range(20):
        v = mom * v + lr * 2 * (x - mom * v)
        x = x - v
        y.grad[:] = 2 * y
        patient(6)([y], [patients_v], lr, mom, 1)
        np.testing.assert_allclose(y.asnumpy(), x - mom * v, rtol=1e-4, atol=1e-6)


def test_the_shared_velocity_raises_with_parameters_of_different_shapes():
    params = [nd.ones(1), nd.ones((3, 2))]
    for param in params:
        param.attach_grad()
    with pytest.raises(Exception, match="shape"):
        patient(7)(params, [nd.zeros(1), nd.zeros((3, 2))], 0.1, 0.9, 1)


@pytest.mark.parametrize("number", PATIENTS)
def test_the_faulty_line_is_one_of_the_patient_and_the_cure_changes_it(number):
    lines = [_squeezed(line) for line in SOURCES[f"patient-{number}"].splitlines()]
    cured = [_squeezed(line) for line in CURED[f"patient-{number}"].splitlines()]
    wrong = [_squeezed(line) for line in LINES[number]]
    assert all(lines.count(line) == 1 for line in wrong)
    assert not all(line in cured for line in wrong)


@pytest.mark.parametrize("word", BUGS)
def test_a_wrong_diagnosis_is_told_how_that_bug_would_look(word):
    number = next(number for number, bug in PATIENTS.items() if bug != word)
    found = checks.patient.judge(number, word, LINES[number][0], patient(number))
    assert found.kind == "wrong"
    assert f"it is not that: {BUGS[word][2]}" in found.en


@pytest.mark.parametrize("number", PATIENTS)
def test_named_but_not_cured_then_cured(number):
    for line in LINES[number]:
        found = checks.patient.judge(number, PATIENTS[number], f"    {line}", patient(number))
        assert found.kind == "wrong"
        assert found.en.startswith("the cause is right, the function is not cured yet: ")
        assert checks.patient.judge(number, PATIENTS[number], line, _healthy).kind == "right"


@pytest.mark.parametrize("number", PATIENTS)
def test_the_healthy_function_and_all_words_do_not_pass_without_the_line(number):
    """Nor does any line of the healthy function, or of the patient's but the one."""
    lines = [line for line in SOURCES[f"patient-{number}"].splitlines() if line.startswith("    ")]
    lines += ["v[:] = mom * v + lr / batch_size * param.grad", "param -= v", ""]
    wrong = {_squeezed(line) for line in LINES[number]}
    for line in lines:
        if _squeezed(line) not in wrong:
            for word in BUGS:
                found = checks.patient.judge(number, word, line, _healthy)
                assert found.kind == "wrong"
                assert found.en.startswith("that is not where it goes wrong: ")


@pytest.mark.parametrize(
    ("bug", "line", "hint"),
    [
        ("fever", LINES[1][0], "bug should be one of 'sign', "),
        ("batch size", 3, "line should be the line of code that is wrong, in quotes; got 3."),
        ("batch size", None, "write your answer into `bug` and `line`"),
        (None, LINES[1][0], "write your answer into `bug` and `line`"),
    ],
)
def test_patient_takes_a_word_and_a_line(bug, line, hint):
    found = checks.patient.judge(1, bug, line, _healthy)
    assert found.kind != "right"
    assert hint in found.en


def hypotheses(**others):
    return PATIENTS | {int(key[1:]): word for key, word in others.items()}


@pytest.mark.parametrize(
    ("words", "kind", "hint"),
    [
        (PATIENTS, "right", "the same curve"),
        (hypotheses(_2="overwritten", _5="rebound"), "right", "the same curve"),
        (hypotheses(_2="overwritten"), "right", "the same curve"),
        (hypotheses(_3="sign"), "wrong", "6 of the 7 fit their curves"),
        (dict.fromkeys(PATIENTS, "shared"), "wrong", "1 of the 7 fit their curves"),
        (hypotheses(_3=None, _4=None), "unanswered", "what you suspect of 3, 4 as well"),
        (dict.fromkeys(PATIENTS), "unanswered", "what you suspect of 1, 2, 3, 4, 5, 6, 7"),
        (hypotheses(_3="fever"), "wrong", "hypotheses[3] should be one of 'sign', "),
        ({1: "sign"}, "wrong", "hypotheses should be {1: word, …, 7: word}, got {1: 'sign'}"),
    ],
)
def test_hypotheses_are_judged_by_the_curves_alone(words, kind, hint):
    found = checks.hypotheses.judge(words)
    assert found.kind == kind
    assert hint in found.en


def is_healthy(lrs=(0.1, 0.1, 0.02), count=2, batch_size=10, mom=0.5):
    """Make a learner's test that compares a few updates with the formula."""

    def test(update):
        params, vs = [nd.ones(1) for _ in range(count)], [nd.zeros(1) for _ in range(count)]
        x, v, gradients = [1.0] * count, [0.0] * count, (3, -4)
        for param in params:
            param.attach_grad()
        for lr in lrs:
            for param, gradient in zip(params, gradients):
                param.grad[:] = gradient
            update(params, vs, lr, mom, batch_size)
            for i in range(count):
                v[i] = mom * v[i] + lr * gradients[i] / batch_size
                x[i] -= v[i]
        return all(abs(param.asscalar() - value) < 1e-6 for param, value in zip(params, x))

    return test


@pytest.mark.parametrize(
    ("test", "hint"),
    [
        (is_healthy(batch_size=1), "these slip through: batch size."),
        (is_healthy(count=1), "these slip through: shared."),
        (is_healthy(lrs=(0.1,)), "these slip through: outside, overwritten, rebound."),
        (is_healthy(lrs=(0.1, 0.1)), "these slip through: outside."),
        (lambda update: True, "sign, batch size, outside, overwritten, rebound, shared, nesterov."),
        (lambda update: False, "calls the healthy function sick"),
        (lambda update: None, "neither True nor False"),
        (lambda update: update(), "failed in line"),
        ("True", "a function is expected"),
    ],
)
def test_is_healthy_names_what_slips_through(test, hint, capsys):
    assert checks.is_healthy(test) is False
    assert hint in capsys.readouterr().out


def test_is_healthy_right():
    assert checks.is_healthy(is_healthy()) is True
