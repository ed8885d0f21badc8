"""The exercises of a chapter's page: what web/exercise.js needs to judge them, and their places.

Everything comes from the notebooks' cells and from the declarations in course/checks.
"""

import ast
import json
import re

import nbformat
from nbformat.v4 import new_markdown_cell

from course import checks
from course.checks.answers import given, number, one_of
from course.checks.questions import Choice, Question
from course.checks.verdict import LOOKS, OPENINGS, Answered
from tools import hosted
from tools.sources import tag, without_magics

WORDS = {
    "zh": {
        "above": "做练习之前，先运行上面的所有单元格。",  # what a notebook says, and a page cannot do
        "note": "问数或者选词的练习，在这一页上就能回答：填好以后按回车键，或者点“检查”，"
        "不用像题目里说的那样运行单元格；填算式也行，例如 0.3/(1-0.5)。"
        "要写函数或者做实验，就用{run}。你的回答只保存在这台设备上。",
        "notebook": "笔记本",
        "binder": "Binder 上的笔记本",
        "lab": "自己电脑上的笔记本（取得课程以后，运行 <code>python3 start.py</code>，见 README）",
        "experiment": "在{run}里，这道题要做一个实验；你的预测和实验结果都可以填在这里检查。",
        "cell": "笔记本里的单元格",
        "code": "这一页不运行代码：写好以后，放进{run}里运行，那里会告诉你错在哪里。",
        "solution": "参考答案",
        "script": "要在这里回答，请打开 JavaScript。",
        "run": ("再运行这个单元格", "再点“检查”"),  # in a check's sentence, and here
        "words": {
            "check": "检查",
            "form": "回答这道练习",
            "number": "（填一个数）",
            "choice": "（选一个词）",
            "write": "在这里写",
            "kept": "你的代码（只保存在这台设备上，这里不运行）",
            "tried": "我试过了",
            "locked": "写一点，或者点这里，就可以看参考答案。",
            "solved": "在笔记本里做对了",
            "done": "已完成",
            "progress": "本章练习已完成 {n}/{all}。",
        },
    },
    "en": {
        "above": "Before the exercises, run all the cells above.",
        "note": "Exercises that ask for a number or a word can be answered right here: press Enter or "
        "Check where the text says “run the cell”. Arithmetic will do as well, such as 0.3/(1-0.5). "
        "To write a function or to do an experiment, use {run}. Your answers stay on this device.",
        "notebook": "the notebook",
        "binder": "the notebook on Binder",
        "lab": "the notebook on your own machine (get the course and run <code>python3 start.py</code>, "
        "see the README)",
        "experiment": "In {run} this exercise runs an experiment; what you predict, or measure there, "
        "can be checked here.",
        "cell": "The cell in the notebook",
        "code": "This page runs no code: to learn what is right or wrong with yours, run it in {run}.",
        "solution": "Solution",
        "script": "To answer here, turn JavaScript on.",
        "run": ("then run the cell", "then press Check"),
        "words": {
            "check": "Check",
            "form": "Answer this exercise",
            "number": " (a number)",
            "choice": " (choose)",
            "write": "Write here",
            "kept": "Your code (kept on this device only, and not run here)",
            "tried": "I have tried",
            "locked": "Write something, or press this, to see the solution.",
            "solved": "Solved in the notebook",
            "done": "done",
            "progress": "Done in this chapter: {n} of {all}.",
        },
    },
}

# What a declaration says, as data


class Shown:
    """Stands for a learner's value that is no number, in the sentence that shows it."""

    def __repr__(self):
        """Give the place of the value."""
        return "{shown}"


class ShownText(str):
    """Stands for a learner's text that is no number."""

    __repr__ = Shown.__repr__


class Value:
    """Stands for a learner's number; the page's script knows no other format than this one."""

    def __format__(self, form):
        """Give the place of the number."""
        if form != "g":
            raise ValueError(f"web/exercise.js cannot write a number by the format {form!r}")
        return "{value:g}"


