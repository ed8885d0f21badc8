"""The checks of `momentum-clinic`."""

from course.checks import updates
from course.checks.answers import called, given, one_of
from course.checks.questions import Number, about, near, question
from course.checks.verdict import attempt, check, right, shown, unanswered, wrong


def _healthy(params, vs, lr, mom, batch_size):
    for param, v in zip(params, vs):
        v[:] = mom * v + lr / batch_size * param.grad
        param[:] = param - v


def _sign(params, vs, lr, mom, batch_size):
    for param, v in zip(params, vs):
        v[:] = mom * v + lr / batch_size * param.grad
        param[:] = param + v


def _batch_size(params, vs, lr, mom, batch_size):
    for param, v in zip(params, vs):
        v[:] = mom * v + lr * param.grad
        param[:] = param - v


def _outside(params, vs, lr, mom, batch_size):
    for param, v in zip(params, vs):
        v[:] = mom * v + param.grad / batch_size
        param[:] = param - lr * v


def _overwritten(params, vs, lr, mom, batch_size):
    for param, v in zip(params, vs):
        v[:] = lr / batch_size * param.grad
        param[:] = param - v


def _rebound(params, vs, lr, mom, batch_size):
    for param, v in zip(params, vs):
        new = mom * v + lr / batch_size * param.grad
        param[:] = param - new


def _shared(params, vs, lr, mom, batch_size):
    for param in params:
        vs[0][:] = mom * vs[0] + lr / batch_size * param.grad
        param[:] = param - vs[0]


def _nesterov(params, vs, lr, mom, batch_size):
    for param, v in zip(params, vs):
        gradient = lr / batch_size * param.grad
        v[:] = mom * v + gradient
        param[:] = param - mom * v - gradient


# Each bug by its word: a function that has it, and the symptoms by which to tell it from others.
BUGS = {
    "sign": (
        _sign,
        "若是正负号反了，每一步都朝上坡走，损失从第一次更新起就一直上升。",
        "with a wrong sign every step would go uphill, and the loss rise from the first update on.",
    ),
    "batch size": (
        _batch_size,
        "若是没有除以批量大小，每一步都变成 10 倍，但方向仍然是对的。看看代码里有没有 batch_size。",
        "without the division every step would be 10 times too large, yet in the right direction. "
        "Does the code use batch_size?",
    ),
    "outside": (
        _outside,
        "若是学习率在外面，只要学习率不变，参数就与健康的完全一样。",
        "with the learning rate outside, the parameters would be just as in the healthy one "
        "while the learning rate is constant.",
    ),
    "overwritten": (
        _overwritten,
        "若是速度被覆盖，旧的速度就丢了，代码里会有一行把 v 的内容整个换成新的梯度。",
        "if the velocity were overwritten, some line would replace v's contents by the gradient.",
    ),
    "rebound": (
        _rebound,
        "若是给局部变量重新赋值，数组 vs 的内容就不会变，代码里会有一行 v = …，而不是 v[:] = …。",
        "if v were rebound, the arrays in vs would never change, and some line would read `v = …`.",
    ),
    "shared": (
        _shared,
        "若是共用速度，所有参数用的就是同一个数组；看看代码里 v 是从哪里来的。",
        "if it were shared, one array would serve all parameters. Where does v come from in the code?",
    ),
    "nesterov": (
        _nesterov,
        "若是 Nesterov 加速梯度，x 减去的就不是速度 v 本身，而是 γv 加上 η 乘梯度。这里减去的是什么？",
        "in Nesterov's accelerated gradient x does not subtract the velocity v itself, but γv plus "
        "η times the gradient. What does it subtract here?",
    ),
}
WORDS = {
    "sign": ("正负号",),
    "batch size": ("batch_size", "batchsize", "批量大小"),
    "outside": ("外面", "外边"),
    "overwritten": ("overwrite", "覆盖"),
    "rebound": ("rebind", "重新赋值"),
    "shared": ("share", "共用"),
    "nesterov": (),
}
PATIENTS = {
    1: "batch size",
    2: "rebound",
    3: "outside",
    4: "sign",
    5: "overwritten",
    6: "nesterov",
    7: "shared",
}
# The lines of each patient, as it comes, in any one of which the bug may be said to stand.
LINES = {
    1: ("v[:] = mom * v + lr * param.grad",),
    2: ("v = mom * v + lr / batch_size * param.grad",),
    3: ("v[:] = mom * v + param.grad / batch_size", "param -= lr * v"),
    4: ("param += v",),
    5: ("v[:] = lr / batch_size * param.grad",),
    6: ("param -= mom * v + gradient",),
    7: ("v = vs[0]", "for param in params:"),
}
SAME_CURVE = {"rebound", "overwritten"}


