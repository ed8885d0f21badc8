"""The learner's own copies of the notebooks, in `my`, which git ignores.

`nox -s lab` opens these, so that learning changes no file of the course. notebooks/en/NAME.ipynb is
copied to my/en/NAME.ipynb: the same depth, so all relative paths hold. When the course changes, so
do the copies; what learners wrote is taken along, and an edited copy is kept beside the new one.

`python tools/copies.py NAME [EXERCISE]` (`nox -s restart -- NAME [EXERCISE]`) starts a notebook
over, or one exercise, by its number or its cell's id; `all` for NAME is every notebook.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
COURSE = ROOT / "notebooks"
MY = ROOT / "my"
CHAPTER = "momentum-scratch"
RECORD = "momentum_lab_copy"  # where a copy's metadata says what of the course it was made from
WORDS = {
    "en": {
        "updated": "{name} is new in the course: your answers and the cells that you added are in "
        "the new one; your old copy is kept as {kept}.",
        "damaged": "{name} could not be read, or not be brought up to date: it is kept as {kept}, "
        "and there is a fresh copy.",
        "restarted": "{name} starts over; what you had is kept as {kept}. If it is open in "
        "JupyterLab, choose File → Reload Notebook from Disk.",
        "untouched": "{name} is as the course gives it.",
        "failed": "Your copies of the notebooks cannot be written ({problem}). They are all as "
        "they were; nothing is lost.",
        "unknown": "There is no notebook {name} in the course.",
        "no exercise": "{name} has no exercise {exercise}. It has: {known}.",
    },
    "zh": {
        "updated": "{name} 有了新版：你的答案和你添加的单元格都已移到新版里，旧的那份保存为 {kept}。",
        "damaged": "{name} 读不出来，或者没法更新：原文件保存为 {kept}，并换上了一份新的。",
        "restarted": "{name} 已恢复原样；原来的那份保存为 {kept}。如果它正在 JupyterLab 里打开着，"
        "请点菜单“文件 → 从磁盘重新加载笔记本”。",
        "untouched": "{name} 与教程里的一样，没有改动过。",
        "failed": "你的笔记本写不进去（{problem}）。它们都保持原样，什么也没有丢。",
        "unknown": "教程里没有笔记本 {name}。",
        "no exercise": "{name} 里没有练习 {exercise}。其中的练习有：{known}。",
    },
}


class CopyError(Exception):
    """What went wrong, in a sentence for the learner."""


def say(edition, what, **values):
    """Give a sentence in the language of an edition."""
    return WORDS["zh" if edition.startswith("zh") else "en"][what].format(**values)


def find(word):
    """Find the notebook that a learner names.

    Parameters
    ----------
    word : str
        A path of the course or of a copy, "en/NAME", NAME, or an edition ("zh"): its chapter.

    Returns
    -------
    edition : str or None
        The name of the folder; None where only a NAME was given.
    name : str

    Raises
    ------
    CopyError
        If the course has no such notebook.
    """
    path = Path(word)
    edition, name = path.parent.name, path.name.removesuffix(".ipynb")
    if (COURSE / word / f"{CHAPTER}.ipynb").is_file():
        edition, name = path.name, CHAPTER
    if not (COURSE / (edition or "en") / f"{name}.ipynb").is_file():
        raise CopyError(say(edition, "unknown", name=word))
    return edition or None, name


def twins(edition):
    """Give the editions that link to each other: both languages, with solutions or without."""
    suffix = "-solutions" if edition.endswith("-solutions") else ""
    return [language + suffix for language in WORDS]


# What was changed


def read(content):
    """Read a notebook; None if it is none."""
    try:
        notebook = json.loads(content)
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])
            whole = isinstance(cell.get("id", ""), str) and "cell_type" in cell
            if not whole or not isinstance(cell["metadata"], dict):
                return None
        return notebook if isinstance(notebook["metadata"], dict) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def digest(content):
    """Give a short digest of what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def fingerprint(cell):
    """Give a digest of what a learner writes in a cell; running and saving do not change it."""
    lines = [line.rstrip() for line in cell["source"].strip().splitlines()]
    return digest([cell["cell_type"], lines])


def fingerprints(notebook):
    """Give the ids and fingerprints of the cells, without empty ones: Shift+Enter leaves some."""
    return [[cell.get("id"), fingerprint(cell)] for cell in notebook["cells"] if written(cell)]


