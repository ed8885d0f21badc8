"""The course in a real browser: JupyterLab as `nox -s lab` starts it, driven in Chromium."""

import re

import nbformat
import pytest
from browser import needs_chromium, wait_until
from common import ROOT, read

pytestmark = needs_chromium

VIEWPORT = {"width": 1280, "height": 1000}
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
    "import numpy as np\n\nlosses, _ = view.trained()\n"
    "print(view.state['lr'], f'{losses[-1]:.2e}', np.flatnonzero(losses >= 1e-4)[-1] + 1)",
)


def add_notebook(lab, path, codes):
    """Write a notebook with these code cells, and the metadata of the chapter's, into the lab."""
    notebook = read(lab.folder / "notebooks/en/momentum-scratch.ipynb")
    notebook.cells = [nbformat.v4.new_code_cell(code) for code in codes]
    nbformat.write(notebook, lab.folder / path)


def run_all(lab, page, path):
    """Choose Run All Cells in the menu, once the notebook has its kernel.

    Asks the server: the page shows "idle" before there is a kernel, and then runs nothing.
    """

    def kernel_is_ready():
        answer = page.request.get(f"http://{lab.host}/api/sessions?token={lab.token}")
        kernels = [one["kernel"] for one in answer.json() if one["path"] == path]
        return [(one["execution_state"], one["connections"]) for one in kernels] == [("idle", 1)]

    wait_until(kernel_is_ready, 120, "the kernel is ready")
    # JupyterLab speaks the language of the notebook that it was started for.
    page.locator(".lm-MenuBar-itemLabel", has_text="运行").first.click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()


def image_widths(page):
    """Scroll through the notebook on the page; give the width in pixels of each image by source."""
    widths = {}
    panel = page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer")
    height = panel.evaluate("panel => panel.scrollHeight")
    for top in range(0, height + 1, 500):
        panel.evaluate("(panel, top) => { panel.scrollTop = top }", top)
        page.wait_for_timeout(50)  # too short on a busy machine? The caller tries again
        found = page.locator(".jp-NotebookPanel:visible .jp-Cell img").evaluate_all(
            "images => images.map(image => [image.src, image.naturalWidth])"
        )
        widths.update(found)
    return widths


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def shown_by(cell):
    """Give what a cell shows, in order: text, however many pieces it came in, or an output's type."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream" and parts and parts[-1][0] == "stream":
            parts[-1] = ("stream", parts[-1][1] + output.text)
        else:
            parts.append((output.output_type, output.get("text")))
    return parts


def run_the_chapter(lab, page, language):
    """Run all cells of the chapter in the visible notebook; compare with the stored outputs."""
    path = f"my/{language}/momentum-scratch.ipynb"  # the learner's own copy
    run_all(lab, page, path)

    def saved():
        page.keyboard.press("Control+s")
        try:
            cells = code_cells(lab.folder / path)
        except nbformat.reader.NotJSONError:
            return None  # JupyterLab is just writing it
        return cells if all(cell.execution_count for cell in cells) and cells[-1].outputs else None

    ran = wait_until(saved, 120, "all cells have run", every=2)
    for cell, expected in zip(ran, code_cells(ROOT / path.replace("my/", "notebooks/"))):
        assert cell.source == expected.source
        assert shown_by(cell) == shown_by(expected)

    assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0

    def shown():
        widths = image_widths(page)
        computed = [source for source in widths if source.startswith("data:image/png")]
        # three pictures, the QR code, and the computed curves
        return len(widths) == 8 and len(computed) == 4 and min(widths.values()) > 100

    wait_until(shown, 60, "eight pictures are shown")


@pytest.mark.parametrize("languages", [["zh"], pytest.param(["zh", "en"], marks=pytest.mark.deep)])
def test_the_chapter_runs_in_jupyterlab(new_page, lab, languages):
    """In Chinese, and in `deep` in English too; its link leads to the other language, and back."""
    page = new_page(lab.own, viewport=VIEWPORT)
    page.goto(lab.address("my/zh/momentum-scratch.ipynb"))
    run_the_chapter(lab, page, "zh")
    page.locator(".jp-Cell").get_by_text("English", exact=True).last.click()
    heading = page.locator(".jp-NotebookPanel:visible h1")
    heading.filter(has_text="Momentum, from scratch").first.wait_for()
    if "en" in languages:
        run_the_chapter(lab, page, "en")
    page.locator(".jp-NotebookPanel:visible .jp-Cell").get_by_text("中文", exact=True).last.click()
    heading.filter(has_text="动量法——从零开始").first.wait_for()
    assert (page.foreign, page.errors) == ([], [])


def test_the_playground_is_live_in_jupyterlab(new_page, lab):
    path = "notebooks/zh/play.ipynb"
    add_notebook(lab, path, PLAY)
    page = new_page(lab.own, viewport=VIEWPORT)
    page.goto(lab.address(path))
    run_all(lab, page, path)
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

    page.locator(".jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.press("Shift+Enter")  # now Python says what it knows
    x1, x2 = re.findall("[−0-9.]+(?=,|$)", moved)
    expected = f"{x1}, {x2}, 0.65".replace("−", "-")
    printed.filter(has_text=expected).wait_for()
    assert (page.foreign, page.errors) == ([], [])


def test_a_drag_trains_anew_in_jupyterlab(new_page, lab):
    path = "notebooks/en/train.ipynb"
    add_notebook(lab, path, TRAIN)
    page = new_page(lab.own, viewport=VIEWPORT)
    page.goto(lab.address(path))
    run_all(lab, page, path)
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
    final, needed = row.get_by_role("cell").all_inner_texts()

    page.get_by_role("button", name="Keep this curve").click()
    page.get_by_role("spinbutton", name="momentum parameter γ").select_text()
    page.keyboard.type("0.5")
    row.filter(has_text="γ = 0.5").wait_for()
    kept = page.locator(".training tbody tr").nth(1)
    assert kept.get_by_role("cell").all_inner_texts() == [final, needed]
    assert f"η = {during}" in kept.inner_text().replace("\u00a0", " ")

    final, needed = row.get_by_role("cell").all_inner_texts()
    page.locator(".jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.press("Shift+Enter")  # now Python says what it knows
    printed.filter(has_text=f"{during} {final.replace('e−', 'e-0')} {needed}").wait_for()
    assert (page.foreign, page.errors) == ([], [])
