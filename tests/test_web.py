"""The web edition's files, and how they are built; test_web_browser.py opens them in Chromium."""

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
from bs4 import BeautifulSoup
from common import BASE_PATH, PAGES, PLAYGROUNDS, REPOSITORY, ROOT, markdown, read

from course import play
from course.play.playground import DEFAULTS
from tools.sources import order
from web import build

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
def test_the_buttons_of_a_chapter(site, page, language):
    for name in order():
        links = {tag["href"] for tag in page(language, name).select(".article-header-buttons a")}
        path = f"notebooks/{language}/{name}.ipynb"
        assert f"https://mybinder.org/v2/gh/{REPOSITORY}/main?urlpath=lab/tree/{path}" in links
        assert f"https://github.com/{REPOSITORY}" in links
        assert f"_sources/{name}.ipynb" in links
        downloaded = site / language / f"_sources/{name}.ipynb"
        assert downloaded.read_bytes() == (ROOT / path).read_bytes()


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


# The build


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("git@github.com:someone/momentum.git", "someone/momentum"),
        ("https://github.com/someone/momentum", "someone/momentum"),
        ("https://token@github.com/someone/momentum.git", "someone/momentum"),
        ("ssh://git@github.com/someone/momentum.git", "someone/momentum"),
        ("", None),
        ("/srv/git/momentum.git", None),
        ("https://example.org/a/b.git", None),
    ],
)
def test_the_name_on_github_comes_from_the_remote(remote, name):
    assert build.name_on_github(remote) == name


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
        assert not [link for link in links if re.search(r"mybinder\.org|github\.com", link)]


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
