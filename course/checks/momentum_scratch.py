"""The checks of `momentum-scratch`."""

from course.checks import update_rule
from course.checks.questions import INFINITE, Choice, Number, near, question
from course.checks.verdict import check

smaller_momentum = question(
    """Check the prediction for γ = 0.5 in momentum-scratch: "larger" or "smaller".""",
    Choice(
        "prediction",
        words=("larger", "smaller"),
        mistakes={
            "larger": (
                "看上面打印的 γ = 0.5 时第一个迭代周期的损失，和正文里 γ = 0.9 的比一比。"
                "γ 从 0.9 降到 0.5，η/(1−γ) 就从 2 降到 0.4；步子大并不总是更快。",
                "compare the loss of epoch 1 with γ = 0.5, above, with that of γ = 0.9 in the text. "
                "A larger step is not always faster: the most that the velocity can build up to is "
                "2 times the gradient with γ = 0.9, and 0.4 times with γ = 0.5.",
            ),
        },
    ),
    right=(
        "在这份数据上，同样的 η = 0.2，γ = 0.5 比 γ = 0.9 下降得快："
        "γ = 0.9 时，速度最多可以积累到梯度的 η/(1−γ) = 2 倍，于是一再越过最小值点。"
        "不过 γ 并不总是越小越快，试试 γ = 0。",
        "on these data, at η = 0.2, γ = 0.5 gets down faster than γ = 0.9, whose velocity can build "
        "up to η/(1−γ) = 2 times the gradient, so that it overshoots again and again. "
        "Smaller is not always faster, though: try γ = 0.",
    ),
)


@check
def sgd_momentum(update):
    """Check a learner's ``update(params, vs, lr, mom, batch_size)``."""
    return update_rule.diagnose(update)


final_velocity = question(
    """Check the velocity that η = 0.1, g = 3, γ = 0.95 lead to in the end.""",
    Number(
        "answer",
        right=near(6),
        mistakes=(
            (
                INFINITE,
                "速度不会无限增长：γ < 1，旧梯度的权重按等比数列衰减。",
                "the velocity does not grow without bound: as γ < 1, old steps fade geometrically.",
            ),
            (
                near(0.3),
                "这是 ηg，第一次更新后的速度；此后每次更新，旧的速度都要乘以 γ 再累加进来。",
                "that is ηg, the velocity after one update; from then on γ times the old one is added.",
            ),
            (
                near(0.3 * (1 + 0.95)),
                "这是第二次更新后的速度，而更新还在继续。",
                "that is the velocity after the second update, and the updates go on.",
            ),
            (
                near(0.3 * (1 + 0.95 + 0.95**2)),
                "这是第三次更新后的速度，而更新还在继续。",
                "that is the velocity after the third update, and the updates go on.",
            ),
            (
                near(1 / (1 - 0.95)),
                "学习率 η 和梯度 g 都漏了。",
                "both the learning rate η and the gradient g are missing.",
            ),
            (
                near(3 / (1 - 0.95)),
                "漏了学习率 η。",
                "the learning rate η is missing.",
            ),
            (
                near(0.1 / (1 - 0.95)),
                "漏了梯度 g。",
                "the gradient g is missing.",
            ),
            (
                near(0.3 * 0.95 / (1 - 0.95)),
                "几何级数从 1 开始，而不是从 γ 开始：最新的梯度不乘 γ。",
                "the geometric series starts at 1, not at γ: the newest gradient carries no γ.",
            ),
            (
                near(0.3 * (1 - 0.95)),
                "这比 ηg 还小；而旧的速度一直在累加，最终应当比 ηg 大。",
                "that is less than ηg; but old velocities keep adding up, so it should be more than ηg.",
            ),
            (
                near(0.3 / 0.95),
                "分母不对：几何级数 1 + γ + γ² + … 的和是多少？",
                "the denominator is wrong: what is the sum of the geometric series 1 + γ + γ² + …?",
            ),
            (
                near(-6),
                "正负号反了：速度与梯度同向，负号只出现在 x 的更新里。",
                "wrong sign: the velocity points along the gradient; "
                "the minus sign stands in the update of x.",
            ),
            (
                ((5.4, 6),),
                "已经很接近了，但速度还没有稳定下来。",
                "close, but the velocity has not settled yet.",
            ),
        ),
        otherwise=(
            "写出 v₁、v₂、v₃，看看它们趋向哪个值。",
            "write down v₁, v₂, v₃ and see which value they approach.",
        ),
    ),
    right=(
        "ηg/(1−γ) = 6，是第一步 ηg 的 20 倍。",
        "ηg/(1−γ) = 6, twenty times the first step ηg.",
    ),
)


def _best_of_five(name, best):
    """Give the field for the best of five learning rates."""
    rates = (0.1, 0.2, 0.4, 0.8, 1.6)
    return Number(
        name,
        right=near(best),
        mistakes=(
            (
                near(*(rate for rate in rates if rate < best)),
                f"{name} 还可以更大：学习率大一些，两个迭代周期之后的损失更小。",
                f"{name} can be larger: a larger learning rate ends with a smaller loss.",
            ),
            (
                near(*(rate for rate in rates if rate > best)),
                f"{name} 太大了：学习率小一些，两个迭代周期之后的损失反而更小。",
                f"{name} is too large: a smaller learning rate ends with a smaller loss.",
            ),
        ),
        otherwise=(
            f"{name} 应当是 0.1、0.2、0.4、0.8、1.6 之一，你给出的是 {{value:g}}。",
            f"{name} should be one of 0.1, 0.2, 0.4, 0.8, 1.6, got {{value:g}}.",
        ),
    )


scaled_feature = question(
    """Check the best learning rates without momentum and with γ = 0.9, second feature scaled.""",
    _best_of_five("best_plain", 1.6),
    _best_of_five("best_momentum", 0.2),
    right=(
        "在这份数据上，无论用同样的学习率 0.2，还是各用各的最佳学习率，动量法的损失都小得多。",
        "on these data momentum ends with a far smaller loss, at the same learning rate 0.2 as well "
        "as with each method at its best.",
    ),
)
