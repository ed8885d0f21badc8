"""Find out what is wrong with a learner's update rule, by imitating the usual mistakes.

The learner's function and the true update run from the same state. Where they part, every usual
mistake, and every two of them together, is imitated in float64; the one that ends where the
learner's function ended is the one to name.
"""

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import numpy as np
from mxnet import nd

from course.checks.verdict import TIME_IS_UP, attempt, no_function, right, wrong

STEPS = 4
SHAPES = ((1,), (3, 2), (4,))  # none fits where another belongs: a shared velocity raises
SAME_SHAPES = ((3,), (3,), (3,))  # a shared velocity fits, and shows by where it leads


class Rule(NamedTuple):
    """An update rule: the true one by default, each field another way to depart from it."""

    signs: str = "v, then x - v"
    gradient: str = "its own"
    lr: str = "inside"
    batch: str = "mean"
    mom: str = "right"
    step: str = "new velocity"
    velocity: str = "kept"
    params: str = "kept"
    which: str = "all"
    buffer: str = "own"


# Every departure, with what to tell the learner; of alternatives that look alike, the likelier first.
MISTAKES = {
    ("signs", "uphill"): (
        "方向反了：参数在朝着目标函数上升的方向走。检查更新 x 时的正负号。",
        "wrong sign: the parameters move uphill. Look at the sign where x is updated.",
    ),
    ("signs", "negated gradient"): (
        "方向反了：速度里的梯度带了负号，而 x 又减去速度。",
        "wrong sign: the gradient enters the velocity negated, and x subtracts the velocity.",
    ),
    ("lr", "inside"): (
        "学习率乘在了速度里面：PyTorch 的形式里，η 在更新 x 时才乘。",
        "the learning rate stands inside the velocity; in PyTorch's form η enters where x is updated.",
    ),
    ("lr", "outside"): (
        "学习率乘在了速度外面：这一章的公式里，η 乘的是梯度，在速度里面。",
        "the learning rate stands outside the velocity; "
        "in this chapter η multiplies the gradient, inside the velocity.",
    ),
    ("lr", "twice"): (
        "学习率乘了两次：速度里一次，更新 x 时又一次。",
        "the learning rate is applied twice, in the velocity and again in the step.",
    ),
    ("lr", "on both"): (
        "旧的速度也乘上了学习率；η 只该乘梯度。",
        "the learning rate multiplies the old velocity as well; it belongs to the gradient only.",
    ),
    ("lr", "missing"): (
        "没有用到学习率。",
        "the learning rate is not used.",
    ),
    ("batch", "missing"): (
        "没有除以 batch_size：param.grad 是小批量中损失之和的梯度。",
        "the division by batch_size is missing; param.grad is the gradient of a summed loss.",
    ),
    ("batch", "step only"): (
        "只有 x 的步子除以了 batch_size；该除以它的是速度里的梯度。",
        "batch_size divides only the step of x, not the gradient in the velocity.",
    ),
    ("batch", "on both"): (
        "旧的速度也除以了 batch_size；该除以它的只有梯度。",
        "batch_size divides the old velocity as well; only the gradient is to be divided by it.",
    ),
    ("batch", "times"): (
        "梯度应当除以 batch_size，而不是乘以它。",
        "the gradient is multiplied by batch_size instead of divided by it.",
    ),
    ("mom", "ignored"): (
        "没有用到 γ：旧的速度原封不动地留着，没有衰减。",
        "γ is not used: the old velocity stays as it was and never fades.",
    ),
    ("mom", "added to one"): (
        "旧的速度多加了一次：v += … 已经保留了旧的速度，再加 γ 倍就成了 1+γ 倍。",
        "the old velocity is counted twice: `v += …` keeps it already, so it ends up (1+γ) times.",
    ),
    ("mom", "fixed at 0.9"): (
        "动量参数写死成了 0.9：要用传入的 mom。",
        "the momentum parameter is fixed at 0.9; use `mom` as it is given.",
    ),
    ("mom", "overwritten"): (
        "速度被新的梯度覆盖了：旧的速度应当乘以 γ 保留下来。",
        "the velocity is overwritten; γ times the old velocity should stay in it.",
    ),
    ("mom", "on the gradient"): (
        "γ 乘到了梯度上；它该乘的是旧的速度。",
        "γ multiplies the gradient; it belongs to the old velocity.",
    ),
    ("mom", "on both"): (
        "梯度也乘上了 γ；γ 只该乘旧的速度。",
        "γ multiplies the gradient as well; it belongs to the old velocity only.",
    ),
    ("mom", "swapped with lr"): (
        "γ 和 η 互换了：γ 该乘旧的速度，η 该乘梯度。",
        "γ and η are swapped: γ belongs to the old velocity, η to the gradient.",
    ),
    ("mom", "average"): (
        "梯度多乘了 (1−γ)：那是加权平均的写法，这一章的速度是加权和。",
        "the gradient carries a factor (1−γ): that makes an average, "
        "and this chapter's velocity is a weighted sum.",
    ),
    ("step", "old velocity"): (
        "先更新了 x、后更新了速度：应当先更新速度，再用新的速度更新 x。",
        "x is updated before the velocity; update the velocity first, then subtract it from x.",
    ),
    ("step", "Nesterov"): (
        "这是 Nesterov 加速梯度：x 应当直接减去新的速度，不再往前多看一步。",
        "this is Nesterov's accelerated gradient; here x subtracts the new velocity itself, "
        "without looking ahead.",
    ),
    ("step", "gradient"): (
        "没有用到速度：x 减去的只是当前的梯度乘以学习率。",
        "the velocity is not used: x subtracts the learning rate times the gradient.",
    ),
    ("velocity", "lost"): (
        "速度没有变。如果写了 v = …，那只是让局部变量 v 指向另一个数组；"
        "要修改数组本身，用 v[:] = … 或 v *= …。",
        "the velocity does not change. If you wrote `v = …`, that only makes the local name v mean "
        "a new array; change the array itself, with `v[:] = …` or `v *= …`.",
    ),
    ("velocity", "decayed only"): (
        "速度乘以 γ 是原地的，加上梯度却不是：v = v + … 让局部变量 v 指向另一个数组，要用 v += …。",
        "the velocity is multiplied by γ in place, but the gradient is not added in place: "
        "`v = v + …` makes the local name v mean a new array; write `v += …`.",
    ),
    ("params", "lost"): (
        "参数没有变。如果写了 param = …，那只是让局部变量 param 指向另一个数组；"
        "要修改数组本身，用 param[:] = … 或 param -= …。",
        "the parameters do not change. If you wrote `param = …`, that only makes the local name "
        "mean a new array; change the array itself, with `param[:] = …` or `param -= …`.",
    ),
    ("params", "replaced"): (
        "参数变成了 −v，旧的参数丢了：是不是把 param -= v 写成了 param[:] = -v？",
        "the parameters become −v and their old values are lost. "
        "Did `param -= v` become `param[:] = -v`?",
    ),
    ("gradient", "parameter"): (
        "用到的是参数本身，而不是它的梯度 param.grad。",
        "the parameter itself is used where its gradient, param.grad, belongs.",
    ),
    ("which", "first"): (
        "只更新了第一个参数：循环是不是提前结束了？",
        "only the first parameter is updated. Does the loop end too early?",
    ),
    ("which", "last"): (
        "只更新了最后一个参数。",
        "only the last parameter is updated.",
    ),
    ("which", "last steps"): (
        "每个速度都更新了，动的却只有最后一个参数：更新 x 的那一行是不是没有缩进到循环里？",
        "every velocity is renewed, but only the last parameter moves. "
        "Is the line that updates x indented into the loop?",
    ),
    ("buffer", "first"): (
        "所有参数共用了第一个速度：每个参数要有自己的速度。",
        "all parameters share the first velocity; each needs its own.",
    ),
    ("buffer", "last"): (
        "所有参数共用了最后一个速度：每个参数要有自己的速度。",
        "all parameters share the last velocity; each needs its own.",
    ),
    ("buffer", "last in the step"): (
        "更新 x 时，所有参数减去的都是最后一个速度：每个参数要减去自己的速度。",
        "every parameter subtracts the last velocity; each must subtract its own.",
    ),
}


