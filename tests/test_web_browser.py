"""The web edition in Chromium, served under a path of its own as GitHub Pages does."""

import functools
import html
import re
from urllib.parse import parse_qs, quote, urldefrag, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import needs_chromium, wait_until
from bs4 import BeautifulSoup
from common import PAGES, PLAYGROUNDS, TRAININGS, numbers, outputs

LANGUAGES = ("zh", "en")

pytestmark = needs_chromium


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
ALIKE |= {"momentum-fast", "momentum-distributed", "momentum-adam", "momentum-today", "class-setup"}


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
    page.wait_for_function("document.documentElement.scrollWidth === 360")
    wait_until(lambda: page.evaluate(UNREACHABLE) == [], 60, "the keyboard scrolls everything")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function("innerWidth === 1280")
    wait_until(lambda: page.evaluate(UNREACHABLE) == [], 60, "the keyboard scrolls everything")
    assert page.locator("html").get_attribute("data-theme") == scheme
    # Without the rule that has just been looked at, for every width that the page takes
    assert barriers(page, rules={"scrollable-region-focusable": {"enabled": False}}) == []
    assert (page.foreign, page.errors) == ([], [])


# With a playground and pictures; code of nearly every kind; a table
@pytest.mark.parametrize(
    "name",
    [
        "momentum-scratch",
        pytest.param("momentum-gluon", marks=pytest.mark.deep),
        pytest.param("class-setup", marks=pytest.mark.deep),
    ],
)
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


@pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=pytest.mark.deep)])
def test_a_page_opened_again_is_where_it_was(open_page, address, language):
    """Though widgets and exercises come late, also to those that have passed."""
    page = open_page(viewport={"width": 1280, "height": 780})
    page.goto(f"{address}/{language}/momentum-scratch.html")
    rendered(page)
    top = "document.querySelector('#discussion').getBoundingClientRect().top"
    page.evaluate("scrollTo({top: document.body.scrollHeight, behavior: 'instant'})")
    wait_until(lambda: 0 < page.evaluate(top) < 400, 60, "the end is in sight")
    before = page.evaluate(top)

    def is_back():
        page.evaluate("window.MathJax && MathJax.startup.promise")
        page.locator("[data-exercise] form").first.wait_for(state="attached")
        wait_until(lambda: page.evaluate(top) == pytest.approx(before, abs=4), 60, "it is there")

    for _ in range(2):  # the second time, a widget that is far has not come again
        page.reload()
        is_back()
    page.goto(f"{address}/{language}/search.html")
    page.go_back()
    is_back()
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


def test_on_a_phone_the_contents_close_once_one_has_chosen(open_page, address):
    page = open_page(viewport={"width": 360, "height": 780})
    page.goto(f"{address}/en/momentum-gluon.html")
    page.locator("button.secondary-toggle:visible").click()
    contents = page.locator("dialog#pst-secondary-sidebar-modal[open]")
    contents.locator("a[href='#summary']").click()
    contents.wait_for(state="detached")
    top = page.locator("#summary")
    wait_until(lambda: 0 < top.bounding_box()["y"] < 100, 60, "the page has scrolled there")


@pytest.mark.parametrize("width", [360, pytest.param(1280, marks=pytest.mark.deep)])
def test_the_language_switch_leads_to_the_section_in_sight(open_page, address, width):
    """Whether the address names it, names another, or none."""
    page = open_page(viewport={"width": width, "height": 780})
    page.goto(f"{address}/en/momentum-gluon.html")
    rendered(page)
    link = page.locator("a.language")
    link.evaluate("one => one.addEventListener('click', (event) => event.preventDefault())")
    for fragment in ("", "#sum-text", "#summary"):
        for shift in (0, -60, 200):  # of what is read, from where a jump leads
            page.evaluate(
                """([fragment, shift]) => {
                  history.replaceState(null, "", location.pathname + fragment);
                  document.getElementById("summary").scrollIntoView({ behavior: "instant" });
                  scrollBy({ top: shift, behavior: "instant" });
                }""",
                [fragment, shift],
            )
            box = link.bounding_box()  # Playwright's own click scrolls the page first
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            assert urldefrag(link.get_attribute("href")).fragment == "summary", (fragment, shift)


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


