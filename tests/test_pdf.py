"""The PDFs: what a print holds. That nothing is cut, web/pdf.py looks at itself, at each print."""

import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import nbformat
import pytest
from browser import needs_chromium
from bs4 import BeautifulSoup
from common import ROOT, read
from pypdf import PdfReader

from tools.sources import order, tag
from web import build, home, pdf

SUMMARY = {"zh": "小结", "en": "Summary"}


def squeezed(text):
    """Give a text without what differs between a page and its print: spaces, and kinds of signs."""
    return re.sub(r"[^\w]", "", unicodedata.normalize("NFKC", text))


def bookmarks(reader, entries, depth=0):
    """Give depth, title and page, from 1, of all bookmarks."""
    for entry in entries:
        if isinstance(entry, list):
            yield from bookmarks(reader, entry, depth + 1)
        else:
            yield depth, entry.title, reader.get_destination_page_number(entry) + 1


def fonts(reader):
    """Give the fonts of a PDF, each with what embeds it."""
    found = {}
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            if font["/Subtype"] == "/Type3":  # drawn in the file itself
                found[id(font)] = "/CharProcs" in font
                continue
            inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
            descriptor = inner["/FontDescriptor"].get_object()
            found[font["/BaseFont"]] = any(key.startswith("/FontFile") for key in descriptor)
    return found


def look(site, language, names, made):
    """Look at a PDF of the chapters `names`."""
    reader = PdfReader(BytesIO(made))
    texts = [page.extract_text() for page in reader.pages]
    marks = list(bookmarks(reader, reader.outline))
    assert fonts(reader) and all(fonts(reader).values())
    assert reader.root_object["/Lang"] == {"zh": "zh-CN", "en": "en"}[language]
    assert all(len(squeezed(text)) > 5 or page.images for text, page in zip(texts, reader.pages))
    # No lost glyph, and no radical where a character is printed: it could be neither found nor copied.
    assert not re.search("[\ufffd\u2e80-\u2fdf]", "".join(texts))
    words = pdf.WORDS[language]
    titles = {title: page for depth, title, page in marks if depth == 0}
    answers = titles[words["answers"]]
    assert answers == max(titles.values())
    before, after = (
        squeezed("".join(part)) for part in (texts[: answers - 1], texts[answers - 1 :])
    )
    for name in names:
        soup = BeautifulSoup((site / language / f"{name}.html").read_bytes(), "html.parser")
        article = soup.select_one("article")
        for one in article.select(".headerlink"):
            one.decompose()
        heading = article.h1.get_text()
        page = titles[heading]
        assert squeezed(heading) in squeezed(texts[page - 1])
        first = min(page for title, page in titles.items() if page > titles[words["contents"]])
        contents = "".join(texts[1 : first - 1])
        assert re.search(rf"{re.escape(squeezed(heading))}{page}(?!\d)", squeezed(contents))
        shown = squeezed(
            "".join(cell.source for cell in read(ROOT / f"notebooks/{language}/{name}.ipynb").cells)
        )
        solved = nbformat.read(ROOT / f"notebooks/{language}-solutions/{name}.ipynb", as_version=4)
        starters = {
            cell.id: cell.source for cell in read(ROOT / f"notebooks/{language}/{name}.ipynb").cells
        }
        for cell in solved.cells:
            if cell.cell_type != "code" or not tag(cell, "solution"):
                continue
            lines = set(cell.source.splitlines()) - set(starters[cell.id].splitlines())
            lines = [squeezed(line) for line in lines if line.strip()]
            assert all(line in after for line in lines), (name, cell.id)
            # A chapter may have shown the line that an exercise asks for, but not the whole of it.
            whole = squeezed(pdf.own_lines(cell))
            assert whole not in before or whole in shown, (name, cell.id)
        summary = next(h2 for h2 in article.select("h2") if h2.get_text() == SUMMARY[language])
        for item in summary.parent.select("li, p"):
            if not item.select(".math, li, p, code"):
                assert squeezed(item.get_text()) in before, item
    return reader, marks, texts


