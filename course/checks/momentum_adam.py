"""The checks of `momentum-adam`."""

from course.checks import adaptive
from course.checks.answers import written
from course.checks.momentum_clinic import examined
from course.checks.questions import Number, about, near, question
from course.checks.verdict import check

adam_first_step = question(
    """Check the first step of Adam with η = 0.01 and a gradient of 20.""",
    Number(
        "answer",
        right=near(0.01, -0.01),
        mistakes={
            "gradient's size": (
                about(10, 0.2),
                "步子不随梯度变大：分母 √ŝ 也乘以了 1000。",
                "the step does not grow with the gradient: √ŝ below it is multiplied by 1000, too.",
            ),
            "first moment uncorrected": (
                about(0.001),
                "漏了 m 的偏差修正：m̂ = m/(1−β₁) = g。",
                "m lacks its bias correction: m̂ = m/(1−β₁) = g.",
            ),
            "both uncorrected": (
                about(0.01 * 0.1 / 0.001**0.5),
                "两个偏差修正都漏了：m̂ = g，ŝ = g²。",
                "both bias corrections are missing: m̂ = g and ŝ = g².",
            ),
            "second moment uncorrected": (
                about(0.01 / 0.001**0.5),
                "漏了 s 的偏差修正：ŝ = s/(1−β₂) = g²。",
                "s lacks its bias correction: ŝ = s/(1−β₂) = g².",
            ),
            "divided by 1000": (
                about(0.00001),
                "分子 m̂ 也乘以了 1000，与分母抵消。",
                "m̂ above the bar is multiplied by 1000 as well, which cancels.",
            ),
            "without η": (near(1, -1), "漏乘了 η。", "η is missing."),
        },
        otherwise=(
            "第一次更新时 m̂ 和 ŝ 各是多少？",
            "what are m̂ and ŝ at the first update?",
        ),
    ),
    right=(
        "η = 0.01：m̂/√ŝ = g/|g|，与梯度的大小无关。",
        "η = 0.01, as m̂/√ŝ = g/|g|, whatever the gradient's size.",
    ),
)

uncorrected_moment = question(
    """Check the uncorrected first moment after 10 updates with a gradient of 1 and β₁ = 0.9.""",
    Number(
        "answer",
        right=about(1 - 0.9**10),
        mistakes={
            "what is missing": (
                about(0.9**10),
                "那是 β₁ᵗ，还差的那一部分。",
                "that is β₁ᵗ, the part that is missing.",
            ),
            "the correction": (
                about(1 / (1 - 0.9**10)),
                "那是修正时乘上的倍数；问的是修正之前的 m。",
                "that is the factor of the correction; the question is about m before it.",
            ),
            "t from 0": (
                about(1 - 0.9**9),
                "那是 9 次更新之后：t 从 1 开始。",
                "that is after 9 updates: t counts from 1.",
            ),
            "one too many": (
                about(1 - 0.9**11),
                "那是 11 次更新之后。",
                "that is after 11 updates.",
            ),
            "β₂": (
                about(1 - 0.999**10),
                "那用的是 β₂，是 s 的；m 用 β₁。",
                "that is with β₂, as for s; m has β₁.",
            ),
            "corrected": (
                near(1),
                "那是修正之后的 m̂；没有修正的更小。",
                "that is m̂, after the correction; without it, m is smaller.",
            ),
            "a sum": (
                about((1 - 0.9**10) / 0.1),
                "那是和的写法；平均的写法里梯度要乘以 1−β₁。",
                "that is the form of a sum; in that of an average the gradient is multiplied by 1−β₁.",
            ),
        },
        otherwise=(
            "第一次更新之后 m = 0.1；每次把 m 与 1 的差乘以 0.9。",
            "after the first update m = 0.1; each one multiplies what m is short of 1 by 0.9.",
        ),
    ),
    right=(
        "1−0.9¹⁰ = 0.651，还差三分之一：所以要修正。",
        "1−0.9¹⁰ = 0.651, a third too small, hence the correction.",
    ),
)


@check
def adam(update):
    """Check a learner's ``update(params, states, lr, beta1, beta2, eps, t, batch_size)``."""
    return adaptive.diagnose(written(update))


@check
def adamw(update):
    """Check a learner's update of AdamW: as of Adam, and ``weight_decay`` last."""
    return adaptive.diagnose(written(update), adaptive.ADAMW)


def _uncorrected(params, states, lr, beta1, beta2, eps, t, batch_size):
    for param, (m, s) in zip(params, states):
        g = param.grad / batch_size
        m[:] = beta1 * m + (1 - beta1) * g
        s[:] = beta2 * s + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        param -= lr * m_hat / (s.sqrt() + eps)


def _decay_in_gradient(params, states, lr, beta1, beta2, eps, t, batch_size, weight_decay):
    for param, (m, s) in zip(params, states):
        g = param.grad / batch_size + weight_decay * param
        m[:] = beta1 * m + (1 - beta1) * g
        s[:] = beta2 * s + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        s_hat = s / (1 - beta2**t)
        param -= lr * m_hat / (s_hat.sqrt() + eps)


# Each bug by its word: a function that has it, if one of the patients does, and the symptoms.
BUGS = {
    "bias correction": (
        _uncorrected,
        "若是漏了偏差修正，头几步的大小就不对，几千步以后就看不出来了。看看代码里 m 和 s 各除以什么。",
        "without a bias correction the first steps would have the wrong size, and after thousands of "
        "updates nothing be left to see. What are m and s divided by in the code?",
    ),
    "decay in gradient": (
        _decay_in_gradient,
        "若是衰减进了梯度，代码里 weight_decay 就会出现在算 m 和 s 之前，λ = 0 时与健康的没有区别。",
        "with the decay in the gradient, weight_decay would enter before m and s do, and with λ = 0 "
        "there would be no difference.",
    ),
    "epsilon": (
        None,
        "若是 ε 的位置不对，只有梯度小到与 ε 相近时才看得出来。",
        "a misplaced ε would show only where gradients are about as small as ε.",
    ),
    "root": (
        None,
        "若是漏了开方，梯度增大到 10 倍，步子就缩小为十分之一。",
        "without the root, gradients 10 times as large would make steps a tenth as large.",
    ),
    "swapped": (
        None,
        "若是 β₁ 和 β₂ 互换，m 那一行里就会出现 beta2。",
        "with β₁ and β₂ swapped, beta2 would stand in the line of m.",
    ),
}
WORDS = {
    "bias correction": ("correct", "修正"),
    "decay in gradient": ("in the gradient", "l2", "进了梯度", "在梯度里", "加进梯度", "梯度里"),
    "epsilon": ("eps", "ε"),
    "root": ("sqrt", "开方", "根号"),
    "swapped": ("swap", "互换"),
}
PATIENTS = {1: "bias correction", 2: "decay in gradient"}
LINES = {
    1: ("param -= lr * m_hat / (s.sqrt() + eps)",),
    2: ("g = param.grad / batch_size + weight_decay * param",),
}


@check
def adam_patient(number, bug, line, update):
    """Check the diagnosis of a patient, 1 (Adam) or 2 (AdamW): line, cause, and cure."""
    methods = {1: adaptive.ADAM, 2: adaptive.ADAMW}
    return examined(
        *(number, bug, line, update),
        bugs=BUGS,
        words=WORDS,
        patients=PATIENTS,
        lines=LINES,
        judge=lambda number, update: adaptive.diagnose(update, methods[number]),
    )
