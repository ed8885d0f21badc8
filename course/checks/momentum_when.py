"""The checks of `momentum-when`."""

import math

import numpy as np
from mxnet import nd

from course.checks.questions import Number, about, below, near, question, task

condition_number_factors = question(
    """Check by how much more updates each method needs when κ grows from 100 to 400.""",
    Number(
        "factor_plain",
        right=near(4, rel=0.1),
        mistakes={
            "square root": (
                near(2, rel=0.1),
                "factor_plain 不对：那是 κ 的倍数的平方根；梯度下降的线斜率是 1。",
                "factor_plain is not right: that is the square root; gradient descent's line has slope 1.",
            ),
            "square": (
                about(16),
                "factor_plain 不对：那是 κ 的倍数的平方；梯度下降的线斜率是 1。",
                "factor_plain is not right: that is the square; gradient descent's line has slope 1.",
            ),
            "below 1": (
                ((-math.inf, 1),),
                "factor_plain 不对：更新次数变多了，倍数大于 1。",
                "factor_plain is not right: more updates are needed, so the factor exceeds 1.",
            ),
        },
        otherwise=(
            "factor_plain 不对：看上面的输出，κ 变成 10 倍时，梯度下降的更新次数变成几倍。",
            "factor_plain is not right. In the output above, when κ grows tenfold, by what factor do "
            "gradient descent's updates grow?",
        ),
    ),
    Number(
        "factor_momentum",
        right=near(2, rel=0.1),
        mistakes={
            "gradient descent's": (
                near(4, rel=0.1),
                "factor_momentum 不对：那是梯度下降的倍数；动量法的线斜率只有 1/2。",
                "factor_momentum is not right: that is gradient descent's; "
                "momentum's line has half its slope.",
            ),
        },
        otherwise=(
            "factor_momentum 不对：更新次数正比于 κ 的几次方？",
            "factor_momentum is not right. The updates are proportional to which power of κ?",
        ),
    ),
    together={
        "swapped": (
            near(2, rel=0.1),
            near(4, rel=0.1),
            "两个答案正好对调了。",
            "the two answers are swapped.",
        ),
    },
    right=(
        "梯度下降约 4 倍，动量法约 √4 = 2 倍。条件数越大，动量法省得越多。",
        "about 4 times for gradient descent, √4 = 2 times for momentum. "
        "The larger the condition number, the more momentum saves.",
    ),
)


def _data_sets(rng):
    """Give features and a momentum parameter, several times.

    The mean of the first feature is far from zero, so that the bias's column matters.
    """
    return [
        (nd.array(rng.normal((2, 0, 0)[:d], (1, 0.5, 0.2)[:d], size=(n, d))), mom)
        for n, d, mom in ((50, 3, 0.3), (80, 3, 0.8), (20, 2, 0), (10, 1, 0.5))
    ]


def _edge(limit=lambda mom: 2 * (1 + mom), extend=True, mean=True, pick=np.max, centred=False):
    """Give an `edge_lr`: the right one, or one with the mistake asked for."""

    def edge_lr(X, mom):
        X = X.asnumpy().astype("float64")
        X = X - centred * X.mean(axis=0)
        features = np.column_stack([X, np.ones(len(X))]) if extend else X
        H = features.T @ features / (len(X) if mean else 1)
        return limit(mom) / pick(np.linalg.eigvalsh(H))

    return edge_lr


