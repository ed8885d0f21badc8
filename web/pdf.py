"""The course on paper: a PDF in each language, which Chromium prints from the web edition.

All pages of a language's site become one document, whose links lead to its own pages; widgets are
the still figures that the notebooks store, and the answers to the exercises stand at the end.
"""

import re
import shutil
import string
import struct
import tomllib
import unicodedata
from html import escape
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import nbformat
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import IndirectObject

from tools.sources import order, tag
from web import search
from web.exercises import is_verdict, own_lines

WEB = Path(__file__).parent
ROOT = WEB.parent
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
LONG = 15  # lines of code above which it may be broken, rather than leave a gap before it
ADDRESS = "http://course/"  # of the site's folder, whose files are given without a network
WORDS = {
    "zh": {
        "code": "zh-CN",
        "title": "动量法实验室",
        "subtitle": "用 Jupyter 笔记本学动量法",
        "version": "第 {} 版",
        "contents": "目录",
        "answers": "练习答案",
        "exercise": "练习 {}",
        "text": "补充",
        "colon": "：",
        "to_answer": "答案见第 {} 页",
        "to_exercise": "题目见第 {} 页",
        "note": "答案在全书末尾。要动手运行和自动批改，请用课程的笔记本。",
        "about": "正文、公式、图和运行结果都来自课程的笔记本。",
        "still": "（纸上的图是静止的；在笔记本和网页里，它有滑块，可以拖动。）",
        "licence": "代码：MIT 许可；文字和图：CC BY 4.0 许可。",
        "sentence": r"(?<=[。？！；：])",
    },
    "en": {
        "code": "en",
        "title": "Momentum Lab",
        "subtitle": "Learn momentum in optimization with Jupyter notebooks",
        "version": "Version {}",
        "contents": "Contents",
        "answers": "Answers to the exercises",
        "exercise": "Exercise {}",
        "text": "Addition",
        "colon": ": ",
        "to_answer": "answer on page {}",
        "to_exercise": "asked on page {}",
        "note": "The answers are at the end of the book. To run code and to have your answers checked, "
        "use the course's notebooks.",
        "about": "Text, formulas, figures and results are those of the course's notebooks.",
        "still": "(On paper this figure stands still; in the notebook and on the web it has sliders.)",
        "licence": "Code: MIT. Text and figures: CC BY 4.0.",
        "sentence": r"(?<=[.?!:])\s",
    },
}


class PdfError(Exception):
    """What keeps a PDF from being made."""


def math(content, options):
    """Give a formula as the web edition has it, for MathJax."""
    return escape(rf"\[{content}\]" if options["display_mode"] else rf"\({content}\)")


MARKDOWN = MarkdownIt("commonmark").use(dollarmath_plugin, renderer=math)


def page_number(id):
    """Give the place of a page's number, which is known after a first print."""
    return f'<span class="page-number" data-page="{id}">000</span>'


def inches(png):
    """Give the width at which a picture was drawn."""
    (width,) = struct.unpack(">I", png[16:20])
    place = png.find(b"pHYs")
    per_metre = struct.unpack(">I", png[place + 4 : place + 8])[0] if place > 0 else 5906
    return width / (per_metre * 0.0254)


def highlight(code):
    """Give the class of code, which says whether it may be broken."""
    return "highlight long" if code.count("\n") > LONG else "highlight"


