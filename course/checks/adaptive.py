"""Find out what an update of Adam's kind computes: the table that `updates` works by.

The new m is linear in m and g, the new s in s and g². The step is a numerator over √s and ε: so
the numerator by the step is linear in √s, and tells what stands where. Each is found by least
squares from random arrays, its coefficients recognized as products of factors.
"""

from functools import cache, lru_cache
from itertools import permutations, product
from typing import NamedTuple

import numpy as np

from course.checks import updates
from course.checks.updates import FLOAT, PARAMS, SHAPE, Subject, Table, Term
from course.checks.verdict import Verdict, no_function, right

# (η, β₁, β₂, ε, t, |B|, λ): as far from linear dependence, in the logarithms of FACTORS, as found.
SETTINGS = np.array(
    [
        (1.82, 0.33, 0.27, 0.19, 2, 9, 0.05),
        (1.27, 0.06, 0.05, 3.08, 3, 2, 0.44),
        (1.65, 0.91, 0.25, 1.84, 2, 9, 0.08),
        (0.72, 0.61, 0.92, 1.84, 8, 9, 0.56),
        (1.94, 0.93, 0.91, 0.84, 9, 8, 0.2),
        (0.65, 0.23, 0.11, 0.18, 9, 9, 0.1),
        (0.96, 0.87, 0.66, 0.35, 9, 4, 0.38),
        (1.28, 0.78, 0.83, 0.1, 9, 2, 0.61),
        (0.49, 0.52, 0.88, 1.59, 7, 3, 0.49),
        (1.49, 0.16, 0.25, 0.56, 9, 3, 0.22),
        (0.45, 0.07, 0.21, 3.11, 2, 2, 0.42),
        (0.34, 0.07, 0.16, 1.32, 6, 9, 2.23),
        (1.67, 0.45, 0.92, 0.99, 9, 3, 0.15),
        (1.09, 0.96, 0.25, 0.77, 2, 6, 0.49),
        (0.45, 0.53, 0.95, 2.81, 2, 7, 0.35),
        (1.22, 0.52, 0.77, 2.16, 3, 7, 0.05),
        (0.94, 0.18, 0.31, 0.07, 2, 4, 0.34),
        (1.95, 0.87, 0.27, 2.91, 9, 7, 0.34),
    ]
)
BASE = ("η", "β₁", "1−β₁", "β₂", "1−β₂", "1−β₁ᵗ", "1−β₂ᵗ", "ε", "|B|", "t", "λ", "1−ηλ")
# What may stand in place of a bias correction, 1−βᵗ.
INSTEAD = {
    "1−{b}ᵗ⁻¹": lambda b, t: 1 - b ** (t - 1),
    "1−{b}ᵗ⁺¹": lambda b, t: 1 - b ** (t + 1),
    "(1−{b})ᵗ": lambda b, t: (1 - b) ** t,
    "{b}ᵗ": lambda b, t: b**t,
    "1+{b}ᵗ": lambda b, t: 1 + b**t,
    "1−0.9ᵗ": lambda b, t: 1 - 0.9**t,
    "1−0.999ᵗ": lambda b, t: 1 - 0.999**t,
}
FACTORS = BASE + tuple(name.format(b=b) for b in ("β₁", "β₂") for name in INSTEAD)


def _columns(settings):
    """Give the FACTORS at each setting."""
    lr, b1, b2, eps, t, batch_size, decay = np.asarray(settings, dtype="float64").T
    base = [lr, b1, 1 - b1, b2, 1 - b2, 1 - b1**t, 1 - b2**t, eps, batch_size, t, decay]
    others = [of(b, t) for b in (b1, b2) for of in INSTEAD.values()]
    return np.column_stack([*base, 1 - lr * decay, *others])


def _term(number=1.0, **powers):
    """Make a term; by the names of the arguments in POWERS."""
    names = {
        "lr": 0,
        "b1": 1,
        "r1": 2,
        "b2": 3,
        "r2": 4,
        "c1": 5,
        "c2": 6,
        "eps": 7,
        "B": 8,
        "wd": 10,
        "shrunk": 11,
    }
    found = [0] * len(FACTORS)
    for name, power in powers.items():
        found[names[name]] = power
    return Term(number, tuple(found))


ONE, _SHRUNK = _term(), _term(shrunk=1)


def _subsets(decay):
    """Give the columns among which to look for factors: the base, then with what stands instead."""
    base = list(range(12 if decay else 10))
    count = len(INSTEAD)
    for first, second in product(
        [5, *range(12, 12 + count)], [6, *range(12 + count, 12 + 2 * count)]
    ):
        yield [first if k == 5 else second if k == 6 else k for k in base]


@cache
def _simple(width):
    """Give terms of few factors, of which a sum may be made."""
    found = [Term(n, (0,) * width) for n in (1.0, -1.0, 2.0, -2.0)]
    for i in range(width):
        for p in (1, -1):
            one = [0] * width
            one[i] = p
            found += [Term(1.0, tuple(one)), Term(-1.0, tuple(one))]
            for j, q in product(range(i), (1, -1)):
                two = list(one)
                two[j] = q
                found += [Term(1.0, tuple(two)), Term(-1.0, tuple(two))]
    return found


def _recognize(values, noise, decay):
    """Give the coefficient that has these values at SETTINGS: () is zero, None is none."""
    if not np.isfinite(values).all():
        return None
    if (abs(values) <= 3 * noise + 1e-7).all():
        return ()
    full = _columns(SETTINGS)
    found = None
    for subset in _subsets(decay):
        for _, term in updates._terms(
            values[None], noise, SETTINGS, lambda _, s=subset: full[:, s]
        ):
            found = (term,)
        if found:
            break
    if not found:
        subset = next(_subsets(decay))
        found = updates._recognize(
            values,
            noise,
            SETTINGS,
            lambda _: full[:, subset],
            lambda: _simple(len(subset)),
        )
    if not found:
        return found
    terms = []
    for term in found:
        powers = [0] * len(FACTORS)
        for k, power in zip(subset, term.powers):
            powers[k] = power
        terms.append(Term(term.number, tuple(powers)))
    return tuple(terms)


@lru_cache(maxsize=4096)
def _at(coefficient, setting):
    """Compute a coefficient at one setting."""
    return updates._value(coefficient, [setting], _columns)[0]


def _value(coefficient, settings):
    """Compute a coefficient at each setting."""
    return updates._value(coefficient, settings, _columns)


# What may enter, by the symbol with which it is written; `o` holds x, m, s, g and the new m and s.
SYMBOLS = {
    "m": lambda o: o["m"],
    "s": lambda o: o["s"],
    "g": lambda o: o["g"],
    "g²": lambda o: o["g"] ** 2,
    "|g|": lambda o: abs(o["g"]),
    "sign(g)": lambda o: np.sign(o["g"]),
    "√s": lambda o: np.sqrt(abs(o["s"])),
    "x": lambda o: o["x"],
    "x²": lambda o: o["x"] ** 2,
    "gx": lambda o: o["g"] * o["x"],
    "m²": lambda o: o["m"] ** 2,
    "mg": lambda o: o["m"] * o["g"],
    "": lambda o: 1 + 0 * o["g"],
}
SETS = {
    "m": ("m g", "m g x", "m g ", "m g²", "m g g²", "m |g|", "m g s", "s g²", "m sign(g)"),
    "s": (
        "s g²",
        "s g² ",
        "s g",
        "s |g|",
        "s g²  g",
        "m g",
        "s g² gx x²",
        "s g² x²",
        "s g² mg m²",
        "s x",
        "s √s g²",
        "s m g",
    ),
}
KINDS = {  # how s and ε make the denominator
    "root": (lambda s: np.sqrt(s), "√({s}) + {e}"),
    "inside": (lambda s: s, "√({s} + {e})"),
    "plain": (lambda s: s, "{s} + {e}"),
    "none": (lambda s: 0 * s, "{e}"),
}


class Step(NamedTuple):
    """The step that x subtracts: `over` / `under`, beside what it takes of x itself."""

    over: dict  # coefficients by symbol; "m" is the new one, "old m" the old
    kind: str = "root"
    of: str = "s"  # or "old s", "g²"
    b: tuple = ()
    e: tuple = ()
    beside: dict = {}  # noqa: RUF012 -- never changed

    def denominator(self, arrays, setting):
        """Compute the denominator, and how much more inexact it is for what cancels out in it."""
        with np.errstate(all="ignore"):
            s = KINDS[self.kind][0](_at(self.b, tuple(setting)) * arrays[self.of])
            e = _at(self.e, tuple(setting))
            under = np.sqrt(s + e) if self.kind == "inside" else s + e
            return under, (abs(s) + abs(e)) / np.maximum(abs(s + e), 1e-30)

    def apply(self, arrays, setting):
        """Give the step, and the sum of the sizes of what is added up to it."""
        under, inexact = self.denominator(arrays, setting)
        with np.errstate(all="ignore"):
            over = [_at(c, tuple(setting)) * arrays[n] / under for n, c in self.over.items()]
        beside = [_at(c, tuple(setting)) * arrays[n] for n, c in self.beside.items()]
        size = sum(map(abs, over), 0 * arrays["x"]) * inexact
        return sum(over + beside, 0 * arrays["x"]), sum(map(abs, beside), size)


