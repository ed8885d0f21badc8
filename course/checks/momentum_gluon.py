"""The checks of `momentum-gluon`."""

from course.checks import update_rule
from course.checks.questions import Number, near, question
from course.checks.verdict import check

step_after_decay = question(
    """Check the steps after η falls from 0.5 to 0.05, with γ = 0.8 and a constant gradient of 1.""",
    Number(
        "inside_step",
        right=near(2.05),
        mistakes=(
            (
                near(2.5),
                "inside_step 是衰减之前的步子；新的 η 已经用在最新的梯度上。",
                "inside_step is the step before the decay; the newest gradient has the new η already.",
            ),
            (
                near(0.25),
                "inside_step 不会一下子变得这么小：速度里还是旧的步子，只乘了一次 γ。",
                "inside_step does not shrink that much at once: the velocity holds the old steps, times γ.",
            ),
        ),
        otherwise=(
            "inside_step 不对：先写出稳定之后的速度，再更新一次。",
            "inside_step is not right: write down the settled velocity, then update it once.",
        ),
    ),
    Number(
        "outside_step",
        right=near(0.25),
        mistakes=(
            (
                near(2.5),
                "outside_step 是衰减之前的步子；η 在外面，新的 η 乘的是整个速度。",
                "outside_step is the step before the decay; outside, the new η multiplies the velocity.",
            ),
            (
                near(0.05),
                "outside_step 漏了速度：稳定之后，速度是梯度的 1/(1−γ) 倍。",
                "the velocity is missing from outside_step; once settled, it is 1/(1−γ) times the gradient.",
            ),
        ),
        otherwise=(
            "outside_step 不对：先写出稳定之后的速度，再乘以新的 η。",
            "outside_step is not right: write down the settled velocity, then multiply by the new η.",
        ),
    ),
    together=((near(0.25), near(2.05), "两个答案正好对调了。", "the two answers are swapped."),),
    right=(
        "η 在里面，下一步是 2.05，只比 2.5 小了不到两成；在外面是 0.25，立刻变成十分之一。",
        "with η inside the next step is 2.05, less than a fifth below 2.5; "
        "outside it is 0.25, a tenth at once.",
    ),
)


@check
def outside_momentum(update):
    """Check a learner's ``update(params, vs, lr, mom, batch_size)`` with η outside the velocity."""
    return update_rule.diagnose(update, update_rule.OUTSIDE)


average_learning_rate = question(
    """Check the learning rate with which the average, γ = 0.9, equals this course's η = 0.05.""",
    Number(
        "answer",
        right=near(0.5, rel=0.01),
        mistakes=(
            (
                near(0.05),
                "学习率若不变，平均的写法就走得慢：梯度多乘了 1−γ。",
                "at the same learning rate the average is slower: it multiplies the gradient by 1−γ.",
            ),
            (
                near(0.005),
                "方向反了：梯度已经多乘了 1−γ，学习率应当更大才能补回来。",
                "the other way round: the gradient is multiplied by 1−γ, so the learning rate must grow.",
            ),
            (
                near(0.05 / 0.9),
                "应当除以梯度前面的系数，那不是 γ。",
                "divide by the factor before the gradient, which is not γ.",
            ),
        ),
        otherwise=(
            "用 average_path 再试几个学习率，直到最大的差接近 0。",
            "try other rates with average_path until the largest difference is near 0.",
        ),
    ),
    right=(
        "η/(1−γ) = 0.5：学习率补回了梯度前面的 1−γ。",
        "η/(1−γ) = 0.5: the learning rate makes up for the factor 1−γ before the gradient.",
    ),
)
