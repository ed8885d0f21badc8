"""`momentum-when`: what it claims against what it computed, and the hints of its checks."""

import re

import numpy as np
import pytest
from common import ROOT, numbers, outputs, read
from mxnet import nd

from course import checks, play

PRINTED = outputs("momentum-when")
ROWS = (32, 58, 63)  # of the map, those of the cell `shrink`


@pytest.fixture(scope="module")
def names():
    """Give what the chapter defines, without its runs."""
    names = {}
    for cell in read(ROOT / "notebooks/en/momentum-when.ipynb").cells:
        if cell.id in ("data", "quadratic", "columns", "fair", "noise"):
            source = cell.source.split("needed = updates_needed(")[0].split("history_noisy = ")[0]
            exec(source, names)
    return names


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
    assert numbers(r"(\d+) updates", PRINTED["fair"]) == [117, 25]


def quadratic_of(names, X, y):
    """Give the H, the c and the constant of the mean loss, in float64."""
    H, c = (array.asnumpy().astype("float64") for array in names["quadratic"](X, y))
    return H, c, (y**2).mean().asscalar() / 2


def updates_to(loss, batches, etas, gammas):
    """Train with every pair of a learning rate and a momentum parameter; give the updates needed.

    In float64; `loss` is an H, a c and a constant, `batches` an H and a c for each update. The shape
    of the result is (gammas, etas); inf where the loss is not below 0.001 at the end.
    """
    H, c, constant = loss
    eta, gamma = (grid.ravel() for grid in np.meshgrid(etas, gammas))
    W = V = np.zeros((3, eta.size))
    needed = np.full(eta.size, np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        for t, (H_batch, c_batch) in enumerate(batches, start=1):
            V = gamma * V + eta * (H_batch @ W - c_batch)
            W = W - V
            below = (W * (H @ W / 2 - c)).sum(axis=0) + constant < 1e-3
            needed = np.where(below, np.minimum(needed, t), np.inf)
    return needed.reshape(len(gammas), len(etas))


def test_the_comparison_holds_on_finer_and_wider_grids(names):
    H, c, _ = loss = quadratic_of(names, names["X"], names["y"])
    batches = [(H, c)] * 300
    etas = np.linspace(1, 1.95, 200)
    plain = updates_to(loss, batches, etas, [0])
    assert 105 <= plain.min() <= 117
    assert 1.5 < etas[plain.argmin()] < 1.9
    etas, gammas = np.linspace(1, 3.9, 80), np.linspace(0.3, 0.95, 66)
    momentum = updates_to(loss, batches, etas, gammas)
    assert 23 <= momentum.min() <= 25
    row, column = np.unravel_index(momentum.argmin(), momentum.shape)
    assert 2.5 < etas[column] < 3.5
    assert 0.55 < gammas[row] < 0.7
    # The uppermost row has its best at the map's left border; wider, it is no better.
    assert 290 < updates_to(loss, batches, np.geomspace(1e-3, 3.9, 300), [0.98]).min() <= 300


def test_a_larger_learning_rate_is_not_the_reason():
    assert re.findall(r"(\w+) updates", PRINTED["reason"]) == ["inf", "62"]


def largest_fractions(names, history):
    """Give the largest learning rate that does not diverge, as a fraction of the edge, per row."""
    H, _ = names["quadratic"](names["X"], names["y"])
    edge = 2 * (1 + names["gamma"][:, 0]) / np.linalg.eigvalsh(H.asnumpy())[-1]
    fine = history[-1] < history[0]
    return [names["eta"][row][fine[row]].max() / edge[row] for row in ROWS]


def test_the_border_moves_because_the_curvature_changes_from_update_to_update(names):
    X, y = names["X"], names["y"]
    H, c, _ = quadratic_of(names, X, y)
    truth = nd.array(np.linalg.solve(H, c))
    batches = list(names["minibatches"](X, y))
    # The noise in the labels is not the cause: without it the fractions are those printed.
    without_noise = names["train_all"]([(H, nd.dot(H, truth)) for H, _ in batches], X, y)
    fractions = numbers(r"([\d.]+) of the edge", PRINTED["shrink"])
    assert largest_fractions(names, without_noise) == pytest.approx(fractions, abs=0.006)
    # Nor is a single minibatch: with γ = 0.9 the next larger learning rate would be stable too.
    largest = max(np.linalg.eigvalsh(H.asnumpy())[-1] for H, _ in batches)
    assert largest == pytest.approx(2.7, abs=0.05)
    allowed = np.linalg.eigvalsh(H)[-1] / largest_fractions(names, without_noise)[1]
    assert allowed == pytest.approx(3.3, abs=0.1)
    assert allowed / 1.09 > largest


@pytest.mark.parametrize(
    ("scales", "epochs", "plain", "momentum"), [([1, 0.1], 3, 209, 70), ([1, 1], 1, 6, 6)]
)
def test_chosen_by_the_median_over_other_orders(names, scales, epochs, plain, momentum):
    X, y = names["make_data"](scales)
    loss = quadratic_of(names, X, y)
    etas, gammas = names["eta"][0], names["gamma"][:, 0]
    needed = []
    for seed in range(100, 121):
        names["seed"] = seed - 1  # `minibatches` adds 1
        batches = [(H.asnumpy(), c.asnumpy()) for H, c in names["minibatches"](X, y, epochs)]
        needed.append(updates_to(loss, batches, etas, gammas))
    names["seed"] = 7
    median = np.median(needed, axis=0)
    assert median[0].min() == plain
    assert median.min() == momentum
    for best in (median[0].argmin(), median.argmin() % 64):  # inside the grid
        assert 0 < best < 63
    assert median.argmin() // 64 < 63


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
        losses = np.frombuffer(widget.answer["losses"], "float32")
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
    predicted = numbers(r"predicted +(\d+)", PRINTED["predicted"])
    assert plain == pytest.approx(predicted, rel=0.01)
    excess = np.divide(tuned, numbers(r"and +(\d+)", PRINTED["predicted"]))
    assert all((excess > 1.2) & (excess < 1.55))
    assert plain[3] / plain[1] == pytest.approx(100, rel=0.05)
    assert tuned[3] / tuned[1] == pytest.approx(11, rel=0.05)


def test_at_momentums_best_parameters_the_error_shrinks_like_t_times_rho_to_the_t():
    kappa = 100
    rho = (kappa**0.5 - 1) / (kappa**0.5 + 1)
    lr, mom = (2 / (1 / kappa**0.5 + 1)) ** 2, rho**2
    curvatures = np.array([1 / kappa, 1])
    x, v, ratios = np.ones(2), np.zeros(2), []
    for t in range(1, 401):
        v = mom * v + lr * curvatures * x
        x = x - v
        ratios.append(np.linalg.norm(x) / (t * rho**t))
    assert ratios[399] == pytest.approx(ratios[199], rel=0.05)


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
