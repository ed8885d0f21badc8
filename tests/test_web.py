"""The web edition: built once, served under a path of its own as GitHub Pages does, in Chromium."""

import functools
import gzip
import http.server
import io
import json
import os
import re
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import launch as launch_browser
from browser import needs_chromium, note_errors
from bs4 import BeautifulSoup
from common import ROOT, read
from playwright.sync_api import sync_playwright

from course import play
from course.play.playground import DEFAULTS
from tools import launch
from tools.sources import order
from web import build

LANGUAGES = {"zh": "zh-CN", "en": "en"}
OTHER = {"zh": "en", "en": "zh"}
PAGES = [*order(), "playground", "references", "class", "search"]
PLAYGROUNDS = {"playground", "momentum-scratch", "momentum-when", "momentum-why"}
REPOSITORY = "someone/momentum"
BASE = "/momentum"

pytestmark = needs_chromium


class Pages(http.server.SimpleHTTPRequestHandler):
    """Serves as GitHub Pages does: under BASE, compressed, with 404.html for what is not there."""

    def send_head(self):
        path = Path(self.translate_path(self.path.partition("?")[0]))
        path = path / "index.html" if path.is_dir() else path
        found = path.is_file()
        path = path if found else Path(self.directory) / "404.html"
        body, kind = path.read_bytes(), self.guess_type(path)
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", kind)
        if kind.startswith(("text/", "image/svg")) or "javascript" in kind:
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", len(body))
        self.end_headers()
        return io.BytesIO(body)

    def translate_path(self, path):
        inside = path.startswith(BASE + "/")
        return super().translate_path(path.removeprefix(BASE) if inside else "/nowhere")

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site, of a repository on GitHub, and give its folder."""
    folder = tmp_path_factory.mktemp("site") / "site"
    env = os.environ | {"GITHUB_REPOSITORY": REPOSITORY, "BASE_PATH": BASE}
    result = subprocess.run(
        [sys.executable, ROOT / "web/build.py", folder], env=env, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def address(site):
    """Serve the site on loopback; give its address."""
    handler = functools.partial(Pages, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{BASE}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = launch_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser, address):
    """Give a function that opens a page in a context of its own, with nothing in the cache."""
    contexts = []

    def open_page(own=address, **options):
        options = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"} | options
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        note_errors(page, (own, "data:", "blob:"))
        page.on(  # a page that is left drops what is under way
            "requestfailed",
            lambda r: r.failure == "net::ERR_ABORTED" or page.errors.append(r.url),
        )
        page.finished = []
        page.on("requestfinished", lambda request: page.finished.append(request))
        return page

    yield open_page
    for context in contexts:
        context.close()


def rendered(page):
    """Wait for the formulas and for each playground, which are made when one comes near."""
    page.evaluate("window.MathJax && MathJax.startup.promise")
    for one in page.locator("[data-playground]").all():
        one.scroll_into_view_if_needed()
        one.locator("canvas").first.wait_for()
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")


def markdown(language, name):
    """Give the text of a notebook, without its code, as the page shows it; of another page, none."""
    if name not in order():
        return ""
    cells = read(ROOT / f"notebooks/{language}/{name}.ipynb").cells
    text = "\n\n".join(
        cell.source
        for cell in cells
        if cell.cell_type == "markdown" and cell.id not in ("first", "last")
    )
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def barriers(page, *exclude, **options):
    """Give what axe-core finds to be a serious or critical barrier, and where.

    What is inside a formula is MathJax's, and takes long to look at. Without preload, as axe-core
    would ask for style sheets at wrong addresses.
    """
    context = {"exclude": [[selector] for selector in ("mjx-container > *", *exclude)]}
    options |= {"preload": False, "resultTypes": ["violations"]}
    return [
        (found["id"], [node["target"] for node in found["nodes"]])
        for found in Axe().run(page, context, options).response["violations"]
        if found["impact"] in ("serious", "critical")
    ]


def soups(site):
    """Give each HTML file of the site, parsed, by its path."""
    return {
        path: BeautifulSoup(path.read_bytes(), "html.parser")
        for path in sorted(site.glob("**/*.html"))
    }


# Every page


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page(new_page, address, language, name):
    page = new_page(color_scheme="light")
    page.goto(f"{address}/{language}/{name}.html")
    rendered(page)
    weight = sum(
        request.sizes()["responseBodySize"]
        for request in page.finished
        if "/mathjax/" not in request.url
    )
    assert 100_000 < weight < 1_000_000
    assert page.locator("html").get_attribute("lang") == LANGUAGES[language]
    alternates = page.locator("link[rel=alternate]").evaluate_all(
        "links => links.map(link => [link.hreflang, link.href])"
    )
    assert alternates == [
        [code, f"{address}/{folder}/{name}.html"] for folder, code in LANGUAGES.items()
    ]

    text = markdown(language, name)
    formulas = len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", text, flags=re.DOTALL))
    if name == "playground":
        formulas = 3  # in its page in web/pages: η, γ, κ
    if name == "class":
        formulas = 3  # k, c, and how long k learners wait
    assert page.locator("article mjx-container").count() == formulas
    assert page.locator("[data-mml-node=merror]").count() == 0

    images = page.locator("article img").evaluate_all(
        "images => images.map(image => [image.alt, image.naturalWidth > 0])"
    )
    alts = re.findall(r"!\[([^]]+)\]", text)
    if name in order():
        alts += [
            output.metadata["image/png"].alt
            for cell in read(ROOT / f"notebooks/{language}/{name}.ipynb").cells
            for output in cell.get("outputs", ())
            if "image/png" in output.get("data", {})
            and not output.data["text/plain"].startswith("trajectory(")  # the playground instead
        ]
    assert sorted(images) == sorted([alt, True] for alt in alts)

    assert page.locator("[data-playground] .playground").count() == (name in PLAYGROUNDS)
    assert barriers(page, "pre") == []  # code takes long; it has a test of its own, below
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 780})
    page.locator("html[data-theme=dark]").wait_for()
    # What may be different in the dark, and on a phone.
    assert barriers(page, "pre", runOnly=["color-contrast"]) == []
    assert barriers(page, runOnly=["scrollable-region-focusable"]) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert (page.foreign, page.errors) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_code_can_be_read(new_page, address, scheme):
    page = new_page(color_scheme=scheme)
    page.goto(f"{address}/en/momentum-gluon.html")  # has tokens of nearly every kind
    assert page.locator("html").get_attribute("data-theme") == scheme
    assert barriers(page, runOnly=["color-contrast"]) == []


def test_pages_follow_the_reading_order(site):
    pages = [name for name in PAGES if name != "search"]
    for language in LANGUAGES:
        for before, after in pairwise(pages):
            soup = BeautifulSoup((site / language / f"{before}.html").read_text(), "html.parser")
            assert soup.select_one("a.right-next")["href"] == f"{after}.html"
            assert not {"first", "last"} & {tag["id"] for tag in soup.select("[id]")}


def test_every_link_leads_somewhere(site):
    parsed = soups(site)
    ids = {path: {tag["id"] for tag in soup.select("[id]")} for path, soup in parsed.items()}
    broken, seen = [], 0
    for path, soup in parsed.items():
        base = soup.select_one("base")
        start = site.as_uri() + "/" if base else path.as_uri()
        assert base is None or base["href"] == f"{BASE}/"
        for tag in soup.select("[href], [src]"):
            link = tag.get("href") or tag.get("src")
            if link.startswith(("http:", "https:")) or tag.name == "base":
                continue
            target, _ = urldefrag(urljoin(start, link).partition("?")[0])
            file = Path(unquote(target.removeprefix("file://")))
            whole = urldefrag(link).fragment  # what stands after # in the link itself
            seen += 1
            if not file.is_file() or (whole and whole not in ids.get(file, ())):
                broken.append((path.relative_to(site), link))
    assert broken == []
    assert seen > 1000


def test_nothing_is_loaded_from_elsewhere(site):
    """A link may lead to another host, but nothing that a page loads."""
    for path, soup in soups(site).items():
        loads = soup.select("[src], link[rel=stylesheet], link[rel=preload], link[rel=icon]")
        for tag in loads:
            assert "//" not in (tag.get("src") or tag.get("href")), (path, tag)


# Languages


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_switch_stays_at_the_same_place(new_page, address, language):
    page = new_page()
    page.goto(f"{address}/{language}/momentum-why.html#regimes")
    rendered(page)
    page.locator("a.language").click()
    page.wait_for_url(f"{address}/{OTHER[language]}/momentum-why.html#regimes")
    rendered(page)
    heading = page.locator("#regimes h2")
    assert heading.inner_text().startswith({"zh": "Real roots", "en": "实根"}[language])
    page.locator("a.language").click()
    page.wait_for_url(f"{address}/{language}/momentum-why.html#regimes")


def test_anchors_are_the_same_in_both_languages(site):
    for name in PAGES:
        sections = [
            [tag["id"] for tag in soup.select("article section")]
            for soup in (
                BeautifulSoup((site / language / f"{name}.html").read_text(), "html.parser")
                for language in LANGUAGES
            )
        ]
        assert sections[0] == sections[1]


def test_the_language_switch_keeps_the_state_of_the_playground(new_page, address):
    page = new_page()
    page.goto(f"{address}/zh/playground.html#kappa=300")
    rendered(page)
    page.locator("a.language").click()
    page.wait_for_url(f"{address}/en/playground.html#kappa=300")
    assert page.locator("input[type=number][data-key=kappa]").input_value() == "300"


@pytest.mark.parametrize(
    ("locale", "language"), [("zh-TW", "zh"), ("zh-CN", "zh"), ("en-GB", "en"), ("fr-FR", "en")]
)
def test_the_start_page_sends_on_to_the_readers_language(new_page, address, locale, language):
    page = new_page(locale=locale)
    page.goto(f"{address}/")
    page.wait_for_url(f"{address}/{language}/index.html")
    assert page.foreign == []


def test_the_start_page_without_javascript(new_page, address):
    page = new_page(java_script_enabled=False)
    page.goto(f"{address}/")
    for language in LANGUAGES:
        page.locator(f"a[href='{language}/index.html']").click()
        page.wait_for_url(f"{address}/{language}/index.html")
        page.go_back()


def test_a_page_that_is_not_there(new_page, address):
    page = new_page()
    assert page.goto(f"{address}/zh/no/such.html").status == 404
    assert barriers(page) == []
    assert (page.foreign, len(page.errors)) == ([], 1)  # Chromium reports the 404 itself
    page.locator("a[hreflang=en]").click()
    page.wait_for_url(f"{address}/en/index.html")


# Search


@pytest.mark.parametrize(
    ("language", "phrase", "first"),
    [
        ("zh", "指数加权移动平均", {"momentum-scratch", "glossary"}),
        ("zh", "学习率", None),
        ("zh", "临界阻尼", {"momentum-why", "glossary"}),
        ("en", "critical damping", {"momentum-why", "glossary"}),
        ("en", "Learning rates", None),
    ],
)
def test_the_search_finds_the_pages(new_page, address, language, phrase, first):
    page = new_page()
    page.goto(f"{address}/{language}/index.html", wait_until="networkidle")
    page.keyboard.press("Control+k")
    page.keyboard.type(phrase)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?*")
    page.locator("#results li").first.wait_for()
    links = page.locator("#results a").evaluate_all("links => links.map(link => link.href)")
    found = [re.search(r"/(zh|en)/([\w-]+)\.html", link) for link in links]
    assert {match[1] for match in found} == {language}
    names = [match[2] for match in found]
    having = {name for name in order() if phrase.lower() in markdown(language, name).lower()}
    assert having and having <= set(names)
    if first:
        assert set(names[: len(first)]) == first
    assert all(page.locator("#results mark").all_inner_texts())
    assert barriers(page) == []
    page.locator("#results a").first.click()
    page.wait_for_url(links[0])
    assert (page.foreign, page.errors) == ([], [])
    fragment = urldefrag(links[0]).fragment
    assert page.locator(f"[id='{fragment}']").is_visible()


@pytest.mark.parametrize(
    ("language", "query", "said"),
    [
        ("zh", "恐龙", "没有找到“恐龙”。"),
        ("en", "<b>zyzzyva", "Nothing found for “<b>zyzzyva”."),
    ],
)
def test_the_search_says_that_it_finds_nothing(new_page, address, language, query, said):
    page = new_page()
    page.goto(f"{address}/{language}/search.html?q={query}")
    page.get_by_text(said).wait_for()
    assert page.locator("#results li").count() == 0
    assert (page.foreign, page.errors) == ([], [])


# Without a server


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_opened_from_a_file(new_page, site, language):
    page = new_page(own="file:")
    page.goto((site / language / "momentum-why.html").as_uri())
    rendered(page)
    assert page.locator("article mjx-container").count() > 100
    assert page.locator("[data-playground] .playground").count() == 1
    page.locator("a.language").click()
    page.wait_for_url((site / OTHER[language] / "momentum-why.html").as_uri())
    page.goto((site / language / "search.html").as_uri() + "?q=momentum")
    said = {"zh": "从文件打开的网页不能搜索", "en": "Pages opened from files cannot be searched"}
    page.get_by_text(said[language]).wait_for()
    assert (page.foreign, page.errors) == ([], [])


# Buttons


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_buttons_of_a_chapter(site, language):
    for name in order():
        html = BeautifulSoup((site / language / f"{name}.html").read_text(), "html.parser")
        links = {tag["href"] for tag in html.select(".article-header-buttons a")}
        path = f"notebooks/{language}/{name}.ipynb"
        assert f"https://mybinder.org/v2/gh/{REPOSITORY}/main?urlpath=lab/tree/{path}" in links
        assert f"https://github.com/{REPOSITORY}" in links
        assert f"_sources/{name}.ipynb" in links
        downloaded = site / language / f"_sources/{name}.ipynb"
        assert downloaded.read_bytes() == (ROOT / path).read_bytes()


# For instructors


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_class_page_shows_what_was_measured(site, language):
    page = BeautifulSoup((site / language / "class.html").read_text(), "html.parser")
    measured = json.loads((ROOT / "benchmarks/classroom.json").read_text())
    unset = {"zh": "未设置", "en": "unset"}[language]
    shown = [[cell.text for cell in row.select("td")] for row in page.select("tbody tr")]
    assert shown == [
        [
            *(str(row["learners"]), str(row["threads"] or unset), f"{row['all_done_s']:.1f}"),
            *(f"{row['run_cell_s']:.1f}", f"{row['cpu_s']:.1f}"),
            *(f"{row['pss_mb']:,.0f}", f"{row['sum_pss_mb']:,.0f}"),
        ]
        for row in measured["entries"]
    ]
    text = page.select_one("article").text
    assert f"classroom.py --learners {measured['entries'][-1]['learners']}" in text
    assert f" {measured['server_mb']:.0f} MB" in text


def test_the_stored_measurement_is_of_a_class_of_twenty():
    measured = json.loads((ROOT / "benchmarks/classroom.json").read_text())
    rows = [(row["learners"], row["threads"]) for row in measured["entries"]]
    assert rows == [(learners, threads) for learners in (1, 20) for threads in (None, 1, 2)]
    assert measured["failed"] == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_class_page_gives_the_links_of_this_repository(site, language):
    text = BeautifulSoup((site / language / "class.html").read_text(), "html.parser").text
    assert launch.binder_link(REPOSITORY, language) in text
    assert launch.hub_link("https://hub.example.org", REPOSITORY, language) in text
    assert "OWNER/REPOSITORY" not in text


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """Build pages of a repository without address.

    A link and a picture lead nowhere; a notebook shows course.play's playground.
    """
    folder = tmp_path_factory.mktemp("faulty")
    build.prepare(folder)
    with (folder / "notebooks/en/playground.md").open("a") as page:
        page.write("\n\n[nowhere](nowhere.ipynb)\n")
    with (folder / "notebooks/zh/playground.md").open("a") as page:
        page.write("\n\n![nothing](../../img/nothing.png)\n")
    path = folder / "notebooks/en/glossary.ipynb"
    glossary = read(path)
    shown = {"text/plain": repr(play.trajectory(eta=0.5, start=(1, -1), nesterov=True))}
    output = nbformat.v4.new_output("execute_result", shown)
    glossary.cells.append(nbformat.v4.new_code_cell("play.trajectory()", outputs=[output]))
    nbformat.write(glossary, path)
    env = os.environ | {"GIT_DIR": str(folder), "GITHUB_REPOSITORY": ""}
    code = "import sys, pathlib; from web import build; build.run_sphinx(*map(pathlib.Path, sys.argv[1:]))"
    result = subprocess.run(
        [sys.executable, "-c", code, folder, folder / "site"],
        **{"cwd": ROOT, "env": env, "capture_output": True, "text": True},
    )
    return folder / "html", result


def test_no_buttons_without_an_address(faulty):
    pages = list(faulty[0].glob("*/*.html"))
    assert len(pages) == 2 * len(PAGES)
    for path in pages:
        links = [tag["href"] for tag in BeautifulSoup(path.read_text(), "html.parser").select("a")]
        assert links
        assert not [link for link in links if re.search(r"mybinder\.org|github\.com", link)]


def test_broken_links_and_pictures_stop_the_build(faulty):
    _, result = faulty
    assert result.returncode != 0
    assert "nowhere.ipynb" in result.stderr
    assert "nothing.png" in result.stderr
    assert "The web edition was not built." in result.stderr


def test_the_playground_stands_where_a_notebook_shows_it(faulty):
    soup = BeautifulSoup((faulty[0] / "en/glossary.html").read_text(), "html.parser")
    (element,) = soup.select("[data-playground]")
    state = DEFAULTS | {"eta": 0.5, "x1": 1, "x2": -1, "nesterov": True}
    assert json.loads(element["data-playground"]) == state


# References


def test_the_references_name_the_chapters_that_cite_them():
    page = build.references("en")
    polyak = next(line for line in page.splitlines() if "Polyak" in line)
    assert polyak.endswith("Cited in [](/momentum-when.ipynb), [](/momentum-why.ipynb).")


def test_a_reference_that_nothing_cites_is_an_error(monkeypatch, tmp_path):
    (tmp_path / "references.toml").write_text(
        '[[reference]]\nauthors = "N. Body"\ntitle = "Never cited"\nwhere = "Nowhere"\n'
    )
    monkeypatch.setattr(build, "WEB", tmp_path)
    with pytest.raises(ValueError, match="no notebook cites “Never cited”"):
        build.references("zh")