class Method(NamedTuple):
    """What a learner is asked to write: its true rule, how it is called, what can go wrong."""

    rule: Rule
    call: Callable
    mistakes: tuple
    right: tuple
    hints: dict = MISTAKES  # what to tell of a mistake, where not what MISTAKES says


MOMENTUM = Method(
    rule=Rule(),
    call=lambda update, params, vs, lr, mom, batch_size: update(params, vs, lr, mom, batch_size),
    mistakes=tuple(name for name in MISTAKES if name != ("lr", "inside")),
    right=(
        "参数和速度每一步都与公式一致。",
        "parameters and velocities follow the formula at every step.",
    ),
)
OUTSIDE = Method(
    rule=Rule(lr="outside"),
    call=MOMENTUM.call,
    mistakes=tuple(name for name in MISTAKES if name != ("lr", "outside")),
    right=MOMENTUM.right,
    hints=MISTAKES
    | {
        ("lr", "on both"): (
            "学习率乘到速度里面去了，连旧的速度也乘上了：PyTorch 的形式里，η 在更新 x 时才乘。",
            "the learning rate multiplies the velocity, the old one included; "
            "in PyTorch's form η enters only where x is updated.",
        ),
        ("mom", "swapped with lr"): (
            "γ 和 η 互换了：γ 该乘旧的速度，η 该在更新 x 时乘整个速度。",
            "γ and η are swapped: γ belongs to the old velocity, "
            "η to the whole velocity where x is updated.",
        ),
        ("mom", "average"): (
            "梯度多乘了 (1−γ)：那是平均的写法，PyTorch 的形式里没有这个系数。",
            "the gradient carries a factor (1−γ): that is the average form; PyTorch's has none.",
        ),
    },
)
SGD = Method(
    rule=Rule(step="gradient", velocity="lost"),
    call=lambda update, params, vs, lr, mom, batch_size: update(params, lr, batch_size),
    mistakes=(
        *(("signs", "uphill"), ("lr", "missing"), ("batch", "missing"), ("batch", "times")),
        *(("params", "lost"), ("gradient", "parameter"), ("which", "first"), ("which", "last")),
    ),
    right=("参数每一步都与公式一致。", "the parameters follow the formula at every step."),
)


