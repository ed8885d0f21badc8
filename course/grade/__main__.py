"""Mark a folder of learners' notebooks: `python -m course.grade FOLDER --csv FILE`."""

import argparse
import csv
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from course.grade import pages, reading

WORTH_IT = 8  # files for which a second judge runs a chapter's own cells, too


class Table:
    """The marks so far, a line a file, in a file beside the table, from which a run goes on."""

    def __init__(self, path, course):
        self.path = path.with_name(path.name + ".part")
        self.file = self.path.open("a+b")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"Another run is writing {path}.")
        self.file.seek(0)
        self.done, self.seed, kept = {}, secrets.token_hex(16), b""
        lines = self.file.read().splitlines(keepends=True)
        for number, line in enumerate(lines):
            try:
                entry = json.loads(line)
                if not line.endswith(b"\n"):
                    raise ValueError("not written to its end")
                if number == 0:
                    if entry["course"] != course:
                        break
                    self.seed = entry["seed"]
                elif "folder" in entry:  # of a run that was killed
                    clear(Path(entry["folder"]))
                else:
                    self.done[entry["name"], entry["digest"]] = entry["marks"]
            except (ValueError, KeyError, TypeError):
                break
            kept += line
        self.file.truncate(len(kept))
        if not kept:
            self.write({"course": course, "seed": self.seed})

    def write(self, entry):
        """Write a line, to the disk."""
        self.file.write(json.dumps(entry).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def note(self, handed, marks):
        """Note the marks of a file."""
        self.done[handed.name, handed.digest] = marks
        self.write({"name": handed.name, "digest": handed.digest, "marks": marks})

    def close(self):
        """Remove it, when the table is written."""
        self.path.unlink()
        self.file.close()


def clear(folder):
    """Remove the folder that a killed run has left."""
    if folder.parent == Path(tempfile.gettempdir()) and folder.name.startswith("grade-"):
        shutil.rmtree(folder, ignore_errors=True)


def course_digest():
    """Give a digest of all that marks depend on, beside the learner's file."""
    found = hashlib.sha256()
    paths = [
        *sorted((reading.ROOT / "course").rglob("*.py")),
        reading.ROOT / "course/contents.json",
    ]
    for path in [*paths, *sorted((reading.ROOT / "notebooks").glob("??/*.ipynb"))]:
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


class Worker:
    """A judge's process, which is started anew if it breaks down."""

    def __init__(self, settings):
        self.settings, self.process = settings, None
        self.start()

    def start(self):
        """Start it."""
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "course.grade.judge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("COURSE_GRADE_DEBUG") else subprocess.DEVNULL,
            cwd=reading.ROOT,
            env=os.environ | {"PYTHONPATH": str(reading.ROOT), "OMP_NUM_THREADS": "1"},
            text=True,
        )
        self.ask(self.settings)

    def ask(self, question):
        """Give its answer; None if it broke down."""
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            return json.loads(line) if line else None
        except (OSError, ValueError):
            return None

    def stop(self):
        """End it."""
        self.process.stdin.close()
        self.process.wait()


def marks_of(handed, found, chapter):
    """Give the marks of a file: by exercise, [mark, hint, zh, en]."""
    marks = {}
    for exercise in {*chapter.exercises.values(), *found["verdicts"]}:
        kind, hint, zh, en = found["verdicts"].get(exercise, (None, "", "", ""))
        errors = [found["cells"].get(str(place)) for place in handed.places.get(exercise, ())]
        error = next(filter(None, errors), None)
        if kind == "right":
            marks[exercise] = ["passed", "", zh, en]
        elif kind == "wrong":
            marks[exercise] = ["failed", hint or "otherwise", zh, en]
        elif kind == "unanswered":
            marks[exercise] = ["failed", "unanswered", zh, en]
        elif kind == "failed":
            marks[exercise] = ["refused", hint, zh, en]
        elif error == "TimeIsUp":
            marks[exercise] = ["refused", "time", *pages.REASONS["time"]]
        elif error:
            zh, en = pages.REASONS["exception"]
            marks[exercise] = ["failed", "exception", zh.format(error), en.format(error)]
        elif found["reason"]:
            marks[exercise] = ["refused", found["reason"], *pages.REASONS[found["reason"]]]
        elif exercise in handed.calls:
            marks[exercise] = ["refused", "not asked", *pages.REASONS["not asked"]]
        else:
            marks[exercise] = ["failed", "missing", *pages.REASONS["missing"]]
    return marks


