"""Build the four editions of the notebooks, and course/taught.py, from notebooks/src.

`python tools/build.py [NAME ...]` builds and executes all notebooks, or those named.
`python tools/build.py --check` writes nothing; it names the stale files and exits with 1.
"""

import argparse
import ast
import builtins
import json
import re
import symtable
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby, product
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
LANGUAGES = ("zh", "en")
EDITIONS = tuple(product(LANGUAGES, ("exercise", "solution")))
TAGS = {"exercise", "solution", "volatile"}
INDEX = "index"  # the table of contents: the build lists the notebooks in it
WIDGET = "application/vnd.jupyter.widget-view+json"

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    # Without the version, which would differ from machine to machine.
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}
WORDS = {
    "zh": {"contents": "目录", "other": "English"},
    "en": {"contents": "Contents", "other": "中文"},
}
TAUGHT_HEAD = '''\
"""What the notebooks define and others use: the very functions that the reader saw.

Built by tools/build.py from the cells whose metadata says `export`; change the notebook instead.
"""
'''


class SourceError(Exception):
    """A source that does not follow the rules of `notebooks/src`."""


# Sources


def order():
    """Give the names of the notebooks in reading order, from notebooks/src/order.txt."""
    names = (ROOT / "notebooks/src/order.txt").read_text().split()
    present = {path.stem for path in (ROOT / "notebooks/src").glob("*.ipynb")}
    wrong = set(names) ^ present | {name for name in names if names.count(name) > 1}
    if wrong:
        raise SourceError(
            "order.txt must name the notebooks in notebooks/src, each once; "
            f"look at {', '.join(sorted(wrong))}"
        )
    return names


def read_source(name):
    """Read and check a source notebook."""
    text = (ROOT / f"notebooks/src/{name}.ipynb").read_text()
    try:
        # nbformat.read would silently give the second of two cells with one id another id.
        source = nbformat.v4.reads(text)
    except json.JSONDecodeError as error:
        raise SourceError(f"notebooks/src/{name}.ipynb is no JSON: {error}") from None
    for fault in source_faults(source):
        raise SourceError(f"notebooks/src/{name}.ipynb: {fault}")
    return source


def source_faults(source):
    """Yield what is wrong with a source, a sentence each."""
    ids = [cell.id for cell in source.cells]
    for cell_id in sorted({i for i in ids if ids.count(i) > 1} | {"first", "last"} & set(ids)):
        yield f"cell id {cell_id!r} must occur once, and 'first' and 'last' are the build's"
    for cell in source.cells:
        unknown = set(cell.metadata.get("tags", ())) - TAGS
        if unknown:
            yield f"cell {cell.id!r}: unknown tags {sorted(unknown)}"
        if cell.cell_type == "code":
            yield from _code_faults(cell)
        elif cell.metadata.get("lang") not in LANGUAGES:
            yield f"text cell {cell.id!r}: its metadata must say lang: zh or en"
    texts = [cell for cell in source.cells if cell.cell_type == "markdown"]
    for zh, en in zip(texts[::2], [*texts[1::2], None]):
        side_by_side = en is not None and ids.index(en.id) == ids.index(zh.id) + 1
        if not side_by_side or (zh.metadata.lang, en.metadata.lang) != LANGUAGES:
            yield f"text cell {zh.id!r}: a zh cell must stand right before its en twin"
    codes = [tag(cell, "exercise", "solution") for cell in source.cells]
    for cell, here, after in zip(source.cells, codes, [*codes[1:], None]):
        if cell.cell_type == "code" and here == "exercise" and after != "solution":
            yield f"exercise {cell.id!r}: its solution must be the next cell"


