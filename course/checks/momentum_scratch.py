"""The checks of `momentum-scratch`."""

from course.checks import updates
from course.checks.answers import written
from course.checks.questions import INFINITE, Choice, Number, about, near, question
from course.checks.verdict import check

smaller_momentum = question(
    """Check the prediction for γ = 0.5: "larger" or "smaller", and how far the velocity builds up.

    `build_up` is how many times a constant gradient the velocity becomes at most, with η = 0.2.
    """,
    Choice(
        "prediction",
        words={
            "larger": ("bigger", "greater", "higher", "大", "高"),
            "smaller": ("less", "lower", "小", "低"),
        },
        mistakes={
            "larger": (
                "看上面打印的 γ = 0.5 时第一个迭代周期的损失，和正文里 γ = 0.9 的比一比。"
                "步子大并不总是更快：γ = 0.9 时，速度会积累到梯度的 2 倍，于是越过最小值点。",
                "compare the loss of epoch 1 with γ = 0.5, above, with that of γ = 0.9 in the text. "
                "A larger step is not always faster: with γ = 0.9 the velocity can build up to 2 times "
                "the gradient, and overshoots.",
            ),
        },
    ),
    Number(
        "build_up",
        right=near(0.4),
        mistakes=(
            (
                about(2),
                "build_up 不对：那是 γ = 0.9 时的 η/(1−γ)，也是 γ = 0.5 时漏了 η 的 1/(1−γ)。",
                "build_up is not right: that is η/(1−γ) for γ = 0.9, and for γ = 0.5 it is 1/(1−γ), "
                "without η.",
            ),
            (
                about(0.2),
                "build_up 不对：那是 η，第一步的倍数；此后速度还会累加。",
                "build_up is not right: that is η, the first step; the velocity builds up from there.",
            ),
            (
                about(0.3),
                "build_up 不对：那是第二次更新后的倍数，而速度还会继续累加。",
                "build_up is not right: that is what two updates make of it, and more follow.",
            ),
            (
                about(0.1),
                "build_up 不对：那比 η 还小；而旧的速度一直在累加，最终应当比 η 大。",
                "build_up is not right: that is less than η, but old velocities keep adding up.",
            ),
        ),
        otherwise=(
            "build_up 不对：看正文里的 v_∞；η = 0.2、γ = 0.5 时，它是 g 的几倍？",
            "build_up is not right. Look at v_∞ in the text: with η = 0.2 and γ = 0.5, how many times g "
            "is it?",
        ),
    ),
    optional=1,
    right=(
        "在这份数据上，同样的 η = 0.2，γ = 0.5 比 γ = 0.9 下降得快："
        "γ = 0.9 时，速度最多可以积累到梯度的 η/(1−γ) = 2 倍，而不是 0.4 倍，于是一再越过最小值点。"
        "不过 γ 并不总是越小越快，试试 γ = 0。",
        "on these data, at η = 0.2, γ = 0.5 gets down faster than γ = 0.9, whose velocity can build "
        "up to η/(1−γ) = 2 times the gradient, not 0.4 times, so that it overshoots again and again. "
        "Smaller is not always faster, though: try γ = 0.",
    ),
)


@check
def sgd_momentum(update):
    """Check a learner's ``update(params, vs, lr, mom, batch_size)``."""
    return updates.diagnose(written(update))


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
                about(0.3),
                "这是 ηg，第一次更新后的速度；此后每次更新，旧的速度都要乘以 γ 再累加进来。",
                "that is ηg, the velocity after one update; from then on γ times the old one is added.",
            ),
            (
                about(0.3 * (1 + 0.95)),
                "这是第二次更新后的速度，而更新还在继续。",
                "that is the velocity after the second update, and the updates go on.",
            ),
            (
                about(0.3 * (1 + 0.95 + 0.95**2)),
                "这是第三次更新后的速度，而更新还在继续。",
                "that is the velocity after the third update, and the updates go on.",
            ),
            (
                about(1 / (1 - 0.95)),
                "学习率 η 和梯度 g 都漏了。",
                "both the learning rate η and the gradient g are missing.",
            ),
            (
                about(3 / (1 - 0.95)),
                "漏了学习率 η。",
                "the learning rate η is missing.",
            ),
            (
                about(0.1 / (1 - 0.95)),
                "漏了梯度 g。",
                "the gradient g is missing.",
            ),
            (
                about(0.3 * 0.95 / (1 - 0.95)),
                "几何级数从 1 开始，而不是从 γ 开始：最新的梯度不乘 γ。",
                "the geometric series starts at 1, not at γ: the newest gradient carries no γ.",
            ),
            (
                about(0.3 * 0.95),
                "这是第一次更新后的速度再乘以 γ；此后每次更新还要加上 ηg。",
                "that is γ times the velocity after one update; each later update adds ηg again.",
            ),
            (
                about(0.3 * (1 - 0.95)),
                "这比 ηg 还小；而旧的速度一直在累加，最终应当比 ηg 大。",
                "that is less than ηg; but old velocities keep adding up, so it should be more than ηg.",
            ),
            (
                about(0.3 / 0.95, 0.3 / 1.95, 0.3 / (1 - 0.95**2)),
                "分母不对：几何级数 1 + γ + γ² + … 的和是多少？",
                "the denominator is wrong: what is the sum of the geometric series 1 + γ + γ² + …?",
            ),
            (
                about(-6),
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


def _best_of_five(name, mom, best):
    """Give the field for the best of five learning rates; a hint does not say which way to go."""
    others = (rate for rate in (0.1, 0.2, 0.4, 0.8, 1.6) if rate != best)
    return Number(
        name,
        right=near(best),
        mistakes=(
            (
                near(*others),
                f"{name} = {{value:g}} 不是最好的：用这份数据、mom={mom}，把五个学习率各训练一次，"
                "比较最后一行打印的损失。",
                f"{name} = {{value:g}} is not the best one. Train on these data with mom={mom} and each of "
                "the five rates, and compare the last losses printed.",
            ),
        ),
        otherwise=(
            f"{name} 应当是 0.1、0.2、0.4、0.8、1.6 之一，你给出的是 {{value:g}}。",
            f"{name} should be one of 0.1, 0.2, 0.4, 0.8, 1.6, got {{value:g}}.",
        ),
    )


scaled_feature = question(
    """Check the best learning rates without momentum and with γ = 0.9, second feature scaled.""",
    _best_of_five("best_plain", 0, 1.6),
    _best_of_five("best_momentum", 0.9, 0.2),
    right=(
        "在这份数据上，无论用同样的学习率 0.2，还是各用各的最佳学习率，动量法的损失都小得多。",
        "on these data momentum ends with a far smaller loss, at the same learning rate 0.2 as well "
        "as with each method at its best.",
    ),
)
