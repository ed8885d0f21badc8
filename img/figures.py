"""Draw every figure in this folder (`python img/figures.py`).

The trajectories are computed by MXNet with the notebooks' own functions.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import segno
from mxnet import autograd, nd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from course.chapters import sgd, sgd_momentum  # noqa: E402

mpl.use("agg")
from matplotlib import pyplot as plt  # noqa: E402

START = (-5, -2)
UPDATES = 20
TOPIC = "https://discuss.gluon.ai/t/topic/1879"


def f(x1, x2):
    """Give the objective of the chapter's figures, f = 0.1·x1² + 2·x2²."""
    return 0.1 * x1**2 + 2 * x2**2


def trajectory(update):
    """Give the points that `UPDATES` updates of f lead to from `START`.

    Parameters
    ----------
    update : callable
        Takes the list of parameters, whose gradients are set, and updates them in place.

    Returns
    -------
    numpy.ndarray, shape (UPDATES + 1, 2)
    """
    x = nd.array(START)
    x.attach_grad()
    points = [x.asnumpy()]
    for _ in range(UPDATES):
        with autograd.record():
            value = f(x[0], x[1])
        value.backward()
        update([x])
        points.append(x.asnumpy())
    return np.array(points)


def gd_trajectory():
    """Give gradient descent's trajectory, η = 0.4."""
    return trajectory(lambda params: sgd(params, lr=0.4, batch_size=1))


def momentum_trajectory():
    """Give the trajectory with momentum, η = 0.6, γ = 0.5."""
    vs = [nd.zeros(2)]
    return trajectory(lambda params: sgd_momentum(params, vs, lr=0.6, mom=0.5, batch_size=1))


def move(points):
    """Draw a trajectory over the contour lines of f: a red triangle at its start, an arrow a step.

    Parameters
    ----------
    points : numpy.ndarray, shape (n, 2)

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    x1, x2 = np.meshgrid(np.linspace(-5.8, 2.2, 200), np.linspace(-2.6, 3.2, 200))
    axes.contour(
        x1, x2, f(x1, x2), levels=[0.1, 0.4, 1, 2, 4, 7, 11, 16], colors="0.6", linewidths=0.8
    )
    axes.quiver(
        *points[:-1].T,
        *np.diff(points, axis=0).T,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.005,
        headwidth=5,
        color="tab:blue",
        zorder=2,
    )
    axes.plot(*points[0], "^", color="tab:red", markersize=9, zorder=3)
    axes.set(xlabel="$x_1$", ylabel="$x_2$")
    return figure


def draw_all(directory):
    """Write every figure into a directory.

    Parameters
    ----------
    directory : Path
    """
    for name, points in (("gd-move", gd_trajectory()), ("momentum-move", momentum_trajectory())):
        figure = move(points)
        # Without matplotlib's version in the file, the same picture is the same bytes.
        figure.savefig(directory / f"{name}.png", dpi=150, metadata={"Software": None})
        plt.close(figure)
    # White is drawn too, so that the code can be read on a dark page.
    code = segno.make(TOPIC, error="m")
    code.save(
        directory / "qr_momentum-scratch.svg", scale=5, border=4, light="white", svgclass=None
    )


if __name__ == "__main__":
    draw_all(HERE)
