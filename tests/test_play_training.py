"""Training with sliders: what Python computes, and its page in a real Chromium."""

import base64
import io
import json
import re

import mxnet as mx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import SCREENSHOTS
from mxnet import nd
from PIL import Image

from course import play
from course.play.widget import module

MODULE = module("training")
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Training</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<main><h1>Training</h1><div id="here"></div></main></html>"""
# A model as ipywidgets gives it; what it saves goes to Python's widget.
MODEL = """async ({lang, experiment, state}) => {
    const {default: widget} = await import("./training.js");
    for (const [name, value] of Object.entries(experiment)) {
        if (typeof value !== "string") continue;
        const bytes = Uint8Array.from(`12345${atob(value)}`, c => c.charCodeAt(0));
        experiment[name] = new DataView(bytes.buffer, 5); // a part of a message's buffer
    }
    const data = {lang, experiment, state}, listeners = {};
    const model = {
        listeners, get: name => data[name], save_changes: () => window.save(data.state),
        set(name, value) { data[name] = value; listeners[name]?.(); },
        on(name, one) { listeners[name.slice(7)] = one; },
        off(name, one) { if (listeners[name.slice(7)] === one) delete listeners[name.slice(7)]; },
    };
    const leave = widget.render({model, el: document.getElementById("here")});
    Object.assign(window, {model, leave});
}"""
# What JavaScript makes of states: losses and weights of each
TRAININGS = """async ([source, experiment, states]) => {
    const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
    const {train, unpacked} = await import(url), arrays = unpacked(experiment);
    const list = floats => [...floats].map(value => Number.isFinite(value) ? value : String(value));
    return states.map(state => {
        const {losses, weights} = train(arrays, state);
        return [list(losses), list(weights)];
    });
}"""


def data(examples=1000, features=2):
    mx.random.seed(7)
    X = nd.random.normal(shape=(examples, features))
    y = nd.dot(X, nd.array([2, -3.4, *[1] * features][:features])) + 4.2
    return X, y + nd.random.normal(scale=0.01, shape=y.shape)


def init_params(features=2):
    mx.random.seed(8)
    params = [nd.random.normal(shape=(features, 1)), nd.zeros((1,))]
    return params, [nd.zeros_like(param) for param in params]


def training(**settings):
    return play.training(*data(), init_params, **settings)


def losses_of(widget):
    return widget.trained()[0]


def in_base64(experiment):
    """Give an experiment as a web page gets it."""
    return {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in experiment.items()
    }


def assert_near(found, expected):
    """Compare what JavaScript gives with what MXNet gives, where that is finite."""
    expected = np.array(expected)
    finite = abs(expected) < 1e300
    assert len(found) == len(expected)
    assert finite[0]
    found = np.array(found, dtype="float64")
    np.testing.assert_allclose(found[finite], expected[finite], rtol=1e-9, atol=0)
    assert not (abs(found[~finite]) < 1e299).any()


# In Python; that the losses are those of the chapter's own loop, test_momentum_scratch.py tests.


@pytest.mark.parametrize(
    "batch_size",
    [7, 300, 1000, *(pytest.param(one, marks=pytest.mark.deep) for one in (1, 10, 64, 999))],
)
def test_the_losses_are_those_of_mxnet_in_float64(serve, batch_size):
    """Short last minibatches, up to the fifth epoch, γ from 0 to near 1; some diverge."""
    widget = training(num_epochs=5)
    settings = [(0.2, 0.9), (0.05, 0), (0.001, 0.999), (1.5, 0.3), (5, 0.9)]
    states = [{"lr": lr, "mom": mom, "batch_size": batch_size} for lr, mom in settings]
    page = serve({"": PAGE})
    found = page.evaluate(TRAININGS, [MODULE, in_base64(widget.experiment), states])
    for state, (losses, weights) in zip(states, found):
        widget.state = state
        expected, best = widget.trained()
        assert_near(losses, expected)
        if expected[-1] < expected[0]:
            assert_near(weights, best)
    assert not expected[-1] < expected[0]  # the last one diverges


def test_the_start_and_the_order_are_those_of_one_call(serve):
    """So that a training is that of the chapter even where `init_params` does not seed."""
    calls = []

    def unseeded():
        calls.append(None)
        return [nd.random.normal(shape=(2, 1)), nd.zeros((1,))], []

    mx.random.seed(11)
    widget = play.training(*data(), unseeded)
    assert len(calls) == 1
    page = serve({"": PAGE})
    ((losses, _),) = page.evaluate(
        TRAININGS, [MODULE, in_base64(widget.experiment), [widget.state]]
    )
    mx.random.seed(11)
    data()  # draws as above
    expected, _ = widget.trained()
    assert len(calls) == 2
    assert_near(losses, expected)


@pytest.mark.parametrize("features", [1, 7])
def test_any_number_of_features(serve, features):
    widget = play.training(*data(300, features), lambda: init_params(features), mom=0.5)
    page = serve({"": PAGE})
    ((losses, weights),) = page.evaluate(
        TRAININGS, [MODULE, in_base64(widget.experiment), [widget.state]]
    )
    for found, expected in zip((losses, weights), widget.trained()):
        assert_near(found, expected)
    np.testing.assert_allclose(weights, [*[2, -3.4, *[1] * features][:features], 4.2], atol=0.01)
    assert losses[-1] == pytest.approx(widget.experiment["smallest"], rel=0.2)


def test_labels_in_a_column_are_the_same_labels():
    X, y = data()
    column = play.training(X, y.reshape((-1, 1)), init_params)
    assert column.experiment == training().experiment
    np.testing.assert_array_equal(losses_of(column), losses_of(training()))


def test_no_training_ends_below_the_smallest_possible_loss():
    widget = training()
    smallest = widget.experiment["smallest"]
    assert smallest == pytest.approx(0.01**2 / 2, rel=0.1)
    for batch_size in (10, 100):
        widget.state = {"lr": 0.2, "mom": 0.5, "batch_size": batch_size}
        last = losses_of(widget)[-1]
        assert smallest * (1 - 1e-6) < last < 1.3 * smallest
    low, high = widget.experiment["decades"]
    assert 10**low < smallest < losses_of(widget)[0] < 10**high


def test_a_training_far_beyond_the_edge_overflows_quietly():
    widget = training(lr=5, mom=0.999, batch_size=1)
    losses = losses_of(widget)
    assert len(losses) == 3001
    assert np.isfinite(losses[:5]).all()
    assert not np.isfinite(losses[-1])
    assert widget.picture()


def test_data_without_noise_have_a_plot_too():
    X, _ = data()
    y = nd.dot(X, nd.array([2, -3.4])) + 4.2
    low, high = play.training(X, y, init_params).experiment["decades"]
    assert high - low <= 8
    nothing = play.training(X, nd.zeros(1000), lambda: ([nd.zeros((2, 1)), nd.zeros((1,))], []))
    assert nothing.experiment["decades"][0] < nothing.experiment["decades"][1]


def test_a_state_set_later_is_checked():
    widget = training()
    before = widget.state
    with pytest.raises(ValueError, match=r"lr must be from 0\.001 to 5, got 50"):
        widget.state = {**widget.state, "lr": 50}
    with pytest.raises(ValueError, match="state must have the keys lr, mom, batch_size; got lr"):
        widget.state = {"lr": 0.1}
    assert widget.state == before
    widget.state = {"lr": 0.1, "mom": 0.5, "batch_size": 20.0}  # as JSON may bring it
    assert len(losses_of(widget)) == 151
    assert repr(widget) == (
        "training(X, y, init_params, lr=0.1, mom=0.5, batch_size=20, num_epochs=3)"
    )


def test_an_init_params_that_fails_is_the_cells_own_error():
    def init_params():
        raise KeyError("w")

    with pytest.raises(KeyError, match="w"):
        play.training(*data(), init_params)


X, Y = data()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X": [[1, 2]]}, TypeError, "X must be an NDArray, got list: [[1, 2]]"),
        ({"y": None}, TypeError, "y must be an NDArray, got NoneType: None"),
        ({"y": Y[:999]}, ValueError, "X and y must have the same length, got 1000 and 999"),
        ({"X": Y}, ValueError, "X must have a row for each example, got shape (1000,)"),
        ({"y": X}, ValueError, "y must hold one label for each example, got shape (1000, 2)"),
        ({"y": Y * np.nan}, ValueError, "X, y and init_params must give a finite loss, got nan"),
        ({"init_params": 3}, TypeError, "init_params must be a function, got 3"),
        (
            {"init_params": lambda: 3},
            ValueError,
            "init_params must give [w, b], vs with w and b of shapes ((2, 1), (1,)), got 3",
        ),
        ({"lr": "fast"}, TypeError, "lr must be a number, got 'fast'"),
        ({"lr": 0}, ValueError, "lr must be from 0.001 to 5, got 0"),
        ({"mom": 1}, ValueError, "mom must be from 0 to 0.999, got 1"),
        ({"mom": float("nan")}, ValueError, "mom must be from 0 to 0.999, got nan"),
        ({"batch_size": 1001}, ValueError, "batch_size must be from 1 to 1000, got 1001"),
        ({"batch_size": 2.5}, TypeError, "batch_size must be a whole number, got 2.5"),
        ({"num_epochs": 0}, ValueError, "num_epochs must be from 1 to 10, got 0"),
        ({"num_epochs": 1.5}, TypeError, "num_epochs must be a whole number, got 1.5"),
    ],
)
def test_a_wrong_argument_is_named(arguments, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        play.training(**{"X": X, "y": Y, "init_params": init_params, **arguments})


def test_the_widget_has_a_picture_and_a_text_for_where_no_kernel_runs():
    names = {"X": X, "y": Y, "init_params": init_params, "training": play.training}
    widget = training(lr=np.float32(0.5), mom=np.float64(0.25), batch_size=np.int64(7))
    bundle, _ = widget._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}
    json.dumps([bundle, widget.state, in_base64(widget.experiment)])
    again = eval(bundle["text/plain"], names)
    assert (again.state, again.experiment) == (widget.state, widget.experiment)
    png = base64.b64decode(bundle["image/png"])
    assert png == again.picture()
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert min(image.size) > 200
        assert len(image.getcolors(2**20)) > 50


def test_the_widget_is_in_the_notebooks_language(monkeypatch, tmp_path):
    for folder, language in (("zh-solutions", "zh"), ("en", "en")):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        assert training().lang == language


# The page


@pytest.fixture
def open_page(serve):
    """Give a function that opens a page with a widget, as `page.widget`."""

    def open_page(lang="en", widget=None, **settings):
        page = serve({"": PAGE, "training.js": MODULE}, **settings)
        page.widget = widget = widget or training()

        page.expose_function("save", lambda state: setattr(widget, "state", state))
        first = {"experiment": in_base64(widget.experiment), "state": widget.state}
        page.evaluate(MODEL, {"lang": lang, **first})
        return page

    return open_page


def curve(page):
    return page.locator("#current").get_attribute("d")


def wait_for_row(page, settings, row=1):
    """Wait until the row of the table is that of these settings; give its other cells."""
    found = page.get_by_role("row").nth(row)
    found.filter(has_text=settings).wait_for()
    return found.get_by_role("cell").all_inner_texts()


def updates_needed(losses):
    above = np.flatnonzero(~(losses < 1e-4))
    return str(above[-1] + 1)


def test_every_control_trains_anew_with_what_it_says(open_page):
    page = open_page()
    before = curve(page)
    assert wait_for_row(page, "η = 0.2, γ = 0.9, batch size 10")[1] == updates_needed(
        losses_of(page.widget)
    )
    names = ("learning rate η", "momentum parameter γ", "batch size")
    page.get_by_role("slider", name=names[1]).fill("500")
    page.get_by_role("spinbutton", name=names[0]).fill("0,1")
    page.get_by_role("slider", name=names[2]).press("ArrowRight")
    shown = wait_for_row(page, "η = 0.1, γ = 0.5, batch size 11")
    assert page.widget.state == {"lr": 0.1, "mom": 0.5, "batch_size": 11}
    losses = losses_of(page.widget)
    assert shown == [f"{losses[-1]:.2e}".replace("e-0", "e−"), updates_needed(losses)]
    assert curve(page) != before
    assert curve(page).count("L") == len(losses) - 1 == 273
    _, weights = page.widget.trained()
    w1, w2, b = (f"{weight:.3f}".replace("-", "−") for weight in weights)
    page.get_by_text(f"Learned: w = ({w1}, {w2}), b = {b}").wait_for()

    page.get_by_role("spinbutton", name=names[2]).fill("5000")
    page.get_by_role("spinbutton", name=names[1]).fill("-1")
    page.keyboard.press("Tab")
    wait_for_row(page, "η = 0.1, γ = 0, batch size 1000")
    for name, value in zip(names, ("0.1", "0", "1000")):
        assert page.get_by_role("spinbutton", name=name).input_value() == value
        slider = page.get_by_role("slider", name=name)
        assert slider.get_attribute("aria-valuetext") == value


def test_the_keyboard_reaches_everything_and_arrow_keys_always_move(open_page):
    page = open_page(widget=training(batch_size=1, lr=0.001))
    seen = []
    for _ in range(8):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.shadowRoot?.activeElement?.id"))
        if seen[-1] in ("lr", "mom", "batch_size"):
            key = "ArrowLeft" if seen[-1] == "mom" else "ArrowRight"
            before = page.evaluate("key => model.get('state')[key]", seen[-1])
            for _ in range(3):
                page.keyboard.press(key)
            after = page.evaluate("key => model.get('state')[key]", seen[-1])
            assert (after < before) if seen[-1] == "mom" else (after > before), seen
    assert [name for name in seen if name] == ["lr", "mom", "batch_size", "keep", "clear"]
    assert page.evaluate("model.get('state')") == {"lr": 0.00107, "mom": 0.897, "batch_size": 4}


def test_curves_are_kept_to_compare_with(open_page):
    page = open_page()
    keep, clear = (page.get_by_role("button", name=name) for name in ("Keep", "Clear"))
    gamma = page.get_by_role("slider", name="momentum parameter γ")
    rows = page.get_by_role("row")
    first = curve(page)
    keep.click()
    keep.click()  # is there already
    assert rows.count() == 3
    gamma.fill("500")
    wait_for_row(page, "γ = 0.5")
    kept = page.locator("#curves path:not(#current)")
    assert kept.get_attribute("d") == first != curve(page)
    assert kept.get_attribute("stroke-dasharray")
    assert "γ = 0.9" in rows.nth(2).inner_text()
    for value in ("0.1", "0.2", "0.3"):
        gamma.fill(str(round(1000 * float(value))))
        wait_for_row(page, f"γ = {value}")
        keep.click()
    assert ["γ = 0.9" in row for row in rows.all_inner_texts()] == [False] * 5  # the oldest went
    looks = kept.evaluate_all("all => all.map(one => one.getAttribute('stroke-dasharray'))")
    assert len(set(looks)) == 3
    clear.click()
    assert (rows.count(), kept.count()) == (2, 0)
    assert curve(page)


def test_what_diverges_is_said_to(open_page):
    page = open_page()
    status = page.get_by_role("status")
    assert status.inner_text() == ""
    page.get_by_role("spinbutton", name="learning rate η").fill("5")
    assert wait_for_row(page, "η = 5") == ["∞", "diverges"]
    status.filter(has_text="Diverges: the final loss is not below the first one.").wait_for()
    assert "NaN" not in curve(page)
    page.get_by_role("spinbutton", name="learning rate η").fill("0.001")
    assert wait_for_row(page, "η = 0.001")[1] == "more than 300"
    assert status.inner_text() == ""


def test_a_curve_is_kept_as_the_sliders_say_even_before_the_next_frame(open_page):
    page = open_page()
    page.evaluate(
        """() => { const root = document.querySelector("#here > div").shadowRoot;
            const gamma = root.querySelector("#mom");
            gamma.value = 500; gamma.dispatchEvent(new Event("input"));
            root.querySelector("#keep").click(); }"""
    )
    assert wait_for_row(page, "γ = 0.5", row=1) == wait_for_row(page, "γ = 0.5", row=2)


def test_a_state_set_in_python_moves_the_controls_until_the_widget_goes(open_page):
    page = open_page("zh")
    page.evaluate("model.set('state', {lr: 0.3, mom: 0.25, batch_size: 100})")
    wait_for_row(page, "η = 0.3， γ = 0.25， 批量大小 100")
    for name, value in (("学习率 η", "0.3"), ("动量参数 γ", "0.25"), ("批量大小", "100")):
        assert page.get_by_role("spinbutton", name=name).input_value() == value
    assert page.evaluate(
        """() => { leave();
            return [Object.keys(model.listeners).length, document.querySelectorAll("#here *").length]; }"""
    ) == [0, 0]


def test_touch_moves_a_slider(open_page):
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    slider = page.get_by_role("slider", name="momentum parameter γ")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function("Math.abs(model.get('state').mom - 0.5) < 0.02")


@pytest.mark.parametrize(
    ("lang", "scheme", "width"),
    [
        ("en", "light", 1000),
        ("zh", "dark", 360),
        pytest.param("en", "dark", 360, marks=pytest.mark.deep),
        pytest.param("zh", "light", 1000, marks=pytest.mark.deep),
    ],
)
def test_axe_finds_no_barrier_and_nothing_scrolls_sideways(open_page, lang, scheme, width):
    page = open_page(lang, color_scheme=scheme, viewport={"width": width, "height": 900})
    gamma = page.locator("#mom")
    for value in ("0", "0.97", "0.5"):
        page.locator("#keep").click()
        gamma.fill(str(round(1000 * float(value))))
        wait_for_row(page, f"γ = {value}")
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"training-{lang}-{scheme}-{width}.png", full_page=True)
    found = Axe().run(page, context="#here").response
    assert found["passes"]
    assert [
        (fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found["violations"]
    ] == []
    page.wait_for_function(f"document.documentElement.scrollWidth === {width}")
    assert page.locator(".training").get_attribute("data-theme") == scheme
    text = page.evaluate("document.querySelector('#here > div').shadowRoot.textContent")
    assert not re.search("undefined|NaN", text)
