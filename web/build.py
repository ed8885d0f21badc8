"""Build the web edition: `python web/build.py [--pdf] [FOLDER]` (default: web/_site).

One site in each language from the notebooks with their stored outputs, and a page that leads there;
with --pdf, a PDF of each, to which its home leads.
"""

import argparse
import ast
import base64
import contextlib
import json
import os
import shutil
import string
import subprocess
import symtable
import sys
import tempfile
import tomllib
from importlib.metadata import files
from pathlib import Path

import nbformat

WEB = Path(__file__).parent
ROOT = WEB.parent
sys.path.insert(0, str(ROOT))

from course.play.widget import module  # noqa: E402
from tools import hosted  # noqa: E402
from tools.sources import without_magics  # noqa: E402
from web import search  # noqa: E402

LANGUAGES = ("zh", "en")
REFERENCES = {
    "zh": {"title": "参考文献", "intro": "各章引用的文献。", "cited": "引用处：{}。", "and": "、"},
    "en": {
        "title": "References",
        "intro": "What the chapters cite.",
        "cited": "Cited in {}.",
        "and": ", ",
    },
}
START = {
    "title": "Momentum Lab · 动量法实验室",
    "zh": "用 Jupyter 笔记本学动量法。",
    "en": "Learn momentum in optimization with Jupyter notebooks.",
    # Where there is JavaScript, the reader's first language that we have is opened at once.
    "head": """<script>
      const known = navigator.languages.map((name) => name.slice(0, 2)).find((name) => /zh|en/.test(name));
      location.replace(`${known || "en"}/index.html`);
    </script>""",
}
MISSING = {
    "title": "404",
    "zh": "找不到这个页面。",
    "en": "There is no such page.",
}