def written(cell):
    """Tell whether anything stands in a cell."""
    return bool(cell["source"].strip())


def is_exercise(cell):
    """Tell whether a cell of the course is the learner's to fill in."""
    return "exercise" in cell["metadata"].get("tags", ())


def fresh(course):
    """Give a new copy of a notebook, which says what it was made from."""
    record = {"cells": fingerprints(course), "outputs": digest(course["cells"])}
    return course | {"metadata": course["metadata"] | {RECORD: record}}


def merged(course, copy, base):
    """Give the course's notebook with what a learner wrote in an older copy.

    Exercises have the learner's answers, and each cell that the learner added follows the one that
    it followed, or the nearest before that which still exists.

    Parameters
    ----------
    course, copy : dict
        The notebooks.
    base : dict
        The fingerprints of what the copy was made from, by cell id.

    Returns
    -------
    dict
    """
    ids = {cell["id"] for cell in course["cells"]}
    taken, answers, added, place = set(ids), {}, {}, None
    for cell in copy["cells"]:
        name = cell.get("id")
        if name in ids and name not in answers:
            place, answers[name] = name, cell
        elif written(cell) and (name not in base or name in ids):
            if not name or name in taken:
                name = secrets.token_hex(4)
            taken.add(name)
            added.setdefault(place, []).append(cell | {"id": name})
    cells = added.get(None, [])
    for cell in course["cells"]:
        answer = answers.get(cell["id"])
        if (
            is_exercise(cell)
            and answer
            and written(answer)
            and fingerprint(answer) != base.get(cell["id"])
        ):
            cell = cell | {
                "source": answer["source"],
                "outputs": answer.get("outputs", []),
                "execution_count": answer.get("execution_count"),
            }
        cells += [cell, *added.get(cell["id"], [])]
    return fresh(course) | {"cells": cells}


def brought_up_to_date(course, copy):
    """Give what a copy becomes, None if it stays, and how to say what happened, if it need be said.

    Parameters
    ----------
    course : dict
        The course's notebook.
    copy : dict or None
        The learner's; None if it is no notebook.

    Returns
    -------
    notebook : dict or None
    what : str or None
    """
    new = fresh(course)
    if copy is None:
        return new, "damaged"
    now, record = new["metadata"][RECORD], copy["metadata"].get(RECORD)
    if record == now:
        return None, None
    try:
        base = dict(record["cells"])
        before = record["cells"]
    except (TypeError, KeyError, ValueError):  # an editor dropped it
        base, before = {}, None
    present = fingerprints(copy)
    if present in (before, now["cells"]):
        return new, None
    if before == now["cells"]:  # only outputs are new in the course
        return None, None
    if not {name for name, _ in present} & (base.keys() | dict(now["cells"]).keys()):
        return new, "damaged"  # an editor dropped the ids: no telling what is whose
    return merged(course, copy, base), "updated"


# Writing


