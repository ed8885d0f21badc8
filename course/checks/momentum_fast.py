"""The checks of `momentum-fast`."""

import numpy as np
from mxnet import autograd, gluon, nd

from course.checks.questions import Number, about, near, question, task
from course.checks.verdict import Answered, attempt, wrong

multiplications = question(
    """Check the multiplications for a gradient with 100 features, minibatches of 10.""",
    Number(
        "from_data",
        right=near(2000, rel=1e-6),
        mistakes={
            "additions too": (
                about(4000, 3980),
                "from_data 把加法也算上了；只数乘法。",
                "from_data counts additions as well; only multiplications are asked for.",
            ),
            "with bias": (
                near(2010, 2020),
                "from_data 多了一些：偏置不算。",
                "from_data is a little more: leave the bias aside.",
            ),
            "one product": (
                about(1000),
                "from_data 只算了一个乘积；误差算好之后，还要左乘 Xᵀ。",
                "from_data counts one of the two products; once the errors are known, "
                "they are multiplied by Xᵀ.",
            ),
            "one feature": (
                about(20),
                "from_data 是每个特征的次数；一共有 100 个特征。",
                "from_data counts one feature; there are 100.",
            ),
            "one example": (
                about(200),
                "from_data 是每个样本的次数；小批量里有 10 个样本。",
                "from_data counts one example; the minibatch holds 10.",
            ),
        },
        otherwise=(
            "from_data 不对：X 的形状是 (10, 100)，w 的形状是 (100, 1)；两个乘积各要多少次乘法？",
            "from_data is not right. X has shape (10, 100) and w has shape (100, 1): "
            "how many multiplications does each of the two products take?",
        ),
    ),
    Number(
        "from_hessian",
        right=near(10_000, rel=1e-6),
        mistakes={
            "one number": (
                near(100),
                "from_hessian 是结果里一个数要的次数；结果里有 100 个数。",
                "from_hessian counts one number of the result; there are 100.",
            ),
            "matrix times matrix": (
                about(1e6),
                "from_hessian 是矩阵乘矩阵的次数；w 只有一列。",
                "from_hessian is for a matrix times a matrix; w has a single column.",
            ),
            "additions too": (
                about(20_000, 19_900),
                "from_hessian 把加法也算上了；只数乘法。",
                "from_hessian counts additions as well; only multiplications are asked for.",
            ),
            "with bias": (
                near(10_100, 10_201),
                "from_hessian 多了一些：偏置不算。",
                "from_hessian is a little more: leave the bias aside.",
            ),
        },
        otherwise=(
            "from_hessian 不对：H 的形状是 (100, 100)，与小批量的大小无关。",
            "from_hessian is not right. H has shape (100, 100), whatever the batch size.",
        ),
    ),
    together={
        "swapped": (
            near(10_000),
            near(2000),
            "两个答案正好对调了。",
            "the two answers are swapped.",
        ),
    },
    right=(
        "2|B|d = 2000，d² = 10000：特征多、小批量小的时候，直接用数据更省，何况算出 H 还要 |B|d² 次；"
        "第四步的矩阵更大，(2d+4)² = 41616 个数。",
        "2|B|d = 2,000 and d² = 10,000. With many features and small minibatches the raw data are cheaper; "
        "making H takes another |B|d², and step 4's matrix is larger still, (2d+4)² = 41,616 numbers.",
    ),
)


def _minibatches(rng):
    """Give arguments of a gradient, for several numbers of examples and of features.

    No error is near zero, where tanh can hardly be told from the error itself, nor so large that
    tanh is 1 with the bias and without it, which is no small one either.
    """

    def away(low, high, shape):
        return rng.choice([-1, 1], shape) * rng.uniform(low, high, shape)

    def minibatch(size, d):
        features, w = (rng.normal(size=shape) for shape in ((size, d), (d, 1)))
        b, errors = away(0.5, 2, 1), away(0.5, 2, (size, 1))
        return nd, *map(nd.array, (features, features @ w + b - errors, w, b))

    return [minibatch(*sizes) for sizes in ((6, 3), (9, 2), (1, 2), (4, 1))]


def _gradients(value, case):
    """Take the gradients of w and b, flat; None if it is no list of two NDArrays."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return None
    if not all(isinstance(one, nd.NDArray) for one in value):
        return None
    for name, param, gradient in zip("wb", case[3:], value):
        if gradient.shape != param.shape:
            raise Answered(
                wrong(
                    f"{name} 的梯度形状应当与 {name} 相同，是 {param.shape}，你给出的是 {gradient.shape}。",
                    f"the gradient of {name} should have the shape of {name}, {param.shape}; "
                    f"yours has {gradient.shape}.",
                    "shape",
                )
            )
    return _flat(value)


def _flat(gradients):
    return np.concatenate([one.asnumpy().ravel() for one in gradients])


def _by_autograd(F, features, labels, w, b):
    for param in (w, b):
        param.attach_grad()
    with autograd.record():
        loss = nd.log(nd.cosh(nd.dot(features, w) + b - labels))
    loss.backward()
    return _flat([w.grad, b.grad])


def _by_slope(slope):
    """Give the function that takes `slope(errors)` for the derivative of the loss."""

    def gradient(F, features, labels, w, b, bias=1):
        slopes = slope(nd.dot(features, w) + bias * b - labels)
        return _flat([nd.dot(features, slopes, transpose_a=True), slopes.sum(axis=0)])

    return gradient


class _Compiled(gluon.HybridBlock):
    """A learner's gradient, compiled as `Epoch` compiles it."""

    def __init__(self, gradient):
        super().__init__()
        self.gradient = gradient
        self.hybridize()

    def hybrid_forward(self, F, *arrays):
        return list(self.gradient(F, *arrays))