class Rule(NamedTuple):
    """What an update computes; None in place of a line that is not recognized."""

    m: dict
    s: dict
    x: Step

    def arrays(self, old, setting):
        """Give all arrays by name, with the new m and s, and the sizes of these."""
        o = dict(zip("xmsg", old))
        sizes = []
        new = {}
        for line in "ms":
            coefficients = getattr(self, line)
            parts = [_at(c, tuple(setting)) * SYMBOLS[n](o) for n, c in coefficients.items()]
            new[line] = sum(parts, 0 * o["g"])
            sizes.append(sum(map(abs, parts), 0 * o["g"]))
        return _all_arrays(old, new["m"], new["s"], setting), sizes

    def apply(self, old, setting):
        """Give the new m, s and x, and the sizes of what they are made of."""
        arrays, sizes = self.arrays(old, setting)
        step, size = self.x.apply(arrays, setting)
        lost = sizes[0] - abs(arrays["m"])  # what cancels out in m is lost to the step
        with np.errstate(all="ignore"):
            size = size + abs(step) * lost / np.maximum(abs(arrays["m"]), 1e-30)
        new = np.stack([arrays["m"], arrays["s"], arrays["x"] - step])
        return new, np.stack([*sizes, size + abs(arrays["x"])])

    @property
    def known(self):
        """Tell whether every coefficient has been recognized."""
        if self.x is None or self.m is None or self.s is None:
            return False
        x = [*self.x.over.values(), *self.x.beside.values(), self.x.b, self.x.e]
        return None not in [*self.m.values(), *self.s.values(), *x]


def _all_arrays(old, m, s, setting):
    """Give all arrays by the names by which a step may use them.

    "m*" and "s*" are what m and s should become: where they do not change, the step may have them.
    """
    x, old_m, old_s, g = old
    _, b1, b2, _, _, batch_size, _ = setting
    known = {
        "x": x,
        "": 1 + 0 * g,
        "g": g,
        "g²": g**2,
        "m": m,
        "s": s,
        "old m": old_m,
        "old s": old_s,
    }
    known |= {"x²": x**2, "sign(x)": np.sign(x)}
    known["m*"] = b1 * old_m + (1 - b1) * g / batch_size
    known["s*"] = b2 * old_s + (1 - b2) * (g / batch_size) ** 2
    return known


class Method(NamedTuple):
    """What a learner is asked to write, and how it is called."""

    decay: bool = False

    @property
    def arguments(self):
        """Give the names of the arguments."""
        names = ("params", "states", "lr", "beta1", "beta2", "eps", "t", "batch_size")
        return (*names, "weight_decay") if self.decay else names

    @property
    def rule(self):
        """Give the rule asked for."""
        return Rule(
            {"m": (_term(b1=1),), "g": (_term(r1=1, B=-1),)},
            {"s": (_term(b2=1),), "g²": (_term(r2=1, B=-2),)},
            Step(
                {"m": (_term(lr=1, c1=-1),)},
                b=(_term(c2=-1),),
                e=(_term(eps=1),),
                beside={"x": (_term(lr=1, wd=1),)} if self.decay else {},
            ),
        )

    def call(self, update, *arguments):
        """Call the learner's function."""
        return update(*arguments)

    def given(self, held, setting):
        """Give what the function is called with."""
        lr, b1, b2, eps, t, batch_size, decay = setting
        states = list(zip(held[0], held[1]))
        numbers = [float(lr), float(b1), float(b2), float(eps), int(t), int(batch_size)]
        return [held[2], states, *numbers, *([float(decay)] if self.decay else [])]

    def lists(self, arguments):
        """Give the lists of arrays, as held, from among the arguments of a call."""
        pairs = [
            p if isinstance(p, (tuple, list)) and len(p) == 2 else (0, 0) for p in arguments[1]
        ]
        return [p[0] for p in pairs], [p[1] for p in pairs], arguments[0]


ADAM, ADAMW = Method(), Method(decay=True)


# How formulas are written.


def _sum(coefficients, rename=None):
    """Write a sum, as "β₁m + ((1−β₁)/|B|)g"."""
    text = ""
    for symbol, coefficient in coefficients.items():
        letter = (rename or {}).get(symbol, symbol)
        for term in coefficient if coefficient is not None else (None,):
            if term is None:
                part, minus = f"c·{letter}" if letter else "c", False
            else:
                part = updates._written(term, letter, FACTORS)
                minus = term.number < 0
            text += f" {'−' if minus else '+'} {part}" if text else "−" * minus + part
    return text or "0"


def _left(kept):
    """Give the factor that is left of x, where that is said better than what is subtracted."""
    if kept == (_SHRUNK,):
        return _term(lr=1, wd=1)
    if kept and len(kept) == 2 and kept[0] == ONE and kept[1].number < 0:
        return kept[1]._replace(number=-kept[1].number)
    return None


def _written(rule):
    """Write the three lines of a rule."""
    m, s = (
        f"{n} ← {_sum(line)}" if line is not None else f"{n} ← ?" for n, line in zip("ms", rule)
    )
    step = rule.x
    if step is None:
        return [m, s, "x ← ?"]
    old = {"old m": "m_old", "old s": "s_old"}
    for n, line, b, power in (("m", m, "β₁", ""), ("s", s, "β₂", "²")):
        was = n if line == f"{n} ← {n}" else f"{n}_old"
        old[f"{n}*"] = f"({b}{was} + ((1−{b})/|B|{power})g{power})"
    over = _sum(step.over, old) if step.over else ""
    inner = _sum({step.of: step.b}, old)
    e = _sum({"": step.e})
    bare = step.kind == "root" and inner.isalnum()
    if step.kind == "root":
        under = f"√{inner}" if bare else f"√({inner})"
        under += "" if e == "0" else f" − {e[1:]}" if e[0] == "−" else f" + {e}"
    elif step.kind == "none":
        under = ""
    else:
        under = KINDS[step.kind][1].format(s=inner, e=e).removesuffix(" + 0")
        under = under.replace(" + 0)", ")").replace("+ −", "− ")
    if len([t for c in step.over.values() for t in (c or (0,))]) > 1:
        over = f"({over})" if under else over
    minus = over.startswith("−") and not over.startswith("(")
    over = over.removeprefix("−") if minus else over
    move = (
        f" {'+' if minus else '−'} {over}" + (f"/({under})" if under else "") if step.over else ""
    )
    kept = dict(step.beside)
    if left := _left(kept.get("x")):
        del kept["x"]
    x = updates._written(left, "x", FACTORS) if left else "" if kept.get("x") == (ONE,) else "x"
    for symbol, coefficient in kept.items():
        for term in coefficient if coefficient is not None else (None,):
            part = f"c·{symbol}" if term is None else updates._written(term, symbol, FACTORS)
            x += "" if not x else f" {'+' if term and term.number < 0 else '−'} {part}"
    move = x + move
    if not x:  # no sign stands before what is first
        move = "−" * move.startswith(" −") + move[3:]
    return [m, s, f"x ← {move or '0'}"]


# What there is to say.

