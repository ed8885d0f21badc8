"""The build tool: what it makes of a source, what it refuses; the built files are fresh."""

import shutil
import subprocess
import sys

import nbformat
import pytest
from common import EDITIONS, ROOT, read

from tools import build, exports, sources

FILES = ("utils.py", "requirements.txt", "course", "img", "notebooks")


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Give a copy of the repository to damage, which the build tool takes for its own."""
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in FILES:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(path, tmp_path / name)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(sources, "SOURCES", tmp_path / "notebooks/src")
    return tmp_path


SOURCES = sources.read_all()


def stale(*names):
    """Give what is stale in the copy, whose sources are changed, of the notebooks named or of all."""
    read = sources.read_all()
    return list(build.stale(read, names or read))


def replace(path, old, new):
    """Replace what stands once in a file."""
    text = path.read_text()
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new))


def paths(folders, *names):
    return [f"notebooks/{folder}/{name}.ipynb" for name in names for folder in folders]


def test_the_built_files_are_what_the_sources_give():
    command = [sys.executable, "tools/build.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


def test_executing_again_changes_nothing_byte_for_byte(copy, capsys):
    path = copy / "notebooks/en-solutions/momentum-scratch.ipynb"
    path.unlink()
    (copy / exports.PATH).unlink()
    assert build.build(sources.read_all(), ["momentum-scratch"]) == []
    for built in (path, copy / exports.PATH):
        assert built.read_bytes() == (ROOT / built.relative_to(copy)).read_bytes()


@pytest.fixture
def no_kernel(monkeypatch):
    """Fail where a notebook is executed."""
    monkeypatch.setattr(build, "_execute_one", lambda job: pytest.fail(f"executes {job[0]}"))


@pytest.mark.usefixtures("no_kernel")
def test_a_sentence_is_built_without_executing_anything(copy, capsys):
    replace(copy / "notebooks/src/momentum-scratch.md", "## Summary\n", "## Summary\n\nMore.\n")
    assert {line.partition(": ")[0] for line in stale()} == set(
        paths(("en", "en-solutions"), "momentum-scratch")
    )
    assert build.build(sources.read_all(), list(sources.read_all())) == []
    assert stale() == []
    written = capsys.readouterr().out.split()[1::2]
    assert written == paths(("en", "en-solutions"), "momentum-scratch")


@pytest.mark.usefixtures("no_kernel")
def test_alt_text_is_built_without_executing_anything(copy):
    replace(
        copy / "notebooks/src/momentum-scratch.md",
        "it falls with oscillations",
        "it falls in waves",
    )
    assert build.build(sources.read_all(), ["momentum-scratch"]) == []
    assert stale() == []


def damage_text(notebook):
    notebook.cells[1].source += "x"


def damage_cell_removed(notebook):
    del notebook.cells[3]


def damage_navigation(notebook):
    del notebook.cells[-1]


def damage_alt(notebook):
    next(cell for cell in notebook.cells if "alt" in cell.metadata).metadata.alt = "x"


def damage_id(notebook):
    notebook.cells[4].id = "other"


def damage_metadata(notebook):
    del notebook.metadata["kernelspec"]


def damage_output(notebook):
    outputs = next(cell.outputs for cell in notebook.cells if cell.id == "run")
    outputs[0].text = outputs[0].text.replace("4.2", "4.3")


def damage_picture(notebook):
    outputs = next(cell.outputs for cell in notebook.cells if cell.id == "run")
    outputs.pop()


CELLS, OUTPUTS = (
    "its cells are not what the source gives",
    "the outputs are not those that the build stored",
)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (damage_text, CELLS),
        (damage_cell_removed, CELLS),
        (damage_navigation, CELLS),
        (damage_alt, CELLS),
        (damage_id, CELLS),
        (damage_metadata, CELLS),
        (damage_output, OUTPUTS),
        (damage_picture, OUTPUTS),
    ],
)
def test_check_names_the_edition_that_was_changed(copy, damage, why):
    path = copy / "notebooks/en/momentum-scratch.ipynb"
    notebook = read(path)
    damage(notebook)
    nbformat.write(notebook, path)
    assert list(build.stale(SOURCES, ["momentum-scratch"])) == [
        f"notebooks/en/momentum-scratch.ipynb: {why}"
    ]


READERS = {
    "course/checks/__init__.py": set(),
    "course/checks/momentum_scratch.py": {"momentum-scratch"},
    "course/data.py": {"momentum-real", "momentum-distributed", "momentum-adam", "momentum-today"},
    "course/measuring.py": {"momentum-fast", "momentum-distributed"},
    "course/seeds.py": {"momentum-scratch"},
    "notebooks/data/digits.csv.gz": {"momentum-real", "momentum-distributed"},
    "course/contents.json": {"index"},
    "course/progress.py": {"index"},
    "requirements.txt": {*SOURCES} - {"glossary"},
}


def test_check_names_the_notebooks_whose_outputs_depend_on_a_file(copy):
    for file in READERS:
        with (copy / file).open("ab") as changed:
            changed.write(b"\n")
    reasons = {name: [file for file, names in READERS.items() if name in names] for name in SOURCES}
    first, *others = sorted(build.stale(SOURCES, SOURCES))
    assert first == "course/contents.json: not what the sources give"
    assert others == sorted(
        f"{path}: {', '.join(f'{file} has changed' for file in files)}"
        for name, files in reasons.items()
        for path in paths(EDITIONS, name)
        if files
    )


def test_every_notebook_depends_on_what_it_imports():
    """Also on what its imports import: the chapter's check is of course/checks, and its sliders."""
    notebook = read(ROOT / "notebooks/en/momentum-scratch.ipynb")
    files = set(notebook.metadata[build.DIGESTS]) - {"code", "outputs"}
    assert files >= {"utils.py", "requirements.txt", "course/chapters.py", "course/language.py"}
    assert {file for file in files if file.startswith("course/checks/momentum")} == {
        "course/checks/momentum_scratch.py"
    }


