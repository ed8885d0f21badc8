"""The playground: its numbers against MXNet and NumPy, its page in a real Chromium, its picture."""

import base64
import inspect
import io
import itertools
import json
import random
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import SCREENSHOTS
from common import ROOT, numbers, outputs
from mxnet import autograd, nd
from PIL import Image

from course import play
from course.chapters import sgd_momentum
from course.play.playground import DEFAULTS, LIMITS, follow, follow_adam, picture
from course.play.widget import module as module_of

MODULE = module_of("playground")
MORE = {"en": re.compile("^More"), "zh": re.compile("^更多")}
WIDE, PHONE = {"width": 1200, "height": 1000}, {"width": 360, "height": 740}
PAGE = """<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>Playground</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<main><h1>Playground</h1><div id="here"></div></main>
<script type="module">
import * as P from "./playground.js";
window.P = P;
window.view = P.mount(document.getElementById("here"), {{lang: "{lang}", address: true}});
</script></html>"""


@pytest.fixture
def open_page(serve):
    """Give a function that opens a page with a playground, unfolded unless said."""
    site = {"playground.js": MODULE, **{lang: PAGE.format(lang=lang) for lang in ("en", "zh")}}

    def open_page(lang="en", state="", more=True, **settings):
        page = serve(site, f"{lang}#{state}", **{"viewport": WIDE, **settings})
        page.wait_for_function("window.view")
        if more and page.get_by_role("button", name=MORE[lang]).count():
            page.get_by_role("button", name=MORE[lang]).click()
        return page

    return open_page


@pytest.fixture(scope="module")
def module(browser):
    """Give a function that calls one of the module's on JSON arguments; `each` does so many times."""
    page = browser.new_page()
    source = json.dumps(MODULE)
    page.evaluate(
        "async source => { window.P = await import(URL.createObjectURL("
        f"new Blob([{source}], {{type: 'text/javascript'}}))) }}"
    )

    def call(name, *arguments):
        return page.evaluate("([name, ...rest]) => P[name](...rest)", [name, *arguments])

    def each(name, calls):
        return page.evaluate(
            "([name, calls]) => calls.map(rest => P[name](...rest))", [name, calls]
        )

    call.evaluate, call.each = page.evaluate, each
    yield call
    page.close()


def state(**settings):
    return {**DEFAULTS, **settings}


# Mathematics

BEST = {  # Polyak's pair for the eigenvalues 1/κ and 1
    kappa: {
        "kappa": kappa,
        "eta": (2 / (1 / kappa**0.5 + 1)) ** 2,
        "gamma": ((kappa**0.5 - 1) / (kappa**0.5 + 1)) ** 2,
    }
    for kappa in (10, 100, 1000, 10000)
}
CASES = [
    state(),
    state(eta=0.1, gamma=0.9, kappa=100, x1=-1.3, x2=0.4, updates=120),
    state(eta=3.7, gamma=0.9, kappa=7, x1=0.3, x2=-1.1),
    state(eta=4.1, gamma=0.5, kappa=50, updates=100),  # diverges
    state(**BEST[1000], updates=100),
    *(
        state(eta=0.8, gamma=gamma, kappa=30, convention=convention, nesterov=nesterov, **more)
        for convention in ("inside", "outside")
        for nesterov in (False, True)
        for gamma, more in ((0.9, {"decay": 13, "updates": 40}), (0.6, {"x1": -0.7, "updates": 20}))
    ),
]


def mxnet_path(setting, *, gamma, nesterov, convention):
    """Follow a method with MXNet's autograd in float64."""
    curvatures = nd.array([1 / setting["kappa"], 1], dtype="float64")
    x = nd.array([setting["x1"], setting["x2"]], dtype="float64")
    v = nd.zeros(2, dtype="float64")
    points = [x.asnumpy()]
    for t in range(1, setting["updates"] + 1):
        eta = setting["eta"] * (0.1 if 0 < setting["decay"] < t else 1)
        ahead = x.copy()
        if nesterov:
            ahead -= gamma * v * (1 if convention == "inside" else eta)
        ahead.attach_grad()
        with autograd.record():
            f = (curvatures * ahead**2).sum() / 2
        f.backward()
        if convention == "inside" and not nesterov:
            x.attach_grad()
            x.grad[:] = ahead.grad
            sgd_momentum([x], [v], eta, gamma, batch_size=1)
        elif convention == "inside":
            v = gamma * v + eta * ahead.grad
            x = x - v
        else:
            v = gamma * v + ahead.grad
            x = x - eta * v
        points.append(x.asnumpy())
    return np.array(points)


def assert_same_path(points, expected):
    """Compare update by update, relative to how far from the minimum the path then is."""
    error = np.linalg.norm(np.reshape(points, (-1, 2)).astype(float) - expected, axis=1)
    assert (error <= 1e-9 * np.linalg.norm(expected, axis=1)).all()