ROWS = {
    "a 1−β₁ᵗ 1, b 1−β₂ᵗ 1": (
        "m 和 s 的偏差修正都没有做：从零开始的平均，头几步都偏小。",
        "the bias correction of both m and s is missing: averages that start at zero are too small "
        "at first.",
    ),
    "a 1−β₁ᵗ 1": (
        "m 的偏差修正没有做：从零开始的平均，头几步都偏小。",
        "the bias correction of m is missing: an average that starts at zero is too small at first.",
    ),
    "b 1−β₂ᵗ 1": (
        "s 的偏差修正没有做：从零开始的平均，头几步都偏小。",
        "the bias correction of s is missing: an average that starts at zero is too small at first.",
    ),
    "a 1−β₂ᵗ 0.5, b 1−β₂ᵗ 1": (
        "这是 MXNet 放 ε 的位置：偏差修正乘在整个步子上，ε 没有跟着变；论文里 ε 加在修正过的 √ŝ 上。",
        "this is MXNet's place of ε: it corrects the bias in the step as a whole, and leaves ε as "
        "it is. In the paper ε is added to the root of the corrected s.",
    ),
    "a 1−β₂ᵗ 1, b 1−β₂ᵗ 1": (
        "s 的偏差修正提到了步子前面，却没有开方，ε 也没有跟着变。",
        "the bias correction of s is taken out of the root and put before the step, but not as a root, "
        "and ε is left as it is.",
    ),
    "a 1−β₁ᵗ 1, a 1−β₂ᵗ -1": (
        "m 的偏差修正用的是 β₂。",
        "the bias correction of m is made with β₂.",
    ),
    "b 1−β₂ᵗ 1, b 1−β₁ᵗ -1": (
        "s 的偏差修正用的是 β₁。",
        "the bias correction of s is made with β₁.",
    ),
    "km β₁ -1, km β₂ 1": ("旧的 m 乘的是 β₂；该乘 β₁。", "the old m carries β₂ instead of β₁."),
    "ks β₂ -1, ks β₁ 1": ("旧的 s 乘的是 β₁；该乘 β₂。", "the old s carries β₁ instead of β₂."),
    "gm 1−β₁ -1, gm 1−β₂ 1": (
        "m 里的梯度乘的是 1−β₂；该乘 1−β₁。",
        "the gradient in m carries 1−β₂ instead of 1−β₁.",
    ),
    "gs 1−β₂ -1, gs 1−β₁ 1": (
        "s 里的平方乘的是 1−β₁；该乘 1−β₂。",
        "the square in s carries 1−β₁ instead of 1−β₂.",
    ),
    "a η -1, a ε 1, e ε -1, e η 1": (
        "η 和 ε 互换了：η 乘步子，ε 加在分母里。",
        "η and ε are swapped: η multiplies the step, ε is added in the denominator.",
    ),
    "a ε -1": (
        "步子除以了 ε；ε 该加到 √s 上，不是乘。",
        "the step is divided by ε; ε is to be added to the root of s, not multiplied by it.",
    ),
    "gm |B| 0.5, gs |B| 1": (
        "梯度除以的是批量大小的平方根，应当除以批量大小本身。",
        "the gradient is divided by the square root of the batch size, not by the batch size.",
    ),
    "km sign -1": ("旧的 m 带了负号。", "the old m is subtracted; it is to be added."),
    "ks sign -1": ("旧的 s 带了负号。", "the old s is subtracted; it is to be added."),
    "gm sign -1": (
        "m 里的梯度带了负号。",
        "the gradient enters m with a minus sign; m averages the gradient as it is.",
    ),
    "gs sign -1": (
        "s 里的平方带了负号，于是根号里可能是负数。",
        "the square enters s with a minus sign, so that the root may be of something negative.",
    ),
    "e sign -1": (
        "ε 是减去的；应当加上。",
        "ε is subtracted in the denominator; it is to be added.",
    ),
    "b 1−β₂ᵗ -1": (
        "s 的偏差修正放到了根号外面：应当先修正 s，再开方。",
        "the bias correction of s stands outside the root: correct s first, then take the root.",
    ),
    "a 1−β₁ᵗ 2": (
        "m 的偏差修正反了：应当除以它，而不是乘以它。",
        "the bias correction of m is the wrong way round: divide by it instead of multiplying.",
    ),
    "b 1−β₂ᵗ 2": (
        "s 的偏差修正反了：应当除以它，而不是乘以它。",
        "the bias correction of s is the wrong way round: divide by it instead of multiplying.",
    ),
    "km 1−β₁ᵗ -1, gm 1−β₁ᵗ -1, a 1−β₁ᵗ 1": (
        "修正过的 m 存回了 m 里，下一步就在它上面接着平均：修正值要另放一个变量。",
        "the corrected m is stored in m itself, and the next average builds on it: keep it apart.",
    ),
    "ks 1−β₂ᵗ -1, gs 1−β₂ᵗ -1, b 1−β₂ᵗ 1": (
        "修正过的 s 存回了 s 里，下一步就在它上面接着平均：修正值要另放一个变量。",
        "the corrected s is stored in s itself, and the next average builds on it: keep it apart.",
    ),
    "km β₁ -1, km β₂ 1, gm 1−β₁ -1, gm 1−β₂ 1, ks β₂ -1, ks β₁ 1, gs 1−β₂ -1, gs 1−β₁ 1": (
        "β₁ 和 β₂ 互换了：β₁ 属于 m，β₂ 属于 s。",
        "β₁ and β₂ are swapped: β₁ belongs to m, β₂ to s.",
    ),
    "km β₁ -1, km 1−β₁ 1, gm 1−β₁ -1, gm β₁ 1": (
        "m 里 β₁ 和 1−β₁ 互换了：旧的 m 乘 β₁。",
        "β₁ and 1−β₁ are swapped in m: β₁ belongs to the old m.",
    ),
    "ks β₂ -1, ks 1−β₂ 1, gs 1−β₂ -1, gs β₂ 1": (
        "s 里 β₂ 和 1−β₂ 互换了：旧的 s 乘 β₂。",
        "β₂ and 1−β₂ are swapped in s: β₂ belongs to the old s.",
    ),
    "a 1−β₁ᵗ 1, a 1−β₂ᵗ -1, b 1−β₂ᵗ 1, b 1−β₁ᵗ -1": (
        "偏差修正里 β₁ 和 β₂ 互换了。",
        "β₁ and β₂ are swapped in the bias corrections.",
    ),
    "gm |B| 1, gs |B| 2": (
        "没有除以 batch_size；param.grad 是小批量中损失之和的梯度。",
        "the division by batch_size is missing; param.grad is the gradient of a summed loss.",
    ),
    "gm |B| 1, gs |B| 2, a |B| -1": (
        "除以 batch_size 的是步子；该除以它的是梯度，而且要在算 m 和 s 之前。",
        "batch_size divides the step; it is the gradient that is to be divided, before m and s.",
    ),
    "gm |B| 1": (
        "只有 s 用了除以 batch_size 的梯度；m 里的也要除。",
        "only s has the gradient divided by batch_size; the one in m is to be divided, too.",
    ),
    "gs |B| 2": (
        "只有 m 用了除以 batch_size 的梯度；s 里的也要除，而且是先除、再平方。",
        "only m has the gradient divided by batch_size; the one in s is to be divided as well, "
        "before it is squared.",
    ),
    "gs |B| 1": (
        "s 里的 g² 只除以了一次 batch_size：先除、再平方。",
        "in s the square is divided by batch_size only once: divide first, then square.",
    ),
    "gm |B| 2, gs |B| 4": (
        "梯度应当除以 batch_size，而不是乘以它。",
        "the gradient is multiplied by batch_size instead of divided by it.",
    ),
    "gm |B| -1, gs |B| -2": (
        "梯度除以了两次批量大小。",
        "the gradient is divided by the batch size twice.",
    ),
    "gm 1−β₁ -1": (
        "m 里的梯度没有乘 (1−β₁)：那是动量法的加权和，这里要的是加权平均。",
        "the gradient in m carries no (1−β₁): that is momentum's weighted sum; an average is asked.",
    ),
    "gs 1−β₂ -1": (
        "s 里的平方没有乘 (1−β₂)：那是加权和，这里要的是加权平均。",
        "the square in s carries no (1−β₂): that is a weighted sum; an average is asked.",
    ),
    "km β₁ -1": ("旧的 m 没有乘以 β₁。", "the old m is not multiplied by β₁: it never fades."),
    "ks β₂ -1": (
        "旧的 s 没有乘以 β₂：它只增不减，像 AdaGrad 那样。",
        "the old s is not multiplied by β₂: it never fades, as in AdaGrad.",
    ),
    "gm η 1, a η -1": (
        "学习率乘进了 m：它只该在更新 x 时乘。",
        "the learning rate is multiplied into m; it belongs where x is updated.",
    ),
    "gm η 1, gs η 2, a η -1": (
        "学习率乘进了梯度：m 和 s 里都有它；它只该在更新 x 时乘。",
        "the learning rate is multiplied into the gradient, and so into m and s; it belongs where x "
        "is updated.",
    ),
    "a η -1": ("步子没有乘以学习率。", "the step is not multiplied by the learning rate."),
    "a η -2": (
        "步子应当乘以学习率，而不是除以它。",
        "the step is divided by the learning rate instead of multiplied by it.",
    ),
    "decay η -1": (
        "权重衰减没有乘以学习率。",
        "the weight decay is not multiplied by the learning rate.",
    ),
    "decay λ -1": ("权重衰减没有乘以 λ。", "the decay is not multiplied by weight_decay."),
    "a 1−ηλ 1": (
        "先走了步子、再衰减：衰减的应当是更新之前的 x，而不是已经更新过的。",
        "x is decayed after the step: it is the x before the update that is to decay.",
    ),
    "fixed": updates.ROWS["fixed"],
    "first": updates.ROWS["first"],
    "factor": updates.ROWS["factor"],
    "carries": updates.ROWS["carries"],
}
for _part, _b, _name in (("a", "β₁", "m"), ("b", "β₂", "s")):
    _power = f"{_part} 1−{_b}ᵗ 1, {_part} "
    for _shape, _zh, _en in (
        ("1−{b}ᵗ⁻¹", "t 少了 1：t 已经从 1 数起", "with t − 1; t counts from 1 already"),
        ("1−{b}ᵗ⁺¹", "t 多了 1：t 已经从 1 数起", "with t + 1; t counts from 1 already"),
        ("(1−{b})ᵗ", "括号错了：乘方的是 β，不是 1−β", "with (1−β)ᵗ; it is β that has the power"),
        ("{b}ᵗ", "除的是 βᵗ", "by βᵗ itself; look at the sum of the average's weights"),
        ("1+{b}ᵗ", "正负号反了", "with a plus; look at the sum of the average's weights"),
        ("1−0.9ᵗ", "β 总是 0.9，要用传入的", "with 0.9 whatever is given; use the β given"),
        ("1−0.999ᵗ", "β 总是 0.999，要用传入的", "with 0.999 whatever is given; use the β given"),
    ):
        ROWS[f"{_power}{_shape.format(b=_b)} -1"] = (
            f"{_name} 的偏差修正里，{_zh}。",
            f"the bias correction of {_name} is made {_en}.",
        )
    ROWS[f"{_power}1−{_b} -1"] = (
        f"{_name} 的偏差修正与 t 无关：除的总是 1−{_b}。",
        f"the bias correction of {_name} does not depend on t: it is always 1−{_b}.",
    )
