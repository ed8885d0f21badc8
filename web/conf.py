"""What Sphinx needs to know. web/build.py runs it once per language, with `-t zh` or `-t en`."""

import ast
import json
import re
import sys
from pathlib import Path

import nbformat
from docutils import nodes

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tools import hosted  # noqa: E402
from tools.sources import read_all  # noqa: E402
from web import build, exercises, home  # noqa: E402

LANGUAGES = {
    "zh": {"code": "zh-CN", "name": "中文", "folder": "zh"},
    "en": {"code": "en", "name": "English", "folder": "en"},
}
FOLDER, OTHER = ("zh", "en") if tags.has("zh") else ("en", "zh")  # noqa: F821, Sphinx gives `tags`
WORDS = {
    "zh": {
        "title": "动量法实验室",
        "contents": "本页内容",
        "search": "搜索…",
        "try": "**动手试试**（[实验台](playground.md)另有一页）：",
        "licence": "代码：{mit} 许可；文字和图：{cc} 许可。",
        "also": "其他",
        "script": "要动手，请打开 JavaScript。",
        "report": "报告问题",
    },
    "en": {
        "title": "Momentum Lab",
        "contents": "On this page",
        "search": "Search…",
        "try": "**Try it** (the [playground](playground.md) also has a page of its own):",
        "licence": "Code: {mit}. Text and figures: {cc}.",
        "also": "More",
        "script": "To try it, turn on JavaScript.",
        "report": "Report a problem",
    },
}[FOLDER]


# What the theme's own translation leaves in English
THEME = {
    "Main": "各页",
    "Page": "本页",
    "Color mode": "颜色模式",
    "System Settings": "跟随系统",
    "Toggle primary sidebar": "显示或隐藏目录",
    "Toggle secondary sidebar": "显示或隐藏本页内容",
    "Launch interactive content": "运行笔记本",
    "Launch on Binder": "在 Binder 上运行",
    "Binder logo": "Binder 的标志",
    "Open issue": "报告问题",
    "Open an issue": "报告问题",
    "Repository": "仓库",
    "Source repository": "源代码仓库",
    "Source repositories": "源代码仓库",
}


ICONS = {"Colab": "fab fa-google", "Kaggle": "fab fa-kaggle", "Codespaces": "fab fa-github"}


def best(kappa):
    """Give the playground's state at momentum's best parameters for a condition number."""
    root = kappa**0.5
    eta, gamma = (2 * root / (root + 1)) ** 2, ((root - 1) / (root + 1)) ** 2
    return {"kappa": kappa, "eta": round(eta, 4), "gamma": round(gamma, 4)}


# After which cell of a notebook that shows none itself a playground stands, and its first state.
PLAYGROUNDS = {
    "momentum-scratch": ("scaled-feature", {"kappa": 100, "eta": 0.2, "gamma": 0.9}),
    "momentum-when": ("slopes", best(100)),
    "momentum-adam": (
        "paths",
        {"kappa": 100, "eta": 1, "gamma": 0.8, "adam": 0.1, "rotated": True, "updates": 300},
    ),
}

project = WORDS["title"]
language = {"zh": "zh_CN", "en": "en"}[FOLDER]
extensions = ["myst_nb"]
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
templates_path = ["templates"]
html_theme = "sphinx_book_theme"
html_title = project
html_favicon = "icon.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["site.css", "reading.css", "home.css", "exercise.css"]
html_static_path += ["site.js", "search.js", "reading.js", "home.js", "exercise.js"]
html_css_files = ["site.css", "reading.css", "home.css", "exercise.css"]
html_copy_source = False
html_use_index = False
html_show_sphinx = False
pygments_style = "tango"

html_theme_options = {
    "article_header_end": ["language", "article-header-buttons"],
    "navbar_persistent": [],
    "footer_content_items": ["extra-footer"],
    "toc_title": WORDS["contents"],
    "search_bar_text": WORDS["search"],
    "home_page_in_toc": True,
    "show_toc_level": 2,
    "use_fullscreen_button": False,
    "use_download_button": False,  # a notebook without the files around it would not run
    "extra_footer": WORDS["licence"].format(
        mit='<a rel="license" href="https://opensource.org/license/mit">MIT</a>',
        cc='<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>',
    ),
}
repository = build.repository()
if repository:
    html_theme_options |= {
        "repository_url": f"https://github.com/{repository}",
        "repository_branch": "main",
        "path_to_docs": f"notebooks/{FOLDER}",
        "use_repository_button": True,
        "use_issues_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "notebook_interface": "jupyterlab",
        },
    }
    report = f"https://github.com/{repository}/issues/new"
    html_theme_options["extra_footer"] += f'<br><a href="{report}">{WORDS["report"]}</a>'

