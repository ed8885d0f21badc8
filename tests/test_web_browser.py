"""The web edition in Chromium, served under a path of its own as GitHub Pages does."""

import functools
import gzip
import html
import http.server
import io
import re
import threading
from pathlib import Path
from urllib.parse import urldefrag

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import needs_chromium, wait_until
from common import BASE_PATH, PAGES, PLAYGROUNDS, TRAININGS, markdown, numbers, outputs

from tools.sources import order

LANGUAGES = ("zh", "en")

pytestmark = needs_chromium


@functools.cache
def compressed(path):
    return gzip.compress(path.read_bytes())


class Pages(http.server.SimpleHTTPRequestHandler):
    """Serves as GitHub Pages does: below BASE_PATH, compressed, with 404.html for what is missing.

    Pages share a context; so that each loads all that it needs, only MathJax may be cached.
    """

    def send_head(self):
        path = Path(self.translate_path(self.path.partition("?")[0]))
        path = path / "index.html" if path.is_dir() else path
        found = path.is_file()
        path = path if found else Path(self.directory) / "404.html"
        kind = self.guess_type(path)
        text = kind.startswith(("text/", "image/svg")) or "javascript" in kind
        body = compressed(path) if text else path.read_bytes()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", kind)
        if text:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Cache-Control", "max-age=600" if "/mathjax/" in self.path else "no-store")
        self.send_header("Content-Length", len(body))
        self.end_headers()
        return io.BytesIO(body)

    def translate_path(self, path):
        inside = path.startswith(BASE_PATH + "/")
        return super().translate_path(path.removeprefix(BASE_PATH) if inside else "/nowhere")

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address(site):
    """Serve the site on loopback; give its address."""
    handler = functools.partial(Pages, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{BASE_PATH}"
        server.shutdown()


@pytest.fixture
def open_page(new_page, address):
    """Give a function that opens an empty page, for the site at its address unless said."""

    def open_page(own=address, **options):
        page = new_page((own,), **options)
        page.on(  # a page that is left drops what is under way
            "requestfailed",
            lambda r: r.failure == "net::ERR_ABORTED" or page.errors.append(r.url),
        )
        page.finished = []
        page.on("requestfinished", lambda request: page.finished.append(request))
        return page

    return open_page


def rendered(page):
    """Wait for the formulas, and for widgets and exercises, made when one comes near."""
    page.evaluate("window.MathJax && MathJax.startup.promise")
    for one in page.locator("[data-playground], [data-training]").all():
        one.scroll_into_view_if_needed()
        one.locator("section").wait_for()
    if page.locator("[data-exercise]").count():
        page.locator("[data-exercise]").first.scroll_into_view_if_needed()
        page.locator("[data-exercise] :is(form, textarea)").first.wait_for(state="attached")
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")


# What MathJax makes of a formula that is wrong, and of a command that it does not know
WRONG = "[data-mml-node=merror], mjx-container [fill=red]"

# What scrolls sideways inside itself and cannot with the keyboard
UNREACHABLE = """() => [...document.querySelectorAll("body :not(mjx-container *)")].filter((one) =>
  /auto|scroll/.test(getComputedStyle(one).overflowX) && one.scrollWidth > one.clientWidth &&
  !one.matches("[tabindex]") && !one.querySelector("a, button, input, [tabindex]")
).map((one) => one.outerHTML.slice(0, 100))"""

# What is inside a formula is MathJax's, and code has thousands of tokens: one of a kind is enough.
SIMPLIFY = """() => {
  document.querySelectorAll("mjx-container").forEach((one) => one.replaceChildren());
  const seen = new Set();
  for (const token of document.querySelectorAll("pre span")) {
    if (seen.has(token.className)) token.replaceWith(token.textContent);
    seen.add(token.className);
  }
}"""


def barriers(page, **options):
    """Give what axe-core finds to be a serious or critical barrier, and where.

    Changes the page. Without preload, as axe-core would ask for style sheets at wrong addresses.
    """
    page.evaluate(SIMPLIFY)
    options |= {"preload": False, "resultTypes": ["violations"]}
    return [
        (found["id"], [node["target"] for node in found["nodes"]])
        for found in Axe().run(page, None, options).response["violations"]
        if found["impact"] in ("serious", "critical")
    ]


# Every page


# Chapters whose pages hold nothing that another's does not
ALIKE = {"gd-sgd-scratch", "momentum-gluon", "momentum-noise", "momentum-real", "momentum-clinic"}


# What its files say, test_web.py reads of every page in both languages. Opened, pages differ in the
# length of their words, and the English ones are longer; in Chinese, and in the dark, they are for
# `deep`, and so are the chapters that are alike.
@pytest.mark.parametrize(
    ("language", "scheme", "name"),
    [
        pytest.param(language, scheme, name, marks=[pytest.mark.deep] if deep else [])
        for language, scheme in (("en", "light"), ("zh", "dark"))
        for name in PAGES
        for deep in [language == "zh" or name in ALIKE]
    ],
)
def test_a_page(open_page, address, language, scheme, name):
    page = open_page(color_scheme=scheme)
    page.goto(f"{address}/{language}/{name}.html")
    rendered(page)
    weight = sum(
        request.sizes()["responseBodySize"]
        for request in page.finished
        if "/mathjax/" not in request.url
    )
    assert 100_000 < weight < 1_000_000
    formulas = page.locator("article mjx-container").count()
    assert formulas == page.locator("article .math").count()
    assert page.locator(WRONG).count() == 0
    widths = page.locator("article img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert all(widths)
    assert page.locator("[data-playground] .playground").count() == (name in PLAYGROUNDS)
    assert page.locator("[data-training] .training").count() == (name in TRAININGS)

    page.set_viewport_size({"width": 360, "height": 780})  # a phone
    page.wait_for_function("innerWidth === 360")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    wait_until(lambda: page.evaluate(UNREACHABLE) == [], 60, "the keyboard scrolls everything")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function("innerWidth === 1280")
    wait_until(lambda: page.evaluate(UNREACHABLE) == [], 60, "the keyboard scrolls everything")
    assert page.locator("html").get_attribute("data-theme") == scheme
    # Without the rule that has just been looked at, for every width that the page takes
    assert barriers(page, rules={"scrollable-region-focusable": {"enabled": False}}) == []
    assert (page.foreign, page.errors) == ([], [])


# With code of nearly every kind, a playground and pictures, a table
@pytest.mark.parametrize("name", ["momentum-gluon", "momentum-scratch", "class-setup"])
def test_colours_in_the_dark(open_page, address, name):
    page = open_page(color_scheme="dark")
    page.goto(f"{address}/en/{name}.html")
    rendered(page)
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert barriers(page, runOnly=["color-contrast"]) == []


def test_formulas_that_only_chinese_pages_have(open_page, address, site):
    """Those of the English pages are shown by `test_a_page`."""
    zh, en = (
        {
            html.unescape(formula)[2:-2]  # without \( \) or \[ \]
            for path in (site / language).glob("*.html")
            for formula in re.findall(r'class="math[^>]*>(\\[(\[].*?)</', path.read_text(), re.S)
        }
        for language in LANGUAGES
    )
    assert len(zh & en) > 100
    page = open_page()
    page.goto(f"{address}/zh/playground.html")
    rendered(page)
    mistakes = [r"\nosuch", r"\frac{1"]
    wrong = page.evaluate(
        """([all, wrong]) => all.filter((one) => {
          const place = document.createElement("div");
          place.append(MathJax.tex2svg(one));
          return place.querySelector(wrong);
        })""",
        [[*mistakes, *sorted(zh - en)], WRONG],
    )
    assert wrong == mistakes


# Widgets


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_chapters_training_is_live(open_page, address, language):
    """In the picture's place, and it ends where the chapter's own run ended in MXNet."""
    page = open_page()
    page.goto(f"{address}/{language}/momentum-scratch.html")
    cell = page.locator(".cell", has_text="play.training(X, y, init_params)")
    assert cell.locator("img").count() == 1
    rendered(page)
    assert cell.locator("img").count() == 0
    training = page.locator("[data-training] .training")
    row = training.locator("tbody tr")
    assert re.search("η = 0.2.*γ = 0.9.* 10", row.locator("th").inner_text(), re.DOTALL)
    ran = outputs("momentum-scratch")["run"]
    (loss,) = numbers("epoch 3.*loss (.*)", ran)
    w, (b,) = re.search("w: (.*)", ran)[1].replace("-", "−"), numbers("b: (.*)", ran)
    assert row.locator("td").first.inner_text() == f"{loss:.2e}".replace("e-0", "e−")
    learned = training.locator("#learned")
    assert f"({w})" in learned.inner_text()
    assert f"{b}" in learned.inner_text()

    before = training.locator("#current").get_attribute("d")
    training.locator("#mom").fill("500")
    row.filter(has_text="γ = 0.5").wait_for()
    assert training.locator("#current").get_attribute("d") != before
    assert float(row.locator("td").last.inner_text()) < 100
    assert (page.foreign, page.errors) == ([], [])


@pytest.mark.parametrize(
    ("name", "eta", "gamma"), [("momentum-scratch", "0.2", "0.9"), ("momentum-why", "1", "0.8")]
)
def test_a_playground_opens_where_the_text_stands_whatever_the_fragment(
    open_page, address, name, eta, gamma
):
    page = open_page()
    page.goto(f"{address}/en/{name}.html#summary")
    rendered(page)
    playground = page.locator("[data-playground]")
    for key, value in (("eta", eta), ("gamma", gamma)):
        assert playground.locator(f"[inputmode][data-key={key}]").input_value() == value


def test_a_skip_link_leaves_the_playground_as_it_is(open_page, address):
    page = open_page()
    page.goto(f"{address}/en/playground.html#eta=0.5&gamma=0.7&kappa=300")
    rendered(page)
    page.locator("a[href='#main-content']").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**#main-content")
    for key, value in (("eta", "0.5"), ("gamma", "0.7"), ("kappa", "300")):
        assert page.locator(f"[inputmode][data-key={key}]").input_value() == value


# Languages


def test_the_language_switch_stays_at_the_same_place(open_page, address):
    page = open_page()
    page.goto(f"{address}/zh/momentum-gluon.html#summary")
    for language, heading in (("en", "Summary"), ("zh", "小结")):
        page.locator("a.language").click()
        page.wait_for_url(f"{address}/{language}/momentum-gluon.html#summary")
        assert page.locator("#summary h2").inner_text().startswith(heading)


def test_the_language_switch_keeps_the_state_of_the_playground(open_page, address):
    page = open_page()
    page.goto(f"{address}/zh/playground.html#kappa=300")
    rendered(page)
    page.locator("a.language").click()
    page.wait_for_url(f"{address}/en/playground.html#kappa=300")
    assert page.locator("input[role=spinbutton][data-key=kappa]").input_value() == "300"


@pytest.mark.parametrize(
    ("locale", "language"), [("zh-TW", "zh"), ("zh-CN", "zh"), ("en-GB", "en"), ("fr-FR", "en")]
)
def test_the_start_page_sends_on_to_the_readers_language(open_page, address, locale, language):
    page = open_page(locale=locale)
    page.goto(f"{address}/")
    page.wait_for_url(f"{address}/{language}/index.html", wait_until="commit")
    assert page.foreign == []


def test_the_start_page_without_javascript(open_page, address):
    page = open_page(java_script_enabled=False)
    page.goto(f"{address}/")
    for language in LANGUAGES:
        page.locator(f"a[href='{language}/index.html']").click()
        page.wait_for_url(f"{address}/{language}/index.html")
        page.go_back()


def test_a_page_that_is_not_there(open_page, address):
    page = open_page()
    assert page.goto(f"{address}/zh/no/such.html").status == 404
    assert barriers(page) == []
    assert (page.foreign, len(page.errors)) == ([], 1)  # Chromium reports the 404 itself
    page.locator("a[hreflang=en]").click()
    page.wait_for_url(f"{address}/en/index.html")


# Search


@pytest.mark.parametrize(
    ("language", "phrases", "absent", "said"),
    [
        (
            "zh",
            {
                "指数加权移动平均": {"momentum-scratch", "momentum-gluon", "glossary"},
                "临界阻尼": {"momentum-why", "glossary"},
                "学习率": set(),
            },
            "恐龙",
            "没有找到“恐龙”。",
        ),
        (
            "en",
            {"critical damping": {"momentum-why", "glossary", "class"}, "Learning rates": set()},
            "<b>zyzzyva",
            "Nothing found for “<b>zyzzyva”.",
        ),
    ],
)
def test_the_search(open_page, address, site, language, phrases, absent, said):
    """Each phrase is found on every page that has it, and first where `phrases` says."""
    page = open_page()
    page.goto(f"{address}/{language}/index.html")
    page.keyboard.press("Control+k")
    page.locator("input[type=search]:focus").wait_for()
    page.keyboard.type(absent)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?*")
    page.get_by_text(said).wait_for()
    assert page.locator("#results li").count() == 0
    for phrase, first in phrases.items():
        page.goto(f"{address}/{language}/search.html?q={phrase}")
        page.locator("#results li").first.wait_for()
        links = page.locator("#results a").evaluate_all("links => links.map(link => link.href)")
        names = []
        for link in links:
            own, fragment = urldefrag(link.removeprefix(f"{address}/{language}/"))
            assert f'id="{fragment}"' in (site / language / own).read_text()
            names.append(own.removesuffix(".html"))
        having = {name for name in order() if phrase.lower() in markdown(language, name).lower()}
        assert having and having <= set(names)
        assert set(names[: len(first)]) == first
        assert all(page.locator("#results mark").all_inner_texts())
    assert barriers(page) == []
    page.locator("#results a").first.click()
    page.wait_for_url(links[0])
    assert page.locator(f"[id='{urldefrag(links[0]).fragment}']").is_visible()
    assert (page.foreign, page.errors) == ([], [])


# Without a server


def test_pages_opened_from_files(open_page, site):
    page = open_page(own="file:")
    page.goto((site / "zh/momentum-when.html").as_uri())
    for language, cannot in (
        ("zh", "从文件打开的网页不能搜索"),
        ("en", "Pages opened from files cannot be searched"),
    ):
        page.wait_for_url((site / language / "momentum-when.html").as_uri())
        rendered(page)
        assert page.locator("article mjx-container").count() > 30
        assert page.locator("[data-playground] .playground").count() == 1
        assert page.locator("[data-training] #current").get_attribute("d")
        page.goto((site / language / "search.html").as_uri() + "?q=momentum")
        page.get_by_text(cannot).wait_for()
        page.go_back()
        page.locator("a.language").click()
    assert (page.foreign, page.errors) == ([], [])
