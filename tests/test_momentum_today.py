"""`momentum-today`: its rules against the published ones in float64, its prose, its checks' hints."""

import itertools
import json
import re

import numpy as np
import pytest
from common import ROOT, numbers, outputs, read
from mxnet import nd

from course import chapters, checks, contest
from course.checks import momentum_today
from course.contest_today import ROWS, STORED

PRINTED = outputs("momentum-today")
TABLE = contest.stored(STORED)


# The hand-written rules, and the papers' algorithms


def steps(update, state, rng, updates=20, shape=(6, 4)):
    """Give x after each update by the chapter's function, in float64, and the gradients."""
    x = nd.array(rng.normal(size=shape), dtype="float64")
    x.attach_grad()
    states, path, gradients = state(x), [x.asnumpy()], rng.normal(size=(updates, *shape))
    for t, g in enumerate(gradients, start=1):
        x.grad[:] = nd.array(5 * g, dtype="float64")
        update(t, x, states)
        path.append(x.asnumpy())
    return np.array(path), gradients, states


def test_lion_is_that_of_the_paper():
    """Chen et al. 2023, algorithm 2, in float64."""
    path, gradients, _ = steps(
        lambda t, x, m: chapters.lion([x], [m], 0.1, 0.9, 0.99, 5, 0.3),
        nd.zeros_like,
        np.random.default_rng(1),
    )
    theta, m = path[0], 0
    for g, x in zip(gradients, path[1:]):
        update = np.sign(0.9 * m + (1 - 0.9) * g)
        theta = theta - 0.1 * (update + 0.3 * theta)
        m = 0.99 * m + (1 - 0.99) * g
        np.testing.assert_allclose(x, theta, rtol=1e-9)


def test_muon_is_that_of_jordan():
    """The momentum buffer, then five Newton–Schulz steps, transposed if tall; in float64."""
    for shape in ((6, 4), (4, 6)):
        path, gradients, _ = steps(
            lambda t, x, v: chapters.muon([x], [v], 0.1, 0.9, 5),
            nd.zeros_like,
            np.random.default_rng(2),
            shape=shape,
        )
        theta, buffer = path[0], 0
        for g, x in zip(gradients, path[1:]):
            buffer = 0.9 * buffer + g
            # By its singular values instead: U p(p(p(p(p(S)))) Vᵀ
            U, s, Vt = np.linalg.svd(buffer, full_matrices=False)
            s = s / (np.linalg.norm(buffer) + 1e-7)
            for _ in range(5):
                s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
            theta = theta - 0.1 * (U * s) @ Vt
            np.testing.assert_allclose(x, theta, rtol=1e-7, atol=1e-9)


def test_schedule_free_is_that_of_the_paper():
    """Defazio et al. 2024: its gradient is taken at y, and c = 1/t."""
    path, gradients, states = steps(
        lambda t, y, zx: chapters.schedule_free([y], [zx], 0.1, 0.9, 1 / t, 5),
        lambda y: (y.copy(), y.copy()),
        np.random.default_rng(3),
    )
    z = x = path[0]
    for t, (g, y) in enumerate(zip(gradients, path[1:])):
        z = z - 0.1 * g
        c = 1 / (t + 1)
        x = (1 - c) * x + c * z
        np.testing.assert_allclose(y, (1 - 0.9) * z + 0.9 * x, rtol=1e-9)
    np.testing.assert_allclose(states[1].asnumpy(), x, rtol=1e-9)


@pytest.mark.parametrize("mom", [0.5, 0.95])
def test_momentum_is_taking_gradients_at_a_moving_average(mom):
    """In float64 on a quadratic, where gradients depend on the point."""
    curvature, start = np.array([0.2, 1, 4]), np.array([3.0, -2, 1])
    x, v = start, 0
    z = average = start
    for _ in range(100):
        v = mom * v + 0.1 * curvature * x
        x = x - v
        z = z - 0.1 / (1 - mom) * curvature * average
        average = mom * average + (1 - mom) * z
        np.testing.assert_allclose(average, x, rtol=1e-8, atol=1e-12)


# The prose


def test_lion_with_equal_coefficients_is_signum():
    assert PRINTED["signum"] == "same as Signum: True\n"


