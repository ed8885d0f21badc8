"""The rows of the contest on the digits that `momentum-today` adds to `course.contest`.

benchmarks/contest_today.py stores what the grids give in notebooks/data/contest-today.json.
"""

import mxnet as mx
from mxnet import nd

from course.chapters import lion, muon, schedule_free, sgd_momentum
from course.contest import METHODS, Method, powers

STORED = "contest-today.json"


class Lion(mx.optimizer.Optimizer):
    """The chapter's `lion`, with the paper's β = (0.9, 0.99) and no decay."""

    def create_state(self, index, weight):
        """Give the state of a parameter: its buffer."""
        return nd.zeros_like(weight)

    def update(self, index, weight, grad, state):
        """Make one update of a parameter, in place."""
        self._update_count(index)
        lion([weight], [state], self._get_lr(index), 0.9, 0.99, 1 / self.rescale_grad, 0)


class Muon(mx.optimizer.Adam):
    """The chapter's `muon` for matrices; the biases stay with Adam."""

    def create_state(self, index, weight):
        """Give the state of a parameter: a matrix's buffer, or Adam's two moments."""
        return nd.zeros_like(weight) if weight.ndim == 2 else super().create_state(index, weight)

    def update(self, index, weight, grad, state):
        """Make one update of a parameter, in place."""
        if weight.ndim != 2:
            super().update(index, weight, grad, state)
            return
        self._update_count(index)
        muon([weight], [state], self._get_lr(index), 0.9, 1 / self.rescale_grad)


class _Averaging(mx.optimizer.Optimizer):
    """Keeps its learning rate, and puts an average in the weights' place after the last update."""

    def create_state(self, index, weight):
        """Give the state of a parameter: two copies of it, and a velocity."""
        return weight.copy(), weight.copy(), nd.zeros_like(weight)

    def update(self, index, weight, grad, state):
        """Make one update of a parameter, in place."""
        self._update_count(index)
        t = self._index_update_count[index]
        lr, batch_size = self.lr_scheduler.base_lr_orig, 1 / self.rescale_grad
        self.move(weight, state, t, lr, batch_size)
        if t == self.lr_scheduler.max_update:
            weight[:] = state[1]


class AveragedMomentum(_Averaging):
    """Momentum at a constant learning rate, then the moving average of the iterates."""

    def move(self, weight, state, t, lr, batch_size):
        """Make one update; the average begins at the first iterate."""
        _, average, v = state
        sgd_momentum([weight], [v], lr, 0.9, batch_size)
        average[:] = weight if t == 1 else 0.9 * average + 0.1 * weight


class ScheduleFree(_Averaging):
    """The chapter's `schedule_free`, with β = 0.9 and c = 1/t."""

    def move(self, weight, state, t, lr, batch_size):
        """Make one update."""
        schedule_free([weight], [state[:2]], lr, 0.9, 1 / t, batch_size)


ROWS = {
    "momentum": METHODS["momentum"],
    "Adam": METHODS["Adam"],
    "Lion": Method(Lion, {"lr": powers(0.001, 8)}),
    "Muon": Method(Muon, {"lr": powers(0.01, 7)}),
    "averaged": Method(AveragedMomentum, {"lr": powers(0.0125, 7)}),
    "schedule-free": Method(ScheduleFree, {"lr": powers(0.1, 7)}),
}
