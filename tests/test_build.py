"""The build tool: what it makes of a source, what it refuses; the built files are fresh."""

import shutil
import subprocess
import sys

import nbformat
import pytest
from common import EDITIONS, ROOT, read

from tools import build

FILES = ("utils.py", "course", "img", "notebooks", "tools")


def run_build(root, *arguments):
    return subprocess.run(
        [sys.executable, "tools/build.py", *arguments], cwd=root, capture_output=True, text=True
    )


@pytest.fixture
def copy(tmp_path):
    """Give a copy of the repository to damage."""
    for name in FILES:
        path = ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / name)
    return tmp_path


def test_the_built_files_are_what_the_sources_give():
    result = run_build(ROOT, "--check")
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


def test_building_again_changes_nothing_byte_for_byte(copy):
    built = [path.relative_to(copy) for path in copy.glob("notebooks/*/momentum-scratch.ipynb")]
    for path in built:
        if path.parent.name != "src":
            (copy / path).unlink()
    (copy / "course/taught.py").unlink()
    result = run_build(copy, "momentum-scratch")
    assert result.returncode == 0, result.stderr
    assert len(built) == 1 + len(EDITIONS)
    for path in [*built, "course/taught.py"]:
        assert (copy / path).read_bytes() == (ROOT / path).read_bytes()


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


@pytest.mark.parametrize(
    "damage",
    [
        damage_text,
        damage_cell_removed,
        damage_navigation,
        damage_alt,
        damage_id,
        damage_metadata,
    ],
)
def test_check_names_the_edition_that_was_changed(copy, damage):
    path = copy / "notebooks/en/momentum-scratch.ipynb"
    notebook = read(path)
    damage(notebook)
    nbformat.write(notebook, path)
    result = run_build(copy, "--check")
    assert (result.stdout, result.returncode) == ("stale: notebooks/en/momentum-scratch.ipynb\n", 1)
    assert "Build them again" in result.stderr


def test_check_names_all_that_a_changed_source_makes_stale(copy):
    path = copy / "notebooks/src/gd-sgd-scratch.ipynb"
    source = read(path)
    heading = next(cell for cell in source.cells if cell.metadata.get("lang") == "zh")
    heading.source = heading.source.replace("# ", "# 新的标题：", 1)
    code = next(cell for cell in source.cells if "export" in cell.metadata)
    code.source += "\n    return params"
    nbformat.write(source, path)
    result = run_build(copy, "--check")
    assert result.returncode == 1
    assert set(result.stdout.splitlines()) == {
        "stale: course/taught.py",
        *(f"stale: notebooks/{edition}/gd-sgd-scratch.ipynb" for edition in EDITIONS),
        *(
            f"stale: notebooks/{edition}/{name}.ipynb"  # the title stands in their navigation
            for edition in EDITIONS
            if edition.startswith("zh")
            for name in ("index", "momentum-scratch")
        ),
    }


def test_check_names_missing_broken_and_left_over_notebooks(copy):
    folder = copy / "notebooks/zh"
    (folder / "index.ipynb").unlink()
    (folder / "momentum-scratch.ipynb").write_text("{")
    shutil.copy(folder / "gd-sgd-scratch.ipynb", folder / "removed.ipynb")
    result = run_build(copy, "--check")
    assert result.stdout.splitlines() == [
        f"stale: notebooks/zh/{name}.ipynb" for name in ("index", "momentum-scratch", "removed")
    ]


@pytest.mark.parametrize("name", ["another", "momentum-scratch"])
def test_order_txt_must_name_every_source_once(copy, name):
    with (copy / "notebooks/src/order.txt").open("a") as file:
        file.write(f"{name}\n")
    result = run_build(copy, "--check")
    assert result.returncode == 1
    assert f"each once; look at {name}" in result.stderr


def test_a_source_that_is_no_json_is_named(copy):
    (copy / "notebooks/src/index.ipynb").write_text("{")
    result = run_build(copy, "--check")
    assert result.returncode == 1
    assert result.stderr.startswith("notebooks/src/index.ipynb is no JSON: ")


def code(source, **metadata):
    return nbformat.v4.new_code_cell(source, id=metadata.pop("id", "code"), metadata=metadata)


