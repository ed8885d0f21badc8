"""What several test files use."""

import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium; on Debian: apt-get install chromium fonts-noto-cjk"
)
EDITIONS = ("zh", "en", "zh-solutions", "en-solutions")


def notebooks(*folders):
    """Give the paths of the notebooks in these folders of `notebooks/`, sorted."""
    return [
        path for name in folders for path in sorted((ROOT / "notebooks" / name).glob("*.ipynb"))
    ]


def name_of(path):
    """Give a test's id for a notebook: folder/name."""
    return f"{path.parent.name}/{path.stem}"


def read(path):
    return nbformat.read(path, as_version=4)


def outputs(name):
    """Give what each code cell of an English notebook printed, by the cell's id."""
    return {
        cell.id: "".join(output.get("text", "") for output in cell.outputs)
        for cell in read(ROOT / f"notebooks/en/{name}.ipynb").cells
        if cell.cell_type == "code"
    }


def numbers(pattern, text):
    """Give the numbers that the pattern's group finds in a text."""
    return [float(number) for number in re.findall(pattern, text)]


@contextmanager
def chromium():
    """Start the system's Chromium, which asks for nothing in the background."""
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update"),
                "--disable-sync",
            ],
        ) as browser,
    ):
        yield browser


def watch(page, *own):
    """Note in `page.foreign` and `page.errors` what goes elsewhere than `own`, and what fails."""
    page.foreign, page.errors = [], []
    own = (*own, "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(own) or page.foreign.append(r.url))
    page.on("websocket", lambda w: w.url.startswith(own) or page.foreign.append(w.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.errors.append(m.text))