@pytest.mark.parametrize("setting", CASES)
def test_the_trajectories_are_those_of_mxnet_in_float64(module, setting):
    paths = module.evaluate(
        """setting => Object.fromEntries(Object.entries(P.simulate(setting)).map(
            ([name, path]) => [name, path && [...path.points]]))""",
        setting,
    )
    method = {key: setting[key] for key in ("gamma", "nesterov", "convention")}
    momentum = mxnet_path(setting, **method)
    descent = mxnet_path(setting, gamma=0, nesterov=False, convention="inside")
    assert_same_path(paths["momentum"], momentum)
    assert_same_path(paths["descent"], descent)
    if setting["decay"]:
        other = {"inside": "outside", "outside": "inside"}[setting["convention"]]
        expected = mxnet_path(setting, **{**method, "convention": other})
        assert_same_path(paths["other"], expected)
        assert_same_path(momentum[: setting["decay"] + 1], expected[: setting["decay"] + 1])
        assert np.linalg.norm(momentum - expected, axis=1).max() > 0.1
    else:
        assert paths["other"] is None
    assert_same_path(follow(setting), momentum)  # what the static picture shows
    assert_same_path(follow(setting, descent=True), descent)


ADAM_CASES = [
    state(eta=1, gamma=gamma, kappa=kappa, rotated=rotated, **more)
    for gamma, kappa, more in (
        (0, 20, {"decay": 13}),
        (0.67, 100, {"updates": 200, "nesterov": True}),
        (0.9, 7, {"adam": 1.5, "x2": 0.4, "updates": 120, "convention": "outside"}),
        (0.999, 10000, {"adam": 0.01, "x2": 0}),
    )
    for more in [{"adam": 0.1, **more, "x1": -1.3}]
    for rotated in (False, True)
]


def mxnet_adam(setting):
    """Follow the published Adam with MXNet's autograd in float64, on the function as it is drawn."""
    turned = np.array([[1, 1], [-1, 1]]) / 2**0.5 if setting["rotated"] else np.eye(2)
    hessian = nd.array(turned @ np.diag([1 / setting["kappa"], 1]) @ turned.T, dtype="float64")
    y = nd.array(turned @ [setting["x1"], setting["x2"]], dtype="float64")
    y.attach_grad()
    m, s, points = nd.zeros_like(y), nd.zeros_like(y), [y.asnumpy()]
    for t in range(1, setting["updates"] + 1):
        eta = setting["adam"] * (0.1 if 0 < setting["decay"] < t else 1)
        with autograd.record():
            f = nd.dot(y, nd.dot(hessian, y)) / 2
        f.backward()
        m = setting["gamma"] * m + (1 - setting["gamma"]) * y.grad
        s = 0.999 * s + (1 - 0.999) * y.grad**2
        m_hat, s_hat = m / (1 - setting["gamma"] ** t), s / (1 - 0.999**t)
        y[:] = y - eta * m_hat / (s_hat.sqrt() + 1e-8)
        points.append(y.asnumpy())
    return np.array(points) @ turned  # back from y to x


@pytest.mark.parametrize("setting", ADAM_CASES)
def test_adams_trajectories_are_those_of_mxnet_in_float64(module, setting):
    found = module.evaluate("one => [...P.simulate(one).adam.points]", setting)
    expected = mxnet_adam(setting)
    assert_same_path(found, expected)
    assert_same_path(follow_adam(setting), expected)


def test_only_adam_feels_that_the_function_is_rotated(module):
    """What momentum-adam's playground shows: how many updates until f stays at 1e-4 of its start."""
    text = (ROOT / "notebooks/src/momentum-adam.md").read_text()
    zh, en = re.findall(r"`play\.(trajectory\(.*?\))`", text)
    assert zh == en
    setting = eval(en, {"trajectory": play.trajectory}).state
    counts = """setting => Object.values(P.simulate(setting)).filter(Boolean)
        .map(({points}) => P.stays(setting, points))"""
    momentum, descent, rotated = module.evaluate(counts, setting)
    *others, along = module.evaluate(counts, {**setting, "rotated": False})
    assert others == [momentum, descent]
    assert (momentum, descent, along, rotated) == (43, 229, 39, 253)


def update_matrix(h, gamma, nesterov):
    """Give the matrix of one update of (v, x) for ηλ = h, found by updating unit vectors."""
    columns = []
    for v, x in ((1, 0), (0, 1)):
        v = gamma * v + h * (x - gamma * v if nesterov else x)
        columns.append((v, x - v))
    return np.array(columns).T


