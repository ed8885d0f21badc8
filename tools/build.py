"""Build the four editions of the notebooks, and what `course` takes from them, from notebooks/src.

`python tools/build.py [NAME ...]` builds all notebooks, or those named; it executes those whose
outputs depend on something that has changed (`--again`: whatever has changed).
`python tools/build.py --check` writes nothing; it names what is stale, and why, and exits with 1.
"""

import argparse
import ast
import hashlib
import json
import re
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import grimp
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools import exports  # noqa: E402
from tools.sources import (  # noqa: E402
    LANGUAGES,
    SourceError,
    localized,
    read_all,
    tag,
    without_magics,
)

EDITIONS = tuple(product(LANGUAGES, ("exercise", "solution")))
CONTENTS = "course/contents.json"  # by which the learner's record knows chapters and exercises
INDEX = "index"  # the table of contents: the build lists the notebooks in it
WIDGET = "application/vnd.jupyter.widget-view+json"
DIGESTS = "momentum_lab"  # where a notebook's metadata says what its outputs depend on
PINS = "requirements.txt"
DATA = "notebooks/data"  # where `course.data` looks for the files that the code names

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
    "zh": {
        "contents": "目录",
        "other": "English",
        "length": "约 {minutes} 分钟 · {exercises} 道练习",
        "begin": "按 Shift+Enter 运行单元格",
        "question": r"\*\*问题\*\*：(.+)",
    },
    "en": {
        "contents": "Contents",
        "other": "中文",
        "length": "About {minutes} minutes · {exercises} exercises",
        "begin": "Shift+Enter runs a cell",
        "question": r"\*\*Question:\*\* (.+)",
    },
}


# Editions


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
    for cell in source.cells:
        heading = re.match(r"# (.+)", cell.source)
        if cell.metadata.get("lang") == language and heading:
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


def length(source):
    """Give how many minutes a chapter takes, and how many exercises it has; None if it has none.

    The minutes are of the English edition, to five: 200 words or 20 lines of code a minute, and 3
    for an exercise.
    """
    cells = cells_of(source, "en", "exercise")
    exercises = sum(tag(cell, "exercise") is not None for cell in cells)
    if not exercises:
        return None
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    lines = sum(len(cell.source.splitlines()) for cell in cells if cell.cell_type == "code")
    minutes = 5 * max(1, round((words / 200 + lines / 20 + 3 * exercises) / 5))
    return {"minutes": minutes, "exercises": exercises}


def question(source, language):
    """Give the question that a chapter answers, from its first text."""
    for cell in source.cells:
        asked = re.search(WORDS[language]["question"], cell.source)
        if cell.metadata.get("lang") == language and asked:
            return asked[1]
    raise SourceError(f"no question in {language}")


def contents(sources, language):
    """Give the numbered list of the chapters: title, length, question."""
    for number, (name, source) in enumerate(list(sources.items())[1:], start=1):
        line = f"{number}. [{title(source, language)}]({name}.ipynb)"
        if size := length(source):
            asked = question(source, language)
            line += f" · {WORDS[language]['length'].format(**size)}  \n   {asked}"
        yield line


