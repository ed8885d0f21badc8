"""Find out what an update computes, and say how that differs from what is asked.

Nearly every update, right or wrong, is linear in the old x, v and g. So a step from random arrays
gives, by least squares, the coefficients of the new v and x; and how a coefficient changes with
(η, γ, batch size) tells of which factors it is made. Mistakes are named by comparing these with
the factors that are asked for.
"""

import inspect
from functools import cache
from typing import NamedTuple

import numpy as np
from mxnet import nd

from course.checks.verdict import attempt, no_function, right, wrong
from course.language import language

FACTORS = ("η", "γ", "1−γ", "1+γ", "|B|")
# (η, γ, |B|): the logarithms of the factors are as far from linear dependence as possible, so that
# products of different powers differ by more than a thousandth at some setting.
SETTINGS = np.array(
    [
        (0.41, 0.93, 5),
        (1.9, 0.88, 9),
        (1.83, 0.45, 6),
        (0.76, 0.11, 7),
        (0.33, 0.29, 2),
        (1.56, 0.07, 4),
        (0.52, 0.7, 8),
        (1.37, 0.83, 3),
    ]
)
PARAMS, SHAPE = 3, (2, 6)  # of equal shapes: a velocity that is shared fits, and shows
OTHER_SHAPES = ((1,), (3, 2), (4,))
FLOAT = 3e-5  # what float32 may lose, relative to the sizes of what is added up,
SPARE = 0.02  # and to this much of x, v and g, which may enter and cancel out again


class Term(NamedTuple):
    """A number times powers of FACTORS."""

    number: float = 1.0
    powers: tuple = (0, 0, 0, 0, 0)

    def times(self, other, power=1):
        """Give the product with `other`, or with power=-1 the quotient."""
        powers = tuple(a + power * b for a, b in zip(self.powers, other.powers))
        return Term(self.number * other.number**power, powers)

    @property
    def complexity(self):
        """Say how long the term is to write."""
        return 1 + sum(map(abs, self.powers)) + (abs(self.number) != 1)


# A coefficient is a tuple of terms, to be added up: () is zero; None is not recognized.
ONE = (Term(),)
ETA, GAMMA, RATE, MEAN = (
    Term(1.0, powers)
    for powers in ((1, 0, 0, 0, 0), (0, 1, 0, 0, 0), (1, 0, 0, 0, -1), (0, 0, 0, 0, -1))
)


def _factors(settings):
    lr, mom, batch_size = np.asarray(settings, dtype="float64").T
    return np.column_stack([lr, mom, 1 - mom, 1 + mom, batch_size])


def _value(coefficient, settings, columns=_factors):
    """Compute a coefficient at each setting; `columns` gives the factors at the settings."""
    factors = columns(settings)
    return sum((t.number * np.prod(factors**t.powers, axis=1) for t in coefficient), np.zeros(1))


def _terms(values, noise, settings, columns=_factors):
    """Recognize each row of `values`, a number at each setting, as a term, or as None."""
    factors = columns(settings)
    logs = np.log(np.where(factors > 0, factors, 1))  # γ = 0 is no factor
    steady = (abs(values) > 3 * noise).all(axis=1) & (abs(np.sign(values).sum(1)) == len(settings))
    sizes = np.log(np.where(steady[:, None], abs(values), 1))
    design = np.column_stack([np.ones(len(logs)), logs])
    powers = np.round(2 * sizes @ np.linalg.pinv(design)[1:].T) / 2  # roots, too
    numbers = sizes - powers @ logs.T
    number = np.exp(np.median(numbers, axis=1))
    spread = abs(np.exp(numbers) / number[:, None] - 1)
    slack = 1e-5 + 3 * noise / np.exp(sizes)
    fits = (spread <= slack).all(axis=1)
    for i in np.flatnonzero(steady & fits & (abs(powers).max(axis=1) <= 6)):
        rounded = (float(f"{number[i]:.{digits}g}") for digits in (1, 2, 3, 4, 5, 6))
        near = min(np.median(slack[i]), 1e-3)
        size = next((r for r in rounded if abs(r / number[i] - 1) <= near), float(number[i]))
        sign = 1 if values[i, 0] > 0 else -1
        yield i, Term(sign * size, tuple(int(p) if p == int(p) else p for p in powers[i].tolist()))


@cache
def _simple_terms():
    """Give the terms of few factors of which a sum may be made."""
    powers = np.stack(np.meshgrid(*map(np.arange, (-1, 0, 0, 0, -2), (3, 3, 2, 2, 2))), -1)
    terms = [Term(n, tuple(p)) for n in (1.0, -1, 2, -2) for p in powers.reshape(-1, 5).tolist()]
    return sorted((t for t in terms if t.complexity <= 5), key=lambda term: term.complexity)


def _recognize(values, noise, settings=SETTINGS, columns=_factors, simple=_simple_terms):
    """Give the coefficient that has these values at the settings, a sum of at most two terms."""
    if (abs(values) <= 3 * noise).all():
        return ()
    for _, term in _terms(values[None], noise, settings, columns):
        return (term,)
    firsts = simple()
    logs = np.log(np.maximum(columns(settings), 1e-30))
    parts = np.exp(np.array([t.powers for t in firsts]) @ logs.T)
    parts *= np.array([[t.number] for t in firsts])
    rest = [
        (firsts[i], term)
        for i, term in _terms(values - parts, noise + 1e-6 * abs(parts), settings, columns)
        if float(f"{term.number:.2g}") == term.number and np.median(abs(values / parts[i])) > 0.01
    ]
    lost = () if (abs(values) < 10 * noise).mean() > 0.5 else None

    def length(pair):  # 2 + γ rather than 1 + (1 + γ)
        return sum(term.complexity + 1.5 * any(term.powers[2:4]) for term in pair)

    return min(rest, key=length, default=lost)


class Rule(NamedTuple):
    """What an update computes: coefficients by symbol ("1": a number is added)."""

    v: dict
    x: dict  # its "v" is the new velocity
    x_first: bool = False  # but the old one if x is updated before v

    def apply(self, x, v, g, setting):
        """Give the new v and x, and the sums of the sizes of what is added up to them."""

        def line(coefficients, arrays):
            at = [setting]
            terms = [_value(c, at)[0] * arrays[s] for s, c in coefficients.items()]
            return sum(terms, 0 * x), sum(map(abs, terms), 0 * x)

        arrays = {"x": x, "v": v, "g": g, "1": 1 + 0 * x}
        new_v, size_v = line(self.v, arrays)
        new_x, size_x = line(self.x, arrays if self.x_first else arrays | {"v": new_v})
        return np.stack([new_v, new_x]), np.stack([size_v, size_x + size_v])

    @property
    def known(self):
        """Tell whether every coefficient has been recognized."""
        return None not in (*self.v.values(), *self.x.values())