edge_lr = task(
    """Check a learner's ``edge_lr(X, mom)``, the learning rate at the stability edge.""",
    cases=_data_sets,
    expected=_edge(),
    mistakes={
        "without momentum": (
            _edge(limit=lambda mom: 2),
            "这是 γ = 0 时的边界，没有用到 mom。",
            "that is the edge for γ = 0; mom is not used.",
        ),
        "half": (
            _edge(limit=lambda mom: 1 + mom),
            "小了一半：边界的分子里有因数 2，损失里有 1/2。",
            "half as large as it should be: the edge's numerator has a factor 2, and the loss its ½.",
        ),
        "2/(1−γ)": (
            _edge(limit=lambda mom: 2 / (1 - mom)),
            "分子是 2(1+γ)，不是 2/(1−γ)。",
            "the numerator is 2(1+γ), not 2/(1−γ).",
        ),
        "without bias": (
            _edge(extend=False),
            "漏了偏置：给每个样本添上恒为 1 的特征，它也有曲率。",
            "the bias is missing: extend each example by a feature that is always 1; "
            "it has a curvature too.",
        ),
        "sum": (
            _edge(mean=False),
            "损失取的是平均，H 要除以样本数。",
            "the loss is a mean, so H must be divided by the number of examples.",
        ),
        "neither bias nor momentum": (
            _edge(limit=lambda mom: 2, extend=False),
            "没有用到 mom，也漏了偏置：给每个样本添上恒为 1 的特征。",
            "mom is not used, and the bias is missing: extend each example by a feature that is always 1.",
        ),
        "Polyak": (
            _edge(limit=lambda mom: (1 + mom**0.5) ** 2),
            "那是临界阻尼的学习率 (1+√γ)²/λ；边界在更大的地方。",
            "that is the rate of critical damping, (1+√γ)²/λ; the edge lies further out.",
        ),
        "trace": (
            _edge(pick=np.sum),
            "这里用的是所有特征值之和；决定边界的是最大的一个。",
            "this uses the sum of all eigenvalues; the largest decides.",
        ),
        "root": (
            _edge(pick=lambda values: np.max(values) ** 0.5),
            "这里用的是 λ_max 的平方根：奇异值要平方才是特征值。",
            "this uses the square root of λ_max: singular values are to be squared.",
        ),
        "squared": (
            _edge(pick=lambda values: np.max(values) ** 2),
            "λ_max 平方了：特征值本身就是曲率。",
            "λ_max is squared; the eigenvalue itself is the curvature.",
        ),
        "centred": (
            _edge(centred=True),
            "减去了各个特征的平均值；H 由特征本身算出。",
            "the features' means are subtracted; H is made of the features as they are.",
        ),
        "λ": (
            lambda X, mom: 2 * (1 + mom) / _edge()(X, mom),
            "这是 λ_max 本身；边界是 2(1+γ) 除以它。",
            "that is λ_max itself; the edge is 2(1+γ) divided by it.",
        ),
        "inverse": (
            lambda X, mom: 1 / _edge()(X, mom),
            "分子和分母颠倒了。",
            "numerator and denominator are exchanged.",
        ),
        "smallest": (
            _edge(pick=np.min),
            "先发散的是曲率最大的方向，这里用了最小的特征值。",
            "the direction of largest curvature diverges first; this uses the smallest eigenvalue.",
        ),
        "twice": (
            _edge(limit=lambda mom: 4 * (1 + mom)),
            "大了一倍：损失是 (ŷ − y)²/2，它的二阶导数里没有 2，也没有 1/2。",
            "twice as large as it should be: in the loss (ŷ − y)²/2, the derivative's 2 cancels the ½.",
        ),
        "1−γ": (
            _edge(limit=lambda mom: 2 * (1 - mom)),
            "(1−γ) 应当是 (1+γ)：动量让边界更远，而不是更近。",
            "(1−γ) should be (1+γ): momentum moves the edge further away, not closer.",
        ),
    },
    otherwise=(
        "对一组 {X.shape[0]} 个样本、γ = {mom} 的数据，应当得到 {expected:.5g}，"
        "而你的函数给出 {value:.5g}。",
        "for a data set of {X.shape[0]} examples and γ = {mom} it should be {expected:.5g}, "
        "and your function gives {value:.5g}.",
    ),
    right=(
        "边界是 2(1+γ)/λ_max；没有噪声的时候，学习率要小于它。",
        "the edge is 2(1+γ)/λ_max; without noise, a learning rate must stay below it.",
    ),
)

best_momentum = question(
    """Check the momentum parameter with the fewest updates, second feature times 0.05.""",
    Number(
        "answer",
        right=((0.695, 0.814),),  # those on the map that need 44 to 50 updates
        mistakes={
            "outside 0 to 1": (
                (*below(0), (1, math.inf)),
                "动量参数在 0 与 1 之间。",
                "a momentum parameter lies between 0 and 1.",
            ),
            "answer for 0.1": (
                near(0.64, tol=0.016),
                "这是乘以 0.1 时的答案；换成 0.05，重做 train_all 和 updates_needed。",
                "that is the answer for the factor 0.1. With 0.05, run train_all and updates_needed again.",
            ),
            "Polyak": (
                ((0.815, 0.83),),
                "这是 Polyak 公式给出的 γ，长远来看最快；但要降到 0.001 以下，另一个 γ 需要的更新更少。"
                "用 updates_needed 数一数。",
                "that is the γ of Polyak's formula, the fastest in the long run; to get below 0.001 "
                "another γ needs fewer updates. Count them with updates_needed.",
            ),
            "too small": (
                below(0.695),
                "γ = {value:g} 太小了：曲率小的方向上，速度积累得还不够。",
                "γ = {value:g} is too small: along the flat direction the velocity does not build up enough.",
            ),
        },
        otherwise=(
            "γ = {value:g} 太大了：旧的梯度消退得太慢。",
            "γ = {value:g} is too large: old gradients fade too slowly.",
        ),
    ),
    right=(
        "条件数大约是原来的 4 倍，最佳的动量参数也更大。",
        "the condition number is about 4 times as large, and so the best momentum parameter is larger.",
    ),
)