# Home


@pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=pytest.mark.deep)])
def test_the_homes_figure_is_alive(open_page, address, language):
    page = open_page()
    page.goto(f"{address}/{language}/index.html")
    rendered(page)
    figure = page.locator("[data-small] .playground")
    assert figure.locator("input:visible").count() == 2  # γ: its slider and its box
    assert figure.locator("canvas:visible").count() == 1
    label = figure.locator("#paths")
    before = label.get_attribute("aria-label")
    handle = figure.locator("#start").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 30, steps=4)
    page.mouse.up()
    wait_until(lambda: label.get_attribute("aria-label") != before, 60, "the paths are drawn anew")
    moved = figure.locator("#start").bounding_box()
    assert moved["x"] - handle["x"] == pytest.approx(40, abs=2)
    assert moved["y"] - handle["y"] == pytest.approx(30, abs=2)
    before = label.get_attribute("aria-label")
    figure.locator("#gamma").fill("0")
    wait_until(lambda: label.get_attribute("aria-label") != before, 60, "γ is 0")
    momentum, descent = re.findall(r"\([^)]+\)", label.get_attribute("aria-label"))
    assert momentum == descent
    assert (page.foreign, page.errors) == ([], [])


def test_home_ticks_what_is_done_on_this_device(open_page, address):
    page = open_page(viewport={"width": 1279, "height": 900})  # a context, and device, of its own
    page.goto(f"{address}/en/index.html")
    done = page.locator("[data-chapter=momentum-scratch]")
    page.wait_for_load_state()
    assert not done.is_visible()
    page.evaluate("""for (const [cell, kept] of Object.entries({
        a: '{"done": true}', b: '{"tried": true}', c: 'broken', d: '{"done": true, "answers": []}',
    })) localStorage.setItem(`momentum-lab/momentum-scratch/${cell}`, kept)""")
    page.reload()
    page.get_by_text("2 of 4 exercises done").wait_for()
    assert page.locator(".done:visible").count() == 1
    page.evaluate("""for (const cell of ["b", "c"])
        localStorage.setItem(`momentum-lab/momentum-scratch/${cell}`, '{"done": true}')""")
    page.goto(f"{address}/zh/index.html")
    page.get_by_text("✓ 练习已完成 4/4").wait_for()
    assert barriers(page) == []
    page.evaluate("localStorage.clear()")
    assert (page.foreign, page.errors) == ([], [])


def test_the_copy_button_lies_beside_the_homes_commands(open_page, address):
    page = open_page(viewport={"width": 360, "height": 780})
    page.goto(f"{address}/en/index.html")
    button = page.locator("#run .copy").bounding_box()
    edge = page.locator("#run pre").evaluate(
        """one => { const range = new Range(); range.selectNodeContents(one);
          return Math.max(...[...range.getClientRects()].map((line) => line.right)); }"""
    )
    assert edge <= button["x"]


# Search


def having(site, language, term):
    """Give the pages that show a term, at the beginning of a word where words have spaces."""
    sign = "a-z0-9à-ÿα-ω"
    parts = re.split(r"[\s-]+", term.lower())
    begin = rf"(?<![{sign}])" if re.match(f"[{sign}]", term.lower()) else ""
    pattern = re.compile(begin + r"[\s-]*".join(map(re.escape, parts)))
    return {name for name, text in texts(site, language).items() if pattern.search(text)}


