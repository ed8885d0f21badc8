"""Fixtures that several test files use, and Hypothesis's settings."""

import fcntl
import functools
import http.server
import os
import re
import subprocess
import sys
import threading

import hypothesis
import pytest
from browser import CHROMIUM, SCREENSHOTS, Lab, Pages, launch, note_errors
from common import BASE_PATH, REPOSITORY, ROOT
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


@pytest.fixture(scope="session")
def contexts(browser):
    """Keep the browser's contexts: a test that wants the same options shares what is cached."""
    found = {}
    yield found
    for context in found.values():
        context.close()


@pytest.fixture
def new_page(browser, contexts, request):
    """Give a function that opens an empty page and notes what goes wrong on it.

    It takes what the page's own addresses begin with, a tuple, and options for its context.
    """
    pages = []

    def new_page(own, **options):
        options = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"} | options
        key = repr(sorted(options.items()))
        if key not in contexts:
            contexts[key] = browser.new_context(**options)
        pages.append(contexts[key].new_page())
        pages[-1].set_default_timeout(60_000)
        note_errors(pages[-1], (*own, "data:", "blob:"))
        return pages[-1]

    yield new_page
    for number, page in enumerate(pages):
        if request.node.failed:
            name = re.sub(r"[^\w-]+", "-", request.node.name)
            page.screenshot(path=SCREENSHOTS / f"{name}{number or ''}.png")
        page.close()


@pytest.fixture
def serve(new_page):
    """Give a function that opens a page of a site, {path: text}; no error may come up on it.

    The test itself answers each request: none leaves the browser.
    """
    address, pages = "http://localhost/", []

    def serve(site, path="", **options):
        def answer(route):
            asked = route.request.url.removeprefix(address).partition("#")[0]
            kind = "text/javascript" if asked.endswith(".js") else "text/html"
            route.fulfill(body=site[asked], content_type=kind)

        page = new_page((address,), **options)
        page.route(f"{address}**", answer)
        page.goto(address + path)
        pages.append(page)
        return page

    yield serve
    found = [(page.foreign, page.errors) for page in pages]
    assert found == [([], [])] * len(found)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Start a JupyterLab, one for all tests of a worker, on a copy of the Chinese course."""
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="session")
def site(tmp_path_factory, worker_id):
    """Build the web edition of a repository on GitHub, once for all workers; give its folder."""
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    folder = base / "site"
    with (base / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".nojekyll").exists():  # which is made last
            result = subprocess.run(
                [sys.executable, ROOT / "web/build.py", folder],
                env=os.environ | {"GITHUB_REPOSITORY": REPOSITORY, "BASE_PATH": BASE_PATH},
                capture_output=True,
                text=True,
            )
            assert (result.returncode, result.stderr) == (0, "")
    return folder


@pytest.fixture(scope="session")
def address(site):
    """Serve the site on loopback; give its address."""
    handler = functools.partial(Pages, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{BASE_PATH}"
        server.shutdown()


# The chapters that run longest: `test` runs these in English, solved, whose other cells are the same.
LONG = (
    "momentum-clinic",
    "momentum-distributed",
    "momentum-fast",
    "momentum-real",
    "momentum-today",
    "momentum-when",
)


@pytest.hookimpl(tryfirst=True)  # before those marked deep are left out
def pytest_collection_modifyitems(items):
    """Mark what needs a browser, so that `-m 'not browser'` leaves it out, and long starters as deep."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        if item.nodeid.startswith(tuple(f"notebooks/zh/{name}.ipynb" for name in LONG)):
            item.add_marker("deep")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Note of a test whether it has failed, for the screenshot."""
    report = yield
    item.failed = getattr(item, "failed", False) or report.failed
    return report
