"""What is read before anything runs: the course, and the learners' files."""

import ast
import hashlib
import json
import os
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from course.record import contents

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 50 * 2**20  # bytes of a notebook
CALL = re.compile(r"\bchecks\s*\.\s*(\w+)\s*\(\s*(\d+)?")


def tidy(source):
    """Give a cell's source without what does not count: blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


@dataclass
class Chapter:
    """A chapter: its own cells, as they come in either language, and its exercises by cell id."""

    name: str
    cells: list  # [id, source] of its code, exercises left out
    exercises: dict  # {cell id: exercise}
    code: set  # tidy sources of all its code cells in both languages but the exercises'
    texts: dict  # {language: tidy sources of its text}


def read_notebook(content):
    """Give the cells of a notebook as (id, type, source); ValueError if it is none."""
    try:
        notebook = json.loads(content)
        cells = []
        for cell in notebook["cells"]:
            source = cell["source"]
            source = source if isinstance(source, str) else "".join(source)
            tags = cell.get("metadata", {}).get("tags", [])
            cells.append((str(cell.get("id", "")), str(cell["cell_type"]), source, tags))
        return cells
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("no notebook") from error


def chapters():
    """Read the chapters from the notebooks that learners are given."""
    found = {}
    for name, told in contents().items():
        if not told["exercises"]:
            continue
        cells, code, texts = [], set(), {}
        for language in ("zh", "en"):
            path = ROOT / "notebooks" / language / f"{name}.ipynb"
            if not path.exists():
                continue
            cells = []
            for number, kind, source, tags in read_notebook(path.read_bytes()):
                if kind == "markdown":
                    texts.setdefault(language, set()).add(tidy(source))
                elif kind == "code" and "exercise" not in tags:
                    cells.append([number, source])
                    code.add(tidy(source))
        if cells:
            found[name] = Chapter(name, cells, told["exercises"], code, texts)
    return found


def sandbox_course(folder, found):
    """Make the course that learners' code sees: without answers, without this grader.

    Of the checks there are only what all share, and modules that a chapter's own cells import.
    """
    course = Path(folder) / "course"
    hidden = shutil.ignore_patterns("__pycache__", "grade", "hints.py", "checks")
    shutil.copytree(ROOT / "course", course / "course", ignore=hidden)
    shutil.copy(ROOT / "utils.py", course)
    (course / "course/checks").mkdir()
    (course / "course/checks/__init__.py").write_text('"""The judge has the checks."""\n')
    wanted = set()
    for chapter in found.values():
        for _, source in chapter.cells:
            wanted |= set(re.findall(r"course\.checks\.(\w+)", source))
    while wanted:
        path = ROOT / "course/checks" / f"{wanted.pop()}.py"
        copy = course / "course/checks" / path.name
        if path.exists() and not copy.exists():
            shutil.copy(path, copy)
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                    "course.checks"
                ):
                    wanted |= {node.module.rpartition(".")[2], *(one.name for one in node.names)}
    for language in ("zh", "en"):
        (course / "notebooks" / language).mkdir(parents=True)
    for path in (ROOT / "notebooks").iterdir():
        editions = ("src", "zh", "en", "zh-solutions", "en-solutions")
        if path.is_dir() and path.name not in editions and not path.name.startswith((".", "_")):
            shutil.copytree(path, course / "notebooks" / path.name)
    return course


def settings(found, course, folder, seed, walls):
    """Give what a judge is told first."""
    exercises = [name for chapter in found.values() for name in chapter.exercises.values()]
    names = {name.split()[0] for name in exercises} | {"what_it_computes"}
    python = [sys.prefix, os.path.realpath(sys.prefix)]
    python += [sys.base_prefix, os.path.realpath(sys.base_prefix)]
    return {
        "course": str(course),
        "folder": str(course.parent),
        "chapters": {chapter.name: {"cells": chapter.cells} for chapter in found.values()},
        "checks": sorted(names),
        "exercises": exercises,
        "hidden": sorted({str(ROOT), os.path.realpath(folder)}),
        "python": sorted(set(python), key=lambda path: path.count("/")),
        "seed": seed,
        "walls": walls,
    }


@dataclass
class Handed:
    """A learner's file: what to run of it, or why nothing of it can be run."""

    name: str  # as in the table: the path in the folder, without the ending
    path: Path
    digest: str = ""
    refused: str = ""  # a key of `REASONS`
    chapter: str = ""
    language: str = "en"
    cells: list = field(default_factory=list)  # sources
    places: dict = field(default_factory=dict)  # {exercise: numbers of the cells that are its own}
    calls: set = field(default_factory=set)  # exercises whose check is called somewhere


def files(folder):
    """Find the notebooks in a folder and its sub-folders, by name."""
    found = []
    for here, folders, names in os.walk(folder, onerror=lambda error: None):
        folders[:] = [one for one in folders if one != ".ipynb_checkpoints"]
        links = [one for one in folders if one.lower().endswith(".ipynb")]
        found += [Path(here, one) for one in [*names, *links] if one.lower().endswith(".ipynb")]
    return sorted(found, key=os.fsencode)


def handed_in(path, folder, found):
    """Read a learner's file; whatever is in it, this gives a `Handed`."""
    handed = Handed(os.fspath(path.relative_to(folder))[: -len(".ipynb")], path)
    try:
        if path.is_symlink():
            handed.refused = "link"
        elif not path.is_file():
            handed.refused = "no file"
        elif path.stat().st_size > LARGEST:
            handed.refused = "too large"
        if handed.refused:
            handed.digest = handed.refused
            return handed
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError:
        handed.refused = handed.digest = "unreadable"
        return handed
    handed.digest = hashlib.sha256(content).hexdigest()
    try:
        cells = read_notebook(content)
    except (ValueError, MemoryError):
        handed.refused = "no notebook"
        return handed
    _sort(handed, cells, found)
    return handed


def _sort(handed, cells, found):
    """Find out which chapter it is, in which language, and what of it is the learner's."""
    code = [(number, source) for number, kind, source, _ in cells if kind == "code"]
    called = [
        name
        for _, source in code
        for check, number in CALL.findall(source)
        for name in (f"{check} {number}", check)
    ]
    ids = {number for number, _ in code}

    def likeness(chapter):
        return (
            len(ids & chapter.exercises.keys())
            + sum(name in chapter.exercises.values() for name in called)
            + sum(tidy(source) in chapter.code for _, source in code)
        )

    chapter = max(found.values(), key=likeness)
    if not likeness(chapter):
        handed.refused = "other notebook"
        return
    handed.chapter = chapter.name
    texts = [source for _, kind, source, _ in cells if kind == "markdown"]
    matches = {
        language: sum(tidy(source) in known for source in texts)
        for language, known in chapter.texts.items()
    }
    zh, en = matches.get("zh", 0), matches.get("en", 0)
    letters = "".join(texts)
    chinese = len(re.findall(r"[一-鿿]", letters)) * 10 > len(letters)
    handed.language = "zh" if zh > en or (zh == en and chinese) else "en"
    every = {name for one in found.values() for name in one.exercises.values()}
    for number, source in code:
        if tidy(source) in chapter.code or not source.strip():
            continue  # the chapter's own cell, which has run already
        place = len(handed.cells)
        handed.cells.append(source)
        here = {
            f"{check} {of}" if f"{check} {of}" in every else check
            for check, of in CALL.findall(source)
        }
        handed.calls |= here
        if number in chapter.exercises:
            here.add(chapter.exercises[number])
        for exercise in here & every:
            handed.places.setdefault(exercise, []).append(place)
