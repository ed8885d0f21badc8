"""What an update of Adam's kind computes is found out: `checks.adam`, `checks.adamw`, the patients."""

import math
import re

import numpy as np
import pytest
from mxnet import nd

from course import checks
from course.checks import adaptive, momentum_adam
from course.checks.adaptive import ADAM, ADAMW, FACTORS, NAMES, ROWS, SETTINGS, diagnose

M, S = "m[:] = b1*m + (1-b1)*g/B", "s[:] = b2*s + (1-b2)*(g/B)**2"
STEP = "lr*(m/(1-b1**t))/((s/(1-b2**t))**.5 + eps)"
X = f"p[:] = p - {STEP}"
SHORT = {"g": "p.grad", "B": "batch_size", "b1": "beta1", "b2": "beta2", "wd": "weight_decay"}


def function(body, method=ADAM):
    """Make a learner's function of its body; a list of lines is run for each parameter."""
    if isinstance(body, tuple):
        body = "\n    ".join(["for p, (m, s) in zip(params, states):", *body])
    for short, name in SHORT.items():
        body = re.sub(rf"\b{short}\b", name, body)
    lines = [f"def update({', '.join(method.arguments)}):", *body.splitlines()]
    namespace = {"nd": nd, "np": np, "math": math, "seen": {}}
    exec("\n    ".join(lines), namespace)
    return namespace["update"]


def stepped(over="m/(1-b1**t)", under="(s/(1-b2**t))**.5 + eps", rest=""):
    return (M, S, f"p[:] = p - lr*({over})/({under}){rest}")


