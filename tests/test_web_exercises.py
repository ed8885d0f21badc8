"""The exercises on the pages: their script says, word for word, what the notebooks' checks say."""

import ast
import functools
import gzip
import json
import math
import random

import numpy as np
import pytest
from browser import needs_chromium
from bs4 import BeautifulSoup
from common import ROOT, read
from test_web_browser import barriers

from course import checks
from course.checks.questions import Choice, Question
from course.checks.verdict import OPENINGS, Answered
from tools.sources import order, tag
from web import exercises

LANGUAGES = ("zh", "en")
SCRIPT = ROOT / "web/exercise.js"
CHECKS = {name: check for name, check in vars(checks).items() if hasattr(check, "judge")}
QUESTIONS = {
    name: check
    for name, check in CHECKS.items()
    if isinstance(getattr(check, "declared", None), Question)
}


@functools.cache
def exercise_cells(folder, name):
    """Give the cells of a notebook's exercises, by their id."""
    cells = read(ROOT / f"notebooks/{folder}/{name}.ipynb").cells
    return {cell.id: cell for cell in cells if tag(cell, "exercise", "solution")}


def asked(name):
    """Yield the exercises of a chapter that ask for numbers or words: cell and question."""
    for cell in exercise_cells("en", name).values():
        if cell.cell_type == "code":
            check, count = exercises.call(cell)
            if check in QUESTIONS:
                yield cell.id, QUESTIONS[check].declared, count


CHAPTERS = [name for name in order() if any(asked(name))]


def verdict_of(question, texts):
    """Give the notebook's verdict on what stands in the page's fields."""
    values = [value(field, text) for field, text in zip(question.fields, texts)]
    try:
        return question.find(*values)
    except Answered as answered:
        return answered.verdict


def test_the_script_is_small():
    assert len(gzip.compress(SCRIPT.read_bytes())) < 8000


# The same words as the notebook's


FULL_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94)}
SIGNS = str.maketrans("−–×·÷", "--**/") | FULL_WIDTH | {ord("∞"): "inf"}
NAMES = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
FUNCTIONS = {"sqrt": math.sqrt, "exp": math.exp, "log": math.log, "ln": math.log}


def computed(node):
    """Compute what Python would, with float64 numbers."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = computed(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        left, right = computed(node.left), computed(node.right)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                return left / right
            case ast.Pow():
                value = left**right
                if isinstance(value, float):
                    return value
    if isinstance(node, (ast.Name, ast.Attribute)):
        return NAMES[ast.unparse(node).removeprefix("math.").removeprefix("np.")]
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        called = ast.unparse(node.func).removeprefix("math.").removeprefix("np.")
        return FUNCTIONS[called](computed(node.args[0]))
    raise ValueError(ast.unparse(node))


def value(field, text):
    """Give what a learner's text in a field of the page would be in the notebook."""
    text = text.strip()
    if not text:
        return None
    if isinstance(field, Choice):
        return text
    number = text.translate(SIGNS)
    try:
        return float(number) + 0.0
    except ValueError:
        pass
    try:
        return computed(ast.parse(number, mode="eval").body) + 0.0
    except (SyntaxError, ValueError, KeyError, ArithmeticError):
        return text


