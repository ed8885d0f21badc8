"""What an update computes is found out: wrong ones are named, right ones pass in any disguise."""

import linecache
import math
import re

import numpy as np
import pytest
from mxnet import autograd, nd

from course import checks
from course.checks import updates, verdict
from course.checks.updates import MOMENTUM, NESTEROV, OUTSIDE, SGD, Term, diagnose

LOOP = "for p, v in zip(params, vs):"
V, P = "v[:] = mom*v + lr*g/B", "p[:] = p - v"
MV, MP = "v[:] = mom*v - lr*g/B", "p[:] = p + v"  # MXNet's sign
OV, OP = "v[:] = mom*v + g/B", "p[:] = p - lr*v"  # PyTorch's form


def function(body, arguments="params, vs, lr, mom, batch_size"):
    """Make a learner's function of its body, as a cell would; g is short for p.grad, B for batch_size."""
    body = re.sub(r"\bg\b", "p.grad", re.sub(r"\bB\b", "batch_size", body))
    lines = [f"def update({arguments}):", *(f"    {line}" for line in body.splitlines())]
    name = f"<cell {abs(hash(body))}>"
    linecache.cache[name] = (1, None, [f"{line}\n" for line in lines], name)
    namespace = {"nd": nd, "np": np, "math": math, "autograd": autograd, "seen": {}}
    exec(compile("\n".join(lines), name, "exec"), namespace)
    return namespace["update"]


def each(*lines):
    """Give a body that runs the lines for each parameter and its velocity."""
    return "\n    ".join([LOOP, *lines])


