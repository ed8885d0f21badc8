"""The checks of `momentum-noise`."""

import math

from course.checks.questions import Number, about, below, near, question, task


def _stationary_variance(lr, mom, curvature, variance):
    """Give the stationary variance of a parameter, by the formula of the notebook."""
    return lr * (1 + mom) * variance / (curvature * (1 - mom) * (2 * (1 + mom) - lr * curvature))


same_noise = question(
    """Check the learning rate without momentum that is as noisy as η = 0.02 and γ = 0.8.""",
    Number(
        "answer",
        # By the full formula it is 0.0957.
        right=((0.094, 0.104),),
        mistakes={
            "unchanged": (
                about(0.02),
                "同样的学习率，不用动量时抖动要小得多：旧梯度的噪声也会累加。",
                "at the same learning rate there is far less jitter without momentum, "
                "which adds up the noise of old gradients too.",
            ),
            "inverse": (
                about(0.02 * 0.2),
                "方向反了：动量使有效学习率变大，而不是变小。",
                "the other way round: momentum makes the effective learning rate larger, not smaller.",
            ),
            "γ for 1-γ": (
                about(0.02 / 0.8),
                "应当除以 1−γ，而不是 γ。",
                "divide by 1−γ, not by γ.",
            ),
            "mean age": (
                about(0.02 * 0.8 / 0.2),
                "那是 η 乘以平均年龄 γ/(1−γ)；有效学习率要乘的是权重之和，连最新的梯度也算在内。",
                "that is η times the mean age, γ/(1−γ); the effective learning rate takes the sum of the "
                "weights, the newest gradient's included.",
            ),
            "size by variance": (
                about(0.02 * 1.8 / 0.2),
                "那是 η 乘以“按方差折算的个数”；有效学习率要乘的是权重之和。",
                "that is η times the size by variance; "
                "the effective learning rate takes the sum of the weights.",
            ),
        },
        otherwise=(
            "想一想有效学习率：梯度不变时，速度会积累到 ηg 的多少倍？",
            "think of the effective learning rate: with a constant gradient, "
            "how many times ηg does the velocity build up to?",
        ),
    ),
    right=(
        "有效学习率 η/(1−γ) = 0.1，抖动差不多；按完整的公式，不用动量时的方差大约多 5%。",
        "the effective learning rate is η/(1−γ) = 0.1, and the jitter is about the same; "
        "by the full formula it is about 5% more without momentum.",
    ),
)


def _size(rounded=math.ceil, power=1, formula=_stationary_variance):
    """Give a `smallest_batch`: the right one, or one with the mistake asked for."""

    def smallest_batch(lr, mom, curvature, variance, target):
        return rounded((formula(lr, mom, curvature, variance) / target) ** power)

    return smallest_batch