ODD = """
6 | -6 | +6 | --6 | 6. | .5 | 0,5 | 1,000 | 1 000 | 1_000 | 1__0 | 05 | 1e-3 | 1E5 | 1e400 | -1e400
inf | -inf | Infinity | ∞ | −∞ | nan | -nan | 1/0 | 0/0 | inf-inf | 10**400 | 0**-1 | (-8)**(1/3)
1e308*10 | 1/3 | 2/3 | 0.2/(1-0.5) | -2**2 | 2**-1 | 2**3**2 | (-2)**2 | 1-2-3 | 8/4/2 | 2*(3+4)*5
6×2 | 6÷2 | 6·2 | −6 | ６ | ０．５ | （１－０．５）＊２ | 0。5 | 六 | 无穷 | six | 6 updates | x
sqrt(0.81) | math.sqrt(0.81) | np.log(10) | log(10) | ln(10) | ln 10 | log(0) | sqrt(-1) | exp(1) | exp(1000)
pi | e | math.pi | sqrt | sqrt() | sin(1) | constructor | toString | __proto__ | (6 | 6) | () | 6 6 | 6+ | *6
'6' | "6" | it's | a"b'c | \\ | \\n | 1j | 1+2j | True | None | [6] | (6,) | 50% | 2^3 | 7//2 | 3² | ½
{shown} | {value:g} | {0} | $& | $1 | `6` | <b>6</b> | &amp; | 🙂 | é | a\u200bb | a\xa0b | a\u3000b | a\tb
larger smaller | not larger | LARGER | isn't smaller | not much larger | 不会变大 | 不大 | 变小 | 没变小
bigger!
"""
PLAIN = [*(text.strip() for line in ODD.strip("\n").splitlines() for text in line.split(" | "))]
PLAIN += [
    "",
    "   ",
    "x" * 59,
    "x" * 58,
    "x" * 57,
    "六" * 70,
    "🙂" * 70,
    "1" * 80,
    "(" * 3000,
    "a  b",
]


def texts(field, draw):
    """Give a thousand texts for a field: what the question knows, near it, and odd ones."""
    found = []
    if isinstance(field, Choice):
        ways = [way for word, others in field.words.items() for way in (word, *others)]
        patterns = [
            "{}",
            " {} ",
            "it is {}.",
            "not {}",
            "isn't {}",
            "not very {}",
            "不{}",
            "不会变{}",
        ]
        patterns += ["没有{}", "变{}了", "{}吗", "'{}'", "({})", "{} or {}"]
        for _ in range(500):
            said = draw.choice(patterns).replace("{}", draw.choice(ways), 1)
            said = said.replace("{}", draw.choice(ways))
            found.append(draw.choice([said, said.upper(), said.title(), said[:-1]]))
    else:
        sets = [field.right, *(row for row, *_ in field.mistakes.values())]
        for end in sorted({end for row in sets for pair in row for end in pair}):
            for factor in (1, 1 - 1e-9, 1 + 1e-6, 1 - 1e-4, 1.01, -1, 0.5, 2, 1 / 3, 10):
                number = end * factor
                found += [repr(number), f"{number:.{draw.randint(1, 9)}g}", f"{number:.3e}"]
                found.append(f"{number * 7:.17g}/7")
                found.append(f"{number!r}*(1-{draw.randint(2, 9)}/10)")
        found += [
            f"{sign}{10**exponent:.{draw.randint(1, 9)}g}"
            for sign in ("", "-")
            for exponent in np.linspace(-9, 12, 40)
        ]
        # which lie halfway between two numbers of six or seven digits
        found += [f"{draw.randrange(1, 10**7)}.5" for _ in range(30)]
        found += [f"{draw.randrange(1, 2**12)}/{2**power}" for power in range(2, 14)]
    draw.shuffle(found)
    return (PLAIN + found)[:1000] + draw.choices(PLAIN + found, k=max(0, 1000 - len(PLAIN + found)))


def answer_sets(question, draw):
    """Give a thousand answers to all fields of a question, or to the first of them."""
    columns = [texts(field, draw) for field in question.fields]
    right = [right_text(field) for field in question.fields]
    for row in range(1000):
        answers = [
            column[row] if draw.random() < 0.6 else right[i] for i, column in enumerate(columns)
        ]
        if len(columns) == 1:
            answers = [columns[0][row]]
        kept = len(columns) - draw.randint(0, question.optional)
        yield answers[:kept]
    for i, field in enumerate(question.fields):  # each mistake, with all else right
        if isinstance(field, Choice):
            points = list(field.words)
        else:
            pairs = [pair for row, *_ in field.mistakes.values() for pair in row]
            points = [repr(point) for low, high in pairs for point in (low, (low + high) / 2, high)]
        yield from ([*right[:i], point, *right[i + 1 :]] for point in points)
    for *sets, _, _ in question.together.values():
        yield [repr((low + high) / 2) for (low, high), *_ in sets]


def right_text(field):
    """Give a text that answers a field right."""
    if isinstance(field, Choice):
        return next(word for word in field.words if word not in field.mistakes)
    low, high = field.right[0]
    return f"{(low + high) / 2:.7g}"