def text(lang, source="# T", **metadata):
    cell_id = metadata.pop("id", f"text-{lang}")
    return nbformat.v4.new_markdown_cell(source, id=cell_id, metadata={"lang": lang, **metadata})


def faults(*cells):
    return " ".join(build.source_faults(nbformat.from_dict({"cells": list(cells)})))


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
        ([code("1"), code("2")], "must occur once"),
        ([code("1", id="first")], "the build's"),
        ([code("x = (1,\ny = 2")], "cell 'code', line 1: '(' was never closed"),
        ([code("1", lang="en")], "code is the same in both languages"),
        ([code("1", tags=["exercize"])], "unknown tags ['exercize']"),
        ([code("1", tags=["exercise"])], "its solution must be the next cell"),
        ([code("1", alt={"en": "x"})], "alt must hold zh and en"),
        ([code("# zh: 一")], "each # zh: line must stand right before its # en: twin"),
        ([code("# en: one\n# zh: 一")], "each # zh: line must stand"),
        ([code("# zh: 一\n# zh: 二\n# en: one")], "each # zh: line must stand"),
        ([nbformat.from_dict({**code("1"), "execution_count": 1})], "store no outputs"),
    ],
)
def test_a_source_that_breaks_a_rule_is_refused(cells, fault):
    assert fault in faults(*cells)


def test_a_good_source_has_no_fault():
    starter, solution = code("1", tags=["exercise"]), code("2", tags=["solution"], id="solved")
    comments = code("# zh: 一\n# en: one\nx = 1\n    # zh: 二\n    # en: two", id="comments")
    assert not faults(ZH, EN, starter, solution, comments)


def test_comments_are_localized_and_line_numbers_agree():
    source = "# zh: 一\n# en: one\nfor x in []:\n    # zh: 二\n    # en: two\n    pass  # both"
    assert build.localized(source, "zh") == "# 一\nfor x in []:\n    # 二\n    pass  # both"
    assert build.localized(source, "en") == "# one\nfor x in []:\n    # two\n    pass  # both"


def test_an_edition_holds_its_language_and_its_variant():
    starter, solution = code("1", tags=["exercise"]), code("2", tags=["solution"], id="solved")
    volatile = code("3", tags=["volatile"], id="timed", alt={"zh": "一", "en": "one"})
    source = nbformat.v4.new_notebook(cells=[ZH, EN, starter, solution, volatile])
    zh = build.cells_of(source, "zh", "exercise")
    assert [cell.id for cell in zh] == ["text-zh", "code", "timed"]
    assert zh[-1].metadata == {"tags": ["volatile", "nbval-ignore-output"], "alt": "一"}
    en = build.cells_of(source, "en", "solution")
    assert [cell.id for cell in en] == ["text-en", "solved", "timed"]
    assert "nbval-ignore-output" not in source.cells[-1].metadata.tags


def exporting(source, *names):
    return nbformat.v4.new_notebook(cells=[code(source, export=list(names))])


def test_taught_holds_the_exported_functions_with_just_their_imports():
    source = (
        "%matplotlib inline\nimport sys\nimport mxnet as mx\nfrom mxnet import autograd, nd\n\n"
        "def helper(x):\n    # zh: 平方\n    # en: squared\n    return nd.square(x)\n\n"
        "def wanted(x, y=mx.cpu()):\n    return [helper(one) for one in sorted(x)]\n"
    )
    taught = build.taught({"a": exporting(source, "helper", "wanted")})
    assert "import mxnet as mx\nfrom mxnet import nd\n" in taught
    assert "sys" not in taught
    assert "autograd" not in taught
    assert "# Taught in a.\ndef helper(x):\n    # squared\n    return nd.square(x)\n" in taught
    compile(taught, "taught.py", "exec")


def test_an_export_that_cannot_stand_alone_is_refused():
    with pytest.raises(build.SourceError, match="a: an exported function needs lr"):
        build.taught({"a": exporting("lr = 1\n\ndef f():\n    return lr", "f")})
    with pytest.raises(build.SourceError, match="a: no cell with that export defines g"):
        build.taught({"a": exporting("def f():\n    pass", "g")})
    twice = exporting("def f():\n    pass", "f")
    with pytest.raises(build.SourceError, match="b and a both export f"):
        build.taught({"a": twice, "b": twice})


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
    with pytest.raises(build.SourceError, match=fault):
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
