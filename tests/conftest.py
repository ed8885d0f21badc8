"""Fixtures that several test files use, and Hypothesis's settings."""

import hypothesis
import pytest
from browser import CHROMIUM, launch
from playwright.sync_api import sync_playwright

# No verdict depends on how busy the machine is.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")


@pytest.fixture(scope="session")
def browser():
    """Give a Chromium, one for all tests of a worker."""
    if CHROMIUM is None:
        pytest.skip("no Chromium; on Debian: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def pytest_collection_modifyitems(items):
    """Mark what needs a browser, so that `-m 'not browser'` leaves it out."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