def test_the_rate_is_the_spectral_radius(module):
    draw = random.Random(5)
    cases = [
        (10 ** draw.uniform(-2, 0.7), draw.uniform(0, 0.999), 10 ** draw.uniform(-3, 0), nesterov)
        for nesterov in 200 * [False, True]
    ]
    for case, found in zip(cases, module.each("rate", cases)):
        eta, gamma, curvature, nesterov = case
        inside = update_matrix(eta * curvature, gamma, nesterov)
        # Outside, v is 1/η times as large; the same matrix in other units has the same roots.
        outside = np.diag([1 / eta, 1]) @ inside @ np.diag([eta, 1])
        for matrix in (inside, outside):
            radius = abs(np.linalg.eigvals(matrix)).max()
            assert found == pytest.approx(radius, rel=1e-6), case


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("gamma", [0, 0.3, 0.9, 0.999])
def test_the_edge_is_where_convergence_ends(module, nesterov, gamma):
    edge = module("edge", gamma, nesterov)
    assert edge == pytest.approx(2 * (1 + gamma) / (1 + 2 * gamma * nesterov))
    radius = [
        abs(np.linalg.eigvals(update_matrix(h * edge, gamma, nesterov))).max()
        for h in (1 - 1e-6, 1, 1 + 1e-6)
    ]
    assert radius[0] < 1 < radius[2]
    assert radius[1] == pytest.approx(1, abs=1e-9)
    assert module("rate", edge, gamma, 1, nesterov) == pytest.approx(1, abs=1e-9)


def test_the_updates_needed_are_those_of_the_notebook(module):
    printed = outputs("momentum-when")["kappa"]
    kappas = numbers(r"kappa = +(\d+)", printed)
    plain, tuned = numbers(r"(\d+) without", printed), numbers(r"(\d+) with\n", printed)
    assert kappas == list(BEST)
    for kappa, without, with_momentum in zip(kappas, plain, tuned):
        best = state(**BEST[kappa])
        descent = state(kappa=kappa, eta=2 / (1 / kappa + 1))
        assert module("simulate", best)["momentum"]["needed"] == with_momentum
        assert module("simulate", descent)["descent"]["needed"] == without


def test_the_rate_measured_is_about_the_rate_predicted(module):
    cases = [*itertools.product((0.1, 0.5, 2.5, 4.5), (0, 0.5, 0.97), (1, 10, 200), (False, True))]
    names = ("eta", "gamma", "kappa", "nesterov")
    measured = module.evaluate(
        "cases => cases.map(one => P.simulate(one).momentum.measured)",
        [state(**dict(zip(names, case))) for case in cases],
    )
    # Near equal roots the error is like tρᵗ, which looks a little slower.
    assert measured == pytest.approx(module.each("worstRate", cases), rel=0.03)


# The state


def test_python_and_the_module_agree_on_what_a_state_is(module):
    assert module.evaluate("P.DEFAULTS") == DEFAULTS
    assert {k: tuple(v) for k, v in module.evaluate("P.LIMITS").items()} == LIMITS
    signature = inspect.signature(play.trajectory)
    assert {*signature.parameters} == {*DEFAULTS, "start"} - {"x1", "x2"}


def test_the_address_reproduces_a_state(module):
    draw, settings = random.Random(3), []
    for _ in range(100):
        setting = {key: draw.uniform(*limits) for key, limits in LIMITS.items()}
        setting["updates"] = draw.randint(10, 1000)
        setting["decay"] = draw.randint(0, setting["updates"])
        setting["convention"] = draw.choice(["inside", "outside"])
        setting["nesterov"], setting["rotated"] = draw.choices([True, False], k=2)
        settings.append(setting)
    addresses = module.each("format", [[setting] for setting in settings])
    assert module.each("parse", [[address] for address in addresses]) == settings


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("eta=NaN&gamma=&kappa=ten&x1=null&x2=[]&updates=1e&decay=--1", {}),
        ("eta=1e999&gamma=-Infinity&kappa=0", {"eta": 5, "gamma": 0, "kappa": 1}),
        (
            "x1=-99&x2=99&updates=20.4&decay=999",
            {"x1": -1.5, "x2": 1.1, "updates": 20, "decay": 20},
        ),
        ("convention=sideways&nesterov=maybe&__proto__=1&eta=2&eta=3", {"eta": 3}),
        ("%E0%A4%A&eta=%00&=&&&==", {}),
        ("convention=outside&nesterov=1", {"convention": "outside", "nesterov": True}),
    ],
)
def test_a_bad_address_gives_a_valid_state(module, address, expected):
    assert module("parse", address) == state(**expected)


@pytest.mark.parametrize("address", ["", "#", "#some-section", "#main-content", "#a=1&b=2", "%"])
def test_an_address_that_is_of_something_else_gives_no_state(module, address):
    assert module("parse", address) is None


def test_a_fragment_that_is_of_something_else_changes_nothing(open_page):
    page = open_page(state="title", more=False)
    assert page.evaluate("view.state") == DEFAULTS
    page.evaluate("location.hash = 'eta=0.5&kappa=300'")
    page.wait_for_function("view.state.kappa === 300")
    page.evaluate(
        """async () => { for (const one of ["main-content", "playground", ""]) {
            const done = new Promise(done => addEventListener("hashchange", done, {once: true}));
            location.hash = one;
            await done;
        } }"""
    )
    assert page.evaluate("view.state") == state(eta=0.5, kappa=300)