def test_lion_goes_on_jumping_by_about_eta():
    assert all(0.4 < swing < 2 for swing in numbers(r"out to ([\d.]+) eta", PRINTED["lion-jitter"]))
    assert len(numbers(r"out to ([\d.]+) eta", PRINTED["lion-jitter"])) == 3


def test_the_buffer_has_few_large_entries():
    largest, median, tenth = numbers(r"(\d+e-\d+)", PRINTED["buffer"])
    assert largest > 5 * median > 50 * tenth


def test_five_steps_bring_singular_values_near_1_and_not_to_it():
    before, _, after, band = PRINTED["muon-figure"].splitlines()
    assert numbers(r"from ([\d.]+) to", before)[0] < 0.2
    low, high = numbers(r"([\d.]+)", after.partition("from")[2])
    assert 0.68 <= low < 0.95
    assert 1.05 < high <= 1.2
    assert "from 0.002 to 1 becomes 0.68 to 1.20" in band
    assert numbers(r"0.0001 becomes ([\d.]+)", band)[0] < 0.1
    s = np.linspace(0.1, 1.2, 9)  # and more steps do not converge, either
    for _ in range(100):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    assert abs(s - 1).max() > 0.1


def test_the_softmaxs_gradients_add_up_to_nothing_over_the_outputs():
    draw = np.random.default_rng(0)
    p = np.exp(draw.normal(size=(20, 10)))
    errors = p / p.sum(axis=1, keepdims=True) - np.eye(10)[draw.integers(10, size=20)]
    gradient = errors.T @ draw.normal(size=(20, 64))
    assert np.linalg.svd(gradient, compute_uv=False)[-1] < 1e-12


def test_only_muons_step_turns_with_the_buffer():
    assert re.findall(r"buffer: (\w+)", PRINTED["axes"]) == ["False", "True"]


def test_momentum_stops_at_sgds_floor_and_averages_go_on_falling():
    assert PRINTED["average-runs"] == "momentum is averaging: True\n"
    sgd, momentum, mean, free = numbers(r"hundred ([\d.]+)", PRINTED["average-figure"])
    early = numbers(r"20 updates ([\d.]+)", PRINTED["average-figure"])
    assert momentum == pytest.approx(sgd, rel=0.3)
    assert mean < free < sgd / 10
    assert mean < early[2] / 10
    assert free < early[3] / 10


def test_with_the_learning_rate_inside_steps_come_up_to_nine_updates_late():
    first, half = numbers(r"([\d.]+)(?:,|\n)", PRINTED["warm-figure"].splitlines()[0] + "\n")
    assert (first, half) == (0.1, 7)
    plan, outside, inside, *down = numbers(r" (\d+)\b", PRINTED["warm-figure"].splitlines()[1])
    assert 7 <= inside - plan <= 9
    assert outside - plan <= 3
    assert 8 <= down[2] - down[0] <= 9
    assert down[1] == down[0]


def mean_losses(epochs):
    return {name: np.mean(row["losses"], axis=1).min() for name, row in TABLE[epochs].items()}


def test_the_table_is_that_of_the_grids_and_its_best_lie_inside():
    for rows in TABLE.values():
        assert {name: row["grid"] for name, row in rows.items()} == {
            name: {key: list(values) for key, values in row.grid.items()}
            for name, row in ROWS.items()
        }
        assert all(contest.inside(row) for row in rows.values())
        assert all(np.shape(row["losses"])[1] == 5 for row in rows.values())
    assert PRINTED["valleys"].count("inside: True") == 12
    assert len(PRINTED["valleys"].splitlines()) == 12


def test_the_order_depends_on_the_budget():
    short, long = mean_losses(5), mean_losses(10)
    assert "Lion" in sorted(short, key=short.get)[:3]
    assert max(long, key=long.get) == "Lion"
    assert long["momentum"] < long["Lion"]
    assert short["averaged"] < min(short["Lion"], short["Adam"])
    assert long["averaged"] < min(long["Lion"], 1.05 * long["Adam"])
    level = [short[name] for name in ("averaged", "Muon", "Lion")]
    assert max(level) < 1.1 * min(level)
    assert min(long, key=long.get) == "Muon"
    assert long["Muon"] < 0.9 * sorted(long.values())[1]
    assert 0.13 <= min(short.values()) < max(short.values()) < 0.195


