"""Published update rules and the chapters' own, against PyTorch's and optax's stored trajectories.

`rule` functions are the papers' rules in numpy, with names for what an implementation may do
otherwise; a test's words say which rival does what. `nox -s rivals` writes the stored file.
"""

import json

import numpy as np
import pytest
import rivals
from mxnet import nd

from course.chapters import adagrad, adam, adamw, lion, muon, rmsprop

DECAY = 0.3
NO_MORE = {"rtol": 1e-12, "atol": 1e-12}


def follow(rule, from_update=0):
    """Give the parameters after each update x ← rule(x, g, t, state), with t from 1."""
    x, state, points = rivals.START, {}, []
    for t in range(rivals.UPDATES):
        x = rule(x, rivals.gradient(x, t, from_update), t + 1, state)
        points.append(x)
    return np.array(points)


def average(state, name, beta, new):
    """Give the moving average of this name after a new value; it begins at 0."""
    state[name] = beta * state.get(name, 0) + (1 - beta) * new
    return state[name]


def scaled(g, s, eps, inside):
    """Divide by the root of s; ε is added inside the root or outside."""
    return g / (np.sqrt(s + eps) if inside else np.sqrt(s) + eps)


def sgd_rule(lr=0.04, mom=0.9, nesterov=False, weight_decay=0):
    def rule(x, g, t, state):
        g = g + weight_decay * x
        v = state["v"] = mom * state.get("v", 0) + g
        return x - lr * (g + mom * v if nesterov else v)

    return rule


def adam_rule(l2=0, weight_decay=0, inside=False, corrected=True, lr=0.1, decay_times_lr=True):
    """Kingma and Ba 2015; with weight_decay, AdamW's decoupled decay, Loshchilov and Hutter 2019."""
    beta1, beta2, eps = 0.9, 0.98, 0.01

    def rule(x, g, t, state):
        g = g + l2 * x
        m, s = average(state, "m", beta1, g), average(state, "s", beta2, g**2)
        if corrected:
            m, s = m / (1 - beta1**t), s / (1 - beta2**t)
        decay = weight_decay * (lr if decay_times_lr else 1) * x
        return x - lr * scaled(m, s, eps, inside) - decay

    return rule


def adagrad_rule(inside, l2=0, start=0.0, lr=0.1, eps=0.01):
    """Duchi, Hazan and Singer 2011."""

    def rule(x, g, t, state):
        g = g + l2 * x
        s = state["s"] = state.get("s", start) + g**2
        return x - lr * scaled(g, s, eps, inside)

    return rule


def rmsprop_rule(inside, l2=0, lr=0.1, eps=0.01):
    """Tieleman and Hinton 2012."""

    def rule(x, g, t, state):
        g = g + l2 * x
        return x - lr * scaled(g, average(state, "s", 0.9, g**2), eps, inside)

    return rule


def adadelta_rule(inside=True, l2=0, rho=0.9, eps=0.01):
    """Zeiler 2012."""

    def rule(x, g, t, state):
        g = g + l2 * x
        s, before = average(state, "s", rho, g**2), state.get("steps", 0)
        step = scaled(g, s, eps, inside) * (
            np.sqrt(before + eps) if inside else np.sqrt(before) + eps
        )
        average(state, "steps", rho, step**2)
        return x - step

    return rule


def lion_rule(lr=0.1, beta1=0.9, beta2=0.98, weight_decay=DECAY):
    """Chen et al. 2023."""

    def rule(x, g, t, state):
        c = beta1 * state.get("m", 0) + (1 - beta1) * g
        average(state, "m", beta2, g)
        return x - lr * (np.sign(c) + weight_decay * x)

    return rule


def exactly(array):
    return array


def bfloat16(array):
    """Round to the nearest number with 8 significant bits, ties to even."""
    mantissa, exponent = np.frexp(array)
    return np.ldexp(np.round(mantissa * 2**8), exponent - 8)


