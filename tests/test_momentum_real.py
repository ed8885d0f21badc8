"""`momentum-real`: its data, what it claims against what it computed, the hints of its checks."""

import hashlib
import re
import warnings

import numpy as np
import pytest
from common import ROOT, numbers, outputs, read
from matplotlib import pyplot as plt
from mxnet import nd

from course import checks
from course.checks.questions import holds
from course.sharpness import _gradient, sharpness_while_training
from tools.sources import without_magics

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


@pytest.fixture(scope="module")
def chapter():
    """Give what the chapter defines, by name: its data, parts and functions."""
    namespace = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # figures that nobody shows
        for cell in read(ROOT / "notebooks/en/momentum-real.ipynb").cells:
            if cell.id in ("data", "split", "fit"):
                exec(without_magics(cell.source), namespace)
    plt.close("all")
    return namespace


def judge(chapter, lr, mom, seed):
    """Give the final training losses and the held-out accuracies of 10 epochs, part by part."""
    losses, accuracies = [], []
    for i, fold in enumerate(chapter["folds"]):
        train = np.setdiff1d(chapter["order"], fold)
        net, history = chapter["fit"](train, lr, mom, 10, seed + i)
        losses.append(history[-1])
        accuracies.append(chapter["evaluate"](net, fold)[1])
    return np.array(losses), np.array(accuracies)


def validation_losses(chapter, mom, lrs, seeds=(7, 8, 9)):
    """Give what the chapter's `tune` does."""
    train = np.concatenate(chapter["folds"][:4])
    fitted = [[chapter["fit"](train, lr, mom, 5, seed)[0] for lr in lrs] for seed in seeds]
    validation = chapter["validation"]
    return np.array([[chapter["evaluate"](net, validation)[0] for net in nets] for nets in fitted])


def test_the_notebook_runs_where_its_kernel_is_started(chapter):
    """Its data are found from any folder, such as that of this test."""
    assert chapter["images"].shape == (1797, 64)


def test_each_method_has_its_best_learning_rate_inside_the_grid():
    plain, momentum = numbers(r"best learning rate ([\d.]+)", PRINTED["tune"])
    assert (plain, momentum) == (0.4, 0.05)
    assert 0.0125 < momentum < plain < 0.8


def test_the_seeds_agree_without_momentum_and_not_with_it():
    lines = [re.findall(r"[\d.]+", line)[-3:] for line in PRINTED["tune"].splitlines()]
    assert lines == [["0.4"] * 3, ["0.05", "0.05", "0.2"]]


def test_the_valley_is_flat_with_momentum_and_narrow_without(chapter):
    plain = validation_losses(chapter, 0, (0.1, 0.2, 0.4, 0.8)).mean(axis=0)
    momentum = validation_losses(chapter, 0.9, (0.01, 0.02, 0.05, 0.1, 0.2)).mean(axis=0)
    assert min(plain[1], plain[3]) > 1.25 * plain[2]
    assert momentum[2:].max() < 1.15 * momentum[2:].min()
    assert momentum[2:].max() < plain.min()
    # Small learning rates: a tenth with momentum is about the same.
    assert momentum[:2] == pytest.approx(plain[:2], rel=0.15)


def test_with_gamma_099_the_best_loss_is_more_than_twice_as_high(chapter):
    grid = (0.0025, 0.005, 0.01, 0.02, 0.04)
    heavy = validation_losses(chapter, 0.99, grid).mean(axis=0)
    right, mistaken = checks.best_lr_heavy.declared.fields[1].right, heavy.min()
    assert grid[heavy.argmin()] == 0.005
    assert holds(right, mistaken)
    assert mistaken > 2 * validation_losses(chapter, 0.9, (0.05,)).mean()


def test_at_the_other_end_of_the_valley_the_training_loss_is_far_lower_and_no_more(chapter):
    losses, accuracies = judge(chapter, 0.2, 0.9, seed=7)
    ends = numbers(r"finally ([\d.]+)", PRINTED["curves"])
    means = numbers(r"([\d.]+)% held out", PRINTED["judge"])
    assert losses.mean() < ends[1] / 3
    assert 100 * accuracies.mean() == pytest.approx(means[1], abs=0.6)


@pytest.mark.deep
def test_with_another_seed_momentum_is_better_on_a_part(chapter):
    gains = judge(chapter, 0.05, 0.9, seed=20)[1] - judge(chapter, 0.4, 0, seed=20)[1]
    assert 100 * gains.max() > 0.6
    assert gains.min() < 0


@pytest.mark.deep
def test_without_decay_a_small_learning_rate_ends_lower_and_a_large_one_now_and_then(chapter):
    train = np.setdiff1d(chapter["order"], chapter["folds"][0])

    def lower_without(lr):
        ends = [
            [chapter["fit"](train, lr, 0.9, 10, seed, decay)[1][-1] for decay in (False, True)]
            for seed in range(7, 12)
        ]
        return [constant < cosine for constant, cosine in ends]

    assert all(lower_without(0.05))
    assert 0 < sum(lower_without(0.2)) < 5


