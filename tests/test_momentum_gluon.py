"""`momentum-gluon`: its converter against the published update rules, its prose against its outputs."""

import re

import mxnet as mx
import numpy as np
import pytest
import rivals
from common import outputs
from mxnet import autograd, gluon

from course.chapters import convert_lr

MOM, UPDATES = 0.9, 50
CURVATURE = np.array([0.2, 1, 4])
START = np.array([3.0, -2, 1])

PRINTED = outputs("momentum-gluon")


def path(form, lrs, dampening=0):
    """Follow a form's published rule in float64 on f(x) = ½ Σ λᵢ(xᵢ − sin t)², changing with time.

    The first gradient is zero, so that PyTorch's exception (its first gradient is not dampened)
    makes no difference.
    """
    x, v, points = START, np.zeros(3), []
    for t, lr in enumerate(lrs):
        g = CURVATURE * (x - np.sin(t)) * (t > 0)
        if form == "course":
            v = MOM * v + lr * g
            x = x - v
        elif form in ("mxnet", "keras"):
            v = MOM * v - lr * g
            x = x + v
        elif form == "average":
            v = MOM * v + (1 - MOM) * g
            x = x - lr * v
        else:  # pytorch, optax
            v = MOM * v + (1 - dampening * (form == "pytorch")) * g
            x = x - lr * v
        points.append(x)
    return np.array(points)


FORMS = ("course", "mxnet", "keras", "optax", "pytorch", "average")


@pytest.mark.parametrize("target", FORMS)
@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize("dampening", [0, 0.5])
def test_the_converted_learning_rate_gives_the_same_trajectory(source, target, dampening):
    lr = 0.04
    converted = convert_lr(lr, MOM, source, target, dampening)
    expected = path(source, [lr] * UPDATES, dampening)
    np.testing.assert_allclose(path(target, [converted] * UPDATES, dampening), expected, rtol=1e-9)


def test_inside_and_outside_part_at_a_decay():
    lrs = [0.04] * 25 + [0.004] * 25
    course, mxnet, pytorch = (path(form, lrs) for form in ("course", "mxnet", "pytorch"))
    np.testing.assert_allclose(course, mxnet, rtol=1e-9)
    np.testing.assert_allclose(course[:25], pytorch[:25], rtol=1e-9)
    assert np.abs(course[25] - pytorch[25]).max() > 0.01


def test_an_unknown_form_is_refused_by_name():
    with pytest.raises(ValueError, match=r"a form must be one of course, mxnet.*; got 'jax'"):
        convert_lr(0.1, 0.9, "course", "jax")


COURSE_LR = 0.04  # what the rivals' learning rates are converted from


def course_path(lrs, from_update=0):
    """Follow the course's rule in float64 on the rivals' problem."""
    x, v, points = rivals.START, 0, []
    for t, lr in enumerate(lrs):
        v = MOM * v + lr * rivals.gradient(x, t, from_update)
        x = x - v
        points.append(x)
    return np.array(points)


@pytest.mark.parametrize(
    "rival, case, form, dampening",
    [
        ("torch", "sgd", "pytorch", 0),
        ("torch", "sgd, dampening, at rest", "pytorch", 0.5),
        ("optax", "sgd", "optax", 0),
        ("optax", "trace", "optax", 0),
    ],
)
def test_pytorch_and_optax_themselves(rival, case, form, dampening):
    _, settings = rivals.CASES[rival][case]
    lr = convert_lr(COURSE_LR, MOM, "course", form, dampening)
    assert settings["lr"] == pytest.approx(lr, rel=1e-15)
    expected = course_path([COURSE_LR] * rivals.UPDATES, settings.get("from_update", 0))
    np.testing.assert_allclose(rivals.stored(rival, case), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rival", ["torch", "optax"])
def test_at_a_decay_pytorch_and_optax_part_from_the_course(rival):
    _, settings = rivals.CASES[rival]["sgd, decay"]
    course, theirs = (
        course_path(rivals.learning_rates(settings["lr"])),
        rivals.stored(rival, "sgd, decay"),
    )
    half = rivals.UPDATES // 2
    np.testing.assert_allclose(theirs[:half], course[:half], rtol=1e-12, atol=1e-12)
    assert np.abs(theirs[half] - course[half]).max() > 0.01


def test_pytorch_does_not_dampen_its_first_gradient():
    ours = course_path([COURSE_LR] * rivals.UPDATES)[0] - rivals.START
    theirs = rivals.stored("torch", "sgd, dampening")[0] - rivals.START
    np.testing.assert_allclose(theirs, ours / (1 - 0.5), rtol=1e-12)


def test_the_trainer_follows_the_same_trajectory():
    assert re.findall(r"same trajectory: (\w+)", PRINTED["same"]) == ["True", "True"]


def state_after_a_gradient_of_one(optimizer, **settings):
    """Give what a `Trainer` keeps for a parameter after one update."""
    param = gluon.Parameter("x", shape=(1,))
    param.initialize(mx.init.One())
    trainer = gluon.Trainer([param], optimizer, {"learning_rate": 0.1, **settings})
    with autograd.record():
        loss = param.data() * 1
    loss.backward()
    trainer.step(1)
    return trainer._updaters[0].states[0]


def test_the_trainers_velocity_has_the_sign_of_the_second_row():
    assert state_after_a_gradient_of_one("sgd", momentum=0.9).asscalar() == pytest.approx(-0.1)


def test_adams_first_moment_has_the_form_of_the_average():
    mean, _ = state_after_a_gradient_of_one("adam", beta1=0.9)
    assert mean.asscalar() == pytest.approx((1 - 0.9) * 1)


def test_all_converted_forms_follow_the_same_trajectory():
    assert PRINTED["forms"].count("same trajectory: True") == 5


def test_the_steps_after_the_decay():
    before, after = PRINTED["decay"].splitlines()
    assert before == "before: 1.000 inside, 1.000 outside"
    assert after == "after:  0.901 inside, 0.010 outside"


def test_the_short_batch_counts_for_40_of_64():
    assert PRINTED["short"] == f"40 examples, ratio of the steps {40 / 64:.3f}\n"


def test_weight_decay_enters_the_velocity():
    for trainer, formula in re.findall(r"Trainer (.*), formula (.*)", PRINTED["wd"]):
        assert trainer == formula