EACH = "\n    ".join(["for p, (m, s) in zip(params, states):", M, S, X])
# Each with what names it.
WRONG = {
    "both corrections": (ADAM, stepped("m", "s**.5 + eps"), "a 1−β₁ᵗ 1, b 1−β₂ᵗ 1"),
    "correction of m": (ADAM, stepped("m"), "a 1−β₁ᵗ 1"),
    "correction of s": (ADAM, stepped(under="s**.5 + eps"), "b 1−β₂ᵗ 1"),
    "t - 1": (ADAM, stepped("m/(1-b1**(t-1))"), "a 1−β₁ᵗ 1, a 1−β₁ᵗ⁻¹ -1"),
    "t + 1": (ADAM, stepped(under="(s/(1-b2**(t+1)))**.5+eps"), "b 1−β₂ᵗ 1, b 1−β₂ᵗ⁺¹ -1"),
    "t constant": (ADAM, stepped("m/(1-b1)"), "a 1−β₁ᵗ 1, a 1−β₁ -1"),
    "(1-β)ᵗ": (ADAM, stepped("m/(1-b1)**t"), "a 1−β₁ᵗ 1, a (1−β₁)ᵗ -1"),
    "corrections swapped": (
        ADAM,
        stepped("m/(1-b2**t)", "(s/(1-b1**t))**.5 + eps"),
        "a 1−β₁ᵗ 1, a 1−β₂ᵗ -1, b 1−β₂ᵗ 1, b 1−β₁ᵗ -1",
    ),
    "corrected m kept": (
        ADAM,
        (M, S, "m /= 1-b1**t", "p -= lr*m/((s/(1-b2**t))**.5+eps)"),
        "km 1−β₁ᵗ -1, gm 1−β₁ᵗ -1, a 1−β₁ᵗ 1",
    ),
    "no root": (ADAM, stepped(under="s/(1-b2**t) + eps"), "no root"),
    "ε inside": (ADAM, stepped(under="(s/(1-b2**t) + eps)**.5"), "eps inside"),
    "ε twice": (ADAM, stepped(under="(s/(1-b2**t) + eps)**.5 + eps"), "eps twice"),
    "ε outside": (ADAM, stepped(under="(s/(1-b2**t))**.5", rest=" + eps"), "eps outside"),
    "no ε": (ADAM, stepped(under="(s/(1-b2**t))**.5"), "no eps"),
    "MXNet's ε": (
        ADAM,
        stepped("(1-b2**t)**.5/(1-b1**t)*m", "s**.5 + eps"),
        "a 1−β₂ᵗ 0.5, b 1−β₂ᵗ 1",
    ),
    "swapped": (
        ADAM,
        (M.replace("b1", "b2"), S.replace("b2", "b1"), X),
        "km β₁ -1, km β₂ 1, gm 1−β₁ -1, gm 1−β₂ 1, ks β₂ -1, ks β₁ 1, gs 1−β₂ -1, gs 1−β₁ 1",
    ),
    "not squared": (ADAM, (M, S.replace("**2", ""), X), "not squared; nan"),
    "absolute": (ADAM, (M, "s[:] = b2*s + (1-b2)*nd.abs(g/B)", X), "absolute"),
    "AMSGrad": (ADAM, (M, f"s[:] = nd.maximum(s, {S[7:]})", X), "amsgrad"),
    "no batch size": (ADAM, (M[:-2], S.replace("/B", ""), X), "gm |B| 1, gs |B| 2"),
    "batch size on the step": (
        ADAM,
        (M[:-2], S.replace("/B", ""), X + "/B"),
        "gm |B| 1, gs |B| 2, a |B| -1",
    ),
    "batch size in m only": (ADAM, (M, S.replace("/B", ""), X), "gs |B| 2"),
    "batch size in s only": (ADAM, (M[:-2], S, X), "gm |B| 1"),
    "batch size not squared": (ADAM, (M, "s[:] = b2*s + (1-b2)*g**2/B", X), "gs |B| 1"),
    "uphill": (ADAM, (M, S, X.replace("p - lr", "p + lr")), "uphill"),
    "sum in m": (ADAM, ("m[:] = b1*m + g/B", S, X), "gm 1−β₁ -1"),
    "sum in s": (ADAM, (M, "s += (g/B)**2", X), "gs 1−β₂ -1; ks β₂ -1"),
    "lr in m": (
        ADAM,
        ("m[:] = b1*m + lr*(1-b1)*g/B", S, X.replace("lr*", "")),
        "gm η 1, a η -1",
    ),
    "old m and s": (ADAM, (X, M, S), "old m; old s"),
    "RMSProp": (ADAM, stepped("g/B"), "m unused"),
    "Nadam": (ADAM, stepped("(b1*m + (1-b1)*g/B)/(1-b1**t)"), "nadam"),
    "momentum": (ADAM, (M, S, "p -= lr*m/(1-b1**t)"), "s unused"),
    "m rebound": (ADAM, (M.replace("[:]", ""), S, X), "m lost"),
    "s rebound": (ADAM, (M, S.replace("[:]", ""), X), "s lost"),
    "both rebound": (ADAM, (M.replace("[:]", ""), S.replace("[:]", ""), X), "both lost"),
    "m = m + …": (ADAM, ("m *= b1", "m = m + (1-b1)*g/B", S, X), "m decayed"),
    "x rebound": (ADAM, (M, S, X.replace("[:]", "")), "x lost"),
    "nothing": (ADAM, ("m = p",), "nothing"),
    "pair reversed": (
        ADAM,
        (
            "s, m = m, s",
            M,
            S,
            X,
        ),
        "pair",
    ),
    "first only": (ADAM, (M, S, X, "break"), "first only"),
    "t counted in the loop": (ADAM, (M, S, X, "t += 1"), "unequal"),
    "shared": (
        ADAM,
        f"for p in params:\n    m, s = states[0]\n    {M}\n    {S}\n    {X}",
        "shared",
    ),
    "list": (
        ADAM,
        "for i, p in enumerate(params):\n    m, s = states[i]\n    m, s = "
        f"{M[7:]}, {S[7:]}\n    states[i] = m, s\n    {X}",
        "list",
    ),
    "returned": (
        ADAM,
        "return [p - lr*m/(1-b1**t) for p, (m, s) in zip(params, states)]",
        "returned",
    ),
    "no decay": (ADAMW, (M, S, X), "no decay"),
    "decay without η": (ADAMW, (M, S, "p *= 1-wd", X), "decay η -1"),
    "decay uphill": (ADAMW, (M, S, "p *= 1+lr*wd", X), "decay up"),
    "decay scaled": (ADAMW, stepped("m/(1-b1**t) + wd*p"), "decay scaled"),
    "decay after": (ADAMW, (M, S, X, "p *= 1-lr*wd"), "a 1−ηλ 1"),
    "L2": (
        ADAMW,
        ("h = g/B + wd*p", "m[:] = b1*m + (1-b1)*h", "s[:] = b2*s + (1-b2)*h**2", X),
        "x in m and s",
    ),
    "L2 without batch size": (
        ADAMW,
        ("h = g + wd*p", "m[:] = b1*m + (1-b1)*h", "s[:] = b2*s + (1-b2)*h**2", X),
        "x in m and s; gm |B| 1, gs |B| 2",
    ),
    "decay after, without η": (ADAMW, (M, S, X, "p *= 1-wd"), "decay after; decay η -1"),
    "decay before and after": (
        ADAMW,
        ("p *= 1-lr*wd", M, S, X, "p *= 1-lr*wd"),
        "decay twice; a 1−ηλ 1",
    ),
    "decay is what is left": (ADAMW, ("p *= lr*wd", M, S, X), "decay alone"),
    "decay of the step": (ADAMW, stepped("(1-lr*wd)*m/(1-b1**t)"), "step shrunk"),
    "decay of the learning rate": (ADAMW, stepped("(1-wd)*m/(1-b1**t)"), "step shrunk"),
    "decay of the gradient": (ADAMW, (M, S, f"{X} - lr*wd*g"), "decay not of x"),
    "L2 in m": (ADAMW, ("m[:] = b1*m + (1-b1)*(g/B + wd*p)", S, X), "x in m"),
    "ε inside, uphill": (
        ADAM,
        (M, S, "p += lr*m/(1-b1**t)/(s/(1-b2**t) + eps)**.5"),
        "eps inside; uphill",
    ),
    "made afresh": (
        ADAM,
        ("m, s = nd.zeros_like(p), nd.zeros_like(p)", M, S, X),
        "both fresh",
    ),
    "only s made afresh": (ADAM, ("s = nd.zeros_like(p)", M, S, X), "s fresh"),
    "Adamax": (
        ADAM,
        (M, "s[:] = nd.maximum(b2*s, nd.abs(g/B))", "p -= lr/(1-b1**t)*m/(s + eps)"),
        "s larger",
    ),
    "βt in place of βᵗ": (ADAM, stepped("m/(1-b1*t)"), "times t"),
    "βt under the root": (ADAM, stepped(under="(s/(1-b2*t))**.5 + eps"), "nan in x"),
    "t by another product": (ADAM, stepped("m/(1-b1*(t+1))"), "c"),
    "m averaged in s": (
        ADAM,
        (M, "s[:] = b2*s + (1-b2)*m", X),
        "not squared; m for g; nan",
    ),
    "updated twice": (ADAM, (M, S, X, M, S, X), "repeated"),
    "decay outside the loop": (ADAMW, f"params[0][:] *= 1-lr*wd\n{EACH}", "unequal"),
    "decay rebound": (ADAMW, ("q = p", "q = q*(1-lr*wd)", M, S, X), "no decay"),
    "decay of the sign": (ADAMW, (M, S, f"p[:] = p - {STEP} - lr*wd*p.sign()"), "decay not of x"),
    "a number for the decay": (ADAMW, (M, S, f"p -= {STEP} + lr*wd"), "number beside"),
}
WRONG["own t"] = (ADAM, f"seen['t'] = t = seen.get('t', 0) + 1\n{EACH}", "state")
# Tried in every run; the others are `deep`.
BRIEF = (
    *("correction of s", "t - 1", "no root", "ε inside", "MXNet's ε", "swapped", "m rebound"),
    *("not squared", "batch size on the step", "L2", "decay scaled"),
    *("ε inside, uphill", "made afresh", "decay outside the loop"),
)