class Grader:
    """Takes the files one by one, with several judges at a time."""

    def __init__(self, folder, table, chapters, settings):
        self.folder, self.table, self.chapters, self.settings = folder, table, chapters, settings
        self.lock, self.said, self.failure = threading.Lock(), set(), None

    def all(self, handed, jobs, bar):
        """Judge what has not been judged."""
        left = [one for one in handed if (one.name, one.digest) not in self.table.done]
        bar(len(handed) - len(left))
        for one in left:
            if one.refused:
                self.table.note(one, one.refused)
        runs = [one for one in left if not one.refused]
        bar(len(handed) - len(runs))
        waiting = {}
        for one in reversed(runs):
            waiting.setdefault(one.chapter, []).append(one)
        busy = []  # chapters, once for each judge that is at them

        def work():
            try:
                worker = Worker(self.settings)
                chapter = None
                while not self.failure:
                    with self.lock:
                        chapter = self.next(chapter, waiting, busy)
                        if chapter is None:
                            break
                        one = waiting[chapter].pop()
                    marks = self.one(worker, one)
                    with self.lock:
                        self.table.note(one, marks)
                        bar(sum((h.name, h.digest) in self.table.done for h in handed))
                worker.stop()
            except Exception as error:
                self.failure = error

        threads = [threading.Thread(target=work) for _ in range(min(jobs, len(runs)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failure:
            raise self.failure

    def next(self, chapter, waiting, busy):
        """Choose a judge's next chapter: its own, or one that nobody is at, or one with many left."""
        if chapter is not None:
            if waiting[chapter]:
                return chapter
            busy.remove(chapter)
        left = {name: len(files) for name, files in waiting.items() if files}
        choice = max(left, key=lambda name: (name not in busy, left[name]), default=None)
        if choice in busy and left[choice] < WORTH_IT:
            return None
        if choice is not None:
            busy.append(choice)
        return choice

    def one(self, worker, handed):
        """Judge one file."""
        job = {"chapter": handed.chapter, "cells": handed.cells, "digest": handed.digest}
        found = worker.ask(job)
        if found is not None and "problem" in found:
            raise OSError(found["problem"])
        if found is None:
            worker.process.kill()
            worker.process.wait()
            worker.start()
            found = {"verdicts": {}, "cells": {}, "reason": "judge", "said": []}
        self.said |= {(handed.chapter, said) for said in found["said"]}
        return marks_of(handed, found, self.chapters[handed.chapter])


def progress_bar(count):
    """Give a function that shows how many files are done."""
    start, shown = time.monotonic(), [None]

    def bar(done):
        part = done * 30 // max(count, 1)
        minutes, seconds = divmod(int(time.monotonic() - start), 60)
        line = f"{'█' * part}{'·' * (30 - part)} {done} of {count}, {minutes}:{seconds:02}"
        if sys.stderr.isatty():
            print(f"\r{line}", end="" if done < count else "\n", file=sys.stderr, flush=True)
        elif part != shown[0] and part % 3 == 0:
            print(line, file=sys.stderr, flush=True)
        shown[0] = part

    return bar


def safe(text):
    """Give a name as a spreadsheet may have it: no formula, and nothing that is no text."""
    text = text.encode(errors="backslashreplace").decode()
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def write_table(path, handed, table, chapters):
    """Write the table: a row a file, two columns an exercise of the chapters that are there."""
    marks = {one.name: table.done[one.name, one.digest] for one in handed}
    given = {exercise for one in marks.values() if isinstance(one, dict) for exercise in one}
    there = {one.chapter for one in handed}
    exercises = [
        exercise
        for chapter in chapters.values()
        for exercise in chapter.exercises.values()
        if chapter.name in there or exercise in given
    ]
    part = path.with_name(path.name + ".new")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", *(f for e in exercises for f in (e, f"{e}: hint"))])
        for one in handed:
            row, own = [safe(one.name)], marks[one.name]
            for exercise in exercises:
                if isinstance(own, str):
                    row += ["refused", own]
                else:
                    row += own.get(exercise, ["", ""])[:2]
            writer.writerow(row)
    part.replace(path)


def walls_possible():
    """Say why a learner's process cannot be walled in here; "" if it can."""
    if sys.platform != "linux":
        return "only Linux has namespaces"
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import inside, os, tempfile, pathlib\n"
        "with tempfile.TemporaryDirectory() as f:\n"
        " (pathlib.Path(f) / 'course/notebooks/zh').mkdir(parents=True)\n"
        " (pathlib.Path(f) / 'course/notebooks/en').mkdir(parents=True)\n"
        " (pathlib.Path(f) / 'course/course').mkdir(parents=True)\n"
        " config = {'folder': f, 'course': f + '/course', 'python': [], 'hidden': []}\n"
        " inside.wall_in(config); inside.change_root(config)\n"
        " inside._loopback(); inside._unshare(0x20000000)\n"
        " os._exit(0)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent)], capture_output=True, text=True
    )
    return "" if result.returncode == 0 else (result.stderr.strip().splitlines() or ["?"])[-1]


def main(arguments=None):
    """Mark the notebooks of a folder."""
    parser = argparse.ArgumentParser("python -m course.grade", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--csv", type=Path, required=True, help="the table to write")
    parser.add_argument("--pages", type=Path, help="the folder for learners' pages")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="notebooks at a time")
    parser.add_argument(
        "--seconds", type=float, default=20, help="of computing that a cell may take (default: 20)"
    )
    given = parser.parse_args(arguments)
    if not given.folder.is_dir():
        sys.exit(f"There is no folder {given.folder}.")
    path = given.csv.absolute()
    shown = given.pages or path.with_name(f"{path.stem}-pages")
    why_not = "" if os.environ.get("COURSE_GRADE_WALLS") != "0" else "COURSE_GRADE_WALLS is 0"
    why_not = why_not or walls_possible()
    if why_not:
        print(pages.UNPROTECTED.format(why_not), file=sys.stderr)
    chapters = reading.chapters()
    found = reading.files(given.folder)
    handed = [reading.handed_in(one, given.folder, chapters) for one in found]
    table = Table(path, course_digest())
    with tempfile.TemporaryDirectory(prefix="grade-") as folder:
        table.write({"folder": folder})
        course = reading.sandbox_course(folder, chapters)
        settings = reading.settings(chapters, course, given.folder, table.seed, not why_not)
        settings["seconds"] = given.seconds
        grader = Grader(given.folder, table, chapters, settings)
        try:
            grader.all(handed, max(given.jobs, 1), progress_bar(len(handed)))
        except OSError as error:
            sys.exit(f"The marks are not complete, and are kept; start it again. {error}")
    for chapter, said in sorted(grader.said):
        print(f"The course's own cell of {chapter} failed here: {said}", file=sys.stderr)
    write_table(path, handed, table, chapters)
    for one in handed:
        try:
            pages.write(shown, one, table.done[one.name, one.digest], chapters)
        except OSError as error:  # a folder a.html beside a.ipynb
            print(pages.plain(f"There is no page for {one.name}: {error}"), file=sys.stderr)
    print(pages.summary(handed, table.done), file=sys.stderr)
    table.close()


if __name__ == "__main__":
    main()