def test_a_page_with_a_bad_address_opens(open_page):
    page = open_page(state="eta=NaN&gamma=-7&kappa=ten&x1=%E0%A4%A&decay=1e999&&nesterov")
    assert page.evaluate("view.state") == state(gamma=0, decay=60)


# The goals

FROM = {"x1": 1, "x2": 1}
SOLUTIONS = [
    {"kappa": 1, "eta": 1, "gamma": 0},
    {"kappa": 10, "eta": 2.5, "gamma": 0.4},
    {"kappa": 100, "eta": 3.2, "gamma": 0.68},
    {"kappa": 100, "eta": 3.2, "gamma": 0.68},
    {"kappa": 20, "eta": 1, "gamma": 0.9, "decay": 10},
]
REACHED = "([i, setting]) => P.GOALS[i].reached(P.valid(setting), P.simulate(setting))"


@pytest.mark.parametrize("goal", range(len(SOLUTIONS)))
def test_a_goal_can_be_reached_and_is_not_reached_from_the_outset(module, goal):
    assert module.evaluate("P.GOALS.length") == len(SOLUTIONS)
    setup = module.evaluate(f"P.GOALS[{goal}].setup")
    assert module.evaluate(REACHED, [goal, state(**FROM, **SOLUTIONS[goal])])
    assert not module.evaluate(REACHED, [goal, state(**setup)])
    elsewhere = state(**{**FROM, "x1": 0.5}, **SOLUTIONS[goal])
    assert not module.evaluate(REACHED, [goal, elsewhere])


def test_gradient_descent_reaches_no_goal_that_asks_for_momentum(module):
    reached = module.evaluate(
        """settings => P.GOALS.map((goal, i) => settings.some(one => {
            const state = P.valid({...one, ...goal.setup});
            return i && i < 4 && goal.reached(state, P.simulate(state));
        }))""",
        [state(eta=eta, gamma=0) for eta in np.linspace(0.5, 5, 60)],
    )
    assert not any(reached)


def test_a_reached_goal_gets_its_mark(open_page):
    page = open_page()
    page.get_by_role("button", name="Set up: 4").click()
    goal = page.get_by_role("listitem").filter(has_text="95 updates")
    goal.get_by_role("img", name="not yet reached").wait_for()
    page.get_by_role("spinbutton", name="learning rate η").fill("3.2")
    page.get_by_role("spinbutton", name="momentum parameter γ").fill("0.68")
    goal.get_by_role("img", name="reached", exact=True).wait_for()
    page.get_by_role("button", name="Reset").click()
    goal.get_by_role("img", name="reached", exact=True).wait_for()  # and keeps it


# The page

PICTURES = "() => ['paths', 'losses', 'map'].map(id => \
    document.querySelector('#here > div').shadowRoot.getElementById(id).toDataURL())"