def patients():
    """Give the patients by their numbers, for whoever is to see the symptoms before the code."""
    return {number: BUGS[word][0] for number, word in PATIENTS.items()}


forgotten_batch_size = question(
    """Check the learning rate that a forgotten division by the batch size of 10 amounts to.""",
    Number(
        "answer",
        right=near(1),
        mistakes={
            "inverse": (
                about(0.01),
                "方向反了：梯度是 10 个样本的和，没有除以 10，步子就大了。",
                "the other way round: the gradient is a sum over 10 examples; undivided, it is larger.",
            ),
            "with the division": (
                about(0.1),
                "那是除过以后的学习率；不除，梯度就是 10 个样本的和，而不是平均。",
                "that is the rate with the division; without it the gradient is a sum over 10 examples.",
            ),
            "factor": (
                about(10),
                "那是倍数；学习率本来是 0.1。",
                "that is the factor; the learning rate was 0.1.",
            ),
        },
        otherwise=(
            "小批量中 10 个样本的梯度加在一起，是平均梯度的几倍？",
            "the sum of the gradients of 10 examples is how many times their mean?",
        ),
    ),
    right=(
        "相当于 η = 1，稳定边界是 λ = 2(1+γ)/η = 3.8。用全部样本时 λ 最大是 1；"
        "试了 4,000 个小批量，单看也没有一个到边界（最大的 λ 是 3.4）。可是每次更新换一个小批量，"
        "Hessian 矩阵也跟着变：在一个 H 下积累的速度，到了下一个 H 就不合适，步子又大，损失难免上蹿下跳。",
        "it is like η = 1, with the stability edge at λ = 2(1+γ)/η = 3.8. With all examples at once the "
        "largest λ is 1, and of 4,000 minibatches none is beyond the edge by itself either (the largest λ "
        "is 3.4). But the Hessian changes from update to update: a velocity built up under one H does "
        "not suit the next, and with steps so large the loss jumps about.",
    ),
)


@check
def hypotheses(words):
    """Check what a learner suspects of the patients, {number: word}, against their curves alone."""
    given(hypotheses=words)
    if not isinstance(words, dict) or set(words) != set(PATIENTS):
        return wrong(
            f"hypotheses 应当是 {{1: 词, …, 7: 词}}，你给出的是 {shown(words)}。",
            f"hypotheses should be {{1: word, …, 7: word}}, got {shown(words)}.",
            "no hypotheses",
        )
    if left := [number for number in PATIENTS if words[number] is None]:
        return unanswered(
            f"这些病人还没有猜：{'、'.join(map(str, left))}。",
            f"write down what you suspect of {', '.join(map(str, left))} as well.",
        )
    fit = 0
    for number, word in PATIENTS.items():
        said = one_of(WORDS, **{f"hypotheses[{number}]": words[number]})
        fit += said == word or {said, word} == SAME_CURVE
    if fit < len(PATIENTS):
        return wrong(
            f"7 个猜想中有 {fit} 个与曲线相符。想好了再改，或者接着往下做，打开代码就知道了。",
            f"{fit} of the 7 fit their curves. Think again, or go on: the code will tell.",
            "some do not fit",
        )
    return right(
        "七个都与曲线相符。但 2 号和 5 号的曲线完全一样，谁是哪种病，只有看代码才知道。",
        "all seven fit their curves. But patients 2 and 5 have the same curve: which of them has "
        "which disease, only the code tells.",
    )


def _squeezed(line):
    return "".join(line.split("#")[0].split())