def test_check_names_all_that_a_changed_source_makes_stale(copy):
    path = copy / "notebooks/src/gd-sgd-scratch.md"
    replace(path, "# 梯度下降和随机梯度下降——从零开始\n", "# 新的标题\n")
    replace(
        path,
        "        param -= lr / batch_size * param.grad\n",
        "        param -= lr * param.grad\n",
    )
    assert stale() == [
        "course/chapters.py: not what the sources export",
        "course/contents.json: not what the sources give",
        # the title stands in their navigation
        *(f"{one}: {CELLS}" for one in paths(("zh", "zh-solutions"), "index")),
        *(f"{one}: the code has changed" for one in paths(EDITIONS_IN_ORDER, "gd-sgd-scratch")),
        *(f"{one}: {CELLS}" for one in paths(("zh", "zh-solutions"), "momentum-scratch")),
    ]


EDITIONS_IN_ORDER = [build.folder(*edition) for edition in build.EDITIONS]


def test_check_names_missing_broken_and_left_over_notebooks(copy):
    folder = copy / "notebooks/zh"
    (folder / "index.ipynb").unlink()
    (folder / "momentum-scratch.ipynb").write_text("{")
    shutil.copy(folder / "gd-sgd-scratch.ipynb", folder / "removed.ipynb")
    assert stale() == [
        "notebooks/zh/index.ipynb: missing, or no notebook",
        "notebooks/zh/momentum-scratch.ipynb: missing, or no notebook",
        "notebooks/zh/removed.ipynb: no source",
    ]


@pytest.mark.parametrize("name", ["another", "momentum-scratch"])
def test_order_txt_must_name_every_source_once(copy, name):
    with (copy / "notebooks/src/order.txt").open("a") as file:
        file.write(f"{name}\n")
    with pytest.raises(sources.SourceError, match=f"each once; look at {name}"):
        sources.read_all()


