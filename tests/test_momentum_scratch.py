"""The built chapter against its specification: its cells, their facts, what they compute."""

import ast
import re
from itertools import pairwise

import matplotlib as mpl
import mxnet as mx
import numpy as np
import pytest
from common import EDITIONS, ROOT, read
from matplotlib import pyplot as plt

import utils
from course import play
from course.play.training import sampled
from course.seeds import losses_over_seeds

CHAPTERS = {
    edition: read(ROOT / f"notebooks/{edition}/momentum-scratch.ipynb") for edition in EDITIONS
}
every_edition = pytest.mark.parametrize("edition", EDITIONS)

# Of each cell: its kind, and what must stand in it in both languages, in zh, in en.
CELLS = [
    (
        "# ",
        ["(gd-sgd-scratch.ipynb)"],
        ["动量法——从零开始", "最陡下降", "当前位置", "学完这一章，你将能够"],
        ["Momentum, from scratch", "*steepest descent*", "you will be able to"],
    ),
    (
        "## ",
        [
            r"f: \mathbb{R}^2 \rightarrow \mathbb{R}",
            r"\mathbf{x} = [x_1, x_2]^\top",
            r"f(\mathbf{x}) = 0.1x_1^2 + 2x_2^2",
            r"[-5, -2]^\top",
            r"\eta = 0.4",
            "(../../img/gd-move.png)",
        ],
        ["等高线", "红色三角形", "箭头", "越过", "竖直", "水平", "学习率"],
        [
            "contour lines",
            "red triangle",
            "arrow",
            "*overshoot*",
            "vertical",
            "horizontal",
            "small learning rate",
        ],
    ),
    (
        "## ",
        [
            r"\mathbf{v} &:= \gamma \mathbf{v} + \eta \nabla f_\mathcal{B}(\mathbf{x})",
            r"\mathbf{x} &:= \mathbf{x} - \mathbf{v}",
            r"\frac{\eta}{1-\gamma} \nabla f_\mathcal{B}(\mathbf{x})",
            "(gd-sgd-scratch.ipynb)",
            "(../../img/heavy-ball.png)",
            "(../../img/momentum-move.png)",
            "0.089",
            r"4 \times 10^{-4}",
            "$1/(1-\\gamma)$",
            r"2(1+\gamma)/\lambda",
        ],
        ["指数加权移动平均", "速度", "动量参数", "加权和", "更大的学习率"],
        [
            "exponentially weighted moving average",
            "velocity",
            "momentum parameter",
            "weighted sum",
            "larger learning rate",
        ],
    ),
    (
        "## ",
        [
            r"\mathbf{v}_1 &= \eta\mathbf{g}",
            r"\eta\mathbf{g}(\gamma + 1)",
            r"\eta\mathbf{g}(\gamma^2 + \gamma + 1)",
            r"\mathbf{v}_\infty &= \frac{\eta\mathbf{g}}{1-\gamma}",
            "0.99",
            "100",
        ],
        ["动量参数"],
        ["momentum parameter"],
    ),
    ("## ", [], ["速度"], ["velocity"]),
    ("code", ["def sgd_momentum(params, vs, lr, mom, batch_size)"], [], []),
    ("text", ["`true_w`", "`true_b`", "[2, -3.4]", "4.2"], ["线性回归"], ["linear regression"]),
    (
        "code",
        [
            "num_inputs = 2\n",
            "num_examples = 1000\n",
            "true_w = [2, -3.4]\n",
            "true_b = 4.2\n",
            "sigma = 0.01\n",
            "def init_params():",
            "mx.random.seed(",
        ],
        [],
        [],
    ),
    (
        "text",
        ["`log_interval`", "`batch_size`", "0.1", "10"],
        ["学习率", "迭代周期"],
        ["learning rate", "Epochs"],
    ),
    (
        "code",
        [
            "'retina'",
            "import utils\n",
            "net = utils.linreg\n",
            "utils.squared_loss",
            "utils.data_iter(",
            "autograd.record()",
            ".backward()",
            "sgd_momentum(",
            "utils.set_fig_size(mpl)",
            "def optimize(batch_size, lr, mom, num_epochs, log_interval, data=None):",
            "lr *= 0.1",
            ".3e",
        ],
        [],
        [],
    ),
    ("text", [r"\eta/(1-\gamma) = 2"], ["接近", "噪声下限"], ["close to the true", "noise floor"]),
    ("code", ["optimize(batch_size=10, lr=0.2, mom=0.9, num_epochs=3, log_interval=10)"], [], []),
    ("## ", [], ["有些问题", "更大的学习率"], ["some problems", "larger learning rate"]),
    ("## ", [], ["动量参数"], ["momentum parameter"]),
    (
        "## ",
        ["https://discuss.gluon.ai/t/topic/1879", "(../../img/qr_momentum-scratch.svg)"],
        ["讨论"],
        ["Discussion"],
    ),
]