TABLE = Table(
    FACTORS,
    dict(sorted(ROWS.items(), key=lambda row: row[0].endswith("b 1−β₂ᵗ 1"))),  # it fits most
    {
        "km": ("旧的 m ", "the old m"),
        "gm": ("m 里的梯度", "the gradient in m"),
        "ks": ("旧的 s ", "the old s"),
        "gs": ("s 里的平方", "the square in s"),
        "a": ("步子", "the step"),
        "b": ("分母里的 s ", "s in the denominator"),
        "e": ("分母里加的数", "what is added in the denominator"),
        "decay": ("权重衰减", "the weight decay"),
    },
    {
        "η": "lr",
        "β₁": "beta1",
        "1−β₁": "1 - beta1",
        "β₂": "beta2",
        "1−β₂": "1 - beta2",
        "1−β₁ᵗ": "1 - beta1**t",
        "1−β₂ᵗ": "1 - beta2**t",
        "ε": "eps",
        "|B|": "batch_size",
        "λ": "weight_decay",
    },
)
_KEPT = (
    "如果写了 {n} = …，那只是让局部变量 {n} 指向另一个数组；要修改数组本身，用 {n}[:] = … 或 {n} *= …。",
    "If you wrote `{n} = …`, that only makes the local name {n} mean a new array; change the array "
    "itself, with `{n}[:] = …` or `{n} *= …`.",
)
NAMES = {
    "part only": (
        "数组只改了一部分，有的元素原封不动：m[0] 只是第一行，m[:] 才是整个数组。",
        "an array is changed in part only, and some of its elements stay as they were. `m[0]` is only "
        "the first row; `m[:]` is the whole array.",
    ),
    "last steps": (
        "每个 m 和 s 都更新了，动的却只有最后一个参数：更新 x 的那一行是不是没有缩进到循环里？",
        "every m and s is renewed, but only the last parameter moves. Is the line that updates x "
        "indented into the loop?",
    ),
}
NAMES |= {name: updates.NAMES[name] for name in ("x lost", "returned")} | {
    "nan": (
        "有的数变成了 nan 或无穷大：是不是开方的数是负的，或者除以了零？",
        "some numbers become nan or infinite. Is the root taken of something negative, or is there a "
        "division by zero?",
    ),
    "nan in x": (
        "m 和 s 对，步子里却有数变成了 nan 或无穷大：开方的数是不是可能为负（例如把 1 − β**t 写成了 "
        "1 − β*t），或者除以了零？",
        "m and s are right, but in the step some numbers become nan or infinite. Is the root taken of "
        "something that may be negative, as 1 − β*t is in place of 1 − β**t, or is there a division by "
        "zero?",
    ),
    "nothing": (
        "m、s 和参数都没有变。如果写了 m = …，那只是让局部变量指向另一个数组；要用 m[:] = …、"
        "param -= … 这样的原地写法。",
        "neither m nor s nor the parameters change. Assigning to a name, as `m = …` does, leaves the "
        "array as it was; update in place, with `m[:] = …`, `*=`, `+=` or `-=`.",
    ),
    "amsgrad": (
        "s 只增不减，取的是新旧两者中较大的：那是 AMSGrad。",
        "s never shrinks, as the larger of the old and the new one is taken: that is AMSGrad.",
    ),
    "s larger": (
        "新的 s 取的是两者中较大的，像 Adamax 那样；应当是加权平均。",
        "the new s is the larger of two, as in Adamax; it is to be an average.",
    ),
    "m lost": (
        f"m 没有变。{_KEPT[0]}".format(n="m"),
        f"m does not change. {_KEPT[1]}".format(n="m"),
    ),
    "s lost": (
        f"s 没有变。{_KEPT[0]}".format(n="s"),
        f"s does not change. {_KEPT[1]}".format(n="s"),
    ),
    "both lost": (
        f"m 和 s 都没有变。{_KEPT[0]}".format(n="m"),
        f"neither m nor s changes. {_KEPT[1]}".format(n="m"),
    ),
    "m fresh": (
        "m 没有变，步子里的 m 是从零算起的：每次调用都新建了 m？要用 states 里的那个，原地更新。",
        "m does not change, and the step has one that starts from zero. Is a new m made in each call? "
        "Take the one in states, and update it in place.",
    ),
    "s fresh": (
        "s 没有变，步子里的 s 是从零算起的：每次调用都新建了 s？要用 states 里的那个，原地更新。",
        "s does not change, and the step has one that starts from zero. Is a new s made in each call? "
        "Take the one in states, and update it in place.",
    ),
    "both fresh": (
        "m 和 s 都没有变，步子里的是从零算起的：每次调用都新建了它们？要用 states 里的，原地更新。",
        "neither m nor s changes, and the step has some that start from zero. Are new ones made in each "
        "call? Take those in states, and update them in place.",
    ),
    "list": (
        "新的数组放进了列表 states 或 params，原来的数组没有变；调用者留着的是数组。要修改数组本身，"
        "例如 m[:] = …。",
        "new arrays are put into a list, states or params, and the old ones stay as they were. The caller "
        "keeps the arrays: change them, as `m[:] = …` does.",
    ),
    "uphill": updates.NAMES["uphill"],
    "m overwritten": ("m 被覆盖了：旧的 m 丢了。", "m is overwritten: the old m is lost."),
    "s overwritten": ("s 被覆盖了：旧的 s 丢了。", "s is overwritten: the old s is lost."),
    "m without g": ("m 里没有梯度。", "the gradient does not enter m."),
    "s without g": ("s 里没有梯度。", "the gradient does not enter s."),
    "not squared": (
        "s 里的梯度没有平方：二阶矩是梯度平方的平均。",
        "the gradient in s is not squared: the second moment averages squares.",
    ),
    "absolute": (
        "s 里是梯度的绝对值，不是平方。",
        "s averages the gradient's absolute values, not its squares.",
    ),
    "of m": (
        "s 里平方的是 m，或者是它与梯度之差，而不是梯度。",
        "it is m, or its difference from the gradient, that is squared in s, not the gradient.",
    ),
    "m for g": (
        "s 里有 m，应当只有梯度的平方。",
        "m enters s, which is to average squares of the gradient alone.",
    ),
    "m decayed": (
        "m 乘了 β₁，梯度却没有进去。如果写了 m = m + …，那只是让局部变量 m 指向另一个数组，要用 m += …。",
        "m is multiplied, but the gradient does not get into it. If you wrote `m = m + …`, that only "
        "makes the local name m mean a new array; write `m += …`.",
    ),
    "s decayed": (
        "s 乘了 β₂，梯度的平方却没有进去。如果写了 s = s + …，那只是让局部变量 s 指向另一个数组，"
        "要用 s += …。",
        "s is multiplied, but the square does not get into it. If you wrote `s = s + …`, that only "
        "makes the local name s mean a new array; write `s += …`.",
    ),
    "m of sign": ("m 里只用了梯度的正负号。", "only the gradient's sign enters m."),
    "x for g": updates.NAMES["x itself"],
    "s rooted": (
        "开方之后存回了 s：s 里要留着没有开方的平均，开方只用在步子里。",
        "the root is stored in s itself, and the next average builds on it; take it in the step only.",
    ),
    "eps outside": (
        "ε 加到了整个步子上，没有进分母：是不是少了一对括号？",
        "ε is added to the step instead of the denominator. Is there a pair of parentheses missing?",
    ),
    "beside": (
        "步子旁边还加了一项，要求的公式里没有它。",
        "something is added beside the step that does not belong there.",
    ),
    "number beside": (
        "步子旁边加了一个光秃秃的数，没有乘 x。",
        "a bare number is added beside the step. Has it to be multiplied by x?",
    ),
    "parentheses": (
        "偏差修正少了括号：m/1 − βᵗ 是先除以 1、再减。",
        "a pair of parentheses is missing in a bias correction: m/1 − βᵗ divides by 1, then subtracts.",
    ),
    "times t": (
        "偏差修正里，β 乘了 t；应当是 β 的 t 次方，写成 beta**t。",
        "in a bias correction β is multiplied by t; it is to be the power, `beta**t`.",
    ),
    "positive": (
        "步子用的是 m 的绝对值：方向丢了。",
        "the step uses the size of m; its sign is lost.",
    ),
    "by m": (
        "步子除以的是 m 的大小，没有用到 s。",
        "the step is divided by the size of m; s is not used.",
    ),
    "no step": (
        "x 里没有 Adam 的步子：m 和 s 都没有用到。",
        "Adam's step is missing in x: neither m nor s is used.",
    ),
    "no m": ("步子的分子里没有 m。", "m is missing in the step's numerator."),
    "step shrunk": (
        "衰减的是步子；应当是 x。",
        "it is the step that is shrunk by the decay, instead of x.",
    ),
    "eps twice": (
        "ε 加了两次，根号里外各一次：只该在根号外面。",
        "ε is added twice, inside and outside the root; it belongs outside only.",
    ),
    "times": (
        "步子乘了 √s；应当除以它。",
        "the step is multiplied by the root of s; it is to be divided by it.",
    ),
    "power": (
        "分母的幂不对：应当是 s 的平方根，再加上 ε。",
        "the power in the denominator is wrong: it is to be the square root of s, and ε added.",
    ),
    "larger": (
        "分母取的是 √s 和 ε 中较大的；应当相加。",
        "the denominator is the larger of the root of s and ε; they are to be added.",
    ),
    "sign of m": ("步子只用了 m 的正负号。", "the step uses only the sign of m."),
    "m squared": (
        "m 里的梯度平方了。",
        "the gradient in m is squared; m averages the gradient itself.",
    ),
    "pair": (
        "states 里的一对是 (m, s)：m 在前，s 在后；你把两者颠倒了。",
        "each pair in states is (m, s), in this order; here they are taken the other way round.",
    ),
    "x in m and s": (
        "衰减 λx 加进了梯度，于是进了 m 和 s，被 √s 除：那是带 L2 的 Adam；AdamW 的衰减在外面，只碰 x。",
        "the decay is added to the gradient, and so enters m and s, and is divided by √s: that is Adam "
        "with L2. AdamW's decay stays outside and touches x alone.",
    ),
    "x in m": (
        "x 进了 m（是衰减吗？）；m 只平均梯度。",
        "x enters m (as a decay?), which is to average the gradient alone.",
    ),
    "x in s": (
        "x 进了 s（是衰减吗？）；s 只平均梯度的平方。",
        "x enters s (as a decay?), which is to average squares of the gradient.",
    ),
    "number": updates.NAMES["number"],
    "no root": (
        "分母里的 s 没有开方：步子的量纲不对，g 放大 10 倍，步子就变成十分之一。",
        "the root of s is missing in the denominator: with gradients 10 times as large the step would "
        "be a tenth.",
    ),
    "eps inside": (
        "ε 放到了根号里面：应当先开方，再加 ε。",
        "ε stands inside the root; take the root first, then add ε.",
    ),
    "no eps": (
        "分母里没有 ε，或者是一个极小的定值：要用传入的 eps。",
        "there is no ε in the denominator, or a tiny number of your own: use eps as given.",
    ),
    "s unused": ("步子没有除以 √s。", "the step is not divided by the root of s."),
    "m unused": (
        "步子的分子是当前的梯度，没有用到 m：那是 RMSProp。",
        "the step's numerator is the current gradient, not m: that is RMSProp.",
    ),
    "old m": (
        "步子用的是旧的 m：先更新 m，再用新的。",
        "the step uses the old m; update m first, then use the new one.",
    ),
    "old s": (
        "步子用的是旧的 s：先更新 s，再用新的。",
        "the step uses the old s; update s first, then use the new one.",
    ),
    "s of g": (
        "步子除以的是当前梯度的大小，没有用到 s。",
        "the step is divided by the size of the current gradient; s is not used.",
    ),
    "nadam": (
        "分子里除了 m 还单独有梯度：那是 Nadam 的往前多看一步。",
        "besides m, the gradient stands in the numerator by itself, as in Nadam, which looks ahead.",
    ),
    "m and old m": (
        "分子里除了新的 m 还有旧的 m。",
        "besides the new m, the old one stands in the numerator.",
    ),
    "x replaced": (
        "参数原来的值丢了：x 被替换了。是不是把 param -= … 写成了 param[:] = …？",
        "the old values of the parameters are lost: x is replaced. Did `param -= …` become "
        "`param[:] = …`?",
    ),
    "no decay": (
        "没有权重衰减。如果写了 param = …，那只是让局部变量指向另一个数组，衰减就丢了。",
        "there is no weight decay. If you wrote `param = …`, that only makes the local name mean a new "
        "array, and the decay is lost.",
    ),
    "decay up": (
        "权重衰减的正负号反了：x 应当变小。",
        "the weight decay has the wrong sign: it is to make x smaller.",
    ),
    "decay scaled": (
        "衰减放到了分子里，被 √s 除了：AdamW 的衰减在步子旁边，不被它缩放。",
        "the decay stands in the numerator, where √s divides it; AdamW's stands beside the step, "
        "and is not scaled.",
    ),
    "decay not of x": (
        "衰减的不是 x 本身，而是它的符号、平方，或者是梯度。",
        "what decays is not x itself, but its sign, its square or the gradient.",
    ),
    "decay after": ROWS["a 1−ηλ 1"],
    "decay twice": ("衰减做了两次。", "the decay is made twice."),
    "decay alone": (
        "旧的 x 只剩下 ηλx：那是要减去的。",
        "only ηλx is left of the old x; that is what is to be subtracted.",
    ),
    "decay other": (
        "旧的 x 乘的不是 1−ηλ。",
        "what multiplies the old x is not 1−ηλ.",
    ),
    "x shrinks": updates.NAMES["x shrinks"],
    "first only": updates.NAMES["first only"],
    "last only": updates.NAMES["last only"],
    "some only": updates.NAMES["some only"],
    "state": updates.NAMES["state"],
    "shared": (
        "一个参数更新成什么，取决于别的参数的 m、s 或梯度：每个参数要用自己的。",
        "what becomes of a parameter depends on the m, s or gradient of another; each has its own.",
    ),
    "elements": updates.NAMES["elements"],
    "unequal": (
        "各个参数的更新不一样，前面的是 {first}，后面的是 {last}：是不是有的行没有写进循环，或者循环里有 "
        "return，或者循环里改了 lr、t 这样的变量？",
        "the parameters are updated differently, an early one by {first}, a late one by {last}. Is a line "
        "outside the loop, a `return` inside it, or a variable such as `lr` or `t` changed there?",
    ),
    "m unknown": (
        "新的 m 不是旧的 m 和 g 的线性组合：应当是两者的加权平均。",
        "the new m is not made of numbers times the old m and g, added up; it is an average of both.",
    ),
    "s unknown": (
        "新的 s 不是旧的 s 和 g² 的线性组合：应当是两者的加权平均。",
        "the new s is not made of numbers times the old s and g², added up; it is an average of both.",
    ),
    "x unknown": (
        "不论带什么系数，步子都不是 m 除以“√s 加 ε”这种样子。",
        "whatever the factors, the step is not of the form of m over the root of s and ε.",
    ),
    "c": (
        "c 是一个数，不是 η、1−β₁ᵗ 这些该有的因子之积：看看那里的系数是怎么算的。",
        "c is a number, but no product of factors such as η or 1−β₁ᵗ. How is what stands there computed?",
    ),
    "repeated": (
        "每次调用里 m 和 s 更新了不止一次：循环是不是套了循环，或者更新写了两遍？",
        "m and s are updated more than once in each call. Is there a loop inside a loop, or the update "
        "made twice?",
    ),
    "later": (
        "第一次更新对，之后就不对了：是不是有什么东西从前面的调用留了下来？",
        "the first update is right, later ones are not. Is anything kept from the calls before?",
    ),
    "first update": (
        "从零开始的第一次更新（t = 1）不对，别的都对。",
        "the first update, at t = 1 and from states of zero, is wrong; the others are right.",
    ),
    "shapes": updates.NAMES["shapes"],
    "one": (
        "只有一个参数、批量大小为 1 或梯度全为零时不对，别的时候都对。",
        "with a single parameter, batch size 1 or gradients of zero it goes wrong; otherwise it is right.",
    ),
}


