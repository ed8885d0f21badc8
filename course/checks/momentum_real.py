"""The checks of `momentum-real`."""

import math

import numpy as np
from mxnet import nd

from course.checks.questions import Number, about, near, question, task

untrained_loss = question(
    """Check the cross-entropy of ten equal outputs.""",
    Number(
        "answer",
        right=near(math.log(10), rel=5e-3),
        mistakes={
            "zero": (
                near(0),
                "输出全是 0，并不等于损失是 0：softmax 把它们变成什么概率？",
                "outputs of 0 do not make a loss of 0. What probabilities does the softmax make of them?",
            ),
            "probability": (
                about(0.1),
                "这是每一类的概率；损失是它的对数的相反数。",
                "that is the probability of each class; the loss is minus its logarithm.",
            ),
            "wrong guess": (
                about(0.9),
                "这是猜错的概率；损失由正确那一类的概率的对数得出。",
                "that is the probability of a wrong guess; "
                "the loss comes from the logarithm of the true class's probability.",
            ),
            "times probability": (
                about(0.1 * math.log(10)),
                "这是 −p ln p，只有真正的一类才算，不必再乘以概率。",
                "that is −p ln p; only the true class counts, and its −ln p is not multiplied by p.",
            ),
            "sum over classes": (
                about(10 * math.log(10)),
                "这是 10 类之和；损失里只有真正的那一类。",
                "that is the sum over 10 classes; the loss takes only the true one.",
            ),
            "yes or no": (
                about(math.log(2), 10 * math.log(2)),
                "那是每个输出各做一次二分类时的；softmax 把 10 个输出一起变成概率。",
                "that is for yes or no at each output; softmax makes probabilities of all 10 together.",
            ),
            "base 10": (
                about(1),
                "用了以 10 为底的对数；交叉熵用自然对数。",
                "that takes the logarithm to base 10; cross-entropy takes the natural one.",
            ),
            "base 2": (
                about(math.log2(10)),
                "用了以 2 为底的对数；交叉熵用自然对数。",
                "that takes the logarithm to base 2; cross-entropy takes the natural one.",
            ),
            "sign": (
                about(-math.log(10)),
                "正负号反了：概率的对数是负的，损失取它的相反数。",
                "wrong sign: the logarithm of a probability is negative, and the loss is minus it.",
            ),
        },
        otherwise=(
            "10 个相等的输出，softmax 之后各是多少？再取对数。",
            "ten equal outputs: what is each after the softmax? Then take the logarithm.",
        ),
    ),
    right=(
        "ln 10 ≈ 2.30。训练开始时损失若远大于它，多半是初始化或者学习率出了问题。",
        "ln 10 ≈ 2.30. If a training starts far above it, suspect initialization or learning rate.",
    ),
)


def _classified(rng):
    """Give the outputs of a network, the labels and a digit, several times.

    Of n examples, `n_digit` are the digit; of these `n_right` are classified correctly, and
    `n_false` of the others are taken for the digit.
    """
    for n, digit, n_digit, n_right, n_false in (
        (40, 3, 8, 6, 4),
        (30, 7, 10, 3, 1),
        (12, 0, 3, 0, 2),
        (1, 9, 1, 1, 0),
    ):
        truth = np.where(np.arange(n) < n_digit, digit, (digit + 1 + np.arange(n) % 8) % 10)
        said = truth.copy()
        said[n_right:n_digit] = (digit + 9) % 10
        said[n_digit : n_digit + n_false] = digit
        outputs = rng.normal(size=(n, 10))
        outputs[np.arange(n), said] = 9 + rng.random(n)
        order = rng.permutation(n)
        yield nd.array(outputs[order]), nd.array(truth[order]), digit


def _picked(share):
    """Give the function that takes a mask of zeros and ones for an index: rows 0 and 1, mixed."""

    def recall(outputs, truth, digit):
        said, true = outputs.asnumpy().argmax(axis=1), truth.asnumpy()

        def pick(array):
            return array.take((true == digit).astype(int), mode="clip")

        return share(pick(said), pick(true), digit, (true == digit).sum())

    return recall


MASK = (
    "NDArray 没有布尔掩码：truth == digit 是 0 和 1 这些数，用作下标，取出的只是第 0 行和第 1 行。"
    "把两个掩码相乘再求和。",
    "an NDArray knows no Boolean masks: `truth == digit` holds the numbers 0 and 1, which as indices "
    "pick rows 0 and 1 only. Multiply two masks and sum.",
)


def _counted(share):
    """Give the function that returns `share(said, true, hit)` of three masks over the examples.

    They tell which ones the network takes for the digit, which ones are it, and which are both.
    """

    def recall(outputs, truth, digit):
        said = outputs.asnumpy().argmax(axis=1) == digit
        true = truth.asnumpy() == digit
        return share(said, true, said & true)

    return recall


