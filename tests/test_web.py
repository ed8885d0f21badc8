"""The web edition's files, and how they are built; test_web_browser.py opens them in Chromium."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, unquote, urldefrag, urljoin, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup, NavigableString
from common import BASE_PATH, PAGES, PLAYGROUNDS, REPOSITORY, ROOT, TRAININGS, markdown, read

from course import play
from course.play.playground import DEFAULTS
from tools import build as source_build
from tools import hosted
from tools.sources import order, read_all
from web import build, search

LANGUAGES = {"zh": "zh-CN", "en": "en"}


@pytest.fixture(scope="module")
def soups(site):
    """Give each HTML file of the site, parsed, by its path."""
    return {
        path: BeautifulSoup(path.read_bytes(), "html.parser")
        for path in sorted(site.glob("**/*.html"))
    }


@pytest.fixture(scope="module")
def page(site, soups):
    """Give a function that gives a page, parsed, by its language and name."""
    return lambda language, name: soups[site / language / f"{name}.html"]


@pytest.fixture(scope="module")
def sources():
    return read_all()


# Every page


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page(page, language, name):
    soup = page(language, name)
    assert soup.html["lang"] == LANGUAGES[language]
    alternates = [(link["hreflang"], link["href"]) for link in soup.select("link[rel=alternate]")]
    assert alternates == [(code, f"../{folder}/{name}.html") for folder, code in LANGUAGES.items()]

    text = markdown(language, name)
    formulas = len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", text, flags=re.DOTALL))
    if name == "playground":
        formulas = 3  # in its page in web/pages: η, γ, κ
    if name == "class-setup":
        formulas = 3  # k, c, and how long k learners wait
    assert len(soup.select("article .math")) == formulas

    alts = re.findall(r"!\[([^]]+)\]", text)
    if name in order():
        alts += [
            output.metadata["image/png"].alt
            for cell in read(ROOT / f"notebooks/{language}/{name}.ipynb").cells
            for output in cell.get("outputs", ())
            if "image/png" in output.get("data", {})
        ]
    assert sorted(image["alt"] for image in soup.select("article img")) == sorted(alts)
    assert len(soup.select("[data-playground]")) == (name in PLAYGROUNDS)
    assert len(soup.select("[data-training]")) == (name in TRAININGS)
    assert not {"first", "last"} & {tag["id"] for tag in soup.select("[id]")}


def test_pages_follow_the_reading_order(page):
    for language in LANGUAGES:
        for before, after in pairwise(name for name in PAGES if name != "search"):
            assert page(language, before).select_one("a.right-next")["href"] == f"{after}.html"


def test_anchors_are_the_same_in_both_languages(page):
    for name in PAGES:
        zh, en = (
            [tag["id"] for tag in page(language, name).select("article section")]
            for language in LANGUAGES
        )
        assert zh == en


def test_every_link_leads_somewhere(site, soups):
    ids = {path: {tag["id"] for tag in soup.select("[id]")} for path, soup in soups.items()}
    broken, seen = [], 0
    for path, soup in soups.items():
        base = soup.select_one("base")
        start = site.as_uri() + "/" if base else path.as_uri()
        assert base is None or base["href"] == f"{BASE_PATH}/"
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


def test_nothing_is_loaded_from_elsewhere(soups):
    """A link may lead to another host, but nothing that a page loads."""
    for path, soup in soups.items():
        loads = soup.select("[src], link[rel=stylesheet], link[rel=preload], link[rel=icon]")
        for tag in loads:
            assert "//" not in (tag.get("src") or tag.get("href")), (path, tag)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_buttons_of_a_chapter(page, language):
    for name in order():
        links = {tag["href"] for tag in page(language, name).select(".article-header-buttons a")}
        path = f"notebooks/{language}/{name}.ipynb"
        assert f"https://mybinder.org/v2/gh/{REPOSITORY}/main?urlpath=lab/tree/{path}" in links
        assert links >= set(hosted.places(REPOSITORY, language, name).values())
        assert f"https://github.com/{REPOSITORY}" in links
        # A notebook does not run without the files around it.
        assert not [link for link in links if link.endswith(".ipynb") and "://" not in link]
        problems = f"https://github.com/{REPOSITORY}/issues/new"
        assert page(language, name).select(f"footer a[href='{problems}']")
        assert [link for link in links if link.startswith(problems)]


# Home


@pytest.mark.parametrize("language", LANGUAGES)
def test_home_has_a_card_for_each_chapter(page, sources, language):
    article = page(language, "index").select_one("article")
    cards = article.select(".cards > ol > li")
    chapters = [name for name in order() if source_build.length(sources[name])]
    assert [card.a["href"] for card in cards] == [f"{name}.html" for name in chapters]
    for name, card in zip(chapters, cards):
        size = source_build.length(sources[name])
        asked = source_build.question(sources[name], language)
        title, question, length, done = (part.text for part in card.select("p"))
        assert title == source_build.title(sources[name], language)
        assert question[0].lower() + question[1:] == asked[0].lower() + asked[1:]
        assert [str(size["minutes"]), str(size["exercises"])] == re.findall(r"\d+", length)
        assert card.select_one("[data-chapter]")["data-exercises"] == str(size["exercises"])
        assert done == ""
        assert length in page(language, name).select_one("#title > .length").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_home_says_in_three_sentences_what_the_course_is(page, language):
    said = page(language, "index").select_one(".said > p").text
    assert len(re.findall(r"[.。](?= |$)" if language == "en" else "。", said)) == 3
    start = page(language, "index").select_one(".start a")["href"]
    assert start == f"{order()[1]}.html"


@pytest.mark.parametrize("language", LANGUAGES)
def test_home_has_the_paths_and_the_commands(page, language):
    home = page(language, "index")
    paths = home.select("#paths li")
    assert len(paths) == 3
    assert {a["href"] for path in paths for a in path.select("a")} >= {
        "momentum-scratch.html",
        "momentum-when.html",
        "class.html",
    }
    readme = (ROOT / {"zh": "README.zh.md", "en": "README.md"}[language]).read_text()
    lines = home.select_one("#run pre").text.strip().splitlines()
    assert len(lines) == 2
    assert all(line in readme for line in lines)
    links = [a["href"] for a in home.select("#run a.external")]
    *places, _ = hosted.places(REPOSITORY, language, "momentum-scratch").values()
    assert links == [*places, f"https://github.com/{REPOSITORY}"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_chapters_have_numbers_and_nothing_else_has(page, sources, language):
    links = page(language, "index").select(".bd-sidenav li a")
    numbered = [a.text.strip() for a in links if re.match(r"\s*\d+\. ", a.text)]
    count = sum(source_build.length(source) is not None for source in sources.values())
    assert [int(text.partition(".")[0]) for text in numbered] == list(range(1, count + 1))
    assert len(links) > count + 3
    heading = page(language, "momentum-when").select_one("#title > h1").text
    assert heading.startswith("4. ")


# Reading


CLOSING = "，。、；：！？）》”’,.;:!?)"


def test_a_formula_is_joined_with_the_mark_after_it(soups):
    """A line that began with the mark would be wrong, in Chinese above all."""
    joined = 0
    for path, soup in soups.items():
        for formula in soup.select("article span.math"):
            after = formula.next_sibling
            if isinstance(after, str) and after[:1] and after[0] in CLOSING:
                assert "joined" in formula.parent.get("class", ()), (path, formula)
                joined += 1
    assert joined > 400


ENGLISH = r"[A-Za-z]{2,}"
ALLOWED = {"Ctrl", "English", "MIT", "CC BY 4.0", "Binder", "Colab", "Kaggle", "Codespaces"}


def test_chinese_pages_have_no_english_words_of_the_theme(soups):
    for path, soup in soups.items():
        if path.parent.name != "zh":
            continue
        shell = [one for one in soup.body.find_all(True) if not one.find_parent("article")]
        names = ("aria-label", "title", "alt", "placeholder")
        texts = [one[name] for one in shell for name in names if name in one.attrs]
        texts += [
            text.strip()
            for one in shell
            if one.name not in ("script", "style", "article")
            for text in one.find_all(string=True, recursive=False)
            if type(text) is NavigableString
        ]
        left = {
            text for text in texts if re.search(ENGLISH, text) and not re.search("[一-鿿]", text)
        }
        assert left <= ALLOWED, path


def test_where_javascript_is_needed_a_page_says_so(soups):
    widgets = [
        element
        for soup in soups.values()
        for element in soup.select("[data-playground], [data-training]")
    ]
    assert len(widgets) == 2 * len([*PLAYGROUNDS, *TRAININGS])
    assert all(widget.noscript.text.strip() for widget in widgets)


# For instructors


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_class_page_gives_the_links_of_this_repository(page, language):
    blocks = [block.text.strip() for block in page(language, "class-setup").select("article pre")]
    chapter = f"notebooks/{language}/momentum-scratch.ipynb"
    assert f"https://mybinder.org/v2/gh/{REPOSITORY}/main?urlpath=lab/tree/{chapter}" in blocks
    (pull,) = (urlsplit(block) for block in blocks if block.startswith("https://hub.example.org"))
    assert pull.path == "/hub/user-redirect/git-pull"
    assert parse_qs(pull.query) == {
        "repo": [f"https://github.com/{REPOSITORY}"],
        "branch": ["main"],
        "urlpath": [f"lab/tree/momentum/{chapter}"],
    }
    assert not re.search(
        "OWNER|REPOSITORY", page(language, "class-setup").select_one("article").text
    )
    for name in ("class", "class-setup"):
        article = page(language, name).select_one("article")
        assert not [link["href"] for link in article.select("a") if "notebooks/" in link["href"]]
        assert not [text for text in article.select("p, li, td") if "**" in text.text]


# The search's text


@pytest.mark.parametrize(
    ("formula", "typed"),
    [
        (r"\eta/(1-\gamma)", "η/(1-γ)"),
        (r"\mathbf{v} \leftarrow \gamma \mathbf{v} + \eta\,\mathbf{g}", "v ← γ v + ηg"),
        (r"\frac{\eta}{|\mathcal{B}|} \ge 0.9", "η/|B| ≥ 0.9"),
        (r"\lambda_{\max} x_1^2", "λmax x12"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "a b c d"),
    ],
)
def test_a_formula_is_searched_as_one_would_type_it(formula, typed):
    assert search.typed(formula) == typed


def test_the_searched_text_is_what_the_page_shows():
    page = """<article class="bd-article"><section id="a"><h1>One<a class="headerlink">#</a></h1>
    <p>if 1 &lt; 2, then <span class="math">\\(\\gamma &gt; 0\\)</span>-like.</p><p hidden>no</p>
    <pre><span>def</span> <span>f</span>(x):\n    return x\n</pre><script>no</script>
    <section id="b"><h2>Two</h2><table><tr><td>x</td><td>y</td></tr></table></section>
    </section></article>"""
    code = {"code": "def f(x):\u2003    return x"}
    assert search.searchable(page) == (
        "One",
        [
            ["a", "One", ["\nif 1 < 2, then ", ["\\gamma > 0", "γ > 0"], "-like.\n", code, "\n"]],
            ["b", "Two", ["\nx\ny\n"]],
        ],
    )


# The build


def test_the_environment_may_say_the_name_on_github(monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/momentum")
    assert build.repository() == "someone/momentum"


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """Build a few English pages of a repository without address.

    A link and a picture lead nowhere; a notebook shows course.play's playground.
    """
    folder = tmp_path_factory.mktemp("faulty")
    pages = folder / "notebooks/en"
    shutil.copytree(build.WEB / "pages/en", pages)
    with (pages / "playground.md").open("a") as page:
        page.write("\n\n[nowhere](nowhere.ipynb)\n\n![nothing](../../img/nothing.png)\n")
    shutil.copy(ROOT / "notebooks/en/index.ipynb", pages)
    glossary = read(ROOT / "notebooks/en/glossary.ipynb")
    shown = {"text/plain": repr(play.trajectory(eta=0.5, start=(1, -1), nesterov=True))}
    output = nbformat.v4.new_output("execute_result", shown)
    glossary.cells.append(nbformat.v4.new_code_cell("play.trajectory()", outputs=[output]))
    nbformat.write(glossary, pages / "glossary.ipynb")
    code = (
        "import sys, pathlib; from web import build; build.LANGUAGES = ('en',); "
        "build.run_sphinx(*map(pathlib.Path, sys.argv[1:]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, folder, folder / "site"],
        cwd=ROOT,
        env=os.environ | {"GIT_DIR": str(folder), "GITHUB_REPOSITORY": ""},
        capture_output=True,
        text=True,
    )
    return folder / "html/en", result


def test_no_buttons_without_an_address(faulty):
    pages = {path.stem: path.read_text() for path in faulty[0].glob("*.html")}
    assert set(pages) == {"index", "glossary", "playground", "class", "class-setup", "search"}
    for text in pages.values():
        links = [tag["href"] for tag in BeautifulSoup(text, "html.parser").select("a")]
        assert links
        assert not [
            link
            for link in links
            if re.search(r"mybinder\.org|github\.com|colab|kaggle|codespaces", link)
        ]


def test_broken_links_and_pictures_stop_the_build(faulty):
    _, result = faulty
    assert result.returncode != 0
    assert "nowhere.ipynb" in result.stderr
    assert "nothing.png" in result.stderr
    assert "The web edition was not built." in result.stderr


def test_the_playground_stands_where_a_notebook_shows_it(faulty):
    soup = BeautifulSoup((faulty[0] / "glossary.html").read_text(), "html.parser")
    (element,) = soup.select("[data-playground]")
    state = DEFAULTS | {"eta": 0.5, "x1": 1, "x2": -1, "nesterov": True}
    assert DEFAULTS | json.loads(element["data-playground"]) == state


def test_the_chapter_on_adam_shows_the_playground_that_it_speaks_of(page):
    text = (ROOT / "notebooks/src/momentum-adam.md").read_text()
    calls = re.findall(r"`play\.(trajectory\(.*?\))`", text)
    for language, call in zip(LANGUAGES, calls, strict=True):
        (element,) = page(language, "momentum-adam").select("[data-playground]")
        assert element.find_previous("img")["alt"].startswith(("Two panels", "两幅图"))
        shown = eval(call, {"trajectory": play.trajectory}).state
        assert DEFAULTS | json.loads(element["data-playground"]) == shown


def test_a_training_has_its_data_beside_the_page(site, page):
    for language in LANGUAGES:
        for name in TRAININGS:
            (element,) = page(language, name).select("[data-training]")
            training = json.loads(element["data-training"])
            assert training["name"] == f"{name}-sliders"
            assert training["state"].keys() == {"lr", "mom", "batch_size"}
            script = (site / language / f"_static/training-{name}-sliders.js").read_text()
            data = json.loads(script.partition(" = ")[2].rstrip(";\n"))
            assert (data["examples"], len(base64.b64decode(data["y"]))) == (1000, 8000)


def test_the_value_of_a_cell_takes_only_the_cells_that_it_needs(tmp_path, capsys):
    codes = [
        "from pathlib import Path as P",
        "x = 1",
        "raise AssertionError",
        "def double(y):\n    return factor * y",
        "y = x + 1\nprint(y)",
        "factor = 2",
        "z = 3",
        "a = double(y)\n(a, P.cwd())",
    ]
    assert build.value(codes, tmp_path) == (4, tmp_path)
    assert capsys.readouterr().out == ""


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
