"""How every check answers: in the notebook's language, in a sentence, never with a traceback."""

import functools
import html
import inspect
import linecache
import re
import signal
import threading
import time
import traceback
from dataclasses import dataclass
from types import FunctionType

from IPython import get_ipython
from IPython.display import display
from mxnet import nd

from course import record
from course.language import language


@dataclass(frozen=True)
class Verdict:
    """What a check has found, what to say of it in each language, and the name of the hint."""

    kind: str
    zh: str
    en: str
    hint: str = ""  # short, in no language, and the same in years to come; of a wrong answer only


class Answered(Exception):  # noqa: N818 -- it ends a check early, which is no error
    """The check has found what to answer, and need not look at the rest."""

    def __init__(self, verdict):
        super().__init__(verdict)
        self.verdict = verdict


# Of each kind of verdict: its sign, its colour, and the words that it opens with.
LOOKS = {"right": ("✓", "#2da44e"), "wrong": ("✎", "#bf8700"), "unanswered": ("➜", "#218bff")}
OPENINGS = {
    "right": {"zh": "正确。", "en": "Right: "},
    "wrong": {"zh": "还不对。", "en": "Not yet: "},
    "unanswered": {"zh": "轮到你了。", "en": "Your turn: "},
}


def right(zh, en):
    """Give the verdict on a right answer."""
    return Verdict("right", zh, en)


def wrong(zh, en, hint):
    """Give the verdict on a wrong answer: what exactly is wrong, without the solution; and its name."""
    return Verdict("wrong", zh, en, hint)


def unanswered(zh, en):
    """Give the verdict on a starter that nobody has touched: what to do."""
    return Verdict("unanswered", zh, en)


def shown(value):
    """Give a learner's value as it may stand in a sentence: one line, at most 60 characters."""
    try:
        text = " ".join(repr(value).split())
    except Exception as error:  # whatever the learner's class raises
        text = f"{type(value).__name__} ({type(error).__name__})"
    return text if len(text) <= 60 else text[:59] + "…"


def no_function(answer):
    """Give the verdict on an answer that should be a function and is none."""
    return wrong(
        f"这里需要一个函数，你给出的是 {shown(answer)}。",
        f"a function is expected here, got {shown(answer)}.",
        "no function",
    )


def card(verdict, below=""):
    """Give the verdict as HTML: the words tell its kind, the sign and the colour only repeat it.

    What `below` says comes last. The text keeps the colour of its surroundings, so that it reads in
    light and dark.
    """
    sign, colour = LOOKS[verdict.kind]
    text = ""
    for line in getattr(verdict, language()).split("\n"):
        escaped = html.escape(line.strip(), quote=False)
        if line.startswith("    "):  # the learner's own line of code
            text += f'<pre style="margin: 6px 0">{escaped}</pre>'
        else:
            text += ("<br>" if text and not text.endswith("</pre>") else "") + re.sub(
                "`([^`]+)`", r"<code>\1</code>", escaped
            )
    if below:
        text += f'<div style="margin-top: 4px">{html.escape(below, quote=False)}</div>'
    opening = OPENINGS[verdict.kind][language()]
    space = opening[len(opening.rstrip()) :]  # Chinese has none
    return (
        f'<div role="status" style="border: 1px solid {colour}; border-left-width: 6px; '
        f'background: {colour}1a; border-radius: 4px; padding: 8px 12px; max-width: 46em">'
        f'<span aria-hidden="true" style="color: {colour}">{sign}</span> '
        f"<strong>{opening.rstrip()}</strong>{space}{text}</div>"
    )


def show(verdict, below=""):
    """Show the verdict: a card in a notebook, with plain text beside it, which is printed elsewhere."""
    text = OPENINGS[verdict.kind][language()] + getattr(verdict, language())
    text += below and f"\n{below}"
    if hasattr(get_ipython(), "kernel"):
        display({"text/plain": text, "text/html": card(verdict, below)}, raw=True)
    else:
        print(text)


