"""`momentum-clinic`: its patients have the bugs and the symptoms that it says, and its checks' hints."""

import itertools

import numpy as np
import pytest
from common import ROOT, read
from mxnet import nd

from course import checks
from course.checks.momentum_clinic import BUGS, PATIENTS, _healthy
from course.checks.updates import NAMES, ROWS, diagnose

SOURCES = {cell.id: cell.source for cell in read(ROOT / "notebooks/en/momentum-clinic.ipynb").cells}
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


@pytest.fixture(scope="module")
def curves():
    """Give the loss curves of the ward: 0 is the healthy one, the patients are 1 to 7."""
    namespace = {}
    exec(SOURCES["ward"], namespace)
    functions = [namespace["sgd_momentum"], *(patient(number) for number in PATIENTS)]
    return [namespace["train"](function) for function in functions]


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
    assert healthy[0] / healthy[-1] > 3e4
    assert (jumping[10:decay] > jumping[0]).all()
    assert (np.diff(jumping) < 0).any()
    assert slow[-1] > 100 * healthy[-1]
    np.testing.assert_allclose(parting[: decay + 1], healthy[: decay + 1], rtol=1e-3)
    assert (abs(parting[decay + 2 : -1] / healthy[decay + 2 : -1] - 1) > 0.05).all()
    assert (np.diff(rising[:9]) > 0).all()
    np.testing.assert_allclose(same_as_slow, slow, rtol=1e-4)
    assert faster[decay] < healthy[decay] / 10
    assert shared[-1] > 100 * healthy[-1]


def test_the_shared_velocity_raises_with_parameters_of_different_shapes():
    params = [nd.ones(1), nd.ones((3, 2))]
    for param in params:
        param.attach_grad()
    with pytest.raises(Exception, match="shape"):
        patient(7)(params, [nd.zeros(1), nd.zeros((3, 2))], 0.1, 0.9, 1)


@pytest.mark.parametrize("word", BUGS)
def test_a_wrong_diagnosis_is_told_how_that_bug_would_look(word, capsys):
    number = next(number for number, bug in PATIENTS.items() if bug != word)
    assert checks.patient(number, word, patient(number)) is False
    assert f"it is not that: {BUGS[word][2]}" in capsys.readouterr().out


@pytest.mark.parametrize("number", PATIENTS)
def test_named_but_not_cured_then_cured(number, capsys):
    assert checks.patient(number, PATIENTS[number], patient(number)) is False
    assert "the cause is right, the function is not cured yet: " in capsys.readouterr().out
    assert checks.patient(number, PATIENTS[number], _healthy) is True


def test_patient_takes_words_only(capsys):
    assert checks.patient(1, "fever", _healthy) is False
    assert "bug should be one of 'sign', " in capsys.readouterr().out


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
