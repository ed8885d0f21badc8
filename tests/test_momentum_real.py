"""`momentum-real`: its data, what it claims against what it computed, the hints of its checks."""

import hashlib
import re

import numpy as np
import pytest
from common import ROOT, numbers, outputs
from mxnet import nd

from course import checks

PRINTED = outputs("momentum-real")
DIGITS = ROOT / "notebooks/data/digits.csv.gz"


def test_the_digits_are_those_of_uci():
    """The checksum of the copy that scikit-learn ships, and the class counts that UCI gives."""
    digest = hashlib.sha256(DIGITS.read_bytes()).hexdigest()
    assert digest == "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
    table = np.loadtxt(DIGITS, delimiter=",")
    assert table.shape == (1797, 65)
    assert (table[:, :-1].min(), table[:, :-1].max()) == (0, 16)
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(table[:, -1].astype(int)).tolist() == counts


def test_momentum_wants_a_smaller_learning_rate():
    assert numbers(r"best learning rate ([\d.]+)", PRINTED["tune"]) == [0.3, 0.1]


def test_with_momentum_the_held_out_accuracy_is_above_97_percent():
    means = numbers(r"([\d.]+)% held out", PRINTED["judge"])
    assert means[1] > 97
    # Slightly above 10 epochs without momentum; 20 epochs about make up for it.
    assert means[0] < means[1] < means[0] + 1
    assert means[2] == pytest.approx(means[1], abs=0.3)


def test_part_by_part_momentum_is_better_on_some_and_not_on_others():
    gains = numbers(r"([+-]\d+\.\d)", PRINTED["judge"])
    assert len(gains) == 5
    assert max(gains) > 0
    assert min(gains) <= 0


def test_twice_the_epochs_leave_a_training_loss_about_twice_as_high():
    _, momentum, longer = numbers(r"finally ([\d.]+)", PRINTED["curves"])
    assert longer / momentum == pytest.approx(2, rel=0.35)


def test_with_momentum_the_training_loss_falls_faster_and_ends_lower():
    plain, momentum, longer = numbers(r"epoch (\d+),", PRINTED["curves"])
    assert momentum < min(plain, longer)
    plain, momentum, longer = numbers(r"finally ([\d.]+)", PRINTED["curves"])
    assert momentum < plain / 2
    assert momentum < longer < plain


def test_the_decay_calms_the_end_and_makes_the_training_loss_no_smaller():
    lines = PRINTED["schedule"].splitlines()
    constant, cosine = ([float(x) for x in re.findall(r"\d\.\d+", line)] for line in lines)
    assert cosine == sorted(cosine, reverse=True)
    assert cosine[-2] - cosine[-1] < 0.2 * (constant[-2] - constant[-1])
    assert constant[-1] < cosine[-1]


def masks(outputs, truth, digit):
    said, is_digit = outputs.asnumpy().argmax(axis=1), truth.asnumpy() == digit
    return said, is_digit, (said == digit) & is_digit


def share(count):
    """Make a learner's function of one that counts from `masks`."""
    return lambda outputs, truth, digit: count(*masks(outputs, truth, digit), truth, digit)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (share(lambda said, is_digit, hit, t, d: hit.sum() / (said == d).sum()), "precision"),
        (share(lambda said, is_digit, hit, t, d: (said == t.asnumpy()).mean()), "accuracy"),
        (share(lambda said, is_digit, hit, t, d: hit.mean()), "of all"),
        (share(lambda said, is_digit, hit, t, d: hit.sum()), "count"),
        (share(lambda said, is_digit, hit, t, d: 100 * hit.sum() / is_digit.sum()), "percentage"),
        (share(lambda said, is_digit, hit, t, d: 1 - hit.sum() / is_digit.sum()), "wrongly"),
        (share(lambda said, is_digit, hit, t, d: is_digit.mean()), "share in the data"),
    ],
)
def test_recall_names_the_mistake(function, hint):
    assert checks.recall.judge(function).hint == hint


def test_recall_shows_what_is_not_explained():
    found = checks.recall.judge(lambda outputs, truth, digit: 0.123)
    assert found.en == (
        "of 8 examples that really are 3, 6 are classified correctly, "
        "and your function returns 0.123."
    )


def test_recall_right():
    right = share(lambda said, is_digit, hit, t, d: hit.sum() / is_digit.sum())
    assert checks.recall(right) is True
    assert checks.recall(lambda o, t, d: nd.array([right(o, t, d)])) is True