def drawn(page):
    """Give the three pictures after the next frame."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate(PICTURES)


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_mouse_drags_the_start_and_chooses_on_the_map(open_page):
    page = open_page()
    start = page.get_by_role("slider", name="Start of the paths")
    before = drawn(page)
    x, y = middle(start)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 80, y + 90, steps=4)
    page.mouse.up()
    after = drawn(page)
    setting = page.evaluate("view.state")
    assert (0.4 < setting["x1"] < 0.6, 0.3 < setting["x2"] < 0.5) == (True, True)
    assert (
        start.get_attribute("aria-valuetext")
        == f"x₁ = {setting['x1']:.2f}, x₂ = {setting['x2']:.2f}"
    )
    assert middle(start) == pytest.approx((x - 80, y + 90), abs=1.5)
    assert [old == new for old, new in zip(before, after)] == [False, False, True]
    page.mouse.move(x, y)  # the button is up
    assert page.evaluate("view.state") == setting

    plot = page.get_by_role("img", name=re.compile("Here the rate is"))
    plot.scroll_into_view_if_needed()
    plot = plot.bounding_box()
    page.mouse.click(
        plot["x"] + 42 + (plot["width"] - 50) / 2, plot["y"] + 8 + 0.25 * (plot["height"] - 44)
    )
    setting = page.evaluate("view.state")
    assert setting["eta"] == pytest.approx((0.01 * 5) ** 0.5, rel=0.02)  # half-way on a log scale
    assert setting["gamma"] == pytest.approx(0.75, abs=0.01)
    assert [old == new for old, new in zip(after, drawn(page))] == [False, False, True]
    eta = page.get_by_role("spinbutton", name="learning rate η")
    assert eta.input_value() == str(setting["eta"])


def test_the_keyboard_reaches_and_moves_everything(open_page):
    page = open_page()
    page.get_by_role("heading").click()  # from where the Tab key sets out
    seen = []
    for _ in range(50):
        page.keyboard.press("Tab")
        role, name = page.evaluate(
            """() => { const one = document.activeElement.shadowRoot?.activeElement;
                return [one?.id || one?.value || one?.textContent, one?.ariaLabel] }"""
        )
        if role is None:
            break
        seen.append((role, name))
        before = page.evaluate("view.state")
        page.keyboard.press("Shift+ArrowLeft" if role == "start" else "ArrowDown")
        if role in ("start", "point", "eta", "gamma", "kappa", "updates"):
            assert page.evaluate("view.state") != before, role
    assert seen[0][0] == "start"
    assert {role for role, name in seen} >= {
        *("eta", "gamma", "step", "play", "reset", "more"),
        *("kappa", "updates", "decayOn", "nesterov", "point", "copy"),
    }
    assert "outside" in (page.evaluate("view.state.convention"), *(role for role, _ in seen))
    assert sum(name is not None and name.startswith("Set up") for _, name in seen) == 5

    page.evaluate("view.set(P.DEFAULTS)")
    page.get_by_role("slider", name="Start of the paths").focus()
    for key in ("ArrowLeft", "ArrowLeft", "Shift+ArrowDown"):
        page.keyboard.press(key)
    setting = page.evaluate("view.state")
    assert (setting["x1"], setting["x2"]) == (0.96, 0.8)
    page.get_by_role("slider", name="learning rate η, momentum parameter γ").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    setting = page.evaluate("view.state")
    assert (setting["eta"], setting["gamma"]) == (1.63, 0.51)
    page.evaluate("view.set({...P.DEFAULTS, eta: 4.9})")
    page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate("view.state.eta") == LIMITS["eta"][1]


def test_touch_drags_the_handle_and_taps_the_map_but_else_scrolls(open_page):
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    touch = page.context.new_cdp_session(page)

    def swipe(x, y, dx, dy):
        points = [[{"x": x + dx * part, "y": y + dy * part}] for part in (0, 0.3, 0.6, 1)]
        kinds = ("touchStart", "touchMove", "touchMove", "touchMove")
        for kind, where in (*zip(kinds, points), ("touchEnd", [])):
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})
            page.wait_for_timeout(30)

    start = page.get_by_role("slider", name="Start of the paths")
    x, y = middle(start)
    swipe(x, y, -60, 40)
    dragged = page.evaluate("view.state")
    assert (dragged["x1"] < 0.7, dragged["x2"] < 0.7) == (True, True)
    assert page.evaluate("scrollY") == 0
    x, y = middle(page.get_by_role("img", name=re.compile("Contours of f")))
    swipe(x - 80, y + 50, 0, -150)  # beside the handle
    page.wait_for_function("scrollY > 50")
    page.wait_for_function(  # until it has come to rest; a touch would only stop it
        """async () => { const before = scrollY; // frames, as a busy machine draws few in a time
            for (let i = 0; i < 20; i++) await new Promise(requestAnimationFrame);
            return scrollY === before }"""
    )
    assert page.evaluate("view.state") == dragged
    plot = page.get_by_role("img", name=re.compile("Here the rate is"))
    plot.scroll_into_view_if_needed()
    plot.tap()  # once it stands still
    page.wait_for_function("eta => view.state.eta !== eta", arg=dragged["eta"])


def ends(page):
    """Give after which update each path ends, as the plot's text says."""
    drawn(page)
    text = page.locator("#paths").get_attribute("aria-label")
    return int(re.search(r"After (\d+) updates", text)[1])


def test_it_begins_simple_and_keeps_its_state_when_unfolded_and_folded(open_page):
    page = open_page(state="eta=0.5&gamma=0.9", more=False)
    seen = page.locator("input, button").filter(visible=True)
    assert seen.evaluate_all("all => all.map(one => one.id || one.dataset.key)") == [
        *("eta", "eta", "gamma", "gamma", "step", "play", "reset", "more")
    ]
    assert page.locator("canvas").filter(visible=True).count() == 1
    more = page.get_by_role("button", name=MORE["en"])
    more.focus()
    page.keyboard.press("Enter")
    page.get_by_role("slider", name="condition number κ").fill("300")
    unfolded = page.evaluate("view.state")
    assert page.locator("canvas").filter(visible=True).count() == 3
    assert len(set(drawn(page))) == 3
    page.get_by_role("button", name="Less").click()
    assert page.evaluate("view.state") == unfolded
    assert f"κ = {unfolded['kappa']}" in page.locator("#where").inner_text()
    assert more.get_attribute("aria-expanded") == "false"
    page.wait_for_url(re.compile("kappa="))
    again = open_page(state=page.url.partition("#")[2], more=False)  # shows what the link says
    assert again.locator("canvas").filter(visible=True).count() == 3


