"""The course in a real browser: JupyterLab as `nox -s lab` starts it, driven in Chromium."""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import urllib.request

import nbformat
import pytest
from browser import SCREENSHOTS, launch, needs_chromium, note_errors, wait_until
from common import ROOT, read
from playwright.sync_api import sync_playwright

pytestmark = needs_chromium

PLAY = (
    "import sys\n\nsys.path.insert(0, '../..')\nfrom course import play\n\n"
    "view = play.trajectory(start=(-1, 0.5))\nview",
    "print(', '.join(f'{view.state[key]:.2f}' for key in ('x1', 'x2', 'gamma')))",
)
TRAIN = (
    "import sys\n\nimport mxnet as mx\nfrom mxnet import nd\n\nsys.path.insert(0, '../..')\n"
    "from course import play\n\nmx.random.seed(7)\nX = nd.random.normal(shape=(1000, 2))\n"
    "y = nd.dot(X, nd.array([2, -3.4])) + 4.2 + nd.random.normal(scale=0.01, shape=1000)\n"
    "\n\ndef init_params():\n    mx.random.seed(8)\n"
    "    return [nd.random.normal(shape=(2, 1)), nd.zeros((1,))], []\n\n\n"
    "view = play.training(X, y, init_params)\nview",
    "import numpy as np\n\nlosses = np.frombuffer(view.answer['losses'], 'float32')\n"
    "print(view.state['lr'], f'{losses[-1]:.2e}', np.flatnonzero(losses >= 1e-4)[-1] + 1)",
)


@pytest.fixture
def course(tmp_path):
    """Give a copy of the course without stored outputs, so that what is seen has been run."""
    for name in ("utils.py", "course", "img", "notebooks", "tools"):
        path = ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / name)
    for path in tmp_path.glob("notebooks/*/*.ipynb"):
        notebook = read(path)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)
        if path.stem == "momentum-scratch":
            for stem, codes in (("play", PLAY), ("train", TRAIN)):
                notebook.cells = [nbformat.v4.new_code_cell(code) for code in codes]
                nbformat.write(notebook, path.with_stem(stem))
    return tmp_path


@pytest.fixture
def name():
    """Give the name of the notebook that is opened."""
    return "momentum-scratch"


