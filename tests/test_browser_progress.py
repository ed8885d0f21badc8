"""The table of progress in JupyterLab: two exercises solved, two ticks, in both languages."""

import json
import shutil

import pytest
from browser import needs_chromium
from common import ROOT
from test_browser import VIEWPORT, add_notebook, run_all

pytestmark = [needs_chromium, pytest.mark.deep]

SOLVE = (
    "import sys\n\nsys.path.insert(0, '../..')\nfrom course import checks",
    "passed = checks.final_velocity(60)",
    "passed = checks.final_velocity(6)",
    "passed = checks.stability_limit(0.25)",
    "passed = checks.smaller_momentum('smaller', 0.4)",
)
SAID = {
    "zh": ("本章 4 题，已完成 2 题。", "接下来：第 2 章《动量法——从零开始》，练习 2。", "2/4"),
    "en": (
        "2 of 4 in this chapter.",
        "Next: chapter 2, “Momentum, from scratch”, exercise 2.",
        "2 of 4",
    ),
}


@pytest.mark.parametrize("language", SAID)
def test_two_solved_exercises_are_ticked(new_page, lab, language):
    line, following, done = SAID[language]
    record = lab.folder / "my/progress.json"
    record.unlink(missing_ok=True)
    shutil.copy(ROOT / f"notebooks/{language}/index.ipynb", lab.folder / f"my/{language}")
    solve, index = f"my/{language}/solve.ipynb", f"my/{language}/index.ipynb"
    add_notebook(lab, solve, SOLVE)
    page = new_page(lab.own, viewport=VIEWPORT)
    page.goto(lab.address(solve))
    run_all(lab, page, solve)
    page.get_by_role("status").filter(has_text=line).wait_for()

    page.goto(lab.address(index))
    page.get_by_role("heading", name=("How far", "学到")[language == "zh"]).wait_for()
    run_all(lab, page, index)
    rows = page.locator(".jp-OutputArea tbody tr")
    rows.nth(1).filter(has_text=f"✓ 1 · 2 · ✓ 3 · 4{done}").wait_for()
    rows.nth(0).filter(has_text="✎ 1 · 2 · 3").wait_for()
    page.locator(".jp-OutputArea p", has_text=following).wait_for()
    assert json.loads(record.read_text())["latest"] == "smaller_momentum"
    # Its links lead to the learner's copies.
    rows.nth(1).get_by_role("link").click()
    page.locator(".jp-NotebookPanel:visible h1").first.wait_for()
    assert page.url.partition("?")[0].endswith(f"my/{language}/momentum-scratch.ipynb")
    assert (page.foreign, page.errors) == ([], [])
