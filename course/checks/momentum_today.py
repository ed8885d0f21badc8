"""The checks of `momentum-today`."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
from mxnet import nd

from course.checks import updates
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
SHAPES = ((30, 40),) * 3, ((4, 6), (7,), (1,))  # by the first, which is large, mistakes are told


# What is computed, part by part, of x, m, grad, the setting, and the parts before.
PARTS = {
    "g": lambda o: o.grad / o.size,
    "cm": lambda o: o.b1,
    "cg": lambda o: 1 - o.b1,
    "mixed": lambda o: o.cm * o.m + o.cg * o.g,
    "c": lambda o: np.sign(o.mixed),
    "km": lambda o: o.b2,
    "kg": lambda o: 1 - o.b2,
    "kept": lambda o: o.km * o.m + o.kg * o.g,
    "step": lambda o: o.lr * o.c,
    "rate": lambda o: o.lr * o.wd,
    "decayed": lambda o: o.x,
    "decay": lambda o: o.rate * o.decayed,
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
            "cm": lambda o: o.b2,
            "cg": lambda o: 1 - o.b2,
            "km": lambda o: o.b1,
            "kg": lambda o: 1 - o.b1,
        },
        "β₁ 和 β₂ 对调了：β₁ 用在步子里，β₂ 用在缓冲区里。",
        "β₁ and β₂ are exchanged: β₁ belongs to the step, β₂ to the buffer.",
    ),
    "β₁ in both": (
        {"km": lambda o: o.b1, "kg": lambda o: 1 - o.b1},
        "缓冲区用了 β₁，应当用 β₂。",
        "the buffer uses β₁; it should use β₂.",
    ),
    "β₂ in both": (
        {"cm": lambda o: o.b2, "cg": lambda o: 1 - o.b2},
        "步子用了 β₂，也就是新缓冲区的符号，那是 Signum；应当用 β₁ 混合旧的 m 和 g。",
        "the step uses β₂, which makes it the sign of the new buffer, as in Signum; mix the old m and g "
        "by β₁.",
    ),
    "buffer first": (
        {"mixed": lambda o: o.cm * (o.b2 * o.m + (1 - o.b2) * o.g) + o.cg * o.g},
        "缓冲区更新得太早：步子里的 m 应当是旧的，走完这一步才更新它。",
        "the buffer is updated too early: the step takes the old m, which changes after it.",
    ),
    "sign of the old buffer": (
        {"mixed": lambda o: o.m},
        "步子只取了旧缓冲区的符号，没有混进新的梯度。",
        "the step is the sign of the old buffer; the new gradient is not mixed in.",
    ),
    "sign of the gradient": (
        {"mixed": lambda o: o.g},
        "步子只取了梯度的符号，没有用到缓冲区。",
        "the step is the sign of the gradient; the buffer is not used.",
    ),
    "signs mixed": (
        {"c": lambda o: o.cm * np.sign(o.m) + o.cg * np.sign(o.g)},
        "先取符号、后混合了：应当先混合，再取符号。",
        "the signs are mixed; mix first, then take the sign.",
    ),
    "no sign": (
        {"c": lambda o: o.mixed},
        "没有取符号：步子是 c 的符号，不是 c。",
        "no sign is taken: the step is c's sign, not c.",
    ),
    "c kept": (
        {"kept": lambda o: np.sign(o.mixed)},
        "符号存进了缓冲区：缓冲区存的是梯度的平均，不取符号。",
        "the sign went into the buffer, which should keep the average of the gradients, without a sign.",
    ),
    "mixture exchanged": (
        {"cm": lambda o: 1 - o.b1, "cg": lambda o: o.b1},
        "步子里 β₁ 和 1−β₁ 对调了：β₁ 乘的是缓冲区。",
        "in the step β₁ and 1−β₁ are exchanged: β₁ multiplies the buffer.",
    ),
    "buffer exchanged": (
        {"km": lambda o: 1 - o.b2, "kg": lambda o: o.b2},
        "缓冲区里 β₂ 和 1−β₂ 对调了：β₂ 乘的是旧的缓冲区。",
        "in the buffer β₂ and 1−β₂ are exchanged: β₂ multiplies the old buffer.",
    ),
    "both exchanged": (
        {
            "cm": lambda o: 1 - o.b1,
            "cg": lambda o: o.b1,
            "km": lambda o: 1 - o.b2,
            "kg": lambda o: o.b2,
        },
        "两处的 β 和 1−β 都对调了：β 乘的是旧的缓冲区。",
        "β and 1−β are exchanged in both places: β multiplies the old buffer.",
    ),
    "step a sum": (
        {"cg": lambda _: 1},
        "步子里的梯度没有乘 1−β₁。",
        "in the step the gradient lacks its factor 1−β₁.",
    ),
    "a sum": (
        {"kg": lambda _: 1},
        "缓冲区是和的写法；Lion 用平均，梯度要乘 1−β₂。",
        "the buffer is a sum; Lion's is an average, where the gradient is multiplied by 1−β₂.",
    ),
    "both sums": (
        {"cg": lambda _: 1, "kg": lambda _: 1},
        "两处的梯度都没有乘 1−β：Lion 用的是平均。",
        "in both places the gradient lacks its factor 1−β: Lion uses averages.",
    ),
    "no decay": (
        {"decay": lambda o: 0},
        "没有用到 weight_decay。",
        "weight_decay is not used.",
    ),
    "decay after the step": (
        {"decayed": lambda o: o.x - o.step},
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
        {"c": lambda o: np.sign(o.mixed + o.wd * o.x), "decay": lambda o: 0},
        "权重衰减被取了符号；它应当在符号之外。",
        "the sign of the decay is taken with the rest; it belongs outside.",
    ),
    "uphill": (
        {"step": lambda o: -o.lr * o.c},
        "步子的正负号反了：应当减去，否则损失会上升。",
        "the step has the wrong sign: subtract it, or the loss will rise.",
    ),
    "uphill, all": (
        {"step": lambda o: -o.lr * o.c, "rate": lambda o: -o.lr * o.wd},
        "步子和衰减的正负号都反了：两者都应当减去，否则损失会上升。",
        "step and decay both have the wrong sign: subtract them, or the loss will rise.",
    ),
    "no lr": (
        {"step": lambda o: o.c, "rate": lambda o: o.wd},
        "没有用到 lr。",
        "lr is not used.",
    ),
    "step without lr": (
        {"step": lambda o: o.c},
        "符号漏乘了 lr。",
        "the sign is not multiplied by lr.",
    ),
    "c in the buffer": (
        {"kept": lambda o: o.km * o.mixed + o.kg * o.g},
        "缓冲区更新了两次：先存成了 c，又在 c 上更新；c 要另放，缓冲区从旧的 m 更新。",
        "the buffer is updated twice, first by β₁ to c, then by β₂ from c: keep c apart, and update "
        "from the old m.",
    ),
    "sign of the decay": (
        {"decayed": lambda o: np.sign(o.x)},
        "衰减用的是 x 的符号，应当是 x 本身。",
        "the decay is by the sign of x; it is to be by x itself.",
    ),
    "c averaged": (
        {"kept": lambda o: o.km * o.m + o.kg * o.c},
        "缓冲区平均的是 c，应当是梯度。",
        "the buffer averages c, the sign; it is to average the gradient.",
    ),
    "signs averaged": (
        {"kept": lambda o: o.km * o.m + o.kg * np.sign(o.g)},
        "缓冲区平均的是梯度的符号，应当是梯度本身。",
        "the buffer averages the signs of gradients, not the gradients.",
    ),
    "no batch size": (
        {"g": lambda o: o.grad},
        "没有除以 batch_size：param.grad 是损失之和的梯度。",
        "the gradient is not divided by batch_size: `param.grad` is that of the summed loss.",
    ),
    "step without batch size": (
        {"mixed": lambda o: o.cm * o.m + o.cg * o.grad},
        "步子里的梯度没有除以 batch_size；取了符号也要除，因为它要和 m 混合。",
        "in the step the gradient is not divided by batch_size, which matters even with a sign, as "
        "it is mixed with m.",
    ),
    "buffer without batch size": (
        {"kept": lambda o: o.km * o.m + o.kg * o.grad},
        "缓冲区里的梯度没有除以 batch_size。",
        "in the buffer the gradient is not divided by batch_size.",
    ),
    "batch size squared": (
        {"g": lambda o: o.grad / o.size**2},
        "梯度除以了两次 batch_size。",
        "the gradient is divided by batch_size twice.",
    ),
    "times batch size": (
        {"g": lambda o: o.grad * o.size},
        "应当除以 batch_size，而不是乘。",
        "divide by batch_size, do not multiply.",
    ),
    "all over batch size": (
        {"step": lambda o: o.lr * o.c / o.size, "rate": lambda o: o.lr * o.wd / o.size},
        "步子和衰减除以了 batch_size；该除以它的只有梯度，而且要在混合之前。",
        "step and decay are divided by batch_size; only the gradient is to be, before it is mixed in.",
    ),
    "mixed equally": (
        {"mixed": lambda o: o.m + o.g},
        "步子里 m 和 g 的权重相等；应当是 β₁ 和 1−β₁。",
        "in the step m and g have equal weights; they are to have β₁ and 1−β₁.",
    ),
    "sign of g mixed": (
        {"c": lambda o: o.cm * o.m + o.cg * np.sign(o.g)},
        "步子里取的是 g 的符号，然后才混合：应当先混合，再取符号。",
        "in the step the sign is taken of g, before the mixture; mix first, then take the sign.",
    ),
    "mixture averaged": (
        {"kept": lambda o: o.km * o.m + o.kg * o.mixed},
        "缓冲区平均的是混合之后的 c，应当是梯度 g。",
        "the buffer averages c, the mixture; it is to average g, the gradient.",
    ),
    "buffer overwritten": (
        {"kept": lambda o: o.g},
        "缓冲区被这一次的梯度覆盖了：旧的 m 丢了。",
        "the buffer is overwritten by the current gradient: the old m is lost.",
    ),
    "decay in the mixture": (
        {"mixed": lambda o: o.cm * o.m + o.cg * (o.g + o.wd * o.x), "decay": lambda o: 0},
        "权重衰减加进了 c 里的梯度，被取了符号；它应当在符号之外。",
        "the decay is added to the gradient in c, and its sign is taken; it belongs outside.",
    ),
    "step over batch size": (
        {"step": lambda o: o.lr * o.c / o.size},
        "步子除以了 batch_size；该除以它的只有梯度，而且要在混合之前。",
        "the step is divided by batch_size; only the gradient is to be, before it is mixed in.",
    ),
    "absolute value": (
        {"c": lambda o: abs(o.mixed)},
        "取的是绝对值，应当取符号。",
        "the absolute value is taken; it is to be the sign.",
    ),
    "signs of gradients": (
        {"g": lambda o: np.sign(o.grad)},
        "先取了梯度的符号，再混合、平均：符号要在混合之后取，缓冲区平均的是梯度本身。",
        "the sign is taken of the gradient, before it is mixed and averaged; it is to be taken of the "
        "mixture, and the buffer averages the gradient itself.",
    ),
    "lr in the buffer": (
        {"kg": lambda o: o.lr * (1 - o.b2)},
        "缓冲区里的 g 多乘了 lr：lr 只用在步子和衰减里。",
        "in the buffer g is multiplied by lr, which belongs to the step and the decay alone.",
    ),
    "no bracket around 1−β₁": (
        {"mixed": lambda o: o.cm * o.m + 1 - o.b1 * o.g},
        "步子里的 1−β₁ 漏了括号：乘 g 的应当是整个 (1−β₁)。",
        "in the step 1−β₁ lacks its brackets: all of (1−β₁) is to multiply g.",
    ),
    "no bracket around 1−β₂": (
        {"kept": lambda o: o.km * o.m + 1 - o.b2 * o.g},
        "缓冲区里的 1−β₂ 漏了括号：乘 g 的应当是整个 (1−β₂)。",
        "in the buffer 1−β₂ lacks its brackets: all of (1−β₂) is to multiply g.",
    ),
    "no bracket around the decay": (
        {"rate": lambda o: -o.wd},
        "衰减被加上了，也没有乘 lr：符号与衰减之和是不是漏了括号？",
        "the decay is added, and not multiplied by lr. Are the brackets missing around the sum of the "
        "sign and the decay?",
    ),
    "cm 1": (
        {"cm": lambda _: 1},
        "步子里旧的 m 没有乘以 β₁。",
        "in the step the old m is not multiplied by β₁.",
    ),
    "km 1": (
        {"km": lambda _: 1},
        "缓冲区里旧的 m 没有乘以 β₂。",
        "in the buffer the old m is not multiplied by β₂.",
    ),
    "km 0": (
        {"km": lambda _: 0},
        "缓冲区里没有留下旧的 m；它应当乘以 β₂，留在里面。",
        "the old m does not stay in the buffer; it should, multiplied by β₂.",
    ),
    "kg 0": (
        {"kg": lambda _: 0},
        "g 没有进缓冲区；它应当乘以 1−β₂，加在里面。",
        "g does not get into the buffer; it should, multiplied by 1−β₂.",
    ),
    "decay alone": (
        {"rate": lambda o: 1 - o.lr * o.wd},
        "旧的 x 只剩下 lr·weight_decay·x：那一份是该减去的。",
        "only lr·weight_decay·x is left of the old x; that is what is to be subtracted.",
    ),
    "x replaced": (
        {"step": lambda o: o.x + o.lr * o.c},
        "参数原来的值丢了：是不是把 param -= … 写成了 param[:] = …？",
        "the old values of the parameters are lost. Did `param -= …` become `param[:] = …`?",
    ),
}
for _name, _part, _of, _zh, _en in (
    ("without lr", "rate", lambda o: o.wd, "漏乘了 lr", "is not multiplied by lr"),
    ("of the wrong sign", "rate", lambda o: -o.lr * o.wd, "的正负号反了", "has the wrong sign"),
    ("without λ", "rate", lambda o: o.lr, "没有乘 weight_decay", "lacks its factor weight_decay"),
    ("by lr²", "rate", lambda o: o.lr**2 * o.wd, "乘了两次 lr", "is multiplied by lr twice"),
    ("twice", "rate", lambda o: 2 * o.lr * o.wd, "做了两次", "is made twice"),
    ("in turn", "rate", lambda o: 1 - (1 - o.lr * o.wd) ** 2, "做了两次", "is made twice"),
    (
        "by |B|",
        "rate",
        lambda o: o.lr * o.wd / o.size,
        "除以了批量大小",
        "is divided by batch_size",
    ),
    ("a number", "decayed", lambda _: 1, "没有乘 x", "is not multiplied by x"),
    ("of g", "decayed", lambda o: o.g, "乘的是 g，不是 x", "multiplies g instead of x"),
    ("of sum", "decayed", lambda o: o.grad, "乘的是 g，不是 x", "multiplies g instead of x"),
    ("of m", "decayed", lambda o: o.m, "乘的是 m，不是 x", "multiplies m instead of x"),
):
    MISTAKES[f"decay {_name}"] = ({_part: _of}, f"权重衰减{_zh}。", f"the decay {_en}.")
FACTORS = {
    "β₁": lambda o: o.b1,
    "1−β₁": lambda o: 1 - o.b1,
    "β₂": lambda o: o.b2,
    "1−β₂": lambda o: 1 - o.b2,
} | {n: lambda _, n=float(n): n for n in ("0.9", "0.1", "0.99", "0.01")}
for _part, _own, _others, _zh, _en in (
    ("cm", "β₁", "β₂ 1−β₂ 0.9", "步子里旧的 m ", "in the step the old m"),
    ("cg", "1−β₁", "β₂ 1−β₂ 0.1", "步子里的 g ", "in the step g"),
    ("km", "β₂", "β₁ 1−β₁ 1−β₂ 0.99", "缓冲区里旧的 m ", "in the buffer the old m"),
    ("kg", "1−β₂", "β₁ 1−β₁ β₂ 0.01", "缓冲区里的 g ", "in the buffer g"),
):
    for _other in _others.split():
        MISTAKES[f"{_part} {_other}"] = (
            {_part: FACTORS[_other]},
            f"{_zh}乘的是 {_other}，应当是 {_own}。",
            f"{_en} is multiplied by {_other} instead of {_own}.",
        )
    MISTAKES[f"{_part} negative"] = (
        {_part: lambda o, of=FACTORS[_own]: -of(o)},
        f"{_zh}的正负号反了。",
        f"{_en} has the wrong sign.",
    )


def _seen(update, setting, shapes):
    """Call the learner's function; give the setting, x, m and g before, and x and m after."""
    rng = np.random.default_rng()
    g = [setting[3] * rng.normal(size=shape) for shape in shapes]  # the mean is of m's size
    old = [[rng.normal(size=shape) for shape in shapes] for _ in "xm"] + [g]
    held = [[nd.array(a) for a in arrays] for arrays in old[:2]]
    for param, grad in zip(held[0], g):
        param.attach_grad()
        param.grad[:] = nd.array(grad)
    given = [list(arrays) for arrays in held]  # the learner's function may change the lists
    called(lambda: update(*given, *setting), update)
    return setting, old, [[a.asnumpy() for a in arrays] for arrays in held]