def _code_faults(cell):
    try:
        ast.parse(_without_magics(cell.source))
    except SyntaxError as error:
        yield f"cell {cell.id!r}, line {error.lineno}: {error.msg}"
    if cell.outputs or cell.execution_count is not None:
        yield f"cell {cell.id!r}: sources store no outputs"
    if "lang" in cell.metadata:
        yield f"code cell {cell.id!r}: code is the same in both languages, so it has no lang"
    if set(cell.metadata.get("alt", LANGUAGES)) != set(LANGUAGES):
        yield f"cell {cell.id!r}: alt must hold zh and en"
    languages = [_comment_language(line) for line in cell.source.splitlines()]
    for localized, block in groupby(languages, key=bool):
        found = list(block)
        if localized and found != ["zh", "en"] * (len(found) // 2):
            yield f"cell {cell.id!r}: each # zh: line must stand right before its # en: twin"


def _without_magics(code):
    return "\n".join("" if line.startswith("%") else line for line in code.splitlines())


def tag(cell, *names):
    """Give the first of the tags `names` that the cell has, or None."""
    return next((name for name in names if name in cell.metadata.get("tags", ())), None)


# Editions


def _comment_language(line):
    match = re.match(r"\s*# (zh|en): ", line)
    return match and match[1]


def localized(code, language):
    """Make `# x` of one language's comment lines `# zh: x`, and drop the other's."""
    return "\n".join(
        re.sub(r"# (zh|en): ", "# ", line, count=1) if _comment_language(line) else line
        for line in code.splitlines()
        if _comment_language(line) in (None, language)
    )


def cells_of(source, language, variant):
    """Give the cells of an edition, without the build's own."""
    cells = []
    for original in source.cells:
        if original.metadata.get("lang", language) != language:
            continue
        if tag(original, "exercise", "solution") not in (None, variant):
            continue
        cell = nbformat.from_dict(json.loads(json.dumps(original)))
        if cell.cell_type == "code":
            cell.source = localized(cell.source, language)
            if "alt" in cell.metadata:
                cell.metadata.alt = cell.metadata.alt[language]
            if tag(cell, "volatile"):
                cell.metadata.tags.append("nbval-ignore-output")
        cells.append(cell)
    return cells


def title(source, language):
    """Give the text of the H1 in a language."""
    for cell in cells_of(source, language, "exercise"):
        heading = re.match(r"# (.+)", cell.source)
        if cell.cell_type == "markdown" and heading:
            return heading[1]
    raise SourceError(f"no H1 in {language}")


def navigation(names, titles, name, language, variant):
    """Give the line that leads to the notebook before, the contents, after, the other language."""
    words, place = WORDS[language], names.index(name)
    (other,) = set(LANGUAGES) - {language}
    links = [f"[{words['other']}](../{folder(other, variant)}/{name}.ipynb)"]
    if name != INDEX:
        links.insert(0, f"[{words['contents']}]({INDEX}.ipynb)")
    if place > 1:
        links.insert(0, f"[← {titles[names[place - 1]]}]({names[place - 1]}.ipynb)")
    if place + 1 < len(names):
        after = f"[{titles[names[place + 1]]} →]({names[place + 1]}.ipynb)"
        links.insert(len(links) - 1, after)
    return " · ".join(links)


def folder(language, variant):
    """Give the folder of an edition."""
    return language if variant == "exercise" else f"{language}-solutions"


def edition(sources, name, language, variant):
    """Build one notebook of one edition, not yet executed.

    Parameters
    ----------
    sources : dict of NotebookNode
        All sources by name, in reading order.
    name, language, variant : str
        Which notebook, "zh" or "en", "exercise" or "solution".

    Returns
    -------
    NotebookNode
    """
    names = list(sources)
    titles = {name: title(source, language) for name, source in sources.items()}
    line = navigation(names, titles, name, language, variant)
    cells = cells_of(sources[name], language, variant)
    if name == INDEX:
        contents = [f"1. [{titles[other]}]({other}.ipynb)" for other in names if other != INDEX]
        cells.append(nbformat.v4.new_markdown_cell("\n".join(contents), id="contents"))
    cells = [
        nbformat.v4.new_markdown_cell(line, id="first"),
        *cells,
        nbformat.v4.new_markdown_cell(line, id="last"),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    return notebook


def execute(notebook, directory):
    """Run a notebook in its folder and keep what it shows, the same bytes every time.

    Raises
    ------
    SourceError
        If a cell writes to stderr, or draws a figure without alt text, or has alt text and draws
        none, or shows a widget that has no picture.
    """
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        return
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # not a warning that the kernel listens on TCP
        resources={"metadata": {"path": str(directory)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    ).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _finish_outputs(cell)


def _finish_outputs(cell):
    if tag(cell, "volatile"):
        cell.outputs, cell.execution_count = [], None
        return
    drawn = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    if bool(drawn) != ("alt" in cell.metadata):
        raise SourceError(f"cell {cell.id!r} must have alt text if it draws, and only then")
    for output in drawn:
        output.metadata.setdefault("image/png", {})["alt"] = cell.metadata.alt
    for output in cell.outputs:
        if output.get("name") == "stderr":
            raise SourceError(f"cell {cell.id!r} writes to stderr:\n{output.text}")
        # A widget lives as long as its kernel. Stored, it would make a page load scripts from a
        # CDN; its picture is what a reader without a kernel sees.
        if output.get("data", {}).pop(WIDGET, None) and "image/png" not in output.data:
            raise SourceError(f"cell {cell.id!r} shows a widget that has no picture")
        output.get("metadata", {}).pop(WIDGET, None)


# course/taught.py


def taught(sources):
    """Give the text of course/taught.py: what the sources export, with the imports it needs."""
    imports, definitions, exported = set(), [], {}
    for name, source in sources.items():
        available, pieces = {}, []
        for cell in source.cells:
            if cell.cell_type != "code" or tag(cell, "exercise", "solution"):
                continue
            code = _without_magics(localized(cell.source, "en"))
            tree = ast.parse(code)
            for node in tree.body:
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    available.update(_imported(node))
            for wanted in cell.metadata.get("export", ()):
                if wanted in exported:
                    raise SourceError(f"{name} and {exported[wanted]} both export {wanted}")
                exported[wanted] = name
                pieces.append(_definition(name, tree, code, wanted))
        for piece in pieces:
            for needed in sorted(_free_names(piece) - set(exported)):
                if needed not in available:
                    raise SourceError(f"{name}: an exported function needs {needed}")
                imports.add(available[needed])
            definitions.append(f"# Taught in {name}.\n{piece}\n")
    head = TAUGHT_HEAD + (
        "\n" + "\n".join(sorted(imports, key=_import_order)) + "\n" if imports else ""
    )
    return head + "".join(f"\n\n{definition}" for definition in definitions)


def _imported(node):
    """Map the names that an import binds to a line that imports just this name."""
    for alias in node.names:
        bound = alias.asname or alias.name
        what = ast.unparse(alias)
        if isinstance(node, ast.ImportFrom):
            yield bound, f"from {node.module} import {what}"
        else:
            yield bound, f"import {what}"


def _import_order(line):
    return line.startswith("from"), line


def _definition(name, tree, code, wanted):
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == wanted:
            return ast.get_source_segment(code, node)
    raise SourceError(f"{name}: no cell with that export defines {wanted}")


def _free_names(code):
    """Give the global names that a piece of code uses and does not define, builtins aside."""
    names, tables = set(), [symtable.symtable(code, "<export>", "exec")]
    for table in tables:
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module"):
                names.add(symbol.get_name())
    return names - set(dir(builtins))


# The command


def stale(sources):
    """Give the built files that are not what the sources give."""
    paths = set()
    if _text(ROOT / "course/taught.py") != taught(sources):
        paths.add("course/taught.py")
    for language, variant in EDITIONS:
        directory = f"notebooks/{folder(language, variant)}"
        for name in sources:
            path = f"{directory}/{name}.ipynb"
            try:
                built = nbformat.read(ROOT / path, as_version=4)
            except (FileNotFoundError, nbformat.reader.NotJSONError):
                paths.add(path)
                continue
            for cell in built.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
            if built != edition(sources, name, language, variant):
                paths.add(path)
        for path in (ROOT / directory).glob("*.ipynb"):
            if path.stem not in sources:
                paths.add(f"{directory}/{path.name}")
    return sorted(paths)


def _text(path):
    return path.read_text() if path.exists() else None


def _write(path, text):
    """Write `text`, if it is not there already."""
    if _text(path) != text:
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")


def _build_one(arguments):
    sources, name, language, variant = arguments
    directory = ROOT / "notebooks" / folder(language, variant)
    directory.mkdir(exist_ok=True)  # the kernel runs in it
    notebook = edition(sources, name, language, variant)
    try:
        execute(notebook, directory)
    except Exception as error:
        colours = r"\x1b\[[0-9;]*m"
        return f"notebooks/{directory.name}/{name}.ipynb: {re.sub(colours, '', str(error))}"
    _write(directory / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
    return None


def main():
    """Run the command; give its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="notebooks to build (default: all)"
    )
    parser.add_argument("--check", action="store_true", help="only name the stale files")
    options = parser.parse_args()
    try:
        sources = {name: read_source(name) for name in order()}
        if options.check:
            paths = stale(sources)
            print("".join(f"stale: {path}\n" for path in paths), end="")
            if paths:
                print("Build them again: python tools/build.py", file=sys.stderr)
            return int(bool(paths))
        _write(ROOT / "course/taught.py", taught(sources))
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    names = [Path(name).stem for name in options.names]  # a path will do, too
    unknown = set(names) - set(sources)
    if unknown:
        parser.error(f"no such notebook: {', '.join(sorted(unknown))}")
    jobs = [
        (sources, name, language, variant)
        for name in names or sources
        for language, variant in EDITIONS
    ]
    with ProcessPoolExecutor() as pool:
        failures = [failure for failure in pool.map(_build_one, jobs) if failure]
    print("\n".join(failures), file=sys.stderr, end="\n" if failures else "")
    for path in ROOT.glob("notebooks/*/*.ipynb"):
        if path.stem not in sources and path.parent.name != "src":
            path.unlink()
            print(f"removed {path.relative_to(ROOT)}")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