@pytest.mark.parametrize(
    "name",
    [n if n in BRIEF else pytest.param(n, marks=pytest.mark.deep, id=n) for n in WRONG],
)
def test_a_wrong_update_is_named(name):
    method, body, hint = WRONG[name]
    found = diagnose(function(body, method), method)
    assert (found.kind, found.hint) == ("wrong", hint), found.en


def test_its_sentence_says_so_with_both_formulas():
    found = diagnose(function(WRONG["MXNet's ε"][1]))
    computes = "x ← x − (η√(1−β₂ᵗ)/(1−β₁ᵗ))m/(√s + ε)"
    asked = "x ← x − (η/(1−β₁ᵗ))m/(√(s/(1−β₂ᵗ)) + ε)"
    assert found.en.startswith(f"your code computes {computes}; asked is {asked}: this is MXNet's")
    assert found.zh.startswith(f"你的代码算的是 {computes}；要求的是 {asked}：这是 MXNet")


RIGHT = {
    "written out": (ADAM, (M, S, X)),
    "with hats": (
        ADAM,
        (
            *("h = g/B", "m *= b1", "m += (1-b1)*h", "s *= b2", "s += (1-b2)*h*h"),
            *("u = m/(1-b1**t)", "w = s/(1-b2**t)", "p -= lr*u/(w.sqrt() + eps)"),
        ),
    ),
    "ε rescaled, as in MXNet": (
        ADAM,
        (
            M,
            S,
            "c = (1-b2**t)**.5",
            "p -= lr*c/(1-b1**t)*m/(s.sqrt() + eps*c)",
        ),
    ),
    "MXNet's operator": (
        ADAM,
        (
            "c = (1-b2**t)**.5",
            "nd.adam_update(p, g, m, s, out=p, lr=lr*c/(1-b1**t), beta1=b1, beta2=b2, "
            "epsilon=eps*c, rescale_grad=1/B)",
        ),
    ),
    "by NumPy": (
        ADAM,
        (
            *("h = g.asnumpy()/B", "m[:] = b1*m.asnumpy() + (1-b1)*h"),
            "s[:] = b2*s.asnumpy() + (1-b2)*h**2",
            "p[:] = p.asnumpy() - lr*m.asnumpy()/(1-b1**t)/(np.sqrt(s.asnumpy()/(1-b2**t))+eps)",
        ),
    ),
    "by differences": (ADAM, ("m += (1-b1)*(g/B - m)", "s += (1-b2)*((g/B)**2 - s)", X)),
    "decay first": (ADAMW, (M, S, "p *= 1-lr*wd", X)),
    "decay beside": (ADAMW, (M, S, f"p -= {STEP} + lr*wd*p")),
    "one difference": (ADAMW, (M, S, f"p -= lr*({STEP[3:]} + wd*p)")),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_update_passes_in_any_form(name):
    method, body = RIGHT[name]
    found = diagnose(function(body, method), method, np.random.default_rng(5))
    assert found.kind == "right", found.en


@pytest.mark.deep
def test_a_right_update_passes_whatever_is_drawn():
    for name in RIGHT:
        method, body = RIGHT[name]
        for seed in range(20):
            found = diagnose(function(body, method), method, np.random.default_rng(seed))
            assert found.kind == "right", f"{name}, {seed}: {found.en}"


def computed(rule, update, method, rng):
    """Tell by line whether the formulas of a rule are those of an update, on arrays of its own."""
    setting = SETTINGS[rng.integers(len(SETTINGS))] * 1.0
    setting[0] *= 0.9
    x, m, g = rng.normal(size=(3, 7))
    old = np.array([x, m, rng.uniform(0.2, 2, 7), g], dtype="float32").astype("float64")
    p, m, s = (nd.array(a) for a in old[:3])
    p.attach_grad()
    p.grad[:] = old[3]
    lr, b1, b2, eps, t, size, decay = setting.tolist()
    last = (decay,) if method is ADAMW else ()
    update([p], [(m, s)], lr, b1, b2, eps, int(t), int(size), *last)
    new, _ = rule.apply(old, setting)
    return [
        np.allclose(a.asnumpy(), b, rtol=2e-3, atol=2e-3 * (1 + abs(b).max()))
        for a, b in zip((m, s, p), new)
    ]


def random_update(rng, method):
    """Combine lines, right and wrong."""
    m = [
        M,
        M,
        "m[:] = b1*m + (1-b1)*g",
        "m[:] = (1-b1)*m + b1*g/B",
        "m[:] = b2*m + (1-b2)*g/B",
        "m[:] = b1*m + lr*g/B",
        "m[:] = b1*m + g/B/t",
        "m[:] = 0.9*m + 0.1*g/B",
        "m[:] = b1*m - (1-b1)*g/B",
    ]
    s = [
        S,
        S,
        "s[:] = b2*s + (1-b2)*g**2",
        "s[:] = b2*s + (1-b2)*g**2/B",
        "s[:] = b1*s + (1-b1)*(g/B)**2",
        "s += (g/B)**2",
        "s[:] = 0.99*s + 0.01*(g/B)**2",
    ]
    over = ["m/(1-b1**t)", "m", "m/(1-b1**(t+1))", "m/(1-b1)", "g/B", "(m+(1-b1)*g/B)", "m/t"]
    inner = ["s/(1-b2**t)", "s", "s/(1-b2**(t-1))", "s/(1-b2)", "s/(1-b1**t)"]
    under = ["({})**.5 + eps", "({})**.5 + eps", "({}) + eps", "({} + eps)**.5", "({})**.5 + eps*B"]
    factor = ["lr", "lr", "lr/B", "0.01", "lr*t", "-lr"]
    choice = [a[rng.integers(len(a))] for a in (m, s, over, inner, under, factor)]
    lines = choice[:2]
    decays = ["", "", "p *= 1-lr*wd", "p *= 1-wd", "p *= 1+lr*wd"] if method is ADAMW else [""]
    step = f"p[:] = p - {choice[5]}*({choice[2]})/({choice[4].format(choice[3])})"
    decay = decays[rng.integers(len(decays))]
    lines += [line for line in (decay, step) if line]
    return tuple(lines if rng.random() < 0.8 else [lines[k] for k in rng.permutation(len(lines))])


@pytest.mark.parametrize(
    ("seed", "count"),
    [(3, 6), pytest.param(11, 150, marks=pytest.mark.deep)],
)
def test_the_formulas_said_are_those_computed(seed, count):
    rng = np.random.default_rng(seed)
    unknown = 0
    for number in range(count):
        method = (ADAM, ADAMW)[number % 2]
        body = random_update(rng, method)
        update = function(body, method)
        try:
            with np.errstate(all="ignore"):
                rule, _ = adaptive.identify(adaptive.Watched(update, method, rng))
        except adaptive.updates._FoundError as found:
            assert found.args[0].hint in ("pair",), (body, found.args[0].en)
            continue
        if not rule.known:
            unknown += 1
            continue
        assert all(computed(rule, update, method, rng)), (body, adaptive._written(rule))
        verdict = diagnose(update, method, rng)
        assert (verdict.kind == "right") == (rule == method.rule), body
    assert unknown <= 0.1 * count


def test_other_things_get_a_sentence():
    assert "a function is expected" in checks.adam.judge(3).en
    assert "weight_decay" in checks.adamw.judge(function((M, S, X))).en
    assert checks.adam.judge(function((M, S, "p -= momentum*m"))).en.startswith("your function")


@pytest.mark.parametrize("number", momentum_adam.PATIENTS)
def test_each_patient_has_its_bug_and_the_check_asks_for_line_cause_and_cure(number):
    word, line = momentum_adam.PATIENTS[number], momentum_adam.LINES[number][0]
    sick = momentum_adam.BUGS[word][0]
    method = (ADAM, ADAMW)[number - 1]
    assert diagnose(sick, method).hint == {1: "b 1−β₂ᵗ 1", 2: "x in m and s"}[number]
    judge = checks.adam_patient.judge
    assert "not where it goes wrong" in judge(number, word, M, sick).en
    assert "but it is not that" in judge(number, "epsilon", line, sick).en
    assert "not cured yet" in judge(number, word, line, sick).en
    healthy = function(RIGHT["decay first" if number == 2 else "written out"][1], method)
    assert judge(number, word, line, healthy).kind == "right"


def test_settings_tell_products_of_powers_apart():
    logs = np.log(adaptive._columns(SETTINGS)[:, : len(adaptive.BASE)])
    sensitivity = abs(np.linalg.pinv(np.column_stack([np.ones(len(logs)), logs]))[1:]).sum(axis=1)
    assert 0.5 / sensitivity.max() > 0.1


def test_every_sentence_stands_in_both_languages_and_every_row_can_fit():
    for zh, en in (*NAMES.values(), *ROWS.values()):
        assert any("\u4e00" <= letter <= "\u9fff" for letter in zh) and zh.endswith(("。", "？"))
        assert set(en) - set(map(chr, range(128))) <= set("ηγλβ₁₂ε−…√ᵗ²")
    for row in ROWS:
        for key in row.split(", "):
            words = key.split(" ")
            assert len(words) != 3 or words[1] in (*FACTORS, "sign"), row
