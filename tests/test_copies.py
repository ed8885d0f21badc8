"""The learner's own copies: made, brought up to date, started over; nothing written is ever lost."""

import errno
import json
import os
import random
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from common import ROOT, notebooks, read

from course.language import WrongFolderError, language
from tools import build, copies

CHAPTER, OTHER = "momentum-scratch", "gd-sgd-scratch"


def make(tmp_path, monkeypatch, *patterns):
    """Make a copy of the course, which tools/copies.py takes for its own, and the copies."""
    for name in ("data", "en", "zh"):
        for pattern in patterns if name != "data" else ("*",):
            for path in (ROOT / "notebooks" / name).glob(pattern):
                folder = tmp_path / "notebooks" / name
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder)
    monkeypatch.setattr(copies, "ROOT", tmp_path)
    monkeypatch.setattr(copies, "COURSE", tmp_path / "notebooks")
    monkeypatch.setattr(copies, "MY", tmp_path / "my")
    assert copies.update("en") == []
    return tmp_path


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Give a course of two notebooks, with the copies made."""
    return make(tmp_path, monkeypatch, f"{CHAPTER}.ipynb", f"{OTHER}.ipynb")


@pytest.fixture
def whole_course(tmp_path, monkeypatch):
    """Give the course with the copies made."""
    shutil.copytree(ROOT / "img", tmp_path / "img")
    return make(tmp_path, monkeypatch, "*.ipynb")


def change(path, edit):
    """Change a notebook as `edit` says, and save it as an editor does."""
    notebook = read(path)
    edit(notebook, {cell.id: cell for cell in notebook.cells})
    nbformat.write(notebook, path)


def sources(path):
    return {cell.id: cell.source for cell in read(path).cells}


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def kept(path):
    return sorted(path.parent.glob(f"{path.stem}-old-*"))


def answer(notebook, cells):
    """Solve two exercises, add two cells, change a text, as a learner does."""
    cells["my-momentum"].source = "from course import checks\n\nmine = 1"
    cells["final-velocity"].source = "answer = 3"
    cells["summary"].source += "\n\nMy note."
    where = notebook.cells.index(cells["gamma"]) + 1
    added = [nbformat.v4.new_code_cell("mine + 1"), nbformat.v4.new_markdown_cell("**my text**")]
    notebook.cells[where:where] = added
    notebook.cells.append(nbformat.v4.new_code_cell("the last"))


def reword(notebook, cells):
    """Bring the chapter up to date: cells added, removed, reworded; one exercise goes."""
    cells["summary"].source = "## A better summary"
    cells["my-momentum"].source += "\n# a better starter"
    cells["smaller-momentum"].source += "\n# a better starter"
    for name in ("gamma", "final-velocity", "final-velocity-text"):
        notebook.cells.remove(cells[name])
    notebook.cells.insert(3, nbformat.v4.new_markdown_cell("New.", id="new"))


def both(course):
    """Give the chapter's path in the course and in the copies."""
    return course / f"notebooks/en/{CHAPTER}.ipynb", course / f"my/en/{CHAPTER}.ipynb"


# The first time


def test_the_copies_are_the_course_and_the_course_is_untouched(whole_course):
    course = whole_course
    for edition in ("en", "zh"):
        for path in (course / "notebooks" / edition).glob("*.ipynb"):
            assert path.read_bytes() == (ROOT / path.relative_to(course)).read_bytes()
            copy, original = read(course / "my" / edition / path.name), read(path)
            del copy.metadata[copies.RECORD]
            assert copy == original
    before = contents(course)
    assert copies.update("zh") == []
    assert contents(course) == before


def test_git_ignores_the_copies():
    ignored = ["git", "check-ignore", "my/en/x.ipynb", "my/data/x"]
    assert subprocess.run(ignored, cwd=ROOT, capture_output=True).returncode == 0