def exercise_name(cell):
    """Give an exercise's name in the learner's record: its check's, and the number passed first."""
    for node in ast.walk(ast.parse(without_magics(cell.source))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("checks."):
            name, first = node.func.attr, node.args and node.args[0]
            numbered = isinstance(first, ast.Constant) and type(first.value) is int
            return f"{name} {first.value}" if numbered else name
    raise SourceError(f"exercise {cell.id!r} calls no check")


def contents_data(sources):
    """Give what the file `CONTENTS` is to hold."""
    chapters = {}
    for name, source in sources.items():
        if size := length(source):
            cells = [cell for cell in source.cells if tag(cell, "exercise")]
            chapters[name] = {language: title(source, language) for language in LANGUAGES} | {
                "minutes": size["minutes"],
                "exercises": {c.id: exercise_name(c) for c in cells if c.cell_type == "code"},
            }
    return json.dumps(chapters, ensure_ascii=False, indent=1) + "\n"


def folder(language, variant):
    """Give the folder of an edition."""
    return language if variant == "exercise" else f"{language}-solutions"


def edition(sources, name, language, variant):
    """Build one notebook of one edition, without outputs.

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
        listed = "\n".join(contents(sources, language))
        cells.append(nbformat.v4.new_markdown_cell(listed, id="contents"))
    first = line
    if size := length(sources[name]):
        words = WORDS[language]
        first += f"\n\n{words['length'].format(**size)} · {words['begin']}"
    cells = [
        nbformat.v4.new_markdown_cell(first, id="first"),
        *cells,
        nbformat.v4.new_markdown_cell(line, id="last"),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    return notebook


def codes(notebook):
    """Give the code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# What the outputs depend on


def digest(content):
    """Give a short digest of bytes."""
    return hashlib.sha256(content).hexdigest()[:16]


def digests(notebook, name, directory, graph):
    """Give what a notebook's outputs depend on: its code, and files of ours, by their digests.

    The files are the modules that the code imports, and those that these import; of
    `course.checks`, which holds every chapter's, the chapter's own. Then the files that the code
    names, of the table of progress the chapters', and the pinned environment. Each counts as a
    whole.
    """
    code = [[cell.id, cell.source] for cell in codes(notebook)]
    if not code:
        return {}
    files, modules = {ROOT / PINS}, set()
    for node in ast.walk(ast.parse(without_magics("\n".join(source for _, source in code)))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = [folder / node.value[:200] for folder in (directory, ROOT / DATA)]
            files |= {path for path in named if path.is_file()}
    if "course.checks" in modules:
        modules = {one for one in modules if not one.startswith("course.checks")}
        modules.add(f"course.checks.{name.replace('-', '_')}")
    if "course.progress" in modules:
        files.add(ROOT / CONTENTS)
    for module in modules & graph.modules:
        modules = modules | graph.find_upstream_modules(module)
    for module in modules:
        base = ROOT / module.replace(".", "/")
        files |= {p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()}
    return {"code": digest(json.dumps(code).encode())} | {
        path.resolve().relative_to(ROOT).as_posix(): digest(path.read_bytes())
        for path in sorted(files)
    }


def outputs_digest(notebook):
    """Give the digest of a notebook's outputs; alt text, which is the source's, is left out."""
    outputs = json.loads(json.dumps([[c.execution_count, c.outputs] for c in codes(notebook)]))
    for _, shown in outputs:
        for output in shown:
            output.get("metadata", {}).get("image/png", {}).pop("alt", None)
    return digest(json.dumps(outputs, sort_keys=True).encode())


def changed(built, wanted):
    """Say what keeps the outputs of a built notebook from being those of now, a phrase each."""
    stored = built.metadata.get(DIGESTS, {})
    for key in sorted(stored.keys() | wanted.keys()):
        if key != "outputs" and stored.get(key) != wanted.get(key):
            yield "the code has changed" if key == "code" else f"{key} has changed"
    if wanted and stored.get("outputs") != outputs_digest(built):
        yield "the outputs are not those that the build stored"


def keep_outputs(notebook, built):
    """Take over the outputs of a built notebook with the same code."""
    for cell, old in zip(codes(notebook), codes(built)):
        cell.outputs, cell.execution_count = old.outputs, old.execution_count
        add_alt(cell)
    if DIGESTS in built.metadata:
        notebook.metadata[DIGESTS] = built.metadata[DIGESTS]


def execute(notebook, directory):
    """Run a notebook in its folder and keep what it shows, the same bytes every time.

    Raises
    ------
    SourceError
        If a cell writes to stderr, or draws a figure without alt text, or has alt text and draws
        none, or shows a widget that has no picture.
    """
    with tempfile.TemporaryDirectory() as sockets:
        # Sockets in the file system: a TCP port may be another's before the kernel has bound it.
        config = Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}})
        NotebookClient(
            notebook,
            config=config,
            timeout=120,
            kernel_name="python3",
            resources={"metadata": {"path": str(directory)}},
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
        ).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in codes(notebook):
        _finish_outputs(cell)


def _finish_outputs(cell):
    if tag(cell, "volatile"):
        cell.outputs, cell.execution_count = [], None
        return
    for output in cell.outputs:
        if output.get("name") == "stderr":
            raise SourceError(f"cell {cell.id!r} writes to stderr:\n{output.text}")
        # A widget lives as long as its kernel. Stored, it would make a page load scripts from a
        # CDN; its picture is what a reader without a kernel sees.
        if output.get("data", {}).pop(WIDGET, None) and "image/png" not in output.data:
            raise SourceError(f"cell {cell.id!r} shows a widget that has no picture")
        output.get("metadata", {}).pop(WIDGET, None)
    add_alt(cell)