def chapter(site, language, name):
    """Give the article of a page for paper, with ids and links of its own."""
    soup = BeautifulSoup((site / language / f"{name}.html").read_bytes(), "html.parser")
    article = soup.select_one("article")
    for one in article.select("[data-playground]"):
        before = one.find_previous_sibling()
        if before.name == "p":  # “Try it”: a widget without a still figure
            before.decompose()
            one.decompose()
    for one in article.select("[data-playground], [data-training]"):
        said = soup.new_tag("p", attrs={"class": "still"})
        said.string = WORDS[language]["still"]
        one.replace_with(said)
    for one in article.select("[data-exercise]"):
        one.insert_before(soup.new_tag("p", attrs={"class": "to-answer", "id": one["id"]}))
        one.decompose()
    for one in article.select(
        "script, noscript, .headerlink, .exercise-note, .exercise-cell > summary"
    ):
        one.decompose()
    for one in article.select("details"):
        one.name = "div"
    for one in article.select(":is(h1, h2, h3) .math"):  # bookmarks and contents are plain text
        one.replace_with(search.typed(one.get_text()[2:-2]))
    for one in article.select("pre"):
        one.string = one.get_text()  # each colour would double the file's size
        if "highlight" in one.parent.get("class", []):
            one.parent["class"] = highlight(one.string)
    for one in article.select("[id]"):
        one["id"] = f"{name}--{one['id']}"
    for image in article.select("img"):
        image["src"] = source = f"{language}/{image['src']}".replace(f"{language}/../", "")
        if source.endswith(".png"):
            image["style"] = f"width: {inches((site / unquote(source)).read_bytes()):.2f}in"
    article.name, article.attrs = "article", {"id": name}
    return article


def lead_within(articles):
    """Make the links between pages links within the document; to what it lacks, none."""
    ids = {one["id"] for article in articles.values() for one in [article, *article.select("[id]")]}
    for name, article in articles.items():
        for link in article.select("a[href]"):
            if urlsplit(link["href"]).scheme:
                continue
            page, fragment = urldefrag(link["href"])
            target = page.removesuffix(".html") or name
            whole = f"{target}--{fragment}" if fragment else target
            if whole in ids or target in ids:
                link["href"] = f"#{whole if whole in ids else target}"
            else:
                link.unwrap()


def answers(language, name, number):
    """Give the id, title and HTML of the answers of a chapter, in its exercises' order."""
    words = WORDS[language]
    path = ROOT / f"notebooks/{language}-solutions/{name}.ipynb"
    found, asked, count = [], "", 0
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown" and not tag(cell, "solution"):
            items = re.findall(r"^(?:\d+\.|##) (.+)$", cell.source, re.MULTILINE)
            asked = items[-1] if items else asked
            continue
        if not tag(cell, "solution"):
            continue
        said = MARKDOWN.renderInline(re.split(words["sentence"], asked)[0])
        said = f"<p class='asked'>{said}</p>"
        if cell.cell_type == "markdown":
            found.append((None, words["text"], said + MARKDOWN.render(cell.source)))
            continue
        count += 1
        code = own_lines(cell)
        parts = [f'{said}<div class="{highlight(code)}"><pre>{escape(code)}</pre></div>']
        for output in cell.outputs:
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            if is_verdict(output):
                parts.append(f"<p class='verdict'>{escape(text)}</p>")
            elif "text" in output:
                parts.append(f'<div class="cell_output"><pre>{escape(text)}</pre></div>')
        found.append((cell.id, words["exercise"].format(f"{number}.{count}"), "".join(parts)))
    return found


def with_answers(articles, language, numbers):
    """Give the appendix, and lead from each exercise to its answer and back."""
    words = WORDS[language]
    parts = [f'<article id="answers"><h1>{words["answers"]}</h1>']
    for name, article in articles.items():
        if name not in numbers:
            continue
        heading = article.h1.get_text()
        parts.append(f'<h2 id="answers--{name}">{escape(heading)}</h2>')
        for id, title, html in answers(language, name, numbers[name]):
            parts.append(f"<h3>{title}</h3>")
            if id:
                parts[-1] = f'<h3 id="answer--{name}--{id}">{title}</h3>'
                asked = f"{name}--exercise-{id}"
                place = article.find(id=asked)
                to = words["to_answer"].format(page_number(f"answer--{name}--{id}"))
                link = f'{title}{words["colon"]}<a href="#answer--{name}--{id}">{to}</a>'
                place.append(BeautifulSoup(link, "html.parser"))
                back = words["to_exercise"].format(page_number(asked))
                parts.append(f'<p class="to-exercise"><a href="#{asked}">{back}</a></p>')
            parts.append(html)
    parts.append("</article>")
    return "".join(parts)