def kind(cell):
    heading = re.match("#+ ", cell.source)
    return "code" if cell.cell_type == "code" else heading[0] if heading else "text"


def specified(edition):
    """Split an edition's cells into the 15 of the specification, the section that it allows after
    the 12th, and the exercises' own."""
    first, *cells, last = CHAPTERS[edition].cells
    assert (first.id, last.id) == ("first", "last")
    ids = [cell.id for cell in cells]
    after = ids.index("summary")
    return (
        [*cells[:12], *cells[after : after + 2], cells[-1]],
        cells[12:after],
        cells[after + 2 : -1],
    )


@every_edition
def test_the_cells_stand_in_the_specifications_order(edition):
    cells, _, _ = specified(edition)
    assert [kind(cell) for cell in cells] == [row[0] for row in CELLS]
    for cell, (_, both, zh, en) in zip(cells, CELLS):
        for fact in both + (zh if edition.startswith("zh") else en):
            assert fact in cell.source, cell.id


@every_edition
def test_where_momentum_wins_is_one_section(edition):
    _, section, _ = specified(edition)
    assert [kind(cell) for cell in section] == [
        "## ",
        *["code", "text"] * 2,
        *["code", "code", "text"] * 2,
    ]


@every_edition
def test_the_exercises_stand_between_their_heading_and_the_discussion(edition):
    """Exercise 1 has a text and sliders after it."""
    _, _, exercises = specified(edition)
    assert [kind(cell) for cell in exercises] == ["code", *["text", "code"] * 4]
    assert exercises.pop(1).id.startswith("sliders-text")
    assert exercises.pop(1).source.endswith("\nplay.training(X, y, init_params)")
    tag = "solution" if edition.endswith("-solutions") else "exercise"
    assert [cell.metadata.tags for cell in exercises if kind(cell) == "code"] == [[tag]] * 4
    checks = (
        "smaller_momentum(prediction, build_up)",
        "sgd_momentum(my_momentum)",
        "final_velocity(answer)",
        "scaled_feature(best_plain, best_momentum, prediction, gain)",
    )
    codes = [cell.source for cell in exercises if kind(cell) == "code"]
    for code, check in zip(codes, checks):
        assert f"\npassed = checks.{check}" in code


def stored(edition, cell_id):
    (cell,) = [cell for cell in CHAPTERS[edition].cells if cell.id == cell_id]
    return cell.outputs


def test_the_last_run_prints_the_same_in_every_edition():
    assert len({stored(edition, "run")[0].text for edition in EDITIONS}) == 1


def test_the_last_run_ends_near_the_noise_floor_and_the_truth():
    printed = stored("en", "run")[0].text
    assert printed.startswith("batch size 10\n")
    number = r"(-?\d[\d.e+-]*)"
    epochs = re.findall(rf"epoch (\d), learning rate {number}, loss {number}\n", printed)
    assert [(epoch, float(lr)) for epoch, lr, _ in epochs] == [("1", 0.2), ("2", 0.2), ("3", 0.02)]
    assert float(epochs[-1][2]) == pytest.approx(0.01**2 / 2, rel=0.2)
    weights = re.search(rf"w: {number}, {number}\nb: {number}", printed)
    np.testing.assert_allclose([float(one) for one in weights.groups()], [2, -3.4, 4.2], atol=0.005)


def test_the_answer_to_the_first_exercise():
    """With γ = 0.5 the loss after an epoch is smaller, and near the noise floor."""

    def after_an_epoch(outputs):
        return float(re.search(r"epoch 1, .* loss (.*)", outputs[0].text)[1])

    smaller = after_an_epoch(stored("en-solutions", "smaller-momentum"))
    assert smaller < 0.1 * after_an_epoch(stored("en", "run"))
    assert smaller == pytest.approx(0.01**2 / 2, rel=0.2)