def test_held_out_muon_is_best_in_60_updates():
    held_out = dict(re.findall(r"([\w-]+) +held-out loss ([\d.]+)", PRINTED["judge"]))
    held_out = {name: float(loss) for name, loss in held_out.items()}
    assert list(held_out) == list(ROWS)
    assert min(held_out, key=held_out.get) == "Muon"
    assert held_out["Muon"] < 0.6 * held_out["Adam"]
    assert held_out["averaged"] < min(held_out["Lion"], held_out["Adam"])


def test_learning_rates_four_times_apart_cost_little_but_with_muon():
    """The best three neighbours of each grid, the highest loss against the lowest."""
    apart = {name: [] for name in ROWS}
    for epochs, name in itertools.product((5, 10), ROWS):
        mean = np.mean(TABLE[epochs][name]["losses"], axis=1)
        three = [mean[i : i + 3] for i in range(len(mean) - 2)]
        apart[name].append(
            min(max(losses) / min(losses) for losses in three if min(mean) in losses)
        )
    assert apart.pop("Muon") == pytest.approx([1.4, 1.58], abs=0.02)
    assert max(itertools.chain(*apart.values())) < 1.3


def test_averages_stand_in_for_a_schedule():
    short, long = (
        [np.mean(TABLE[epochs][name]["losses"], axis=1).min() for name in ("momentum", "averaged")]
        for epochs in (5, 10)
    )
    assert short == pytest.approx([0.19, 0.13], abs=0.005)
    assert long[0] == pytest.approx(long[1], rel=0.05)


def test_the_network_has_9610_parameters():
    assert 64 * 128 + 128 + 128 * 10 + 10 == 9610


def test_the_contest_trains_as_momentum_real_does():
    """Its data, parts, network and training, with that chapter's own cells."""
    cells = {cell.id: cell.source for cell in read(ROOT / "notebooks/en/momentum-real.ipynb").cells}
    data = cells["data"].partition("# an empty border")[0]
    data = "\n".join(line for line in data.splitlines() if not line.startswith(("%", "sys.path")))
    real = {}
    exec("\n".join([data, cells["split"], cells["fit"]]), real)
    train, held_out = np.concatenate(real["folds"][:4]), real["folds"][4]
    theirs, _ = real["fit"](train, 0.1, 0.9, 1, 5)
    ours = contest.trained(ROWS["momentum"], {"lr": 0.1}, 1, 5)
    for part, chosen in (("held out", held_out), ("validation", real["validation"])):
        assert contest.evaluate(ours, part) == pytest.approx(real["evaluate"](theirs, chosen))


@pytest.mark.parametrize("name", ["Lion", "Muon", "averaged", "schedule-free"])
def test_the_stored_losses_come_out_again(name):
    """One fit of each row; `nox -s deep` repeats the table."""
    row = TABLE[5][name]
    point = contest.best(row)
    net = contest.trained(ROWS[name], point, 5, contest.TUNING_SEEDS[0])
    stored = row["losses"][row["grid"]["lr"].index(point["lr"])][0]
    assert contest.evaluate(net, "validation")[0] == pytest.approx(stored, rel=1e-2)


@pytest.mark.deep
@pytest.mark.parametrize("epochs", [5, 10])
def test_the_whole_table_comes_out_again(epochs):
    for name, row in ROWS.items():
        mean = contest.tuned(row, epochs).mean(axis=-1)
        stored = np.mean(TABLE[epochs][name]["losses"], axis=1)
        assert mean.argmin() == stored.argmin()
        assert mean.min() == pytest.approx(stored.min(), rel=0.02)


def test_the_table_is_small():
    assert len((ROOT / "notebooks/data" / STORED).read_text()) < 20_000
    assert json.loads((ROOT / "notebooks/data" / STORED).read_text()).keys() == {"5", "10"}


# The checks


def mistaken(rule):
    """Make a learner's function of a rule of x, m and g."""

    def update(params, states, *setting):
        for param, m in zip(params, states):
            new_x, new_m = rule(*(a.asnumpy() for a in (param, m, param.grad)), *setting)
            param[:], m[:] = nd.array(new_x), nd.array(new_m)

    return update