class Method(NamedTuple):
    """What a learner is asked to write, how it is called, and what to say of a right answer."""

    arguments: tuple
    gain: Term  # what the gradient carries in the velocity, or without one in the step
    step: Term  # what the new velocity carries where x is updated
    nesterov: bool = False

    @property
    def signs(self):
        """Give the signs that the velocity may have: in MXNet it is negated."""
        return (1, -1) if "vs" in self.arguments else (1,)

    def rule(self, sign=1):
        """Give the rule asked for, with a velocity of the given sign."""
        gain, step = (Term(sign * t.number, t.powers) for t in (self.gain, self.step))
        if "vs" not in self.arguments:
            return Rule({"v": ONE}, {"x": ONE, "g": (gain.times(Term(-1.0)),)})
        x = {"x": ONE, "v": (step.times(Term(-1.0)),)}
        if self.nesterov:
            x = {
                "x": ONE,
                "v": (step.times(GAMMA).times(Term(-1.0)),),
                "g": (step.times(gain).times(Term(-1.0)),),
            }
        return Rule({"v": (GAMMA,), "g": (gain,)}, x)

    def call(self, update, params, vs, lr, mom, batch_size):
        """Call the learner's function with its arguments."""
        known = {"params": params, "vs": vs, "lr": lr, "mom": mom, "batch_size": batch_size}
        return update(*(known[name] for name in self.arguments))

    def given(self, held, setting):
        """Give what the function is called with: lists of the held arrays, and the setting."""
        lr, mom, batch_size = setting
        return [held[1], held[0], float(lr), float(mom), int(batch_size)]

    def lists(self, arguments):
        """Give the lists of arrays, as held, from among the arguments of a call."""
        return arguments[1], arguments[0]


ARGUMENTS = ("params", "vs", "lr", "mom", "batch_size")
MOMENTUM = Method(ARGUMENTS, RATE, Term())
OUTSIDE = Method(ARGUMENTS, MEAN, ETA)
NESTEROV = Method(ARGUMENTS, RATE, Term(), nesterov=True)
SGD = Method(("params", "lr", "batch_size"), RATE, Term())


# How formulas are written.


def _product(term, names=FACTORS):
    """Write a term without its sign, as a coefficient: "" for 1."""
    over, under = [], []
    for factor, power in zip(names, term.powers):
        name = f"({factor})" if set(factor) & set("−+") and factor[0] != "(" else factor
        size = {1: name, 0.5: f"√{name}", 2: f"{name}²", 3: f"{name}³"}.get(
            abs(power), f"{name}^{abs(power):g}"
        )
        if power:
            (over if power > 0 else under).append(size)
    if abs(term.number) != 1:
        short = f"{abs(term.number):.3g}"
        over.insert(0, short if short != "1" else f"{abs(term.number):.6g}")
    below = "".join(under) if len(under) < 2 else f"({''.join(under)})"
    return "".join(over) + ("/" if under and over else ""), below


def _written(term, symbol, names=FACTORS):
    """Write a term times a symbol, without its sign."""
    above, below = _product(term, names)
    if not below:
        return (above + symbol) or "1"
    if not above:
        return f"{symbol or 1}/{below}"
    return f"({above}{below}){symbol}" if symbol else above + below


def _bare(term, names=FACTORS):
    """Write a term by itself, without its sign."""
    text = _written(term, "", names)
    return text[1:-1] if text[1:-1] in names and text[0] == "(" else text


def _side(coefficients, symbols):
    """Write the right-hand side of a line, as "γv + (η/|B|)g"."""
    text = ""
    for symbol in symbols:
        coefficient, letter = coefficients.get(symbol, ()), symbol if symbol != "1" else ""
        if coefficient is None:
            parts = [(1, f"c·{letter}" if letter else "c")]
        elif len(coefficient) == 2 and symbol != "x":
            first, second = sorted(coefficient, key=lambda term: term.number < 0)
            sign = 1 if first.number > 0 else -1
            middle = "+" if first.number * second.number > 0 else "−"
            parts = [(sign, f"({_written(first, '')} {middle} {_written(second, '')}){letter}")]
        else:
            ordered = sorted(coefficient, key=lambda term: term.number < 0)
            parts = [(term.number, _written(term, letter)) for term in ordered]
        for number, part in parts:
            text += f" {'−' if number < 0 else '+'} {part}" if text else "−" * (number < 0) + part
    return text or "0"


def _lines(rule, arguments=ARGUMENTS):
    """Write the lines of a rule, in the order in which they are computed."""
    lines = [f"x ← {_side(rule.x, 'xvg1')}"]
    if "vs" in arguments:
        lines.insert(rule.x_first, f"v ← {_side(rule.v, 'vgx1')}")
    return lines


# What is observed.


class _FoundError(Exception):
    """Carries a verdict out of whatever is going on."""


def _solve(design, target, floor):
    """Fit `target` by the columns of `design`, each element to its own accuracy.

    Returns
    -------
    coefficients, noise : numpy.ndarray
        Of each column.
    fits : bool
        Whether the fit is good.
    """
    weight = 1 / (abs(target) + floor)
    for _ in range(2):
        inverse = np.linalg.pinv(design * weight[:, None], rcond=1e-12)
        inverse[~design.any(axis=0)] = 0  # of velocities of zero there is nothing to tell
        found = inverse @ (target * weight)
        weight = 1 / (abs(design) @ abs(found) + floor)
    left = abs(target - design @ found) * weight
    noise = (3e-7 + 4 * left.std()) * np.sqrt((inverse**2).sum(axis=1))
    return found, noise, (left <= FLOAT).all()


class Look(NamedTuple):
    """What was seen: the arrays before (x, v, g) and after (v, x) a call at each setting."""

    settings: np.ndarray
    before: np.ndarray  # (setting, 3, parameter, element)
    after: np.ndarray  # (setting, 2, parameter, element)

    @property
    def still(self):
        """Tell by line and parameter whether nothing has changed."""
        return (self.after == self.before[:, [1, 0]]).all(axis=(0, 3))

    def follows(self, rule):
        """Tell whether each new v and x is that of the rule, to float32 accuracy."""
        for old, new, setting in zip(self.before, self.after, self.settings):
            expected, size = rule.apply(*old, setting)
            if not (abs(new - expected) <= FLOAT * (size + SPARE * abs(old).sum(axis=0))).all():
                return False
        return True

    def fit(self, i):
        """Fit the coefficients of parameter `i`.

        Returns
        -------
        coefficients, noise : numpy.ndarray
            Indexed by setting, line (v, x), and x, v, g, 1.
        linear : numpy.ndarray
            By line: whether the fit is good.
        """
        coefficients, noise = np.zeros((2, len(self.settings), 2, 4))
        linear = np.ones(2, bool)
        for s, line in np.ndindex(coefficients.shape[:2]):
            old, target = self.before[s, :, i], self.after[s, line, i]
            design = np.column_stack([*old, np.ones(old.shape[1])])
            found = _solve(design, target, SPARE * abs(old).sum(axis=0))
            coefficients[s, line], noise[s, line] = found[:2]
            linear[line] &= found[2]
        return coefficients, noise, linear