def judge_on_page(page, question, count, language, answers):
    """Give what the page's script says of each of the answers."""
    data = exercises.question_data(question, count, language)
    return page.evaluate(
        "([question, all]) => all.map((answers) => momentumExercises.judge(question, answers))",
        [json.loads(json.dumps(data)), answers],
    )


@pytest.fixture
def judging(new_page):
    """Give an empty page with the script."""
    page = new_page(())
    page.add_script_tag(path=SCRIPT)
    yield page
    assert page.errors == []


@needs_chromium
def test_a_thousand_answers_to_each_question(judging):
    kinds = dict.fromkeys(("right", "wrong", "unanswered"), 0)
    for name, check in QUESTIONS.items():
        question = check.declared
        by_count = {}
        for answers in answer_sets(question, random.Random(name)):
            by_count.setdefault(len(answers), []).append(answers)
        sentences = {language: set() for language in LANGUAGES}
        for count, answers in by_count.items():
            verdicts = [verdict_of(question, row) for row in answers]
            for language in LANGUAGES:
                run, press = exercises.WORDS[language]["run"]
                said = judge_on_page(judging, question, count, language, answers)
                for row, verdict, found in zip(answers, verdicts, said, strict=True):
                    sentence = getattr(verdict, language)
                    if verdict.kind == "unanswered":
                        sentence = sentence.replace(run, press)
                    assert (name, row, found) == (name, row, [verdict.kind, sentence])
                    kinds[verdict.kind] += 1
                    sentences[language].add(sentence)
        # All that it can say has been said.
        for language, here in zip(LANGUAGES, (0, 1)):
            hints = [question.right, *([zh, en] for *_, zh, en in question.together.values())]
            for field in question.fields:
                hints += (
                    field.mistakes.values()
                    if isinstance(field, Choice)
                    else [hint for _, *hint in field.mistakes.values()]
                )
            for hint in hints:
                start = hint[here].partition("{")[0]
                assert any(sentence.startswith(start) for sentence in sentences[language]), hint
    assert min(kinds.values()) > 50


@needs_chromium
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.2/(1-0.5)", 0.4),
        ("-2**2", -4),
        ("（１－０．５）×２", 1),
        ("ln(10)", 2.302585),
        ("1e-3", 0.001),
    ],
)
def test_arithmetic_in_a_field(judging, text, number):
    field = {"name": "answer", "right": [[number, number]], "mistakes": [], "otherwise": "no"}
    question = {"fields": [field], "together": [], "right": "yes", "unanswered": "?"}
    said = judging.evaluate("([q, text]) => momentumExercises.judge(q, [text])", [question, text])
    assert said == ["right", "yes"]


def test_a_sentence_that_the_script_cannot_write_is_refused():
    question = QUESTIONS["final_velocity"].declared
    (field,) = question.fields
    odd = type(field)(field.name, field.right, {}, ("{value:.3f}",) * 2)
    with pytest.raises(ValueError, match=r"format '\.3f'"):
        exercises.field_data(odd, "en")


# The pages' files