def _moved(x, v, grad, lr, mom, batch_size, rule):
    """Give a parameter and its velocity after one update by `rule`."""
    size = {"missing": 1, "step only": 1, "times": batch_size}.get(rule.batch, 1 / batch_size)
    inner = 1 if rule.lr in ("outside", "missing") else lr
    keep, gain = {
        "right": (mom, inner),
        "ignored": (1, inner),
        "added to one": (1 + mom, inner),
        "fixed at 0.9": (0.9, inner),
        "overwritten": (0, inner),
        "on the gradient": (1, mom * inner),
        "on both": (mom, mom * inner),
        "swapped with lr": (lr, mom),
        "average": (mom, (1 - mom) * inner),
    }[rule.mom]
    if rule.lr == "on both":
        keep = keep * lr
    if rule.batch == "on both":
        keep = keep / batch_size
    last = 1  # a factor on the step
    if rule.lr == "outside":
        last = lr
        if rule.mom == "swapped with lr":
            gain, last = 1, mom
    gradient = gain * size * (x if rule.gradient == "parameter" else grad)
    if rule.signs in ("mxnet", "negated gradient"):
        gradient = -gradient
    new = keep * v + gradient
    step = {
        "new velocity": new,
        "old velocity": v,
        "Nesterov": keep * new + gradient,
        "gradient": gradient,
    }[rule.step]
    step = step * (lr if rule.lr == "twice" else last)
    step = step / (batch_size if rule.batch == "step only" else 1)
    moved = x + step if rule.signs in ("mxnet", "uphill") else x - step
    kept_v = {"kept": new, "lost": v, "decayed only": keep * v}[rule.velocity]
    kept_x = {"kept": moved, "lost": x, "replaced": -step}[rule.params]
    return kept_x, kept_v