def test_steps_are_taken_one_by_one(open_page):
    page = open_page(state="updates=10", more=False)
    whole = drawn(page)[0]
    step = page.get_by_role("button", name="Step")
    assert ends(page) == 10
    seen = set()
    for t in (1, 2, 3):
        step.click()
        assert ends(page) == t
        page.get_by_text(f"update {t} of 10").wait_for()
        seen.add(drawn(page)[0])
    assert len(seen) == 3
    assert page.evaluate("[...P.simulate(view.state).momentum.points].length") == 22
    page.locator("#gamma").press("ArrowRight")
    assert ends(page) == 10  # a change shows the whole path
    page.get_by_role("button", name="Reset").click()
    page.evaluate("view.set({...P.DEFAULTS, updates: 10})")
    assert drawn(page)[0] == whole
    for _ in range(11):
        step.press("Enter")
    assert ends(page) == 1  # after the last one begins anew


def test_play_runs_to_the_end_and_can_be_held(open_page):
    page = open_page(state="updates=200", more=False, reduced_motion="no-preference")
    play = page.locator("#play")
    play.click()
    page.wait_for_function(
        "document.querySelector('#here > div').shadowRoot.querySelector('#at')"
        ".textContent.match(/update [1-9]\\d* of 200/)"
    )
    assert play.inner_text() == "Pause"
    play.click()
    held = ends(page)
    assert 0 < held < 200
    page.wait_for_timeout(200)
    assert (ends(page), play.inner_text()) == (held, "Play")
    page.get_by_role("button", name="Step").click()
    assert ends(page) == held + 1
    play.click()
    page.get_by_text("update 200 of 200").wait_for()
    assert play.inner_text() == "Play"


def test_play_moves_nothing_for_who_wants_less_motion(open_page):
    page = open_page(state="updates=200", more=False, reduced_motion="reduce")
    page.get_by_role("button", name="Step").click()
    assert ends(page) == 1
    page.get_by_role("button", name="Play").click()
    assert ends(page) == 200


def test_on_a_phone_the_plot_stays_in_sight_while_a_slider_moves(open_page):
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    plot = page.locator("#paths")
    for key in ("eta", "gamma", "kappa", "updates"):
        # as far down as one may have scrolled with the slider in the middle
        slider = page.locator(f"input[type=range][data-key={key}]")
        slider.evaluate("one => scrollBy(0, one.getBoundingClientRect().top - innerHeight * 0.6)")
        slider.fill("7")
        top, below = plot.bounding_box(), slider.bounding_box()
        assert 0 <= top["y"] < top["y"] + top["height"] < below["y"] < PHONE["height"], key


def test_the_page_says_what_the_numbers_say(open_page):
    page = open_page(state="eta=4.2&gamma=0.5&kappa=100")
    said = page.locator("p[role=status]")
    assert "momentum: diverges: ηλ > 2(1+γ) (4.2 > 3)" in said.inner_text()
    assert "gradient descent: diverges: ηλ > 2 (4.2 > 2)" in said.inner_text()
    page.evaluate("view.set({...P.DEFAULTS, eta: 3, gamma: 0.5})")
    said.filter(has_text="momentum: at the edge ηλ = 2(1+γ), does not converge").wait_for()
    page.get_by_role("checkbox", name="Nesterov").check()
    said.filter(has_text="Nesterov: diverges: ηλ > 2(1+γ)/(1+2γ) (3 > 1.5)").wait_for()
    page.evaluate("setting => view.set(setting)", state(**BEST[100]))
    row = page.get_by_role("row", name=re.compile("rate predicted"))
    row.filter(has_text="0.8182").wait_for()
    assert page.get_by_role("row", name=re.compile("‖x‖")).inner_text().split()[-1] == "93"


def test_adam_and_the_rotation_are_in_sight_where_the_playground_begins_with_them(open_page):
    page = open_page()
    plain = drawn(page)
    page.get_by_role("slider", name="condition number κ").focus()
    assert page.get_by_role("slider", name="Adam’s η").count() == 0
    page.get_by_role("checkbox", name="Adam").check()
    own = page.get_by_role("slider", name="Adam’s η")
    page.get_by_role("spinbutton", name="Adam’s η").fill("0.2")
    own.press("ArrowRight")
    assert 0.2 < page.evaluate("view.state.adam") < 0.21
    page.get_by_text(re.compile("10⁻⁴ of its start: momentum .*Adam")).wait_for()
    along = drawn(page)
    assert [old == new for old, new in zip(plain, along)] == [False, False, True]
    said = page.locator("#paths").get_attribute("aria-label")
    assert re.search(r"gradient descent at \(.*\)\. Adam: \(.*\)\.$", said)
    page.get_by_role("checkbox", name="rotated by 45°").check()
    rotated = drawn(page)
    assert [old == new for old, new in zip(along, rotated)] == [False, False, True]
    page.get_by_text("; drawn is y, which is x turned by 45°").wait_for()
    start = page.get_by_role("slider", name="Start of the paths")
    x, y = middle(start)
    start.press("Shift+ArrowLeft")  # to the left on the plot, which is y
    assert page.evaluate("[view.state.x1, view.state.x2]") == [0.86, 0.86]
    after = middle(start)
    assert after[0] < x - 10 and after[1] == pytest.approx(y, abs=1)
    page.mouse.move(*after)
    page.mouse.down()
    page.mouse.move(after[0] - 40, after[1] + 30, steps=4)
    page.mouse.up()
    assert middle(start) == pytest.approx((after[0] - 40, after[1] + 30), abs=2)
    page.wait_for_url(re.compile("adam=0.2.*rotated=true"))
    page.wait_for_function("location.hash.includes(`&x1=${view.state.x1}&x2=${view.state.x2}&`)")
    again = open_page(state=page.url.partition("#")[2], more=False)
    assert again.evaluate("view.state") == page.evaluate("view.state")
    again.get_by_role("button", name="Less").click()
    assert again.get_by_role("slider", name="Adam’s η").is_visible()
    again.get_by_role("checkbox", name="Adam").uncheck()
    again.get_by_role("slider", name="Adam’s η").wait_for(state="hidden")
    assert again.evaluate("view.state.adam") == 0