@pytest.mark.parametrize("name", CHAPTERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_exercises_of_a_page(site, language, name):
    text = (site / language / f"{name}.html").read_text()
    starters = [
        cell for cell in exercise_cells(language, name).values() if cell.cell_type == "code"
    ]
    assert starters
    for cell in starters:
        assert text.count(f'data-exercise="{cell.id}" data-chapter="{name}"') == 1
    assert text.count('class="exercise-note"') == 1
    assert exercises.WORDS[language]["above"] not in text
    printed = [
        one.text.strip() for one in BeautifulSoup(text, "html.parser").select(".cell_output")
    ]
    openings = tuple(opening[language].strip() for opening in OPENINGS.values())
    assert not any(one.startswith(openings) for one in printed)
    script = (site / language / f"_static/exercises/{name}.js").read_text()
    data = json.loads(script.removeprefix("exerciseData = ").removesuffix(";\n"))
    assert set(data["exercises"]) == {cell.id for cell in starters}
    found = {cell for cell, one in data["exercises"].items() if "question" in one}
    assert found == {cell for cell, *_ in asked(name)}
    assert len(gzip.compress(script.encode())) < 8000
    for _, question, _ in asked(name):  # in the page's own language, and only in that
        assert [sentence in script for sentence in question.right] == [
            language == one for one in LANGUAGES
        ]


def test_only_exercises_without_an_experiment_are_plain():
    """That one reaches for the notebook is seen from the solution's code."""
    assert exercises.is_computed("answer = 0.1 * 3 / (1 - 0.95)")
    assert exercises.is_computed("a = sqrt(2)\nb = np.log(10)")
    assert not exercises.is_computed("answer = tune(0.99)")
    assert not exercises.is_computed("for x in y:\n    pass\nanswer = 1")


# In the reader's hands


@pytest.fixture
def open_exercises(new_page, address):
    """Give a function that opens a chapter's page at its exercises.

    Not from its file: of pages from files that follow one another, Chromium may open one with
    an old state of localStorage, and leave it with that.
    """

    def open_exercises(language, name, page=None, **options):
        page = page or new_page((address,), **options)
        page.goto(f"{address}/{language}/{name}.html", wait_until="domcontentloaded")
        page.locator("[data-exercise]").first.scroll_into_view_if_needed()
        page.locator("[data-exercise] .done").first.wait_for(state="attached")
        return page

    return open_exercises


def answer(page, cell, question, texts):
    """Answer an exercise: fields by typing and Enter, choices by their buttons; give the verdict."""
    form = page.locator(f"[data-exercise='{cell}'] form")
    inputs = iter(form.locator("input").all())
    groups = iter(form.locator(".choices").all())
    last = None
    for field, text in zip(question.fields, texts):
        if isinstance(field, Choice):
            button = next(groups).locator(f"button[value='{text}']")
            if button.get_attribute("aria-pressed") == "false":
                button.click()
        else:
            last = next(inputs)
            last.fill(text)
    if last:
        last.press("Enter")
    else:
        form.locator("button[type=submit]").click()
    return form.locator("[role=status]").inner_text()


@needs_chromium
# What a page says is compared word by word above, in both languages.
@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("en", ["momentum-gluon", "momentum-clinic"]),
        pytest.param("en", CHAPTERS, marks=pytest.mark.deep),
        pytest.param("zh", CHAPTERS, marks=pytest.mark.deep),
    ],
)
def test_each_question_answered_wrong_and_right(open_exercises, language, names):
    page = None
    for name in names:
        page = open_exercises(language, name, page)
        page.evaluate("localStorage.clear()")
        for cell, question, count in asked(name):
            right = [right_text(field) for field in question.fields[:count]]
            first = question.fields[0]
            wrong = next(iter(first.mistakes)) if isinstance(first, Choice) else "0.123456"
            done = page.locator(f"[data-exercise='{cell}'] .done")
            for texts, kind in (([wrong, *right[1:]], "wrong"), (right, "right")):
                verdict = verdict_of(question, texts)
                assert verdict.kind == kind
                said = answer(page, cell, question, texts)
                opening = OPENINGS[kind][language]
                sentence = getattr(verdict, language).replace("`", "")
                assert f"{opening}{sentence}" in said
                assert done.is_visible() == (kind == "right")
        answered = len(list(asked(name)))
        assert page.evaluate("momentumProgress", name) == answered
        assert f"{answered}" in page.locator("[data-progress]").inner_text()
    assert (page.foreign, page.errors) == ([], [])