class Trial:
    """A random start, gradients and hyperparameters, for parameters of the given shapes.

    A state, below, is an array of shape (STEPS, 2, n): after each step, the n numbers of all
    parameters and the n numbers of all velocities.
    """

    def __init__(self, shapes, rng):
        self.params = [rng.normal(size=shape) for shape in shapes]
        self.vs = [rng.normal(size=shape) for shape in shapes]
        self.grads = [[rng.normal(0, 9, size=shape) for shape in shapes] for _ in range(STEPS)]
        # Apart from each other and from 1/2, so that no two mistakes look alike.
        self.mom = rng.uniform(0.7, 0.9)
        self.batch_size = int(rng.integers(3, 9))
        self.lrs = rng.uniform(0.2, 0.4) * 0.5 ** np.arange(STEPS)

    def by_rule(self, rule):
        """Give the state to which `rule` leads."""
        params, vs, states = list(self.params), list(self.vs), []
        last = len(params) - 1
        for grads, lr in zip(self.grads, self.lrs):
            before = list(params)
            for i in {"first": [0], "last": [last]}.get(rule.which, range(last + 1)):
                j = {"first": 0, "last": last}.get(rule.buffer, i)
                params[i], vs[j] = _moved(
                    params[i], vs[j], grads[i], lr, self.mom, self.batch_size, rule
                )
            if rule.which == "last steps":
                params[:last] = before[:last]
            if rule.buffer == "last in the step":
                params = [x - vs[last] for x in before]
            states += params + vs
        return _state(states)

    def by_function(self, update, method):
        """Give the state to which the learner's `update` leads, and whether it returned arrays."""
        params = [nd.array(x) for x in self.params]
        vs = [nd.array(v) for v in self.vs]
        states, returned = [], False
        for param in params:
            param.attach_grad()
        for grads, lr in zip(self.grads, self.lrs):
            for param, grad in zip(params, grads):
                param.grad[:] = nd.array(grad)
            hyperparameters = float(lr), float(self.mom), self.batch_size
            result = method.call(update, list(params), list(vs), *hyperparameters)
            returned = returned or result is not None
            states += [array.asnumpy() for array in params + vs]
        return _state(states), returned

    def agree(self, state, rule):
        """Tell whether `state` is where `rule` leads, to float32 accuracy."""
        if rule.buffer != "own" and len({x.shape for x in self.params}) > 1:
            return False  # shared by parameters of different shapes, a velocity raises
        return _close(state, self.by_rule(rule))


def _state(arrays):
    """Make a state of the parameters and velocities after each step, one array after the other."""
    return np.concatenate([array.ravel() for array in arrays]).reshape(STEPS, 2, -1)


def _close(left, right):
    return np.allclose(left, right, rtol=1e-4, atol=1e-4)


def rules(method):
    """Give the usual mistakes, alone and then by twos, as (names, rule)."""
    for name in method.mistakes:
        yield [name], method.rule._replace(**dict([name]))
    if method is not SGD:
        plain = method.rule._replace(step="gradient", velocity="lost")
        yield [("step", "gradient")], plain  # plain SGD
        yield [("velocity", "lost")], plain._replace(step="old velocity")  # x - v alone
    for pair in combinations(method.mistakes, 2):
        fields = dict(pair)
        if len(fields) == 2:
            yield pair, method.rule._replace(**fields)