WRONG = [
    # Of a learner who has not read these checks: what was said of them was false or missed the point.
    (MOMENTUM, each(V, "p[:] = p - v - 1e-4*p"), "x ← 0.9999x − v"),
    (MOMENTUM, each("v[:] = mom*v + lr*g/(B + 1e-3)", P), "v ← γv + (η/|B| − 0.001η/|B|²)g"),
    (MOMENTUM, each("v[:] = mom*v + lr*g/len(params)", P), "3 stands in place of batch_size, "),
    (MOMENTUM, each("v[:] = mom*v + lr*g/g.size", P), "12 stands in place of batch_size, "),
    (MOMENTUM, each("v[:] = mom*v + lr*g/(B-1)", P), "|B| = 5, for example, c = 0.10"),
    (SGD, "for p in params: p -= lr*g/(B+1)", "and |B| = 5, for example, c = -0.0683"),
    (MOMENTUM, each("v[:] = mom*v + lr*g/7", P), "7 stands in place of batch_size, "),
    (MOMENTUM, each("v[0] = mom*v[0] + lr*g[0]/B", "p -= v"), "changed in part only"),
    (MOMENTUM, each(V, "p[:] = p*v"), "multiplied with one another"),
    (MOMENTUM, each("v[:] = nd.abs(mom*v + lr*g/B)", P), "positive and negative"),
    (MOMENTUM, each("v[:] = (mom*v + lr*g/B).round()", P), "or rounded?"),
    (MOMENTUM, each("v[:] = mom**0.5*v + lr*g/B", P), "carries √γ; it should carry γ"),
    (MOMENTUM, each("v[:] = v/(1-mom) + lr*g/B", P), "carries 1/(1−γ); it should carry γ"),
    (MOMENTUM, each("v[:] = mom*v + lr**0.5*g/B", P), "carries √η/|B|; it should carry η/|B|"),
    (MOMENTUM, each(V, V, P), "updating the velocity twice"),
    (
        MOMENTUM,
        each("v += lr*g/B", P, "v *= mom"),
        "γ multiplies the velocity after x has been moved",
    ),
    (MOMENTUM, each("p -= mom*v", V, P), "the old velocity moves x as well"),
    (MOMENTUM, each("old = v.copy()", V, "p -= v + old"), "the old velocity moves x as well"),
    (MOMENTUM, each(V, "p[:] = p + mom*v - lr*g/B"), "enters the update of x with the wrong sign"),
    (MOMENTUM, each(V, P, "yield p"), "with a `yield` in it"),
    (MOMENTUM, each("v[:2] = mom*v[:2] + lr*g[:2]/B", P), "is to work for any shape"),
    (MOMENTUM, each(V, "old = v.copy()", "p -= v", "v[:] = lr*g/B"), "the velocity is overwritten"),
    (MOMENTUM, each("v[:] = lr*g/B if v.sum() < 0 else mom*v + lr*g/B", P), "depends on"),
    (OUTSIDE, each("v[:] = mom*v + g/lr/B", OP), "an extra factor 1/η on the gradient"),
    (OUTSIDE, each(OV, "p[:] = p - v/lr"), "divided by the learning rate instead"),
    (SGD, "for p in params: p[:] = lr*g/B", ": the old values of the parameters are lost"),
    (SGD, "for p in params: p[:] = lr*g/B - p", "|B|)g: the old x is multiplied by a factor"),
    (SGD, "for p in params: p[:] = (p - lr)*g/B", "multiplied with one another"),
    (SGD, "for p in params: p -= lr*g/g.norm()", "depends on other elements"),
    (SGD, "for p in params: p[0] -= lr*g[0]/B", "changed in part only"),
    # This chapter's, in its sign and in MXNet's.
    (MOMENTUM, each(V, "p[:] = p + v"), "move uphill"),
    (MOMENTUM, each(MV, P), "the gradient enters the velocity negated"),
    (MOMENTUM, each("v[:] = mom*v + g/B", "p[:] = p - lr*v"), "outside the velocity"),
    (MOMENTUM, each("v[:] = mom*v - g/B", "p[:] = p + lr*v"), "outside the velocity"),
    (MOMENTUM, each(V, "p[:] = p - lr*v"), "an extra factor η on the step of x"),
    (MOMENTUM, each(MV, "p[:] = p + lr*v"), "an extra factor η on the step of x"),
    (MOMENTUM, each("v[:] = mom*v + lr*lr*g/B", P), "an extra factor η on the gradient"),
    (MOMENTUM, each("v[:] = lr*(mom*v + g/B)", P), "an extra factor η on the old velocity"),
    (MOMENTUM, each("v[:] = lr*(mom*v - g/B)", MP), "an extra factor η on the old velocity"),
    (
        MOMENTUM,
        each("v[:] = mom*v + g/B", P),
        "the gradient is not multiplied by the learning rate",
    ),
    (MOMENTUM, each("v[:] = mom*v + g/B/lr", P), "divided by the learning rate instead"),
    (MOMENTUM, each("v[:] = mom*v + 0.2*g/B", P), "0.2 stands in place of lr, "),
    (MOMENTUM, each("v[:] = mom*v - 0.2*g/B", MP), "0.2 stands in place of lr, "),
    (MOMENTUM, each("v[:] = mom*v + 0.2*g", P), "in place of lr / batch_size, "),
    (MOMENTUM, each("v[:] = mom*v + lr*g", P), "division by batch_size is missing"),
    (MOMENTUM, each("v[:] = mom*v - lr*g", MP), "division by batch_size is missing"),
    (MOMENTUM, each("v[:] = mom*v + lr*g/B/B", P), "divided by the batch size twice"),
    (MOMENTUM, each("v[:] = mom*v + lr*g/B**0.5", P), "square root"),
    (MOMENTUM, each("v[:] = mom*v + lr*g/10", P), "10 stands in place of batch_size, "),
    (MOMENTUM, each("v[:] = mom*v + lr*g", "p[:] = p - v/B"), "only the step of x"),
    (MOMENTUM, each(V, "p[:] = p - v/B"), "an extra factor 1/|B| on the step of x"),
    (MOMENTUM, each("v[:] = (mom*v + lr*g)/B", P), "an extra factor 1/|B| on the old velocity"),
    (MOMENTUM, each("v[:] = mom*v + lr*B*g", P), "multiplied by batch_size instead"),
    (MOMENTUM, each("v[:] = v + lr*g/B", P), "never fades"),
    (MOMENTUM, each("v[:] = v - lr*g/B", MP), "never fades"),
    (MOMENTUM, each("v += mom*v + lr*g/B", P), "counted twice"),
    (MOMENTUM, each("v[:] = 0.9*v + lr*g/B", P), "0.9 stands in place of mom, "),
    (MOMENTUM, each("v[:] = 0.9*v - lr*g/B", MP), "0.9 stands in place of mom, "),
    (MOMENTUM, each("v[:] = lr*g/B", P), "the velocity is overwritten"),
    (MOMENTUM, each("v[:] = v + mom*lr*g/B", P), "γ multiplies the gradient; it belongs"),
    (MOMENTUM, each("v[:] = mom*(v + lr*g/B)", P), "an extra factor γ on the gradient"),
    (MOMENTUM, each("v[:] = lr*v + mom*g/B", P), "γ and η are swapped"),
    (MOMENTUM, each("v[:] = mom*v + (1-mom)*lr*g/B", P), "a factor (1−γ)"),
    (MOMENTUM, each("v[:] = mom*v - (1-mom)*lr*g/B", MP), "a factor (1−γ)"),
    (MOMENTUM, each(V, "p[:] = p - (1-mom)*v"), "an extra factor (1−γ) on the step of x"),
    (
        MOMENTUM,
        each("v[:] = (1-mom)*v + mom*lr*g/B", P),
        "it should carry γ. Also: there is an extra",
    ),
    (MOMENTUM, each("v[:] = (1-mom)*v + lr*g/B", P), "the old velocity carries 1−γ"),
    (MOMENTUM, each("v[:] = mom*mom*v + lr*g/B", P), "an extra factor γ on the old velocity"),
    (MOMENTUM, each("v[:] = v/mom + lr*g/B", P), "divided by γ"),
    (MOMENTUM, each("v[:] = lr*g/B - mom*v", P), "the old velocity is subtracted"),
    (MOMENTUM, each("v[:] = mom*v + 2*lr*g/B", P), "an extra factor 2 on the gradient"),
    (MOMENTUM, each(V, "p[:] = p - 0.77*v"), "an extra factor 0.77 on the step of x"),
    (MOMENTUM, each(V, "p[:] = p - mom*v"), "an extra factor γ on the step of x"),
    (MOMENTUM, each(P, V), "x is updated before the velocity"),
    (MOMENTUM, each(MP, MV), "x is updated before the velocity"),
    (MOMENTUM, each(V, "p[:] = p - mom*v - lr*g/B"), "Nesterov's accelerated gradient"),
    (MOMENTUM, each(MV, "p[:] = p + mom*v - lr*g/B"), "Nesterov's accelerated gradient"),
    (MOMENTUM, each(OV, "p[:] = p - lr*(mom*v + g/B)"), "Nesterov's accelerated gradient"),
    (MOMENTUM, each(V, "p[:] = p - lr*g/B"), "moved by the current gradient alone"),
    (MOMENTUM, f"{LOOP}\n    p[:] = p - lr*g/B", "moved by the current gradient alone"),
    (MOMENTUM, each(V, "p[:] = p - v - lr*g/B"), "by the gradient as well as by the velocity"),
    (MOMENTUM, each("v = mom*v + lr*g/B", P), "the velocity does not change. If"),
    (MOMENTUM, each("v = mom*v - lr*g/B", MP), "the velocity does not change. If"),
    (MOMENTUM, each("v *= mom; v = v + lr*g/B", P), "does not get into the velocity. If"),
    (MOMENTUM, each("v *= mom; v = v - lr*g/B", MP), "does not get into the velocity. If"),
    (MOMENTUM, each("pass", P), "the velocity does not change. If"),
    (MOMENTUM, each(V, "p = p - v"), "the parameters do not change. If"),
    (MOMENTUM, each(MV, "p = p + v"), "the parameters do not change. If"),
    (MOMENTUM, each("v = mom*v + lr*g/B", "p = p - v"), "neither parameters nor velocities"),
    (MOMENTUM, each(V, "p[:] =- v"), "x is replaced"),
    (MOMENTUM, each("v[:] = mom*v + lr*p/B", P), "the parameter itself is used"),
    (MOMENTUM, each("v[:] = mom*v + lr/B", P), "Has param.grad been left out?"),
    (MOMENTUM, each("v[:] = mom*v", P), "the gradient, param.grad, is not used"),
    (MOMENTUM, each("v[:] = mom*v + lr*(g/B + 0.01*p)", P), "x itself enters the velocity"),
    (MOMENTUM, each(V, "p[:] = (1-lr)*p - v"), "the old x is multiplied by a factor"),
    (MOMENTUM, f"{each(V, P)}\n    return", "only the first parameter"),
    (MOMENTUM, f"p, v = params[-1], vs[-1]\n{V}\n{P}", "only the last parameter is updated"),
    (MOMENTUM, f"{LOOP}\n    {V}\n{P}", "only the last parameter moves"),
    (MOMENTUM, f"v = vs[0]\nfor p in params:\n    {V}\n    {P}", "share the first velocity"),
    (MOMENTUM, f"v = vs[-1]\nfor p in params:\n    {V}\n    {P}", "share the last velocity"),
    (MOMENTUM, f"{LOOP}\n    {V}\nfor p in params:\n    {P}", "moved by the last velocity"),
    (
        MOMENTUM,
        "for p in params:\n    vs[0][:] = mom*vs[0] + lr*g.mean()/B\n    p -= vs[0].mean()",
        "share the first velocity",
    ),
    (MOMENTUM, each("lr /= B", "v[:] = mom*v + lr*g", P), "the parameters are updated differently"),
    (MOMENTUM, f"return [p - mom*v - lr*g/B for {LOOP[4:-1]}]", "returns new arrays"),
    (
        MOMENTUM,
        "for i, p in enumerate(params):\n    vs[i] = mom*vs[i] + lr*g/B\n    p -= vs[i]",
        "The caller keeps the arrays, not the list",
    ),
    (
        MOMENTUM,
        "for i, p in enumerate(params):\n    vs[i] = mom*vs[i] + lr*g\n    params[i] = p + vs[i]",
        "The caller keeps the arrays, not the list",
    ),
    (
        MOMENTUM,
        each(V, "p[:] = v"),
        "asked is x ← x − v: the old values of the parameters are lost",
    ),
    (
        MOMENTUM,
        each(V, P, "v[:] = 0"),
        "v ← 0; asked is v ← γv + (η/|B|)g, x ← x − v: the velocity is",
    ),
    (MOMENTUM, each("v[:] = lr*g/B", "p = p - v"), "Also: the velocity is overwritten"),
    (MOMENTUM, each(V, "p[:] = p - v - 0.01*lr*p"), "x ← x − 0.01ηx − v"),
    (MOMENTUM, each("v[:] = mom*v + lr*g/(B-1)", P), "c is no product of powers"),
    # What the trials must visit.
    (MOMENTUM, each("if not v.asnumpy().any(): v[:] = g", f"else: {V}", P), "velocities of zero"),
    (MOMENTUM, each("if g.asnumpy().any():", f"    {V}", P), "with gradients of zero"),
    (MOMENTUM, each(V, P) + "\n    if mom == 0: v[:] = 0", "with γ = 0"),
    (MOMENTUM, each("v[:] = mom*(v + lr*g/(B*mom))", P), "with γ = 0"),
    (MOMENTUM, each("if B > 1: g[:] /= B", "v[:] = mom*v + lr*g/(B>1 or 2)", P), "batch size 1"),
    (MOMENTUM, "if len(params) < 2: return\n" + each(V, P), "with a single parameter"),
    # Not linear.
    (MOMENTUM, each("v[:] = mom*v + lr*nd.sign(g)/B", P), "only the gradient's sign"),
    (MOMENTUM, each("v[:] = mom*v + lr*nd.clip(g, -1, 1)/B", P), "Are they clipped"),
    (MOMENTUM, each("v[:] = mom*v + lr*g/g.norm()", P), "on other elements of its array"),
    (MOMENTUM, each("v[:] = mom*v + lr*g.mean()/B", P), "on other elements of its array"),
    (MOMENTUM, each("v[:] = mom*v + lr*g*g/B", P), "multiplied with one another, or squared"),
    (MOMENTUM, each("v[:] = mom*v + lr*g/B*g/v", P), "not linear"),
    (
        MOMENTUM,
        "n = sum((p.grad**2).sum().asscalar() for p in params)**0.5\n"
        + each("v[:] = mom*v + lr*g/n", P),
        "depends on other parameters",
    ),
    # What is kept from call to call.
    (
        MOMENTUM,
        "lr = seen.setdefault('lr', lr)\n" + each(V, P),
        "the learning rate of the first call is used for ever",
    ),
    (MOMENTUM, "seen['t'] = seen.get('t', 0) + 1\n" + each(V, "p -= v/seen['t']"), "the same call"),
    (
        MOMENTUM,
        "lr = seen.setdefault(id(params[0]), (lr, params[0]))[0]\n" + each(V, P),
        "later ones do something else",
    ),
    (MOMENTUM, each("v[:] = math.nan", P), "become nan"),
    # Two at once.
    (MOMENTUM, each("v[:] = mom*v + lr*g", MP), "Also: the division by batch_size is missing"),
    (MOMENTUM, each("v = 0.9*v + lr*g/B", P), "Also: 0.9 stands in place of mom, "),
    (MOMENTUM, f"{each('v[:] = mom*v + g/B', P)}\n    break", "Also: the gradient is not"),
    # PyTorch's form.
    (OUTSIDE, each(V, P), "stands inside the velocity; in PyTorch's"),
    (OUTSIDE, each(MV, MP), "stands inside the velocity; in PyTorch's"),
    (OUTSIDE, each(OV, P), "not multiplied by the learning rate where x"),
    (
        OUTSIDE,
        each("v[:] = lr*(mom*v + g/B)", P),
        "Also: there is an extra factor η on the old velocity",
    ),
    (OUTSIDE, each("v[:] = lr*v + g/B", "p[:] = p - mom*v"), "γ and η are swapped"),
    (OUTSIDE, each(OV, "p[:] = p - 0.2*v"), "0.2 stands in place of lr, "),
    (OUTSIDE, each(V, OP), "an extra factor η on the gradient"),
    (OUTSIDE, each(OV, "p[:] = p - lr*(mom*v + g/B)"), "Nesterov's accelerated gradient"),
    (OUTSIDE, each("v[:] = mom*v + (1-mom)*g/B", OP), "a factor (1−γ)"),
    (OUTSIDE, each("v = mom*v + g/B", OP), "the velocity does not change"),
    (OUTSIDE, each(OV, "p[:] = p + lr*v"), "move uphill"),
    (OUTSIDE, "pass", "neither parameters nor velocities change"),
    # Nesterov's.
    (NESTEROV, each(V, P), "the heavy ball"),
    (NESTEROV, each(V, "p[:] = p - mom*v - g/B"), ""),
    (NESTEROV, each(V, "p[:] = p + mom*v + lr*g/B"), "move uphill"),
    # Gradient descent.
    (SGD, "for p in params: p += lr/B*g", "move uphill"),
    (SGD, "for p in params: p -= g/B", "the gradient is not multiplied by the learning rate"),
    (SGD, "for p in params: p -= lr*g", "division by batch_size is missing"),
    (SGD, "for p in params: p -= lr*B*g", "multiplied by batch_size instead"),
    (SGD, "for p in params: p -= lr/B*p", "the parameter itself is used"),
    (SGD, "for p in params: p -= lr/B", "Has param.grad been left out?"),
    (SGD, "for p in params: p -= 0.3*g", "in place of lr / batch_size, "),
    (SGD, "for p in params: p = p - lr/B*g", "the parameters do not change"),
    (SGD, "for p in params: p[:] = -lr/B*g", "x is replaced"),
    (SGD, "for p in params:\n    p -= lr/B*g\n    return", "only the first"),
    (SGD, "p = params[-1]\np -= lr/B*g", "only the last"),
    (SGD, "return [p - lr/B*g for p in params]", "returns new arrays"),
    (SGD, "for i, p in enumerate(params): params[i] = p - lr/B*g", "not the list"),
    (SGD, "pass", "the parameters do not change"),
    (SGD, "for p in params: p -= eta*g", "line 2: NameError"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_update_is_named(number):
    method, body, hint = WRONG[number]
    found = diagnose(function(body, ", ".join(method.arguments)), method)
    assert found.kind == "wrong"
    assert hint in found.en
    assert "Traceback" not in found.en


RIGHT = {
    "as in the chapter": each("v *= mom; v += lr/B*g", "p -= v"),
    "written out": each(V, P),
    "lr and batch_size grouped otherwise": each("v[:] = (mom*v*B/lr + g)*(lr/B)", "p -= v"),
    "divided in place": each("v *= mom*B; v += lr*g; v /= B", "p -= v"),
    "by way of the difference": each("old = p.copy(); p -= mom*v + lr/B*g", "v[:] = old - p"),
    "(1-mom) there and back": each("v *= mom/(1-mom); v += lr*g/B/(1-mom); v *= 1-mom", P),
    "out=": each("nd.elemwise_add(mom*v, lr/B*g, out=v)", "nd.elemwise_sub(p, v, out=p)"),
    "by index": "for i in range(len(params)):\n    vs[i][:] = mom*vs[i] + lr*params[i].grad/B\n"
    "    params[i][:] -= vs[i]",
    "by NumPy": each(
        "v[:] = mom*v.asnumpy() + lr*g.asnumpy()/B", "p[:] = p.asnumpy() - v.asnumpy()"
    ),
    "gradient divided in place": each("g[:] /= B; v[:] = mom*v + lr*g", P),
    "all velocities first": f"{LOOP}\n    {V}\n{LOOP}\n    {P}",
    "fused, in the chapter's sign": each(
        "v *= -1",
        "nd.sgd_mom_update(p, g, v, out=p, lr=lr, momentum=mom, rescale_grad=1/B)",
        "v *= -1",
    ),
    "returns what it updated": f"{each(V, P)}\nreturn params, vs",
    "in a nested list": f"{each(V, P)}\nreturn [params, (vs, None)]",
}
RIGHT_OF = [
    *((MOMENTUM, body, False) for body in RIGHT.values()),
    (
        MOMENTUM,
        each("nd.sgd_mom_update(p, g, v, out=p, lr=lr, momentum=mom, rescale_grad=1/B)"),
        True,
    ),
    (MOMENTUM, each(MV, MP), True),
    (OUTSIDE, each(OV, OP), False),
    (OUTSIDE, each("v[:] = mom*v - g/B", "p += lr*v"), True),
    (NESTEROV, each(V, "p[:] = p - mom*v - lr*g/B"), False),
    (NESTEROV, each("old = v.copy()", MV, "p[:] = p - mom*old + (1+mom)*v"), True),
    (SGD, "for p in params: p -= lr/B*g", False),
    (SGD, "for p in params: nd.sgd_update(p, g, lr=lr, rescale_grad=1/B, out=p)", False),
]


@pytest.mark.parametrize("number", range(len(RIGHT_OF)))
def test_a_right_update_passes_in_any_form(number):
    method, body, negated = RIGHT_OF[number]
    found = diagnose(function(body, ", ".join(method.arguments)), method)
    assert found.kind == "right", found.en
    assert ("MXNet's sign convention" in found.en) == negated


@pytest.mark.parametrize(
    ("seed", "count"),
    # One that does not change; and, for what nobody has thought of, a new one in each run.
    [
        (11, 120),
        pytest.param(np.random.SeedSequence().entropy, 500, marks=pytest.mark.deep, id="new"),
    ],
)
def test_random_updates_are_identified(seed, count, monkeypatch):
    """Linear updates of random coefficients, each written in one of several ways, and right ones."""
    monkeypatch.setattr(updates, "PARAMS", 1)  # for speed
    rng = np.random.default_rng(seed)
    names = ("lr", "mom", "(1-mom)", "(1+mom)", "B")
    said = {}
    for _ in range(count):
        terms, codes = {}, {}
        for part in ("keep", "gain", "step", "ahead"):
            size = np.zeros(1)
            while not ((abs(size) > 1e-3) & (abs(size) < 1e3)).all():
                powers = rng.permutation([*rng.choice([-2, -1, 0, 1, 2], 3), 0, 0]).tolist()
                number = rng.choice([1.0, -1, 2, 0.5, 0.9, -0.1]).item()
                terms[part] = Term(number, tuple(powers))
                size = updates._value((terms[part],), updates.SETTINGS)
                if part == "ahead":  # and not lost beside what the velocity carries
                    through = terms["step"].times(terms["gain"])
                    size = size / np.maximum(1, abs(updates._value((through,), updates.SETTINGS)))
            factors = [f"{name}**{power}" for name, power in zip(names, powers) if power]
            codes[part] = f"({'*'.join([f'({terms[part].number})', *factors])})"
        kind = rng.choice(["momentum", "nesterov", "x first", "right", "mxnet"])
        if kind in ("right", "mxnet"):
            method, sign = (MOMENTUM, OUTSIDE)[rng.integers(2)], 1 if kind == "right" else -1
            expected = method.rule(sign)
            body = ("v[:] = k*(mom*v/k + s*lr*g/(k*B))", "p[:] = p - s*v")
            if method is OUTSIDE:
                body = ("v[:] = k*(mom*v/k + s*g/(k*B))", "p[:] = p - lr*s*v")
            body = [line.replace("k", codes["gain"]).replace("s", str(sign)) for line in body]
        else:
            lines = ["v[:] = KEEP * v + GAIN * g", "p[:] = p + STEP * v"]
            v = {"v": (terms["keep"],), "g": (terms["gain"],)}
            x = {"x": updates.ONE, "v": (terms["step"],)}
            if kind == "nesterov":
                lines[1] += " + AHEAD * g"
                x["g"] = (terms["ahead"],)
            expected = updates.Rule(v, x, kind == "x first")
            lines = lines[::-1] if kind == "x first" else lines
            body = [" ".join(codes.get(w.lower(), w) for w in line.split(" ")) for line in lines]
        update = function(each(*body))
        rule, _ = updates.identify(updates.Subject(update, MOMENTUM, rng))
        where = f"seed {seed}: {body}"
        assert rule.known, where
        for setting in updates.SETTINGS:
            arrays = rng.normal(size=(3, 5))
            np.testing.assert_allclose(
                rule.apply(*arrays, setting)[0],
                expected.apply(*arrays, setting)[0],
                1e-2,
                err_msg=where,
            )
        # By the new velocity or by the old one, x may have two formulas that are equally short.
        assert kind in ("nesterov", "x first") or rule == expected, where
        said[kind] = said.get(kind, 0) + (rule == expected)
    assert sum(said.values()) > 0.9 * count


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (each("v[:] = gamma*v", P), "NameError: name 'gamma' is not defined\n    v[:] = gamma*v"),
        (each("v[:] = nd.ones((7, 5))", P), "failed in line 3: "),
        (each("v[:] = nd.dot(nd.ones((2, 3)), nd.ones((2, 3)))", P), "line 3: MXNetError: "),
        ("raise SystemExit(3)", "failed in line 2: SystemExit: 3"),
        (
            "with autograd.record():\n    " + each(V, P).replace("\n", "\n    "),
            "outside `autograd.rec",
        ),
        (each("v[:] = mom*v + lr*p.grad()/B", P), "takes no parentheses"),
        (each("v[:] = mom*v + lr*p.data.grad/B", P), "not Gluon's Parameters"),
        (each("v.mul_(mom).add_(g)", P), "a method of PyTorch"),
        (each("p.grad /= B", V, P), "`param.grad[:] = …`"),
        (each("v[:] = mom*v + lr*g.asnumpy()/B", "p -= v.asnumpy()"), "leave `asnumpy()` out"),
        (each("v[:] = mom*v + lr*p.detach().grad/B", P), "only the array itself has a gradient"),
        (each("v[:] = mom*v + lr*g//B", P), "to divide is `/`"),
        (each("v[:] = mom*float(v) + lr*g/B", P), "cannot be made one number"),
        ("w, b = params", "There may be any number of them"),
        ("vs[:] = mom*vs", "A list is no array"),
        (each(V, "p -= nd.ones(5)*v if p.shape == (4,) else v"), "failed in line 4"),
    ],
)
def test_an_exception_is_explained(body, hint):
    found = diagnose(function(body))
    assert found.kind == "wrong"
    assert hint in found.en
    assert "Traceback" not in found.en


