"""The checks of `momentum-real`."""

import math

import numpy as np
from mxnet import nd

from course.checks.answers import mistaken, mistaken_function, numbers, returned_numbers
from course.verdict import check, right, wrong


@check
def untrained_loss(answer):
    """Check the cross-entropy of ten equal outputs."""
    values, fault = numbers(answer=answer)
    if fault:
        return fault
    (value,) = values
    mistakes = {
        0.1: (
            "这是每一类的概率；损失是它的对数的相反数。",
            "that is the probability of each class; the loss is minus its logarithm.",
        ),
        0.9: (
            "这是猜错的概率；损失由正确那一类的概率的对数得出。",
            "that is the probability of a wrong guess; "
            "the loss comes from the logarithm of the true class's probability.",
        ),
        1: (
            "用了以 10 为底的对数；交叉熵用自然对数。",
            "that takes the logarithm to base 10; cross-entropy takes the natural one.",
        ),
        math.log2(10): (
            "用了以 2 为底的对数；交叉熵用自然对数。",
            "that takes the logarithm to base 2; cross-entropy takes the natural one.",
        ),
        -math.log(10): (
            "正负号反了：概率的对数是负的，损失取它的相反数。",
            "wrong sign: the logarithm of a probability is negative, and the loss is minus it.",
        ),
    }
    if value == 0:
        return wrong(
            "输出全是 0，并不等于损失是 0：softmax 把它们变成什么概率？",
            "outputs of 0 do not make a loss of 0. What probabilities does the softmax make of them?",
        )
    if found := mistaken(value, mistakes):
        return found
    if not math.isclose(value, math.log(10), rel_tol=5e-3):
        return wrong(
            "10 个相等的输出，softmax 之后各是多少？再取对数。",
            "ten equal outputs: what is each after the softmax? Then take the logarithm.",
        )
    return right(
        "ln 10 ≈ 2.30。训练开始时损失若远大于它，多半是初始化或者学习率出了问题。",
        "ln 10 ≈ 2.30. If a training starts far above it, suspect initialization or learning rate.",
    )


@check
def accuracy(function):
    """Check a learner's ``accuracy(outputs, truth)``."""
    rng = np.random.default_rng()
    cases = []
    for n, classes, n_right in ((20, 10, 13), (8, 3, 6)):
        truth = rng.integers(classes, size=n)
        outputs = rng.normal(size=(n, classes))
        said = np.where(np.arange(n) < n_right, truth, (truth + 1) % classes)
        outputs[np.arange(n), said] = 5 + rng.random(n)
        cases.append((nd.array(outputs), nd.array(truth)))
    values, fault = returned_numbers(function, cases)
    if fault:
        return fault
    expected, sizes, counts = [13 / 20, 6 / 8], [20, 8], [13, 6]
    mistakes = [
        (
            counts,
            (
                "这是判断正确的个数；准确率是它们所占的比例。",
                "that is the number of examples classified correctly; accuracy is their share.",
            ),
        ),
        (
            [1 - share for share in expected],
            (
                "这是判断错误的比例。",
                "that is the share classified wrongly.",
            ),
        ),
        (
            [100 * share for share in expected],
            (
                "这是百分数；请返回 0 与 1 之间的数。",
                "that is a percentage; return a number between 0 and 1.",
            ),
        ),
        (
            [count / classes for count, classes in zip(counts, (10, 3))],
            (
                "除以了类别数；应当除以样本数。",
                "that divides by the number of classes; divide by the number of examples.",
            ),
        ),
        (
            [1, 1],
            (
                "无论对错都返回 1：每个样本的预测是输出最大的那一类，要和标签比较。",
                "it returns 1 whatever is right or wrong. An example's prediction is the class of its "
                "largest output; compare it with the label.",
            ),
        ),
        (
            None,
            (
                f"一组 {sizes[0]} 个样本中有 {counts[0]} 个判断正确，"
                f"而你的函数返回 {values[0]:.3g}。",
                f"in a set of {sizes[0]} examples {counts[0]} are classified correctly, "
                f"and your function returns {values[0]:.3g}.",
            ),
        ),
    ]
    return mistaken_function(values, expected, mistakes) or right(
        "每一行取最大的输出所在的列，和标签比较，再取平均。",
        "the column of the largest output in each row, compared with the label, and averaged.",
    )


@check
def best_lr_heavy(answer):
    """Check the best of four learning rates for γ = 0.99."""
    values, fault = numbers(answer=answer)
    if fault:
        return fault
    (value,) = values
    if value not in (0.001, 0.01, 0.1, 1):
        return wrong(
            f"答案应当是 0.001、0.01、0.1、1 之一，你给出的是 {value:g}。",
            f"the answer should be one of 0.001, 0.01, 0.1 and 1, got {value:g}.",
        )
    if value == 0.1:
        return wrong(
            "这是 γ = 0.9 时的最佳学习率；γ = 0.99 时，有效学习率又大了 10 倍。",
            "that is the best for γ = 0.9; with γ = 0.99 the effective learning rate is 10 times larger.",
        )
    if value == 1:
        return wrong(
            "太大了：有效学习率是 η/(1−γ) = 100，看看验证损失。",
            "too large: the effective learning rate is η/(1−γ) = 100. Look at the validation loss.",
        )
    if value == 0.001:
        return wrong(
            "太小了：有效学习率只有 0.1，5 个迭代周期训练不完。",
            "too small: with an effective learning rate of 0.1, 5 epochs are not enough.",
        )
    return right(
        "γ 从 0.9 到 0.99，1/(1−γ) 大了 10 倍，最佳的学习率就小到约十分之一。",
        "from γ = 0.9 to 0.99, 1/(1−γ) grows tenfold, and the best learning rate shrinks to about a tenth.",
    )
