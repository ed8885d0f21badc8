"""What the checks share: taking numbers, words and functions from a learner's answer."""

import ast
import inspect
import math
import re
import textwrap

import numpy as np
from mxnet import nd

from course.checks.verdict import Answered, attempt, no_function, shown, unanswered, wrong


def as_number(answer):
    """Give a learner's number, of whatever type, as a float; None if it is none."""
    try:
        number = answer.asnumpy() if isinstance(answer, nd.NDArray) else answer
        # numpy makes no float of an array of one number any more, unless it has no dimension.
        number = number.item() if isinstance(number, np.ndarray) else number
        is_none = isinstance(number, (str, bytes, bool, np.bool_))
        value = math.nan if is_none else float(number)
    except Exception:  # whatever the learner's object raises
        return None
    return None if math.isnan(value) else value


def given(**answers):
    """Raise the verdict on an exercise that nobody has answered, if one of the answers is None."""
    if any(answer is None for answer in answers.values()):
        raise Answered(
            unanswered(
                f"把答案写进 {'、'.join(f'`{name}`' for name in answers)}，再运行这个单元格。",
                f"write your answer into {' and '.join(f'`{name}`' for name in answers)}, "
                "then run the cell.",
            )
        )


def number(**answer):
    """Take a learner's number, by the name of its variable, as a float.

    It is rounded to float32's digits, so that 1.6 is 1.6 in whatever type.
    """
    given(**answer)
    ((name, value),) = answer.items()
    taken = as_number(value)
    if taken is None:
        zh, en = (
            f"{name} 应当是一个数，你给出的是 {shown(value)}。",
            f"{name} should be a number, got {shown(value)}.",
        )
        if isinstance(value, (str, tuple)):
            zh += "不加引号，小数点用点，例如 0.5。"
            en += " It is written without quotes, and with a decimal point, as 0.5."
        raise Answered(wrong(zh, en, "no number"))
    return float(f"{taken:.7g}")


def one_of(words, **answer):
    """Take a learner's word, by the name of its variable.

    Parameters
    ----------
    words : dict
        Of each word, the other ways to say it; all of them in lower case. An answer is understood
        if it says one of the words, whatever stands around it but a negation.
    """
    given(**answer)
    ((name, value),) = answer.items()
    text = value.lower() if isinstance(value, str) else ""
    said = {}
    for word, others in words.items():
        ways = "|".join(map(re.escape, (word, *others)))
        if found := re.search(rf"((?:not|n't) (?:\w+ )?|[不没][会是变得更]*)?({ways})", text):
            said[word] = found[1]
    if len(said) != 1 or any(said.values()):
        raise Answered(
            wrong(
                f"{name} 应当是 {'、'.join(map(repr, words))} 之一，你给出的是 {shown(value)}。",
                f"{name} should be one of {', '.join(map(repr, words))}; got {shown(value)}.",
                "no such word",
            )
        )
    return next(iter(said))


def written(update):
    """Give the learner's update function, if anything is written in it yet."""
    if _is_empty(update):
        raise Answered(
            unanswered(
                "在函数里写上更新，再运行这个单元格。",
                "write the update into the function, then run the cell.",
            )
        )
    return update


def _is_empty(function):
    """Tell whether a function does nothing, as a starter does: `pass`, alone or in a loop."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0].body
    except Exception:  # no function, or one without source
        return False
    inner = [line for one in body for line in (one.body if isinstance(one, ast.For) else [one])]
    return all(isinstance(line, ast.Pass) for line in inner)


def called(run, function):
    """Give what `run()` returns, which calls the learner's `function`; see `attempt`."""
    if not callable(function):
        raise Answered(no_function(function))
    result, fault = attempt(run, function)
    if fault:
        raise Answered(fault)
    return result