def _flat(seen):
    setting, old, new = seen
    return setting, *(
        np.array([np.concatenate([*map(np.ravel, a)]) for a in b]) for b in (old, new)
    )


def _told(names, seen, lines=(0, 1)):
    """Tell whether these mistakes together give what was seen, of x (0) and of m (1)."""
    parts = [MISTAKES[name][0] for name in names]
    instead = {part: of for some in parts for part, of in some.items()}
    if len(instead) < sum(map(len, parts)):
        return False
    rule = _lion(**instead)
    for few in (slice(9), slice(None)):  # as most are found out by some elements
        for setting, old, new in seen:
            expected = rule(*old[:, few], *setting)
            for k in lines:
                if not (abs(new[k, few] - expected[k]) <= 1e-4 + 1e-3 * abs(expected[k])).all():
                    return False
    return True


def _named(seen, lines=(0, 1)):
    """Name the mistakes that give what was seen, None if none do: first those the buffer shows."""
    shown = {"g", "km", "kg", "kept"}  # in the buffer
    of_m = [name for name, row in MISTAKES.items() if shown & set(row[0])]
    of_x = [name for name in MISTAKES if name not in of_m]
    firsts = [(), *((name,) for name in of_m), *combinations(of_m, 2)]
    firsts = [names for names in firsts if _told(names, seen, (1,))] if 1 in lines else firsts[:1]
    if lines == (1,):
        return next(iter(firsts), None)
    for count in (0, 1, 2):
        for first in firsts:
            for rest in combinations(of_x, count):
                if _told(first + rest, seen, lines):
                    return first + rest
    return None