def _compared(trial, state, returned, method):
    """Give the verdict on a learner's `state`, or None if no known rule leads there."""
    if trial.agree(state, method.rule):
        return right(*method.right)
    if method is MOMENTUM and trial.agree(state, Rule(signs="mxnet")):
        return right(
            "这是 MXNet 的符号约定：v 里存的是负的速度，x 加上它。"
            "从零速度出发，参数的轨迹与这一章的公式完全相同。",
            "this is MXNet's sign convention: v holds the negated velocity, and x adds it. "
            "From zero velocity the parameters move exactly as they do with this chapter's formula.",
        )
    if not np.isfinite(state).all():
        return wrong(
            f"{'参数' if method is SGD else '参数或速度'}变成了 nan 或无穷大。",
            f"{'parameters' if method is SGD else 'parameters or velocities'} become nan or infinite.",
        )
    if returned and _close(state[:, 0], trial.by_rule(Rule(params="lost"))[:, 0]):
        return wrong(
            "你的函数返回了新的数组，参数本身却没有变：调用它的代码不看返回值，要原地更新。",
            "the function returns new arrays and leaves the parameters as they were; "
            "its caller ignores what it returns, so update in place.",
        )
    if method is not SGD and trial.agree(state, Rule(velocity="lost", params="lost")):
        return wrong(
            "参数和速度都没有变。如果写了 v = … 或 param = …，那只是让局部变量指向另一个数组；"
            "要用 v[:] = …、param -= … 这样的原地写法。",
            "neither parameters nor velocities change. Assigning to a name, as `v = …` does, leaves "
            "the array as it was; update in place, with `v[:] = …`, `*=`, `+=` or `-=`.",
        )
    for names, rule in rules(method):
        if trial.agree(state, rule):
            return wrong(
                "另外，".join(method.hints[name][0] for name in names),
                " Also: ".join(method.hints[name][1] for name in names),
            )
    return None


def _unnamed(trial, state, method):
    """Say how far `state` is right, where no usual mistake explains it."""
    expected = trial.by_rule(method.rule)
    if method is SGD:
        if _close(state[0], expected[0]):
            return wrong(
                "第一次更新是对的，之后就不对了。每次更新都要用这一次传入的学习率和当前的梯度。",
                "the first update is right, later ones are not. "
                "Each must use the learning rate it is given and the current gradient.",
            )
        return wrong(
            "参数和公式不符：对照公式检查更新 param 的那一行，要用传入的 lr 和 batch_size。",
            "the parameters do not follow the formula. Compare your line for param with it; "
            "use lr and batch_size as they are given.",
        )
    if _close(state[0], expected[0]):
        return wrong(
            "第一次更新是对的，之后就不对了。每次更新都要用这一次传入的学习率和当前的速度。",
            "the first update is right, later ones are not. "
            "Each must use the learning rate it is given and the velocity left by the update before.",
        )
    if _close(state[:, 1], expected[:, 1]):
        return wrong(
            "速度是对的，参数不对：检查更新 x 的那一行。",
            "the velocities are right, the parameters are not. Look at the line that updates x.",
        )
    return wrong(
        "更新后的速度和公式不符：先对照公式检查 v，再检查 x；"
        "要用传入的 lr、mom 和 batch_size，不要写死数字。",
        "the velocities do not follow the formula. First compare your line for v with it, then "
        "your line for x; use lr, mom and batch_size as they are given, no fixed numbers.",
    )


def diagnose(update, method=MOMENTUM, rng=None):
    """Say whether `update` is the method's update, and if not, what is wrong.

    Parameters
    ----------
    update : callable
        The learner's ``update(params, vs, lr, mom, batch_size)``, or for SGD
        ``update(params, lr, batch_size)``.
    method : Method, optional
        `MOMENTUM`, `OUTSIDE` or `SGD`.
    rng : numpy.random.Generator, optional
        Draws the start, the gradients and the hyperparameters; a fresh one by default.

    Returns
    -------
    Verdict
    """
    if not callable(update):
        return no_function(update)
    rng = np.random.default_rng() if rng is None else rng
    trial = Trial(SHAPES, rng)
    outcome, fault = attempt(lambda: trial.by_function(update, method), update)
    if fault is None:
        return _compared(trial, *outcome, method) or _unnamed(trial, outcome[0], method)
    if fault is not TIME_IS_UP:
        # A velocity shared by parameters of different shapes raises; by equal ones it shows itself.
        trial = Trial(SAME_SHAPES, rng)
        outcome, second_fault = attempt(lambda: trial.by_function(update, method), update)
        found = None if second_fault else _compared(trial, *outcome, method)
        if found and found.kind == "wrong":
            return found
    return fault
