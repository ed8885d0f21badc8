"""The checks of `momentum-gluon`."""

from course.checks import updates
from course.checks.answers import written
from course.checks.questions import Number, about, below, near, question
from course.checks.verdict import check

step_after_decay = question(
    """Check the steps after η falls from 0.5 to 0.05, with γ = 0.8 and a constant gradient of 1.""",
    Number(
        "inside_step",
        right=near(2.05),
        mistakes={
            "before the decay": (
                about(2.5),
                "inside_step 是衰减之前的步子；新的 η 已经用在最新的梯度上。",
                "inside_step is the step before the decay; the newest gradient has the new η already.",
            ),
            "without the newest gradient": (
                near(2),
                "inside_step 只是旧的速度乘以 γ；漏了最新的梯度。",
                "inside_step is the old velocity times γ; the newest gradient is missing.",
            ),
            "old velocity without γ": (
                near(2.55, 2.45),
                "inside_step 里旧的速度没有乘以 γ。",
                "in inside_step the old velocity is not multiplied by γ.",
            ),
            "without the old velocity": (
                near(0.05),
                "inside_step 漏了旧的速度。",
                "the old velocity is missing from inside_step.",
            ),
            "negative": (
                below(0),
                "inside_step 是速度，也就是 x 减去的那个数，是正的。",
                "inside_step is the velocity, the number that x subtracts, and positive.",
            ),
            "shrinks at once": (
                about(0.25),
                "inside_step 不会一下子变得这么小：速度里还是旧的步子，只乘了一次 γ。",
                "inside_step does not shrink that much at once: the velocity holds the old steps, times γ.",
            ),
        },
        otherwise=(
            "inside_step 不对：先写出稳定之后的速度，再更新一次。",
            "inside_step is not right: write down the settled velocity, then update it once.",
        ),
    ),
    Number(
        "outside_step",
        right=near(0.25),
        mistakes={
            "before the decay": (
                about(2.5),
                "outside_step 是衰减之前的步子；η 在外面，新的 η 乘的是整个速度。",
                "outside_step is the step before the decay; outside, the new η multiplies the velocity.",
            ),
            "velocity": (
                near(5),
                "outside_step 是速度本身；这一步是它的 η 倍。",
                "outside_step is the velocity itself; the step is η times it.",
            ),
            "η inside": (
                near(2.05),
                "outside_step 是 η 在里面时的步子；η 在外面，新的 η 乘的是整个速度。",
                "outside_step is the step for η inside; outside, the new η multiplies the whole velocity.",
            ),
            "negative": (
                below(0),
                "outside_step 是 x 减去的那个数，是正的。",
                "outside_step is the number that x subtracts, and positive.",
            ),
            "without the velocity": (
                about(0.05),
                "outside_step 漏了速度：稳定之后，速度是梯度的 1/(1−γ) 倍。",
                "the velocity is missing from outside_step; once settled, it is 1/(1−γ) times the gradient.",
            ),
        },
        otherwise=(
            "outside_step 不对：先写出稳定之后的速度，再乘以新的 η。",
            "outside_step is not right: write down the settled velocity, then multiply by the new η.",
        ),
    ),
    together={
        "swapped": (near(0.25), near(2.05), "两个答案正好对调了。", "the two answers are swapped."),
    },
    right=(
        "η 在里面，下一步是 2.05，只比 2.5 小了不到两成；在外面是 0.25，立刻变成十分之一。",
        "with η inside the next step is 2.05, less than a fifth below 2.5; "
        "outside it is 0.25, a tenth at once.",
    ),
)


@check
def outside_momentum(update):
    """Check a learner's ``update(params, vs, lr, mom, batch_size)`` with η outside the velocity."""
    return updates.diagnose(written(update), updates.OUTSIDE)


average_learning_rate = question(
    """Check the learning rate with which the average follows this course's form at η = 0.05.

    With γ = 0.9, and a loss that lacks the factor 1/2.
    """,
    Number(
        "answer",
        right=near(0.25, rel=0.01),
        mistakes={
            "same losses": (
                about(0.5),
                "损失若相同，0.5 就对了；可是 average_path 的损失没有 1/2，它的梯度是几倍？",
                "0.5 would be right if the losses were the same; average_path's lacks the ½. "
                "What does that make of its gradient?",
            ),
            "inverse": (
                about(0.1),
                "方向反了：average_path 的梯度是 2 倍，学习率就不该加倍；平均的写法里，梯度还多乘了 1−γ。",
                "the other way round: average_path's gradient is twice as large, so its learning rate must "
                "not be doubled; and the average multiplies the gradient by 1−γ.",
            ),
            "doubled": (
                about(1),
                "average_path 的梯度是 2 倍，所以学习率应当减半，而不是加倍。",
                "average_path's gradient is twice as large, so its learning rate must be half, not double.",
            ),
            "without 1-γ": (
                about(0.025),
                "这只抵消了损失里少了的 1/2；平均的写法里，梯度还多乘了 1−γ。",
                "that makes up for the missing ½ of the loss only; the average also multiplies the gradient "
                "by 1−γ.",
            ),
            "unchanged": (
                about(0.05),
                "学习率若不变，平均的写法就走得慢：梯度乘的是 2(1−γ) = 0.2。",
                "at the same learning rate the average is slower: it multiplies the gradient by "
                "2(1−γ) = 0.2.",
            ),
            "inverse of 1-γ": (
                about(0.005, 0.0025),
                "方向反了：梯度已经多乘了 1−γ，学习率应当更大才能补回来。",
                "the other way round: the gradient is multiplied by 1−γ, so the learning rate must grow.",
            ),
            "γ for 1-γ": (
                about(0.05 / 0.9, 0.05 / 1.8),
                "除以的应当是 1−γ，而不是 γ。",
                "divide by 1−γ, not by γ.",
            ),
        },
        otherwise=(
            "与 from_scratch 比：进入速度的梯度多乘了什么？要由学习率补回来。也可以用 average_path 试几个。",
            "compared with from_scratch, what multiplies the gradient that enters the velocity? The "
            "learning rate must make up for it. You may also try a few with average_path.",
        ),
    ),
    right=(
        "0.05/(2(1−γ)) = 0.25：学习率补回了梯度多乘的 1−γ 和损失里少了的 1/2。",
        "0.05/(2(1−γ)) = 0.25: the learning rate makes up for the factor 1−γ before the gradient "
        "and for the ½ that the loss lacks.",
    ),
)
