"""Fixtures that several test files use."""

import pytest
from browser import CHROMIUM, launch, note_errors
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def browser():
    """Give a Chromium, one for all tests of a worker."""
    if CHROMIUM is None:
        pytest.skip("no Chromium; on Debian: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def serve(browser):
    """Give a function that opens a page of a site, {path: text}; no error may come up on it.

    The test itself answers each request: none leaves the browser.
    """
    address, pages = "http://localhost/", []

    def serve(site, path="", **settings):
        def answer(route):
            asked = route.request.url.removeprefix(address).partition("#")[0]
            kind = "text/javascript" if asked.endswith(".js") else "text/html"
            route.fulfill(body=site[asked], content_type=kind)

        page = browser.new_page(**{"viewport": {"width": 1000, "height": 900}, **settings})
        page.set_default_timeout(60_000)
        note_errors(page, (address, "data:"))
        page.route(f"{address}**", answer)
        page.goto(address + path)
        pages.append(page)
        return page

    yield serve
    found = [(page.foreign, page.errors) for page in pages]
    for page in pages:
        page.close()
    assert found == [([], [])] * len(found)


def pytest_collection_modifyitems(items):
    """Mark what needs a browser, so that `-m 'not browser'` leaves it out."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