def check(find):
    """Make a check of a function that gives a `Verdict`, or raises one as `Answered`.

    The check shows the verdict, notes it in the learner's record, and returns whether it is a right
    answer's; its `judge` gives the verdict itself, and its `exercise` is the check's name. What a
    check is not made for, too few arguments or too many, gets a verdict as well.
    """
    signature = inspect.signature(find)

    @functools.wraps(find)
    def judge(*answers, **named):
        try:
            given = signature.bind(*answers, **named)
        except TypeError:
            return _miscalled(list(signature.parameters), len(answers) + len(named))
        try:
            return find(*given.args)
        except Answered as answered:
            return answered.verdict

    @functools.wraps(find)
    def checked(*answers, **named):
        verdict = judge(*answers, **named)
        show(verdict, record.note(checked.exercise, answers, verdict.kind, verdict.hint))
        return verdict.kind == "right"

    checked.judge, checked.exercise = judge, find.__name__
    return checked


def _miscalled(names, count):
    listed = [f"`{name}`" for name in names]
    return wrong(
        f"括号里应当是{'、'.join(listed)}，你给了 {count} 个值。",
        f"this check is to be given {' and '.join(listed)}; it was given {count} "
        f"value{'' if count == 1 else 's'}.",
        "arguments",
    )


class TimeIsUpError(BaseException):
    """The learner's function ran too long; not an Exception, so that its `except` lets it pass."""


SECONDS = 2
TIME_IS_UP = wrong(
    f"你的函数运行了 {SECONDS} 秒还没有结束，是不是有个循环停不下来？",
    f"your function had not come to an end after {SECONDS} seconds. An endless loop?",
    "too slow",
)


def attempt(run, function):
    """Call `run()`, which calls the learner's `function`, for at most `SECONDS`.

    The limit holds in the main thread only, where a notebook's cells run.

    Parameters
    ----------
    run : callable
        Takes no argument.
    function : callable
        The learner's, to which the line in an exception's message refers.

    Returns
    -------
    tuple
        What `run` returned and None, or None and a `Verdict` that tells how it failed
        (`TIME_IS_UP` if it did not come to an end).
    """
    latest = time.monotonic() + SECONDS + 1

    def end_the_run(signum, frame):
        # An exception in the middle of a library's Python code may be lost, or leave an NDArray
        # half made; so wait for the learner's code, but not for ever.
        if "site-packages" in frame.f_code.co_filename and time.monotonic() < latest:
            return
        while frame:
            if frame.f_code is run.__code__:
                raise TimeIsUpError
            frame = frame.f_back

    limited = threading.current_thread() is threading.main_thread()
    if limited:
        before = signal.signal(signal.SIGALRM, end_the_run)
        # Again and again, in case the learner's code swallows the first.
        signal.setitimer(signal.ITIMER_REAL, SECONDS, 0.01)
    try:
        try:
            return run(), None
        finally:
            nd.waitall()  # an error in MXNet's engine comes late; here it is still the learner's
    except TimeIsUpError:
        return None, TIME_IS_UP
    except (Exception, SystemExit) as error:
        return None, _exception(error, function)
    finally:
        if limited:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


