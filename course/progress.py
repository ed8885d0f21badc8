"""The table of the notebook `index`: how far the learner is, and what comes next."""

import html

from course import record
from course.language import language

SIGNS = {"solved": "✓", "tried": "✎"}  # as on a verdict's card
WORDS = {
    "zh": {
        "columns": ("章", "标题", "分钟", "练习", "已完成"),
        "done": "{n}/{all}",
        "signs": "✓ 做对了　✎ 试过，还没有做对",
        "next": "接下来：{link}，练习 {number}。",
        "all": "全部练习都做完了。",
        "chapter": "第 {number} 章《{title}》",
        "damaged": "进度文件有损坏，只显示了能读出的部分。",
    },
    "en": {
        "columns": ("No.", "Chapter", "Minutes", "Exercises", "Done"),
        "done": "{n} of {all}",
        "signs": "✓ solved, ✎ tried and not solved yet",
        "next": "Next: {link}, exercise {number}.",
        "all": "All exercises are done.",
        "chapter": "chapter {number}, “{title}”",
        "damaged": "The record is damaged; this is what can be read of it.",
    },
}


def following(chapters, record):
    """Give the chapter and the number of the exercise to do next; None if all are done.

    It is the first that is open in the chapter that the learner was last in, or in one after it;
    then those before.

    Parameters
    ----------
    chapters : dict
        As `course.record.contents` gives them.
    record : dict

    Returns
    -------
    tuple of str and int, or None
    """
    names = list(chapters)
    here = [name for name in names if record["latest"] in chapters[name]["exercises"].values()]
    start = names.index(here[0]) if here else 0
    for name in names[start:] + names[:start]:
        for number, exercise in enumerate(chapters[name]["exercises"].values(), start=1):
            if not record["exercises"].get(exercise, {}).get("passed"):
                return name, number
    return None


class Table:
    """The table, as HTML and as plain text.

    Parameters
    ----------
    chapters, record : dict
    language : {"zh", "en"}
    whole : bool
        Whether all of the record could be read.
    """

    def __init__(self, chapters, record, language, whole=True):
        self.words, self.chapters, self.language = WORDS[language], chapters, language
        self.record, self.whole = record, whole

    def _rows(self):
        """Yield each chapter's name, title, minutes, exercises with their signs, and what is done."""
        entries = self.record["exercises"]
        for name, chapter in self.chapters.items():
            states, n = [], 0
            for number, exercise in enumerate(chapter["exercises"].values(), start=1):
                entry = entries.get(exercise)
                state = entry and ("solved" if entry["passed"] else "tried")
                n += state == "solved"
                states.append(f"{SIGNS[state]} {number}" if state else str(number))
            done = self.words["done"].format(n=n, all=len(states))
            done = f"{SIGNS['solved']} {done}" if n == len(states) else done
            yield name, chapter[self.language], chapter["minutes"], states, done

    def _last(self, link):
        """Give what stands below the table; `link` makes one to a chapter of its name and words."""
        if not self.whole:
            yield self.words["damaged"]
        found = following(self.chapters, self.record)
        if found is None:
            yield self.words["all"]
            return
        name, number = found
        title = self.chapters[name][self.language]
        place = list(self.chapters).index(name) + 1
        words = self.words["chapter"].format(number=place, title=title)
        yield self.words["next"].format(link=link(name, words), number=number)

    def _repr_html_(self):
        def link(name, words):
            return f'<a href="{name}.ipynb">{html.escape(words, quote=False)}</a>'

        sides = ("right", "left", "right", "left", "left")
        head = "".join(
            f'<th scope="col" style="text-align: {side}">{one}</th>'
            for side, one in zip(sides, self.words["columns"])
        )
        rows = ""
        for number, (name, title, minutes, states, done) in enumerate(self._rows(), start=1):
            signs = " · ".join(f'<span style="white-space: nowrap">{one}</span>' for one in states)
            cells = (number, link(name, title), minutes, signs, done)
            rows += "<tr>"
            for side, cell in zip(sides, cells):
                rows += f'<td style="text-align: {side}">{cell}</td>'
            rows += "</tr>\n"
        below = "".join(f"<p>{line}</p>\n" for line in (self.words["signs"], *self._last(link)))
        return (
            f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n{below}"
        )

    def __repr__(self):
        """Give the table as text."""
        unit = self.words["columns"][2].lower()
        lines = [
            f"{number}. {title} · {minutes} {unit} · {', '.join(states)} · {done}"
            for number, (_, title, minutes, states, done) in enumerate(self._rows(), start=1)
        ]
        last = self._last(lambda name, words: words)
        return "\n".join((*lines, self.words["signs"], *last))


def table():
    """Show how far the learner is, in the notebook's language.

    Returns
    -------
    Table
        Of an empty record where nothing is noted: where notebooks are built, tested or hosted.
    """
    place = record.folder()
    try:
        found, whole = record.read(place / record.FILE) if place else (record.empty(), True)
    except OSError:
        found, whole = record.empty(), False
    return Table(record.contents(), found, language(), whole)