def _rule(own, noise, settings):
    """Make a rule of one parameter's coefficients of x, v, g and 1, by setting and line."""

    def line(values, noises):
        found = {s: _recognize(values[:, k], noises[:, k], settings) for k, s in enumerate("xvg1")}
        return {symbol: c for symbol, c in found.items() if c != ()}

    def complexity(coefficients):
        terms = [c if c is not None else (Term(99.0),) * 9 for c in coefficients.values()]
        return sum(term.complexity for coefficient in terms for term in coefficient)

    v = line(own[:, 0], noise[:, 0])
    x = line(own[:, 1], noise[:, 1])
    result = Rule(v, x, x_first="v" in x and v != {"v": ONE})
    for k, symbol in ((1, "v"), (2, "g")):  # the new velocity, told by the part that it has
        if symbol not in v or v == {"v": ONE}:
            continue
        part = np.where(own[:, 0, k] == 0, 1e-30, own[:, 0, k])
        ratio = own[:, 1, k] / part
        error = (noise[:, 1, k] + abs(ratio) * noise[:, 0, k]) / abs(part)
        step = _recognize(ratio, error, settings)
        if step:
            carried = _value(step, settings)[:, None] * own[:, 0]
            other = noise[:, 1] + 1e-6 * abs(carried)
            rest = line(own[:, 1] - carried, other)
            rest.pop(symbol, None)
            if "v" not in rest and complexity(rest | {"v": step}) <= complexity(result.x):
                result = Rule(v, rest | {"v": step})
    return result


class Subject:
    """A learner's function, to be looked at."""

    def __init__(self, update, method, rng):
        self.update, self.method, self.rng = update, method, rng
        self.replaced = self.returned = False

    def lines(self, rule):
        """Write the lines of a rule."""
        return ", ".join(_lines(rule, self.method.arguments))

    def pair(self, rule, sign):
        """Write a rule and the one asked for, of the lines that differ."""
        both = [_lines(r, self.method.arguments) for r in (rule, self.method.rule(sign))]
        differ = [pair for pair in zip(*both) if rule.x_first or pair[0] != pair[1]]
        return [", ".join(side) for side in zip(*differ)] or ["", ""]

    def draw(self, shapes):
        """Draw x, v and g over many decades, so that each dominates in some elements."""

        def drawn(shape, which):
            large = np.arange(np.prod(shape)).reshape(shape) % 3 == which
            size = 10 ** (self.rng.uniform(-1, 1, shape) + 3 * large)
            return self.rng.choice([-1, 1], shape) * size

        return [[drawn(shape, which) for shape in shapes] for which in range(3)]

    def steps(self, x, *state, gs, settings):
        """Call the function once for each of `gs`, and give the new [*state, x] after each call."""
        held = [[nd.array(a, dtype="float32") for a in arrays] for arrays in (*state, x)]
        for param in held[-1]:
            param.attach_grad()
        given = [list(arrays) for arrays in held]
        states = []
        for grads, setting in zip(gs, settings):
            for param, grad in zip(held[-1], grads):
                param.grad[:] = grad
            states.append(self._call(held, self.method.given(given, setting)))
            for mine, theirs in zip(held, given):
                theirs[:] = mine
            for param in held[-1]:
                if param.grad is None:
                    param.attach_grad()
        return states

    def _call(self, held, arguments):
        """Call the learner's function, the only place that does, and give the new [v, x]."""
        ours = {id(array) for arrays in held for array in arrays}

        def new_arrays(value):
            if isinstance(value, (list, tuple)):
                return [array for part in value for array in new_arrays(part)]
            return [value] if isinstance(value, nd.NDArray) and id(value) not in ours else []

        def run():
            self.returned |= bool(new_arrays(self.method.call(self.update, *arguments)))
            # A new array in a list is looked at in place of ours: it tells what is meant.
            for mine, theirs in zip(held, self.method.lists(arguments)):
                for i, array in enumerate(theirs[: len(mine)]):
                    if new_arrays(array) and getattr(array, "shape", 0) == mine[i].shape:
                        self.replaced = True
                        mine[i] = array
            return [[a.asnumpy().astype("float64") for a in arrays] for arrays in held]

        result, fault = attempt(run, self.update)
        if fault is None:
            return result
        raise _FoundError(fault)

    def step(self, before, setting):
        """Call the function once: (parameter, element) of x, v, g give those of v, x."""
        *old, g = before.reshape(len(before), -1, *SHAPE)
        after = self.steps(*old, gs=[g], settings=[setting])
        return np.reshape(after, (len(old), *before.shape[1:]))

    def draw_flat(self, count):
        """Draw what `step` takes, for so many parameters."""
        drawn = self.draw([SHAPE] * count)
        return np.reshape(drawn, (len(drawn), count, -1)).astype("float32")

    def look(self, special=None, scale=1.0):
        """Call the function at each setting from new arrays; `special` is a key of SPECIALS."""
        settings = SETTINGS.copy()
        if special in ("mom", "batch"):
            settings[:, 1 if special == "mom" else 2] = special == "batch"
        before = [self.draw_flat(1 if special == "one" else PARAMS) * scale for _ in settings]
        before = np.array(before, dtype="float64")
        if special in ("v", "g"):
            before[:, "xvg".index(special)] = 0
        after = [self.step(arrays, setting) for arrays, setting in zip(before, settings)]
        if not np.isfinite(after).all():
            raise _FoundError(_say("nan"))
        return Look(settings, before, np.array(after))

    def again(self, look):
        """Tell whether the first of the calls, made again, leads to the same."""
        return np.array_equal(self.step(look.before[0], look.settings[0]), look.after[0])

    def walk(self, rule, shapes):
        """Make four updates, the learning rate decaying, and give the first not to follow the rule.

        The first is 0; None if all follow.
        """
        x, v, _ = self.draw(shapes)
        gs = [self.draw(shapes)[2] for _ in range(4)]
        mom, batch_size = self.rng.uniform(0.6, 0.9), self.rng.integers(3, 9)
        settings = [(0.9 * 0.5**i, mom, batch_size) for i in range(4)]

        def flat(*lists):
            return np.array([np.concatenate([a.ravel() for a in arrays]) for arrays in lists])

        after = [flat(*state) for state in self.steps(x, v, gs=gs, settings=settings)]
        before = [flat(v, x), *after]
        before = [(x, v, *flat(g)) for (v, x), g in zip(before, gs)]
        looks = (Look(*(np.array([a]) for a in one)) for one in zip(settings, before, after))
        return next((i for i, look in enumerate(looks) if not look.follows(rule)), None)


# What is said where these are missing holds if nothing else stands in their place, but for these.
ALONE = {key: {"sign"} for key in (("keep", "γ"), ("km", "β₁"), ("ks", "β₂"))}
ALONE |= {key: {"sign", "η", "|B|"} for key in (("gm", "1−β₁"), ("gs", "1−β₂"))}