def test_the_choice_of_convention_shows_at_a_decay(open_page):
    page = open_page()
    same = drawn(page)
    page.get_by_role("radio", name="η outside").check()
    assert drawn(page)[:2] == same[:2]  # the same path
    page.get_by_text("trace the same path").wait_for()
    page.get_by_role("checkbox", name="η × 0.1 after update").check()
    page.get_by_text("After update 10 the two part").wait_for()
    outside = drawn(page)
    page.get_by_role("radio", name="η inside").check()
    assert drawn(page)[0] != outside[0]
    page.get_by_role("spinbutton", name="η × 0.1 after update").fill("5")
    assert page.evaluate("view.state.decay") == 5


def test_a_number_is_taken_as_people_write_it_and_bounded_when_it_is_written(open_page):
    page = open_page(state="decay=50&kappa=7")
    eta, kappa, updates = (
        page.get_by_role("spinbutton", name=name)
        for name in ("learning rate η", "condition number κ", "updates drawn")
    )
    for text, value in (("0,3", 0.3), ("0.05", 0.05), ("０．２", 0.2), ("1e-1", 0.1)):
        eta.fill(text)
        assert page.evaluate("view.state.eta") == value
    for text in ("abc", "", "-", "7", "0"):  # nothing that it can be, and not yet at an end
        eta.fill(text)
        assert page.evaluate("view.state.eta") == 0.1
    kappa.fill("10,000")
    assert eta.input_value() == "0.01"  # now it is
    assert page.evaluate("view.state.kappa") == 10000
    updates.press("ControlOrMeta+a")
    seen = []
    for key in "300":
        updates.press(key)
        seen.append(page.evaluate("[view.state.updates, view.state.decay]"))
    assert seen == [[60, 50], [30, 30], [300, 50]]
    updates.press("ArrowUp")
    assert updates.input_value() == "301"
    updates.fill("5000")
    updates.press("Enter")
    assert (updates.input_value(), page.evaluate("view.state.updates")) == ("1000", 1000)
    assert page.evaluate("view.state.decay") == 50


def test_a_link_reproduces_what_one_sees(open_page):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    assert page.url == "http://localhost/en#"  # nothing is written before anything is changed
    page.get_by_role("slider", name="condition number κ").focus()
    page.keyboard.press("End")
    page.get_by_role("checkbox", name="Nesterov").check()
    page.wait_for_url(re.compile("kappa=10000.*nesterov=true"))
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Link copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    again = open_page(state=page.url.partition("#")[2])
    assert again.evaluate("view.state") == page.evaluate("view.state")
    assert drawn(again) == drawn(page)
    again.evaluate("location.hash = 'eta=0.5'")  # a link followed on the page itself
    again.wait_for_function("view.state.eta === 0.5 && view.state.kappa === P.DEFAULTS.kappa")