# One file holds all that the formulas need; the menu and its extensions would fetch more.
mathjax_path = "../../mathjax/tex-svg-full.js"
# Nothing waits for it: the rest of a page works before the formulas are drawn.
mathjax_options = {"async": "async"}
mathjax3_config = {"options": {"enableMenu": False}}


sources = read_all()
exercise_pages = {}  # of each notebook, its exercises
sections = {}  # of each notebook, the names of the cells that begin with a heading


def widget(kind, given):
    """Give the text of a cell that site.js makes a playground or a training with sliders."""
    script = f"<noscript>{WORDS['script']}</noscript>"
    return home.html(f"<div data-{kind}='{json.dumps(given)}'>{script}</div>")


def widgets(docname, cell):
    """Give the texts of the widgets that stand after a cell.

    An output of course.play is stored as its call and a picture; site.js puts the widget in the
    picture's place.
    """
    for output in cell.get("outputs", ()):
        text = output.get("data", {}).get("text/plain", "")
        if not text.startswith(("trajectory(", "training(")):
            continue
        call = ast.parse(text, mode="eval").body
        state = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
        if call.func.id == "trajectory":
            state["x1"], state["x2"] = state.pop("start")
            yield widget("playground", state)
        else:
            del state["num_epochs"]  # which is in the data, as build.py writes them
            yield widget("training", {"name": f"{docname}-{cell.id}", "state": state})
    place, state = PLAYGROUNDS.get(docname, (None, None))
    if cell.id == place:
        yield f"{WORDS['try']}\n\n{widget('playground', state)}"


def from_github(page):
    """Make a page that is to be read on GitHub, too, one for Sphinx, and fill in our name there."""
    page = page.replace(f"../../../notebooks/{FOLDER}/", "")
    page = re.sub(r'<a id="([\w-]+)"></a>', r"(\1)=", page)
    if repository:
        owner, name = repository.split("/")
        page = page.replace("OWNER", owner).replace("REPOSITORY", name)
    return page


def contents():
    """Give the site's table of contents: the chapters with their numbers, then what is none."""
    chapters = [name for name in sources if home.length(sources[name], FOLDER)]
    others = [name for name in list(sources)[1:] if name not in chapters]
    others += ["playground", "references", "class", "class-setup"]
    lists = [[":numbered: 1", *chapters], [f":caption: {WORDS['also']}", *others]]
    return "\n\n".join("\n".join(["```{toctree}", ":hidden:", *one, "```"]) for one in lists)


def with_exercises(docname, cells):
    """Make the exercises among a notebook's cells ones that a page can judge."""
    solutions = ROOT / f"notebooks/{FOLDER}-solutions/{docname}.ipynb"
    if not solutions.exists():
        return cells
    read = nbformat.read(solutions, as_version=4)
    page = exercise_pages[docname] = exercises.Page(docname, read, FOLDER, repository)
    return page.adapt(cells)


def write_exercises(app, exception):
    """Write what web/exercise.js needs, a script for each page."""
    folder = app.outdir / "_static/exercises"
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in exercise_pages.items():
        if page.exercises:
            (folder / f"{name}.js").write_text(page.script())


def adapt(app, docname, source):
    """Make a page of a notebook: its bytes, unchanged, are what the reader downloads."""
    if docname.startswith("class"):
        source[0] = from_github(source[0])
    if app.env.doc2path(docname).suffix != ".ipynb":
        return
    notebook = nbformat.reads(source[0], as_version=4)
    if docname == app.config.root_doc:
        with_pdf = tags.has("pdf")  # noqa: F821
        notebook.cells = home.cells(notebook, sources, FOLDER, repository, with_pdf)
        notebook.cells[0].source += f"\n\n{contents()}"
    cells, sections[docname] = [], []
    for cell in notebook.cells:
        if cell.id in ("first", "last"):  # the navigation; the theme has its own
            continue
        if cell.cell_type == "markdown" and cell.source.startswith("#"):
            sections[docname].append(cell.id)
            if cell.id == "title" and (length := home.length(sources[docname], FOLDER)):
                cell.source = cell.source.replace("\n", f"\n\n{home.inside('length', length)}\n", 1)
        elif "alt" in cell.metadata:
            cell.metadata.mystnb = {"image": {"alt": cell.metadata.alt}}
        cell.source = cell.source.replace(f"../../web/pages/{FOLDER}/", "")
        cells.append(cell)
        cells += map(nbformat.v4.new_markdown_cell, widgets(docname, cell))
    cells = with_exercises(docname, cells)
    notebook.cells = cells
    source[0] = nbformat.writes(notebook)