# What people write who know another library, by what the exception says, with what to write here.
ADVICE = {
    r"record section|computational graph": (
        "更新不能写在 autograd.record() 里面：那里记录的是损失的计算，不允许原地修改数组。",
        "An update belongs outside `autograd.record()`: what is recorded is how the loss is "
        "computed, and arrays must not be changed in place there.",
    ),
    r"'NDArray' object is not callable": (
        "NDArray 后面不能加括号；例如它的梯度是属性，不是方法：写 param.grad。",
        "An NDArray takes no parentheses; its gradient, for example, is an attribute: `param.grad`.",
    ),
    r"no attribute '(data|list_data|list_grad|set_data|value)'": (
        "这里给的是 NDArray，不是 Gluon 的 Parameter：直接用数组本身，梯度是 param.grad。",
        "What is given are NDArrays, not Gluon's Parameters: use the array itself; "
        "its gradient is `param.grad`.",
    ),
    r"'NDArray' object has no attribute '(\w+_|add|sub|mul|div|zero_grad|numpy|item)'": (
        "那是 PyTorch 的方法。NDArray 用 v *= …、v += …、v[:] = … 原地修改，用 v.asnumpy() 变成 NumPy 数组。",
        "That is a method of PyTorch. An NDArray is changed in place by `v *= …`, `v += …` or "
        "`v[:] = …`; `v.asnumpy()` gives a NumPy array.",
    ),
    r"'grad' of 'NDArray' object has no setter": (
        "param.grad 不能换成别的数组；要改它的内容，写 param.grad[:] = …。",
        "`param.grad` cannot be made another array; to change what is in it, use `param.grad[:] = …`.",
    ),
    r"numpy.ndarray'> not supported|with type numpy": (
        "NDArray 和 NumPy 数组不能直接相加减：去掉 asnumpy()。",
        "An NDArray cannot be combined with a NumPy array: leave `asnumpy()` out.",
    ),
    r"for (//|\^)": (
        "NDArray 没有 // 和 ^：除法写 /，幂写 **。",
        "An NDArray knows no `//` and no `^`: to divide is `/`, a power is `**`.",
    ),
    r"for @": (
        "矩阵的乘积不能写 @：用 nd.dot(A, B)，在拿到 F 的函数里用 F.dot。",
        "The product of two matrices is not `@` here, but `nd.dot(A, B)`; where F is given, `F.dot`.",
    ),
    r"float\(\) argument must be .*NDArray|array is not a scalar|only size-1|length-1 arrays": (
        "好几个数的数组变不成一个数，float() 和 asscalar() 都不行。",
        "An array of several numbers cannot be made one number, by `float()` or `asscalar()`.",
    ),
    r"values to unpack": (
        "个数可以是任意的，不要写死：用循环逐个处理。",
        "There may be any number of them: take one after the other, in a loop.",
    ),
    r"'NoneType'": (
        "这里有一样东西是 None。例如 copy() 和 detach() 得到的数组没有梯度，它们的 grad 就是 None。",
        "Something here is None. A copy's `.grad` is, for example, and that of `detach()`: "
        "only the array itself has a gradient.",
    ),
    r"multiply sequence|'list' object has no attribute|'list' and|and 'list'|type <class 'list'>": (
        "列表不能当数组用：在循环里逐个取出其中的数组来计算。",
        "A list is no array: take its arrays one after the other, in a loop.",
    ),
}


def _exception(error, function):
    """Describe an exception by its type, its message and the learner's own line."""
    try:
        text = str(error).strip()
    except Exception:  # whatever the learner's class raises
        text = ""
    # MXNet's messages hold its C++ stack; the sentence that matters stands in the last line.
    lines = text.splitlines() or [""]
    message = re.sub(r"^.*\.(cc|h):\d+: ", "", lines[-1]).removeprefix("MXNetError: ")
    zh, en = next((words for said, words in ADVICE.items() if re.search(said, text)), ("", ""))
    message = message if len(message) <= 100 else message[:99] + "…"
    what = f"{type(error).__name__}: {message}" if message else type(error).__name__
    zh, en = (f"{what}。{zh}", f"{what}. {en}") if en else (what, what)
    own = function.__code__.co_filename if isinstance(function, FunctionType) else None
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == own]
    if not frames:
        return wrong(
            f"调用你的函数时出错：{zh}", f"calling your function failed: {en}", "exception"
        )
    number = frames[-1].lineno
    code = linecache.getline(own, number).strip()
    return wrong(
        f"你的函数在第 {number} 行出错：{zh}\n    {code}",
        f"your function failed in line {number}: {en}\n    {code}",
        "exception",
    )
