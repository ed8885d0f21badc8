"""Marks for a folder of notebooks: right is right, wrong is wrong, no cheat passes, nobody is harmed."""

import csv
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from common import ROOT
from submissions import CHAPTERS, KINDS, make

from course.record import contents

LIGHT = "gd-sgd-scratch"
NAMES = [
    "a, b",
    "line\nbreak",
    "张三",
    "=1+1",
    'quo"te',
    "sub/folder/x",
    "über",
    "-minus",
    "a;b",
    "x'y",
]


def command(folder, table, *options):
    return [sys.executable, "-m", "course.grade", folder, "--csv", table, *options]


def grade(folder, table, *options):
    result = subprocess.run(
        command(folder, table, *options), capture_output=True, text=True, cwd=ROOT
    )
    assert result.returncode == 0, result.stderr
    return result.stderr


def rows(table):
    """Give {file: {column: value}}."""
    with table.open(newline="", encoding="utf-8") as file:
        return {row["file"].removeprefix("'"): row for row in csv.DictReader(file)}


def hold(table, told):
    """Every file has its row, and every exercise the mark that it is to have."""
    found = rows(table)
    assert found.keys() == told.keys()
    wrong = []
    for name, (kind, chapter, passes) in told.items():
        for exercise in contents()[chapter]["exercises"].values():
            mark = found[name].get(exercise, "refused")
            if (mark == "passed") != (exercise in passes):
                wrong.append((kind, name, exercise, mark, found[name].get(f"{exercise}: hint")))
    assert wrong == []
    return found


def left_behind():
    """Give processes of learners that outlive the grader, which may take them a moment to notice."""
    for _ in range(120):
        left = [
            one.pid
            for one in psutil.process_iter(["cmdline"])
            if {"7321", str(ROOT / "course/grade/inside.py")} & {*(one.info["cmdline"] or ())}
        ]
        if not left:
            break
        time.sleep(0.5)
    return left


def test_every_kind_has_its_marks(tmp_path):
    """A dozen kinds, in the lightest chapter; killed once, and the same table after a resumption."""
    kinds = [
        "solved",
        "all_wrong",
        "split",
        "copied",
        "without_ids",
        "redefines_checks",
        "edits_course",
        "reads_solutions",
        "deletes_files",
        "kills",
        "ends",
        "cut_off",
        "leaves_orphans",
        "patches_json",
    ]
    folder, table = tmp_path / "class", tmp_path / "marks.csv"
    odd = [*NAMES, *(f"n{i}" for i in range(20))]
    told = make(folder, kinds, [LIGHT] * len(kinds), random.Random(1), lambda n, kind: odd[n])
    (folder / "link.ipynb").symlink_to(ROOT / f"notebooks/en-solutions/{LIGHT}.ipynb")
    told["link"] = ("link", LIGHT, set())
    killed(command(folder, table, "--jobs=1"), table, 4)
    said = grade(folder, table, "--jobs=1")
    found = hold(table, told)
    hints = {kind: found[name]["sgd: hint"] for name, (kind, *_) in told.items()}
    assert hints["cut_off"] == "no notebook"
    assert hints["link"] == "link"
    assert hints["redefines_checks"] == "not asked"
    assert hints["ends"] == "ended"
    assert "it is a link" in said
    assert len([*(tmp_path / "marks-pages").rglob("*.html")]) == len(told)
    page = (tmp_path / "marks-pages/张三.html").read_text()
    assert "3 of 3 passed" in page
    assert (tmp_path / "marks-pages").is_dir() and not (tmp_path / "marks.csv.part").exists()
    assert not left_behind()


def killed(arguments, table, lines):
    """Start the grader, and kill it when so many lines are noted."""
    part = table.with_name(table.name + ".part")
    process = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if part.exists() and part.read_bytes().count(b"\n") >= lines:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.02)
    process.wait()


@pytest.mark.deep
def test_three_hundred(tmp_path):
    """All kinds in all chapters."""
    rng = random.Random(19)
    once = {"loops_for_ever", "loops_in_except", "fork_bomb", "waits_for_ever"}  # take their time
    kinds = [*KINDS, *[one for one in KINDS if one not in once] * 7][:300]
    chapters = [rng.choice(CHAPTERS) for _ in kinds]
    told = make(tmp_path / "class", kinds, chapters, rng)
    start = time.monotonic()
    said = grade(tmp_path / "class", tmp_path / "marks.csv", "--seconds=8")
    print(said, f"{(time.monotonic() - start) / 300:.2f} s a notebook")
    hold(tmp_path / "marks.csv", told)
    assert not left_behind()
    assert len(KINDS) >= 30


@pytest.mark.deep
def test_ten_kills(tmp_path):
    """Killed at ten random moments and resumed, the grader writes the same table."""
    rng = random.Random(20)
    kinds = [one for one in KINDS if "loop" not in one and "ever" not in one]
    folder = tmp_path / "class"
    told = make(folder, kinds, [LIGHT] * len(kinds), rng)
    table, again = tmp_path / "marks.csv", tmp_path / "again.csv"
    start = time.monotonic()
    grade(folder, table)
    whole = time.monotonic() - start
    for _ in range(10):
        process = subprocess.Popen(command(folder, again), cwd=ROOT, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.02, 0.4) * whole)
        process.kill()
        process.wait()
        again.unlink(missing_ok=True)  # if it had come to its end
    grade(folder, again)
    hold(again, told)
    assert again.read_bytes() == table.read_bytes()
    assert not left_behind()
