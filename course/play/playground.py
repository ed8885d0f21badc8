"""The playground: the paths of gradient descent, momentum and Adam on a quadratic function."""

import numpy as np
import traitlets
from matplotlib.figure import Figure

from course.language import language
from course.play.widget import Pictured, check_keys, check_number, module, plain, png, written

# The same as in playground.js; a test compares them.
DEFAULTS = {
    "eta": 1.6,
    "gamma": 0.5,
    "kappa": 20,
    "x1": 1,
    "x2": 1,
    "convention": "inside",
    "nesterov": False,
    "adam": 0,
    "rotated": False,
    "decay": 0,
    "updates": 60,
}
LIMITS = {
    "eta": (0.01, 5),
    "gamma": (0, 0.999),
    "kappa": (1, 10000),
    "x1": (-1.5, 1.5),
    "x2": (-1.1, 1.1),
    "adam": (0, 2),
    "decay": (0, 1000),
    "updates": (10, 1000),
}
NAMES = {"x1": "start[0]", "x2": "start[1]"}  # as the learner knows them


def checked(state):
    """Give a state of the playground back if it is one.

    Raises
    ------
    TypeError, ValueError
        With a message that names the argument and what it may be.
    """
    check_keys(state, DEFAULTS)
    for key, limits in LIMITS.items():
        whole = key in ("decay", "updates")
        check_number(NAMES.get(key, key), state[key], *limits, whole=whole)
    if state["decay"] > state["updates"]:
        raise ValueError(
            f"decay must be at most updates = {state['updates']}, got {state['decay']}"
        )
    if state["convention"] not in ("inside", "outside"):
        raise ValueError(f"convention must be 'inside' or 'outside', got {state['convention']!r}")
    for key in ("nesterov", "rotated"):
        if not isinstance(state[key], bool):
            raise TypeError(f"{key} must be True or False, got {state[key]!r}")
    return state


def trajectory(
    eta=DEFAULTS["eta"],
    gamma=DEFAULTS["gamma"],
    kappa=DEFAULTS["kappa"],
    start=(DEFAULTS["x1"], DEFAULTS["x2"]),
    *,
    convention=DEFAULTS["convention"],
    nesterov=DEFAULTS["nesterov"],
    adam=DEFAULTS["adam"],
    rotated=DEFAULTS["rotated"],
    decay=DEFAULTS["decay"],
    updates=DEFAULTS["updates"],
):
    """Show the paths of gradient descent and momentum on f(x) = ½(x₁²/κ + x₂²), to play with.

    Adam's path can be added, and the function rotated: then Adam scales the coordinates of y, which
    is x turned by 45 degrees. To the other methods that makes no difference.

    Where there is no kernel, a picture of it is shown instead.

    Parameters
    ----------
    eta : float
        Learning rate η, from 0.01 to 5.
    gamma : float
        Momentum parameter γ, from 0 to 0.999.
    kappa : float
        Condition number κ, from 1 to 10000.
    start : tuple of two floats
        Where the paths start: x₁ from -1.5 to 1.5, x₂ from -1.1 to 1.1.
    convention : str
        Where η stands: "inside" the velocity (v ← γv + ηg, x ← x − v) or "outside" of it
        (v ← γv + g, x ← x − ηv).
    nesterov : bool
        Whether the gradient is taken at the point looked ahead to.
    adam : float
        Adam's own learning rate, to 2; 0: without Adam. Its β₁ is γ and its β₂ 0.999.
    rotated : bool
        Whether the function is rotated by 45 degrees, and the start with it.
    decay : int
        The update after which η (Adam's, too) is a tenth of itself; 0: never.
    updates : int
        How many updates are drawn, from 10 to 1000.

    Returns
    -------
    Playground
        A widget; its `state` follows what the learner does, and can be set.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of this.
    """
    try:
        x1, x2 = start
    except (TypeError, ValueError):
        raise TypeError(f"start must be a pair of numbers, got {start!r}") from None
    state = {"eta": eta, "gamma": gamma, "kappa": kappa, "x1": x1, "x2": x2}
    state |= {"convention": convention, "nesterov": nesterov, "decay": decay, "updates": updates}
    state |= {"adam": adam, "rotated": rotated}
    state = {key: plain(value) for key, value in checked(state).items()}
    return Playground(lang=language(), state=state)


class Playground(Pictured):
    """The playground as a widget; its `state` follows what the learner does, and can be set."""

    _esm = module("playground")

    @traitlets.validate("state")
    def _check_state(self, proposal):
        return checked(proposal.value)

    def __repr__(self):
        """Give the call that shows this state."""
        settings = dict(self.state)
        start = (settings.pop("x1"), settings.pop("x2"))
        first = {key: settings.pop(key) for key in ("eta", "gamma", "kappa")}
        last = {key: settings.pop(key) for key in ("adam", "rotated")}
        used = {key: value for key, value in last.items() if value}
        arguments = {**first, "start": start, **settings, **used}
        return f"trajectory({written(arguments)})"

    def picture(self):
        """Draw what the playground shows, as a PNG."""
        return picture(self.state)