class Table(NamedTuple):
    """The words for how a method's factors may differ from those asked for."""

    factors: tuple
    rows: dict  # what is said of differences in powers
    parts: dict  # how each part of the formulas is called
    arguments: dict  # by factor, the argument that it stands for


# What there is to say. The first table is of powers: where the factors of a part differ from those
# asked for (keep: what the old velocity carries in the new one; gain: what the gradient carries in
# it; step: what the velocity carries where x is updated).

ROWS = {
    "gain η -1, step η 1": (
        "学习率乘在了速度外面：这一章的公式里，η 乘的是梯度，在速度里面。",
        "the learning rate stands outside the velocity; "
        "in this chapter η multiplies the gradient, inside the velocity.",
    ),
    "gain η 1, step η -1": (
        "学习率乘在了速度里面：PyTorch 的形式里，η 在更新 x 时才乘。",
        "the learning rate stands inside the velocity; in PyTorch's form η enters where x is updated.",
    ),
    "gain η -1": ("梯度没有乘以学习率。", "the gradient is not multiplied by the learning rate."),
    "step η -1": (
        "更新 x 时，速度没有乘以学习率。",
        "the velocity is not multiplied by the learning rate where x is updated.",
    ),
    "step η -2": (
        "更新 x 时，速度应当乘以学习率，而不是除以它。",
        "where x is updated, the velocity is divided by the learning rate instead of multiplied by it.",
    ),
    "gain η -2": (
        "梯度应当乘以学习率，而不是除以它。",
        "the gradient is divided by the learning rate instead of multiplied by it.",
    ),
    "gain |B| 1, step |B| -1": (
        "只有 x 的步子除以了 batch_size；该除以它的是速度里的梯度。",
        "batch_size divides only the step of x, not the gradient in the velocity.",
    ),
    "gain |B| 1": (
        "没有除以 batch_size；param.grad 是小批量中损失之和的梯度。",
        "the division by batch_size is missing; param.grad is the gradient of a summed loss.",
    ),
    "gain |B| 2": (
        "梯度应当除以 batch_size，而不是乘以它。",
        "the gradient is multiplied by batch_size instead of divided by it.",
    ),
    "gain |B| -1": (
        "梯度除以了两次批量大小。",
        "the gradient is divided by the batch size twice.",
    ),
    "gain |B| 0.5": (
        "梯度除以的是批量大小的平方根，应当除以批量大小本身。",
        "the gradient is divided by the square root of the batch size, not by the batch size.",
    ),
    "keep γ -1": (
        "旧的速度没有乘以 γ，原封不动地留着，没有衰减。",
        "the old velocity is not multiplied by γ: it stays as it was and never fades.",
    ),
    "keep γ -2": (
        "旧的速度应当乘以 γ，而不是除以它。",
        "the old velocity is divided by γ instead of multiplied by it.",
    ),
    "keep γ -1, keep 1+γ 1": (
        "旧的速度多加了一次：v += … 已经保留了旧的速度，再加 γ 倍就成了 1+γ 倍。",
        "the old velocity is counted twice: `v += …` keeps it already, so it ends up (1+γ) times.",
    ),
    "keep γ 1, gain 1+γ 1": (
        "速度更新了两次才是这样。",
        "that is what updating the velocity twice makes.",
    ),
    "gain γ 1, step γ -1": (
        "更新 x 之后速度才乘以 γ：应当在加上梯度之前，先把旧的速度乘以 γ。",
        "γ multiplies the velocity after x has been moved by it; it should multiply the old velocity, "
        "before the gradient is added.",
    ),
    "keep γ -1, gain γ 1": (
        "γ 乘到了梯度上；它该乘的是旧的速度。",
        "γ multiplies the gradient; it belongs to the old velocity.",
    ),
    "keep γ -1, keep η 1, gain η -1, gain γ 1": (
        "γ 和 η 互换了：γ 该乘旧的速度，η 该乘梯度。",
        "γ and η are swapped: γ belongs to the old velocity, η to the gradient.",
    ),
    "keep γ -1, keep η 1, step η -1, step γ 1": (
        "γ 和 η 互换了：γ 该乘旧的速度，η 该在更新 x 时乘整个速度。",
        "γ and η are swapped: γ belongs to the old velocity, "
        "η to the whole velocity where x is updated.",
    ),
    "gain 1−γ 1": (
        "梯度多乘了 (1−γ)：那是加权平均的写法，这里的速度是加权和。",
        "the gradient carries a factor (1−γ): that makes an average; "
        "the velocity asked for is a weighted sum.",
    ),
    "keep sign -1": (
        "旧的速度带了负号：应当加上 γ 倍的旧速度，而不是减去。",
        "the old velocity is subtracted: γ times the old velocity is to be added.",
    ),
    # Where no row fits.
    "fixed": (
        "{argument} 的位置上总是 {number}，不管传入的是多少：要用传入的 {argument}。",
        "{number} stands in place of {argument}, whatever is given; use {argument} as given.",
    ),
    "first": (
        "用的总是第一次调用时的学习率：要用这一次传入的 lr。",
        "the learning rate of the first call is used for ever; use lr as given.",
    ),
    "factor": ("{part}多乘了一个 {factor}。", "there is an extra factor {factor} on {part}."),
    "carries": (
        "{part}乘的是 {factor}，应当是 {asked}。",
        "{part} carries {factor}; it should carry {asked}.",
    ),
}
PARTS = {
    "keep": ("旧的速度", "the old velocity"),
    "gain": ("梯度", "the gradient"),
    "step": ("x 的步子", "the step of x"),
}
TABLE = Table(FACTORS, ROWS, PARTS, {"η": "lr", "γ": "mom", "|B|": "batch_size"})
# Of other differences than those of powers.
NAMES = {
    "uphill": (
        "方向反了：参数在朝着目标函数上升的方向走。检查更新 x 时的正负号。",
        "wrong sign: the parameters move uphill. Look at the sign where x is updated.",
    ),
    "v added": (
        "更新 x 时，速度的正负号反了。",
        "the velocity enters the update of x with the wrong sign.",
    ),
    "negated": (
        "方向反了：速度里的梯度带了负号，而 x 又减去速度。",
        "wrong sign: the gradient enters the velocity negated, and x subtracts the velocity.",
    ),
    "nothing": (
        "参数和速度都没有变。如果写了 v = … 或 param = …，那只是让局部变量指向另一个数组；"
        "要用 v[:] = …、param -= … 这样的原地写法。",
        "neither parameters nor velocities change. Assigning to a name, as `v = …` does, leaves "
        "the array as it was; update in place, with `v[:] = …`, `*=`, `+=` or `-=`.",
    ),
    "v lost": (
        "速度没有变。如果写了 v = …，那只是让局部变量 v 指向另一个数组；"
        "要修改数组本身，用 v[:] = … 或 v *= …。",
        "the velocity does not change. If you wrote `v = …`, that only makes the local name v mean "
        "a new array; change the array itself, with `v[:] = …` or `v *= …`.",
    ),
    "v decayed": (
        "梯度移动了 x，却没有进入速度。如果写了 v = v + …，那只是让局部变量 v 指向另一个数组，要用 v += …。",
        "the gradient moves x, but does not get into the velocity. If you wrote `v = v + …`, that "
        "only makes the local name v mean a new array; write `v += …`.",
    ),
    "x lost": (
        "参数没有变。如果写了 param = …，那只是让局部变量 param 指向另一个数组；"
        "要修改数组本身，用 param[:] = … 或 param -= …。",
        "the parameters do not change. If you wrote `param = …`, that only makes the local name "
        "mean a new array; change the array itself, with `param[:] = …` or `param -= …`.",
    ),
    "returned": (
        "你的函数返回了新的数组，参数本身却没有变：调用它的代码不看返回值，要原地更新。",
        "the function returns new arrays and leaves the parameters as they were; "
        "its caller ignores what it returns, so update in place.",
    ),
    "list": (
        "vs[i] = … 这样的写法把新的数组放进了列表，原来的数组没有变；"
        "调用者留着的是数组，不是列表。要修改数组本身，例如 vs[i][:] = …。",
        "a new array is put into the list, as `vs[i] = …` does, and the old array stays as it was. "
        "The caller keeps the arrays, not the list: change the array itself, as `vs[i][:] = …` does.",
    ),
    "x replaced": (
        "旧的参数丢了：新的 x 里没有旧的 x。是不是把 param -= v 写成了 param[:] = -v？",
        "the old values of the parameters are lost: x is replaced. "
        "Did `param -= v` become `param[:] = -v`?",
    ),
    "x itself": (
        "用到的是参数本身，而不是它的梯度 param.grad。",
        "the parameter itself is used where its gradient, param.grad, belongs.",
    ),
    "no gradient": (
        "没有用到梯度 param.grad。",
        "the gradient, param.grad, is not used.",
    ),
    "v overwritten": (
        "速度被覆盖了：旧的速度应当乘以 γ 保留下来。",
        "the velocity is overwritten; γ times the old velocity should stay in it.",
    ),
    "x first": (
        "先更新了 x、后更新了速度：应当先更新速度，再用新的速度更新 x。",
        "x is updated before the velocity; update the velocity first, then use the new one for x.",
    ),
    "nesterov": (
        "这是 Nesterov 加速梯度：x 应当直接用新的速度来更新，不再往前多看一步。",
        "this is Nesterov's accelerated gradient; here x is moved by the new velocity itself, "
        "without looking ahead.",
    ),
    "heavy ball": (
        "更新 x 时没有往前多看一步：只用新的速度，是普通的动量法（重球法）。",
        "x does not look ahead: moved by the new velocity itself, it is plain momentum, the heavy ball.",
    ),
    "old v too": (
        "除了新的速度，旧的速度也移动了 x：只该用新的。",
        "the old velocity moves x as well as the new one; only the new one should.",
    ),
    "v unused": (
        "没有用到速度：更新 x 时只用了当前的梯度。",
        "the velocity is not used: x is moved by the current gradient alone.",
    ),
    "gradient twice": (
        "更新 x 时除了速度，又单独用了一次梯度；梯度已经在速度里了。",
        "x is moved by the gradient as well as by the velocity, which has the gradient in it already.",
    ),
    "x shrinks": (
        "更新 x 时，旧的 x 也乘上了一个系数；它应当原样保留。",
        "the old x is multiplied by a factor where x is updated; it should stay as it is.",
    ),
    "x in v": ("速度里混进了参数 x 本身。", "the parameter x itself enters the velocity."),
    "number": (
        "有一项只是数，没有乘任何数组：是不是漏了 param.grad？",
        "a bare number is added, one with no array in it. Has param.grad been left out?",
    ),
    "first only": (
        "只更新了第一个参数：循环是不是提前结束了？",
        "only the first parameter is updated. Does the loop end too early?",
    ),
    "last only": ("只更新了最后一个参数。", "only the last parameter is updated."),
    "some only": ("有的参数没有更新。", "some parameters are not updated."),
    "last steps": (
        "每个速度都更新了，动的却只有最后一个参数：更新 x 的那一行是不是没有缩进到循环里？",
        "every velocity is renewed, but only the last parameter moves. "
        "Is the line that updates x indented into the loop?",
    ),
    "first shared": (
        "所有参数共用了第一个速度：每个参数要有自己的速度。",
        "all parameters share the first velocity; each needs its own.",
    ),
    "last shared": (
        "所有参数共用了最后一个速度：每个参数要有自己的速度。",
        "all parameters share the last velocity; each needs its own.",
    ),
    "last for all": (
        "更新 x 时，所有参数用的都是最后一个速度：每个参数要用自己的速度。",
        "every parameter is moved by the last velocity; each must be moved by its own.",
    ),
    "shared": (
        "一个参数更新成什么，取决于别的参数的速度：每个参数要有自己的速度。",
        "what becomes of a parameter depends on the velocity of another; each needs its own velocity.",
    ),
    "mixed": (
        "一个参数更新成什么，取决于别的参数或它们的梯度；每个参数只该用自己的。",
        "what becomes of a parameter depends on other parameters or their gradients; "
        "each has only its own to use.",
    ),
    "unequal": (
        "各个参数的更新不一样，前面的是 {first}，后面的是 {last}：循环里是不是改了 lr 这样的变量？",
        "the parameters are updated differently, an early one by {first}, a late one by {last}. "
        "Is a variable such as `lr` changed inside the loop?",
    ),
    "depends": (
        "数组乘的系数随数组里的数而变：是不是有 if，或者范数？",
        "what multiplies the arrays depends on the numbers in them. Is there an `if`, or a norm?",
    ),
    "part only": (
        "数组只改了一部分，有的元素原封不动：v[0] 只是第一行，v[:] 才是整个数组。",
        "an array is changed in part only, and some of its elements stay as they were. "
        "`v[0]` is only the first row; `v[:]` is the whole array.",
    ),
    "state": (
        "同样的调用，两次的结果不一样：函数里有随机数，或者用全局变量、闭包留下了上一次的东西。"
        "一次更新只该取决于传入的参数。",
        "the same call leads to different results: by random numbers, or by something kept from call "
        "to call, in a global variable or a closure. An update has only its arguments to depend on.",
    ),
    "later": (
        "第一次更新算的是 {lines}，之后就不是了：是不是有什么东西从前面的调用留了下来？"
        "每次更新都要用这一次传入的学习率和当前的速度、梯度。",
        "the first update computes {lines}, later ones do something else. Is anything kept from the "
        "calls before? Each must use the learning rate, the velocities and the gradients that it is "
        "given.",
    ),
    "shapes": (
        "形状为 (2, 6) 的数组更新得对，形状为 (1,)、(3, 2)、(4,) 的就不对：任何形状都要能更新。",
        "arrays of shape (2, 6) are updated rightly, those of shapes (1,), (3, 2) and (4,) are not; "
        "the update is to work for any shape.",
    ),
    "nan": ("参数或速度变成了 nan 或无穷大。", "parameters or velocities become nan or infinite."),
    "unknown": (
        "每个 c 各是一个数，都不是 η、γ、1−γ、1+γ、|B| 的幂的乘积。",
        "each c is a number of its own, and no product of powers of η, γ, 1−γ, 1+γ and |B|.",
    ),
    "unknown at": (
        "c 不是 η、γ、1−γ、1+γ、|B| 的幂的乘积；"
        "例如 η = {lr:g}、γ = {mom:g}、|B| = {batch_size:g} 时，c = {c:.3g}。",
        "c is no product of powers of η, γ, 1−γ, 1+γ and |B|; "
        "for η = {lr:g}, γ = {mom:g} and |B| = {batch_size:g}, for example, c = {c:.3g}.",
    ),
    "elements": (
        "一个元素更新成什么，取决于同一个数组里的别的元素（范数、平均值、求和？）；应当逐个元素地更新。",
        "an element's update depends on other elements of its array (a norm, a mean, a sum?); "
        "each element is to be updated by itself.",
    ),
    "sign only": ("只用到了梯度的正负号。", "only the gradient's sign is used."),
    "clipped": (
        "数很小时是 {lines}，数大了就不是，是不是截断了，或者取整了？",
        "small numbers follow {lines}, large ones do not. Are they clipped, or rounded?",
    ),
    "product": (
        "数组与数组相乘了，或者有平方；更新里只有数与数组相乘，再相加。",
        "arrays are multiplied with one another, or squared; "
        "an update only multiplies arrays by numbers, and adds them up.",
    ),
    "odd": (
        "正数和负数的算法不同，是不是有绝对值或者 max？",
        "positive and negative numbers are treated differently: an abs, a maximum?",
    ),
    "not linear": (
        "新的 {line} 不是旧的 x、v 和 g 的线性函数：更新里只有数与数组相乘，再相加。",
        "the new {line} is not linear in the old x, v and g; "
        "an update only multiplies arrays by numbers, and adds them up.",
    ),
}
# Trials of what may be treated apart.
SPECIALS = {
    "v": ("速度全为零时，", "with velocities of zero, "),
    "g": ("梯度全为零时，", "with gradients of zero, "),
    "mom": ("γ = 0 时，", "with γ = 0, "),
    "batch": ("批量大小为 1 时，", "with batch size 1, "),
    "one": ("只有一个参数时，", "with a single parameter, "),
}


