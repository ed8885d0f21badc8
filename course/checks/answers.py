"""What the checks share: taking numbers, words and functions from a learner's answer."""

import math

from mxnet import nd

from course.checks.verdict import Answered, attempt, no_function, shown, unanswered, wrong


def as_number(answer):
    """Give a learner's number as a float, or None if it is none."""
    try:
        number = answer.asscalar() if isinstance(answer, nd.NDArray) else answer
        value = math.nan if isinstance(number, (str, bytes)) else float(number)
    except Exception:  # whatever the learner's object raises
        return None
    return None if math.isnan(value) else value


def given(**answers):
    """Raise the verdict on an exercise that nobody has answered, if one of the answers is None."""
    if any(answer is None for answer in answers.values()):
        raise Answered(
            unanswered(
                f"先把你的答案写进 {'、'.join(answers)}。",
                f"write your answer into {' and '.join(f'`{name}`' for name in answers)} first.",
            )
        )


def number(**answer):
    """Take a learner's number, by the name of its variable, as a float."""
    given(**answer)
    ((name, value),) = answer.items()
    taken = as_number(value)
    if taken is None:
        raise Answered(
            wrong(
                f"{name} 应当是一个数，你给出的是 {shown(value)}。",
                f"{name} should be a number, got {shown(value)}.",
            )
        )
    return taken


def one_of(words, **answer):
    """Take a learner's word, by the name of its variable; it must be one of `words`."""
    given(**answer)
    ((name, value),) = answer.items()
    word = value.strip().lower() if isinstance(value, str) else None
    if word not in words:
        raise Answered(
            wrong(
                f"{name} 应当是 {'、'.join(map(repr, words))} 之一，你给出的是 {shown(value)}。",
                f"{name} should be one of {', '.join(map(repr, words))}; got {shown(value)}.",
            )
        )
    return word


def called(run, function):
    """Give what `run()` returns, which calls the learner's `function`; see `attempt`."""
    if not callable(function):
        raise Answered(no_function(function))
    result, fault = attempt(run, function)
    if fault:
        raise Answered(fault)
    return result