def add_alt(cell):
    """Give the pictures that a cell shows the alt text of its source."""
    drawn = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    if bool(drawn) != ("alt" in cell.metadata):
        raise SourceError(f"cell {cell.id!r} must have alt text if it draws, and only then")
    for output in drawn:
        output.metadata.setdefault("image/png", {})["alt"] = cell.metadata.alt


# The command


def editions(sources, names):
    """Yield each edition of each notebook named, without outputs: path, notebook, digests."""
    graph = grimp.build_graph("course", include_external_packages=True, cache_dir=None)
    for name in names:
        for language, variant in EDITIONS:
            path = ROOT / "notebooks" / folder(language, variant) / f"{name}.ipynb"
            notebook = edition(sources, name, language, variant)
            yield path, notebook, digests(notebook, name, path.parent, graph)


def read_built(path):
    """Read a built notebook; None if there is none, or none that can be read."""
    try:
        return nbformat.read(path, as_version=4)
    except (FileNotFoundError, nbformat.reader.NotJSONError):
        return None


def stale(sources, names):
    """Yield what is not as the sources give it, a line each that says why."""
    if _text(ROOT / exports.PATH) != exports.exported(sources):
        yield f"{exports.PATH}: not what the sources export"
    if _text(ROOT / CONTENTS) != contents_data(sources):
        yield f"{CONTENTS}: not what the sources give"
    for path, notebook, wanted in editions(sources, names):
        built = read_built(path)
        reasons = ["missing, or no notebook"] if built is None else list(changed(built, wanted))
        if built and not reasons:
            keep_outputs(notebook, built)
            if built != notebook:
                reasons = ["its cells are not what the source gives"]
        if reasons:
            yield f"{path.relative_to(ROOT)}: {', '.join(reasons)}"
    for path in _left_over(sources):
        yield f"{path.relative_to(ROOT)}: no source"


def build(sources, names, again=False):
    """Write the editions of the notebooks named; give what went wrong, a line each."""
    _write(ROOT / exports.PATH, exports.exported(sources))
    _write(ROOT / CONTENTS, contents_data(sources))
    jobs = []
    for path, notebook, wanted in editions(sources, names):
        built = read_built(path)
        if again or built is None or any(changed(built, wanted)):
            path.parent.mkdir(exist_ok=True)  # the kernel runs in it
            jobs.append((path, notebook, wanted))
        else:
            keep_outputs(notebook, built)
            _write(path, nbformat.writes(notebook) + "\n")
    for path in _left_over(sources):
        path.unlink()
        print(f"removed {path.relative_to(ROOT)}")
    if not jobs:
        return []
    with ProcessPoolExecutor() as pool:
        return [failure for failure in pool.map(_execute_one, jobs) if failure]


def _execute_one(job):
    path, notebook, wanted = job
    try:
        execute(notebook, path.parent)
    except (CellExecutionError, SourceError) as error:
        colours = r"\x1b\[[0-9;]*m"
        return f"{path.relative_to(ROOT)}: {re.sub(colours, '', str(error))}"
    if wanted:
        notebook.metadata[DIGESTS] = {**wanted, "outputs": outputs_digest(notebook)}
    _write(path, nbformat.writes(notebook) + "\n")
    return None


def _left_over(sources):
    """Give the built notebooks that have no source any more."""
    paths = ROOT.glob("notebooks/*/*.ipynb")
    return sorted(path for path in paths if path.stem not in sources)


def _text(path):
    return path.read_text() if path.exists() else None


def _write(path, text):
    """Write `text`, if it is not there already."""
    if _text(path) != text:
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")


def main():
    """Run the command; give its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="notebooks to build (default: all)"
    )
    parser.add_argument("--again", action="store_true", help="execute, whatever has changed")
    parser.add_argument("--check", action="store_true", help="only name what is stale, and why")
    options = parser.parse_args()
    try:
        sources = read_all()
        names = [Path(name).stem for name in options.names] or list(sources)  # a path will do, too
        unknown = set(names) - set(sources)
        if unknown:
            parser.error(f"no such notebook: {', '.join(sorted(unknown))}")
        if options.check:
            lines = list(stale(sources, names))
            print("".join(f"stale: {line}\n" for line in lines), end="")
            if lines:
                print("Build them again: python tools/build.py", file=sys.stderr)
            return int(bool(lines))
        failures = build(sources, names, options.again)
    except SourceError as error:
        failures = [str(error)]
    print("\n".join(failures), file=sys.stderr, end="\n" if failures else "")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