smallest_batch = task(
    """Check a learner's ``smallest_batch(lr, mom, curvature, variance, target)``.""",
    # The quotients are about 30.4 and 3.6, exactly 12, to tell rounding up from adding 1, then
    # about 5.3 without momentum and 0.1.
    cases=lambda rng: [
        (0.05, 0.9, 2, 3, 0.01267),
        (0.2, 0.5, 1, 0.5, 0.0298),
        (1, 0.5, 1, 8, 1),
        (0.1, 0, 1, 2, 0.02),
        (0.1, 0.5, 1, 0.02, 0.02),
    ],
    expected=_size(),
    mistakes={
        "not rounded": (
            _size(rounded=float),
            "批量大小应当是整数：向上取整。",
            "a batch size is an integer: round up.",
        ),
        "rounded down": (
            _size(rounded=math.floor),
            "向下取整，方差就超过 target 了：应当向上取整。",
            "rounded down, the variance exceeds target; round up.",
        ),
        "rounded": (
            _size(rounded=round),
            "四舍五入有时会使方差超过 target：应当向上取整。",
            "rounded to the nearest integer, the variance sometimes exceeds target; round up.",
        ),
        "one more": (
            _size(rounded=lambda needed: int(needed) + 1),
            "正好整除时多了 1：方差等于 target 就够了。",
            "one too many where the division is exact: a variance equal to target is enough.",
        ),
        "without momentum": (
            _size(formula=lambda lr, mom, c, variance: _stationary_variance(lr, 0, c, variance)),
            "没有用到动量：mom 使方差变大。",
            "mom is not used, and it makes the variance larger.",
        ),
        "without curvature": (
            _size(formula=lambda lr, mom, c, variance: _stationary_variance(lr, mom, 1, variance)),
            "没有用到 curvature。",
            "curvature is not used.",
        ),
        "without variance": (
            _size(formula=lambda lr, mom, c, variance: _stationary_variance(lr, mom, c, 1)),
            "没有用到 variance。",
            "variance is not used.",
        ),
        "with the defaults": (
            _size(formula=lambda lr, mom, c, variance: _stationary_variance(lr, mom, 1, 1)),
            "curvature 和 variance 都没有用到。",
            "neither curvature nor variance is used.",
        ),
        "exchanged": (
            _size(formula=lambda lr, mom, c, variance: _stationary_variance(lr, mom, variance, c)),
            "curvature 和 variance 对调了。",
            "curvature and variance are exchanged.",
        ),
        "approximation": (
            _size(formula=lambda lr, mom, c, variance: lr / (1 - mom) * variance / (2 * c)),
            "这是 ηλ 很小时的近似，得到的批量有时太小：要用完整的公式。",
            "that is the approximation for small ηλ, which is sometimes too small a batch: "
            "take the full formula.",
        ),
        "inverse": (
            _size(power=-1),
            "除反了：应当是方差除以 target，方差越大，批量就要越大。",
            "the other way round: divide the variance by target; more variance wants a larger batch.",
        ),
        "root": (
            _size(power=0.5),
            "与批量大小成反比的是方差，不是标准差，不要开方。",
            "it is the variance, not the standard deviation, that goes as one over the batch size: "
            "no square root.",
        ),
        "square": (
            _size(power=2),
            "方差与批量大小成反比，不要平方。",
            "the variance is inversely proportional to the batch size: no square.",
        ),
    },
    otherwise=(
        "对 lr={lr}、mom={mom}、curvature={curvature}、variance={variance}、target={target:.3g}，"
        "应当得到 {expected}，而你的函数给出 {value:g}。",
        "for lr={lr}, mom={mom}, curvature={curvature}, variance={variance}, target={target:.3g} "
        "it should be {expected}, and your function gives {value:g}.",
    ),
    right=(
        "学习率相同时，用了动量，就要用更大的批量，抖动才能和不用动量时一样小。",
        "at the same learning rate it takes a larger batch with momentum to jitter as little as without.",
    ),
)


doubled_variance = question(
    """Check the γ that doubles the stationary variance at η = 0.1.""",
    Number(
        "answer",
        right=near(0.51, tol=0.035),  # by the formula it is 0.5087
        mistakes={
            "outside 0 to 1": (
                (*below(0), (1, math.inf)),
                "动量参数在 0 与 1 之间。",
                "a momentum parameter lies between 0 and 1.",
            ),
            "too small": (
                below(0.475),
                "γ = {value:g} 太小：方差还不到不用动量时的 2 倍。",
                "γ = {value:g} is too small: the variance is less than twice that without momentum.",
            ),
        },
        otherwise=(
            "γ = {value:g} 太大：方差超过了不用动量时的 2 倍。",
            "γ = {value:g} is too large: the variance is more than twice that without momentum.",
        ),
    ),
    right=(
        "约 0.5：这时 1/(1−γ) = 2，有效学习率加倍，方差也加倍。",
        "about 0.5, where 1/(1−γ) = 2: the effective learning rate doubles, and so does the variance.",
    ),
)
