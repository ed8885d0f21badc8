"""The checks of `momentum-scratch`."""

from course.checks import updates
from course.checks.answers import written
from course.checks.questions import INFINITE, Choice, Number, about, near, question
from course.checks.verdict import check

SIZES = {  # the words to choose from, and other ways to say them
    "larger": ("bigger", "greater", "higher", "大", "高"),
    "smaller": ("less", "lower", "小", "低"),
}

smaller_momentum = question(
    """Check the prediction for γ = 0.5: "larger" or "smaller", and how far the velocity builds up.

    `build_up` is how many times a constant gradient the velocity becomes at most, with η = 0.2.
    """,
    Choice(
        "prediction",
        words=SIZES,
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
        mistakes={
            "1/(1-γ)": (
                about(2),
                "build_up 不对：那是 γ = 0.9 时的 η/(1−γ)，也是 γ = 0.5 时漏了 η 的 1/(1−γ)。",
                "build_up is not right: that is η/(1−γ) for γ = 0.9, and for γ = 0.5 it is 1/(1−γ), "
                "without η.",
            ),
            "first update": (
                about(0.2),
                "build_up 不对：那是 η，第一步的倍数；此后速度还会累加。",
                "build_up is not right: that is η, the first step; the velocity builds up from there.",
            ),
            "second update": (
                about(0.3),
                "build_up 不对：那是第二次更新后的倍数，而速度还会继续累加。",
                "build_up is not right: that is what two updates make of it, and more follow.",
            ),
            "too small": (
                about(0.1),
                "build_up 不对：那比 η 还小；而旧的速度一直在累加，最终应当比 η 大。",
                "build_up is not right: that is less than η, but old velocities keep adding up.",
            ),
        },
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
        "不过 γ 并不总是越小越快：损失降到 1e-4 以下并保持下去，γ = 0.5 要 19 次更新，γ = 0 要 25 次。",
        "on these data, at η = 0.2, γ = 0.5 gets down faster than γ = 0.9, whose velocity can build "
        "up to η/(1−γ) = 2 times the gradient, not 0.4 times, so that it overshoots again and again. "
        "Smaller is not always faster, though: until the loss stays below 1e-4, γ = 0.5 takes 19 updates "
        "and γ = 0 takes 25.",
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
        mistakes={
            "infinite": (
                INFINITE,
                "速度不会无限增长：γ < 1，旧梯度的权重按等比数列衰减。",
                "the velocity does not grow without bound: as γ < 1, old steps fade geometrically.",
            ),
            "first update": (
                about(0.3),
                "这是 ηg，第一次更新后的速度；此后每次更新，旧的速度都要乘以 γ 再累加进来。",
                "that is ηg, the velocity after one update; from then on γ times the old one is added.",
            ),
            "second update": (
                about(0.3 * (1 + 0.95)),
                "这是第二次更新后的速度，而更新还在继续。",
                "that is the velocity after the second update, and the updates go on.",
            ),
            "third update": (
                about(0.3 * (1 + 0.95 + 0.95**2)),
                "这是第三次更新后的速度，而更新还在继续。",
                "that is the velocity after the third update, and the updates go on.",
            ),
            "without η and g": (
                about(1 / (1 - 0.95)),
                "学习率 η 和梯度 g 都漏了。",
                "both the learning rate η and the gradient g are missing.",
            ),
            "without η": (
                about(3 / (1 - 0.95)),
                "漏了学习率 η。",
                "the learning rate η is missing.",
            ),
            "without g": (
                about(0.1 / (1 - 0.95)),
                "漏了梯度 g。",
                "the gradient g is missing.",
            ),
            "series from γ": (
                about(0.3 * 0.95 / (1 - 0.95)),
                "几何级数从 1 开始，而不是从 γ 开始：最新的梯度不乘 γ。",
                "the geometric series starts at 1, not at γ: the newest gradient carries no γ.",
            ),
            "γ times the first": (
                about(0.3 * 0.95),
                "这是第一次更新后的速度再乘以 γ；此后每次更新还要加上 ηg。",
                "that is γ times the velocity after one update; each later update adds ηg again.",
            ),
            "too small": (
                about(0.3 * (1 - 0.95)),
                "这比 ηg 还小；而旧的速度一直在累加，最终应当比 ηg 大。",
                "that is less than ηg; but old velocities keep adding up, so it should be more than ηg.",
            ),
            "denominator": (
                about(0.3 / 0.95, 0.3 / 1.95, 0.3 / (1 - 0.95**2)),
                "分母不对：几何级数 1 + γ + γ² + … 的和是多少？",
                "the denominator is wrong: what is the sum of the geometric series 1 + γ + γ² + …?",
            ),
            "sign": (
                about(-6),
                "正负号反了：速度与梯度同向，负号只出现在 x 的更新里。",
                "wrong sign: the velocity points along the gradient; "
                "the minus sign stands in the update of x.",
            ),
            "not settled": (
                ((5.4, 6),),
                "已经很接近了，但速度还没有稳定下来。",
                "close, but the velocity has not settled yet.",
            ),
        },
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


def _best(name, mom, best, mistakes=None):
    """Give the field for the best learning rate; a hint does not say which way to go."""
    return Number(
        name,
        right=best,
        mistakes=mistakes or {},
        otherwise=(
            f"{name} = {{value:g}} 不是最好的：用这份数据、γ = {mom}、40 个种子训练，"
            "附近有中位数更小的学习率。",
            f"{name} = {{value:g}} is not the best one: trained on these data with γ = {mom} and 40 "
            "seeds, another learning rate has a smaller median.",
        ),
    )


scaled_feature = question(
    """Check the comparison on the data with the second feature scaled by 0.1, over 40 seeds.

    `best_plain` and `best_momentum` are the best learning rates without momentum and with γ = 0.9;
    `prediction` says whether momentum's gain is "larger" or "smaller" than at 0.05; `gain` is that
    gain: the median of the final losses without momentum divided by that with it.
    """,
    _best(
        "best_plain",
        0,
        ((1.68, 1.88),),
        {
            "edge of the grid": (
                near(1.6, rel=1e-6),
                "best_plain = {value:g} 在候选值的边上，还不能说它最好：再往外添几个学习率。",
                "best_plain = {value:g} lies on the edge of the grid, so it need not be the best: add "
                "learning rates beyond it.",
            )
        },
    ),
    _best("best_momentum", 0.9, ((0.19, 0.31),)),
    Choice(
        "prediction",
        words=SIZES,
        mistakes={
            "larger": (
                "比较表里两列的最小值：在条件数约为 400 的数据上，它们相差几十倍；这里呢？",
                "compare the smallest values of the table's two columns: at condition number 400 they "
                "are tens of times apart; and here?",
            ),
        },
    ),
    Number(
        "gain",
        right=((1.6, 2.5),),
        mistakes={
            "edge of the grid": (
                ((2.5, 2.9),),
                "gain 不对：那是不用动量的学习率停在候选值边上的 1.6 时的比值；各用各的最佳学习率。",
                "gain is not right: that is the ratio with 1.6, on the edge of the grid, without "
                "momentum. Give each method its best learning rate.",
            ),
            "inverse": (
                ((0.34, 0.63),),
                "gain 不对：比值颠倒了，应当用不用动量的损失除以用动量的损失。",
                "gain is not right: it is upside down; divide the loss without momentum by that with it.",
            ),
            "gain at 0.05": (
                ((40, 55),),
                "gain 不对：那是第二个特征乘以 0.05 时的收益。",
                "gain is not right: that is the gain with the second feature scaled by 0.05.",
            ),
            "same learning rate": (
                ((400, 700),),
                "gain 不对：那是两种方法都用同样的学习率（0.2 左右）时的比值，对不用动量的一方不公平。",
                "gain is not right: that is the ratio with both methods at the same learning rate, "
                "about 0.2, which is unfair to training without momentum.",
            ),
        },
        otherwise=(
            "gain 不对：用表里左边一列的最小值，除以右边一列的最小值。",
            "gain is not right: divide the smallest value of the table's left column by the smallest of "
            "its right column.",
        ),
    ),
    optional=2,
    right=(
        "条件数从约 400 降到约 100，收益从几十倍降到大约 2 倍；只看一个种子，则从打平到十几倍都可能看到，"
        "所以一次运行什么也证明不了。",
        "as the condition number falls from about 400 to about 100, the gain falls from tens of times "
        "to about 2. A single seed may show anything from a tie to more than ten times, so one run "
        "proves nothing.",
    ),
)