def said(take, *args, language, **named):
    """Give what one of the functions that take an answer says of this one."""
    try:
        take(*args, **named)
    except Answered as answered:
        return getattr(answered.verdict, language)
    raise AssertionError(f"{take.__name__} should refuse {args or named}")


def numbers(intervals):
    """Give a set of numbers for JSON, which has no infinity."""
    return [
        [end if abs(end) < float("inf") else f"{end:+}".replace("inf", "Infinity") for end in one]
        for one in map(list, intervals)
    ]


def field_data(field, language):
    """Give what a field of a question says."""
    here = ("zh", "en").index(language)
    if isinstance(field, Choice):
        labels = {word: word for word in field.words}
        if language == "zh":  # the words to write into the notebook are English
            for word, ways in field.words.items():
                meaning = next((way for way in ways if re.search(r"[\u4e00-\u9fff]", way)), None)
                labels[word] = f"{word}（{meaning}）" if meaning else word
        return {
            "name": field.name,
            "words": field.words,
            "labels": labels,
            "mistakes": {
                word: hint[here].format(value=Value()) for word, hint in field.mistakes.items()
            },
            "text": said(one_of, field.words, language=language, **{field.name: ShownText()}),
        }
    return {
        "name": field.name,
        "right": numbers(field.right),
        "mistakes": [
            [numbers(row), hint[here].format(value=Value())]
            for row, *hint in field.mistakes.values()
        ],
        "otherwise": field.otherwise[here].format(value=Value()),
        "noNumber": said(number, language=language, **{field.name: Shown()}),
        "text": said(number, language=language, **{field.name: ShownText()}),
    }


def question_data(question, count, language):
    """Give what a question says of its first `count` fields, which its cell passes."""
    here = ("zh", "en").index(language)
    fields = question.fields[:count]
    unanswered = said(given, language=language, **dict.fromkeys(field.name for field in fields))
    run, check = WORDS[language]["run"]
    if run not in unanswered:
        raise ValueError(f"a page cannot run cells, so it must know the end of {unanswered!r}")
    return {
        "fields": [field_data(field, language) for field in fields],
        "together": [
            [[numbers(one) for one in sets], (zh, en)[here]]
            for *sets, zh, en in question.together.values()
        ],
        "right": question.right[here],
        "unanswered": unanswered.replace(run, check),
    }


# The cells of exercises