@functools.cache
def texts(site, language):
    """Give what each page shows, but formulas, in lower case; without spaces around Chinese."""
    found = {}
    for path in (site / language).glob("*.html"):
        article = BeautifulSoup(path.read_text(), "html.parser").select_one("article")
        for one in article.select(".headerlink, noscript, script, [hidden]"):
            one.decompose()
        for one in article.select(".math"):
            one.replace_with(" □ ")
        for one in article.select("h1, h2, h3, p, li, td, th, pre, div"):
            one.insert_after("■")
            one.insert(0, "■")
        text = re.sub(r"\s+", " ", article.text.lower())
        if path.stem != "search":
            found[path.stem] = re.sub("(?<=[一-鿿]) | (?=[一-鿿])", "", text)
    return found


@pytest.mark.parametrize("language", ["zh", pytest.param("en", marks=pytest.mark.deep)])
def test_the_search_finds_each_term_of_the_glossary_where_it_is(open_page, address, site, language):
    page = open_page()
    page.goto(f"{address}/{language}/search.html")
    page.wait_for_function("window.momentumSearch")
    rows = (site / language / "glossary.html").read_text()
    cells = [
        [cell.text for cell in row.select("td")[:2]]
        for row in BeautifulSoup(rows, "html.parser").select("tbody tr")
    ]
    terms = sorted({term for row in cells for cell in row for term in cell.split("、")})
    assert len(terms) > 150
    found = page.evaluate(
        """terms => terms.map((term) => momentumSearch.find(term).pages.map((one) =>
          one.address.replace(".html", "")).sort())""",
        terms,
    )
    wrong = {}
    for term, pages in zip(terms, found):
        bare = re.sub("(?<=[一-鿿]) | (?=[一-鿿])", "", term)
        if set(pages) != having(site, language, bare):
            wrong[term] = set(pages) ^ having(site, language, bare)
    assert wrong == {}
    assert {"glossary"} <= set.intersection(*map(set, found))
    assert (page.foreign, page.errors) == ([], [])


@pytest.mark.parametrize(
    ("language", "queries"),
    [
        (
            "en",
            {
                "critical damping": "Pages with “critical damping”: 3.",
                "LEARNING-RATE decay": "Pages with “LEARNING-RATE decay”",
                "η/(1−γ)": "Pages with “η/(1−γ)”",
                "0.9": "Pages with “0.9”",
                "damping zebra": "Nothing found for “damping zebra”.",
                "decay zero momentum": "No page has “decay zero momentum” just so.",
                "$&": "Nothing found for “$&”.",
                "<b>zyzzyva": "Nothing found for “<b>zyzzyva”.",
                "[": "Pages with “[”",
            },
        ),
        (
            "zh",
            {
                "０．９": "页含有“０．９”",
                "Hessian矩阵": "页含有“Hessian矩阵”",
                "学 习 率": "页含有“学 习 率”",
                "恐龙": "没有找到“恐龙”。",
                "$'": "没有找到“$'”。",
            },
        ),
    ],
)
def test_the_search_while_typing(open_page, address, language, queries):
    page = open_page()
    page.goto(f"{address}/{language}/search.html?q={quote('SGD')}")
    page.locator("#results a").first.wait_for()
    for query, said in queries.items():
        page.locator("article input[type=search]").fill(query)
        page.locator("#status").get_by_text(said).wait_for()
        none = said.startswith(("Nothing", "没有找到"))
        assert (page.locator("#results li").count() == 0) == none
        assert parse_qs(urlsplit(page.url).query)["q"] == [query]
    assert (page.foreign, page.errors) == ([], [])


def test_the_search_does_not_take_0_99_for_0_9(open_page, address):
    page = open_page()
    page.goto(f"{address}/en/search.html?q=0.9")
    page.locator("#results mark").first.wait_for()
    marked = page.evaluate(
        """[...momentumSearch.pattern("0.9")[Symbol.matchAll]("0.99 10.9 0.9, 0.9. 0.9.1 x=0.9")]
          .map((one) => one.index)"""
    )
    assert marked == [10, 15, 28]