def orthogonalized(matrix, rounded=exactly):
    """Give what five quintic Newton-Schulz steps make of a matrix (Jordan et al. 2024)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    X = rounded(matrix)
    X = X.T if len(X) > len(X.T) else X
    X = rounded(X / rounded(np.linalg.norm(X)))
    for _ in range(5):
        A = rounded(X @ X.T)
        X = rounded(a * X + rounded(b * A + c * A @ A) @ X)
    return X.T if X.shape != matrix.shape else X


def muon_rule(nesterov=False, scale=1.0, corrected=False, lr=0.1, mom=0.9, weight_decay=DECAY):
    """Jordan et al. 2024; decay as in Liu et al. 2025. `corrected`: as optax has it."""

    def rule(x, g, t, state):
        v = state["v"] = mom * state.get("v", 0) + g
        if nesterov:
            # In optax v and g are averages, each divided by a correction of its own.
            v_share, g_share = (1 - mom ** (t + 1), 1 - mom**t) if corrected else (1, 1)
            v = mom * v / v_share + g / g_share
        return x - lr * (scale * orthogonalized(v) + weight_decay * x)

    return rule


# What each rival does, in words that name how it deviates from what its paper has.
AGREES = [
    ("torch", "sgd", sgd_rule()),
    ("torch", "sgd, nesterov", sgd_rule(nesterov=True)),
    ("torch", "sgd, weight decay", sgd_rule(weight_decay=DECAY)),  # enters the velocity
    ("optax", "sgd", sgd_rule()),
    ("optax", "trace", sgd_rule()),
    ("optax", "sgd, nesterov", sgd_rule(nesterov=True)),
    ("optax", "sgd, weight decay", sgd_rule(weight_decay=DECAY)),
    ("torch", "adam", adam_rule()),
    ("optax", "adam", adam_rule()),
    ("torch", "adam, weight decay", adam_rule(l2=DECAY)),  # into the gradient, so into m and s
    ("torch", "adamw", adam_rule(weight_decay=DECAY)),
    ("optax", "adamw", adam_rule(weight_decay=DECAY)),
    ("torch", "adagrad", adagrad_rule(inside=False)),
    ("torch", "adagrad, weight decay", adagrad_rule(inside=False, l2=DECAY)),
    ("optax", "adagrad", adagrad_rule(inside=True)),
    ("optax", "adagrad, default start", adagrad_rule(inside=True, start=0.1)),
    ("torch", "rmsprop", rmsprop_rule(inside=False)),
    ("torch", "rmsprop, weight decay", rmsprop_rule(inside=False, l2=DECAY)),
    ("optax", "rmsprop", rmsprop_rule(inside=True)),
    ("optax", "rmsprop, eps outside", rmsprop_rule(inside=False)),
    ("torch", "adadelta", adadelta_rule()),
    ("torch", "adadelta, weight decay", adadelta_rule(l2=DECAY)),
    ("optax", "adadelta", adadelta_rule()),
    ("optax", "adadelta, weight decay", adadelta_rule(l2=DECAY)),
    ("optax", "lion", lion_rule()),
    ("optax", "muon", muon_rule()),
    ("optax", "muon, nesterov", muon_rule(nesterov=True, corrected=True)),
]


@pytest.mark.parametrize(
    "rival, case, rule", AGREES, ids=lambda one: one if str(one) == one else ""
)
def test_the_rival_follows_the_rule(rival, case, rule):
    np.testing.assert_allclose(rivals.stored(rival, case), follow(rule), **NO_MORE)


DEVIATES = {
    "PyTorch's AdaGrad has ε outside the root": ("torch", "adagrad", adagrad_rule(True)),
    "optax's AdaGrad has ε inside": ("optax", "adagrad", adagrad_rule(False)),
    "optax's AdaGrad begins with 0.1, not 0": (
        "optax",
        "adagrad, default start",
        adagrad_rule(True),
    ),
    "PyTorch's RMSProp has ε outside": ("torch", "rmsprop", rmsprop_rule(True)),
    "optax's RMSProp has ε inside by default": ("optax", "rmsprop", rmsprop_rule(False)),
    "PyTorch's Adam has ε outside": ("torch", "adam", adam_rule(inside=True)),
    "optax's Adam has ε outside": ("optax", "adam", adam_rule(inside=True)),
    "PyTorch's Adam corrects the bias": ("torch", "adam", adam_rule(corrected=False)),
    "optax's Adam corrects the bias": ("optax", "adam", adam_rule(corrected=False)),
    "the decay of PyTorch's Adam is not decoupled": (
        "torch",
        "adam, weight decay",
        adam_rule(weight_decay=DECAY),
    ),
    "the decay of PyTorch's AdamW is": ("torch", "adamw", adam_rule(l2=DECAY)),
    "the decay of PyTorch's AdamW is times η, its paper's is not": (
        "torch",
        "adamw",
        adam_rule(weight_decay=DECAY, decay_times_lr=False),
    ),
    "the decay of optax's AdamW is times η too": (
        "optax",
        "adamw",
        adam_rule(weight_decay=DECAY, decay_times_lr=False),
    ),
    "PyTorch's Adadelta has ε inside both roots": ("torch", "adadelta", adadelta_rule(False)),
    "optax's Adadelta has ε inside both roots": ("optax", "adadelta", adadelta_rule(False)),
    "the Nesterov step of optax's Muon corrects a bias, its author's does not": (
        "optax",
        "muon, nesterov",
        muon_rule(nesterov=True),
    ),
}


@pytest.mark.parametrize("words", DEVIATES)
def test_a_deviation_shows(words):
    rival, case, rule = DEVIATES[words]
    assert np.abs(rivals.stored(rival, case) - follow(rule)).max() > 1e-3, words


def test_weight_decay_enters_optaxs_velocity_only_if_it_is_added_before():
    def outside(x, g, t, state):
        return sgd_rule()(x, g, t, state) - 0.04 * DECAY * x

    stored = rivals.stored("optax", "sgd, weight decay")
    assert np.abs(stored - follow(outside)).max() > 1e-3


@pytest.mark.parametrize("nesterov", [False, True])
def test_pytorchs_muon_iterates_in_bfloat16_and_scales_tall_matrices(nesterov):
    """Each of its steps, from where it is: ours if we round too, else 1% and more apart."""
    rows, columns = rivals.START.shape  # a tall matrix; optax takes its columns for outputs
    x, v, apart = rivals.START, 0, []
    for t, there in enumerate(rivals.stored("torch", "muon, nesterov" if nesterov else "muon")):
        g = rivals.gradient(x, t)
        v = 0.9 * v + 0.1 * g  # the average, whose size the norm takes out, but for the rounding
        direction = 0.9 * v + 0.1 * g if nesterov else v
        step = ((1 - 0.1 * DECAY) * x - there) / (0.1 * np.sqrt(rows / columns))
        np.testing.assert_allclose(step, orthogonalized(direction, bfloat16), rtol=1e-9)
        apart.append(np.abs(step - orthogonalized(direction)).max())
        x = there
    assert max(apart) > 0.01


# The chapters' own rules, on NDArrays in float64: those that a rival has just so

BATCH_SIZE = 10


def follow_chapter(update, number_of_states=1):
    """Give the parameters after each update(params, states, t), the loss summed over a batch."""
    x, *states = (
        nd.array(one, dtype="float64")
        for one in (rivals.START, *[0 * rivals.START] * number_of_states)
    )
    x.attach_grad()
    points = []
    for t in range(rivals.UPDATES):
        gradient = rivals.gradient(x.asnumpy(), t)
        x.grad[:] = nd.array(gradient * BATCH_SIZE, dtype="float64")
        update([x], states if number_of_states == 1 else [tuple(states)], t + 1)
        points.append(x.asnumpy())
    return np.array(points)


CHAPTERS = {
    "adagrad": (["optax"], lambda x, s, t: adagrad(x, s, 0.1, 0.01, BATCH_SIZE), 1),
    "rmsprop": (["optax"], lambda x, s, t: rmsprop(x, s, 0.1, 0.9, 0.01, BATCH_SIZE), 1),
    "adam": (
        ["torch", "optax"],
        lambda x, s, t: adam(x, s, 0.1, 0.9, 0.98, 0.01, t, BATCH_SIZE),
        2,
    ),
    "adamw": (
        ["torch", "optax"],
        lambda x, s, t: adamw(x, s, 0.1, 0.9, 0.98, 0.01, t, BATCH_SIZE, DECAY),
        2,
    ),
    "lion": (["optax"], lambda x, s, t: lion(x, s, 0.1, 0.9, 0.98, BATCH_SIZE, DECAY), 1),
}


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_chapters_rule_is_the_rivals(name):
    theirs, update, number_of_states = CHAPTERS[name]
    points = follow_chapter(update, number_of_states)
    for rival in theirs:
        np.testing.assert_allclose(points, rivals.stored(rival, name), **NO_MORE)


def test_the_chapters_muon_is_optaxs_but_for_the_ε_of_its_norm():
    """The chapter has no decay: each update is taken from where optax is, which decays."""
    stored = rivals.stored("optax", "muon")
    before = np.concatenate([[rivals.START], stored[:-1]])
    v = nd.zeros(rivals.START.shape, dtype="float64")
    for t, (x, there) in enumerate(zip(before, stored)):
        param = nd.array(x, dtype="float64")
        param.attach_grad()
        param.grad[:] = nd.array(rivals.gradient(x, t) * BATCH_SIZE, dtype="float64")
        muon([param], [v], 0.1, 0.9, BATCH_SIZE)
        np.testing.assert_allclose(param.asnumpy() - 0.1 * DECAY * x, there, rtol=1e-7, atol=1e-7)


# The file


def test_the_file_is_of_these_problems_and_settings():
    """If not: `nox -s rivals`."""
    written = json.loads(rivals.FILE.read_text())
    assert written["problem"] == {
        "updates": rivals.UPDATES,
        "start": rivals.START.tolist(),
        "curvature": rivals.CURVATURE.tolist(),
        "target": rivals.TARGET.tolist(),
    }
    found = {}
    for one in written["cases"]:
        found.setdefault(one["rival"], {})[one["case"]] = (one["name"], one["settings"])
    assert found == rivals.CASES


def test_the_file_says_of_which_versions_it_is():
    versions = json.loads(rivals.FILE.read_text())["versions"]
    assert versions.keys() == {"python", "numpy", "torch", "jax", "optax"}
    pins = (rivals.FILE.parents[2] / "requirements-rivals.txt").read_text()
    for name in ("jax", "optax"):
        assert f"\n{name}=={versions[name]} " in pins