def _say(*names, wrap=("{}", "{}"), **values):
    """Make a verdict of names, or of pairs of sentences, one after the other."""
    pairs = [NAMES.get(name, name) if isinstance(name, str) else name for name in names]
    joined = ("另外，".join(zh for zh, _ in pairs), " Also: ".join(en for _, en in pairs))
    rows = {text: row for row, text in ROWS.items()}
    hints = [
        name if isinstance(name, str) else rows.get(name, "other coefficient") for name in names
    ]
    said = (w.format(text.format(**values)) for w, text in zip(wrap, joined))
    return wrong(*said, " + ".join(dict.fromkeys(hints)))


def _single(coefficients, symbol):
    """Give a coefficient that is one term, else None."""
    coefficient = coefficients.get(symbol)
    return coefficient[0] if coefficient and len(coefficient) == 1 else None


def _differences(part, term, asked, names=FACTORS):
    """Give how a part's factors differ from those asked for: {(part, factor): power}."""
    ratio = term.times(asked, -1)
    found = {(part, factor): power for factor, power in zip(names, ratio.powers) if power}
    if abs(abs(ratio.number) - 1) > 1e-3:
        found[part, "number"] = abs(ratio.number)
    if part == "keep" and ratio.number < 0:
        found[part, "sign"] = -1
    return found


