"""The widgets in JupyterLab: keys typed into them are theirs, and a saved notebook keeps pictures."""

import nbformat
from browser import needs_chromium, wait_until
from common import read
from test_browser import PLAY, TRAIN, VIEWPORT, add_notebook, run_all

pytestmark = needs_chromium

PATH = "notebooks/en/widgets.ipynb"
PERSON = 60  # milliseconds between two keys
VIEWS = '[data-mime-type="application/vnd.jupyter.widget-view+json"]'


def sources(page):
    """Give the type and the text of each cell that JupyterLab shows."""
    return page.locator(".jp-Notebook .jp-Cell").evaluate_all(
        "cells => cells.map(cell => [cell.className.match(/jp-(Code|Markdown|Raw)Cell/)[1],"
        " cell.querySelector('.cm-content').innerText])"
    )


def test_keys_are_the_widgets_and_pictures_are_saved(new_page, lab):
    add_notebook(lab, PATH, [PLAY[0], TRAIN[0], "1 + 1"])
    # So tall that all cells are in sight: JupyterLab makes no others.
    page = new_page(lab.own, viewport=VIEWPORT | {"height": 3000})
    page.goto(lab.address(PATH))
    run_all(lab, page, PATH)
    page.locator(".playground").wait_for()
    page.locator(".training tbody tr").first.wait_for()
    page.get_by_role("button", name="More").click()
    before = sources(page)

    def types_into(widget, label, text, shown, name):
        """Type into a box as a person does, and leave it; see what it then shows."""
        box = widget.get_by_role("spinbutton", name=label)
        box.focus()
        box.evaluate("one => one.select()")
        page.keyboard.type(text, delay=PERSON)
        page.keyboard.press("Tab")
        assert box.input_value() == shown, (name, label, text)

    def tries(widget, focuses, eta, gamma):
        for name, focus in focuses.items():
            focus()
            # Letters typed there are no commands: of inserting, deleting, restarting.
            page.keyboard.type("abc d d 0 0", delay=PERSON)
            for label, text, shown in ((eta, "0.05", "0.05"), (gamma, "0,3", "0.3")):
                focus()
                types_into(widget, label, text, shown, name)
            assert page.locator(".jp-Dialog").count() == 0, name
            assert sources(page) == before, name

    def drag(slider):
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 0.3 * box["width"], y)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], y, steps=3)
        page.mouse.up()

    playground, training = page.locator(".playground"), page.locator(".training")
    eta, gamma = "learning rate η", "momentum parameter γ"
    tries(
        playground,
        {
            "a slider": lambda: drag(playground.get_by_role("slider", name=eta, exact=True)),
            "a button": playground.get_by_role("button", name="Reset").click,
            "a canvas": playground.locator("#mapPlot").click,
            "a box": playground.get_by_role("spinbutton", name="updates drawn").click,
        },
        eta,
        gamma,
    )
    tries(
        training,
        {
            "a slider": lambda: drag(training.get_by_role("slider", name=eta)),
            "a button": training.get_by_role("button", name="Keep").click,
            "a box": training.get_by_role("spinbutton", name="batch size").click,
        },
        eta,
        gamma,
    )

    page.locator(".jp-CodeCell .cm-content").last.click()

    def saved():
        page.keyboard.press("Control+s")
        try:
            cells = read(lab.folder / PATH).cells
        except nbformat.reader.NotJSONError:
            return None  # JupyterLab is just writing it
        return cells if all(cell.execution_count for cell in cells) else None

    cells = wait_until(saved, 120, "the notebook is saved")
    assert [set(cell.outputs[0].data) for cell in cells[:2]] == 2 * [{"image/png", "text/plain"}]

    # Another day: there is no kernel that knows the widgets.
    again = new_page(lab.own, viewport=VIEWPORT)
    again.goto(lab.address(PATH) + "&reset")
    again.locator(".jp-OutputArea img").nth(1).wait_for()
    assert again.locator(VIEWS).count() == 0
    assert (page.foreign, page.errors) == ([], [])