def name_sections(app, doctree):
    """Name each section after its cell, so that an anchor is the same in both languages."""
    for section, name in zip(
        doctree.findall(nodes.section), sections.get(app.env.docname, ["title"])
    ):
        section["ids"] = [name]
        section[0]["ids"] = [f"{name}-heading"]  # the search leads to headings that have an id


def mark_terms(app, doctree):
    """Name the glossary's tables, which a phone shows otherwise."""
    if app.env.docname == "glossary":
        for table in doctree.findall(nodes.table):
            table["classes"].append("terms")


# Marks that no line begins with, and marks that none ends with
CLOSING, OPENING = "，。、；：！？）》”’％,.;:!?)", "（《“‘("


def join_marks(app, doctree):
    """Keep each formula on the line of the marks around it."""
    for formula in list(doctree.findall(nodes.math)):
        around = formula.parent
        place = around.index(formula)
        joined = [formula]
        for near, pattern in (
            (place + 1, f"([{re.escape(CLOSING)}]+)(.*)"),
            (place - 1, f"(.*?)([{re.escape(OPENING)}]+)"),
        ):
            text = around[near] if 0 <= near < len(around) else None
            found = isinstance(text, nodes.Text) and re.fullmatch(pattern, text, re.DOTALL)
            if not found:
                continue
            before, after = map(nodes.Text, found.groups())
            if near > place:
                joined, around[near] = [*joined, before], after
            else:
                joined, around[near] = [after, *joined], before
        if len(joined) > 1:
            around[place] = nodes.inline("", "", *joined, classes=["joined"])


def translate_theme(app, exception):
    """Translate in the pages what the theme says in English only."""
    words = "|".join(map(re.escape, THEME))
    for page in app.outdir.glob("*.html"):
        text = page.read_text()
        page.write_text(re.sub(f'(?<=[">])({words})(?=["<])', lambda one: THEME[one[0]], text))


def add_languages(app, pagename, templatename, context, doctree):
    """Tell the templates what the languages are."""
    context["languages"] = [(one["code"], one["folder"]) for one in LANGUAGES.values()]
    context["other"] = LANGUAGES[OTHER]


def add_places(app, pagename, templatename, context, doctree):
    """Add to the theme's button for Binder the other places where the notebook can be opened."""
    for group in context["header_buttons"]:
        if group.get("label") == "launch-buttons":
            group["buttons"] += [
                {
                    "type": "link",
                    "text": name,
                    "url": url,
                    "icon": ICONS.get(name, "fas fa-download"),
                }
                for name, url in hosted.places(repository, FOLDER, pagename).items()
                if name != "Binder"
            ]


def number_printed_title(app, pagename, templatename, context, doctree):
    """Give the title on paper the number that the chapter has on the screen."""
    number = app.env.toc_secnumbers.get(pagename, {}).get("")
    if number:
        context["pagetitle"] = f"{'.'.join(map(str, number))}. {context['pagetitle']}"


def without_search(app):
    """Keep Sphinx from writing its own search page and index."""
    app.builder.search = False


def setup(app):
    """Connect the above."""
    app.connect("builder-inited", without_search)
    app.connect("source-read", adapt)
    app.connect("doctree-read", name_sections, priority=400)  # before the contents are collected
    app.connect("doctree-read", join_marks)
    app.connect("doctree-read", mark_terms)
    app.connect("html-page-context", add_languages)
    app.connect("html-page-context", add_places, priority=502)  # after the theme's own
    app.connect("html-page-context", number_printed_title, priority=502)
    app.connect("build-finished", write_exercises)
    if FOLDER == "zh":
        app.connect("build-finished", translate_theme)