@pytest.fixture
def chapter(monkeypatch):
    """Give the names that the chapter defines, and keep the figures that it shows open."""
    monkeypatch.setattr(plt, "show", lambda: None)
    names = {}
    with mpl.rc_context():
        for cell in CHAPTERS["en"].cells:
            if cell.id in ("sgd-momentum", "data", "optimize", "win-data"):
                code = "\n".join(line for line in cell.source.splitlines() if line[:1] != "%")
                exec(code, names)
        yield names
    plt.close("all")


def updates_to_stay_below(losses, loss=1e-4):
    """Count the updates after which the loss stays below."""
    return int(np.flatnonzero(np.append(True, np.asarray(losses) >= loss))[-1])


def test_what_the_first_run_shows(chapter):
    """Its text and the check of exercise 1: the pace, the floor, and why the curve ends below it."""
    X = np.column_stack([chapter["X"].asnumpy(), np.ones(1000)])
    assert np.linalg.cond(X.T @ X) < 1.2
    needed = {mom: updates_to_stay_below(drawn(chapter, mom=mom)[1]) for mom in (0, 0.5, 0.9)}
    assert needed == {0: 25, 0.5: 19, 0.9: 213}
    text = "".join(cell.source for cell in CHAPTERS["en"].cells if cell.id == "run-text")
    assert "213 updates until the loss stays below $10^{-4}$" in text
    assert r"without momentum ($\gamma = 0$) takes 25" in text

    noise = chapter["y"].asnumpy().astype(float) - X[:, :2] @ [2, -3.4] - 4.2
    _, squares, _, _ = np.linalg.lstsq(X, chapter["y"].asnumpy(), rcond=None)
    floor, of_these, fitted = 0.01**2 / 2, (noise**2).mean() / 2, squares[0] / 2000
    assert 0.9 * floor < fitted < of_these < 0.95 * floor
    assert of_these - fitted < 0.2 * (floor - of_these)  # the fit's part is the small one


def test_on_the_first_data_plain_sgd_is_faster_with_each_at_its_best(chapter):
    data = chapter["X"], chapter["y"]
    fewest = {}
    for mom, rates in ((0, [0.3, 0.5, 0.7, 0.9, 1.2]), (0.9, [0.01, 0.02, 0.03, 0.05, 0.1])):
        losses = losses_over_seeds(data, rates, mom, 3, num_seeds=20)
        needed = [np.median([updates_to_stay_below(run) for run in of]) for of in losses.T]
        assert 0 < np.argmin(needed) < len(rates) - 1
        fewest[mom] = min(needed)
    assert 8 <= fewest[0] <= 12
    assert 100 < fewest[0.9] < 150


@pytest.mark.parametrize("mom", [0.5, 0.9, 0.99])
def test_how_a_velocity_builds_up(mom):
    """Gradients that agree, and such as alternate; two thirds of the limit after 1/(1 − γ)."""

    def velocities(gradients):
        v = 0
        for g in gradients:
            v = mom * v + g
            yield v

    agreeing = list(velocities(np.ones(3000)))
    assert agreeing[-1] == pytest.approx(1 / (1 - mom))
    assert agreeing[round(1 / (1 - mom)) - 1] * (1 - mom) == pytest.approx(2 / 3, abs=0.09)
    *_, alternating = velocities((-1.0) ** np.arange(3000))
    assert abs(alternating) == pytest.approx(1 / (1 + mom))


def test_the_curve_ripples_because_the_velocity_overshoots(chapter):
    """The first weight passes the truth again and again; without momentum it does not."""

    def crossings(mom):
        losses = []
        update = chapter["sgd_momentum"]
        chapter["sgd_momentum"] = lambda params, *rest: (
            losses.append(params[0].asnumpy()[1, 0] + 3.4),
            update(params, *rest),
        )
        drawn(chapter, mom=mom, num_epochs=1)
        chapter["sgd_momentum"] = update
        far = [error for error in losses if abs(error) > 0.02]
        return sum(a * b < 0 for a, b in pairwise(far))

    assert crossings(0) == 0
    assert 4 <= crossings(0.9) <= 25  # several updates from one to the next


def test_the_bump_after_the_decay_is_the_old_velocity(chapter):
    """With the velocity scaled down like the learning rate, the loss does not rise."""
    _, losses = drawn(chapter)
    assert max(losses[201:]) > 1.5 * losses[200]
    update, rates = chapter["sgd_momentum"], [0.2]

    def rescaled(params, vs, lr, mom, batch_size):
        for v in vs:
            v *= lr / rates[-1]
        rates.append(lr)
        update(params, vs, lr, mom, batch_size)

    chapter["sgd_momentum"] = rescaled
    _, losses = drawn(chapter)
    assert max(losses[201:]) < 1.01 * losses[200]


