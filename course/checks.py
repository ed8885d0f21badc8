"""The checks of the exercises: each prints what is right or what exactly is wrong."""

import math

import numpy as np
from mxnet import nd

from course import update_rule
from course.verdict import check, right, shown, unanswered, wrong


def _number(answer):
    """Give a learner's number as a float, or None if it is none."""
    try:
        number = answer.asscalar() if isinstance(answer, nd.NDArray) else answer
        value = math.nan if isinstance(number, str) else float(number)
    except Exception:  # whatever the learner's object raises
        return None
    return None if math.isnan(value) else value


def _no_number(answer):
    if answer is None:
        return unanswered(
            "先算出你的答案，写进 answer。",
            "work out your answer first and write it into `answer`.",
        )
    return wrong(
        f"答案应当是一个数，你给出的是 {shown(answer)}。",
        f"the answer should be a number, got {shown(answer)}.",
    )


def _mistaken(value, mistakes):
    """Give the verdict on the known mistake that leads to `value`, or None if there is none."""
    for mistake, sentences in mistakes.items():
        if math.isclose(value, mistake, rel_tol=1e-3):
            return wrong(*sentences)
    return None


# gd-sgd-scratch


@check
def stability_limit(answer):
    """Check the learning rate above which gradient descent on f(x) = 2x² diverges."""
    value = _number(answer)
    if value is None:
        return _no_number(answer)
    mistakes = {
        1: (
            "那是 f(x) = x² 的界限；现在导数是 4x，每次更新把 x 乘以几？",
            "that is the limit for f(x) = x²; now the derivative is 4x. What multiplies x?",
        ),
        0.25: (
            "这时一步就到了最小值点；再大一些会越过它，但还不会发散。",
            "with that rate one step reaches the minimum; a larger one overshoots, "
            "but does not diverge yet.",
        ),
        2: (
            "正文里的界限是 1，而现在的函数弯曲得更厉害，界限应当更小。",
            "the limit in the text is 1, and this function curves more, so its limit is smaller.",
        ),
    }
    if found := _mistaken(value, mistakes):
        return found
    if not math.isclose(value, 0.5, rel_tol=1e-3):
        return wrong(
            "每次更新把 x 乘以一个数；写出这个数，让它的绝对值小于 1。",
            "each update multiplies x by a number; write it down and keep its absolute value below 1.",
        )
    return right(
        "每次更新把 x 乘以 1 − 4η，所以要 η < 0.5。一般地，界限是 2 除以二阶导数。",
        "each update multiplies x by 1 − 4η, so η < 0.5. In general the limit is "
        "2 divided by the second derivative.",
    )


@check
def sgd(update):
    """Check a learner's ``update(params, lr, batch_size)``."""
    return update_rule.diagnose(update, update_rule.SGD)


@check
def largest_learning_rate(answer, X):
    """Check the largest learning rate with which full-batch training on X still converges.

    Parameters
    ----------
    answer : float
    X : NDArray, shape (n, d)
        The features. The limit is 2 / λ_max of the Hessian, that of the features with a column
        of ones for the bias.
    """
    value = _number(answer)
    if value is None:
        return _no_number(answer)
    features = np.column_stack([X.asnumpy(), np.ones(len(X))]).astype("float64")
    limit = 2 / np.linalg.eigvalsh(features.T @ features / len(X)).max()
    if value <= 0:
        return wrong("学习率应当是正数。", "a learning rate is positive.")
    if value > limit:
        return wrong(
            f"学习率取 {value:g} 会发散：多训练几个迭代周期，看损失是不是一直上升。",
            f"with {value:g} the training diverges. Train for more epochs: does the loss keep rising?",
        )
    if value < limit - 0.1:
        return wrong(
            f"学习率取 {value:g} 还能收敛，但可以更大：界限还在 0.1 以上的地方。",
            f"with {value:g} the training converges, but the limit is more than 0.1 higher.",
        )
    return right(
        f"界限是 2 除以目标函数最大的曲率，在这份数据上约为 {limit:.2f}。",
        f"the limit is 2 divided by the objective's largest curvature, on these data about {limit:.2f}.",
    )


# momentum-scratch


@check
def smaller_momentum(prediction):
    """Check the prediction for γ = 0.5 in momentum-scratch: "larger" or "smaller"."""
    if prediction is None:
        return unanswered(
            "先把你的预测写进 prediction：'larger'（更大）或 'smaller'（更小）。",
            "write your prediction into `prediction` first, 'larger' or 'smaller'.",
        )
    word = prediction.strip().lower() if isinstance(prediction, str) else None
    if word not in ("larger", "smaller"):
        return wrong(
            f"预测应当是 'larger' 或 'smaller'，你给出的是 {shown(prediction)}。",
            f"the prediction should be 'larger' or 'smaller', got {shown(prediction)}.",
        )
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
    return update_rule.diagnose(update)


