"""The sources of the notebooks, notebooks/src/NAME.md: reading them, and the rules they follow."""

import ast
import re
from itertools import groupby
from pathlib import Path

import jupytext
from jupytext.myst import MystMetadataParsingError

ROOT = Path(__file__).parents[1]
LANGUAGES = ("zh", "en")
TAGS = {"exercise", "solution", "volatile"}
BUILT_IDS = {"first", "last", "contents"}  # of cells that the build adds
SOURCES = ROOT / "notebooks/src"


class SourceError(Exception):
    """What breaks the rules of `notebooks/src`: a line for each fault."""


def order():
    """Give the names of the notebooks in reading order, from notebooks/src/order.txt."""
    names = (SOURCES / "order.txt").read_text().split()
    present = {path.stem for path in SOURCES.glob("*.md")}
    wrong = set(names) ^ present | {name for name in names if names.count(name) > 1}
    if wrong:
        raise SourceError(
            "order.txt must name the notebooks in notebooks/src, each once; "
            f"look at {', '.join(sorted(wrong))}"
        )
    return names


def read_all():
    """Read and check every source.

    Returns
    -------
    dict of NotebookNode
        The sources by name, in reading order.

    Raises
    ------
    SourceError
        With all that is wrong, a line each.
    """
    sources, faults = {}, []
    for name in order():
        try:
            sources[name] = read(SOURCES / f"{name}.md")
            found = source_faults(sources[name])
        except MystMetadataParsingError as error:
            found = [f"a cell's metadata cannot be read: {error}"]
        faults += [f"notebooks/src/{name}.md: {fault}" for fault in found]
    if faults:
        raise SourceError("\n".join(faults))
    return sources


def read(path):
    """Read a source; a cell's id stands in its metadata there, since the format has no other place."""
    source = jupytext.read(path, fmt="md:myst")
    for cell in source.cells:
        cell.id = cell.metadata.pop("id", None)
    return source


def source_faults(source):
    """Yield what is wrong with a source, a sentence each."""
    for cell in source.cells:
        if not cell.id:
            yield f"the cell that begins with {cell.source[:40]!r} has no id"
        unknown = set(cell.metadata.get("tags", ())) - TAGS
        if unknown:
            yield f"cell {cell.id!r}: unknown tags {sorted(unknown)}"
        if cell.cell_type == "code":
            yield from _code_faults(cell)
        elif cell.metadata.get("lang") not in LANGUAGES:
            yield f"text cell {cell.id!r}: its metadata must say lang: zh or en"
    yield from _pair_faults(source)


def _pair_faults(source):
    """Yield which ids and pairs are wrong: a text and its translation, an exercise and its solution."""
    seen = BUILT_IDS.copy()
    cells = iter([*source.cells, None])
    cell = next(cells)
    while cell:
        after = next(cells)
        if cell.id in seen:
            yield f"cell id {cell.id!r} must be one cell's, or one pair's, and none of {BUILT_IDS}"
        seen.add(cell.id)
        first, second = _role(cell), after and _role(after)
        wanted = {"zh": "en", "exercise": "solution"}.get(first)
        if wanted and second == wanted:
            if cell.id != after.id:
                yield f"cells {cell.id!r} and {after.id!r} are a pair and must have the same id"
            # A text tagged `solution`, in both languages, is for the solutions' editions only.
            if first == "zh" and cell.metadata.get("tags") != after.metadata.get("tags"):
                yield f"text cell {cell.id!r}: zh and en must have the same tags"
            after = next(cells)
        elif first in LANGUAGES:
            yield f"text cell {cell.id!r}: a zh cell must stand right before its en twin"
        elif wanted:
            yield f"exercise {cell.id!r}: its solution must be the next cell"
        elif first == "solution":
            yield f"solution {cell.id!r}: its exercise must be the cell before"
        cell = after


def _role(cell):
    """Give what a cell is in a pair, or None."""
    return cell.metadata.get("lang") or tag(cell, "exercise", "solution")


def _code_faults(cell):
    try:
        ast.parse(without_magics(cell.source))
    except SyntaxError as error:
        yield f"cell {cell.id!r}, line {error.lineno}: {error.msg}"
    if "lang" in cell.metadata:
        yield f"code cell {cell.id!r}: code is the same in both languages, so it has no lang"
    if set(cell.metadata.get("alt", LANGUAGES)) != set(LANGUAGES):
        yield f"cell {cell.id!r}: alt must hold zh and en"
    languages = [_comment_language(line) for line in cell.source.splitlines()]
    for is_comment, block in groupby(languages, key=bool):
        found = list(block)
        if is_comment and found != ["zh", "en"] * (len(found) // 2):
            yield f"cell {cell.id!r}: each # zh: line must stand right before its # en: twin"


def without_magics(code):
    """Give code without IPython's magics, its lines where they were."""
    return "\n".join("" if line.startswith("%") else line for line in code.splitlines())


def tag(cell, *names):
    """Give the first of the tags `names` that the cell has, or None."""
    return next((name for name in names if name in cell.metadata.get("tags", ())), None)


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