def test_all_that_is_wrong_with_the_sources_is_told(copy):
    path = copy / "notebooks/src/momentum-scratch.md"
    replace(path, '{"id": "gamma", "lang": "en"}', '{"id": "gamma"}')
    replace(path, ":id: sgd-momentum\n", "")
    replace(path, "    # en: param.grad is", "    # param.grad is")
    replace(copy / "notebooks/src/index.md", '"title", "lang": "zh"', '"title", "lang": "fr"')
    with pytest.raises(sources.SourceError) as error:
        sources.read_all()
    told = str(error.value)
    assert "src/momentum-scratch.md: text cell 'gamma': its metadata must say lang" in told
    assert "src/momentum-scratch.md: the cell that begins with 'def sgd_momentum" in told
    assert "each # zh: line must stand right before" in told
    assert "src/index.md: text cell 'title': its metadata must say lang" in told


def test_metadata_that_cannot_be_read_are_named(copy):
    replace(copy / "notebooks/src/momentum-scratch.md", ":id: sgd-momentum\n", ":id: [\n")
    with pytest.raises(sources.SourceError, match=r"src/momentum-scratch\.md: a cell's metadata"):
        sources.read_all()


def code(source, **metadata):
    return nbformat.v4.new_code_cell(source, id=metadata.pop("id", "code"), metadata=metadata)


def text(lang, source="# T", **metadata):
    cell_id = metadata.pop("id", "text")
    return nbformat.v4.new_markdown_cell(source, id=cell_id, metadata={"lang": lang, **metadata})


def faults(*cells):
    return " ".join(sources.source_faults(nbformat.from_dict({"cells": list(cells)})))


ZH, EN = text("zh"), text("en")


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ([ZH], "a zh cell must stand right before its en twin"),
        ([EN, ZH], "a zh cell must stand right before its en twin"),
        ([ZH, code("1"), EN], "a zh cell must stand right before its en twin"),
        ([ZH, EN, text("en", id="more")], "a zh cell must stand right before its en twin"),
        ([nbformat.v4.new_markdown_cell("x", id="x")], "its metadata must say lang"),
        ([text("fr")], "its metadata must say lang"),
        ([code("1"), code("2")], "must be one cell's"),
        ([ZH, EN, code("1", id="text")], "must be one cell's"),
        ([code("1", id="first")], "must be one cell's"),
        (
            [nbformat.from_dict({**code("1"), "id": None})],
            "the cell that begins with '1' has no id",
        ),
        ([ZH, text("en", id="other")], "are a pair and must have the same id"),
        ([text("zh", tags=["solution"]), EN], "zh and en must have the same tags"),
        ([code("1", tags=["solution"])], "its exercise must be the cell before"),
        ([code("x = (1,\ny = 2")], "cell 'code', line 1: '(' was never closed"),
        ([code("1", lang="en")], "code is the same in both languages"),
        ([code("1", tags=["exercize"])], "unknown tags ['exercize']"),
        ([code("1", tags=["exercise"])], "its solution must be the next cell"),
        ([code("1", alt={"en": "x"})], "alt must hold zh and en"),
        ([code("# zh: 一")], "each # zh: line must stand right before its # en: twin"),
        ([code("# en: one\n# zh: 一")], "each # zh: line must stand"),
        ([code("# zh: 一\n# zh: 二\n# en: one")], "each # zh: line must stand"),
    ],
)
def test_a_source_that_breaks_a_rule_is_refused(cells, fault):
    assert fault in faults(*cells)


def test_a_good_source_has_no_fault():
    starter, solution = code("1", tags=["exercise"]), code("2", tags=["solution"])
    comments = code("# zh: 一\n# en: one\nx = 1\n    # zh: 二\n    # en: two", id="comments")
    assert not faults(ZH, EN, starter, solution, comments)


def test_comments_are_localized_and_line_numbers_agree():
    source = "# zh: 一\n# en: one\nfor x in []:\n    # zh: 二\n    # en: two\n    pass  # both"
    assert sources.localized(source, "zh") == "# 一\nfor x in []:\n    # 二\n    pass  # both"
    assert sources.localized(source, "en") == "# one\nfor x in []:\n    # two\n    pass  # both"


