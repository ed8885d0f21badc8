"""What a learner can touch, live in a notebook: the playground, and a training with sliders."""

import base64
import io
from numbers import Real
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from matplotlib.figure import Figure
from mxnet import nd

import utils
from course.chapters import quadratic_losses, train_least_squares, with_ones
from course.language import language

# The same as in playground.js; a test compares them.
DEFAULTS = {
    "eta": 1.6,
    "gamma": 0.5,
    "kappa": 20,
    "x1": 1,
    "x2": 1,
    "convention": "inside",
    "nesterov": False,
    "decay": 0,
    "updates": 60,
}
LIMITS = {
    "eta": (0.01, 5),
    "gamma": (0, 0.999),
    "kappa": (1, 10000),
    "x1": (-1.5, 1.5),
    "x2": (-1.1, 1.1),
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
    if set(state) != set(DEFAULTS):
        raise ValueError(f"state must have the keys {', '.join(DEFAULTS)}; got {', '.join(state)}")
    for key, limits in LIMITS.items():
        whole = key in ("decay", "updates")
        _check_number(NAMES.get(key, key), state[key], *limits, whole=whole)
    if state["decay"] > state["updates"]:
        raise ValueError(
            f"decay must be at most updates = {state['updates']}, got {state['decay']}"
        )
    if state["convention"] not in ("inside", "outside"):
        raise ValueError(f"convention must be 'inside' or 'outside', got {state['convention']!r}")
    if not isinstance(state["nesterov"], bool):
        raise TypeError(f"nesterov must be True or False, got {state['nesterov']!r}")
    return state


def _check_number(name, value, low, high, *, whole=False):
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}, got {value!r}")
    if whole and value != int(value):
        raise TypeError(f"{name} must be a whole number, got {value!r}")


def trajectory(
    eta=DEFAULTS["eta"],
    gamma=DEFAULTS["gamma"],
    kappa=DEFAULTS["kappa"],
    start=(DEFAULTS["x1"], DEFAULTS["x2"]),
    *,
    convention=DEFAULTS["convention"],
    nesterov=DEFAULTS["nesterov"],
    decay=DEFAULTS["decay"],
    updates=DEFAULTS["updates"],
):
    """Show the paths of gradient descent and momentum on f(x) = ½(x₁²/κ + x₂²), to play with.

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
    decay : int
        The update after which η is a tenth of itself; 0: never.
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
    plain = {key: _plain(value) for key, value in checked(state).items()}
    return Playground(lang=language(), state=plain)


def _plain(value):
    """Make a Python number of NumPy's, which JSON does not know."""
    return value.item() if isinstance(value, np.generic) else value


class Pictured(anywidget.AnyWidget):
    """A widget with a state, and a picture of it for where no kernel runs."""

    lang = traitlets.Enum(("zh", "en")).tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        data["image/png"] = base64.b64encode(self.picture()).decode()
        return data, metadata


class Playground(Pictured):
    """The playground as a widget; its `state` follows what the learner does, and can be set."""

    _esm = Path(__file__).with_name("playground.js")

    @traitlets.validate("state")
    def _check_state(self, proposal):
        return checked(proposal.value)

    def __repr__(self):
        """Give the call that shows this state."""
        settings = dict(self.state)
        start = (settings.pop("x1"), settings.pop("x2"))
        first = {key: settings.pop(key) for key in ("eta", "gamma", "kappa")}
        arguments = {**first, "start": start, **settings}
        return f"trajectory({_written(arguments)})"

    def picture(self):
        """Draw what the playground shows, as a PNG."""
        return picture(self.state)


def _written(arguments):
    return ", ".join(f"{key}={value!r}" for key, value in arguments.items())


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


