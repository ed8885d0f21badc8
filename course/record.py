"""The learner's record: what has come of each exercise, in one small file on the learner's machine.

It is `my/progress.json`. Kernels write it that run in a learner's own copies, `my/zh` and `my/en`,
or in a class's release, which has no sources: nothing where notebooks are built, tested or hosted.
"""

import contextlib
import functools
import json
import os
import time
from pathlib import Path

from course.language import language

ROOT = Path(__file__).resolve().parents[1]
COURSE = "momentum-lab"  # by which a file is known as ours
FILE = "progress.json"
LARGEST = 10**6  # bytes of a file that may be ours
SECONDS = 5  # to wait for another kernel
WORDS = {
    "zh": {
        "done": "本章 {all} 题，已完成 {n} 题。",
        "failed": "这一次没能记进学习进度：{problem}。",
        "damaged": "进度文件有损坏，已另存为 my/{kept}。",
    },
    "en": {
        "done": "{n} of {all} in this chapter.",
        "failed": "This could not be noted in your record: {problem}.",
        "damaged": "The record of your progress was damaged; it is kept as my/{kept}.",
    },
}


@functools.cache
def contents():
    """Give what tools/build.py writes of each chapter, in reading order.

    Returns
    -------
    dict
        By a chapter's name: its titles `zh` and `en`, its `minutes`, and its `exercises`, a dict
        of their names by the ids of their cells. An exercise's name is that of its check, and
        where the check is called with a number first, also that: "patient 3".
    """
    return json.loads((ROOT / "course/contents.json").read_bytes())


def folder():
    """Give the folder of the record, or None where nothing is to be noted."""
    here = Path.cwd()
    if here.name in ("zh", "en"):
        released = here.parent == ROOT / "notebooks" and not (here.parent / "src").exists()
        if released or here.parent == ROOT / "my":
            return ROOT / "my"
    return None


def empty():
    """Give a record without exercises."""
    return {"course": COURSE, "latest": None, "exercises": {}}


def is_entry(entry):
    """Tell whether this is what a record says of an exercise."""
    return (
        isinstance(entry, dict)
        and type(entry.get("passed")) is bool
        and type(entry.get("tries")) is int
        and isinstance(entry.get("hint"), str)
        and isinstance(entry.get("hints"), dict)
        and all(type(count) is int for count in entry["hints"].values())
    )


def parsed(content):
    """Give the record that is in a file's bytes, and whether all of it can be understood."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return empty(), False
    if not (isinstance(found, dict) and found.get("course") == COURSE):
        return empty(), False
    entries = found.get("exercises")
    if not isinstance(entries, dict):
        return empty(), False
    sound = {name: entry for name, entry in entries.items() if is_entry(entry)}
    latest = found.get("latest")
    whole = sound == entries and (latest is None or isinstance(latest, str))
    return {**empty(), "latest": latest if whole else None, "exercises": sound}, whole


def read(path):
    """Give the record in a file, an empty one if there is none, and whether it is undamaged."""
    if not path.exists():
        return empty(), True
    if not path.is_file() or path.stat().st_size > LARGEST:
        return empty(), False
    return parsed(path.read_bytes())


@contextlib.contextmanager
def _alone(place):
    """Let no other kernel change the record meanwhile."""
    import fcntl  # Windows has none, nor MXNet

    handle, end = os.open(place, os.O_RDONLY), time.monotonic() + SECONDS
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.002)
                continue
            except OSError:  # a file system without locks
                pass
            break
        yield
    finally:
        os.close(handle)


def _text(record):
    """Give a record as JSON, a line for each exercise: `json` itself indents slowly."""
    head = json.dumps(record | {"exercises": {}}).removesuffix("}}")
    lines = (f"{json.dumps(name)}: {json.dumps(e)}" for name, e in record["exercises"].items())
    return head + "\n" + ",\n".join(lines) + "\n}}\n"


def _write(path, record, aside):
    """Put a record into a file, as a whole or not at all; keep what is damaged aside.

    It is not waited for until it is on the disk, which may take longer than the check.
    """
    new = path.with_suffix(".new")
    try:
        new.write_text(_text(record))
        if aside:
            path.replace(aside)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _enter(record, name, kind, hint):
    """Note in a record what has come of an exercise; tell whether that changes it."""
    entry = {"passed": False, "tries": 0, "hint": "", "hints": {}}
    entry = record["exercises"].get(name, entry)
    if kind == "unanswered" or entry["passed"]:
        return False
    record["latest"], record["exercises"][name] = name, entry
    entry["tries"] += 1
    entry["passed"] = kind == "right"
    if not entry["passed"]:
        entry["hint"] = hint
        entry["hints"][hint] = entry["hints"].get(hint, 0) + 1
    return True


def note(check, answers, kind, hint):
    """Note a verdict in the learner's record, where there is one.

    Parameters
    ----------
    check : str
        The name of the check.
    answers : tuple
        What it was called with.
    kind : {"right", "wrong", "unanswered"}
    hint : str
        The name of the hint that was given.

    Returns
    -------
    str
        How far the learner is in the chapter, a line; empty where nothing is noted.
    """
    place = folder()
    if place is None:
        return ""
    names = {check}
    if answers and type(answers[0]) is int:
        names.add(f"{check} {answers[0]}")
    try:
        chapters = contents().values()
    except (OSError, ValueError):  # the course itself is damaged
        return ""
    for chapter in chapters:
        exercises = list(chapter["exercises"].values())
        for name in names.intersection(exercises):
            return _noted(place, name, exercises, kind, hint)
    return ""


def _noted(place, name, exercises, kind, hint):
    words, path, kept = WORDS[language()], place / FILE, None
    try:
        place.mkdir(exist_ok=True)
        with _alone(place):
            record, whole = read(path)
            changed = _enter(record, name, kind, hint)
            if not whole:
                number = 1
                while (kept := place / f"progress-damaged-{number}.json").exists():
                    number += 1
            if changed or kept:
                _write(path, record, kept)
    except OSError as error:
        return words["failed"].format(problem=error.strerror or error)
    n = len(solved(record).intersection(exercises))
    line = words["done"].format(n=n, all=len(exercises))
    return f"{line} {words['damaged'].format(kept=kept.name)}" if kept else line


def solved(record):
    """Give the names of the exercises that are solved."""
    return {name for name, entry in record["exercises"].items() if entry["passed"]}