@check
def final_velocity(answer):
    """Check the velocity that η = 0.1, g = 3, γ = 0.95 lead to in the end."""
    lr, g, mom = 0.1, 3, 0.95
    value = _number(answer)
    if value is None:
        return _no_number(answer)
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
    if found := _mistaken(value, mistakes):
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
    if best_plain is None or best_momentum is None:
        return unanswered(
            "先用五个学习率各训练一次，再写下 best_plain 和 best_momentum。",
            "train with each of the five learning rates, then set best_plain and best_momentum.",
        )
    tried = (0.1, 0.2, 0.4, 0.8, 1.6)
    for name, answer, best in (
        ("best_plain", best_plain, 1.6),
        ("best_momentum", best_momentum, 0.2),
    ):
        value = _number(answer)
        if value not in tried:
            return wrong(
                f"{name} 应当是 0.1、0.2、0.4、0.8、1.6 之一，你给出的是 {shown(answer)}。",
                f"{name} should be one of 0.1, 0.2, 0.4, 0.8, 1.6, got {shown(answer)}.",
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


# momentum-gluon


@check
def step_after_decay(inside_step, outside_step):
    """Check the steps after η falls from 0.5 to 0.05, with γ = 0.8 and a constant gradient of 1."""
    if inside_step is None or outside_step is None:
        return unanswered(
            "先算出两个答案，写进 inside_step 和 outside_step。",
            "work out both answers first and write them into inside_step and outside_step.",
        )
    inside, outside = _number(inside_step), _number(outside_step)
    for name, answer, value in (
        ("inside_step", inside_step, inside),
        ("outside_step", outside_step, outside),
    ):
        if value is None:
            return wrong(
                f"{name} 应当是一个数，你给出的是 {shown(answer)}。",
                f"{name} should be a number, got {shown(answer)}.",
            )
    mistakes = (
        (
            math.isclose(inside, 0.25, rel_tol=1e-3) and math.isclose(outside, 2.05, rel_tol=1e-3),
            (
                "两个答案正好对调了。",
                "the two answers are exchanged.",
            ),
        ),
        (
            math.isclose(inside, 2.5, rel_tol=1e-3),
            (
                "inside_step 是衰减之前的步子；新的 η 已经用在最新的梯度上。",
                "inside_step is the step before the decay; the newest gradient has the new η already.",
            ),
        ),
        (
            math.isclose(inside, 0.25, rel_tol=1e-3),
            (
                "inside_step 不会立刻变小：速度里还是旧的步子，只乘了一次 γ。",
                "inside_step does not shrink at once: the velocity holds the old steps, times γ once.",
            ),
        ),
        (
            math.isclose(outside, 2.5, rel_tol=1e-3),
            (
                "outside_step 是衰减之前的步子；η 在外面，新的 η 乘的是整个速度。",
                "outside_step is the step before the decay; outside, the new η multiplies the velocity.",
            ),
        ),
        (
            math.isclose(outside, 0.05, rel_tol=1e-3),
            (
                "outside_step 漏了速度：稳定之后它是梯度的 1/(1−γ) 倍。",
                "outside_step lacks the velocity; settled, it is 1/(1−γ) times the gradient.",
            ),
        ),
    )
    for made, sentences in mistakes:
        if made:
            return wrong(*sentences)
    if not math.isclose(inside, 2.05, rel_tol=1e-3):
        return wrong(
            "inside_step 不对：先写出稳定之后的速度，再更新一次。",
            "inside_step is not right: write down the settled velocity, then update it once.",
        )
    if not math.isclose(outside, 0.25, rel_tol=1e-3):
        return wrong(
            "outside_step 不对：先写出稳定之后的速度，再乘以新的 η。",
            "outside_step is not right: write down the settled velocity, then multiply by the new η.",
        )
    return right(
        "η 在里面，下一步是 2.05，几乎没有变小；在外面是 0.25，立刻变成十分之一。",
        "with η inside the next step is 2.05, hardly smaller; outside it is 0.25, a tenth at once.",
    )


@check
def outside_momentum(update):
    """Check a learner's ``update(params, vs, lr, mom, batch_size)`` with η outside the velocity."""
    return update_rule.diagnose(update, update_rule.OUTSIDE)


@check
def average_learning_rate(answer):
    """Check the learning rate with which the average, γ = 0.9, equals this course's η = 0.05."""
    value = _number(answer)
    if value is None:
        return _no_number(answer)
    mistakes = {
        0.05: (
            "学习率不变，平均的写法走得就慢：梯度多乘了 1−γ。",
            "at the same learning rate the average is slower: it multiplies the gradient by 1−γ.",
        ),
        0.005: (
            "方向反了：梯度已经多乘了 1−γ，学习率应当更大才能补回来。",
            "the other way round: the gradient is multiplied by 1−γ, so the learning rate must grow.",
        ),
        0.05 / 0.9: (
            "应当除以梯度前面的系数，那不是 γ。",
            "divide by the factor before the gradient, which is not γ.",
        ),
    }
    if found := _mistaken(value, mistakes):
        return found
    if not math.isclose(value, 0.5, rel_tol=1e-2):
        return wrong(
            "还不一样：用 average_path 再试，让最大的差接近 0。",
            "not the same yet. Try again with average_path until the largest difference is near 0.",
        )
    return right(
        "η/(1−γ) = 0.5：学习率补回了梯度前面的 1−γ。",
        "η/(1−γ) = 0.5: the learning rate makes up for the factor 1−γ before the gradient.",
    )
