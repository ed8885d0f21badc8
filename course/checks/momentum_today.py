"""The checks of `momentum-today`."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
from mxnet import nd

from course.checks.answers import called, written
from course.checks.questions import Choice, Number, about, near, question
from course.checks.verdict import check, right, wrong

lion_distance = question(
    """Check how far Lion moves in 5 updates with η = 0.01 and a constant gradient of 1000.""",
    Number(
        "answer",
        right=near(0.05, -0.05),
        mistakes={
            "gradient's size": (
                about(50, 50000),
                "Lion 取的是符号：梯度有多大，步子都一样。",
                "Lion takes the sign: its steps are the same however large the gradient is.",
            ),
            "one update": (
                about(0.01),
                "这是一次更新的步子；走了 5 次。",
                "that is the step of one update; there are 5.",
            ),
            "mixture's share": (
                about(0.005, 0.0005),
                "先混合，后取符号：1−β 不影响步子的大小。",
                "the sign is taken after the mixture, so 1−β does not change the step's size.",
            ),
            "builds up": (
                about(0.05 - 0.01 * (0.9 + 0.81 + 0.729 + 0.6561), 0.01 * (5 - 4.0951 * 0.9)),
                "第一步就是全步：符号没有从零逐渐增大的过程。",
                "the very first step is a full one: a sign does not build up from zero.",
            ),
            "without η": (
                about(5),
                "漏乘了 η：每次更新走 η。",
                "η is missing: each update moves by η.",
            ),
        },
        otherwise=(
            "先算第一次更新：c 的符号是什么？步子有多大？",
            "take the first update: what is the sign of c, and so how large is the step?",
        ),
    ),
    right=(
        "5η = 0.05，每次都是全步。损失乘以任何正数，Lion 走的路都不变。",
        "5η = 0.05, a full step each time. Multiply the loss by any positive number, and Lion goes "
        "the same way.",
    ),
)

momentum_as_average = question(
    """Check c and the learning rate with which an average follows η = 0.02 and γ = 0.95.""",
    Number(
        "c",
        right=near(0.05),
        mistakes={
            "γ": (
                near(0.95),
                "那是 γ；x 的上一步保留了 1−c。",
                "that is γ; what is kept of x's last step is 1−c.",
            ),
            "1/(1−γ)": (
                near(20),
                "那是 1/(1−γ)；c 是 z 的权重，不超过 1。",
                "that is 1/(1−γ); c is the weight of z, at most 1.",
            ),
        },
        otherwise=(
            "x 的上一步乘以 1−c；动量法里，上一步乘以什么？",
            "x's last step is multiplied by 1−c. By what does momentum multiply its last step?",
        ),
    ),
    Number(
        "lr",
        right=near(0.4),
        mistakes={
            "η itself": (
                near(0.02),
                "x 的一步里，梯度乘的是 c 乘以 lr，所以 lr 要更大。",
                "in a step of x the gradient is multiplied by c times lr, so lr must be larger.",
            ),
            "the other way round": (
                about(0.001),
                "方向反了：c 乘以 lr 应当等于 0.02。",
                "the other way round: c times lr should be 0.02.",
            ),
            "divided by γ": (
                about(0.02 / 0.95),
                "应当除以 c，而不是 γ。",
                "divide by c, not by γ.",
            ),
        },
        otherwise=(
            "c 对了；x 的一步里，梯度乘以什么？它应当等于 η。",
            "c is right. By what is the gradient multiplied in a step of x? That should be η.",
        ),
    ),
    right=(
        "c = 1−γ = 0.05，lr = η/(1−γ) = 0.4：正是有效学习率。",
        "c = 1−γ = 0.05 and lr = η/(1−γ) = 0.4, the effective learning rate.",
    ),
)

newton_schulz_steps = question(
    """Check after how many Newton–Schulz steps 0.0002 first exceeds 0.5.""",
    Number(
        "answer",
        right=near(7),
        mistakes={
            "the usual five": (
                near(5),
                "五步之后只有约 0.0002 · 3.4445⁵ ≈ 0.1。",
                "after five it is only about 0.0002 · 3.4445⁵ ≈ 0.1.",
            ),
            "six": (
                near(6),
                "六步之后约 0.33，还不到 0.5。",
                "after six it is about 0.33, not yet above 0.5.",
            ),
            "eight": (
                near(8),
                "超过 0.5 还要更早；从零开始数，循环一次加一。",
                "it exceeds 0.5 earlier; count from zero, and add one for each step.",
            ),
            "a fraction": (
                about(6.33),
                "估计得不错；步数是整数，向上取整。",
                "a good estimate; steps come whole, so round up.",
            ),
        },
        otherwise=(
            "小的奇异值每步乘以约 3.4445；乘几次，0.0002 才超过 0.5？",
            "a small singular value is multiplied by about 3.4445 in each step. How many times, until "
            "0.0002 exceeds 0.5?",
        ),
    ),
    right=(
        "7 步；通常只做 5 步，这样弱的方向就仍然弱，约 0.1。",
        "7. With the usual 5, so weak a direction stays weak, at about 0.1.",
    ),
)

sick_muon = question(
    """Check what is wrong with the Muon that orthogonalizes before its buffer.""",
    Choice(
        "answer",
        {
            "order": ("先后", "顺序"),
            "norm": ("归一化", "normal"),
            "coefficients": ("系数", "coefficient"),
            "sign": ("符号",),
        },
        {
            "norm": (
                "newton_schulz 自己会归一化；看看它的结果接着去了哪里。",
                "newton_schulz normalizes by itself. Look where its result goes next.",
            ),
            "coefficients": (
                "用的就是正文的 newton_schulz，系数没有错；看看它的结果接着去了哪里。",
                "it is the chapter's newton_schulz, whose coefficients are right. Look where its "
                "result goes next.",
            ),
            "sign": (
                "符号没有错：损失是下降的。步子为什么会大于 η？",
                "the signs are right, and the loss falls. Why can a step be larger than η?",
            ),
        },
    ),
    right=(
        "先正交化、后累积：缓冲区就成了正交矩阵的加权和，奇异值能长到约 1/(1−γ) = 10。"
        "先累积、后正交化，步子才不看缓冲区有多大。",
        "it orthogonalizes first and accumulates then, so the buffer is a weighted sum of orthogonal "
        "matrices, whose singular values grow up to about 1/(1−γ) = 10. Accumulate first, and the step "
        "no longer depends on the buffer's size.",
    ),
)


# Lion: an update is what it does to x and m, from random arrays; a mistake, what it does instead.

SETTINGS = (  # lr, beta1, beta2, batch_size, weight_decay
    (0.3, 0.9, 0.6, 5, 0.7),
    (0.8, 0.35, 0.95, 3, 0.4),
)
SHAPES = ((4, 6), (4, 6), (7,))


# What is computed, part by part, of x, m, grad, the setting, and the parts before.
PARTS = {
    "g": lambda o: o.grad / o.size,
    "c": lambda o: np.sign(o.b1 * o.m + (1 - o.b1) * o.g),
    "kept": lambda o: o.b2 * o.m + (1 - o.b2) * o.g,
    "step": lambda o: o.lr * o.c,
    "decay": lambda o: o.lr * o.wd * o.x,
}


def _lion(**instead):
    """Give Lion as a function of x, m, the gradient and a setting, with parts in place of PARTS."""

    def update(x, m, grad, lr, b1, b2, size, wd):
        o = SimpleNamespace(x=x, m=m, grad=grad, lr=lr, b1=b1, b2=b2, size=size, wd=wd)
        for part, of in (PARTS | instead).items():
            setattr(o, part, of(o))
        return o.x - o.step - o.decay, o.kept

    return update


MISTAKES = {  # {name: (the parts in place of PARTS, zh, en)}
    "β exchanged": (
        {
            "c": lambda o: np.sign(o.b2 * o.m + (1 - o.b2) * o.g),
            "kept": lambda o: o.b1 * o.m + (1 - o.b1) * o.g,
        },
        "β₁ 和 β₂ 对调了：β₁ 用在步子里，β₂ 用在缓冲区里。",
        "β₁ and β₂ are exchanged: β₁ belongs to the step, β₂ to the buffer.",
    ),
    "β₁ in both": (
        {"kept": lambda o: o.b1 * o.m + (1 - o.b1) * o.g},
        "缓冲区用了 β₁，应当用 β₂。",
        "the buffer uses β₁; it should use β₂.",
    ),
    "β₂ in both": (
        {"c": lambda o: np.sign(o.b2 * o.m + (1 - o.b2) * o.g)},
        "步子用了 β₂，也就是新缓冲区的符号，那是 Signum；应当用 β₁ 混合旧的 m 和 g。",
        "the step uses β₂, which makes it the sign of the new buffer, as in Signum; mix the old m and g "
        "by β₁.",
    ),
    "buffer first": (
        {"c": lambda o: np.sign(o.b1 * (o.b2 * o.m + (1 - o.b2) * o.g) + (1 - o.b1) * o.g)},
        "缓冲区更新得太早：步子里的 m 应当是旧的，走完这一步才更新它。",
        "the buffer is updated too early: the step takes the old m, which changes after it.",
    ),
    "sign of the old buffer": (
        {"c": lambda o: np.sign(o.m)},
        "步子只取了旧缓冲区的符号，没有混进新的梯度。",
        "the step is the sign of the old buffer; the new gradient is not mixed in.",
    ),
    "sign of the gradient": (
        {"c": lambda o: np.sign(o.g)},
        "步子只取了梯度的符号，没有用到缓冲区。",
        "the step is the sign of the gradient; the buffer is not used.",
    ),
    "signs mixed": (
        {"c": lambda o: o.b1 * np.sign(o.m) + (1 - o.b1) * np.sign(o.g)},
        "先取符号、后混合了：应当先混合，再取符号。",
        "the signs are mixed; mix first, then take the sign.",
    ),
    "no sign": (
        {"c": lambda o: o.b1 * o.m + (1 - o.b1) * o.g},
        "没有取符号：步子是 c 的符号，不是 c。",
        "no sign is taken: the step is c's sign, not c.",
    ),
    "c kept": (
        {"kept": lambda o: np.sign(o.b1 * o.m + (1 - o.b1) * o.g)},
        "符号存进了缓冲区：缓冲区存的是梯度的平均，不取符号。",
        "the sign went into the buffer, which should keep the average of the gradients, without a sign.",
    ),
    "mixture exchanged": (
        {"c": lambda o: np.sign((1 - o.b1) * o.m + o.b1 * o.g)},
        "步子里 β₁ 和 1−β₁ 对调了：β₁ 乘的是缓冲区。",
        "in the step β₁ and 1−β₁ are exchanged: β₁ multiplies the buffer.",
    ),
    "buffer exchanged": (
        {"kept": lambda o: (1 - o.b2) * o.m + o.b2 * o.g},
        "缓冲区里 β₂ 和 1−β₂ 对调了：β₂ 乘的是旧的缓冲区。",
        "in the buffer β₂ and 1−β₂ are exchanged: β₂ multiplies the old buffer.",
    ),
    "both exchanged": (
        {
            "c": lambda o: np.sign((1 - o.b1) * o.m + o.b1 * o.g),
            "kept": lambda o: (1 - o.b2) * o.m + o.b2 * o.g,
        },
        "两处的 β 和 1−β 都对调了：β 乘的是旧的缓冲区。",
        "β and 1−β are exchanged in both places: β multiplies the old buffer.",
    ),
    "step a sum": (
        {"c": lambda o: np.sign(o.b1 * o.m + o.g)},
        "步子里的梯度没有乘 1−β₁。",
        "in the step the gradient lacks its factor 1−β₁.",
    ),
    "a sum": (
        {"kept": lambda o: o.b2 * o.m + o.g},
        "缓冲区是和的写法；Lion 用平均，梯度要乘 1−β₂。",
        "the buffer is a sum; Lion's is an average, where the gradient is multiplied by 1−β₂.",
    ),
    "both sums": (
        {"c": lambda o: np.sign(o.b1 * o.m + o.g), "kept": lambda o: o.b2 * o.m + o.g},
        "两处的梯度都没有乘 1−β：Lion 用的是平均。",
        "in both places the gradient lacks its factor 1−β: Lion uses averages.",
    ),
    "no decay": (
        {"decay": lambda o: 0},
        "没有用到 weight_decay。",
        "weight_decay is not used.",
    ),
    "decay without lr": (
        {"decay": lambda o: o.wd * o.x},
        "权重衰减漏乘了 lr。",
        "the decay is not multiplied by lr.",
    ),
    "decay of the wrong sign": (
        {"decay": lambda o: -o.lr * o.wd * o.x},
        "权重衰减的符号反了：它把参数往零拉。",
        "the decay has the wrong sign: it pulls parameters towards zero.",
    ),
    "decay after the step": (
        {"decay": lambda o: o.lr * o.wd * (o.x - o.step)},
        "衰减的是走完以后的参数：应当用走之前的 x，两部分一起减去。",
        "the decay is that of the parameter after the step; take the x before it, and subtract both.",
    ),
    "decay in the gradient": (
        {"g": lambda o: o.grad / o.size + o.wd * o.x, "decay": lambda o: 0},
        "权重衰减加进了梯度，被取了符号，也进了缓冲区；它应当在符号之外。",
        "the decay is added to the gradient, so its sign is taken and it enters the buffer; "
        "it belongs outside.",
    ),
    "decay in the summed gradient": (
        {"g": lambda o: (o.grad + o.wd * o.x) / o.size, "decay": lambda o: 0},
        "权重衰减加进了梯度，被取了符号，也进了缓冲区；它应当在符号之外。",
        "the decay is added to the gradient, so its sign is taken and it enters the buffer; "
        "it belongs outside.",
    ),
    "decay under the sign": (
        {
            "c": lambda o: np.sign(o.b1 * o.m + (1 - o.b1) * o.g + o.wd * o.x),
            "decay": lambda o: 0,
        },
        "权重衰减被取了符号；它应当在符号之外。",
        "the sign of the decay is taken with the rest; it belongs outside.",
    ),
    "uphill": (
        {"step": lambda o: -o.lr * o.c},
        "步子的符号反了：应当减去，否则损失上升。",
        "the step has the wrong sign: subtract it, or the loss will rise.",
    ),
    "uphill, all": (
        {"step": lambda o: -o.lr * o.c, "decay": lambda o: -o.lr * o.wd * o.x},
        "步子的符号反了：应当减去，否则损失上升。",
        "the step has the wrong sign: subtract it, or the loss will rise.",
    ),
    "no lr": (
        {"step": lambda o: o.c, "decay": lambda o: o.wd * o.x},
        "没有用到 lr。",
        "lr is not used.",
    ),
    "step without lr": (
        {"step": lambda o: o.c},
        "符号漏乘了 lr。",
        "the sign is not multiplied by lr.",
    ),
    "c in the buffer": (
        {"kept": lambda o: o.b2 * (o.b1 * o.m + (1 - o.b1) * o.g) + (1 - o.b2) * o.g},
        "缓冲区更新了两次：先存成了 c，又在 c 上更新；c 要另放，缓冲区从旧的 m 更新。",
        "the buffer is updated twice, first by β₁ to c, then by β₂ from c: keep c apart, and update "
        "from the old m.",
    ),
    "sign of the decay": (
        {"decay": lambda o: o.lr * o.wd * np.sign(o.x)},
        "衰减用的是 x 的符号，应当是 x 本身。",
        "the decay is by the sign of x; it is to be by x itself.",
    ),
    "c averaged": (
        {"kept": lambda o: o.b2 * o.m + (1 - o.b2) * o.c},
        "缓冲区平均的是 c，应当是梯度。",
        "the buffer averages c, the sign; it is to average the gradient.",
    ),
    "signs averaged": (
        {"kept": lambda o: o.b2 * o.m + (1 - o.b2) * np.sign(o.g)},
        "缓冲区平均的是梯度的符号，应当是梯度本身。",
        "the buffer averages the signs of gradients, not the gradients.",
    ),
    "no batch size": (
        {"g": lambda o: o.grad},
        "没有除以 batch_size：param.grad 是损失之和的梯度。",
        "the gradient is not divided by batch_size: `param.grad` is that of the summed loss.",
    ),
    "step without batch size": (
        {"c": lambda o: np.sign(o.b1 * o.m + (1 - o.b1) * o.grad)},
        "步子里的梯度没有除以 batch_size；取了符号也要除，因为它要和 m 混合。",
        "in the step the gradient is not divided by batch_size, which matters even with a sign, as "
        "it is mixed with m.",
    ),
    "buffer without batch size": (
        {"kept": lambda o: o.b2 * o.m + (1 - o.b2) * o.grad},
        "缓冲区里的梯度没有除以 batch_size。",
        "in the buffer the gradient is not divided by batch_size.",
    ),
    "batch size squared": (
        {"g": lambda o: o.grad / o.size**2},
        "除了两次 batch_size。",
        "the gradient is divided by batch_size twice.",
    ),
    "times batch size": (
        {"g": lambda o: o.grad * o.size},
        "应当除以 batch_size，而不是乘。",
        "divide by batch_size, do not multiply.",
    ),
}


def _arrays(rng, setting):
    """Give x, m and g of each parameter; m and the mean gradient are of a size."""
    size = setting[3]
    return [
        [rng.normal(size=shape) for _ in "xm"] + [size * rng.normal(size=shape)] for shape in SHAPES
    ]


def _observe(update, arrays, setting):
    """Call the learner's function; give the new x and m of each parameter."""
    params, states = [], []
    for x, m, g in arrays:
        param = nd.array(x)
        param.attach_grad()
        param.grad[:] = nd.array(g)
        params.append(param)
        states.append(nd.array(m))
    held, kept = list(params), list(states)  # the learner's function may change the lists
    called(lambda: update(params, states, *setting), update)
    return [(x.asnumpy(), m.asnumpy()) for x, m in zip(held, kept)]


