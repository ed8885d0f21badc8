"""What nbval does not look at: images, links, alt text, what the two languages share."""

import re
import symtable

import nbformat
import pytest
from common import EDITIONS, ROOT, name_of, notebooks, read
from markdown_it import MarkdownIt

from course.checks.verdict import OPENINGS
from tools.sources import without_magics

BUILT = notebooks(*EDITIONS)
every_notebook = pytest.mark.parametrize("path", BUILT, ids=name_of)

# Cells whose output differs from run to run, with the reason; nothing else is exempt from nbval.
VOLATILE = {
    ("momentum-fast", cell_id): "shows times"
    for cell_id in (
        "naive-time",
        "dispatch",
        "chapter-time",
        "fused-time",
        "compiled-time",
        "least-squares-time",
        "losses-time",
        "all-updates-time",
        "grid-time",
    )
} | {("momentum-distributed", "async-run"): "asynchronous: the processes' order is chance"}


def codes(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def test_every_edition_holds_every_notebook():
    names = set((ROOT / "notebooks/src/order.txt").read_text().split())
    assert {name_of(path) for path in BUILT} == {f"{e}/{name}" for e in EDITIONS for name in names}


@every_notebook
def test_the_notebook_is_valid_and_names_its_kernel(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "version" not in notebook.metadata.language_info


@every_notebook
def test_every_cell_has_run_in_order_and_without_error(path):
    for count, cell in enumerate(codes(read(path)), start=1):
        volatile = "volatile" in cell.metadata.get("tags", ())
        assert cell.execution_count == (None if volatile else count), cell.id
        assert all(output.output_type != "error" for output in cell.outputs), cell.id
        assert all(output.get("name") != "stderr" for output in cell.outputs), cell.id


def test_cells_exempt_from_comparison_are_those_listed():
    exempt = {
        (path.stem, cell.id)
        for path in BUILT
        for cell in codes(read(path))
        if any(tag.startswith(("nbval", "raises")) for tag in cell.metadata.get("tags", ()))
        or cell.source.lstrip().startswith(("# NBVAL", "# PYTEST"))
    }
    assert exempt == set(VOLATILE)


@every_notebook
def test_a_starter_says_that_it_is_the_learners_turn_and_a_solution_passes(path):
    language = path.parent.name[:2]
    kinds = {"exercise": "unanswered", "solution": "right"}
    for cell in codes(read(path)):
        for tag in set(cell.metadata.get("tags", ())) & set(kinds):
            verdict = cell.outputs[-1].data
            assert verdict["text/plain"].startswith(OPENINGS[kinds[tag]][language]), cell.id
            assert OPENINGS[kinds[tag]][language].strip() in verdict["text/html"], cell.id


LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]*)\)")


@every_notebook
def test_links_and_images_resolve_and_images_have_alt_text(path):
    for cell in texts(read(path)):
        for image, label, target in LINK.findall(cell.source):
            assert label, f"{cell.id}: no text for {target}"
            if image or "://" not in target:
                assert (path.parent / target).is_file(), f"{cell.id}: {target}"


def names(code):
    """Give the names that a cell's code binds, and those that it or its functions take from outside."""
    table = symtable.symtable(without_magics(code), "cell", "exec")
    bound = {one.get_name() for one in table.get_symbols() if one.is_assigned()}
    tables, used = [table], set()
    for one in tables:
        tables += one.get_children()
        used |= {
            symbol.get_name()
            for symbol in one.get_symbols()
            if symbol.is_referenced() and (one is table or symbol.is_global())
        }
    return bound, used - bound


@pytest.mark.parametrize("path", notebooks("en", "en-solutions"), ids=name_of)
def test_an_exercise_leaves_alone_what_other_cells_use(path):
    """So that after Run All, and in any order, each gets the verdict of a fresh kernel."""
    cells = {cell.id: (cell, *names(cell.source)) for cell in codes(read(path))}
    for one, (cell, bound, _) in cells.items():
        if {"exercise", "solution"} & set(cell.metadata.get("tags", ())):
            for other, (_, _, used) in cells.items():
                assert not bound & used or one == other, f"{one} changes what {other} uses"


@every_notebook
def test_a_learners_notebook_does_not_lead_to_the_solutions(path):
    shown = "".join(cell.source for cell in read(path).cells)
    assert ("-solutions" in shown) == (path.parent.name.endswith("-solutions"))