def test_what_the_notebooks_reach_by_relative_paths_is_there(whole_course):
    course = whole_course
    for path in course.glob("my/*/*.ipynb"):
        text = path.read_text()
        links = re.findall(r"\]\(([^)#:\s]+\.(?:ipynb|png|svg))", text)
        links += re.findall(r"\.\./data/[\w.]+", text)
        assert links
        assert [link for link in links if not (path.parent / link).exists()] == []
        assert (path.parent / "../..").resolve() == course


# Updates


def run_and_save(notebook, cells):
    """Leave what an editor leaves after a run, and after Shift+Enter at the end."""
    for cell in notebook.cells:
        cell.source += "\n"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], 7
            cell.metadata["collapsed"] = False
    notebook.metadata["vscode"] = {"x": 1}
    notebook.cells.append(nbformat.v4.new_code_cell(""))


def test_a_copy_that_was_only_run_is_replaced(course):
    original, copy = both(course)
    change(copy, run_and_save)
    ran = copy.read_bytes()
    assert copies.update("en") == []
    assert copy.read_bytes() == ran
    change(original, reword)
    assert copies.update("en") == []
    assert sources(copy) == sources(original)
    assert kept(copy) == []


def test_an_edited_copy_becomes_the_new_notebook_with_what_the_learner_wrote(course):
    original, copy = both(course)
    change(copy, answer)
    edited, before = copy.read_bytes(), sources(copy)
    change(original, reword)
    (line,) = copies.update("en")
    (old,) = kept(copy)
    assert old.read_bytes() == edited
    assert f"my/en/{old.name}" in line
    now, new = sources(copy), sources(original)
    added = [name for name in before if name not in sources(ROOT / f"notebooks/en/{CHAPTER}.ipynb")]
    assert [now[name] for name in added] == ["mine + 1", "**my text**", "the last"]
    assert now == new | {name: before[name] for name in (*added, "my-momentum")}
    # "gamma" is gone: what followed it follows what it followed.
    assert list(now)[list(now).index("momentum") + 1 :][:2] == added[:2]
    assert list(now)[-1] == added[2]
    nbformat.validate(read(copy))
    assert copies.update("en") == []
    assert kept(copy) == [old]

    change(original, lambda _, cells: cells["trouble"].update(source="Reworded again."))
    assert len(copies.update("en")) == 1
    assert sources(copy) == now | {"trouble": "Reworded again."}
    assert len(kept(copy)) == 2
    assert old.read_bytes() == edited


def test_an_answer_keeps_its_outputs_and_a_chinese_copy_is_told_in_chinese(course):
    copy = course / f"my/zh/{CHAPTER}.ipynb"
    output = nbformat.v4.new_output("stream", text="对")

    def solve(_, cells):
        cells["final-velocity"].update(source="answer = 3", outputs=[output], execution_count=3)

    change(copy, solve)
    change(course / f"notebooks/zh/{CHAPTER}.ipynb", lambda n, _: n.cells.pop(2))
    (line,) = copies.update("zh")
    assert "新版" in line
    (cell,) = (cell for cell in read(copy).cells if cell.id == "final-velocity")
    assert (cell.outputs, cell.execution_count) == ([output], 3)


def test_where_only_outputs_are_new_answers_stay_and_the_rest_is_replaced(course):
    original, copy = both(course)

    def no_outputs(notebook, _):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = []

    other = copy.with_stem(OTHER)
    change(original.with_stem(OTHER), no_outputs)
    change(original, no_outputs)
    change(copy, answer)
    edited, shown = copy.read_bytes(), other.read_bytes()
    assert copies.update("en") == []
    assert copy.read_bytes() == edited
    assert other.read_bytes() != shown


