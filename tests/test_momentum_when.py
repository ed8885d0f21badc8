"""`momentum-when`: what it claims against what it computed, and the hints of its checks."""

import numpy as np
import pytest
from common import ROOT, numbers, outputs, read

from course import checks, play

PRINTED = outputs("momentum-when")


def test_a_column_is_a_run_on_the_raw_data():
    raw, column = numbers(r"\d\.\de-\d+", PRINTED["proof"])
    assert raw == column


def test_the_stability_edge_agrees_with_where_the_runs_diverge():
    (share,) = numbers(r"([\d.]+)%", PRINTED["agree"])
    assert share >= 99


def test_momentum_needs_far_fewer_updates_on_the_scaled_data():
    for cell_id in ("fair", "noisy-fair"):
        plain, momentum = numbers(r"(\d+) updates", PRINTED[cell_id])
        assert momentum < plain / 3


def test_noise_shrinks_the_region_the_more_the_larger_gamma():
    fractions = numbers(r"([\d.]+) of the edge", PRINTED["shrink"])
    assert fractions == sorted(fractions, reverse=True)
    assert fractions[0] < 0.9


def test_the_goal_of_the_sliders_takes_momentum():
    names = {}
    for cell in read(ROOT / "notebooks/en/momentum-when.ipynb").cells:
        if cell.id in ("data", "sliders"):
            exec(cell.source, names)

    def updates_to_stay_below(lr, mom):
        data = (names[name] for name in ("X", "y", "init_params"))
        widget = play.training(*data, lr=lr, mom=mom, num_epochs=2)
        losses, _ = widget.trained()
        return int(np.flatnonzero(~(losses < 1e-4))[-1]) + 1

    assert min(updates_to_stay_below(lr, mom=0) for lr in np.arange(0.1, 2.4, 0.1)) > 170
    assert updates_to_stay_below(0.5, 0.84) <= 170
    assert updates_to_stay_below(0.5, 0.95) > 170


def test_the_updates_grow_with_the_condition_number_as_the_text_says():
    plain = numbers(r"(\d+) without", PRINTED["kappa"])
    tuned = numbers(r"(\d+) with\n", PRINTED["kappa"])
    assert plain == [69, 691, 6908, 69078]
    assert tuned == [27, 93, 315, 1056]
    assert numbers(r"slope ([\d.]+)", PRINTED["slopes"]) == pytest.approx([1, 0.5], abs=0.05)
    assert plain[3] / plain[1] == pytest.approx(100, rel=0.05)
    assert tuned[3] / tuned[1] == pytest.approx(11, rel=0.05)


def test_momentum_gains_nothing_on_the_chapters_data():
    assert numbers(r"(\d+) updates", PRINTED["isotropic"]) == [2, 2]
    plain, momentum = numbers(r"(\d+) updates", PRINTED["isotropic-noise"])
    assert (plain, momentum) == (8, 7)


def hessian(X, extend=True, mean=True):
    X = X.asnumpy().astype("float64")
    X = np.column_stack([X, np.ones(len(X))]) if extend else X
    return np.linalg.eigvalsh(X.T @ X / (len(X) if mean else 1))


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda X, mom: 2 / hessian(X).max(), "without momentum"),
        (lambda X, mom: (1 + mom) / hessian(X).max(), "half"),
        (lambda X, mom: 2 / (1 - mom) / hessian(X).max(), "2/(1−γ)"),
        (lambda X, mom: 2 * (1 - mom) / hessian(X).max(), "1−γ"),
        (lambda X, mom: 2 * (1 + mom) / hessian(X, extend=False).max(), "without bias"),
        (lambda X, mom: 2 * (1 + mom) / hessian(X, mean=False).max(), "sum"),
        (lambda X, mom: 2 * (1 + mom) / hessian(X).min(), "smallest"),
        (lambda X, mom: 4 * (1 + mom) / hessian(X).max(), "twice"),
    ],
)
def test_edge_lr_names_the_mistake(function, hint):
    assert checks.edge_lr.judge(function).hint == hint


def test_edge_lr_shows_what_is_not_explained():
    found = checks.edge_lr.judge(lambda X, mom: 0.123)
    assert "50 examples and γ = 0.3" in found.en
    assert found.en.endswith("your function gives 0.123.")


def test_edge_lr_right():
    assert checks.edge_lr(lambda X, mom: 2 * (1 + mom) / hessian(X).max()) is True