def test_the_search_shows_text_before_code_and_code_in_its_lines(open_page, address):
    page = open_page()
    page.goto(f"{address}/zh/search.html?q=momentum")
    page.locator("#results mark").first.wait_for()
    inside = "all => all.map((one) => Boolean(one.querySelector('mark')?.matches('.code')))"
    of_code = page.locator("#results li").evaluate_all(inside)
    assert 1 < sum(of_code) < len(of_code)
    assert of_code == sorted(of_code)
    page.locator("article input[type=search]").fill("from mxnet import autograd")
    code = page.locator("#results .code:not(mark)", has_text=", nd").first
    code.wait_for()
    lines = code.inner_text().splitlines()
    assert len(lines) > 1
    assert not any(" from " in line or " · " in line for line in lines)


def test_the_search_of_the_dialog(open_page, address, site):
    """It answers while one types, with formulas drawn, and leads to the section."""
    page = open_page()
    page.goto(f"{address}/en/glossary.html")
    page.keyboard.press("Control+k")
    field = page.locator("dialog input[type=search]:focus")
    field.wait_for()
    page.keyboard.type("spectral rad")
    item = page.locator("dialog .found li").first
    item.locator("mark").first.wait_for()
    assert "pectral rad" in item.inner_text()
    field.fill("stability edge")
    page.locator("dialog .found mjx-container").first.wait_for()
    assert page.locator("dialog .found .math:not(:has(mjx-container))").count() == 0
    # The magnifier does not lie over what one types.
    glass = page.locator("dialog .fa-magnifying-glass").bounding_box()
    begins = page.evaluate(
        """() => { const field = document.querySelector("dialog input");
          return field.getBoundingClientRect().x + parseFloat(getComputedStyle(field).paddingLeft); }"""
    )
    assert begins >= glass["x"] + glass["width"]
    assert barriers(page) == []
    link = page.locator("dialog .found a").nth(1)
    href = link.evaluate("one => one.href")
    link.click()
    page.wait_for_url(href)
    assert page.locator(f"[id='{urldefrag(href).fragment}']").is_visible()
    assert (page.foreign, page.errors) == ([], [])


# Reading

# The longest line of running text, a Chinese sign counted twice
LONGEST = r"""() => {
  let longest = 0;
  for (const text of document.querySelectorAll("article :is(p, li)")) {
    if (text.querySelector("p, ul, ol") || text.closest("td, .cards, .found")) continue;
    const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT), lines = {}, range = new Range();
    for (let node; (node = walker.nextNode()); ) {
      if (node.parentElement.closest("mjx-container")) continue;
      for (let i = 0; i < node.length; i++) {
        range.setStart(node, i);
        range.setEnd(node, i + 1);
        const { width, bottom } = range.getBoundingClientRect();
        if (!width) continue;
        const line = Math.round(bottom / 10);
        lines[line] = (lines[line] ?? 0) + (/[⺀-￯]/.test(node.data[i]) ? 2 : 1);
      }
    }
    longest = Math.max(longest, ...Object.values(lines));
  }
  return longest;
}"""

# The formulas whose mark stands on the next line, and those that are cut
TORN = r"""() => [...document.querySelectorAll("article .joined mjx-container")].filter((one) => {
  const mark = one.closest(".math").nextSibling;
  if (mark?.nodeType !== Node.TEXT_NODE) return false;
  const range = new Range();
  range.setStart(mark, 0);
  range.setEnd(mark, 1);
  return range.getBoundingClientRect().left < one.getBoundingClientRect().right - 2;
}).length"""
CUT = """() => [...document.querySelectorAll("article mjx-container:not([display], .wide) svg")].filter(
  (one) => one.getBoundingClientRect().right > innerWidth).length"""


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.deep), "zh"])
def test_lines_and_formulas(open_page, address, language):
    page = open_page()
    for name in ("momentum-why", "momentum-noise"):
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{address}/{language}/{name}.html")
        rendered(page)
        assert 60 < page.evaluate(LONGEST) <= 84
        stops = page.locator("article mjx-container[tabindex]:not([display])")
        assert stops.count() == 0
        for width in (390, 320):
            page.set_viewport_size({"width": width, "height": 780})
            page.wait_for_function(f"innerWidth === {width}")
            wait_until(lambda: page.evaluate(CUT) == 0, 60, "wide formulas scroll")
            assert page.evaluate(TORN) == 0
            page.wait_for_function(f"document.documentElement.scrollWidth === {width}")
            assert stops.count() == page.locator("mjx-container.wide").count()