@pytest.mark.parametrize("seed", range(10))
def test_nothing_that_a_learner_wrote_is_lost_in_any_update(course, seed):
    """Cells dropped, moved, doubled, added and changed at random on both sides."""
    dice = random.Random(seed)
    original, copy = both(course)

    def shake(who):
        def edit(notebook, _):
            for number in range(12):
                cell = dice.choice(notebook.cells)
                what = dice.choice(["drop", "move", "double", "add", "change", "change"])
                if what in ("drop", "move"):
                    notebook.cells.remove(cell)
                place = dice.randrange(len(notebook.cells) + 1)
                if what == "move" or (what == "double" and who == "learner"):
                    notebook.cells.insert(place, cell)
                elif what == "add":
                    new = nbformat.v4.new_code_cell(f"{who} {number}")
                    notebook.cells.insert(place, new)
                elif what == "change":
                    cell.source += f"\n{who} {number}"

        return edit

    record = read(copy).metadata[copies.RECORD]
    notebook = json.loads(copy.read_bytes())
    loose = nbformat.from_dict(notebook)
    shake("learner")(loose, None)
    copy.write_text(json.dumps(loose))
    change(original, shake("course"))
    edited = copy.read_bytes()
    copies.update("en")
    assert record != read(copy).metadata[copies.RECORD]
    (old,) = kept(copy)
    assert old.read_bytes() == edited
    result = read(copy)
    nbformat.validate(result)
    new = read(original)
    names = [cell.id for cell in result.cells]
    assert len(set(names)) == len(names)
    assert [name for name in names if name in {c.id for c in new.cells}] == [
        c.id for c in new.cells
    ]
    texts = [cell.source for cell in result.cells]
    for cell in loose.cells:
        if cell.source.startswith("learner"):
            assert cell.source in texts
    for cell in new.cells:
        if "exercise" not in cell.metadata.get("tags", ()):
            assert cell.source in texts
    assert copies.update("en") == []


@pytest.mark.deep  # executes the chapter
def test_an_answered_notebook_gets_the_same_verdicts_after_an_update(course):
    for name in ("utils.py", "course"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, course / name)
    original, copy = both(course)
    solved = sources(ROOT / f"notebooks/en-solutions/{CHAPTER}.ipynb")
    names = ("my-momentum", "final-velocity")

    def solve(_, cells):
        for name in names:
            cells[name].source = solved[name]
        cells["scaled-feature"].source += "\nwrong = True"

    change(copy, solve)
    change(original, lambda _, cells: cells["summary"].update(source="## Reworded"))
    assert len(copies.update("en")) == 1
    notebook = read(copy)
    build.execute(notebook, copy.parent)
    expected = {c.id: c for c in read(ROOT / f"notebooks/en-solutions/{CHAPTER}.ipynb").cells}
    for cell in notebook.cells:
        if cell.id in names:
            assert [o.get("text") for o in cell.outputs] == [
                o.get("text") for o in expected[cell.id].outputs
            ]


# Damage


def without_ids(path):
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        del cell["id"]
    notebook["nbformat_minor"] = 4
    return json.dumps(notebook).encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: b"",
        lambda path: path.read_bytes()[:5000],
        lambda path: b"\xff\x00",
        lambda path: b"[]",
        lambda path: b'{"cells": [1], "metadata": {}}',
        lambda path: b'{"cells": [{"cell_type": "code", "source": 1, "metadata": {}}]}',
        lambda path: b'{"worksheets": [], "metadata": {}, "nbformat": 3}',
        without_ids,
    ],
    ids=["empty", "cut", "bytes", "list", "cells", "source", "nbformat 3", "ids"],
)
def test_a_damaged_copy_is_kept_and_replaced(course, damage):
    original, copy = both(course)
    copy.write_bytes(damaged := damage(copy))
    change(original, reword)
    (line,) = copies.update("en")
    (old,) = kept(copy)
    assert old.read_bytes() == damaged
    assert old.name in line
    assert sources(copy) == sources(original)
    assert copies.update("en") == []


def test_a_copy_without_its_record_keeps_its_answers(course):
    original, copy = both(course)
    change(copy, answer)
    change(copy, lambda notebook, _: notebook.metadata.pop(copies.RECORD))
    change(original, reword)
    assert len(copies.update("en")) == 1
    assert sources(copy)["my-momentum"].endswith("mine = 1")
    assert {"mine + 1", "**my text**", "the last"} <= set(sources(copy).values())
    assert len(kept(copy)) == 1