@pytest.mark.parametrize("name", sorted(path.stem for path in notebooks("en")))
def test_cells_with_the_same_code_store_the_same_outputs(name):
    """In all editions, though `nox -s test` runs but two; the table of progress in its language's."""
    stored = {}
    for edition in EDITIONS:
        for cell in codes(read(ROOT / f"notebooks/{edition}/{name}.ipynb")):
            if not {"exercise", "solution"} & set(cell.metadata.get("tags", ())):
                for output in cell.outputs:
                    output.get("metadata", {}).get("image/png", {}).pop("alt", None)
                key = (cell.id, edition[:2] if cell.id == "progress" else None)
                stored.setdefault(key, []).append(cell.outputs)
    for (cell_id, language), outputs in stored.items():
        assert outputs == [outputs[0]] * (2 if language else len(EDITIONS)), cell_id


@pytest.mark.parametrize("path", notebooks("en"), ids=lambda path: path.stem)
def test_both_languages_hold_the_same_mathematics_figures_and_code(path):
    en, zh = read(path), read(ROOT / "notebooks/zh" / path.name)
    assert len(en.cells) == len(zh.cells)
    for left, right in zip(en.cells[1:-1], zh.cells[1:-1]):
        assert left.cell_type == right.cell_type
        if left.cell_type == "code":
            assert without_comments(left.source) == without_comments(right.source)
            continue
        for pattern in (r"\$\$.+?\$\$", r"(?<!\$)\$[^$]+\$(?!\$)", r"\]\((\S+?)\)", r"`[^`]+`"):
            page = right.source.replace("/web/pages/zh/", "/web/pages/en/")
            assert sorted(re.findall(pattern, left.source, re.DOTALL)) == sorted(
                re.findall(pattern, page, re.DOTALL)
            ), left.id


def without_comments(source):
    return re.sub(r"^\s*# .*\n", "", source, flags=re.MULTILINE)


@pytest.mark.parametrize("path", notebooks("zh", "en"), ids=name_of)
def test_text_is_in_the_notebooks_language(path):
    for cell in texts(read(path))[1:-1]:
        prose = re.sub(r"\$[^$]+\$|`[^`]*`|\]\(\S+\)", "", cell.source)
        if path.stem == "glossary":  # whose tables hold the terms in the other language
            prose = re.sub(r"^(\|[^|]+)\|[^|]+\|", r"\1|", prose, flags=re.MULTILINE)
        assert bool(re.search("[\u4e00-\u9fff]", prose)) == (path.parent.name == "zh"), cell.id


@pytest.mark.parametrize("path", notebooks("zh", "en"), ids=name_of)
def test_a_chapter_begins_with_a_question_and_ends_with_its_answer(path):
    """The contents show the question, the length and a link for each chapter."""
    asks, answers = {"zh": ("**问题**：", "**答案**："), "en": ("**Question:** ", "**Answer:** ")}[
        path.parent.name
    ]
    notebook = read(path)
    (contents,) = [
        cell.source for cell in read(path.with_name("index.ipynb")).cells if cell.id == "contents"
    ]
    if path.stem in ("index", "glossary"):
        assert asks not in "".join(cell.source for cell in texts(notebook))
        return
    _, question = texts(notebook)[1].source.rsplit(asks, 1)
    assert question.strip()[-1] in "?？"
    first = texts(notebook)[0].source
    (length,) = re.findall(r"^(.+ (?:minutes|分钟) · .+?) · ", first, re.MULTILINE)
    assert f"({path.name}) · {length}  \n   {question.strip()}" in contents
    (summary,) = [cell for cell in texts(notebook) if re.match("## (Summary|小结)", cell.source)]
    assert f"\n\n{answers}" in summary.source  # references may follow


@every_notebook
def test_no_asterisk_is_left_of_the_markup(path):
    """`**词：**字` is not bold: the closing marks stand between a punctuation mark and a letter."""
    for cell in texts(read(path)):
        without_maths = re.sub(r"\$\$.+?\$\$|\$[^$]+\$", "", cell.source, flags=re.DOTALL)
        shown = re.sub(r"<code>.*?</code>", "", MarkdownIt().render(without_maths), flags=re.DOTALL)
        assert "*" not in shown, cell.id
