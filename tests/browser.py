"""What the tests in a real browser share."""

import shutil
import time

import pytest
from common import ROOT

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
SCREENSHOTS = ROOT / "screenshots"  # not in git; CI keeps them where a test fails

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium; on Debian: apt-get install chromium fonts-noto-cjk"
)


def launch(playwright):
    """Start Chromium, headless and without a word to its maker's hosts."""
    return playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[
            *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update"),
            "--disable-sync",
        ],
    )


def note_errors(page, own):
    """Note what goes wrong on a page: requests not to the addresses `own`, and errors."""
    page.foreign, page.errors = [], []
    page.on("request", lambda r: r.url.startswith(own) or page.foreign.append(r.url))
    page.on("websocket", lambda w: w.url.startswith(own) or page.foreign.append(w.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.errors.append(m.text))


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.2)
    return result
