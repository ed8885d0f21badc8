"""Every hint of the checks, provoked by the mistake that it names."""

import math
import re

import numpy as np
import pytest
from mxnet import nd

from course import checks
from course.chapters import sgd_momentum


@pytest.mark.parametrize(
    "answer", [None, 3, "sgd_momentum", lambda: None, lambda params: None, [1]]
)
def test_what_is_no_update_function(answer, capsys):
    assert checks.sgd_momentum(answer) is False
    assert "Traceback" not in capsys.readouterr().out


def test_the_chapters_own_function_passes():
    assert checks.sgd_momentum(sgd_momentum) is True


@pytest.mark.parametrize("folder", ["zh", "en", "zh-solutions", "en-solutions", "elsewhere"])
def test_verdicts_are_in_the_notebooks_language(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    assert checks.sgd_momentum(sgd_momentum) is True
    assert checks.sgd_momentum(lambda *arguments: None) is False
    assert checks.final_velocity(None) is False
    zh = r"正确。参数和速度每一步都与公式一致。\n还不对。参数和速度都没有变。.*\n还没有作答。先把.*\n"
    en = (
        r"Right: parameters and velocities follow the formula at every step.\n"
        r"Not yet: neither parameters nor velocities change. .*\nNo answer yet: write your .*\n"
    )
    assert re.fullmatch(zh if folder.startswith("zh") else en, capsys.readouterr().out)


def test_a_check_leaves_mxnets_generator_alone():
    import mxnet as mx

    mx.random.seed(1)
    expected = nd.random.normal(shape=3).asnumpy()
    mx.random.seed(1)
    checks.sgd_momentum(sgd_momentum)
    np.testing.assert_array_equal(nd.random.normal(shape=3).asnumpy(), expected)


class Hostile:
    def __repr__(self):
        raise RuntimeError

    def __float__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (None, "write your answer into `answer` first"),
        ("6", "should be a number, got '6'"),
        ([6], "should be a number"),
        (math.nan, "should be a number"),
        (nd.array([1, 2]), "should be a number"),
        (Hostile(), "should be a number, got Hostile"),
        (math.inf, "does not grow without bound"),
        (0.3, "after one update"),
        (0.585, "after the second update"),
        (60, "η is missing"),
        (2, "g is missing"),
        (5.7, "starts at 1"),
        (0.015, "less than ηg"),
        (0.3 / 0.95, "the denominator is wrong"),
        (-6, "wrong sign"),
        (0.85575, "after the third update"),
        (20, "both the learning rate η and the gradient g are missing"),
        (5.96, "has not settled yet"),
        (5, "write down v₁"),
    ],
)
def test_final_velocity_names_the_mistake(answer, hint, capsys):
    assert checks.final_velocity(answer) is False
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("answer", [6, 6.0, 0.1 * 3 / 0.05, np.float32(6), nd.array([6])])
def test_final_velocity_right(answer):
    assert checks.final_velocity(answer) is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (None, "write your answer into `answer` first"),
        ("0.5", "should be a number"),
        (1, "that is the limit for f(x) = x²"),
        (0.25, "one step reaches the minimum"),
        (2, "its limit is smaller"),
        (0.7, "keep its absolute value below 1"),
    ],
)
def test_stability_limit_names_the_mistake(answer, hint, capsys):
    assert checks.stability_limit(answer) is False
    assert hint in capsys.readouterr().out


def test_stability_limit_right():
    assert checks.stability_limit(0.5) is True


# Features whose Hessian, with the bias's column of ones, is diag(4, 1): the limit is 2/4.
FEATURES = nd.array([[2], [-2], [2], [-2]])


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (None, "write your answer into `answer` first"),
        ([0.5], "should be a number"),
        (0, "a learning rate is positive"),
        (0.51, "with 0.51 the training diverges"),
        (math.inf, "with inf the training diverges"),
        (0.3, "the limit is more than 0.1 higher"),
    ],
)
def test_largest_learning_rate_names_the_mistake(answer, hint, capsys):
    assert checks.largest_learning_rate(answer, FEATURES) is False
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("answer", [0.41, 0.49, 0.5])
def test_largest_learning_rate_right(answer):
    assert checks.largest_learning_rate(answer, FEATURES) is True


@pytest.mark.parametrize(
    ("prediction", "hint"),
    [
        (None, "write your answer into `prediction` first"),
        ("bigger", "should be one of 'larger', 'smaller'; got 'bigger'"),
        (0.5, "should be one of 'larger', 'smaller'"),
        (nd.array([1, 2]), "should be one of 'larger', 'smaller'"),
        (Hostile(), "got Hostile"),
        ("larger", "compare the loss of epoch 1"),
    ],
)
def test_smaller_momentum_names_the_mistake(prediction, hint, capsys):
    assert checks.smaller_momentum(prediction) is False
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("prediction", ["smaller", "Smaller", " smaller "])
def test_smaller_momentum_right(prediction):
    assert checks.smaller_momentum(prediction) is True


@pytest.mark.parametrize(
    ("answers", "hint"),
    [
        ((None, 0.2), "write your answer into `best_plain` and `best_momentum` first"),
        ((1.6, None), "write your answer into `best_plain` and `best_momentum` first"),
        ((1.5, 0.2), "best_plain should be one of 0.1"),
        (("1.6", 0.2), "best_plain should be a number"),
        ((1.6, [0.2]), "best_momentum should be a number"),
        ((0.8, 0.2), "best_plain can be larger"),
        ((1.6, 0.1), "best_momentum can be larger"),
        ((1.6, 0.4), "best_momentum is too large"),
    ],
)
def test_scaled_feature_names_the_mistake(answers, hint, capsys):
    assert checks.scaled_feature(*answers) is False
    assert hint in capsys.readouterr().out


def test_scaled_feature_right():
    assert checks.scaled_feature(1.6, 0.2) is True


@pytest.mark.parametrize(
    ("answers", "hint"),
    [
        ((None, 1), "write your answer into `inside_step` and `outside_step` first"),
        (("2", 0.25), "inside_step should be a number"),
        ((2.05, Hostile()), "outside_step should be a number"),
        ((0.25, 2.05), "the two answers are swapped"),
        ((2.5, 0.25), "inside_step is the step before the decay"),
        ((0.25, 0.25), "inside_step does not shrink that much at once"),
        ((2.05, 2.5), "outside_step is the step before the decay"),
        ((2.05, 0.05), "the velocity is missing from outside_step"),
        ((7, 0.25), "inside_step is not right"),
        ((2.05, 7), "outside_step is not right"),
    ],
)
def test_step_after_decay_names_the_mistake(answers, hint, capsys):
    assert checks.step_after_decay(*answers) is False
    assert hint in capsys.readouterr().out


def test_step_after_decay_right():
    assert checks.step_after_decay(2.05, 0.25) is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (None, "write your answer into `answer` first"),
        ({}, "should be a number"),
        (0.05, "the average is slower"),
        (0.005, "the other way round"),
        (0.05 / 0.9, "which is not γ"),
        (5, "try other rates"),
    ],
)
def test_average_learning_rate_names_the_mistake(answer, hint, capsys):
    assert checks.average_learning_rate(answer) is False
    assert hint in capsys.readouterr().out


def test_average_learning_rate_right():
    assert checks.average_learning_rate(0.5) is True