def _of_powers(left, has, asked, table):
    """Say what the differences are: by the longest row that fits, then the next.

    `has` and `asked` are the terms of each part.
    """

    def wanted(part, factor):
        return asked[part].powers[table.factors.index(factor)]

    for part, size in [(part, n) for (part, factor), n in left.items() if factor == "number"]:
        missing = {f: wanted(part, f) for f in table.arguments}
        keys = [f for f, n in missing.items() if n and left.get((part, f)) == -n]
        argument = " / ".join(table.arguments[factor] for factor in keys)
        if argument:
            number = 1 / size if all(missing[key] < 0 for key in keys) else size
            if len(keys) == 1:  # |B|², too, stands for |B|
                number **= 1 / abs(missing[keys[0]])
            kept = keys == ["η"] and abs(size / SETTINGS[0, 0] - 1) < 1e-3
            for text in [table.rows["first" if kept else "fixed"]]:
                yield tuple(t.format(argument=argument, number=f"{number:.3g}") for t in text)
            for factor in (*keys, "number"):
                del left[part, factor]
    for row in sorted(table.rows, key=lambda row: -row.count(",")):
        words = [key.split(" ") for key in row.split(", ")]
        pattern = {(key[0], key[1]): float(key[2]) for key in words if len(key) == 3}
        fits = pattern and all(left.get(key) == power for key, power in pattern.items())
        # Where no learning rate belongs none is missing.
        fits = fits and all(n > 0 or key[1] != "η" or wanted(*key) for key, n in pattern.items())
        beside = {
            (part, factor)
            for key in set(pattern) & set(ALONE)
            for part, factor in left
            if part == key[0] and factor not in ALONE[key]
        }
        if fits and not beside - set(pattern):
            yield table.rows[row]
            for key in pattern:
                del left[key]
    for part in table.parts:
        rest = {factor: power for (p, factor), power in left.items() if p == part}
        lost = (n * wanted(part, f) < 0 or n != int(n) for f, n in rest.items() if f != "number")
        row, term = ("carries", has[part]) if any(lost) else ("factor", None)
        if rest:
            powers = tuple(rest.get(factor, 0) for factor in table.factors)
            ratio = Term(rest.get("number", 1.0), powers)
            what = _bare(term, table.factors) if term else _written(ratio, "", table.factors)
            words = {"factor": what, "asked": _bare(asked[part], table.factors)}
            both = zip(table.rows[row], table.parts[part])
            yield tuple(text.format(part=name, **words) for text, name in both)


def _same(coefficients):
    """Tell whether two coefficients have the same sizes."""
    return np.allclose(*(abs(_value(c, SETTINGS)) for c in coefficients), rtol=1e-4)