def _fits(rule, arrays, setting, new):
    with np.errstate(all="ignore"):
        expected = [rule(x, m, g, *setting) for x, m, g in arrays]
    return all(
        np.allclose(a, b, rtol=1e-3, atol=1e-4)
        for pair, others in zip(new, expected)
        for a, b in zip(pair, others)
    )


@check
def lion(update):
    """Check a learner's ``update(params, states, lr, beta1, beta2, batch_size, weight_decay)``."""
    update = written(update)
    rng = np.random.default_rng()
    cases = [(_arrays(rng, setting), setting) for setting in SETTINGS]
    seen = [(arrays, setting, _observe(update, arrays, setting)) for arrays, setting in cases]

    def told(rule):
        return all(_fits(rule, arrays, setting, new) for arrays, setting, new in seen)

    if told(_lion()):
        return right(
            "先用 β₁ 混合、取符号、走一步，再用 β₂ 更新缓冲区；衰减加在符号之外。",
            "mixed with β₁, then the sign, then the step, then the buffer with β₂; the decay stays "
            "outside the sign.",
        )
    arrays, _, new = seen[0]
    still = [
        all(np.allclose(pair[k], old[k], atol=1e-6) for pair, old in zip(new, arrays))
        for k in (0, 1)
    ]
    in_place = (
        "原地更新：写 {0}[:] = …；写 {0} = … 只是让名字指向一个新的数组，下次更新就忘了。",
        "Update in place: `{0}[:] = …`. With `{0} = …` the name is just bound to a new array, "
        "forgotten by the next update.",
    )
    if all(still):
        return wrong(
            "params 和 states 都没有变。" + in_place[0].format("param"),
            "neither params nor states have changed. " + in_place[1].format("param"),
            "nothing changed",
        )
    if still[1]:
        return wrong(
            "states 里的缓冲区没有变。" + in_place[0].format("m"),
            "the buffers in states have not changed. " + in_place[1].format("m"),
            "buffer rebound",
        )
    if still[0]:
        return wrong(
            "参数没有变。" + in_place[0].format("param"),
            "the parameters have not changed. " + in_place[1].format("param"),
            "parameter rebound",
        )
    if not all(_moved(pair, old) for pair, old in zip(new, arrays)):
        return wrong(
            "只更新了一部分参数：用循环逐个处理。",
            "only some of the parameters are updated: take one after the other, in a loop.",
            "not all",
        )
    for count in (1, 2):
        for names in combinations(MISTAKES, count):
            parts, zh, en = zip(*(MISTAKES[name] for name in names))
            instead = {part: of for some in parts for part, of in some.items()}
            if len(instead) == sum(map(len, parts)) and told(_lion(**instead)):
                return wrong("另外，".join(zh), " Also: ".join(en), "; ".join(names))
    zh, en = _part(seen)
    return wrong(zh, en, "elsewhere")