def examined(number, bug, line, update, *, bugs, words, patients, lines, judge):
    """Give the verdict on the diagnosis of a patient: the line, then the cause, then the cure.

    Of the ward: `bugs` (of each word a function and what to say of it), `words`, `patients`
    (their words by number), `lines`, and `judge`, which takes the number and the mended function.
    """
    if number not in list(patients):
        return wrong(
            f"病人的编号是 1 到 {len(patients)}。",
            f"the patients' numbers are 1 to {len(patients)}.",
            "number",
        )
    given(bug=bug, line=line)
    if not isinstance(line, str):
        return wrong(
            f"line 应当是写错的那一行代码，放在引号里；你给出的是 {shown(line)}。",
            f"line should be the line of code that is wrong, in quotes; got {shown(line)}.",
            "no line",
        )
    if _squeezed(line) not in map(_squeezed, lines[number]):
        return wrong(
            f"错不在这一行：{shown(line)}。照抄病人原来的代码中写错的那一行，只要一行。",
            f"that is not where it goes wrong: {shown(line)}. Copy the one wrong line of the patient's "
            "code as it came.",
            "line",
        )
    word = one_of(words, bug=bug)
    if word != patients[number]:
        _, zh, en = bugs[word]
        return wrong(
            f"行找对了，但不是这种病：{zh}",
            f"the line is right, but it is not that: {en}",
            f"cause: {word}",
        )
    found = judge(number, update)
    if found.kind == "right":
        return right(
            "错在哪一行、病因是什么，都说对了，也治好了：每一步都与公式一致。",
            "line and cause named and patient cured; it follows the formula at every step.",
        )
    return wrong(
        f"病因说对了，函数还没有治好：{found.zh}",
        f"the cause is right, the function is not cured yet: {found.en}",
        f"cure: {found.hint}",
    )


@check
def patient(number, bug, line, update):
    """Check the diagnosis of a patient, 1 to 7: the line, then the cause; then whether it is mended."""
    return examined(
        *(number, bug, line, update),
        bugs=BUGS,
        words=WORDS,
        patients=PATIENTS,
        lines=LINES,
        judge=lambda _, update: updates.diagnose(update),
    )


# By its one update of one parameter, from zero velocity, at batch size 1.
MISSED_BY_THE_STARTER = set(BUGS) - {"sign", "nesterov"}


@check
def is_healthy(test):
    """Check a learner's ``is_healthy(update)``: it passes what is healthy and catches all bugs."""

    def verdict_on(update):
        said = test(update)
        return None if said is None else bool(said)

    verdict = called(lambda: verdict_on(_healthy), test)
    if verdict is None:
        return wrong(
            "你的测试没有返回 True 或 False。",
            "your test returns neither True nor False.",
            "no verdict",
        )
    if not verdict:
        return wrong(
            "你的测试把健康的函数也判为有病：按公式再算一遍应得的结果，比较时容许一点误差。",
            "your test calls the healthy function sick. Compute what to expect by the formula again, "
            "and compare with some tolerance.",
            "healthy called sick",
        )
    missed = []
    for word, (sick, _, _) in BUGS.items():
        verdict, fault = attempt(lambda sick=sick: verdict_on(sick), test)
        # An exception, for instance of shapes that do not fit, has caught the bug too.
        if fault is None and verdict:
            missed.append(word)
    if set(missed) == MISSED_BY_THE_STARTER:
        return unanswered(
            f"这个测试还漏掉这些病：{'、'.join(missed)}。想一想，什么情形下它们才与健康的不同？",
            f"these still slip through: {', '.join(missed)}. When do they differ from the healthy one?",
        )
    if missed:
        return wrong(
            f"这些病漏掉了：{'、'.join(missed)}。想一想，什么情形下它们才与健康的不同？",
            f"these slip through: {', '.join(missed)}. When do they differ from the healthy one?",
            f"missed: {', '.join(missed)}",
        )
    return right(
        "健康的放过，七种病全部抓住，一次训练也没有做。",
        "it passes what is healthy and catches all seven diseases, without any training.",
    )