def document(site, language, names=None):
    """Give the HTML of the whole course in a language.

    Parameters
    ----------
    site : Path
        The web edition's folder.
    language : str
    names : list of str or None
        The pages that are to be in it; by default all that can be read.
    """
    words = WORDS[language]
    names = names or [*order()[1:], "references"]
    articles = {name: chapter(site, language, name) for name in names}
    numbers = {
        name: int(found[1])
        for name, article in articles.items()
        if (found := re.match(r"(\d+)\. ", article.h1.get_text()))
    }
    lead_within(articles)
    appendix = with_answers(articles, language, numbers)
    lines, styles, bodies = [], [], []
    for name, article in articles.items():
        heading = article.h1.get_text()
        lines.append((name, heading, "chapter"))
        lines += [
            (one.parent["id"], one.get_text(), "section")
            for one in article.select("h2")
            if name in numbers
        ]
        styles.append((name, heading))
        bodies.append(str(article))
    lines.append(("answers", words["answers"], "chapter"))
    styles.append(("answers", words["answers"]))
    entries = "".join(
        f'<li class="{kind}"><a href="#{id}"><span>{escape(heading)}</span>{page_number(id)}</a></li>'
        for id, heading, kind in lines
    )
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    # The head of a page is its chapter's title.
    pages = "".join(
        f"#{name} {{ page: p{i} }} @page p{i} {{ @top-center {{ content: {css_string(heading)} }} }}\n"
        for i, (name, heading) in enumerate(styles)
    )
    return string.Template((WEB / "print.html").read_text()).substitute(
        language=language,
        code=words["code"],
        title=words["title"],
        subtitle=words["subtitle"],
        version=words["version"].format(version),
        about=words["about"],
        note=words["note"],
        licence=words["licence"],
        contents=words["contents"],
        entries=entries,
        pages=pages,
        css=(WEB / "print.css").read_text(),
        articles="".join(bodies) + appendix,
    )


def css_string(text):
    r"""Give a text as CSS writes it; < is \3c, so that it cannot end the style element."""
    for sign in ("\\", '"', "<"):
        text = text.replace(sign, f"\\{ord(sign):x} ")
    return f'"{text}"'


def pages_of(pdf):
    """Give the page of each place that a link leads to, from 1."""
    reader = PdfReader(BytesIO(pdf))
    return {
        name.lstrip("/"): reader.get_destination_page_number(place) + 1
        for name, place in reader.named_destinations.items()
    }


# Where a font draws a radical and a character by one glyph, Chromium says that the glyph means the
# radical. Unicode knows which character most of them are, but not these; and ⼾ it takes for 戶.
RADICALS = re.compile("[\u2e80-\u2fdf]")
CHARACTERS = dict(
    zip(
        "⺒⺓⺠⻁⻅⻆⻉⻋⻑⻓⻔⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻧⻨⻩⻪⻬⻮⻰⼾",
        "巳幺民虎见角贝车長长门青韦页风飞食马骨鬼鱼鸟卤麦黄黾齐齿龙户",
    )
)


def character(radical):
    """Give the character that a radical looks like.

    Raises
    ------
    PdfError
        If none is known.
    """
    found = CHARACTERS.get(radical, unicodedata.normalize("NFKC", radical))
    if RADICALS.match(found):
        raise PdfError(f"CHARACTERS lacks {radical} (U+{ord(radical):04X}).")
    return found