# Interruptions


class Killed(BaseException):
    """For SIGKILL: nothing but this test catches it, and nothing is tidied up."""


def interrupt(monkeypatch, at, error):
    """Let the `at`-th operation on a file fail with an error, and all that follow."""
    count = iter(range(10**6))

    def wrap(function):
        def wrapped(*arguments, **options):
            if next(count) >= at:
                raise error
            return function(*arguments, **options)

        return wrapped

    monkeypatch.setattr(copies.os, "fsync", wrap(os.fsync))
    for name in ("replace", "mkdir", "open"):
        monkeypatch.setattr(copies.Path, name, wrap(getattr(copies.Path, name)))
    if isinstance(error, Killed):
        monkeypatch.setattr(copies.shutil, "rmtree", wrap(shutil.rmtree))
    return count


@pytest.fixture
def edited(course):
    """Give the course with the chapter edited on both sides, another one only in the course."""
    original, copy = both(course)
    change(copy, answer)
    change(original, reword)
    change(original.with_stem(OTHER), lambda notebook, _: notebook.cells.pop(3))
    return course


def test_killed_anywhere_the_next_time_completes_it(edited, monkeypatch):
    _, copy = both(edited)
    before, written = contents(edited / "my"), copy.read_bytes()
    for at in range(100):
        with monkeypatch.context() as patch:
            interrupt(patch, at, Killed())
            try:
                copies.update("en")
                done = True
            except Killed:
                done = False
        for path in before:  # each is the old one or the new one, whole
            assert copies.read(path.read_bytes()) or path.suffix != ".ipynb"
        assert written in {path.read_bytes() for path in (copy, *kept(copy))}
        if done:
            break
        copies.update("en")
        assert sources(copy)["my-momentum"].endswith("mine = 1")
        assert [path.read_bytes() for path in kept(copy)] == [written]
        assert not (edited / "my/.new").exists()
        shutil.rmtree(edited / "my")
        for path, content in before.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    assert at > 10


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_changes_nothing_and_is_said(edited, monkeypatch, number):
    before = contents(edited)
    error = OSError(number, os.strerror(number))
    for at in range(1, 12):
        with monkeypatch.context() as patch:
            interrupt(patch, at, error)
            with pytest.raises(copies.CopyError, match=os.strerror(number)):
                copies.update("en")
        if at < 9:  # before the first file takes its place
            assert contents(edited) == before
    assert len(copies.update("en")) <= 1
    assert sources(both(edited)[1])["my-momentum"].endswith("mine = 1")


def test_two_at_once_do_no_harm(edited):
    (edited / "tools").mkdir()
    shutil.copy(ROOT / "tools/copies.py", edited / "tools")
    _, copy = both(edited)
    written = copy.read_bytes()
    code = "import sys; sys.path.insert(0, 'tools'); import copies; print(copies.update('en'))"
    both_at_once = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=edited, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in both_at_once]
    assert [process.returncode for process in both_at_once] == [0, 0]
    assert sum("is new in the course" in line for line in said) == 1
    assert [path.read_bytes() for path in kept(copy)] == [written]
    assert sources(copy)["my-momentum"].endswith("mine = 1")


def test_what_jupyterlab_saves_meanwhile_is_left_for_the_next_time(edited, monkeypatch):
    _, copy = both(edited)
    fsync = os.fsync

    def save(file):
        change(copy, lambda _, cells: cells["final-velocity"].update(source="just saved"))
        fsync(file)

    with monkeypatch.context() as patch:
        patch.setattr(copies.os, "fsync", save)
        copies.update("en")
    assert sources(copy)["final-velocity"] == "just saved"
    assert len(copies.update("en")) == 1
    assert any("just saved" in path.read_text() for path in kept(copy))


# Starting over


