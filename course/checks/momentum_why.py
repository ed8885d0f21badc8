"""The checks of `momentum-why`."""

import math

import numpy as np

from course.checks.questions import Number, about, near, question, task

complex_rate = question(
    """Check the convergence rate for h = 1 and γ = 0.81.""",
    Number(
        "answer",
        right=near(0.9),
        mistakes={
            "without momentum": (
                near(0),
                "那是 γ = 0 时的收敛率；有了动量，到达最小值点时速度还在，会冲过去。",
                "that is the rate for γ = 0; with momentum the leftover velocity overshoots.",
            ),
            "determinant": (
                about(0.81),
                "这是两个根的乘积，也就是行列式；收敛率是一个根的模。",
                "that is the product of the two roots, the determinant; the rate is one root's modulus.",
            ),
            "real part": (
                about(0.405),
                "这是根的实部；收敛率是根的模，还要算上虚部。",
                "that is the roots' real part; the rate is their modulus, imaginary part included.",
            ),
            "sum": (
                about(1.8),
                "收敛率大于 1 就发散了：共轭的两个根模相等，乘积是 γ，不要相加。",
                "with a rate above 1 it would diverge. The conjugate roots have equal moduli and their "
                "product is γ; do not add them up.",
            ),
        },
        otherwise=(
            "先判断根是实的还是复的，再由行列式得出它们的模。",
            "first decide whether the roots are real or complex, "
            "then the determinant gives their modulus.",
        ),
    ),
    right=(
        "复根，收敛率是 √γ = 0.9，与 h 无关。在这个 h 上，加了动量反而慢了：动量是为平缓的方向准备的。",
        "the roots are complex and the rate is √γ = 0.9, whatever h is. For this h momentum makes "
        "things slower: it is meant for the flat directions.",
    ),
)


def _matrix(value, case):
    """Make a 2 × 2 array of float64 of what a learner's function returned, or None."""
    try:
        value = value.asnumpy() if hasattr(value, "asnumpy") else value
        matrix = np.array(None if np.iscomplexobj(value) else value, dtype="float64")
    except Exception:  # whatever the learner's object raises
        return None
    return matrix if matrix.shape == (2, 2) and np.isfinite(matrix).all() else None


def _ahead(h, mom):
    return np.array([[mom * (1 - h), h], [-mom * (1 - h), 1 - h]])