def follow(state, *, descent=False):
    """Give the path of momentum, or of gradient descent at the same η, as an array of points."""
    gamma, nesterov = (0, False) if descent else (state["gamma"], state["nesterov"])
    inside = state["convention"] == "inside"
    curvatures = np.array([1 / state["kappa"], 1])
    x, v = np.array([state["x1"], state["x2"]], dtype="float64"), np.zeros(2)
    points = [x]
    for t in range(1, state["updates"] + 1):
        eta = state["eta"] * (0.1 if state["decay"] and t > state["decay"] else 1)
        ahead = x - (1 if inside else eta) * gamma * v if nesterov else x
        v = gamma * v + (eta if inside else 1) * curvatures * ahead
        x = x - (v if inside else eta * v)
        points.append(x)
    return np.array(points)


def turn(state):
    """Give the matrix that turns x into what is drawn, and what Adam scales the coordinates of."""
    return np.array([[1, 1], [-1, 1]]) / 2**0.5 if state["rotated"] else np.eye(2)


def follow_adam(state):
    """Give the path of Adam as published, with β₁ = γ, as an array of points."""
    gamma, beta2, epsilon = state["gamma"], 0.999, 1e-8
    curvatures, turned = np.array([1 / state["kappa"], 1]), turn(state)
    x, m, s = np.array([state["x1"], state["x2"]], dtype="float64"), np.zeros(2), np.zeros(2)
    points = [x]
    for t in range(1, state["updates"] + 1):
        eta = state["adam"] * (0.1 if state["decay"] and t > state["decay"] else 1)
        g = turned @ (curvatures * x)
        m, s = gamma * m + (1 - gamma) * g, beta2 * s + (1 - beta2) * g**2
        step = eta * m / (1 - gamma**t) / (np.sqrt(s / (1 - beta2**t)) + epsilon)
        x = x - turned.T @ step
        points.append(x)
    return np.array(points)


def picture(state):
    """Draw what the playground shows in a state, as a PNG: the paths and the losses."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    paths, losses = figure.subplots(1, 2)
    losses.set_yscale("log")
    # Limits first: what diverges is too large for those that matplotlib would choose.
    turned, name, scale = turn(state), *(("y", 1.25) if state["rotated"] else ("x", 1))
    wide, high = 1.65 * scale, 1.2 * scale
    paths.set(xlim=(-wide, wide), ylim=(-high, high), aspect="equal")
    paths.set(xlabel=f"${name}_1$", ylabel=f"${name}_2$")
    losses.set(xlim=(0, state["updates"]), ylim=(1e-10, 1e2), xlabel="updates", ylabel="loss $f$")

    curvatures = np.array([1 / state["kappa"], 1])
    drawn = np.meshgrid(np.linspace(-wide, wide, 200), np.linspace(-high, high, 150))
    x1, x2 = np.tensordot(turned.T, drawn, 1)
    heights = (x1**2 * curvatures[0] + x2**2 * curvatures[1]) / 2
    paths.contour(*drawn, heights, levels=2 * 3.0 ** np.arange(-11, 1), colors="0.75", linewidths=1)
    methods = [("gradient descent", "#c04f00", "--", "s"), ("momentum", "#0072b2", "-", "o")]
    if state["adam"]:
        methods.insert(0, ("Adam", "#a3467e", (0, (8, 3, 2, 3, 2, 3)), "^"))
    for name, color, style, marker in methods:
        with np.errstate(over="ignore", invalid="ignore"):  # it may diverge
            points = (
                follow_adam(state)
                if name == "Adam"
                else follow(state, descent=name == "gradient descent")
            )
            parts = np.clip(curvatures * points**2 / 2, None, 1e30)
        seen = np.logical_and.accumulate(np.abs(points).max(axis=1) < 100)
        fill = "white" if marker == "s" else color
        look = {"color": color, "linestyle": style, "label": name}
        paths.plot(
            *(turned @ points[seen].T),
            marker=marker,
            markersize=6 if marker == "^" else 4,
            markerfacecolor=fill,
            **look,
        )
        losses.plot(parts.sum(axis=1), **look)
        if name == "momentum":
            losses.plot(parts[:, 0], "-.", color=color, linewidth=1, label=r"$\lambda = 1/\kappa$")
            losses.plot(parts[:, 1], ":", color=color, linewidth=1, label=r"$\lambda = 1$")
    settings = (
        rf"$\eta = {state['eta']:g}$, $\gamma = {state['gamma']:g}$, $\kappa = {state['kappa']:g}$"
    )
    if state["nesterov"]:
        settings += ", Nesterov"
    if state["adam"]:
        settings += rf", Adam's $\eta = {state['adam']:g}$"
    if state["rotated"]:
        settings += ", rotated"
    if state["decay"]:
        settings += rf", $\eta$ {state['convention']}, $\times 0.1$ after {state['decay']}"
    paths.set_title(settings, fontsize="medium")
    paths.legend(fontsize="small", loc="lower left" if state["rotated"] else "lower right")
    losses.legend(fontsize="small", loc="upper right")
    return png(figure)