def of_both(data, rates, num_seeds=40):
    """Give the final losses without momentum and with it, shape (seeds, rates)."""
    return [losses_over_seeds(data, rates, mom, 3, num_seeds)[-1] for mom in (0, 0.9)]


def parts_of_the_loss(chapter, A, lr, mom):
    """Give the loss above its least along the two steep directions and the flat one.

    After every update, of 20 seeds, as `losses_over_seeds` trains them: shape (updates + 1, 20).
    """
    _, labels = chapter["flat"]
    best, *_ = np.linalg.lstsq(A, labels.asnumpy().astype(float), rcond=None)
    curvatures, directions = np.linalg.eigh(A.T @ A / len(A))
    parts = []
    for seed in range(20):
        mx.random.seed(seed)
        w = np.append(mx.nd.random.normal(shape=(2, 1)).asnumpy(), 0)
        v, distances = np.zeros(3), [w - best]
        for epoch in (1, 2, 3):
            for X, y in utils.data_iter(10, 1000, *chapter["flat"]):
                B = np.column_stack([X.asnumpy(), np.ones(10)])
                v = mom * v + lr * (0.1 if epoch == 3 else 1) * B.T @ (B @ w - y.asnumpy()) / 10
                w = w - v
                distances.append(w - best)
        parts.append(curvatures * (distances @ directions) ** 2 / 2)
    flat, *steep = np.moveaxis(parts, (0, 1, 2), (2, 1, 0))
    return sum(steep), flat


def test_where_momentum_wins(chapter):
    """What the section says: who wins, by how much, and why."""
    printed = stored("en", "win-grid")[0].text
    rows = np.array([line.replace("above 1", "inf").split() for line in printed.splitlines()[1:]])
    lrs, *both = rows.astype(float).T
    assert [(0 < np.argmin(losses) < len(lrs) - 1) for losses in both] == [True, True]
    assert [lrs[np.argmin(losses)] for losses in both] == [1.8, 0.7]

    plain, momentum = (
        losses[:, 0]
        for losses in (of_both(chapter["flat"], [1.8])[0], of_both(chapter["flat"], [0.7])[1])
    )
    assert np.median(momentum) < 1.3 * 0.01**2 / 2
    assert np.median(plain) > 20 * np.median(momentum)
    assert (momentum < plain).mean() > 0.95
    assert np.quantile(plain, 0.1) > np.quantile(momentum, 0.9)  # the bands end apart

    # With one half of the seeds to choose by, and the other half to judge by, momentum wins, too.
    halves = of_both(chapter["flat"], lrs)
    chosen = [np.median(losses[:20], axis=0).argmin() for losses in halves]
    judged = [losses[20:, k] for losses, k in zip(halves, chosen)]
    assert np.median(judged[0]) > 20 * np.median(judged[1])

    # At first it is behind; it overtakes in the second epoch.
    middle = [
        np.median(losses_over_seeds(chapter["flat"], [lr], mom, 3, 40)[:, :, 0], axis=1)
        for lr, mom in ((1.8, 0), (0.7, 0.9))
    ]
    assert middle[0][50] < 0.2 * middle[1][50]
    assert (middle[1][10:70] > middle[0][10:70]).all()
    assert (middle[1][160:200] < middle[0][160:200]).all()

    # What is left of the loss without momentum: along the steep directions it falls within 20
    # updates, jumps until the decay, and is hardly anything in the end.
    A = np.column_stack([chapter["X_flat"].asnumpy(), np.ones(1000)]).astype(float)
    steep, flat_part = parts_of_the_loss(chapter, A, lr=1.8, mom=0)
    assert np.median(steep[20]) < 0.01 * np.median(steep[0])
    assert np.median(steep[200]) > np.median(flat_part[200])
    assert np.median(steep[300]) < 0.05 * np.median(flat_part[300])

    # Its stable range: in the table it ends near 1.2, without noise at 2(1 + γ)/λ.
    assert min(lrs[both[1] > 1]) == 1.2
    learned = [
        re.search(r"w: \S+, (\S+)\n", stored("en", cell_id)[0].text)[1]
        for cell_id in ("win-plain", "win-momentum")
    ]
    assert -0.6 * 3.4 < float(learned[0]) < -0.4 * 3.4
    assert float(learned[1]) < -0.95 * 3.4

    # Along the flat direction both move like gradient descent at their effective learning rates.
    curvatures = np.linalg.eigvalsh(A.T @ A / 1000)
    assert 2 / curvatures[-1] == pytest.approx(1.93, abs=0.01)
    assert 2 * 1.9 / curvatures[-1] == pytest.approx(3.7, abs=0.05)
    start = curvatures[0] * 3.4**2 / 2  # of the loss, if the weight starts near 0
    for lr, losses in ((1.8, plain), (0.7 / (1 - 0.9), momentum)):
        predicted = start * np.exp(-2 * lr * curvatures[0] * 210) + 4.66e-5
        assert 0.5 < np.median(losses) / predicted < 2