recall = task(
    """Check a learner's ``recall(outputs, truth, digit)``.""",
    cases=_classified,
    expected=_counted(lambda said, true, hit: hit.sum() / true.sum()),
    mistakes={
        "precision": (
            _counted(lambda said, true, hit: hit.sum() / said.sum()),
            "这是精确率：分母是判断为 digit 的样本；召回率的分母是真正是 digit 的样本。",
            "that is the precision, out of the examples classified as digit; "
            "the recall is out of those that really are digit.",
        ),
        "accuracy": (
            lambda outputs, truth, digit: float(
                (outputs.argmax(axis=1) == truth).mean().asscalar()
            ),
            "这是所有样本上的准确率；这里只看真正是 digit 的样本。",
            "that is the accuracy over all examples; here only those that really are digit count.",
        ),
        "of all": (
            _counted(lambda said, true, hit: hit.mean()),
            "除以了全部样本数；应当除以真正是 digit 的样本数。",
            "that divides by the number of all examples; divide by those that really are digit.",
        ),
        "count": (
            _counted(lambda said, true, hit: hit.sum()),
            "这是判断正确的个数；召回率是比例。",
            "that is the number of examples classified correctly; the recall is a share.",
        ),
        "percentage": (
            _counted(lambda said, true, hit: 100 * hit.sum() / true.sum()),
            "这是百分数；请返回 0 与 1 之间的数。",
            "that is a percentage; return a number between 0 and 1.",
        ),
        "wrongly": (
            _counted(lambda said, true, hit: 1 - hit.sum() / true.sum()),
            "这是判断错误的比例。",
            "that is the share classified wrongly.",
        ),
        "mask, classified as digit": (
            _picked(lambda said, true, digit, count: (said == digit).mean()),
            *MASK,
        ),
        "mask, right": (_picked(lambda said, true, digit, count: (said == true).mean()), *MASK),
        "mask, divided by count": (
            _picked(lambda said, true, digit, count: (said == true).sum() / count),
            *MASK,
        ),
        "F1": (
            _counted(lambda said, true, hit: 2 * hit.sum() / (said.sum() + true.sum())),
            "这是 F1，精确率与召回率的调和平均。",
            "that is F1, the harmonic mean of precision and recall.",
        ),
        "either": (
            _counted(lambda said, true, hit: hit.sum() / (said | true).sum()),
            "分母里多了别的样本：只要真正是 digit 的。",
            "too many examples are counted: divide by those that really are digit, and no others.",
        ),
        "said of all": (
            _counted(lambda said, true, hit: said.mean()),
            "这是被判断为 digit 的比例，没有用到标签。",
            "that is the share classified as digit; the labels are not used.",
        ),
        "said of true": (
            _counted(lambda said, true, hit: said.sum() / true.sum()),
            "分子是判断为 digit 的个数，其中有的并不是 digit。",
            "that counts all that are classified as digit, right or wrong; only the right ones count.",
        ),
        "share in the data": (
            _counted(lambda said, true, hit: true.mean()),
            "这是 digit 在数据中所占的比例，没有用到网络的输出。",
            "that is the digit's share in the data; the outputs are not used.",
        ),
    },
    facts=lambda *case: {
        "true": _counted(lambda said, true, hit: true.sum())(*case),
        "hit": _counted(lambda said, true, hit: hit.sum())(*case),
    },
    otherwise=(
        "{true} 个真正是 {digit} 的样本中有 {hit} 个判断正确，而你的函数返回 {value:.3g}。",
        "of {true} examples that really are {digit}, {hit} are classified correctly, "
        "and your function returns {value:.3g}.",
    ),
    right=(
        "分母是真正是 digit 的样本。用 fit 训练一个网络，看看哪个数字的召回率最低。",
        "out of the examples that really are digit. Train a network with `fit` and see for which "
        "digit it is lowest.",
    ),
)

best_lr_heavy = question(
    """Check the best of five learning rates for γ = 0.99, and the validation loss that it gives.""",
    Number(
        "lr",
        right=near(0.005),
        mistakes={
            "too small": (
                near(0.0025),
                "有效学习率只有 0.25。看看 tune 给出的损失，取三个种子的平均。",
                "its effective learning rate is only 0.25. Look at the losses that tune gives, "
                "averaged over the three seeds.",
            ),
            "too large": (
                near(0.01, 0.02, 0.04),
                "有效学习率 η/(1−γ) 是 {value:g}/0.01，比不用动量时最佳的 0.4 大。"
                "看看 tune 给出的损失，取三个种子的平均。",
                "its effective learning rate η/(1−γ) is {value:g}/0.01, more than the 0.4 that is best "
                "without momentum. Look at the losses that tune gives, averaged over the three seeds.",
            ),
            "best for 0.9": (
                near(0.05),
                "这是 γ = 0.9 时的最佳学习率；γ = 0.99 时，它的有效学习率是多少？",
                "that is the best for γ = 0.9. What is its effective learning rate with γ = 0.99?",
            ),
        },
        otherwise=(
            "lr 应当是 0.0025、0.005、0.01、0.02、0.04 之一，你给出的是 {value:g}。",
            "lr should be one of 0.0025, 0.005, 0.01, 0.02 and 0.04, got {value:g}.",
        ),
    ),
    Number(
        "loss",
        right=near(0.494, rel=0.03),
        mistakes={
            "lowest seed": (
                near(0.434, rel=0.02),
                "这是三个种子中最低的；要的是平均。",
                "that is the lowest of the three seeds; asked is their mean.",
            ),
            "loss for 0.9": (
                near(0.196, rel=0.03),
                "这是 γ = 0.9 时的损失。",
                "that is the loss for γ = 0.9.",
            ),
        },
        otherwise=(
            "学习率对了；loss 应当是 tune 给出的、这个学习率的三个损失的平均，你给出的是 {value:g}。",
            "the learning rate is right; loss should be the mean of the three losses that tune gives "
            "for it, got {value:g}.",
        ),
    ),
    right=(
        "有效学习率是 0.5，与 γ = 0.9 时的一样，预测得不错；可是损失是那时的两倍多。"
        "γ = 0.99 的速度大约要 100 次更新才积累得起来，5 个迭代周期却只有 60 次：有效学习率告诉你到哪里去找，"
        "不保证找到的有多好。",
        "an effective learning rate of 0.5, as for γ = 0.9: well predicted. But the loss is more than "
        "twice as high. With γ = 0.99 the velocity takes some 100 updates to build up, and 5 epochs are "
        "60: the effective learning rate tells where to look, not how good it is what you find there.",
    ),
)