def _say(*names, wrap=("{}", "{}"), **values):
    """Make a verdict of names, or of pairs of sentences; its hint is named by the names."""
    found = updates._say(
        *[NAMES.get(n, n) if isinstance(n, str) else n for n in names], wrap=wrap, **values
    )
    hint = "; ".join(n if isinstance(n, str) else _row_of(n) for n in names)
    return Verdict(found.kind, found.zh, found.en, hint)


def _row_of(pair):
    return next((row for row, words in ROWS.items() if words == pair), "factor")


# What is observed.


class Watched(Subject):
    """A learner's function of Adam's kind, to be looked at."""

    def draw(self, shapes):
        """Draw x, m, s and g, so that each dominates in some elements; s is positive."""

        def drawn(shape, which):
            large = np.arange(np.prod(shape)).reshape(shape) % 4 == which
            size = 10 ** (self.rng.uniform(-1, 1, shape) + 1.5 * large)
            return self.rng.choice([-1, 1], shape) * size

        x, m, s, g = ([drawn(shape, which) for shape in shapes] for which in range(4))
        return [x, m, [a**2 for a in s], [4 * a for a in g]]

    def seen(self, zero=False):
        """Call the function at each setting; give the arrays before and after."""
        before = np.array([self.draw_flat(PARAMS) for _ in SETTINGS], dtype="float64")
        if zero:
            before[:, 0] = 0
        after = [self.step(old, setting) for old, setting in zip(before, SETTINGS)]
        return before, np.array(after)


def _follows(rule, before, after, settings):
    """Tell whether each new m, s and x is that of the rule, to float32 accuracy."""
    for old, new, setting in zip(before, after, settings):
        expected, size = rule.apply(old, setting)
        if not (abs(new - expected) <= FLOAT * (size + 1e-6)).all():
            return False
    return True


def _solve(design, target, floor):
    """Fit `target`, as `updates._solve` does; what is not finite fits nothing."""
    if np.isfinite(design).all() and np.isfinite(target).all():
        return updates._solve(design, target, floor)
    none = np.zeros(design.shape[1])
    return none, none, False


def _line(line, before, after, decay):
    """Find the coefficients of a line, by symbol; None if it is no sum of what is known."""
    for names in SETS[line]:
        symbols = list(dict.fromkeys(names.split(" ")))
        values, noise, fits = [], [], True
        for old, new in zip(before, after):
            o = dict(zip("xmsg", old))
            design = np.column_stack([SYMBOLS[n](o) for n in symbols])
            found, error, good = _solve(design, new, 1e-5 * abs(design).sum(axis=1))
            values.append(found)
            noise.append(error)
            fits &= good
            if not fits:
                break
        if fits:
            values, noise = np.array(values), np.array(noise)
            found = {n: _recognize(values[:, k], noise[:, k], decay) for k, n in enumerate(symbols)}
            return {n: c for n, c in found.items() if c != ()}
    return None