def test_one_seed_is_the_chapters_own_run(chapter):
    """`losses_over_seeds` does what `optimize` does."""
    for data, lr, mom in ((None, 0.2, 0.9), (chapter["flat"], 1.8, 0)):
        _, expected = drawn(chapter, lr=lr, mom=mom, data=data)
        data = data or (chapter["X"], chapter["y"])
        losses = losses_over_seeds(data, [0.1, lr], mom, 3, num_seeds=chapter["seed"] + 2)
        np.testing.assert_allclose(losses[:, chapter["seed"] + 1, 1], expected, rtol=2e-3)


def test_the_answers_to_the_last_exercise(chapter):
    """Each at its best over 40 seeds, what a single seed shows, and the figures of the hints."""
    (cell,) = [cell for cell in CHAPTERS["en"].cells if cell.id == "scaled-feature"]
    exec(cell.source, chapter)
    X = np.column_stack([chapter["X_scaled"].asnumpy(), np.ones(1000)])
    assert 80 < np.linalg.cond(X.T @ X) < 130
    rates = [0.1, 0.2, 0.25, 0.3, 0.4, 0.8, 1.6, 1.7, 1.8, 1.9]
    plain, momentum = of_both(chapter["scaled"], rates)
    medians = [dict(zip(rates, np.median(losses, axis=0))) for losses in (plain, momentum)]
    assert [min(of, key=of.get) for of in medians] == [1.8, 0.25]
    gains = [medians[0][a] / medians[1][b] for a in (1.7, 1.8) for b in (0.2, 0.25, 0.3)]
    assert 1.6 < min(gains) < max(gains) < 2.5
    assert medians[0][1.6] / max(medians[1][b] for b in (0.2, 0.25, 0.3)) > 2.5
    assert medians[0][1.6] / medians[1][0.25] < 2.9
    assert all(400 < medians[0][lr] / medians[1][lr] < 700 for lr in (0.2, 0.25))
    text = "".join(cell.source for cell in CHAPTERS["en"].cells if cell.id == "scaled-feature-text")
    at_005 = [min(np.median(of, axis=0)) for of in of_both(chapter["flat"], [0.7, 1.8])]
    assert f"{at_005[0] * 1e3:.1f} {at_005[1] * 1e5:.1f}" == "2.8 6.1"
    assert r"$2.8 \times 10^{-3} / (6.1 \times 10^{-5})$, about 46" in text
    single = plain[:, rates.index(1.8)] / momentum[:, rates.index(0.25)]
    assert single.min() < 1.1
    assert single.max() > 10


@pytest.mark.parametrize(
    ("scaled", "lr", "mom", "batch_size", "num_epochs"),
    [
        (False, 0.2, 0.9, 10, 3),
        (False, 0.2, 0.5, 300, 4),  # the last minibatch is short, and η decays twice
        (False, 0.01, 0.6, 1, 1),
        (False, 0.3, 0, 1000, 3),
        (False, 3, 0.9, 7, 1),  # diverges
        (True, 0.2, 0.9, 10, 2),
        (True, 1.6, 0, 3, 1),
    ],
)
def test_the_sliders_train_as_the_chapter_does(chapter, scaled, lr, mom, batch_size, num_epochs):
    (cell,) = [cell for cell in CHAPTERS["en"].cells if cell.id == "scaled-feature"]
    exec(cell.source, chapter)
    data = chapter["scaled"] if scaled else (chapter["X"], chapter["y"])
    settings = {"lr": lr, "mom": mom, "batch_size": batch_size, "num_epochs": num_epochs}
    widget = play.training(*data, chapter["init_params"], **settings)
    losses, _ = widget.trained()
    x, expected = drawn(
        chapter, log_interval=1, data=data, **settings
    )  # recorded after every update
    finite = np.array(expected) < 1e30
    assert finite.all() or lr == 3
    assert finite.sum() > 20 or batch_size >= 300
    np.testing.assert_allclose(losses[finite], np.array(expected)[finite], rtol=1e-3)
    np.testing.assert_allclose(sampled(len(losses), batch_size, 1000), x, atol=1e-9)