def without_radicals(cmap):
    """Give a font's map from glyphs to text, which has characters in place of radicals."""

    def plain(block):
        """Give a block entry by entry, as targets that ran on may do so no more."""
        entries = []
        for first, last, text in re.findall(r"<(\w+)>(?:\s*<(\w+)>)?\s*<(\w+)>\n", block[0]):
            *before, end = bytes.fromhex(text).decode("utf-16-be")
            for i in range(int(last or first, 16) - int(first, 16) + 1):
                text = "".join(before) + chr(ord(end) + i)
                text = RADICALS.sub(lambda radical: character(radical[0]), text)
                glyph = f"{int(first, 16) + i:0{len(first)}X}"
                entries.append(f"<{glyph}> <{text.encode('utf-16-be').hex().upper()}>\n")
        parts = [entries[i : i + 100] for i in range(0, len(entries), 100)]  # more are not allowed
        return "".join(f"{len(part)} beginbfchar\n{''.join(part)}endbfchar\n" for part in parts)

    return re.sub(r"\d+ beginbf(char|range)\n.*?endbf\1\n", plain, cmap, flags=re.DOTALL)


def searchable(pdf):
    """Give a PDF whose text holds the characters that were printed, and no radicals."""
    reader, changed = PdfReader(BytesIO(pdf)), False
    for number in range(1, reader.trailer["/Size"]):
        font = IndirectObject(number, 0, reader).get_object()
        if not isinstance(font, dict) or "/ToUnicode" not in font:
            continue
        stream = font["/ToUnicode"]
        cmap = stream.get_data().decode("latin-1")
        if (plain := without_radicals(cmap)) != cmap:
            stream.set_data(plain.encode("latin-1"))
            changed = True
    if not changed:
        return pdf
    out = BytesIO()
    PdfWriter(clone_from=reader).write(out)
    return out.getvalue()


FILL = """(pages) => {
  for (const one of document.querySelectorAll("[data-page]")) one.textContent = pages[one.dataset.page];
}"""
# What sticks out of the page's width would be cut.
CUT = """() => [...document.querySelectorAll("article *")]
  .filter((one) => one.getBoundingClientRect().right > document.body.getBoundingClientRect().right + 1)
  .map((one) => `${one.closest("article").id}: ${one.outerHTML.slice(0, 120)}`)"""


def show(browser, site, html):
    """Give a page with the document, complete: formulas, pictures, fonts."""
    page = browser.new_page(viewport={"width": 643, "height": 900})  # a line of print.css
    missing = []

    def answer(route):
        path = site / unquote(urlsplit(route.request.url).path.lstrip("/"))
        if route.request.url == f"{ADDRESS}book.html":
            route.fulfill(body=html, content_type="text/html; charset=utf-8")
        elif route.request.url.startswith(ADDRESS) and path.is_file():
            route.fulfill(path=path)
        else:
            missing.append(route.request.url)
            route.abort()

    page.route("**/*", answer)
    page.set_default_timeout(600_000)
    page.emulate_media(media="print", color_scheme="light")
    page.goto(f"{ADDRESS}book.html")
    page.evaluate("async () => { await MathJax.startup.promise; await document.fonts.ready; }")
    wrong = [f"not found: {one}" for one in missing]
    wrong += [f"a formula: {one}" for one in page.locator("mjx-merror").all_text_contents()]
    wrong += [f"cut: {one}" for one in page.evaluate(CUT)]
    if wrong:
        raise PdfError("\n".join(wrong))
    return page


def make(site, language, names=None):
    """Give the PDF of the course in a language, as bytes.

    Raises
    ------
    PdfError
        If there is no Chromium, something is not found, or sticks out of the page.
    """
    if CHROMIUM is None:
        raise PdfError("A PDF needs Chromium; Debian: apt-get install chromium fonts-noto-cjk")
    html = document(site, language, names)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = show(browser, site, html)

        def printed():
            return page.pdf(prefer_css_page_size=True, outline=True, tagged=True)

        numbers = pages_of(printed())
        page.evaluate(FILL, numbers)
        pdf = printed()
        browser.close()
    if pages_of(pdf) != numbers:
        raise PdfError("The page numbers moved the pages.")
    return searchable(pdf)