def _quotient(form, before, after, news, decay):
    """Try a form of the step, from calls with x = 0, and give the step if it fits.

    With the step D = a·n/(√(b·s) + e), n is linear in D·√s and D; so is the square of n/D in s
    where ε is inside the root. What stands beside, κ·y, adds y·√s and y.
    """
    (first, *rest), kind, of, extra = form
    values, noise, uphill = [], [], []
    for old, new, (m, s), setting in zip(before, after, news, SETTINGS):
        arrays = _all_arrays(old, m, s, setting)
        n, step = arrays[first], -new
        if (arrays[of] < 0).any() or not step.all() or not n.any():
            return None
        uphill.append(np.sign(new * n))
        f = KINDS[kind][0](arrays[of])
        floor = 1e-6
        if first == "m*":  # it is not read but computed: what cancels out in it, the step has lost
            kept = setting[1] * arrays["old m"]
            floor = 0.01 * (abs(kept) + abs(n - kept)) / abs(n)
        if kind == "inside":
            design, target = np.column_stack([f, 1 + 0 * f]), (n / step) ** 2
        else:
            columns = [step * f, step, *(arrays[k] for k in rest)]
            columns += [] if extra is None else [SYMBOLS[extra](arrays) * y for y in (f, 1)]
            scale = 1 if rest or extra is not None else abs(step)
            design, target = np.column_stack(columns) / np.reshape(scale, (-1, 1)), n / scale
        if kind == "none":
            design = design[:, 1:]
        if not np.isfinite(design).all() or not np.isfinite(target).all():
            return None
        found, error, good = _solve(design, target, floor * abs(target))
        if not good:
            return None
        zero = [0.0] if kind == "none" else []
        values.append([*zero, *found])
        noise.append([*zero, *error])
    values, noise = np.array(values), np.array(noise)
    main = np.where(abs(values[:, 0]) > abs(values[:, 1]), values[:, 0], values[:, 1])
    sign = -1 if (np.mean(uphill) > 0 if kind == "inside" else np.median(main) < 0) else 1
    of_square = kind == "inside"  # which has no sign
    q1, q0 = (values[:, k] * (1 if of_square else sign) for k in (0, 1))
    one, none = (_recognize(q, noise[:, k], decay) for k, q in enumerate((q1, q0)))
    if kind == "none":
        if none == ():
            return None
        b, e, a, error = (), (ONE,), 1 / q0, noise[:, 1] / abs(q0)
    elif one == ():
        return None  # s is not used
    else:
        a, b, e, error = _shared_out(kind, (q1, noise[:, 0], one), (q0, noise[:, 1], none), decay)
    a = sign * a
    coefficients = {first: _recognize(a, abs(a) * error, decay)}
    for k, name in enumerate(rest, 2):
        value = -a * values[:, k]
        coefficients[name] = _recognize(value, abs(value) * error + abs(a) * noise[:, k], decay)
    coefficients = {n: c for n, c in coefficients.items() if c != ()}
    beside = {}
    if extra is not None:
        kappa = -values[:, 2] / values[:, 0]
        spread = noise[:, 2] / abs(values[:, 0]) + 1e-5 * abs(kappa)
        beside = {extra: _recognize(kappa, spread, decay)}
    return Step(coefficients, kind, of, b, e, beside)


def _shared_out(kind, by_s, alone, decay):
    """Give a, b and e of D = a·n/(√(b·s) + e), of which the fit tells only the ratios.

    So ε is given the factors of ε, and the step what is left; unless b and a come out as asked
    when ε takes all that differs.
    """
    (q1, noise1, one), (q0, noise0, none) = by_s, alone
    power = 2 if kind == "root" else 1  # of what b carries, by what q1 does
    if none == ():
        share = [0] * len(FACTORS)
        if one and len(one) == 1:
            share[6] = one[0].powers[6]  # 1−β₂ᵗ goes with s
        b = (Term(1.0, tuple(p * power for p in share)),)
        scale = _value((Term(1.0, tuple(share)),), SETTINGS) / q1
        error = noise1 / abs(q1)
        e = ()
    else:
        single = [c[0] if c and len(c) == 1 else None for c in (one, none)]
        if all(single) and kind == "root":
            asked_b = _term(c2=-0.5)
            a = asked_b.times(single[0], -1)
            e = single[1].times(a)
            rest = e.times(_term(eps=1), -1)
            unusual = abs(e.number) != 1 or any(rest.powers)
            usual = single[0].powers[6] == -0.5 and single[1].powers[7] < 1
            usual |= a == _term(lr=1, c1=-1) and rest.powers[6] != -0.5  # MXNet's
            if usual or not unusual:
                return _value((a,), SETTINGS), (_term(c2=-1),), (e,), noise1 / abs(q1)
        if single[1]:
            powers = [p if k == 7 else 0 for k, p in enumerate(none[0].powers)]
            number = none[0].number
            if single[0]:  # what both carry is the step's
                number = float(f"{number / abs(one[0].number):.5g}")
            e = (Term(number, tuple(powers)),)
        else:
            e = (_term(eps=2 if kind == "inside" else 1),)
        scale = _value(e, SETTINGS) / q0
        error = noise0 / abs(q0)
        value = q1 * scale
        spread = noise1 * abs(scale) + abs(value) * error
        if kind == "root":
            value, spread = value**2, 2 * abs(value) * spread
        b = _recognize(value, spread, decay)
    if kind == "inside":
        return np.sqrt(abs(scale)), b, e, error / 2
    return scale, b, e, error


FORMS = [
    *product([("m",)], ("root", "inside", "plain"), ("s", "old s", "g²"), [None]),
    *product([("old m",), ("g",)], ("root", "inside", "plain"), ("s", "old s"), [None]),
    *product([("m",), ("g",), ("old m",)], ("none",), ("s",), [None]),
    *product(
        [("m", "g"), ("m", "old m"), ("old m", "g")], ("root", "plain"), ("s", "old s"), [None]
    ),
    (("g",), "root", "g²", None),
    (("m", "g"), "none", "s", None),
    *product([("m",)], ("root", "plain"), ("s",), ["", "g"]),
    (("",), "root", "s", None),
]


def _forms(wrong):
    """Give FORMS, with what m and s should become in place of the lines that are wrong."""
    swapped = [
        (tuple("m*" if n == "m" and "m" in lost else n for n in over), kind, of, extra)
        for lost in ({"m"}, {"s"}, {"m", "s"})
        if lost <= wrong
        for over, kind, of, extra in FORMS[:3]
        for of in ("s*" if "s" in lost else of,)
    ]
    return [*FORMS[:3], *swapped, *FORMS[3:]]


# Steps of no form, by what is to be said of them.
IMITATED = {
    "parentheses": lambda m, s, e: [],  # see _imitated
    "times t": lambda m, s, e: [],
    "positive": lambda m, s, e: [abs(m) / (np.sqrt(s) + e)],
    "by m": lambda m, s, e: [m / (abs(m) + e), m / (m**2 + e), m / np.sqrt(m**2 + e)],
    "eps twice": lambda m, s, e: [m / (np.sqrt(s + k) + e) for k in (e, e**2)],
    "times": lambda m, s, e: [m * (np.sqrt(s) + e), m * np.sqrt(s + e), m * np.sqrt(s)],
    "power": lambda m, s, e: [
        *(m / (s**k + e) for k in (0.25, 1 / 3, 2, 3)),
        m / (np.sqrt(s) + e) ** 2,
    ],
    "larger": lambda m, s, e: [m / np.maximum(np.sqrt(s), e)],
    "sign of m": lambda m, s, e: [np.sign(m), np.sign(m) / (np.sqrt(s) + e)],
}


def _imitated(before, after, news):
    """Give the name of a step in IMITATED that goes as this one does, or None."""
    left = set()
    for k, (new, (m, s), setting) in enumerate(zip(after, news, SETTINGS)):
        lr, b1, b2, eps, t, *_ = setting
        now = set()
        for (name, of), first, second in product(IMITATED.items(), (1, 0), (1, 0)):
            over = m / (1 - b1**t) ** first
            if name == "parentheses":
                if first and second:  # m/1 - β₁ᵗ, s/1 - β₂ᵗ, with or without
                    powers = [(m - b1**t, s / (1 - b2**t)), (over, abs(s - b2**t)), (m - b1**t, s)]
                    powers += [(m - b1**t, abs(s - b2**t)), (m - b1**t, np.maximum(s - b2**t, 0))]
                    found = [n / (np.sqrt(u) + eps) for n, u in powers]
                else:
                    found = []
            elif name == "times t":
                over = lr * m / (1 - (b1 * t if first else b1**t))
                under = s / (1 - (b2 * t if second else b2**t))
                found = [over / (np.sqrt(abs(under)) + eps)] if first or second else []
            else:
                found = of(over, s / (1 - b2**t) ** second, eps)
            for i, step in enumerate(found):
                ratio = new / step
                if (
                    np.isfinite(ratio).all()
                    and ratio.all()
                    and np.ptp(ratio) <= FLOAT * abs(ratio).max()
                    and (name != "times t" or abs(ratio + 1).max() <= 10 * FLOAT)
                ):
                    now.add((name, first, second, i))
        left = now if k == 0 else left & now
    return min(left)[0] if left else None