def call(cell):
    """Give the name of the check that an exercise calls, and how many answers it passes."""
    for node in ast.walk(ast.parse(without_magics(cell.source))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("checks."):
            return node.func.attr, len(node.args)
    raise ValueError(f"cell {cell.id!r} is tagged as an exercise and calls no check")


def own_lines(cell):
    """Give a cell's code without what each exercise has: the import and the call of its check."""
    lines = (
        line
        for line in cell.source.splitlines()
        if line != "from course import checks" and not line.startswith("passed = checks.")
    )
    return "\n".join(lines).strip()


def is_blank(code):
    """Tell whether a starter's code only names the answers."""
    return all(
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and node.value.value is None
        for node in ast.parse(without_magics(code)).body
    )


def is_computed(code):
    """Tell whether a solution's code only computes, with what a calculator has."""
    calls = {
        ast.unparse(node.func).rpartition(".")[2]
        for node in ast.walk(ast.parse(without_magics(code)))
        if isinstance(node, ast.Call)
    }
    return calls <= {"sqrt", "log", "exp"} and all(
        isinstance(node, ast.Assign) for node in ast.parse(without_magics(code)).body
    )


def is_verdict(output):
    """Tell whether an output is a check's."""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return any(
        text.startswith(opening.strip()) for one in OPENINGS.values() for opening in one.values()
    )


def where_to_run(name, language, repository):
    """Give the HTML that says where the notebook of a page can be run: at length, and in short."""
    words = WORDS[language]
    if not repository:
        return words["lab"], words["notebook"]
    address = hosted.places(repository, language, name)["Binder"]
    return [f'<a href="{address}">{words[place]}</a>' for place in ("binder", "notebook")]


def raw(text):
    """Give a cell of HTML."""
    return new_markdown_cell(f"```{{raw}} html\n{text}\n```")


class Page:
    """The exercises of a chapter's page in a language.

    Parameters
    ----------
    name : str
        The notebook's.
    solutions : NotebookNode
        The notebook's edition with solutions.
    language : str
        "zh" or "en".
    repository : str or None
        OWNER/REPOSITORY on GitHub.
    """

    def __init__(self, name, solutions, language, repository):
        self.name, self.language, self.words = name, language, WORDS[language]
        self.solutions = {cell.id: cell for cell in solutions.cells}
        self.at_length, self.run = where_to_run(name, language, repository)
        self.exercises = {}

    def adapt(self, cells):
        """Give the page's cells for a notebook's."""
        first = next((i for i, cell in enumerate(cells) if tag(cell, "exercise")), None)
        if first is None:
            return cells
        headings = [
            i
            for i, cell in enumerate(cells)
            if cell.cell_type == "markdown" and cell.source.startswith("## ")
        ]
        start = next(  # of the exercises; some may stand before
            (i for i in headings if self.words["above"] in cells[i].source),
            max((i for i in headings if i < first), default=None),
        )
        adapted = []
        for i, cell in enumerate(cells):
            if i == start:
                adapted += self._start(cell)
            elif tag(cell, "exercise"):
                adapted += self._exercise(cell)
            else:
                adapted.append(cell)
        return adapted

    def _start(self, cell):
        """Give the beginning of the exercises with a note on what a page can do."""
        heading, _, text = cell.source.partition("\n")
        note = self.words["note"].format(run=self.at_length)
        note = f'<div class="exercise-note"><p>{note}</p><p data-progress></p></div>'
        text = text.replace(self.words["above"], "", 1)
        cell.source = f"{heading}\n\n{raw(note).source}\n\n{text.strip()}"
        return [cell]

    def _exercise(self, cell):
        """Give an exercise's cells: without a verdict on what nobody has answered."""
        check, count = call(cell)
        declared = getattr(getattr(checks, check), "declared", None)
        cell.outputs = [output for output in cell.outputs if not is_verdict(output)]
        solution = own_lines(self.solutions[cell.id])
        place = (
            f'<div class="exercise" id="exercise-{cell.id}" data-exercise="{cell.id}" '
            f'data-chapter="{self.name}">'
        )
        script = f"<noscript><p>{self.words['script']}</p></noscript>"
        if isinstance(declared, Question):
            self.exercises[cell.id] = {"question": question_data(declared, count, self.language)}
            shown = []
            if not is_blank(own_lines(cell)):
                summary = f"<summary>{self.words['cell']}</summary>"
                folded = '<details class="exercise-cell">'
                shown = [raw(folded + summary), cell, raw("</details>")]
                if cell.outputs:
                    shown = [cell]
            if not is_computed(solution) or count > len(
                declared.fields
            ):  # or of the notebook's data
                place += f"<p>{self.words['experiment'].format(run=self.run)}</p>"
            return [*shown, raw(f"{place}{script}</div>")]
        self.exercises[cell.id] = {"starter": own_lines(cell)}
        answer = nbformat.v4.new_code_cell(solution)
        place += (
            f"<p>{self.words['code'].format(run=self.run)}</p>"
            f'<details class="solution"><summary>{self.words["solution"]}</summary>'
        )
        return [cell, raw(place), answer, raw("</details></div>")]

    def script(self):
        """Give the script that holds what web/exercise.js needs on this page."""
        looks = {
            kind: {"sign": sign, "colour": colour, "opening": OPENINGS[kind][self.language]}
            for kind, (sign, colour) in LOOKS.items()
        }
        data = {"exercises": self.exercises, "looks": looks, "words": self.words["words"]}
        return f"exerciseData = {json.dumps(data, ensure_ascii=False)};\n"