def _mistakes(rule, method):
    """Name the mistakes in a rule that is not the one asked for.

    Returns
    -------
    mistakes : list
        Of keys of NAMES, and of pairs (zh, en).
    sign : int
        That of the velocity for which to show the rule asked for.
    """
    v, x, names, differences = rule.v, rule.x, [], {}
    keep, gain, step, ahead = (_single(line, s) for line in (v, x) for s in "vg")
    v_still, x_still = v == {"v": ONE}, x == {"x": ONE}
    plain = "vs" not in method.arguments
    if x_still and v_still and not plain:
        return ["nothing"], 1
    if x_still:
        names.append("x lost")
    if x_still and v_still:
        pass
    elif v_still and "v" not in x:  # moved by the gradient alone
        names += [] if plain else ["v unused"]
        if "g" not in x and len(x.get("x", ())) == 2 and ONE[0] in x["x"]:
            names.append("x itself")
            ahead = next(term for term in x["x"] if term != ONE[0])
        elif "g" not in x:
            ahead = _single(x, "1")
            names += [] if ahead else ["no gradient"]
        if ahead:
            upright = _value(x.get("x") or (), SETTINGS) > 0
            names += ["uphill"] if ahead.number > 0 and upright.all() else []
            differences |= _differences("gain", ahead, method.gain.times(method.step))
    elif v_still or (not v and "v" in x):  # is it the new velocity that moves x, and gets lost?
        names.append("v lost" if v_still else "v overwritten")
        if step and ahead:
            through = method.step._replace(number=1.0 if step.number > 0 else -1.0)
            keep, gain, step = step.times(through, -1), ahead.times(through, -1), through
        else:
            keep = gain = None
    elif set(v) == {"v"} and step and ahead:
        names.append("v decayed")
        gain = ahead.times(step, -1)
    else:
        for symbol, beside, alone in (("x", "x in v", "x itself"), ("1", "number", "number")):
            if symbol in v:
                names.append(beside if "g" in v else alone)
                gain = gain or _single(v, symbol)
        names += ["v overwritten"] if "v" not in v else []
        names += ["no gradient"] if not gain and "g" not in {**v, **x} else []
        names += ["x first"] if rule.x_first and "g" not in x else []
        through = ahead.times(gain, -1) if gain and step and ahead else None
        looks_ahead = through and step.times(through, -1) in (keep, GAMMA)
        if looks_ahead:
            step = through
            names += [] if method.nesterov or rule.x_first else ["nesterov"]
        elif method.nesterov and "g" in x:
            step = None  # no single factor is to blame
        elif rule.x_first and "g" in x:  # the old velocity, which has not this gradient in it
            both = method.step.times(Term(powers=(0, 0, 0, 1, 0)))
            names += ["old v too"] if step and _same(((step,), (both,))) else []
            step = None
        elif through and _same(((step.times(gain), ahead), (method.step.times(gain),))):
            names.append("old v too")
            step = None
        elif "g" in x:
            names += (
                [] if "v" in x and "g" not in v else ["gradient twice" if "v" in x else "v unused"]
            )
            names += ["uphill"] if "v" not in x and ahead and ahead.number > 0 else []
        elif method.nesterov:
            names.append("heavy ball")
    if v_still and "v" not in x:
        keep = gain = step = None
    names += ["x replaced"] if "x" not in x else []
    names += ["x shrinks"] if x.get("x", ONE) != ONE and "x itself" not in names else []
    names += ["number"] if "1" in x else []
    sign = -1 if (gain.number < 0 if gain else step and step.number > 0) else 1
    if step and gain and step.number * gain.number > 0 and x.get("x") == ONE:
        against = "g" in x and ahead and ahead.number * gain.number < 0
        names.append("v added" if against else "uphill" if gain.number > 0 else "negated")
        sign = 1
    asked = {"keep": GAMMA, "gain": method.gain, "step": method.step}
    has = {"keep": keep, "gain": gain or ahead, "step": step}
    for part, term in zip(PARTS, (keep, gain, step)):
        if term:
            differences |= _differences(part, term, asked[part])
    if plain:
        asked["gain"] = method.gain.times(method.step)
    return [*names, *_of_powers(differences, has, asked, TABLE)], sign


# From what is seen to the verdict.


def _dependence(subject, look):
    """Raise the verdict if anything depends on other parameters, or on other elements."""
    before, setting = look.before[0], look.settings[0]

    def changed(where):
        """Tell by line and parameter which elements change if what is there is drawn anew."""
        other = before.copy()
        other[where] = subject.draw_flat(PARAMS)[where]
        return subject.step(other, setting) != look.after[0]

    cells = [changed(cell).any(axis=-1) for cell in np.ndindex(3, PARAMS)]
    # By symbol and its parameter, line and its parameter: what depends on what?
    others = np.reshape(cells, (3, PARAMS, 2, PARAMS)) & ~np.eye(PARAMS, dtype=bool)[:, None]
    if others.any():
        raise _FoundError(_say(_sharing(others, look.still)))
    for own in range(3):  # of which one is large in x, one in v, one in g
        if changed(np.s_[..., np.arange(before.shape[-1]) != own])[..., own].any():
            raise _FoundError(_say("elements"))


def _compared(subject, look):
    """Make a rule of what was seen; where it is none, raise the verdict.

    Returns
    -------
    rule : Rule
    names : list
        What is wrong with it, whatever is asked for.
    """
    still, count = look.still, look.still.shape[1]
    names, moved = [], np.flatnonzero(~still.all(axis=0)).tolist()
    if 0 < len(moved) < count:
        names.append({(0,): "first only", (count - 1,): "last only"}.get(tuple(moved), "some only"))
    elif moved and still[1, :-1].all() and not still[1, -1]:
        names, moved = ["last steps"], moved[-1:]
    fits = [look.fit(i) for i in moved or range(count)]
    own, noise, linear = map(np.array, zip(*fits))
    mean = own.mean(axis=0)
    equal = (abs(own - mean) <= 3 * noise.max(axis=0) + 1e-3 * abs(mean)).all()
    rule = _rule(mean, noise.mean(axis=0), look.settings)
    if not (linear.all() and equal and rule.known) and count > 1 and look.before.all():
        _dependence(subject, look)
    if not linear.all():
        raise _FoundError(_not_linear(subject, look, linear.all(axis=0)))
    if not equal:
        first, last = (subject.lines(_rule(*fits[k][:2], look.settings)) for k in (0, -1))
        raise _FoundError(_say("depends" if first == last else "unequal", first=first, last=last))
    if not rule.known:
        lines = [rule.v, {} if "vs" in subject.method.arguments else rule.x]
        places = [
            (n, k) for n in (0, 1) for k, s in enumerate("xvg1") if lines[n].get(s, ()) is None
        ]
        at = dict(zip(("lr", "mom", "batch_size"), look.settings[0]))
        found = [
            tuple(text.format(c=mean[0][place], **at) for text in NAMES["unknown at"])
            for place in places
        ]
        names += found if len(found) == 1 else ["unknown"]
    return rule, names