@pytest.mark.parametrize(
    ("lang", "scheme", "width"),
    [
        ("en", "light", 1200),
        ("zh", "dark", 360),
        pytest.param("en", "dark", 360, marks=pytest.mark.deep),
        pytest.param("zh", "light", 1200, marks=pytest.mark.deep),
    ],
)
def test_axe_finds_no_barrier_and_nothing_scrolls_sideways(open_page, lang, scheme, width):
    page = open_page(
        lang,
        "eta=0.8&gamma=0.9&decay=13&adam=0.1&rotated=1",
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
    )
    drawn(page)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"playground-{lang}-{scheme}-{width}.png", full_page=True)
    found = Axe().run(page, context="#here").response
    assert found["passes"]
    assert [
        (fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found["violations"]
    ] == []
    page.wait_for_function(f"document.documentElement.scrollWidth === {width}")
    seen = page.locator("#here > div")
    assert seen.get_attribute("lang") == {"en": "en", "zh": "zh-CN"}[lang]
    assert not re.search("undefined|NaN", seen.evaluate("one => one.shadowRoot.textContent"))


def test_light_and_dark_follow_the_page_around_it(open_page):
    page = open_page(color_scheme="light")
    theme = page.locator(".playground")

    def is_shown(name):
        page.wait_for_function(
            "name => document.querySelector('#here > div').shadowRoot"
            ".querySelector('.playground').dataset.theme === name",
            arg=name,
        )
        return theme.evaluate("one => getComputedStyle(one).backgroundColor")

    white = is_shown("light")
    page.emulate_media(color_scheme="dark")
    assert is_shown("dark") != white
    page.evaluate("document.documentElement.dataset.theme = 'light'")  # Sphinx's themes
    assert is_shown("light") == white
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")  # JupyterLab
    assert is_shown("dark") != white
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    is_shown("light")


def test_the_widget_and_its_model_follow_each_other_until_it_goes(open_page):
    page = open_page()
    page.evaluate(
        """() => {
            const listeners = new Set(), data = {lang: "zh", state: {...P.DEFAULTS, eta: 0.5}};
            window.model = {
                saved: 0, listeners, get: key => data[key],
                set(key, value) { data[key] = value; listeners.forEach(one => one()); },
                on(name, one) { if (name === "change:state") listeners.add(one); },
                off(name, one) { listeners.delete(one); },
                save_changes() { this.saved++; },
            };
            window.el = document.body.appendChild(document.createElement("div"));
            window.leave = P.default.render({model, el});
        }"""
    )
    widget = page.locator("body > div")
    eta = widget.get_by_role("spinbutton", name="学习率 η")
    assert eta.input_value() == "0.5"
    assert widget.get_by_role("button", name="复制链接").count() == 0  # a notebook has no such link
    eta.fill("0.7")
    assert page.evaluate("[model.get('state').eta, model.saved]") == [0.7, 1]
    page.evaluate("model.set('state', {...P.DEFAULTS, gamma: 0.25})")
    assert widget.get_by_role("spinbutton", name="动量参数 γ").input_value() == "0.25"
    assert page.evaluate("model.saved") == 1
    assert page.evaluate(
        "() => { leave(); return [model.listeners.size, el.children.length] }"
    ) == [0, 0]
    assert page.url == "http://localhost/en#"


# In Python


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"eta": "fast"}, TypeError, "eta must be a number, got 'fast'"),
        ({"eta": 0}, ValueError, "eta must be from 0.01 to 5, got 0"),
        ({"gamma": 1}, ValueError, "gamma must be from 0 to 0.999, got 1"),
        ({"gamma": float("nan")}, ValueError, "gamma must be from 0 to 0.999, got nan"),
        ({"kappa": True}, TypeError, "kappa must be a number, got True"),
        ({"start": 1}, TypeError, "start must be a pair of numbers, got 1"),
        ({"start": (0, 0, 0)}, TypeError, "start must be a pair of numbers, got (0, 0, 0)"),
        ({"start": (0, 2)}, ValueError, "start[1] must be from -1.1 to 1.1, got 2"),
        ({"start": ("0", 1)}, TypeError, "start[0] must be a number, got '0'"),
        (
            {"convention": "both"},
            ValueError,
            "convention must be 'inside' or 'outside', got 'both'",
        ),
        ({"nesterov": 1}, TypeError, "nesterov must be True or False, got 1"),
        ({"rotated": 45}, TypeError, "rotated must be True or False, got 45"),
        ({"adam": 3}, ValueError, "adam must be from 0 to 2, got 3"),
        ({"updates": 30.5}, TypeError, "updates must be a whole number, got 30.5"),
        ({"decay": 70}, ValueError, "decay must be at most updates = 60, got 70"),
    ],
)
def test_a_wrong_argument_is_named(arguments, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        play.trajectory(**arguments)


def test_a_state_set_later_is_checked_too():
    widget = play.trajectory()
    with pytest.raises(ValueError, match="eta must be from"):
        widget.state = state(eta=50)
    with pytest.raises(ValueError, match="state must have the keys eta, gamma"):
        widget.state = {"eta": 1}
    widget.state = state(eta=2)


def test_the_widget_is_in_the_notebooks_language(monkeypatch, tmp_path):
    for folder, language in (("zh", "zh"), ("zh-solutions", "zh"), ("en", "en"), ("other", "en")):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        assert play.trajectory().lang == language


def test_the_widget_has_a_picture_and_a_text_for_where_no_kernel_runs():
    widget = play.trajectory(
        np.float32(0.5), gamma=np.float64(0.9), kappa=np.int64(7), start=(-1, 0.5)
    )
    data, _ = widget._repr_mimebundle_()
    assert set(data) == {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}
    json.dumps(data)
    assert eval(data["text/plain"], {"trajectory": play.trajectory}).state == widget.state
    png = base64.b64decode(data["image/png"])
    assert png == widget.picture()
    for one in (png, picture(state(eta=5, gamma=0.9, updates=1000, decay=900))):  # diverges
        with Image.open(io.BytesIO(one)) as image:
            image.load()
            assert min(image.size) > 200
            assert len(image.getcolors(2**20)) > 50