def test_the_goal_of_the_sliders(chapter):
    """At η = 0.2 a γ between 0 and 0.5 is best; the farther from it, the more updates."""

    def needed(mom):
        widget = play.training(chapter["X"], chapter["y"], chapter["init_params"], mom=mom)
        return updates_to_stay_below(widget.trained()[0][1:])

    updates = [needed(mom) for mom in (0, 0.1, 0.25, 0.6, 0.8, 0.9)]
    assert updates == sorted(updates[:3], reverse=True) + sorted(updates[3:])
    assert updates[2] < 0.75 * updates[0]


def test_the_data(chapter):
    X, y = chapter["X"].asnumpy(), chapter["y"].asnumpy()
    assert X.shape == (1000, 2)
    assert abs(X.mean()) < 0.1
    assert abs(X.std() - 1) < 0.1
    noise = y - X @ [2, -3.4] - 4.2
    assert 0.009 < noise.std() < 0.011


def test_the_initial_parameters(chapter):
    (w, b), vs = chapter["init_params"]()
    assert (w.shape, b.shape, [v.shape for v in vs]) == ((2, 1), (1,), [(2, 1), (1,)])
    assert w.grad is not None
    assert b.grad is not None
    assert not any(array.asnumpy().any() for array in (b, *vs))
    (again, _), _ = chapter["init_params"]()
    np.testing.assert_array_equal(w.asnumpy(), again.asnumpy())


def drawn(chapter, **arguments):
    plt.close("all")
    defaults = {"batch_size": 10, "lr": 0.2, "mom": 0.9, "num_epochs": 3, "log_interval": 10}
    chapter["optimize"](**{**defaults, **arguments})
    losses, floor = plt.gca().lines
    assert set(floor.get_ydata()) == {0.01**2 / 2}
    return losses.get_xdata(), losses.get_ydata()


def test_the_figure(chapter, capsys):
    x, losses = drawn(chapter)
    axes = plt.gca()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    assert axes.get_xlim() == (0, 3)
    assert tuple(plt.gcf().get_size_inches()) == (3.5, 2.5)
    np.testing.assert_allclose(x, np.linspace(0, 3, 301), atol=1e-9)
    assert losses[0] > 1
    printed = re.findall("loss (.*)", capsys.readouterr().out)
    assert printed == [f"{losses[epoch * 100]:.3e}" for epoch in (1, 2, 3)]
    assert printed == re.findall("loss (.*)", stored("en", "run")[0].text)


def test_a_figure_is_as_large_as_one_asks(chapter):
    chapter["utils"].set_fig_size(mpl, (6, 4))
    drawn(chapter, num_epochs=1)
    assert tuple(plt.gcf().get_size_inches()) == (6, 4)


@pytest.mark.parametrize(
    ("batch_size", "log_interval", "sampled"),
    [
        (10, 1000, [1000, 2000, 3000]),
        (10, 250, range(250, 3001, 250)),
        (1000, 10, [1000, 2000, 3000]),
        (300, 300, [300, 600, 900, 1000, 1300, 1600, 1900, 2000, 2300, 2600, 2900, 3000]),
        (400, 10**6, [1000, 2000, 3000]),
    ],
)
def test_when_the_objective_is_recorded(chapter, batch_size, log_interval, sampled):
    x, _ = drawn(chapter, batch_size=batch_size, log_interval=log_interval, lr=0.01)
    np.testing.assert_allclose(x, [0, *(count / 1000 for count in sampled)], atol=1e-9)


@every_edition
def test_the_update_is_the_formula_in_place(edition):
    """Nothing but NDArray arithmetic: no fused operator, no optimizer, no new list."""
    (cell,) = [cell for cell in CHAPTERS[edition].cells if cell.id == "sgd-momentum"]
    (definition,) = ast.parse(cell.source).body
    assert [a.arg for a in definition.args.args] == ["params", "vs", "lr", "mom", "batch_size"]
    calls = [node.func.id for node in ast.walk(definition) if isinstance(node, ast.Call)]
    assert calls == ["zip"]