_KEPT = (
    "原地更新：写 {0}[:] = …；写 {0} = … 只是让名字指向一个新的数组，写 {1}[i] = … 只是把它放进列表，"
    "到下次更新时，新的数组都已经丢了。也可能是漏写了更新 {0} 的那一行。",
    "Update in place: `{0}[:] = …`. With `{0} = …` the name is just bound to a new array, and "
    "`{1}[i] = …` just puts one into the list: the next update knows neither. Or is the line "
    "that updates {0} missing?",
)
STILL = {
    "not all": (
        "只更新了一部分参数：用循环逐个处理。",
        "only some of the parameters are updated: take one after the other, in a loop.",
    ),
    "not all move": (
        "缓冲区都变了，动的却只有一部分参数：更新 param 的那一行是不是没有写进循环？",
        "the buffers change, but only some parameters move. Is the line that updates param inside "
        "the loop?",
    ),
    "not all kept": (
        "参数都动了，变的却只有一部分缓冲区：每个参数要用 states 里自己的那一个。",
        "the parameters move, but only some buffers change: each parameter has its own in states.",
    ),
}
for _name, _zh, _en, _one, _list in (
    ("nothing changed", "params 和 states 都", "neither params nor states have", "param", "params"),
    ("parameter rebound", "参数", "the parameters have not", "param", "params"),
    ("buffer rebound", "states 里的缓冲区", "the buffers in states have not", "m", "states"),
):
    STILL[_name] = (
        f"{_zh}没有变。{_KEPT[0].format(_one, _list)}",
        f"{_en} changed. {_KEPT[1].format(_one, _list)}",
    )