def _can_be_compiled(function, case):
    """Compile and run it, since a graph can be made of symbols whose shapes do not fit."""
    compiled = _Compiled(function)
    _, fault = attempt(lambda: [one.asnumpy() for one in compiled(*case[1:])], function)
    if fault:
        raise Answered(
            wrong(
                "数值是对的，但函数不能编译：编译时 F 是 mx.sym，所以算子都要从 F 里取，不要用 nd.，"
                "也不要用 .T 和 .shape；形状不同的相加要用 F.broadcast_add，符号的 + 不广播。",
                "the numbers are right, but the function cannot be compiled: then F is mx.sym, so take "
                "operators from F, not from nd; use no .T or .shape; and where shapes differ, take "
                "F.broadcast_add, not +.",
                "compiled",
            )
        )


log_cosh_gradient = task(
    """Check a learner's gradient of the log cosh loss, summed over a minibatch.""",
    cases=_minibatches,
    expected=_by_autograd,
    take=_gradients,
    wanted=(
        "两个 NDArray 的列表，w 和 b 的梯度",
        "a list of two NDArrays, the gradients of w and of b",
    ),
    also=_can_be_compiled,
    mistakes={
        "squared loss": (
            _by_slope(lambda errors: errors),
            "这是平方损失的梯度，漏了 tanh。",
            "this is the squared loss's gradient; tanh is missing.",
        ),
        "mean": (
            lambda F, features, *case: _by_autograd(F, features, *case) / len(features),
            "要的是损失之和的梯度，不是平均，不要除以样本数。",
            "it should be the gradient of the sum, not of the mean: do not divide by the number of "
            "examples.",
        ),
        "sign": (
            lambda *case: -_by_autograd(*case),
            "符号反了：误差是预测减去标签。",
            "the sign is reversed: the error is the prediction minus the label.",
        ),
        "second derivative": (
            _by_slope(lambda errors: 1 - nd.tanh(errors) ** 2),
            "这里用的是 tanh 的导数；损失的导数是 tanh 本身。",
            "this uses the derivative of tanh; the loss's derivative is tanh itself.",
        ),
        "tanh times the error": (
            _by_slope(lambda errors: nd.tanh(errors) * errors),
            "tanh 又乘了一次误差；损失对预测的导数就是 tanh。",
            "tanh is multiplied by the error; the loss's derivative by the prediction is tanh alone.",
        ),
        "without b": (
            lambda *case: _by_slope(nd.tanh)(*case, bias=0),
            "误差里漏了偏置 b。",
            "the bias b is missing from the error.",
        ),
        "mean for b": (
            lambda F, features, *case: np.concatenate(
                [
                    _by_autograd(F, features, *case)[:-1],
                    _by_autograd(F, features, *case)[-1:] / len(features),
                ]
            ),
            "w 的梯度对了；b 的是平均，也应当是和。",
            "the gradient of w is right; that of b is a mean, and should be a sum, too.",
        ),
        "without labels": (
            lambda F, features, labels, *params: _by_slope(nd.tanh)(
                F, features, 0 * labels, *params
            ),
            "没有用到标签：误差是预测减去标签。",
            "the labels are not used: the error is the prediction minus the label.",
        ),
        "twice": (
            lambda *case: 2 * _by_autograd(*case),
            "大了一倍。",
            "that is twice the gradient.",
        ),
        "loss": (
            _by_slope(lambda errors: nd.log(nd.cosh(errors))),
            "这里用的是损失本身；链式法则要的是它的导数 tanh。",
            "this uses the loss itself; the chain rule wants its derivative, tanh.",
        ),
    },
    otherwise=(
        "与 autograd 算出的梯度不同。对照 squared_gradient：换了损失，哪一个量变了？",
        "it differs from what autograd gives. Compare with squared_gradient: with another loss, "
        "which quantity changes?",
    ),
    right=(
        "与 autograd 的结果一致，也可以编译。",
        "it agrees with autograd, and it can be compiled.",
    ),
)

backward_operators = question(
    """Check how many operators differentiating the squared loss of linear regression adds.""",
    Number(
        "answer",
        right=near(6),
        mistakes={
            "forward": (
                about(5),
                "这是前向计算的算子数。",
                "that is the number for the forward pass.",
            ),
            "both": (
                about(11),
                "这是前向与反向合起来的算子数，要的是差。",
                "that is forward and backward together; the difference is asked for.",
            ),
            "attach_grad": (
                about(8),
                "attach_grad 也用算子，把它放到函数外面去。",
                "attach_grad takes operators too; move it out of the function.",
            ),
            "calls": (
                about(1),
                "这是调用次数之差；算子数是 count_operators 返回的第二个数。",
                "that is the difference in calls from Python; the operators are the second number that "
                "count_operators returns.",
            ),
        },
        otherwise=(
            "不对。两次计数用同一个小批量；前向的函数里不要有 autograd.record()。",
            "not that number. Count both on the same minibatch, and keep autograd.record() out of the "
            "forward function.",
        ),
    ),
    right=(
        "前向 5 个，反向也是 5 个，一一对应；还有一个把 backward 的起点填成 1。",
        "5 forward and 5 backward, one for each, and one more that fills backward's start with ones.",
    ),
)