def test_an_exercise_starts_over_by_number_or_id(course, capsys):
    original, copy = both(course)
    change(copy, answer)
    edited = copy.read_bytes()
    before = sources(copy)
    copies.main([CHAPTER, "2"])
    now = sources(copy)
    assert now == before | {"my-momentum": sources(original)["my-momentum"]}
    (old,) = kept(copy)
    assert old.read_bytes() == edited
    assert f"kept as my/en/{old.name}" in capsys.readouterr().out
    copies.main([f"my/en/{CHAPTER}.ipynb", "final-velocity"])
    assert sources(copy) == now | {"final-velocity": sources(original)["final-velocity"]}
    change(copy, lambda notebook, cells: notebook.cells.remove(cells["my-momentum"]))
    copies.main([CHAPTER, "my-momentum"])
    names = list(sources(copy))
    assert names[names.index("my-momentum") - 1] == "my-momentum-text"
    with pytest.raises(copies.CopyError, match=r"no exercise 9. It has: 1 \(smaller-momentum\)"):
        copies.main([CHAPTER, "9"])


def test_a_notebook_or_all_start_over(course, capsys):
    original, copy = both(course)
    other = course / f"my/zh/{OTHER}.ipynb"
    change(copy, answer)
    change(other, lambda _, cells: cells["title"].update(source="# 我的"))
    edited = copy.read_bytes(), other.read_bytes()
    copies.main([CHAPTER])
    assert sources(copy) == sources(original)
    copies.main(["all"])
    assert sources(other) == sources(course / f"notebooks/zh/{OTHER}.ipynb")
    assert tuple(path.read_bytes() for path in (*kept(copy), *kept(other))) == edited
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in out] == [
        f"my/en/{CHAPTER}.ipynb",
        f"my/zh/{OTHER}.ipynb",
    ]
    assert "已恢复原样" in out[1]
    copies.main(["all"])
    assert "as the course gives it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("zh", ("zh", CHAPTER)),
        ("momentum-why", (None, "momentum-why")),
        ("zh/momentum-why", ("zh", "momentum-why")),
        ("notebooks/en/momentum-why.ipynb", ("en", "momentum-why")),
        ("my/zh-solutions/momentum-why.ipynb", ("zh-solutions", "momentum-why")),
    ],
)
def test_a_notebook_is_found_by_what_a_learner_calls_it(word, found):
    assert copies.find(word) == found


@pytest.mark.parametrize("word", ["momentum", "fr", "xx/momentum-why", "notebooks/en/x.ipynb", ""])
def test_another_name_is_answered_with_a_sentence(word):
    with pytest.raises(copies.CopyError, match="There is no notebook"):
        copies.find(word)


# How to begin


def test_every_chapter_says_how_long_it_takes_and_how_to_run_it():
    for path in notebooks("zh", "en"):
        first, *cells = read(path).cells
        codes = [cell for cell in cells if cell.cell_type == "code"]
        said = re.search(
            r"\n\nAbout (\d+) minutes · (\d+) exercises · Shift\+Enter runs a cell$"
            r"|\n\n约 (\d+) 分钟 · (\d+) 道练习 · 按 Shift\+Enter 运行单元格$",
            first.source,
        )
        assert bool(said) == (path.stem not in ("index", "glossary"))
        if said:
            minutes, exercises = map(int, filter(None, said.groups()))
            assert 10 <= minutes <= 45
            assert exercises == sum("exercise" in c.metadata.get("tags", ()) for c in codes)


def test_a_kernel_in_the_repositorys_root_is_told_where_to_start(monkeypatch):
    """Some editors start it there: relative paths would lead nowhere, and Chinese be answered in English."""
    monkeypatch.chdir(ROOT)
    assert language() == "en"
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", None)
    with pytest.raises(
        WrongFolderError, match=r"(?s)Let it start in the notebook's.*请让内核"
    ) as error:
        language()
    assert error.value._render_traceback_() == [str(error.value)]
    for folder in ("zh", "zh-solutions", "en", "en-solutions"):
        monkeypatch.chdir(ROOT / "notebooks" / folder)
        assert language() == folder[:2]