@pytest.mark.parametrize("body", ["while True: pass", "while True: params[0] += 1"])
def test_an_endless_loop_is_stopped(body):
    assert diagnose(function(body)) is verdict.TIME_IS_UP


@pytest.mark.parametrize("arguments", ["", "params", "params, vs, lr, mom", "params, vs, *, lr"])
def test_a_function_of_other_arguments_is_told_which(arguments):
    assert "update(params, vs, lr, mom, batch_size)" in diagnose(function("pass", arguments)).en


def test_the_chapters_own_functions_pass():
    from course.chapters import sgd, sgd_momentum

    assert checks.sgd_momentum(sgd_momentum) is True
    assert checks.sgd(sgd) is True
    assert checks.outside_momentum(function(each(OV, OP))) is True
    assert checks.outside_momentum(function(each(V, P))) is False


def test_mxnets_generator_is_left_alone():
    import mxnet as mx

    mx.random.seed(1)
    expected = nd.random.normal(shape=3).asnumpy()
    mx.random.seed(1)
    for body in (each(V, P), each("v[:] = nd.sign(g)", P)):
        diagnose(function(body))
    np.testing.assert_array_equal(nd.random.normal(shape=3).asnumpy(), expected)


@pytest.mark.parametrize(
    ("body", "printed"),
    [
        (each(V, P), "v ← γv + (η/|B|)g, x ← x − v\n"),
        (each(P, MV), "x ← x − v, v ← γv − (η/|B|)g\n"),
        (
            each("v[:] = 0.9*v + (1-mom*mom)**0.5*g", "p *= 1-lr; p += v"),
            "v ← 0.9v + √(1−γ)√(1+γ)g, x ← ",
        ),
        (each("v[:] = nd.sign(g)", P), "only the gradient's sign is used"),
        (f"{each(V, P)}\n    break", "x ← x − v\nonly the first parameter is updated"),
        ("params[0][:] = math.nan", "become nan"),
        ("p", "NameError"),
    ],
)
def test_what_it_computes_is_printed(body, printed, capsys):
    checks.what_it_computes(function(body))
    assert printed in capsys.readouterr().out


def test_what_it_computes_of_other_things(capsys):
    checks.what_it_computes(function("for p in params: p -= lr/B*g", "params, lr, batch_size"))
    checks.what_it_computes(3)
    checks.what_it_computes(lambda: None)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "x ← x − (η/|B|)g"
    assert "a function is expected" in printed[1]
    assert "the function is called as update(" in printed[2]


def test_settings_tell_products_of_powers_apart():
    """Any difference in powers shows at some setting by far more than float32's error."""
    logs = np.column_stack(
        [np.ones(len(updates.SETTINGS)), np.log(updates._factors(updates.SETTINGS))]
    )
    sensitivity = abs(np.linalg.pinv(logs)[1:]).sum(axis=1).max()
    assert 0.5 / sensitivity > 5e-3


def test_every_sentence_stands_in_both_languages():
    for zh, en in (*updates.NAMES.values(), *updates.ROWS.values(), *verdict.ADVICE.values()):
        assert any("\u4e00" <= letter <= "\u9fff" for letter in zh) and zh.endswith(("。", "？"))
        assert set(en) - set(map(chr, range(128))) <= set("ηγ−…")
