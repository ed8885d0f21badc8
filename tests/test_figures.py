"""The figures are what img/figures.py draws, and show what the chapter says of them."""

import importlib.util
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import resvg_py
import zxingcpp
from common import ROOT
from PIL import Image

IMG = ROOT / "img"

spec = importlib.util.spec_from_file_location("figures", IMG / "figures.py")
figures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(figures)


@pytest.fixture(scope="module")
def redrawn(tmp_path_factory):
    directory = tmp_path_factory.mktemp("img")
    figures.draw_all(directory)
    return directory


def test_every_figure_is_drawn_by_the_script(redrawn):
    drawn = {path.name for path in IMG.iterdir() if path.suffix in (".png", ".svg")}
    assert drawn == {path.name for path in redrawn.iterdir()}


@pytest.mark.parametrize("name", ["gd-move.png", "heavy-ball.png", "momentum-move.png"])
def test_the_stored_picture_is_the_redrawn_one(redrawn, name):
    pictures = []
    for directory in (IMG, redrawn):
        with Image.open(directory / name) as image:
            pictures.append(np.asarray(image.convert("RGB"), dtype=int))
    # A pixel at an edge may round otherwise where the trajectory's last digits differ.
    assert (np.abs(pictures[0] - pictures[1]).max(axis=2) > 8).mean() < 1e-4


@pytest.mark.parametrize("name", ["gd-move.png", "momentum-move.png"])
def test_the_start_is_marked_in_red(name):
    with Image.open(IMG / name) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert ((pixels == (214, 39, 40)).all(axis=1)).sum() > 50  # matplotlib's tab:red


def test_the_qr_code_is_the_redrawn_one_and_leads_to_the_topic(redrawn):
    name = "qr_momentum-scratch.svg"
    svg = (IMG / name).read_text()
    assert svg == (redrawn / name).read_text()
    ET.fromstring(svg)
    png = resvg_py.svg_to_bytes(svg_string=svg, zoom=2)
    with Image.open(io.BytesIO(bytes(png))) as image:
        (code,) = zxingcpp.read_barcodes(image.convert("L"))
    assert code.text == "https://discuss.gluon.ai/t/topic/1879"


def test_the_trajectories_are_those_of_the_formulas():
    x, v = np.array([-5.0, -2.0]), np.zeros(2)
    gd, momentum = [x], [x]
    curvature = np.array([0.2, 4])
    for _ in range(figures.UPDATES):
        gd.append(gd[-1] - 0.4 * curvature * gd[-1])
        v = 0.5 * v + 0.6 * curvature * momentum[-1]
        momentum.append(momentum[-1] - v)
    np.testing.assert_allclose(figures.gd_trajectory(0.4), gd, atol=1e-5)
    np.testing.assert_allclose(figures.momentum_trajectory(0.6, 0.5), momentum, atol=1e-5)


def test_gradient_descent_overshoots_at_every_step_and_creeps_sideways():
    x1, x2 = figures.gd_trajectory(0.4).T
    assert (x2[1:] * x2[:-1] < 0).all()
    assert (np.abs(x2[1:]) < np.abs(x2[:-1])).all()
    assert (x1 < -0.9).all()


def test_momentum_gets_to_the_minimum_in_as_many_updates():
    x1, x2 = figures.momentum_trajectory(0.6, 0.5).T
    assert np.hypot(x1[-1], x2[-1]) < 0.05
    rightward = np.diff(x1)[:3]
    assert (np.diff(rightward) > 0).all()  # the steps to the right build up


def test_gradient_descent_would_diverge_at_the_learning_rate_of_momentum():
    _, x2 = figures.gd_trajectory(0.6).T
    assert (np.diff(np.abs(x2)) > 0).all()


def test_what_the_chapter_says_of_f_after_20_updates():
    """At the same learning rate momentum is far ahead, and of gradient descent at its best, too."""

    def last(points):
        return figures.f(*points[-1])

    assert f"{last(figures.gd_trajectory(0.4)):.3f}" == "0.089"
    assert f"{last(figures.momentum_trajectory(0.4, 0.5)):.0e}" == "4e-04"
    assert f"{last(figures.momentum_trajectory(0.6, 0.5)):.0e}" == "2e-05"
    rates = np.arange(0.3, 0.5, 0.005)
    reached = [last(figures.gd_trajectory(lr)) for lr in rates]
    assert 0 < np.argmin(reached) < len(rates) - 1
    assert f"{min(reached):.3f}" == "0.058"
    # At the same learning rate the vertical swings last longer with momentum.
    vertical = [
        abs(points[-1, 1])
        for points in (figures.gd_trajectory(0.4), figures.momentum_trajectory(0.4, 0.5))
    ]
    assert vertical[0] < vertical[1] < 0.01


def test_the_heavy_ball_picks_up_speed_and_passes_the_bottom():
    """As its alternative text says; gradient descent's steps shrink."""
    walk, ball = (
        points[:9, 0]
        for points in (figures.gd_trajectory(0.4), figures.momentum_trajectory(0.4, 0.8))
    )
    assert (np.diff(np.diff(walk)) < 0).all()
    assert (np.diff(np.diff(ball)[:4]) > 0).all()
    assert walk[-1] < -2
    assert ball[-1] > 0