def _moved(pair, old):
    return not all(np.allclose(new, before, atol=1e-6) for new, before in zip(pair, old))


def _part(seen):
    """Say which of the two lines is right, if one is."""
    line = [
        all(
            np.allclose(pair[k], _lion()(*old, *setting)[k], rtol=1e-3, atol=1e-4)
            for arrays, setting, new in seen
            for pair, old in zip(new, arrays)
        )
        for k in (0, 1)
    ]
    if line[0]:
        return (
            "参数对了，缓冲区不对：m ← β₂m + (1−β₂)g，g 是平均梯度。",
            "the parameters are right, the buffer is not: m ← β₂m + (1−β₂)g, where g is the mean gradient.",
        )
    if line[1]:
        arrays, (lr, *_, wd), new = seen[0]
        c = [((x - pair[0]) / lr - wd * x).ravel() for (x, *_), pair in zip(arrays, new)]
        signs = np.allclose(abs(np.concatenate(c)), 1, atol=1e-3)
        return (
            "缓冲区对了，参数不对："
            + (
                "步子是 ±lr，取的却不是 c 的符号；c 由旧的 m 和 g 混合而成。"
                if signs
                else "除去衰减 lr·weight_decay·x，每个元素应当走 +lr 或 −lr，方向由 c 的符号定。"
            ),
            "the buffer is right, the parameters are not: "
            + (
                "the steps are ±lr, but not by the sign of c, which mixes the old m and g."
                if signs
                else "beside the decay, lr·weight_decay·x, every element is to move by +lr or −lr, by "
                "the sign of c."
            ),
        )
    return (
        "参数和缓冲区都不对。一次做一件事：先写平均梯度 g，再写 c，然后走一步，最后更新 m。",
        "neither the parameters nor the buffer are right. One thing at a time: the mean gradient g, "
        "then c, then the step, and last m.",
    )