def _step(look, zero, news, zero_news, lost, decay):
    """Find the step; None if it is of no form that is known."""
    before, after = zero
    if (after == before[:, 0]).all() and (look[1] == look[0][:, 0]).all():
        return Step({})
    step = Step({}) if not after.any() else None
    for form in _forms(lost) if step is None else ():
        step = _quotient(form, before, after, zero_news, decay)
        if step:
            break
    if step is None:
        return None
    if None in (*step.over.values(), *step.beside.values(), step.b, step.e):
        return step
    rest = []
    for old, new, (m, s), setting in zip(*look, news, SETTINGS):
        arrays = _all_arrays(old, m, s, setting)
        moved, size = step.apply(arrays, setting)
        under = step.denominator(arrays, setting)[0] if step.over else 1 + 0 * old[0]
        design = np.column_stack([old[0], old[0] / under, old[0] ** 2, np.sign(old[0])])
        rest.append((design, old[0] - new - moved, abs(old[0]) + size))
    for entering in ([0], [1], [0, 1], [2], [3]):
        values, noise = [], []
        for design, left, size in rest:
            columns = design[:, entering]
            found, error, _ = _solve(columns / size[:, None], left / size, 1.0)
            off = abs(left - columns @ found) / (size + abs(columns) @ abs(found))
            if not (off <= FLOAT).all():
                break
            values.append(found)
            noise.append(np.maximum(error, 1e-6))
        else:
            values, noise = np.array(values), np.array(noise)
            for k, n in enumerate(entering):
                found = _recognize(values[:, k], noise[:, k], decay)
                if found == ():
                    continue
                if n == 1:
                    step = step._replace(over=step.over | {"x": found})
                else:
                    name = {0: "x", 2: "x²", 3: "sign(x)"}[n]
                    step = step._replace(beside=step.beside | {name: found})
            return step
    return None


def _differ(parts, asked):
    """Say how the parts' terms differ from those asked for."""
    differences = {}
    for part, term in parts.items():
        if term:
            differences |= updates._differences(part, term, asked[part], FACTORS)
            if term.number < 0 and part not in ("a", "decay"):
                differences[part, "sign"] = -1
    return updates._of_powers(differences, parts, asked, TABLE)


def _one(coefficient):
    return coefficient[0] if coefficient and len(coefficient) == 1 else None


def _mistakes(rule, method):
    """Name the mistakes in a rule that is not the one asked for."""
    m, s, step = rule
    still = {line for line in "ms" if getattr(rule, line) == {line: (ONE,)}}
    stays = step is not None and not step.over and not step.beside
    if len(still) == 2 and stays:
        return ["nothing"]
    names = []
    if len(still) == 2:
        names.append("both lost")
    elif still:
        names.append("m lost" if "m" in still else "s lost")
    parts = dict.fromkeys(("km", "gm", "ks", "gs", "a", "b", "e", "decay"))
    in_m, in_s = m is not None and "x" in m, s is not None and bool({"x", "x²", "gx"} & set(s))
    for line in (m, s):
        if line and {"x", "x²"} & set(line) and not {"g", "g²"} & set(line):
            names += [] if "x for g" in names else ["x for g"]
            in_m, in_s = in_m and line is not m, in_s and line is not s
    if in_m and in_s:
        names.append("x in m and s")
    elif in_m or in_s:
        names.append("x in m" if in_m else "x in s")
    if m is None:
        names.append("m unknown")
    elif "m" not in still:
        names += ["m overwritten"] if "m" not in m else []
        names += ["m squared"] if "g²" in m else []
        names += ["m of sign"] if "sign(g)" in m else []
        if not {"g", "g²", "x", "sign(g)", "|g|"} & set(m):
            by_hidden = step is not None and "m*" in step.over and "m" in m
            names.append("m decayed" if by_hidden else "m without g")
        names += ["number"] if "" in m else []
        parts |= {"km": _one(m.get("m")), "gm": _one(m.get("g"))}
    if s is None:
        names.append("s unknown")
    elif "s" not in still:
        names += ["s overwritten"] if "s" not in s else []
        names += ["not squared"] if "g" in s or "m" in s else []
        names += ["absolute"] if "|g|" in s else []
        names += ["of m"] if "m²" in s else ["m for g"] if {"m", "mg"} & set(s) else []
        if set(s) == {"s"}:
            by_hidden = step is not None and step.of == "s*"
            names.append("s decayed" if by_hidden else "s without g")
        names += ["number"] if "" in s and "number" not in names else []
        plain = not {"m²", "mg"} & set(s)
        parts |= {"ks": _one(s.get("s")), "gs": _one(s.get("g²")) if plain else None}
    if step is None:
        names += [] if "m unknown" in names or "s unknown" in names else ["x unknown"]
    elif stays:
        names.append("x lost")
    else:
        over = set(step.over) - {"x"}
        names += [] if over else ["no step"]
        first, share = (_one(c) for c in (next(iter(step.over.values()), None), step.b))
        fresh = {"m"} if over == {"g"} and first and first.powers[2] == 1 else set()
        fresh |= {"s"} if step.of == "g²" and share and share.powers[4] == 1 else set()
        if fresh & still:
            names = [n for n in names if not n.endswith("lost")]
            names.append("both fresh" if len(fresh & still) == 2 else f"{min(fresh & still)} fresh")
        if "m" in fresh:
            pass
        elif over == {"g"}:
            names.append("m unused")
        elif over == {""}:
            names.append("no m")
        elif over == {"old m"}:
            names.append("old m")
        elif len(over) == 2:
            names.append("nadam" if "g" in over else "m and old m")
        if not over:
            pass
        elif step.kind == "none":
            names.append("s unused")
        else:
            names += {"old s": ["old s"], "g²": [] if "s" in fresh else ["s of g"]}.get(step.of, [])
            names += {"plain": ["no root"], "inside": ["eps inside"]}.get(step.kind, [])
            names += ["no eps"] if step.e == () else []
            parts |= {"b": _one(step.b) if step.of != "g²" else None, "e": _one(step.e)}
            if step.kind == "inside" and parts["e"]:  # inside, a square of ε is no other mistake
                parts["e"] = None
        if len(over) == 1 and over != {""}:
            parts["a"] = first
        if first and first.number < 0 and step.beside.get("x") != (ONE,):
            if parts["gm"] and parts["gm"].number < 0:
                pass  # a negated m, added: the path is the one asked for, the formula is not
            else:
                names.append("uphill")
        kept = step.beside.get("x", ())
        others = set(step.beside) - {"x"}
        if others:
            eps = step.e == () and "" in others
            of_x = method.decay and others <= {"x²", "sign(x)", "g"}
            beside = "number beside" if "" in others else "decay not of x" if of_x else "beside"
            names.append("eps outside" if eps else beside)
            names = [n for n in names if n != "no eps" or not eps]
        share = _one(kept) or _term(wd=1)
        for one, other in permutations(next(iter(step.over.values()), None) or (), 2):
            if other == one.times(share._replace(number=-share.number)):  # (η − ηλ)m, say
                names.append("decay after" if kept else "step shrunk")
                parts["a"] = one
        if "x" in step.over:
            names.append("decay scaled" if method.decay else "x shrinks")
        elif kept == (ONE,):
            names.append("x replaced")
        elif (kept or kept is None) and not method.decay:
            names.append("x shrinks")
        elif kept or kept is None:
            left = _left(kept)
            decay = None if left else _one(kept)
            known = {_SHRUNK.times(_SHRUNK): "decay twice", _term(lr=1, wd=1): "decay alone"}
            names += [] if decay else [known.get(left, "decay other")]
            names += ["decay up"] if decay and decay.number < 0 else []
            parts["decay"] = decay
        elif method.decay and not (in_m or in_s or others or "step shrunk" in names):
            names.append("no decay")
        undecayed = kept in ((), (ONE,)) and "x" not in step.over
        if parts["a"] and parts["a"].powers[11] and undecayed:
            names = [n for n in names if n != "no decay"] + (["step shrunk"] if not kept else [])
            powers = [0 if k == 11 else p for k, p in enumerate(parts["a"].powers)]
            parts["a"] = Term(parts["a"].number, tuple(powers))
    if any(parts["km"] == _term(b1=n) and parts["ks"] == _term(b2=n) for n in range(2, 7)):
        return ["repeated"]  # which makes all else look odd
    asked = {"km": _term(b1=1), "gm": _term(r1=1, B=-1), "ks": _term(b2=1)}
    asked |= {"gs": _term(r2=1, B=-2), "a": _term(lr=1, c1=-1), "b": _term(c2=-1)}
    asked |= {"e": _term(eps=1), "decay": _term(lr=1, wd=1)}
    for line, share in (("m", "r1"), ("s", "r2")):  # by itself g is no weighted sum
        if f"{line} overwritten" in names and parts[f"g{line}"]:
            whole = asked[f"g{line}"].times(_term(**{share: 1}), -1)
            asked |= {f"g{line}": whole} if parts[f"g{line}"] == whole else {}
    if parts["a"] and parts["a"].powers[7] < 0:
        names = [n for n in names if n != "no eps"]
    if "m unused" in names:
        asked["a"] = _term(lr=1, B=-1)
    elif step is not None and set(step.over) == {"g"}:  # a new m, of zeros
        asked["a"] = _term(lr=1, r1=1, B=-1, c1=-1)
    return [*names, *dict.fromkeys(_differ(parts, asked))]


