"""The chapter's experiment with sliders; training.js trains anew whenever one moves."""

import numpy as np
import traitlets
from matplotlib.figure import Figure

import utils
from course.chapters import Products, quadratic_losses, train_least_squares, with_ones
from course.language import language
from course.play.widget import Pictured, check_keys, check_number, module, plain, png, written

LR_LIMITS, MOM_LIMITS, EPOCHS_LIMITS = (0.001, 5), (0, 0.999), (1, 10)


def training(X, y, init_params, lr=0.2, mom=0.9, batch_size=10, num_epochs=3):
    """Train the chapter's linear regression anew whenever a slider moves, and show the losses.

    It is what the chapter's `optimize` does: every training starts with `init_params()`, and from
    the third epoch on each begins by multiplying the learning rate by 0.1. `init_params` is called
    once: the widget itself trains, from the same start and with the examples in the same order.

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
    check_number("num_epochs", num_epochs, *EPOCHS_LIMITS, whole=True)
    state = {"lr": plain(lr), "mom": plain(mom), "batch_size": plain(batch_size)}
    return Training(X, y, init_params, int(num_epochs), lang=language(), state=state)


class Training(Pictured):
    """Training with sliders as a widget; its `state` follows them, and can be set."""

    _esm = module("training")
    experiment = traitlets.Dict().tag(sync=True)  # what stays, whatever the sliders say

    def __init__(self, X, y, init_params, num_epochs, **traits):
        # float64 costs no time here, and what diverges overflows later.
        self._data, self._init_params = (X.astype("float64"), y.astype("float64")), init_params
        initial = np.concatenate([one.asnumpy().ravel() for one in start(init_params, X.shape[1])])
        order = shuffled(len(X), num_epochs)  # while MXNet's generator is where init_params left it
        A, labels = with_ones(self._data[0]), self._data[1].asnumpy().ravel()
        first = ((A @ initial - labels) ** 2).mean() / 2
        if not np.isfinite(first):
            raise ValueError(f"X, y and init_params must give a finite loss, got {first}")
        best = np.linalg.lstsq(A, labels, rcond=None)[0]
        smallest = ((A @ best - labels) ** 2).mean() / 2
        lowest = max(smallest, 1e-7 * first, 1e-30)  # of the losses that are shown
        highest = max(2 * first, 10 * lowest)
        arrays = {"A": A, "y": labels, "order": order, "initial": initial}
        arrays |= {"H": A.T @ A / len(A), "best": best}
        experiment = {
            "examples": len(X),
            "epochs": num_epochs,
            "limits": {"lr": LR_LIMITS, "mom": MOM_LIMITS, "batch_size": (1, len(X))},
            "smallest": float(smallest),
            "decades": [int(np.floor(np.log10(lowest))), int(np.ceil(np.log10(highest)))],
            **{name: array.tobytes() for name, array in arrays.items()},
        }
        super().__init__(experiment=experiment, **traits)

    @traitlets.validate("state")
    def _check_state(self, proposal):
        state, limits = proposal.value, self.experiment["limits"]
        check_keys(state, limits)
        for key, value in state.items():
            check_number(key, value, *limits[key], whole=key == "batch_size")
        return {**state, "batch_size": int(state["batch_size"])}

    def trained(self):
        """Train in MXNet with the present state.

        Gives the losses before the first and after every update, and the last weights, bias last.
        """
        epochs = self.experiment["epochs"]
        return retrained(*self._data, self._init_params, num_epochs=epochs, **self.state)

    def __repr__(self):
        """Give the call that shows this state."""
        arguments = {**self.state, "num_epochs": self.experiment["epochs"]}
        return f"training(X, y, init_params, {written(arguments)})"

    def picture(self):
        """Draw the losses, as a PNG."""
        losses, _ = self.trained()
        epochs = sampled(len(losses), self.state["batch_size"], self.experiment["examples"])
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
            rf"$\eta = {self.state['lr']:g}$, $\gamma = {self.state['mom']:g}$, "
            f"batch size {self.state['batch_size']}: final loss {losses[-1]:.2e}",
            fontsize="medium",
        )
        axes.legend(fontsize="small", loc="upper right")
        return png(figure)


def start(init_params, num_features):
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


def shuffled(num_examples, num_epochs):
    """Give the order of the examples in each epoch, as `utils.data_iter` makes it."""
    orders = [utils.random_order(num_examples) for _ in range(num_epochs)]
    return np.concatenate(orders).astype("int32")


def retrained(X, y, init_params, lr, mom, batch_size, num_epochs):
    """Train as the chapter's `optimize` does, in the precision of X and y, which is float64.

    Gives the losses before the first and after every update, and the last weights, bias last.
    """
    params = start(init_params, X.shape[1])
    lrs = [lr * 0.1 ** max(0, epoch - 2) for epoch in range(1, num_epochs + 1)]
    weights = train_least_squares(Products(), params, X, y, batch_size, lrs, mom)
    return quadratic_losses(X, y, weights)[:, 0], weights[-1, :, 0].asnumpy()


def sampled(count, batch_size, examples):
    """Give how many epochs' worth of examples have been sampled at each of `count` losses."""
    per_epoch = -(-examples // batch_size)
    epoch, update = np.divmod(np.arange(count), per_epoch)
    return epoch + update * batch_size / examples
