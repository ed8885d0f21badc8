"""What the checks share: taking numbers, words and functions from a learner's answer."""

import math

from mxnet import nd

from course.checks.verdict import attempt, no_function, shown, unanswered, wrong


def _number(answer):
    """Give a learner's number as a float, or None if it is none."""
    try:
        number = answer.asscalar() if isinstance(answer, nd.NDArray) else answer
        value = math.nan if isinstance(number, (str, bytes)) else float(number)
    except Exception:  # whatever the learner's object raises
        return None
    return None if math.isnan(value) else value


def _missing(answers):
    return unanswered(
        f"先把你的答案写进 {'、'.join(answers)}。",
        f"write your answer into {' and '.join(f'`{name}`' for name in answers)} first.",
    )


def numbers(**answers):
    """Take a learner's numbers by the names of their variables.

    Returns
    -------
    tuple
        A list of floats and None, or None and the `Verdict` on what is no number.
    """
    if any(answer is None for answer in answers.values()):
        return None, _missing(answers)
    values = [_number(answer) for answer in answers.values()]
    for (name, answer), value in zip(answers.items(), values):
        if value is None:
            return None, wrong(
                f"{name} 应当是一个数，你给出的是 {shown(answer)}。",
                f"{name} should be a number, got {shown(answer)}.",
            )
    return values, None


def one_of(words, **answer):
    """Take a learner's word, one of `words`; give it and None, or None and a `Verdict`."""
    ((name, given),) = answer.items()
    if given is None:
        return None, _missing(answer)
    word = given.strip().lower() if isinstance(given, str) else None
    if word in words:
        return word, None
    listed = ", ".join(map(repr, words))
    return None, wrong(
        f"{name} 应当是 {'、'.join(map(repr, words))} 之一，你给出的是 {shown(given)}。",
        f"{name} should be one of {listed}; got {shown(given)}.",
    )


def results(function, cases, take):
    """Call a learner's function with the arguments of each case, and take what it returns.

    Parameters
    ----------
    function : callable
    cases : iterable of tuples
    take : callable
        Makes of a returned value what the check compares; None means that it is of no use.

    Returns
    -------
    tuple
        A list of what `take` made and None, or None and a `Verdict`.
    """
    if not callable(function):
        return None, no_function(function)
    returned, fault = attempt(lambda: [function(*case) for case in cases], function)
    if fault:
        return None, fault
    if all(value is None for value in returned):
        return None, unanswered(
            "你的函数还没有返回任何值。", "your function does not return anything yet."
        )
    taken = [take(value) for value in returned]
    for value, made in zip(returned, taken):
        if made is None:
            return None, wrong(
                f"你的函数返回了 {shown(value)}，不是这道题要求的那类值。",
                f"your function returned {shown(value)}, which is not the kind of value asked for.",
            )
    return taken, None


def returned_numbers(function, cases):
    """Call a learner's function that is to return numbers; see `results`."""
    return results(function, cases, _number)


def mistaken(value, mistakes):
    """Give the verdict on the known mistake that leads to `value`, or None if there is none."""
    for mistake, sentences in mistakes.items():
        if math.isclose(value, mistake, rel_tol=1e-3):
            return wrong(*sentences)
    return None


def mistaken_function(values, expected, mistakes):
    """Give the verdict on the known mistake that leads to all `values`, or None if all are right.

    Parameters
    ----------
    values, expected : sequences of float
        What the learner's function returned for each case, and what it should have.
    mistakes : list of (sequence of float, (str, str))
        What a mistake leads to for each case, with its sentence in each language; the last
        one's sequence is None: it holds for everything else.
    """
    if _alike(values, expected):
        return None
    for made, sentences in mistakes:
        if made is None or _alike(values, made):
            return wrong(*sentences)
    raise ValueError("the last mistake's values must be None")


def _alike(left, right):
    return all(math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-9) for a, b in zip(left, right))