@pytest.fixture
def lab(course, language, name):
    """Start JupyterLab on loopback; give its address and its token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    own = {f"JUPYTER_{name}_DIR": str(course / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {f"JUPYTERLAB_{name}_DIR": str(course / name) for name in ("SETTINGS", "WORKSPACES")}
    with (course / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "tools/lab.py", f"notebooks/{language}/{name}.ipynb"),
                *("--no-browser", "--ip=127.0.0.1", f"--port={port}"),
                *("--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"),
            ],
            cwd=course,
            env={**os.environ, **own},
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def answers():
        assert server.poll() is None, (course / "lab.log").read_text()
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5).status == 200
        except OSError:
            return False

    try:
        wait_until(answers, 60, "JupyterLab answers")
        yield f"http://127.0.0.1:{port}", token
    finally:
        server.terminate()
        server.wait(30)


def note_trainings(page):
    """Count the states that go to the kernel and the answers that come, and the most unanswered."""
    page.sent, page.answers, page.unanswered = 0, 0, 0

    def sent(message):
        if isinstance(message, bytes) and b'"comm_msg"' in message and b'"batch_size"' in message:
            page.sent += 1
            page.unanswered = max(page.unanswered, page.sent - page.answers)

    def received(message):
        # The first answer, which no slider asked for, is in the widget's comm_open instead.
        if isinstance(message, bytes) and b'"answer"' in message and b'"comm_msg"' in message:
            page.answers += 1

    def note(socket):
        socket.on("framesent", sent)
        socket.on("framereceived", received)

    return note


@pytest.fixture
def page(lab, language, name):
    """Open the address that JupyterLab itself would open; note what goes wrong on the page."""
    address, token = lab
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(60_000)
        note_errors(page, (address, address.replace("http", "ws"), "data:", "blob:"))
        page.on("websocket", note_trainings(page))
        page.goto(f"{address}/?token={token}")
        try:
            yield page
        finally:
            SCREENSHOTS.mkdir(exist_ok=True)
            page.screenshot(path=SCREENSHOTS / f"{name}-{language}-end.png")
            browser.close()


def kernel_is_ready(page):
    """Ask the server: the page shows "idle" before there is a kernel, and then runs nothing."""
    page.wait_for_timeout(500)
    answer = page.request.get(f"{page.url.partition('/lab')[0]}/api/kernels")
    if not answer.ok:  # the server is not ready either
        return False
    kernels = answer.json()
    return [(one["execution_state"], one["connections"]) for one in kernels] == [("idle", 1)]


def run_all(page, language):
    """Choose Run All Cells in the menu, once there is a kernel."""
    wait_until(lambda: kernel_is_ready(page), 60, "the kernel is ready")
    menu = {"zh": "运行", "en": "Run"}[language]  # JupyterLab speaks the notebook's language
    page.locator(".lm-MenuBar-itemLabel", has_text=menu).first.click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()


def open_images(page):
    """Scroll through the notebook on the page; give the width in pixels of each image by source."""
    widths = {}
    panel = page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer")
    height = panel.evaluate("panel => panel.scrollHeight")
    for top in range(0, height + 1, 500):
        panel.evaluate("(panel, top) => { panel.scrollTop = top }", top)
        page.wait_for_timeout(200)
        found = page.locator(".jp-NotebookPanel:visible .jp-Cell img").evaluate_all(
            "images => images.map(image => [image.src, image.naturalWidth])"
        )
        widths.update(found)
    return widths


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_chapter_runs_in_jupyterlab(page, course, language):
    path = course / f"my/{language}/momentum-scratch.ipynb"
    run_all(page, language)

    def saved():
        page.keyboard.press("Control+s")
        try:
            notebook = read(path)
        except nbformat.reader.NotJSONError:
            return None  # JupyterLab is just writing it
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        done = all(cell.execution_count for cell in cells) and cells[-1].outputs
        return cells if done else None

    ran = wait_until(saved, 60, "all cells have run")
    stored = read(ROOT / f"notebooks/{language}/momentum-scratch.ipynb").cells
    for cell, expected in zip(ran, [cell for cell in stored if cell.cell_type == "code"]):
        assert cell.source == expected.source
        assert [output.output_type for output in cell.outputs] == [
            output.output_type for output in expected.outputs
        ]
        for output, other in zip(cell.outputs, expected.outputs):
            assert output.get("text") == other.get("text")

    assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
    widths = open_images(page)
    computed = [width for source, width in widths.items() if source.startswith("data:image/png")]
    assert len(widths) == 4  # two pictures, the QR code, and the computed curve
    assert len(computed) == 1
    assert min(widths.values()) > 100, widths
    page.locator('.jp-OutputArea img[src^="data:image/png"]').scroll_into_view_if_needed()
    page.screenshot(path=SCREENSHOTS / f"chapter-{language}-figure.png")

    other = {"zh": "English", "en": "中文"}[language]
    page.locator(".jp-Cell").get_by_text(other, exact=True).last.click()
    title = {"zh": "Momentum, from scratch", "en": "动量法——从零开始"}[language]
    page.locator(".jp-NotebookPanel:visible h1", has_text=title).first.wait_for()
    assert (page.foreign, page.errors) == ([], [])


@pytest.mark.parametrize("name", ["play"])
@pytest.mark.parametrize("language", ["zh"])
def test_the_playground_is_live_in_jupyterlab(page, language, name):
    run_all(page, language)
    start = page.get_by_role("slider", name="轨迹的起点")
    printed = page.locator('.jp-OutputArea [data-mime-type="application/vnd.jupyter.stdout"]')
    printed.filter(has_text="-1.00, 0.50, 0.50").wait_for()
    assert start.get_attribute("aria-valuetext") == "x₁ = −1.00, x₂ = 0.50"

    start.scroll_into_view_if_needed()
    box = start.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 10, steps=5)
    page.mouse.up()
    dragged = start.get_attribute("aria-valuetext")
    assert dragged != "x₁ = −1.00, x₂ = 0.50"
    # Keys are the playground's, not JupyterLab's: ↓ would go to the next cell, 6 make it a heading.
    page.keyboard.press("ArrowDown")
    moved = start.get_attribute("aria-valuetext")
    assert moved != dragged
    page.get_by_role("spinbutton", name="动量参数 γ").select_text()
    page.keyboard.type("0.65")
    assert page.locator(".jp-Cell").first.get_attribute("class").count("jp-mod-active") == 1
    assert page.locator(".jp-CodeCell").count() == 2
    page.screenshot(path=SCREENSHOTS / "play-zh-dragged.png")

    page.locator(".jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.press("Shift+Enter")  # now Python says what it knows
    x1, x2 = re.findall("[−0-9.]+(?=,|$)", moved)
    expected = f"{x1}, {x2}, 0.65".replace("−", "-")
    printed.filter(has_text=expected).wait_for()
    assert (page.foreign, page.errors) == ([], [])


@pytest.mark.parametrize("name", ["train"])
@pytest.mark.parametrize("language", ["en"])
def test_a_drag_trains_anew_in_jupyterlab(page, language, name):
    run_all(page, language)
    row = page.locator(".training tbody tr").first
    row.filter(has_text="η = 0.2, γ = 0.9, batch size 10").wait_for()
    curve = page.locator("#current")
    before = curve.get_attribute("d")
    printed = page.locator('.jp-OutputArea [data-mime-type="application/vnd.jupyter.stdout"]')
    printed.filter(has_text=row.get_by_role("cell").last.inner_text()).wait_for()

    slider = page.get_by_role("slider", name="learning rate η")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.62 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], y, steps=30)
    during = slider.get_attribute("aria-valuetext")
    row.filter(has_text=f"η = {during}, γ = 0.9, batch size 10").wait_for()  # the button is down
    page.mouse.up()
    assert float(during) < 0.05
    assert curve.get_attribute("d") != before
    assert page.unanswered == 1 < page.sent == page.answers <= 31
    final, needed = row.get_by_role("cell").all_inner_texts()

    page.get_by_role("button", name="Keep this curve").click()
    page.get_by_role("spinbutton", name="momentum parameter γ").select_text()
    page.keyboard.type("0.5")
    row.filter(has_text="γ = 0.5").wait_for()
    kept = page.locator(".training tbody tr").nth(1)
    assert kept.get_by_role("cell").all_inner_texts() == [final, needed]
    assert f"η = {during}" in kept.inner_text().replace("\u00a0", " ")
    page.screenshot(path=SCREENSHOTS / "train-en-dragged.png")

    final, needed = row.get_by_role("cell").all_inner_texts()
    page.locator(".jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.press("Shift+Enter")  # now Python says what it knows
    printed.filter(has_text=f"{during} {final.replace('e−', 'e-0')} {needed}").wait_for()
    assert (page.foreign, page.errors) == ([], [])
