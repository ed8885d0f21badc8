"""The checks of `momentum-scratch`."""

import math

from course.checks import updates
from course.checks.answers import mistaken, numbers, one_of
from course.checks.verdict import check, right, shown, wrong


@check
def smaller_momentum(prediction):
    """Check the prediction for γ = 0.5 in momentum-scratch: "larger" or "smaller"."""
    word, fault = one_of(("larger", "smaller"), prediction=prediction)
    if fault:
        return fault
    if word == "larger":
        return wrong(
            "看上面打印的 γ = 0.5 时第一个迭代周期的损失，和正文里 γ = 0.9 的比一比。"
            "γ 从 0.9 降到 0.5，η/(1−γ) 就从 2 降到 0.4；步子大并不总是更快。",
            "compare the loss of epoch 1 with γ = 0.5, above, with that of γ = 0.9 in the text. "
            "A larger step is not always faster: the most that the velocity can build up to is "
            "2 times the gradient with γ = 0.9, and 0.4 times with γ = 0.5.",
        )
    return right(
        "在这份数据上，同样的 η = 0.2，γ = 0.5 比 γ = 0.9 下降得快："
        "γ = 0.9 时，速度最多可以积累到梯度的 η/(1−γ) = 2 倍，于是一再越过最小值点。"
        "不过 γ 并不总是越小越快，试试 γ = 0。",
        "on these data, at η = 0.2, γ = 0.5 gets down faster than γ = 0.9, whose velocity can build "
        "up to η/(1−γ) = 2 times the gradient, so that it overshoots again and again. "
        "Smaller is not always faster, though: try γ = 0.",
    )


@check
def sgd_momentum(update):
    """Check a learner's ``update(params, vs, lr, mom, batch_size)``."""
    return updates.diagnose(update)


@check
def final_velocity(answer):
    """Check the velocity that η = 0.1, g = 3, γ = 0.95 lead to in the end."""
    lr, g, mom = 0.1, 3, 0.95
    values, fault = numbers(answer=answer)
    if fault:
        return fault
    (value,) = values
    if math.isinf(value):
        return wrong(
            "速度不会无限增长：γ < 1，旧梯度的权重按等比数列衰减。",
            "the velocity does not grow without bound: as γ < 1, old steps fade geometrically.",
        )
    mistakes = {
        lr * g: (
            "这是 ηg，第一次更新后的速度；此后每次更新，旧的速度都要乘以 γ 再累加进来。",
            "that is ηg, the velocity after one update; from then on γ times the old one is added.",
        ),
        lr * g * (1 + mom): (
            "这是第二次更新后的速度，而更新还在继续。",
            "that is the velocity after the second update, and the updates go on.",
        ),
        lr * g * (1 + mom + mom**2): (
            "这是第三次更新后的速度，而更新还在继续。",
            "that is the velocity after the third update, and the updates go on.",
        ),
        1 / (1 - mom): (
            "学习率 η 和梯度 g 都漏了。",
            "both the learning rate η and the gradient g are missing.",
        ),
        g / (1 - mom): (
            "漏了学习率 η。",
            "the learning rate η is missing.",
        ),
        lr / (1 - mom): (
            "漏了梯度 g。",
            "the gradient g is missing.",
        ),
        lr * g * mom / (1 - mom): (
            "几何级数从 1 开始，而不是从 γ 开始：最新的梯度不乘 γ。",
            "the geometric series starts at 1, not at γ: the newest gradient carries no γ.",
        ),
        lr * g * (1 - mom): (
            "这比 ηg 还小；而旧的速度一直在累加，最终应当比 ηg 大。",
            "that is less than ηg; but old velocities keep adding up, so it should be more than ηg.",
        ),
        lr * g / mom: (
            "分母不对：几何级数 1 + γ + γ² + … 的和是多少？",
            "the denominator is wrong: what is the sum of the geometric series 1 + γ + γ² + …?",
        ),
        -lr * g / (1 - mom): (
            "正负号反了：速度与梯度同向，负号只出现在 x 的更新里。",
            "wrong sign: the velocity points along the gradient; the minus sign stands in the update of x.",
        ),
    }
    if found := mistaken(value, mistakes):
        return found
    final = lr * g / (1 - mom)
    if 0.9 * final < value < 0.999 * final:
        return wrong(
            "已经很接近了，但速度还没有稳定下来。",
            "close, but the velocity has not settled yet.",
        )
    if not math.isclose(value, final, rel_tol=1e-3):
        return wrong(
            "写出 v₁、v₂、v₃，看看它们趋向哪个值。",
            "write down v₁, v₂, v₃ and see which value they approach.",
        )
    return right(
        "ηg/(1−γ) = 6，是第一步 ηg 的 20 倍。",
        "ηg/(1−γ) = 6, twenty times the first step ηg.",
    )


@check
def scaled_feature(best_plain, best_momentum):
    """Check the best learning rates without momentum and with γ = 0.9, second feature scaled."""
    values, fault = numbers(best_plain=best_plain, best_momentum=best_momentum)
    if fault:
        return fault
    for name, value, best in zip(("best_plain", "best_momentum"), values, (1.6, 0.2)):
        if value not in (0.1, 0.2, 0.4, 0.8, 1.6):
            return wrong(
                f"{name} 应当是 0.1、0.2、0.4、0.8、1.6 之一，你给出的是 {shown(value)}。",
                f"{name} should be one of 0.1, 0.2, 0.4, 0.8, 1.6, got {shown(value)}.",
            )
        if value < best:
            return wrong(
                f"{name} 还可以更大：学习率大一些，两个迭代周期之后的损失更小。",
                f"{name} can be larger: a larger learning rate ends with a smaller loss.",
            )
        if value > best:
            return wrong(
                f"{name} 太大了：学习率小一些，两个迭代周期之后的损失反而更小。",
                f"{name} is too large: a smaller learning rate ends with a smaller loss.",
            )
    return right(
        "在这份数据上，无论用同样的学习率 0.2，还是各用各的最佳学习率，动量法的损失都小得多。",
        "on these data momentum ends with a far smaller loss, at the same learning rate 0.2 as well "
        "as with each method at its best.",
    )