def test_code_can_be_copied(open_page, address):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/en/momentum-scratch.html")
    block = page.locator("article .cell_input .highlight").first
    block.hover()
    block.get_by_role("button", name="Copy").click()
    block.get_by_text("Copied").wait_for()
    code = block.locator("pre").inner_text().rstrip("\n")
    assert page.evaluate("navigator.clipboard.readText()") == code
    assert page.locator("button.copy").count() >= page.locator(".cell_input .highlight").count()


def test_on_paper_text_is_dark_and_code_is_whole(open_page, address):
    page = open_page(color_scheme="dark")
    page.goto(f"{address}/en/momentum-fast.html")
    rendered(page)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 900})
    wait_until(
        lambda: page.locator("html").get_attribute("data-theme") == "light", 60, "it is light"
    )
    luminance = """one => getComputedStyle(document.querySelector(one)).color.match(/[\\d.]+/g)
      .slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3"""
    for one in ("article p", "article pre", "article h1", "article pre .k"):
        assert page.evaluate(luminance, one) < 130, one
    cut = page.locator("article pre").evaluate_all(
        "all => all.filter((one) => one.scrollWidth > one.clientWidth).length"
    )
    assert cut == 0
    assert not page.locator(".copy").first.is_visible()
    page.emulate_media(media="screen")
    wait_until(
        lambda: page.locator("html").get_attribute("data-theme") == "dark", 60, "it is dark again"
    )
    page.emulate_media(media="null")


def test_the_printed_title_has_the_chapters_number(site):
    """It takes the place of the page's own."""
    for language in LANGUAGES:
        for name in ("momentum-gluon", "glossary"):
            page = BeautifulSoup((site / language / f"{name}.html").read_text(), "html.parser")
            shown = page.select_one("article h1").text.rstrip("#")
            assert page.select_one("#jb-print-docs-body h1").text == shown
            assert shown.startswith("3. ") == (name == "momentum-gluon")


def test_figures_in_the_dark_do_not_glare(open_page, address):
    page = open_page(color_scheme="dark")
    page.goto(f"{address}/en/momentum-why.html")
    dimmed = "all => [...new Set(all.map((one) => getComputedStyle(one).filter))]"
    assert page.locator("article img").evaluate_all(dimmed) == ["brightness(0.85)"]
    page.emulate_media(color_scheme="light")
    page.locator("html[data-theme=light]").wait_for()
    assert page.locator("article img").evaluate_all(dimmed) == ["none"]


# Without a server


def test_pages_opened_from_files(open_page, site):
    page = open_page(own="file:")
    page.goto((site / "zh/momentum-when.html").as_uri())
    for language in LANGUAGES:
        page.wait_for_url((site / language / "momentum-when.html").as_uri())
        rendered(page)
        assert page.locator("article mjx-container").count() > 30
        assert page.locator("[data-playground] .playground").count() == 1
        assert page.locator("[data-exercise] form").count()
        assert page.locator("[data-training] #current").get_attribute("d")
        page.goto((site / language / "search.html").as_uri() + "?q=SGD")
        page.locator("#results a").first.wait_for()
        page.go_back()
        page.locator("a.language").click()
    assert (page.foreign, page.errors) == ([], [])