@needs_chromium
def test_a_chapter_on_paper(site):
    # In a thread: another test of this worker may have a Playwright of its own.
    with ThreadPoolExecutor(1) as thread:
        made = thread.submit(pdf.make, site, "zh", ["momentum-gluon"]).result()
    reader, marks, _ = look(site, "zh", ["momentum-gluon"], made)
    assert len(reader.pages) > 8
    exercises = [title for depth, title, _ in marks if depth == 2]
    assert exercises == ["练习 3.1", "练习 3.2", "练习 3.3"]


def test_radicals_become_the_characters_that_they_look_like():
    """One by one, in a range that runs on no more, and after another letter."""
    cmap = (
        "2 beginbfchar\n<0003> <2F42>\n<0004> <00662EC5>\nendbfchar\n"
        "1 beginbfrange\n<0010> <0012> <2EFF>\nendbfrange\n"
    )
    found = pdf.without_radicals(cmap.replace("2EFF", "2F08"))
    assert found == (
        "2 beginbfchar\n<0003> <6587>\n<0004> <006689C1>\nendbfchar\n"
        "3 beginbfchar\n<0010> <4EBA>\n<0011> <513F>\n<0012> <5165>\nendbfchar\n"
    )
    with pytest.raises(pdf.PdfError, match="U\\+2EFF"):
        pdf.without_radicals(cmap)


def test_what_is_not_found_stops_the_print(monkeypatch):
    monkeypatch.setattr(pdf, "CHROMIUM", None)
    with pytest.raises(pdf.PdfError, match="needs Chromium"):
        pdf.make(ROOT, "en")


def test_a_link_leads_within_or_nowhere(site):
    html = pdf.document(site, "en", ["momentum-gluon", "glossary"])
    soup = BeautifulSoup(html, "html.parser")
    ids = [one["id"] for one in soup.select("[id]")]
    assert len(ids) == len(set(ids))
    links = {link["href"] for link in soup.select("a")}
    assert all(link[1:] in ids if link[0] == "#" else "://" in link for link in links)
    assert {"#glossary", "#momentum-gluon"} < links
    assert not soup.select("article script, noscript, [data-training], [data-playground], [hidden]")


@pytest.mark.parametrize("language", build.LANGUAGES)
def test_a_figure_with_sliders_stands_still_and_says_so(site, language):
    soup = BeautifulSoup(pdf.document(site, language, ["momentum-scratch"]), "html.parser")
    (said,) = soup.select(".still")
    assert said.string == pdf.WORDS[language]["still"]
    assert said.find_previous("img")["alt"].startswith(("Training with sliders", "带滑块的训练"))


def test_only_long_code_may_be_broken(site):
    soup = BeautifulSoup(pdf.document(site, "en", ["momentum-scratch"]), "html.parser")
    for code in soup.select(".highlight"):
        assert ("long" in code["class"]) is (code.pre.get_text().count("\n") > pdf.LONG)


@pytest.mark.parametrize("language", build.LANGUAGES)
def test_the_home_leads_to_the_pdf_only_where_it_is_and_says_its_size(site, language):
    name = home.pdf(language)
    assert name not in (site / language / "index.html").read_text()
    page = home.with_size(f'<a href="{name}">{name}</a>.', language, 7_654_321)
    assert re.fullmatch(rf'<a href="{name}">{name}</a>( \(|（)7\.7 MB[)）]\.', page)


@pytest.mark.deep
@needs_chromium
def test_the_whole_course_on_paper(tmp_path):
    build.build(tmp_path / "site", with_pdf=True)
    for language in build.LANGUAGES:
        folder = tmp_path / "site" / language
        name = home.pdf(language)
        links = BeautifulSoup((folder / "index.html").read_bytes(), "html.parser").select(
            "article a"
        )
        assert name in {link["href"] for link in links}
        chapters = [one for one in order()[1:] if one != "glossary"]
        reader, marks, _ = look(tmp_path / "site", language, chapters, (folder / name).read_bytes())
        assert (
            f"{(folder / name).stat().st_size / 1e6:.1f} MB" in (folder / "index.html").read_text()
        )
        assert len(reader.pages) > 120
        assert len({page for _, _, page in marks}) > 60