def picture(state):
    """Draw what the playground shows in a state, as a PNG: the paths and the losses."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    paths, losses = figure.subplots(1, 2)
    losses.set_yscale("log")
    # Limits first: what diverges is too large for those that matplotlib would choose.
    paths.set(xlim=(-1.65, 1.65), ylim=(-1.2, 1.2), aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    losses.set(xlim=(0, state["updates"]), ylim=(1e-10, 1e2), xlabel="updates", ylabel="loss $f$")

    curvatures = np.array([1 / state["kappa"], 1])
    x1, x2 = np.meshgrid(np.linspace(-1.65, 1.65, 200), np.linspace(-1.2, 1.2, 150))
    heights = (x1**2 * curvatures[0] + x2**2 * curvatures[1]) / 2
    paths.contour(x1, x2, heights, levels=2 * 3.0 ** np.arange(-11, 1), colors="0.75", linewidths=1)
    for name, color, style, marker in (
        ("gradient descent", "#c04f00", "--", "s"),
        ("momentum", "#0072b2", "-", "o"),
    ):
        with np.errstate(over="ignore", invalid="ignore"):  # it may diverge
            points = follow(state, descent=name == "gradient descent")
            parts = np.clip(curvatures * points**2 / 2, None, 1e30)
        seen = np.logical_and.accumulate(np.abs(points).max(axis=1) < 100)
        fill = "white" if marker == "s" else color
        look = {"color": color, "linestyle": style, "label": name}
        paths.plot(*points[seen].T, marker=marker, markersize=4, markerfacecolor=fill, **look)
        losses.plot(parts.sum(axis=1), **look)
        if name == "momentum":
            losses.plot(parts[:, 0], "-.", color=color, linewidth=1, label=r"$\lambda = 1/\kappa$")
            losses.plot(parts[:, 1], ":", color=color, linewidth=1, label=r"$\lambda = 1$")
    settings = (
        rf"$\eta = {state['eta']:g}$, $\gamma = {state['gamma']:g}$, $\kappa = {state['kappa']:g}$"
    )
    if state["nesterov"]:
        settings += ", Nesterov"
    if state["decay"]:
        settings += rf", $\eta$ {state['convention']}, $\times 0.1$ after {state['decay']}"
    paths.set_title(settings, fontsize="medium")
    paths.legend(fontsize="small", loc="lower right")
    losses.legend(fontsize="small", loc="upper right")
    return _png(figure)


def _png(figure):
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=90)
    return png.getvalue()


# Training

LR_LIMITS, MOM_LIMITS, EPOCHS_LIMITS = (0.001, 5), (0, 0.999), (1, 10)


def training(X, y, init_params, lr=0.2, mom=0.9, batch_size=10, num_epochs=3):
    """Train the chapter's linear regression anew whenever a slider moves, and show the losses.

    It is what the chapter's `optimize` does: every training starts with `init_params()`, and from
    the third epoch on each begins by multiplying the learning rate by 0.1. Where there is no
    kernel, a picture is shown instead.

    Parameters
    ----------
    X : NDArray, shape (n, d)
        Features, one example per row.
    y : NDArray, shape (n,) or (n, 1)
        Labels.
    init_params : callable
        Takes nothing; gives ``[w, b], vs``, w of shape (d, 1), b of shape (1,), and velocities of
        zero. It seeds MXNet's generator, so that every training shuffles alike.
    lr : float
        Learning rate η at first, from 0.001 to 5.
    mom : float
        Momentum parameter γ at first, from 0 to 0.999.
    batch_size : int
        Batch size at first, from 1 to n.
    num_epochs : int
        Epochs of each training, from 1 to 10.

    Returns
    -------
    Training
        A widget; its `state` follows the sliders, and can be set.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of this.
    """
    utils.data_iter(1, 1, X, y)  # says what is wrong with X and y
    if X.ndim != 2:
        raise ValueError(f"X must have a row for each example, got shape {X.shape}")
    if y.size != len(X):
        raise ValueError(f"y must hold one label for each example, got shape {y.shape}")
    if not callable(init_params):
        raise TypeError(f"init_params must be a function, got {init_params!r}")
    _check_number("num_epochs", num_epochs, *EPOCHS_LIMITS, whole=True)
    state = {"lr": _plain(lr), "mom": _plain(mom), "batch_size": _plain(batch_size)}
    return Training(X, y, init_params, int(num_epochs), lang=language(), state=state)


class Training(Pictured):
    """Training with sliders as a widget; its `state` follows them, and can be set."""

    _esm = Path(__file__).with_name("training.js")
    experiment = traitlets.Dict().tag(sync=True)  # what stays, whatever the sliders say
    # A state, with the losses and the weights it gives, and the error if a later training failed.
    answer = traitlets.Dict().tag(sync=True)

    def __init__(self, X, y, init_params, num_epochs, **traits):
        # float64 costs no time here, and what diverges overflows later.
        self._X, self._y = X.astype("float64"), y.astype("float64")
        self._init_params = init_params
        w, b = initial(init_params, X.shape[1])
        first = quadratic_losses(self._X, self._y, nd.concat(w.reshape((-1,)), b, dim=0)).asscalar()
        if not np.isfinite(first):
            raise ValueError(f"X, y and init_params must give a finite loss, got {first}")
        A, labels = with_ones(self._X).asnumpy(), self._y.asnumpy().ravel()
        best = np.linalg.lstsq(A, labels, rcond=None)[0]
        smallest = ((A @ best - labels) ** 2).mean() / 2
        lowest = max(smallest, 1e-7 * first, 1e-30)  # of the losses that are shown
        highest = max(2 * first, 10 * lowest)
        experiment = {
            "examples": len(X),
            "epochs": num_epochs,
            "limits": {"lr": LR_LIMITS, "mom": MOM_LIMITS, "batch_size": (1, len(X))},
            "smallest": float(smallest),
            "decades": [int(np.floor(np.log10(lowest))), int(np.ceil(np.log10(highest)))],
        }
        super().__init__(experiment=experiment, **traits)

    @traitlets.validate("state")
    def _check_state(self, proposal):
        state, limits = proposal.value, self.experiment["limits"]
        if set(state) != set(limits):
            raise ValueError(
                f"state must have the keys {', '.join(limits)}; got {', '.join(state)}"
            )
        for key, value in state.items():
            _check_number(key, value, *limits[key], whole=key == "batch_size")
        return {**state, "batch_size": int(state["batch_size"])}

    @traitlets.observe("state")
    def _train(self, change):
        try:
            losses, weights = retrained(
                self._X,
                self._y,
                self._init_params,
                num_epochs=self.experiment["epochs"],
                **self.state,
            )
        except Exception as error:  # init_params is the learner's, and so is what it refers to
            if not self.answer:
                raise
            self.answer = {**self.answer, "error": f"{type(error).__name__}: {error}"}
            return
        self.answer = {**self.state, "losses": losses.tobytes(), "weights": weights.tobytes()}

    def __repr__(self):
        """Give the call that shows this state."""
        arguments = {**self.state, "num_epochs": self.experiment["epochs"]}
        return f"training(X, y, init_params, {_written(arguments)})"

    def picture(self):
        """Draw the losses, as a PNG."""
        losses = np.frombuffer(self.answer["losses"], "float32")
        epochs = sampled(len(losses), self.answer["batch_size"], self.experiment["examples"])
        low, high = self.experiment["decades"]
        smallest = self.experiment["smallest"]
        figure = Figure(figsize=(5.6, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.set_yscale("log")
        # Limits first: what diverges is too large for those that matplotlib would choose.
        axes.set(xlim=(0, self.experiment["epochs"]), ylim=(10.0**low, 10.0**high))
        axes.set(xlabel="epoch", ylabel="loss")
        axes.plot(epochs, np.minimum(losses, 1e30), color="#0072b2")
        dotted = {"color": "0.2", "linestyle": ":"}
        axes.axhline(smallest, **dotted, label=f"smallest possible loss {smallest:.2e}")
        axes.set_title(
            rf"$\eta = {self.answer['lr']:g}$, $\gamma = {self.answer['mom']:g}$, "
            f"batch size {self.answer['batch_size']}: final loss {losses[-1]:.2e}",
            fontsize="medium",
        )
        axes.legend(fontsize="small", loc="upper right")
        return _png(figure)


def initial(init_params, num_features):
    """Give the w and b that `init_params` makes, in float64."""
    given = init_params()
    shapes = (num_features, 1), (1,)
    try:
        (w, b), _ = given
        fits = (w.shape, b.shape) == shapes
    except (TypeError, ValueError, AttributeError):
        fits = False
    if not fits:
        raise ValueError(
            f"init_params must give [w, b], vs with w and b of shapes {shapes}, got {given!r:.100}"
        )
    return [w.astype("float64"), b.astype("float64")]


def retrained(X, y, init_params, lr, mom, batch_size, num_epochs):
    """Train as the chapter's `optimize` does, in the precision of X and y, which is float64.

    Gives the losses before the first and after every update, and the last weights, bias last, both
    as float32.
    """
    params = initial(init_params, X.shape[1])
    lrs = [lr * 0.1 ** max(0, epoch - 2) for epoch in range(1, num_epochs + 1)]
    weights = train_least_squares(all_products, params, X, y, batch_size, lrs, mom)
    losses = quadratic_losses(X, y, weights)
    return losses.astype("float32").asnumpy(), weights[-1].astype("float32").asnumpy()


def all_products(matrices, vector):
    """Multiply a vector by one matrix after the other; give every result, and the last.

    As `Products` of `momentum-fast` does, but since products are associative, not one after the
    other: after k rounds, each matrix is the product of the 2ᵏ that end with it (of all, where it
    has fewer before it). n matrices take log₂ n rounds, each a single call of MXNet for all n.
    """
    shift = 1
    while shift < len(matrices):
        longer = nd.batch_dot(matrices[shift:], matrices[:-shift])
        matrices = nd.concat(matrices[:shift], longer, dim=0)
        shift *= 2
    results = nd.dot(matrices, vector)
    return results, results[-1]


def sampled(count, batch_size, examples):
    """Give how many epochs' worth of examples have been sampled at each of `count` losses."""
    per_epoch = -(-examples // batch_size)
    epoch, update = np.divmod(np.arange(count), per_epoch)
    return epoch + update * batch_size / examples