nesterov_matrix = task(
    """Check a learner's ``nesterov_matrix(h, mom)``, by which one update multiplies (v, z).""",
    cases=lambda rng: [*rng.uniform(0.2, 0.8, size=(3, 2)).tolist(), (0.5, 0.0), (1.4, 0.6)],
    expected=_ahead,
    take=_matrix,
    wanted=("一个 2 × 2 的列表或数组，里面是数", "a 2 × 2 list or array of numbers"),
    mistakes={
        "heavy ball": (
            lambda h, mom: [[mom, h], [-mom, 1 - h]],
            "这是重球法的矩阵：梯度要在 z − γv 处计算。",
            "that is the heavy ball's matrix; the gradient must be taken at z − γv.",
        ),
        "transposed": (
            lambda h, mom: _ahead(h, mom).T,
            "行和列对调了：第一行给出新的 v，第二行给出新的 z。",
            "rows and columns are exchanged: the first row gives the new v, the second the new z.",
        ),
        "(z, v)": (
            lambda h, mom: _ahead(h, mom)[::-1, ::-1],
            "顺序是 (v, z)，你的矩阵用的是 (z, v)。",
            "the order is (v, z); your matrix is for (z, v).",
        ),
        "rows exchanged": (
            lambda h, mom: _ahead(h, mom)[::-1],
            "两行对调了：第一行应当给出新的 v。",
            "the rows are exchanged: the first should give the new v.",
        ),
        "sign in the look-ahead": (
            lambda h, mom: [[mom * (1 + h), h], [-mom * (1 + h), 1 - h]],
            "前瞻点的正负号反了：更新时减去速度，所以前瞻点是 z − γv。",
            "wrong sign in the look-ahead: the velocity is subtracted, so the point is z − γv.",
        ),
        "look-ahead without γ": (
            lambda h, mom: [[mom - h, h], [h - mom, 1 - h]],
            "前瞻点漏了 γ：是 z − γv，不是 z − v。",
            "the look-ahead lacks γ: it goes to z − γv, not to z − v.",
        ),
        "second row without v": (
            lambda h, mom: [[mom * (1 - h), h], [0, 1 - h]],
            "第二行漏了 v 的一项：z 减去的是整个新的速度。",
            "the second row lacks its term in v: z subtracts the whole new velocity.",
        ),
        "second row of the heavy ball": (
            lambda h, mom: [[mom * (1 - h), h], [-mom, 1 - h]],
            "第一行对了；第二行是 z 减去整个新的速度，也要用前瞻点的梯度。",
            "the first row is right. The second is z minus the whole new velocity, "
            "so it too must use the gradient at the look-ahead point.",
        ),
        "second row unchanged": (
            lambda h, mom: [[mom * (1 - h), h], [0, 1]],
            "第一行对了；第二行里 z 没有动，它要减去新的速度。",
            "the first row is right; by the second z does not move, but it subtracts the new velocity.",
        ),
        "second row of the old velocity": (
            lambda h, mom: [[mom * (1 - h), h], [-1, 1]],
            "第一行对了；第二行减去的是旧的速度，应当是新的。",
            "the first row is right; the second subtracts the old velocity, and it should be the new one.",
        ),
        "first row of the heavy ball": (
            lambda h, mom: [[mom, h], [-mom * (1 - h), 1 - h]],
            "第二行对了；第一行是重球法的，也要用前瞻点的梯度。",
            "the second row is right; the first is the heavy ball's, and needs the gradient at the "
            "look-ahead point, too.",
        ),
        "negated velocity": (
            lambda h, mom: [[mom * (1 - h), -h], [mom * (1 - h), 1 - h]],
            "这是速度带负号时的矩阵：这里 z 减去速度。",
            "that is for a negated velocity, which z adds; here z subtracts the velocity.",
        ),
        "two values of z": (
            lambda h, mom: [[(1 + mom) * (1 - h), -mom * (1 - h)], [1, 0]],
            "这是乘 (z, 前一个 z) 的矩阵；要的是乘 (v, z) 的。",
            "that matrix multiplies z and the z before it; the one for (v, z) is asked for.",
        ),
        "average": (
            lambda h, mom: _ahead((1 - mom) * h, mom),
            "梯度多乘了 1−γ：那是平均的写法。",
            "the gradient carries a factor 1−γ, as in an average.",
        ),
        "without γ": (
            lambda h, mom: _ahead(h, 1),
            "没有用到 mom：旧的速度要乘以 γ。",
            "mom is not used: the old velocity is to be multiplied by γ.",
        ),
        "sign in the second row": (
            lambda h, mom: [[mom * (1 - h), h], [mom * (1 - h), 1 + h]],
            "第二行的正负号反了：z 要减去速度。",
            "wrong sign in the second row: z subtracts the velocity.",
        ),
    },
    otherwise=(
        "梯度在哪一点计算？把新的 v 用旧的 v 和 z 表示，两个系数就是第一行；新的 z 也一样。",
        "at which point is the gradient taken? Write the new v in terms of the old v and z; "
        "its coefficients are the first row. Then do the same for the new z.",
    ),
    right=(
        "0 < h < 1 时，它的行列式 γ(1−h) 小于重球法的 γ，复根的模也就更小：前瞻使振荡衰减得更快。",
        "for 0 < h < 1 its determinant γ(1−h) is less than the heavy ball's γ, so the moduli of "
        "complex roots are smaller: looking ahead damps oscillations.",
    ),
)


end_of_the_cycle = question(
    """Check the smallest γ above 4/9, to two decimals, with which the cycle is broken.""",
    # With η = 1/9 and from 3.3, 3,000 updates converge from γ = 0.519135 to 0.893795.
    Number(
        "answer",
        right=((0.519135, 0.525),),
        mistakes={
            "outside 4/9 to 1": (
                ((-math.inf, 4 / 9), (1, math.inf)),
                "要找的 γ 在 4/9 与 1 之间。",
                "the γ asked for lies between 4/9 and 1.",
            ),
            "not converged": (
                ((4 / 9, 0.519134), (0.893796, 1)),
                "γ = {value:g} 更新 3000 次以后还没有收敛。",
                "with γ = {value:g} it has not converged after 3000 updates.",
            ),
        },
        otherwise=(
            "γ = {value:g} 收敛了，但还有更小的也收敛。",
            "γ = {value:g} converges, but so does a smaller one.",
        ),
    ),
    right=(
        "γ = 0.52 时循环破了，可是并非从此都收敛：试试 γ = 0.9，又落进一个循环。二次函数的公式在这里不作数。",
        "with γ = 0.52 the cycle is broken, but not for good: try γ = 0.9, where the heavy ball cycles "
        "again. The formulas for quadratic functions do not tell.",
    ),
)
