"""The checks of `gd-sgd-scratch`."""

import math

import numpy as np
from mxnet import nd

from course.checks import updates
from course.checks.answers import number, written
from course.checks.questions import Number, Question, about, near, question
from course.checks.verdict import check, wrong

stability_limit = question(
    """Check the learning rate above which gradient descent on f(x) = 2x² diverges.""",
    Number(
        "answer",
        right=near(0.5),
        mistakes={
            "limit of the example": (
                about(1),
                "那是 f(x) = x² 的界限；现在导数是 4x，每次更新把 x 乘以几？",
                "that is the limit for f(x) = x²; now the derivative is 4x. "
                "By what does each update multiply x?",
            ),
            "one step to the minimum": (
                about(0.25),
                "这时一步就到了最小值点；再大一些会越过它，但还不会发散。",
                "with that rate one step reaches the minimum; a larger one overshoots, "
                "but does not diverge yet.",
            ),
            "larger": (
                about(2),
                "正文里的界限是 1，而现在的函数弯曲得更厉害，界限应当更小。",
                "the limit in the text is 1, and this function curves more, so its limit is smaller.",
            ),
        },
        otherwise=(
            "每次更新把 x 乘以一个数；写出这个数，让它的绝对值小于 1。",
            "each update multiplies x by a number; write it down and keep its absolute value below 1.",
        ),
    ),
    right=(
        "每次更新把 x 乘以 1 − 4η，所以要 η < 0.5。一般地，对一维的二次函数，界限是 2 除以二阶导数。",
        "each update multiplies x by 1 − 4η, so η < 0.5. For any quadratic function of one variable "
        "the limit is 2 divided by the second derivative.",
    ),
)


@check
def sgd(update):
    """Check a learner's ``update(params, lr, batch_size)``."""
    return updates.diagnose(written(update), updates.SGD)


def _converging(limit):
    """Give the question for the largest learning rate with which training still converges."""
    return Question(
        fields=(
            Number(
                "answer",
                right=((max(limit - 0.1, math.ulp(0)), limit),),
                mistakes={
                    "not positive": (
                        ((-math.inf, 0),),
                        "学习率应当是正数。",
                        "a learning rate is positive.",
                    ),
                    "diverges": (
                        ((limit, math.inf),),
                        "学习率取 {value:g} 会发散：多训练几个迭代周期，看损失是不是一直上升。",
                        "with {value:g} the training diverges. Train for more epochs: does the loss "
                        "keep rising?",
                    ),
                },
                otherwise=(
                    "学习率取 {value:g} 还能收敛，但离界限还差 0.1 以上，可以再取大一些。",
                    "with {value:g} the training converges, but the limit is more than 0.1 higher.",
                ),
            ),
        ),
        right=(
            f"界限是 2 除以目标函数最大的曲率，在这份数据上约为 {limit:.2f}。",
            "the limit is 2 divided by the objective's largest curvature, on these data about "
            f"{limit:.2f}.",
        ),
    )


@check
def largest_learning_rate(answer, X):
    """Check the largest learning rate with which full-batch training on X still converges.

    Parameters
    ----------
    answer : float
    X : NDArray, shape (n, d)
        The features. The limit is 2 / λ_max of the Hessian, that of the features with a column
        of ones for the bias.
    """
    number(answer=answer)
    if not (isinstance(X, nd.NDArray) and X.ndim == 2):
        return wrong(
            "X 应当是这份数据的特征；重新运行生成数据的单元格。",
            "X should be the features of the data; run the cell that makes them again.",
            "X",
        )
    features = np.column_stack([X.asnumpy(), np.ones(len(X))]).astype("float64")
    limit = 2 / np.linalg.eigvalsh(features.T @ features / len(X)).max()
    return _converging(limit).find(answer)


LIMIT = 1.92475  # of the chapter's own data, for the web page, which has no X
largest_learning_rate.declared = _converging(LIMIT)
