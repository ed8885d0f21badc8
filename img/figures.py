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


def gd_trajectory(lr):
    """Give gradient descent's trajectory."""
    return trajectory(lambda params: sgd(params, lr=lr, batch_size=1))


def momentum_trajectory(lr, mom):
    """Give the trajectory with momentum."""
    vs = [nd.zeros(2)]
    return trajectory(lambda params: sgd_momentum(params, vs, lr=lr, mom=mom, batch_size=1))


def move(points, label, other=None, other_label=None):
    """Draw a trajectory over the contour lines of f: a red triangle at its start, an arrow a step.

    Parameters
    ----------
    points : numpy.ndarray, shape (n, 2)
    label : str
        What made the trajectory.
    other : numpy.ndarray, shape (n, 2), optional
        A second trajectory, drawn as a dashed line with its points.
    other_label : str, optional

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
        zorder=3,
    )
    axes.plot([], [], "-", color="tab:blue", label=label)  # a quiver has no entry in a legend
    if other is not None:
        axes.plot(*other.T, "--o", color="tab:orange", markersize=3, linewidth=1, label=other_label)
    axes.plot(*points[0], "^", color="tab:red", markersize=9, zorder=4)
    axes.set(xlabel="$x_1$", ylabel="$x_2$")
    axes.legend(loc="upper right", framealpha=1)
    return figure


def heavy_ball():
    """Draw eight updates in a bowl, side by side: gradient descent, and a ball with momentum.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, both = plt.subplots(1, 2, figsize=(7, 2.4), layout="constrained", sharey=True)
    x1 = np.linspace(-5.6, 4.6, 200)
    for axes, points, title in (
        (both[0], gd_trajectory(0.4), "gradient descent: $\\gamma = 0$"),
        (both[1], momentum_trajectory(0.4, 0.8), "heavy ball: $\\gamma = 0.8$"),
    ):
        x = points[:9, 0]
        axes.plot(x1, f(x1, 0), color="0.4")
        # The balls lie on the bowl, the arrows a little above: each is one update along x1.
        axes.scatter(x, f(x, 0) + 0.13, s=60, c=np.arange(len(x)), cmap="Blues", vmin=-3, ec="k")
        axes.quiver(
            x[:-1],
            f(x[:-1], 0) + 0.45,
            np.diff(x),
            np.zeros(len(x) - 1),
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.006,
            color="tab:red",
        )
        axes.set(title=title, xlabel="$x_1$", ylim=(-0.15, 3.6))
    both[0].set_ylabel("$f(x_1, 0)$")
    return figure


def draw_all(directory):
    """Write every figure into a directory.

    Parameters
    ----------
    directory : Path
    """
    for name, figure in (
        ("gd-move", move(gd_trajectory(0.4), "gradient descent, $\\eta = 0.4$")),
        ("heavy-ball", heavy_ball()),
        (
            "momentum-move",
            move(
                momentum_trajectory(0.6, 0.5),
                "$\\eta = 0.6$, $\\gamma = 0.5$",
                momentum_trajectory(0.4, 0.5),
                "$\\eta = 0.4$, $\\gamma = 0.5$",
            ),
        ),
    ):
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