def test_an_edition_holds_its_language_and_its_variant():
    starter, solution = code("1", tags=["exercise"]), code("2", tags=["solution"])
    volatile = code("3", tags=["volatile"], id="timed", alt={"zh": "一", "en": "one"})
    source = nbformat.from_dict({"cells": [ZH, EN, starter, solution, volatile]})
    zh = build.cells_of(source, "zh", "exercise")
    assert [cell.id for cell in zh] == ["text", "code", "timed"]
    assert zh[-1].metadata == {"tags": ["volatile", "nbval-ignore-output"], "alt": "一"}
    en = build.cells_of(source, "en", "solution")
    assert [cell.id for cell in en] == ["text", "code", "timed"]
    assert en[1].source == "2"
    assert "nbval-ignore-output" not in source.cells[-1].metadata.tags


def test_a_text_that_answers_is_in_the_solutions_editions_only():
    answer = [text(lang, tags=["solution"], id="answer") for lang in ("zh", "en")]
    assert not faults(ZH, EN, *answer)
    source = nbformat.from_dict({"cells": [ZH, EN, *answer]})
    for variant, ids in (("exercise", ["text"]), ("solution", ["text", "answer"])):
        assert [cell.id for cell in build.cells_of(source, "zh", variant)] == ids


def exporting(source, *names):
    return nbformat.v4.new_notebook(cells=[code(source, export=list(names))])


def test_chapters_py_holds_the_exported_functions_with_just_their_imports():
    source = (
        "%matplotlib inline\nimport sys\nimport mxnet as mx\nfrom mxnet import autograd, nd\n\n"
        "def helper(x):\n    # zh: 平方\n    # en: squared\n    return nd.square(x)\n\n"
        "def wanted(x, y=mx.cpu()):\n    return [helper(one) for one in sorted(x)]\n"
    )
    text = exports.exported({"a": exporting(source, "helper", "wanted")})
    assert "import mxnet as mx\nfrom mxnet import nd\n" in text
    assert "sys" not in text
    assert "autograd" not in text
    assert "# Taught in a.\ndef helper(x):\n    # squared\n    return nd.square(x)\n" in text
    compile(text, exports.PATH, "exec")


def test_an_export_that_cannot_stand_alone_is_refused():
    with pytest.raises(sources.SourceError, match="a: an exported function needs lr"):
        exports.exported({"a": exporting("lr = 1\n\ndef f():\n    return lr", "f")})
    with pytest.raises(sources.SourceError, match="a: no cell with that export defines g"):
        exports.exported({"a": exporting("def f():\n    pass", "g")})
    twice = exporting("def f():\n    pass", "f")
    with pytest.raises(sources.SourceError, match="b and a both export f"):
        exports.exported({"a": twice, "b": twice})


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (code("import sys; sys.stderr.write('oh')"), "writes to stderr"),
        (code("%matplotlib inline\nimport matplotlib.pyplot as p; p.plot(); p.show()"), "alt text"),
        (code("1", alt="a figure"), "alt text"),
        (code("import ipywidgets; ipywidgets.IntSlider()"), "shows a widget that has no picture"),
    ],
)
def test_what_a_reader_should_not_see_stops_the_build(tmp_path, cell, fault):
    notebook = nbformat.v4.new_notebook(cells=[cell])
    with pytest.raises(sources.SourceError, match=fault):
        build.execute(notebook, tmp_path)


def test_of_a_widget_only_its_picture_and_its_text_are_stored(tmp_path):
    show = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom course import play\nplay.trajectory()"
    )
    notebook = nbformat.v4.new_notebook(cells=[code(show, alt="the paths")])
    build.execute(notebook, tmp_path)
    (output,) = notebook.cells[0].outputs
    assert set(output.data) == {"text/plain", "image/png"}
    assert output.data["text/plain"].startswith("trajectory(eta=1.6, gamma=0.5, kappa=20")
    assert output.metadata == {"image/png": {"alt": "the paths"}}
    assert "widgets" not in notebook.metadata
