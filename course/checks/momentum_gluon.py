"""The checks of `momentum-gluon`."""

import math

from course.checks import updates
from course.checks.answers import mistaken, numbers
from course.checks.verdict import check, right, wrong


@check
def step_after_decay(inside_step, outside_step):
    """Check the steps after η falls from 0.5 to 0.05, with γ = 0.8 and a constant gradient of 1."""
    values, fault = numbers(inside_step=inside_step, outside_step=outside_step)
    if fault:
        return fault
    inside, outside = values
    mistakes = (
        (
            math.isclose(inside, 0.25, rel_tol=1e-3) and math.isclose(outside, 2.05, rel_tol=1e-3),
            (
                "两个答案正好对调了。",
                "the two answers are swapped.",
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
                "inside_step 不会一下子变得这么小：速度里还是旧的步子，只乘了一次 γ。",
                "inside_step does not shrink that much at once: the velocity holds the old steps, times γ.",
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
                "outside_step 漏了速度：稳定之后，速度是梯度的 1/(1−γ) 倍。",
                "the velocity is missing from outside_step; once settled, it is 1/(1−γ) times the gradient.",
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
        "η 在里面，下一步是 2.05，只比 2.5 小了不到两成；在外面是 0.25，立刻变成十分之一。",
        "with η inside the next step is 2.05, less than a fifth below 2.5; "
        "outside it is 0.25, a tenth at once.",
    )


@check
def outside_momentum(update):
    """Check a learner's ``update(params, vs, lr, mom, batch_size)`` with η outside the velocity."""
    return updates.diagnose(update, updates.OUTSIDE)


@check
def average_learning_rate(answer):
    """Check the learning rate with which the average, γ = 0.9, equals this course's η = 0.05."""
    values, fault = numbers(answer=answer)
    if fault:
        return fault
    (value,) = values
    mistakes = {
        0.05: (
            "学习率若不变，平均的写法就走得慢：梯度多乘了 1−γ。",
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
    if found := mistaken(value, mistakes):
        return found
    if not math.isclose(value, 0.5, rel_tol=1e-2):
        return wrong(
            "用 average_path 再试几个学习率，直到最大的差接近 0。",
            "try other rates with average_path until the largest difference is near 0.",
        )
    return right(
        "η/(1−γ) = 0.5：学习率补回了梯度前面的 1−γ。",
        "η/(1−γ) = 0.5: the learning rate makes up for the factor 1−γ before the gradient.",
    )