def test_held_out_accuracies_differ_less_than_the_parts_do():
    means = numbers(r"([\d.]+)% held out", PRINTED["judge"])
    spread = re.findall(r"\(([\d.]+)% to ([\d.]+)%\)", PRINTED["judge"])
    assert abs(means[1] - means[0]) < min(float(high) - float(low) for low, high in spread[:2]) / 2
    assert means[1] <= means[0]
    assert means[2] >= means[0]
    assert means[2] >= means[1]


def test_part_by_part_momentum_is_worse_on_some_and_equal_on_others():
    gains = numbers(r"([+-]\d+\.\d)", PRINTED["judge"])
    assert len(gains) == 5
    assert min(gains) < 0
    assert 0 in gains


def test_the_training_loss_falls_faster_with_momentum_and_slower_than_in_twice_the_epochs():
    plain, momentum, longer = numbers(r"epoch (\d+),", PRINTED["curves"])
    assert momentum < min(plain, longer)
    plain, momentum, longer = numbers(r"finally ([\d.]+)", PRINTED["curves"])
    assert momentum / plain == pytest.approx(2 / 3, abs=0.05)
    assert longer < momentum


def test_the_decay_calms_the_end_and_makes_the_training_loss_no_smaller():
    lines = PRINTED["schedule"].splitlines()
    constant, cosine = ([float(x) for x in re.findall(r"\d\.\d+", line)] for line in lines)
    assert cosine == sorted(cosine, reverse=True)
    assert cosine[-2] - cosine[-1] < 0.2 * (constant[-2] - constant[-1])
    assert constant[-1] < cosine[-1]


@pytest.mark.parametrize(
    "seed",  # the chapter's, and others
    [7, pytest.param(8, marks=pytest.mark.deep), pytest.param(9, marks=pytest.mark.deep)],
)
def test_the_sharpness_comes_to_the_edge_and_stays_there_without_momentum(chapter, seed):
    X, y = chapter["images"][:300].asnumpy(), chapter["labels"][:300].asnumpy().astype(int)
    runs = [sharpness_while_training(X, y, 0.25, mom, 100, seed) for mom in (0, 0.3, 0.9)]
    edges = (8, 10.4, 15.2)
    (_, _, plain), (_, _, some), (_, losses, much) = runs
    for (_, _, sharpness), edge in zip(runs, edges):
        assert sharpness[0] > 1.3 * edge
    assert plain[5:] == pytest.approx(edges[0], rel=0.15)
    assert some[2:5] == pytest.approx(edges[1], rel=0.15)
    assert (some[2:7] > edges[0]).all()
    assert (np.diff(some[3:]) < 0).all()
    assert losses[5] < 0.02
    early = sharpness_while_training(X, y, 0.25, 0, 15, seed, every=1)[1]
    assert (np.diff(early) > 0).any()  # the loss oscillates
    assert much[4:].max() < edges[2] / 2


def test_the_sharpness_is_the_largest_eigenvalue():
    """The gradient is that of the loss, and power iteration converges, upwards, at fixed weights."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 64)), rng.integers(10, size=30)
    (_, _, found) = sharpness_while_training(X, y, 0.0, 0.0, 200, seed=1)  # does not move
    targets, w = np.eye(10)[y], rng.normal(size=9610) / 10
    _, gradient, _ = _gradient(w, X, targets)
    for direction in rng.normal(size=(3, 9610)):
        ahead = _gradient(w + 1e-5 * direction, X, targets)[0]
        behind = _gradient(w - 1e-5 * direction, X, targets)[0]
        assert (ahead - behind) / 2e-5 == pytest.approx(gradient @ direction, rel=1e-3)
    assert found[-1] == pytest.approx(found[-2], rel=1e-3)  # it has converged
    assert found[-1] >= found.max() * 0.999


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
        (lambda o, t, d: (o[t == d].argmax(axis=1) == d).mean(), "mask, classified as digit"),
        (lambda o, t, d: (o.argmax(axis=1) == t)[t == d].mean(), "mask, right"),
        (
            lambda o, t, d: (o.argmax(axis=1) == t)[t == d].sum() / (t == d).sum(),
            "mask, divided by count",
        ),
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


def test_an_ndarray_takes_a_mask_for_an_index():
    """Which the chapter warns of: rows 0 and 1 are all that is picked."""
    a, truth = nd.arange(8).reshape((4, 2)), nd.array([3, 1, 3, 0])
    picked = a[truth == 3].asnumpy()
    np.testing.assert_array_equal(picked, a.asnumpy()[[1, 0, 1, 0]])


def test_an_error_that_comes_late_from_mxnets_engine_is_the_learners():
    """Not the check's, in whose own next operation it would come as a traceback."""

    def late(outputs, truth, digit):
        truth[nd.array([10**6])]
        return 0.5

    found = checks.recall.judge(late)
    assert found.kind == "wrong"
    assert "out of bound" in found.en
    nd.waitall()