ELSEWHERE = (
    (
        "参数不对：除去衰减 lr·weight_decay·x，每个元素应当走 +lr 或 −lr，方向由 c 的符号定；"
        "c 由旧的 m 和 g 混合而成。",
        "the parameters are not right: apart from the decay, lr·weight_decay·x, every element is to "
        "move by +lr or −lr, by the sign of c, which mixes the old m and g.",
    ),
    (
        "缓冲区不对：m ← β₂m + (1−β₂)g，g 是平均梯度。",
        "the buffer is not right: m ← β₂m + (1−β₂)g, where g is the mean gradient.",
    ),
)


def _still(seen):
    """Give the key of STILL that says what has not changed, or None."""
    _, old, new = seen
    x, m = ([not np.allclose(*pair, atol=1e-6) for pair in zip(*both)] for both in zip(old, new))
    if all(x + m):
        return None
    if not (any(x) and any(m)):
        return "parameter rebound" if any(m) else "buffer rebound" if any(x) else "nothing changed"
    return "not all" if x == m else "not all kept" if all(x) else "not all move"


@check
def lion(update):
    """Check a learner's ``update(params, states, lr, beta1, beta2, batch_size, weight_decay)``."""
    update = written(update)
    first, second = (_seen(update, setting, SHAPES[0]) for setting in SETTINGS)
    if still := _still(first):
        return wrong(*STILL[still], still)
    seen = [_flat(first), _flat(second)]
    names = _named(seen)
    if names == ():
        if not _told((), [_flat(_seen(update, SETTINGS[0], SHAPES[1]))]):
            return wrong(*updates.NAMES["shapes"], "shapes")
        return right(
            "先用 β₁ 混合、取符号、走一步，再用 β₂ 更新缓冲区；衰减加在符号之外。",
            "mixed with β₁, then the sign, then the step, then the buffer with β₂; the decay stays "
            "outside the sign.",
        )
    if names:
        said, hint = [MISTAKES[name][1:] for name in names], "; ".join(names)
    else:
        lines = [_named(seen, (k,)) for k in (0, 1)]
        said, hint = [], "elsewhere"
        for names, otherwise in zip(lines, ELSEWHERE):
            said += [otherwise] if names is None else [MISTAKES[name][1:] for name in names]
    zh, en = zip(*said)
    return wrong("另外，".join(zh), " Also: ".join(en), hint)