@contextlib.contextmanager
def alone(edition):
    """Let nobody else change the copies meanwhile; say in a sentence what cannot be written."""
    import fcntl  # Windows has none, and hears of it from the doctor

    try:
        MY.mkdir(exist_ok=True)
        folder = os.open(MY, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    except OSError as error:
        raise CopyError(say(edition, "failed", problem=error.strerror or error)) from error


def write_all(changes):
    """Write files so that each is the old or the new one, whole, whenever this is interrupted.

    All is on the disk before the first takes its place: where there is no room, nothing changes.

    Parameters
    ----------
    changes : dict
        By path, what stands in the file now (None: there is none), and what shall. They take their
        places in this order; one that JupyterLab has saved meanwhile is left for the next time.
    """
    waiting = MY / ".new"
    shutil.rmtree(waiting, ignore_errors=True)  # of one that was killed
    try:
        waiting.mkdir()
        for number, (path, (_, content)) in enumerate(changes.items()):
            path.parent.mkdir(exist_ok=True)
            with (waiting / str(number)).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for number, (path, (before, _)) in enumerate(changes.items()):
            if content_of(path) == before:
                (waiting / str(number)).replace(path)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


def content_of(path):
    """Give the bytes of a file, None if there is none."""
    return path.read_bytes() if path.exists() else None


def as_bytes(notebook):
    """Give a notebook as Jupyter writes it."""
    return (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode()


def shown(path):
    """Give a path as the learner sees it."""
    return path.relative_to(ROOT).as_posix()


def keep(path, content, changes):
    """Add to the changes that what stands in a file is kept beside it; give where.

    Beside it, because there it still runs, and its figures are found.
    """
    name = f"{path.stem}-old-"
    for kept in path.parent.glob(f"{name}*"):
        if kept.read_bytes() == content:
            return kept
    number = 1
    while (kept := path.with_stem(f"{name}{date.today()}-{number}")).exists():
        number += 1
    changes[kept] = None, content
    return kept


def update(edition):
    """Make the copies of an edition and of its twin, or bring them up to date.

    Returns
    -------
    list of str
        What the learner should know, a sentence each.

    Raises
    ------
    CopyError
        If something cannot be written; then nothing has changed.
    """
    said, changes = [], {}
    with alone(edition):
        for path in sorted(COURSE.glob("data/*")):
            copy = MY / path.relative_to(COURSE)
            before, content = content_of(copy), path.read_bytes()
            if before != content:
                if before:
                    keep(copy, before, changes)
                changes[copy] = before, content
        for folder in twins(edition):
            for path in sorted((COURSE / folder).glob("*.ipynb")):
                copy = MY / folder / path.name
                course, before = read(path.read_bytes()), content_of(copy)
                if before is None:
                    changes[copy] = None, as_bytes(fresh(course))
                    continue
                notebook, what = brought_up_to_date(course, read(before))
                if what:
                    kept = shown(keep(copy, before, changes))
                    said.append(say(folder, what, name=shown(copy), kept=kept))
                if notebook:
                    changes[copy] = before, as_bytes(notebook)
        write_all(changes)
    return said


# Starting over


def restart(edition, name, exercise=None):
    """Start a notebook over, or an exercise in it; keep what was there.

    Parameters
    ----------
    edition, name : str
        Which notebook; its copy is up to date.
    exercise : str, optional
        The number of the exercise in the notebook, or its cell's id.

    Returns
    -------
    str or None
        What has been done; None if the learner had changed nothing there.

    Raises
    ------
    CopyError
        If there is no such exercise, or something cannot be written; then nothing has changed.
    """
    with alone(edition):
        copy, changes = MY / edition / f"{name}.ipynb", {}
        course = read((COURSE / edition / f"{name}.ipynb").read_bytes())
        before = copy.read_bytes()
        notebook, new = read(before), fresh(course)
        if exercise is not None:
            starters = {cell["id"]: cell for cell in course["cells"] if is_exercise(cell)}
            ids = dict(zip(map(str, range(1, len(starters) + 1)), starters))
            starter = starters.get(ids.get(exercise, exercise))
            if not starter:
                known = ", ".join(f"{number} ({cell})" for number, cell in ids.items()) or "-"
                raise CopyError(
                    say(edition, "no exercise", name=name, exercise=exercise, known=known)
                )
            cells = [starter if c.get("id") == starter["id"] else c for c in notebook["cells"]]
            if starter not in cells:  # the learner has deleted it
                order = [cell["id"] for cell in course["cells"]]
                above = order[: order.index(starter["id"])]
                places = [place for place, c in enumerate(cells) if c.get("id") in above]
                cells.insert(max(places, default=-1) + 1, starter)
            new = notebook | {"cells": cells}
        if fingerprints(new) == fingerprints(notebook):
            return None
        kept = keep(copy, before, changes)
        changes[copy] = before, as_bytes(new)
        write_all(changes)
    return say(edition, "restarted", name=shown(copy), kept=shown(kept))


def main(arguments):
    """Start over what the arguments name, and say so."""
    if len(arguments) not in (1, 2) or arguments[0].startswith("-"):
        sys.exit("nox -s restart -- NAME [EXERCISE]     nox -s restart -- all")
    word, *exercise = arguments
    if word == "all":
        chosen = [(path.parent.name, path.stem) for path in sorted(COURSE.glob("[ez]*/*.ipynb"))]
    else:
        edition, name = find(word)
        chosen = [(folder, name) for folder in ([edition] if edition else WORDS)]
    chosen = [one for one in chosen if (MY / one[0]).is_dir()]
    for folder in {folder for folder, _ in chosen}:
        print("".join(f"{line}\n" for line in update(folder)), end="")
    said = [restart(*one, *exercise) for one in chosen]
    print(
        "\n".join(filter(None, said))
        or say(chosen[0][0] if chosen else "en", "untouched", name=word)
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CopyError as error:
        sys.exit(str(error))
