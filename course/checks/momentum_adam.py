"""The checks of `momentum-adam`."""

from course.checks import adaptive
from course.checks.answers import written
from course.checks.momentum_clinic import examined
from course.checks.verdict import check


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
        "若是漏了偏差修正，头几步的大小就不对，几百步以后就看不出来了。看看代码里 m 和 s 各除以什么。",
        "without a bias correction the first steps would have the wrong size, and after hundreds of "
        "updates nothing be left to see. What are m and s divided by in the code?",
    ),
    "decay in gradient": (
        _decay_in_gradient,
        "若是衰减进了梯度，weight_decay 就会出现在 m 和 s 之前，λ = 0 时与健康的没有区别。",
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
        "若是漏了开方，梯度放大 10 倍，步子就缩到十分之一。",
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