def _sharing(others, still):
    """Name what it is that one parameter has from the others."""
    of_v = others[1, :, 1]  # which velocity enters which parameter
    if of_v[-1, :-1].all() and not others[:, :, 0].any():
        return "last for all"
    if of_v[0, 1:].all() and still[0, 1:].all():
        return "first shared"
    if of_v[-1, :-1].all() and still[0, :-1].all():
        return "last shared"
    return "shared" if others[1].any() else "mixed"


def _not_linear(subject, look, linear):
    """Say of a function that is not linear what can be told about the kind."""
    before, base = look.before[0], look.after[0]
    still = (look.after == look.before[:, [1, 0]]).all(axis=0)  # by line, parameter and element
    if (still.any(axis=-1) & ~still.all(axis=-1)).any():
        return _say("part only")
    tripled = before * np.array([1, 1, 3])[:, None, None]
    if np.allclose(subject.step(tripled, look.settings[0]), base, rtol=1e-4):
        return _say("sign only")
    scaled = [subject.step(factor * before, look.settings[0]) for factor in range(1, 6)]
    with np.errstate(all="ignore"):
        curved, left = (abs(np.diff(scaled, n, axis=0)[0]) / abs(scaled[-1]) for n in (2, 4))
    if (left < 1e-4).all() and (curved > 1e-2).any():  # a polynomial
        return _say("product")
    small = subject.look(scale=2.0**-20)
    if small.fit(0)[2].all():
        lines = subject.lines(_rule(*small.fit(0)[:2], small.settings))
        return _say("clipped", lines=lines)
    odd = np.allclose(subject.step(-before, look.settings[0]), -base, rtol=1e-4)
    return _say("not linear" if odd else "odd", line="x" if linear[0] else "v")


def identify(subject):
    """Find out what a learner's function computes, and what is wrong whatever is asked for.

    Returns
    -------
    rule : Rule
    names : list
        Of keys of `NAMES`.

    Raises
    ------
    _FoundError
        If it computes no rule; it carries the verdict.
    """
    look = subject.look()
    if not subject.again(look):
        raise _FoundError(_say("state"))
    rules = (subject.method.rule(sign) for sign in subject.method.signs)
    rule, names = next((rule for rule in rules if look.follows(rule)), None), []
    if rule is None:
        rule, names = _compared(subject, look)
    return rule, names + (["list"] if subject.replaced else [])


def _verdict(subject):
    """Look at a learner's function, and judge it."""
    method = subject.method
    rule, names = identify(subject)
    sign = next((s for s in method.signs if rule == method.rule(s)), None)
    if sign is None:
        if subject.returned and rule.x == {"x": ONE}:
            return _say("returned", *names)
        mistakes, sign = _mistakes(rule, method)
        names += mistakes
        if names == ["nothing"] or (names == ["x lost"] and method is SGD):
            return _say(*names)  # as of a starter that nobody has touched: without the formulas
        if names == mistakes and subject.walk(rule, (SHAPE,) * PARAMS):
            return _say("later", lines=subject.lines(rule))
        lines = subject.pair(rule, sign)
        end = (": {}", "：{}") if names else (".", "。")
        wrap = (f"你的代码算的是 {lines[0]}；要求的是 {lines[1]}{end[1]}",)
        wrap += (f"your code computes {lines[0]}; asked is {lines[1]}{end[0]}",)
        return _say(*names or [("", "")], wrap=wrap if lines[0] else ("{}", "{}"))
    if names:
        return _say(*names)
    asked = subject.lines(method.rule(sign))
    for special, (zh, en) in SPECIALS.items():
        try:
            look = subject.look(special)
            if look.follows(method.rule(sign)):
                continue
            mine = subject.lines(_compared(subject, look)[0])
        except _FoundError as found:
            (fault,) = found.args
            return wrong(zh + fault.zh, en + fault.en, f"special {special}: {fault.hint}")
        return wrong(
            f"{zh}你的代码算的是 {mine}；别的时候没有错，都是 {asked}。",
            f"{en}your code computes {mine}; otherwise it rightly computes {asked}.",
            f"special {special}",
        )
    for shapes in (OTHER_SHAPES, (SHAPE,) * PARAMS):
        departs = subject.walk(method.rule(sign), shapes)
        if departs is not None:
            return _say("later" if departs else "shapes", lines=asked)
    if sign < 0:
        return right(
            "这是 MXNet 的符号约定：v 里存的是负的速度，x 加上它。"
            "从零速度出发，参数的轨迹与不带负号的公式完全相同。",
            "this is MXNet's sign convention: v holds the negated velocity, and x adds it. From zero "
            "velocity the parameters move exactly as they do without the minus sign.",
        )
    if method is SGD:
        return right("参数每一步都与公式一致。", "the parameters follow the formula at every step.")
    return right(
        "参数和速度每一步都与公式一致。",
        "parameters and velocities follow the formula at every step.",
    )


def _called_with(update, method):
    """Give the verdict on a function that cannot take the arguments, else None."""
    try:
        inspect.signature(update).bind(*method.arguments)
    except TypeError as error:
        call = f"update({', '.join(method.arguments)})"
        return wrong(
            f"函数会这样调用：{call}，而它的参数对不上（{error}）。",
            f"the function is called as {call}, and does not take that: {error}.",
            "signature",
        )
    except Exception:  # a built-in without a signature, or whatever the learner's class raises
        return None
    if inspect.isgeneratorfunction(update):
        return wrong(
            "函数里有 yield，调用它时里面的代码并不运行：去掉 yield。",
            "with a `yield` in it, the function's code does not run when it is called: leave it out.",
            "yield",
        )
    return None


def diagnose(update, method=MOMENTUM, rng=None):
    """Say whether `update` is the method's update, and if not, what is wrong.

    Parameters
    ----------
    update : callable
        The learner's ``update(params, vs, lr, mom, batch_size)``, or for SGD
        ``update(params, lr, batch_size)``.
    method : Method, optional
        `MOMENTUM`, `OUTSIDE`, `NESTEROV` or `SGD`.
    rng : numpy.random.Generator, optional
        Draws the start and the gradients; a fresh one by default.

    Returns
    -------
    Verdict
    """
    if not callable(update):
        return no_function(update)
    if fault := _called_with(update, method):
        return fault
    try:
        return _verdict(Subject(update, method, rng or np.random.default_rng()))
    except _FoundError as found:
        return found.args[0]


def what_it_computes(update):
    """Print the formulas of an update, found out by calling it.

    Parameters
    ----------
    update : callable
        Any ``update(params, vs, lr, mom, batch_size)`` or ``update(params, lr, batch_size)``.
    """
    fault = None if callable(update) else no_function(update)
    for method in () if fault else (SGD, MOMENTUM):
        fault = _called_with(update, method)
        if not fault:
            break
    try:
        if not fault:
            subject = Subject(update, method, np.random.default_rng())
            rule, names = identify(subject)
            print(subject.lines(rule))
            fault = _say(*names) if names else None
    except _FoundError as found:
        (fault,) = found.args
    if fault:
        print(getattr(fault, language()))
