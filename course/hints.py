"""Where a class gets stuck, from the records of progress that its learners hand in.

`python -m course.hints FOLDER` reads every FOLDER/…/NAME.json that is a learner's `my/progress.json`.
It prints two tables, of exercises and of hints, and draws a figure (`--figure FILE`).
"""

import argparse
import os
import re
import statistics
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from course import checks, record
from course.checks import updates
from course.checks.questions import Question, Task

WORDS = {
    "zh": {
        "foreign": "{path}：不是本课程的进度文件，没有计入。",
        "damaged": "{path}：有损坏，只计入了能读出的部分。",
        "unread": "{path}：读不出来（{problem}），没有计入。",
        "none": "{folder} 里没有一份进度文件（*.json）。",
        "learners": "共 {n} 份进度文件。",
        "exercises": ("章", "练习", "做过", "做对", "没做对", "做对者的尝试次数（中位数）"),
        "hints": ("练习", "提示", "次数", "人数", "停在这里", "提示里说的"),
        "drawn": "图已存为 {path}。",
    },
    "en": {
        "foreign": "{path}: no record of this course's progress, and not counted.",
        "damaged": "{path}: damaged; what can be read of it is counted.",
        "unread": "{path}: cannot be read ({problem}), and is not counted.",
        "none": "There is no record of progress (*.json) in {folder}.",
        "learners": "Records: {n}.",
        "exercises": (
            "Chapter",
            "Exercise",
            "Tried",
            "Solved",
            "Given up",
            "Tries (median, solved)",
        ),
        "hints": ("Exercise", "Hint", "Times", "Learners", "Last of", "What it says"),
        "drawn": "The figure is in {path}.",
    },
}
MOST = 15  # hints in the figure


@dataclass
class Count:
    """What a class did with an exercise; who tried it and did not solve it has given up."""

    solved: int = 0
    given_up: int = 0
    tries: list = field(default_factory=list)  # of those who solved it
    times: Counter = field(default_factory=Counter)  # by hint
    learners: Counter = field(default_factory=Counter)
    last: Counter = field(default_factory=Counter)  # of those who have given up


def read(folder, words):
    """Read the records in a folder and the folders in it.

    Returns
    -------
    records : list of dict
    said : list of str
        What is wrong with which file, a sentence each.
    """
    records, said = [], []
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        try:
            found, whole = record.read(path)
        except OSError as error:
            said.append(words["unread"].format(path=name, problem=error.strerror or error))
            continue
        if not whole:
            said.append(words["damaged" if found["exercises"] else "foreign"].format(path=name))
        if whole or found["exercises"]:
            records.append(found)
    return records, said


def counted(records):
    """Count what the records say of each exercise of the course, in its order.

    Returns
    -------
    dict
        A `Count` by exercise.
    """
    chapters = record.contents().values()
    counts = {name: Count() for chapter in chapters for name in chapter["exercises"].values()}
    for one in records:
        for name, entry in one["exercises"].items():
            if name not in counts:  # of another year's course
                continue
            count = counts[name]
            if entry["passed"]:
                count.solved += 1
                count.tries.append(entry["tries"])
            else:
                count.given_up += 1
                count.last[entry["hint"]] += 1
            count.times.update(entry["hints"])
            count.learners.update(entry["hints"].keys())
    return counts


def sentence(exercise, hint, language):
    """Give what a hint says, by its name; empty where its words depend on the answer."""
    declared = getattr(getattr(checks, exercise.split(" ")[0], None), "declared", None)
    rows = {}
    if isinstance(declared, Question):
        rows |= declared.together
        for one in declared.fields:
            where = f"{one.name}: " if len(declared.fields) > 1 else ""
            rows |= {where + name: row for name, row in one.mistakes.items()}
            if hasattr(one, "otherwise"):
                rows[where + "otherwise"] = one.otherwise
    elif isinstance(declared, Task):
        rows |= declared.mistakes
    else:
        rows |= updates.ROWS | updates.NAMES
    parts = (rows.get(part, ("", ""))[-2:] for part in hint.removeprefix("cure: ").split(" + "))
    said = " ".join(part[("zh", "en").index(language)] for part in parts).strip()
    return re.sub(r"\{.*?\}", "…", said)


def table(head, rows):
    """Give a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |"
        for line in lines
    )


def tables(counts, language):
    """Give the table of exercises and that of hints, the most frequent first."""
    words, exercises = WORDS[language], []
    for chapter in record.contents().values():
        for name in chapter["exercises"].values():
            one = counts[name]
            tries = f"{statistics.median(one.tries):g}" if one.tries else ""
            tried = one.solved + one.given_up
            exercises.append((chapter[language], name, tried, one.solved, one.given_up, tries))
    hints = [
        (name, hint, times, one.learners[hint], one.last[hint], sentence(name, hint, language))
        for name, one in counts.items()
        for hint, times in one.times.items()
    ]
    hints.sort(key=lambda row: -row[2])
    return table(words["exercises"], exercises), table(words["hints"], hints)


def figure(counts):
    """Draw who solved each exercise and who gave up, and the hints that came most often."""
    hints = [
        (times, one.last[hint], f"{name} – {hint}")
        for name, one in counts.items()
        for hint, times in one.times.items()
    ]
    hints = sorted(hints, key=lambda row: -row[0])[:MOST]
    drawn = Figure(figsize=(13, max(4, 0.24 * len(counts) + 1.5)), layout="constrained")
    left, right = drawn.subplots(1, 2)
    solved = [one.solved for one in counts.values()]
    left.barh(list(counts), solved, color="#0072b2", label="solved")
    given_up = [one.given_up for one in counts.values()]
    left.barh(
        list(counts), given_up, left=solved, color="#e69f00", hatch="//", label="tried, given up"
    )
    left.set(xlabel="learners")
    names = [name if len(name) < 60 else f"{name[:59]}…" for *_, name in hints]
    places = range(len(hints))
    right.barh(places, [times for times, *_ in hints], color="#56b4e9", label="hint given")
    right.barh(
        places,
        [last for _, last, _ in hints],
        height=0.4,
        color="#d55e00",
        hatch="//",
        label="the last before giving up",
    )
    right.set_yticks(places, names)
    right.set(xlabel="times given, or learners")
    for axes in (left, right):
        axes.margins(y=0.01)
        axes.invert_yaxis()
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    return drawn


def main(arguments=None):
    """Run the command; give its exit status."""
    parser = argparse.ArgumentParser(prog="python -m course.hints", description=__doc__)
    parser.add_argument("folder", type=Path, help="with the files my/progress.json of the learners")
    parser.add_argument("--figure", type=Path, default="hints.png", help="default: hints.png")
    spoken = next(
        filter(None, map(os.environ.get, ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))), ""
    )
    spoken = "zh" if spoken.startswith("zh") else "en"
    parser.add_argument("--language", choices=WORDS, default=spoken)
    options = parser.parse_args(arguments)
    words = WORDS[options.language]
    records, said = read(options.folder, words)
    print("".join(f"{line}\n" for line in said), end="", file=sys.stderr)
    if not records:
        print(words["none"].format(folder=options.folder), file=sys.stderr)
        return 1
    counts = counted(records)
    print(words["learners"].format(n=len(records)), *tables(counts, options.language), sep="\n\n")
    figure(counts).savefig(options.figure, dpi=120)
    print(f"\n{words['drawn'].format(path=options.figure)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