def repository():
    """Give the name of this repository on GitHub, OWNER/REPOSITORY; None if it has none."""
    remote = subprocess.run(
        ["git", "remote", "get-url", "origin"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    return os.environ.get("GITHUB_REPOSITORY") or hosted.name_on_github(remote)


def references(language):
    """Give the page of references, with the chapters that cite each.

    Raises
    ------
    ValueError
        If no notebook cites a reference.
    """
    words = REFERENCES[language]
    texts = {
        path.stem: [cell.source for cell in nbformat.read(path, as_version=4).cells]
        for path in sorted((ROOT / "notebooks" / language).glob("*.ipynb"))
    }
    lines = [f"# {words['title']}\n\n{words['intro']}\n"]
    for work in tomllib.loads((WEB / "references.toml").read_text())["reference"]:
        title = f"[{work['title']}]({work['link']})" if "link" in work else work["title"]
        chapters = [name for name, cells in texts.items() if work["title"] in "\n".join(cells)]
        if not chapters:
            raise ValueError(f"references.toml: no notebook cites “{work['title']}”")
        cited = words["cited"].format(words["and"].join(f"[](/{name}.ipynb)" for name in chapters))
        lines.append(f"- {work['authors']}. {title}. {work['where']}. {cited}")
    return "\n".join(lines)


def prepare(folder):
    """Lay out what Sphinx reads, as it lies in the repository, so that every link holds."""
    shutil.copytree(ROOT / "img", folder / "img")
    for language in LANGUAGES:
        pages = folder / "notebooks" / language
        shutil.copytree(ROOT / "notebooks" / language, pages)
        shutil.copytree(WEB / "pages" / language, pages, dirs_exist_ok=True)
        (pages / "references.md").write_text(references(language))


def experiments():
    """Give the experiment of each training with sliders, NOTEBOOK-CELL by name, with its data."""
    found = {}
    for path in sorted((ROOT / "notebooks/en").glob("*.ipynb")):
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if "outputs" in cell]
        for number, cell in enumerate(cells):
            texts = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
            if any(text.startswith("training(") for text in texts):
                codes = [without_magics(one.source) for one in cells[: number + 1]]
                found[f"{path.stem}-{cell.id}"] = value(codes, path.parent).experiment
    return found


def globals_used(table):
    """Give the global names that a code uses, in its functions too."""
    own = {one.get_name() for one in table.get_symbols() if one.is_referenced() and one.is_global()}
    return own.union(*map(globals_used, table.get_children()))


def value(codes, folder):
    """Run, in `folder`, the last of a notebook's codes and those it needs; give its value.

    Those needed are the ones that define a name which the last, or another that is needed, uses.
    """
    tables = [symtable.symtable(code, str(folder), "exec") for code in codes]
    uses = [globals_used(table) for table in tables]
    defines = [
        {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}
        for table in tables
    ]
    needed, before = {len(codes) - 1}, None
    while needed != before:
        before, names = needed, set().union(*(uses[number] for number in needed))
        needed = needed | {number for number, own in enumerate(defines) if own & names}
    trees = [ast.parse(codes[number]) for number in sorted(needed)]
    last, space = trees[-1].body.pop(), {}
    with contextlib.chdir(folder), contextlib.redirect_stdout(None):
        for tree in trees:
            exec(compile(tree, str(folder), "exec"), space)
        return eval(compile(ast.Expression(last.value), str(folder), "eval"), space)


def scripts():
    """Give the plain scripts of the widgets, by name: a page from a file may not import a module."""
    found = {}
    for name in ("playground", "training"):
        found[name] = f"{name}Module = {json.dumps(module(name), ensure_ascii=False)};\n"
    for name, experiment in experiments().items():
        data = json.dumps(experiment, default=lambda array: base64.b64encode(array).decode())
        found[f"training-{name}"] = f"(globalThis.trainingData ??= {{}})[{name!r}] = {data};\n"
    return found


def run_sphinx(folder, site, *tags):
    """Make the pages of both languages, at the same time; a warning is an error."""
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--conf-dir", WEB]
    runs = []
    for language in LANGUAGES:
        own = [word for tag in (language, *tags) for word in ("--tag", tag)]
        own += ["--doctree-dir", folder / "doctrees" / language]
        pages = [folder / "notebooks" / language, folder / "html" / language]
        runs.append(subprocess.Popen(command + own + pages))
    if any([run.wait() for run in runs]):  # noqa: C419, wait for both
        sys.exit("The web edition was not built.")
    for language in LANGUAGES:
        shutil.move(folder / "html" / language, site)


def prune(pages):
    """Remove what the theme brings and no page uses, most of all Font Awesome's script."""
    static = pages / "_static"
    shutil.rmtree(static / "locales")
    for pattern in ("scripts/fontawesome.*", "**/*.map", "*webpack-macros.html"):
        for path in static.glob(pattern):
            path.unlink()


def build(site, base_path="", with_pdf=False):
    """Build the whole site in the folder `site`, anew.

    Parameters
    ----------
    site : Path
    base_path : str
        Where the site will stand on its host; GitHub Pages: /REPOSITORY.
    with_pdf : bool
        Whether to make a PDF of each language, too.
    """
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        run_sphinx(Path(folder), site, *["pdf"] * with_pdf)
    (mathjax,) = (
        file for file in files("django-static-mathjax") if file.match("es5/tex-svg-full.js")
    )
    (site / "mathjax").mkdir()
    shutil.copy(mathjax.locate(), site / "mathjax")
    texts = scripts()
    for language in LANGUAGES:
        prune(site / language)
        own = {"search-index": search.script(site / language)}
        for name, text in (texts | own).items():
            (site / language / f"_static/{name}.js").write_text(text)
    start = string.Template((WEB / "start.html").read_text())
    (site / "index.html").write_text(start.substitute(START))
    # Shown at any address, so its links start from the site's own.
    base = f'<base href="{base_path.rstrip("/")}/">'
    (site / "404.html").write_text(start.substitute(MISSING, head=base))
    shutil.copy(WEB / "icon.svg", site)
    (site / ".nojekyll").touch()  # GitHub Pages would leave out _static
    if with_pdf:
        from web import home, pdf  # which imports what only this needs

        for language in LANGUAGES:
            book = pdf.make(site, language)
            (site / language / home.pdf(language)).write_bytes(book)
            page = site / language / "index.html"
            page.write_text(home.with_size(page.read_text(), language, len(book)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=WEB / "_site")
    parser.add_argument("--pdf", action="store_true", help="make the PDFs, too")
    given = parser.parse_args()
    build(given.folder, os.environ.get("BASE_PATH", ""), given.pdf)
