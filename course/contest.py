"""The contest of optimizers on the digits: momentum-real's data and network, each method tuned.

A method is an `mx.optimizer.Optimizer` and a grid of hyperparameters. `tuned` trains on the first
four parts with every point of the grid and several seeds, and takes the validation loss;
benchmarks/contest.py stores what it finds in notebooks/data/contest.json. `judged` trains with the
best point and other seeds, and looks at the part that no tuning has seen.
"""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon, nd

import utils
from course.data import data_file

BATCH_SIZE = 100
TUNING_SEEDS = (7, 8, 9, 10, 11)
STORED = "contest.json"

_loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
_loss_of.hybridize(static_alloc=True)


@cache
def digits():
    """Give images and labels of the parts: to train on, to tune by, to judge by, as momentum-real."""
    table = np.loadtxt(data_file("digits.csv.gz"), delimiter=",")
    table = np.random.RandomState(7).permutation(table)
    images, labels = table[:, :-1] / table[:, :-1].std(), table[:, -1]
    folds = np.array_split(np.arange(300, len(table)), 5)
    parts = {"train": np.concatenate(folds[:4]), "validation": np.arange(300), "held out": folds[4]}
    return {
        name: (nd.array(images[rows], dtype="float64"), nd.array(labels[rows], dtype="float64"))
        for name, rows in parts.items()
    }


def fit(optimizer, lr, epochs, seed):
    """Train momentum-real's network; the learning rate falls from `lr` to 0 along a cosine.

    Parameters
    ----------
    optimizer : mx.optimizer.Optimizer
    lr : float
    epochs : int
    seed : int
        Of the initial weights and the order of the examples.

    Returns
    -------
    gluon.HybridSequential, list of floats
        The network, and the mean loss of each epoch's minibatches.
    """
    X, y = digits()["train"]
    mx.random.seed(seed)
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Dense(128, activation="relu"), gluon.nn.Dense(10))
    net.cast("float64")
    net.initialize(mx.init.Xavier())
    net.hybridize(static_alloc=True)
    updates = epochs * -(-len(X) // BATCH_SIZE)
    optimizer.lr_scheduler = mx.lr_scheduler.CosineScheduler(updates, base_lr=lr, final_lr=0)
    trainer = gluon.Trainer(net.collect_params(), optimizer)
    losses = []
    for _ in range(epochs):
        total = 0
        for features, truth in utils.data_iter(BATCH_SIZE, len(X), X, y):
            with autograd.record():
                loss = _loss_of(net(features), truth)
            loss.backward()
            trainer.step(len(truth))
            total = total + loss.sum()
        losses.append(total.asscalar() / len(X))
    return net, losses


def evaluate(net, part):
    """Give a network's mean loss and its accuracy on a part of the digits."""
    images, truth = digits()[part]
    outputs = net(images)
    right = (outputs.argmax(axis=1) == truth).mean()
    return _loss_of(outputs, truth).mean().asscalar(), right.asscalar()


# MXNet's AdaGrad and RMSProp keep their sums in float32, whatever the parameters are, and then fail.


class AdaGrad(mx.optimizer.AdaGrad):
    """MXNet's, with its sums in the parameters' own precision."""

    def create_state(self, index, weight):
        """Give the state of a parameter: the sum of its squared gradients."""
        return nd.zeros_like(weight)


class RMSProp(mx.optimizer.RMSProp):
    """MXNet's, with its averages in the parameters' own precision."""

    def create_state(self, index, weight):
        """Give the state of a parameter: the average of its squared gradients."""
        return (nd.zeros_like(weight),)


class AdamW(mx.optimizer.Adam):
    """MXNet's Adam, and the decay of the parameters outside it: x ← x − ηλx."""

    def __init__(self, decay, **settings):
        super().__init__(**settings)
        self.decay = decay

    def update(self, index, weight, grad, state):
        """Make one update of a parameter, in place."""
        before = weight.copy()
        super().update(index, weight, grad, state)  # which counts, and so moves the schedule on
        weight -= self._get_lr(index) * self.decay * before


def powers(first, count, ratio=2):
    """Give numbers in equal ratios."""
    return tuple(float(f"{first * ratio**k:.5g}") for k in range(count))


@dataclass(frozen=True)
class Method:
    """A row of the contest: `make` gives an optimizer for a point of the grid, `lr` apart."""

    make: Callable
    grid: dict  # {hyperparameter: values}; the first is lr

    def points(self):
        """Give the points of the grid, dicts."""
        for values in itertools.product(*self.grid.values()):
            yield dict(zip(self.grid, values))


METHODS = {
    "SGD": Method(mx.optimizer.SGD, {"lr": powers(0.05, 8)}),
    "momentum": Method(lambda: mx.optimizer.SGD(momentum=0.9), {"lr": powers(0.0125, 8)}),
    "AdaGrad": Method(AdaGrad, {"lr": powers(0.005, 8)}),
    "RMSProp": Method(RMSProp, {"lr": powers(0.002, 8)}),
    "Adam": Method(mx.optimizer.Adam, {"lr": powers(0.00125, 8)}),
    "AdamW": Method(AdamW, {"lr": powers(0.0025, 6), "decay": powers(0.00625, 6, ratio=4)}),
}


def trained(method, point, epochs, seed):
    """Train a `Method` at a point of its grid; give what `fit` gives."""
    rest = {name: value for name, value in point.items() if name != "lr"}
    return fit(method.make(**rest), point["lr"], epochs, seed)


def tuned(method, epochs, seeds=TUNING_SEEDS):
    """Give the validation losses of a `Method`: an axis for each hyperparameter, then the seeds."""
    losses = [
        [evaluate(trained(method, point, epochs, seed)[0], "validation")[0] for seed in seeds]
        for point in method.points()
    ]
    return np.reshape(losses, [len(values) for values in method.grid.values()] + [len(seeds)])


def stored(name=STORED):
    """Give what benchmarks/contest.py found: {epochs: {method: {"grid": …, "losses": …}}}."""
    table = json.loads(data_file(name).read_text())
    return {int(epochs): rows for epochs, rows in table.items()}


def best(row):
    """Give the best point of a stored row, by the mean over the seeds."""
    mean = np.mean(row["losses"], axis=-1)
    place = np.unravel_index(mean.argmin(), mean.shape)
    return {name: values[i] for (name, values), i in zip(row["grid"].items(), place)}


def inside(row):
    """Tell whether the best point of a stored row lies inside its grid."""
    point = best(row)
    return all(values[0] < point[name] < values[-1] for name, values in row["grid"].items())
