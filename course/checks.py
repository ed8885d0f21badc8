"""The checks of the exercises: each prints what is right or what exactly is wrong."""

import math

from mxnet import nd

from course import update_rule
from course.verdict import check, right, shown, wrong


@check
def smaller_momentum(prediction):
    """Check the prediction for γ = 0.5 in momentum-scratch: "larger" or "smaller"."""
    if prediction is None:
        return wrong(
            "先写下你的预测：'larger'（更大）或 'smaller'（更小）。",
            "write your prediction first, 'larger' or 'smaller'.",
        )
    if not (isinstance(prediction, str) and prediction in ("larger", "smaller")):
        return wrong(
            f"预测应当是 'larger' 或 'smaller'，得到的是 {shown(prediction)}。",
            f"the prediction should be 'larger' or 'smaller', got {shown(prediction)}.",
        )
    if prediction == "larger":
        return wrong(
            "看上面打印的第一个迭代周期的损失，和正文里 γ = 0.9 的比一比。"
            "步子更大并不总是更快：η/(1−γ) 从 2 降到了 0.4。",
            "compare the loss of epoch 1 above with that of γ = 0.9 in the text. "
            "Larger steps are not always faster: η/(1−γ) went from 2 down to 0.4.",
        )
    return right(
        "在这份数据上，同样的 η 下 γ 小反而下降得快："
        "γ = 0.9 时速度可以积累到 η/(1−γ) = 2 倍的梯度，一再越过最小值。",
        "on these data, at the same η, the smaller γ gets down faster; with γ = 0.9 the velocity "
        "can grow to η/(1−γ) = 2 times the gradient, and overshoots again and again.",
    )


@check
def sgd_momentum(update):
    """Check a learner's ``update(params, vs, lr, mom, batch_size)``."""
    return update_rule.diagnose(update)


@check
def final_velocity(answer):
    """Check the velocity that η = 0.1, g = 3, γ = 0.95 lead to in the end."""
    lr, g, mom = 0.1, 3, 0.95
    if answer is None:
        return wrong(
            "先算出你的答案，写到 answer 里。",
            "work out your answer first and write it into `answer`.",
        )
    try:
        number = answer.asscalar() if isinstance(answer, nd.NDArray) else answer
        value = math.nan if isinstance(number, str) else float(number)
    except Exception:  # whatever the learner's object raises
        value = math.nan
    if math.isnan(value):
        return wrong(
            f"答案应当是一个数，得到的是 {shown(answer)}。",
            f"the answer should be a number, got {shown(answer)}.",
        )
    if math.isinf(value):
        return wrong(
            "速度不会无限增长：γ < 1，旧的步子按几何级数衰减。",
            "the velocity does not grow without bound: as γ < 1, old steps fade geometrically.",
        )
    mistakes = {
        lr * g: (
            "这是 ηg，第一次更新后的速度；之后旧的速度还会乘以 γ 累加进来。",
            "that is ηg, the velocity after one update; from then on γ times the old one is added.",
        ),
        lr * g * (1 + mom): (
            "这是第二次更新后的速度，而更新还在继续。",
            "that is the velocity after the second update, and the updates go on.",
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
            "应当除以 (1−γ)，而不是乘以它。",
            "divide by (1−γ) instead of multiplying by it.",
        ),
        lr * g / mom: (
            "应当除以 (1−γ)，而不是除以 γ。",
            "divide by (1−γ), not by γ.",
        ),
        -lr * g / (1 - mom): (
            "正负号反了：速度与梯度同向，减去速度的是 x。",
            "wrong sign: the velocity points along the gradient; it is x that subtracts it.",
        ),
    }
    for mistake, sentences in mistakes.items():
        if math.isclose(value, mistake, rel_tol=1e-3):
            return wrong(*sentences)
    if not math.isclose(value, lr * g / (1 - mom), rel_tol=1e-3):
        return wrong(
            "试着写出 v₁、v₂、v₃，看看它们趋向哪里。",
            "write down v₁, v₂, v₃ and see where they go.",
        )
    return right(
        "ηg/(1−γ) = 6，是单独一步 ηg 的 20 倍。",
        "ηg/(1−γ) = 6, twenty times the single step ηg.",
    )