@pytest.mark.parametrize("name", momentum_today.MISTAKES)
def test_lion_names_the_mistake(name):
    verdict = checks.lion.judge(mistaken(momentum_today._lion(**momentum_today.MISTAKES[name][0])))
    assert (verdict.kind, verdict.hint) == ("wrong", name)


@pytest.mark.parametrize(
    "names",
    [
        ("β₁ in both", "decay without lr"),
        ("no batch size", "uphill"),
        ("no decay", "signs averaged"),
        ("no batch size", "all over batch size"),
        ("decay without lr", "decay after the step"),
        ("no batch size", "no sign", "no decay"),
        ("km 0.99", "kg 0.01", "cm 0.9", "cg 0.1"),
    ],
)
def test_lion_names_some_mistakes_at_once(names):
    parts = {}
    for name in names:
        parts |= momentum_today.MISTAKES[name][0]
    verdict = checks.lion.judge(mistaken(momentum_today._lion(**parts)))
    assert set(verdict.hint.split("; ")) == set(names)


def lion_with(line):
    """Make a learner's function whose body has a line in place of one of the solution's."""

    def update(params, states, lr, beta1, beta2, batch_size, weight_decay):
        for param, m in zip(params, states):
            g = param.grad / batch_size
            line(param, m, g, nd.sign(beta1 * m + (1 - beta1) * g), lr, beta2, weight_decay)

    return update


def test_lion_names_what_is_not_kept():
    def buffer_rebound(param, m, g, c, lr, beta2, wd):
        param -= lr * (c + wd * param)
        m = beta2 * m + (1 - beta2) * g

    def parameter_rebound(param, m, g, c, lr, beta2, wd):
        param = param - lr * (c + wd * param)
        m[:] = beta2 * m + (1 - beta2) * g

    def first_only(params, states, *setting):
        chapters.lion(params[:1], states[:1], *setting)

    def nothing(params, states, lr, beta1, beta2, batch_size, weight_decay):
        states[:] = [m + 1 for m in states]

    def shared(params, states, *setting):
        for param in params:
            chapters.lion([param], states[:1], *setting)

    def last_moves(params, states, *setting):
        held = [param.copy() for param in params]
        chapters.lion(params, states, *setting)
        for param, old in zip(params[:-1], held):
            param[:] = old

    hints = {
        "not all kept": shared,
        "not all move": last_moves,
        "buffer rebound": lion_with(buffer_rebound),
        "parameter rebound": lion_with(parameter_rebound),
        "not all": first_only,
        "nothing changed": nothing,
        "elsewhere": lion_with(lambda param, m, g, *_: (param.__isub__(g), m.__iadd__(g))),
    }
    for hint, function in hints.items():
        assert checks.lion.judge(function).hint == hint


def test_lion_is_right_however_it_is_written():
    def other(params, states, lr, beta1, beta2, batch_size, weight_decay):
        for i, param in enumerate(params):
            g, m = param.grad / batch_size, states[i]
            direction = ((m * beta1 + g - beta1 * g) > 0) * 2 - 1
            param *= 1 - lr * weight_decay
            param -= lr * direction
            m += (1 - beta2) * (g - m)

    for _ in range(5):
        assert checks.lion.judge(chapters.lion).kind == "right"
        assert checks.lion.judge(other).kind == "right"


def test_the_numbers_that_the_checks_take_are_right():
    s, counts = 0.0002, []
    for count in range(1, 9):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        counts += [count] * (s > 0.5)
    assert counts[0] == 7
    assert checks.newton_schulz_steps.judge(7).kind == "right"
    assert checks.momentum_as_average.judge(0.05, 0.4).kind == "right"
    assert checks.lion_distance.judge(0.05).kind == "right"
    assert checks.sick_muon.judge("order").kind == "right"


def test_the_sick_muons_steps_grow_to_about_ten():
    solved = {cell.id: cell for cell in read(ROOT / "notebooks/en/momentum-today.ipynb").cells}[
        "bug"
    ]
    printed = "".join(output.get("text", "") for output in solved.outputs)
    grown = numbers(r"step ([\d.]+) eta", printed)
    assert grown == sorted(grown)
    assert grown[0] < 1.2
    assert 9 < grown[-1] < 12