@needs_chromium
def test_what_is_done_stays_over_a_reload_and_in_the_other_language(open_exercises):
    name = "momentum-scratch"
    cell, question, count = next(one for one in asked(name) if len(one[1].fields) > 1)
    right = [right_text(field) for field in question.fields[:count]]
    page = open_exercises("en", name)
    page.evaluate("localStorage.clear()")
    page = open_exercises("en", name, page)
    done = page.locator(f"[data-exercise='{cell}'] .done")
    assert not done.is_visible()
    answer(page, cell, question, right)
    done.wait_for()  # before the page goes
    code = page.locator("[data-exercise] textarea").first
    page.locator("details.write > summary").first.click()
    code.fill("def f(x):")
    code.press("End")
    code.press("Enter")
    code.press_sequentially("return x")

    for language in ("en", "zh"):
        page = open_exercises(language, name, page)
        done.wait_for()
        place = page.locator(f"[data-exercise='{cell}']")
        pressed = place.locator("button[aria-pressed=true]").evaluate_all(
            "all => all.map(b => b.value)"
        )
        typed = [one.input_value() for one in place.locator("input").all()]
        assert sorted(pressed + typed) == sorted(right)
        assert code.input_value() == "def f(x):\n    return x"
        assert code.is_visible()
        assert page.evaluate("momentumProgress", name) == 1
    assert (page.foreign, page.errors) == ([], [])


@needs_chromium
def test_the_solution_of_a_function_opens_after_a_try(open_exercises):
    name = "momentum-scratch"
    page = open_exercises("en", name)
    page.evaluate("localStorage.clear()")
    page = open_exercises("en", name, page)
    place = page.locator("[data-exercise]").filter(has=page.locator("textarea")).first
    cell = place.get_attribute("data-exercise")
    solution = place.locator("details.solution")
    assert not solution.is_visible()
    place.locator(".locked button").click()
    shown = solution.locator("pre").inner_text()
    assert shown.strip() == exercises.own_lines(exercise_cells("en-solutions", name)[cell])
    assert f"notebooks/en/{name}.ipynb" in place.locator("a").first.get_attribute("href")

    page.evaluate("localStorage.clear()")
    page = open_exercises("en", name, page)
    assert not solution.is_visible()
    place.locator("details.write > summary").click()
    place.locator("textarea").press("Control+End")
    place.locator("textarea").press_sequentially("x")
    assert solution.locator("summary").is_visible()
    assert not solution.locator("pre").is_visible()
    place.locator("input[type=checkbox]").check()
    assert place.locator(".done").is_visible()
    assert page.evaluate("momentumProgress", name) == 1
    page = open_exercises("en", name, page)
    assert place.locator("input[type=checkbox]").is_checked()
    assert (page.foreign, page.errors) == ([], [])


@needs_chromium
def test_without_a_place_to_keep_answers(new_page, site):
    page = new_page(())
    page.set_content(
        '<p data-progress></p><div data-exercise="final-velocity" data-chapter="c"></div>'
    )
    page.add_script_tag(path=site / "en/_static/exercises/momentum-scratch.js")
    page.add_script_tag(path=SCRIPT)
    with pytest.raises(Exception, match="localStorage"):  # about:blank has none
        page.evaluate("localStorage.length")
    page.evaluate("momentumExercises.mount()")
    page.locator("input").fill("6")
    page.locator("input").press("Enter")
    assert page.locator(".done").is_visible()
    assert page.evaluate("momentumProgress('c')") == 1


@needs_chromium
@pytest.mark.parametrize(
    ("language", "scheme"),
    [pytest.param("en", "light", marks=pytest.mark.deep), ("zh", "dark")],
)
def test_answered_exercises_have_no_barriers(open_exercises, language, scheme):
    page = open_exercises(language, "momentum-scratch", color_scheme=scheme)
    for number, form in enumerate(page.locator("[data-exercise] form").all()):
        for field in form.locator("input").all():
            field.fill(("6", "0.123", "six")[number % 3])
        for group in form.locator(".choices").all():
            group.locator("button").first.click()
        form.locator("button[type=submit]").click()
    for summary in page.locator("details.write > summary").all():
        summary.click()
    for button in page.locator(".locked button").all():
        button.click()
    page.set_viewport_size({"width": 360, "height": 780})
    page.wait_for_function("innerWidth === 360")
    page.wait_for_function("document.documentElement.scrollWidth === 360")
    page.wait_for_load_state()
    page.evaluate("MathJax.startup.promise")
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")  # the theme's button goes away
    page.locator("#pst-back-to-top").wait_for(state="hidden")
    assert barriers(page, rules={"scrollable-region-focusable": {"enabled": False}}) == []
    assert (page.foreign, page.errors) == ([], [])