def identify(subject):
    """Find out what a learner's function computes.

    Returns
    -------
    rule : Rule
    names : list
        Of keys of NAMES: what is wrong whatever is asked for.
    """
    method = subject.method
    look = subject.seen()
    if not np.array_equal(subject.step(look[0][0], SETTINGS[0]), look[1][0], equal_nan=True):
        raise updates._FoundError(_say("state"))
    if _follows(method.rule, *look, SETTINGS):
        return method.rule, []
    zero = subject.seen(zero=True)
    still = (look[1] == look[0][:, [1, 2, 0]]).all(axis=(0, 3))  # by line and parameter
    names, moved = [], np.flatnonzero(~still.all(axis=0)).tolist()
    if 0 < len(moved) < PARAMS:
        names.append(
            {(0,): "first only", (PARAMS - 1,): "last only"}.get(tuple(moved), "some only")
        )
    elif moved and still[2, :-1].all() and not still[2, -1]:
        names, moved = ["last steps"], moved[-1:]
    rules = []
    for i in moved or [0]:
        before, after = look[0][:, :, i], look[1][:, :, i]
        start, end = zero[0][:, :, i], zero[1][:, :, i]
        lines = {}
        for k, line in enumerate("ms"):
            finite = np.isfinite(after[:, k]).all()
            lines[line] = _line(line, before, after[:, k], method.decay) if finite else None
            if not finite:
                raise updates._FoundError(_say("nan"))
        if lines["m"] and lines["s"] and "g²" in lines["m"] and "g" in lines["s"]:
            raise updates._FoundError(_say("pair"))
        lost = {n for n in "ms" if lines[n] != getattr(method.rule, n)}
        step = None
        finite = np.isfinite(after).all() and np.isfinite(end).all()
        if finite:
            news, zero_news = after[:, :2], end[:, :2]
            looked = (before, after[:, 2]), (start, end[:, 2])
            step = _step(*looked, news, zero_news, lost, method.decay)
        if lines["s"] is None:
            ratio = after[:, 1] / before[:, 2]
            least = ratio.min(axis=1, keepdims=True)
            if (np.isclose(ratio, least, rtol=1e-5).sum(axis=1) > 1).all():  # of many elements
                raise updates._FoundError(
                    _say("amsgrad" if (least > 1 - 1e-5).all() else "s larger")
                )
        if lines["s"] is None and _line("s", before, after[:, 1] ** 2, method.decay):
            names.append("s rooted")
        vague = step is None or None in (*step.over.values(), step.b)
        if finite and vague and None not in lines.values():
            imitated = _imitated(start, end[:, 2], end[:, :2])
            names, step = ([*names, imitated], None) if imitated else (names, step)
        rule = Rule(lines["m"], lines["s"], step)
        if rule.known and not _follows(rule, before, after, SETTINGS):
            rule = rule._replace(x=None)
        rules.append(rule)
        if not finite:
            names.append("nan")
            break
        if not (rule.known and len(moved) > 1):
            break
        if all(_follows(rule, look[0][:, :, j], look[1][:, :, j], SETTINGS) for j in moved):
            break
    rule = rules[0]
    fits = rule.known and all(
        _follows(rule, look[0][:, :, j], look[1][:, :, j], SETTINGS) for j in moved
    )
    if not fits and "nan" not in names:
        _dependence(subject, look)
        other = next((r for r in rules if r.known and r != rule), None)
        if rule.known and other:
            differ = [pair for pair in zip(_written(rule), _written(other)) if pair[0] != pair[1]]
            first, last = (", ".join(lines) for lines in zip(*differ))
            raise updates._FoundError(_say(*names, "unequal", first=first, last=last))
    return rule, names + (["list"] if subject.replaced else [])


def _dependence(subject, look):
    """Raise the verdict if anything depends on other parameters, or on other elements."""
    before, after = look[0][0], look[1][0]

    def changed(where):
        other = before.copy()
        other[where] = subject.draw_flat(PARAMS)[where]
        return subject.step(other, SETTINGS[0]) != after

    for cell in np.ndindex(4, PARAMS):
        if np.delete(changed(cell).any(axis=-1), cell[1], axis=1).any():
            raise updates._FoundError(_say("shared"))
    for own in range(4):
        if changed(np.s_[..., np.arange(before.shape[-1]) != own])[..., own].any():
            raise updates._FoundError(_say("elements"))
    still = (look[1] == look[0][:, [1, 2, 0]]).all(axis=0)
    if (still.any(axis=-1) & ~still.all(axis=-1)).any():
        raise updates._FoundError(_say("part only"))


def _special(subject):
    """Try what may be treated apart; give the name of the first that goes wrong, or None."""
    rule, rng = subject.method.rule, subject.rng

    def follows(shapes, settings, change=None):
        drawn = subject.draw(shapes)
        gs = [subject.draw(shapes)[3] for _ in settings]
        if change:
            change(drawn, gs)
        states = subject.steps(*drawn[:3], gs=gs, settings=settings)

        def flat(arrays):
            return np.concatenate([np.ravel(a) for a in arrays])

        olds = [np.array([flat(a) for a in drawn[:3]])]
        olds += [np.array([flat(state[2]), flat(state[0]), flat(state[1])]) for state in states]
        for k, (state, setting) in enumerate(zip(states, settings)):
            before = np.array([[*olds[k], flat(gs[k])]])
            after = np.array([[flat(a) for a in state]])
            if not _follows(rule, before, after, [setting]):
                return k
        return None

    b1, b2, size = rng.uniform(0.5, 0.9), rng.uniform(0.9, 0.99), rng.integers(3, 9)
    walk = [(0.5 * 0.5**t, b1, b2, 0.1, t + 1, size, 0.3) for t in range(4)]

    def from_zero(drawn, gs):
        for arrays in drawn[1:3]:
            arrays[:] = [0 * a for a in arrays]

    def no_gradient(drawn, gs):
        gs[:] = [[0 * a for a in arrays] for arrays in gs]

    for shapes in (updates.OTHER_SHAPES, (SHAPE,) * PARAMS):
        departs = follows(shapes, walk, from_zero)
        if departs is not None:
            if departs == 0 and shapes is not updates.OTHER_SHAPES:
                return "first update"
            if departs:
                return "later"
            return "first update" if follows((SHAPE,) * PARAMS, walk, from_zero) == 0 else "shapes"
    alone = [(*setting[:5], 1, setting[6]) for setting in walk[1:3]]
    trials = [((SHAPE,), walk[1:3], None), ((SHAPE,) * PARAMS, alone, None)]
    trials.append(((SHAPE,) * PARAMS, walk[1:3], no_gradient))
    if any(follows(*trial) is not None for trial in trials):
        return "one"
    return None


def _verdict(subject):
    method = subject.method
    rule, names = identify(subject)
    if rule == method.rule:
        special = None if names else _special(subject)
        if names or special:
            return _say(*names, *([special] if special else []), lines=", ".join(_written(rule)))
        if subject.replaced:
            return _say("list")
        return right(
            "m、s 和参数每一步都与公式一致，ε 也在它的位置上。",
            "m, s and the parameters follow the formula at every step, with ε in its place.",
        )
    mistakes = _mistakes(rule, method)
    if "s rooted" in names:
        mistakes = [n for n in mistakes if n != "s unknown"]
    # Nor is the step of a lost m and s known: it is made of others.
    if set(names) & {*IMITATED, "nan"} or "both lost" in mistakes:
        mistakes = [n for n in mistakes if n != "x unknown"]
    if subject.returned and mistakes and mistakes[0] in ("nothing", "x lost"):
        return _say("returned", *names)
    if mistakes == ["nothing"]:
        return _say(*names, "nothing")
    if "nan" in names and mistakes:  # which are the cause
        names.remove("nan")
        mistakes.append("nan")
    elif "nan" in names:
        names = ["nan in x" if n == "nan" else n for n in names]
    names = names + mistakes
    coefficients = [*(rule.m or {}).values(), *(rule.s or {}).values()]
    if rule.x is not None:
        coefficients += [*rule.x.over.values(), *rule.x.beside.values(), rule.x.b, rule.x.e]
    if None in coefficients and "repeated" not in names:
        names.append("c")
    pairs = [
        p for p in zip(_written(rule), _written(method.rule)) if p[0] != p[1] and "?" not in p[0]
    ]
    mine, asked = (", ".join(side) for side in zip(*pairs)) if pairs else ("", "")
    if not mine:
        return _say(*names or ["x unknown"])
    end = (": {}", "：{}") if names else (".", "。")
    wrap = (
        f"你的代码算的是 {mine}；要求的是 {asked}{end[1]}",
        f"your code computes {mine}; asked is {asked}{end[0]}",
    )
    return _say(*names or [("", "")], wrap=wrap)


def diagnose(update, method=ADAM, rng=None):
    """Say whether `update` is Adam's or AdamW's, and if not, what is wrong.

    Parameters
    ----------
    update : callable
        The learner's ``update(params, states, lr, beta1, beta2, eps, t, batch_size)``, for AdamW
        with ``weight_decay`` last.
    method : Method, optional
        `ADAM` or `ADAMW`.
    rng : numpy.random.Generator, optional
        Draws the start and the gradients; a fresh one by default.

    Returns
    -------
    Verdict
    """
    if not callable(update):
        return no_function(update)
    if fault := updates._called_with(update, method):
        return fault
    try:
        with np.errstate(all="ignore"):  # of forms that do not fit
            return _verdict(Watched(update, method, rng or np.random.default_rng()))
    except updates._FoundError as found:
        return found.args[0]


def what_it_computes(update, method=ADAM):
    """Give the formulas of an update as text, for the tests."""
    rule, names = identify(Watched(update, method, np.random.default_rng()))
    return rule, _written(rule), names
