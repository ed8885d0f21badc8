"""The checks of `momentum-distributed`."""

import math

import numpy as np
from mxnet import nd

from course.checks.questions import Number, about, below, near, question, task
from course.checks.verdict import Answered, wrong

received_bytes = question(
    """Check what each of 3 servers receives from 6 workers, a million parameters, and the factor.""",
    Number(
        "received",
        right=near(8e6),
        mistakes={
            "one worker, one server": (
                about(4e6 / 3),
                "received 是一个工作进程推给一个服务器的字节数；一共有 6 个工作进程。",
                "received is what one worker pushes to one server; there are 6 workers.",
            ),
            "KiB or MiB": (
                about(8e6 / 2**10, 8e6 / 2**20),
                "received 要以字节为单位；那是以 KiB 或者 MiB 为单位的。",
                "received should be in bytes; that is in KiB, or in MiB.",
            ),
            "gigabytes": (
                about(0.008),
                "received 要以字节为单位；那是以 GB 为单位的。",
                "received should be in bytes; that is the number of gigabytes.",
            ),
            "numbers": (
                about(2e6),
                "received 是数的个数；每个数占 4 字节。",
                "received is the number of numbers; each takes 4 bytes.",
            ),
            "one worker": (
                about(4e6),
                "received 是一个工作进程推出的字节数；一共有 6 个工作进程，由 3 个服务器分担。",
                "received is what one worker pushes; there are 6 of them, and 3 servers share it.",
            ),
            "numbers of all workers": (
                about(6e6),
                "received 是 6 个工作进程推出的数的总个数；每个数占几字节？由几个服务器分担？",
                "received is how many numbers 6 workers push. How many bytes does a number take, and how "
                "many servers share them?",
            ),
            "twice": (
                about(16e6),
                "received 是应有的 2 倍：那是收到的与发出的之和，或者每个数占 8 字节时收到的；"
                "这里的数是 float32，占 4 字节，只问收到的。",
                "received is twice what it should be: what a server receives and sends together, or what "
                "it would receive if a number took 8 bytes. These are float32, 4 bytes each, and only "
                "receiving is asked for.",
            ),
            "megabytes": (
                about(8),
                "received 要以字节为单位；8 是以 MB 为单位的。",
                "received should be in bytes; 8 is the number of megabytes.",
            ),
            "kilobytes": (
                about(8e3),
                "received 要以字节为单位；8000 是以 kB 为单位的。",
                "received should be in bytes; 8,000 is the number of kilobytes.",
            ),
            "bits": (
                about(64e6),
                "received 要以字节为单位；那是比特数。",
                "received should be in bytes; that is the number of bits.",
            ),
            "four times": (
                about(32e6),
                "received 是应有的 4 倍：每个数占 4 字节，而不是 8 字节；也只问收到的，不算发出的。",
                "received is four times what it should be. A number takes 4 bytes, not 8, and only "
                "receiving is asked for.",
            ),
            "all servers": (
                about(24e6),
                "received 是所有服务器合起来收到的；它们平均分担。",
                "received is what all servers receive together; each has its share.",
            ),
            "both ways": (
                about(48e6),
                "received 是所有服务器收发的总和；只问一个服务器收到的。",
                "received is all that moves, both ways; what one server receives is asked for.",
            ),
            "times servers": (
                about(72e6),
                "received 是 4PW 乘以服务器的个数；它们是分担，要除。",
                "received is 4PW times the number of servers; they share it, so divide.",
            ),
        },
        otherwise=(
            "received 不对：每个工作进程推出 P 个数，每个数 4 字节，W 个工作进程，S 个服务器平均分担。",
            "received is not right. Each of W workers pushes P numbers of 4 bytes, and S servers share them.",
        ),
    ),
    Number(
        "factor",
        right=near(1),
        mistakes={
            "twice": (
                about(2),
                "factor 不对：梯度的个数等于参数的个数，与小批量里有几个样本有关吗？",
                "factor is not right. There are as many gradients as parameters; does the number of examples "
                "in the minibatch matter?",
            ),
        },
        otherwise=(
            "factor 不对：看看公式里有没有批量大小。",
            "factor is not right. Look whether the batch size is in the formula.",
        ),
    ),
    right=(
        "4PW/S = 800 万字节；批量大小不在公式里，所以批量大一些，摊到每个样本上的通信就少一些。",
        "4PW/S = 8 million bytes. The batch size is not in the formula, so larger minibatches mean less "
        "communication for each example.",
    ),
)


def _grads_of_workers(rng):
    """Give the gradients of some workers: of two parameters, as in the chapter, then of others."""
    two, one, three = ((2, 1), (1,)), ((4,),), ((3,), (1, 1), (2, 2))
    return [
        ([[nd.array(rng.normal(size=shape)) for shape in shapes] for _ in range(workers)],)
        for workers, shapes in ((3, two), (2, two), (1, two), (4, one), (2, three))
    ]


def _reduced_by(reduce):
    """Give what `combine` returns, flat, if it makes one of a parameter's gradients by `reduce`."""

    def combine(grads_of_workers):
        columns = zip(*([one.asnumpy() for one in grads] for grads in grads_of_workers))
        return np.concatenate([reduce(grads).ravel() for grads in columns])

    return combine


def _gradients(value, case):
    """Take a list of a gradient for each parameter, flat; None if it is no list of NDArrays."""
    if not isinstance(value, (list, tuple)):
        return None
    if not all(isinstance(one, nd.NDArray) for one in value):
        return None
    (grads_of_workers,) = case
    params = len(grads_of_workers[0])
    if len(value) != params:
        workers = f"{len(grads_of_workers)} worker{'s' * (len(grads_of_workers) > 1)}"
        raise Answered(
            wrong(
                f"{len(grads_of_workers)} 个工作进程、{params} 个参数时，你的列表里有 {len(value)} 个数组。"
                "要对每个参数，把各个工作进程的梯度加起来。",
                f"with {workers} and {params} parameter{'s' * (params > 1)}, your list holds {len(value)} "
                f"array{'s' * (len(value) != 1)}. For each parameter, add up the gradients of all workers.",
                "number of arrays",
            )
        )
    for place, (one, wanted) in enumerate(zip(value, grads_of_workers[0])):
        if one.shape != wanted.shape:
            raise Answered(
                wrong(
                    f"第 {place + 1} 个数组的形状应当是 {wanted.shape}，你给出的是 {one.shape}。",
                    f"array number {place + 1} should have the shape {wanted.shape}, yours has {one.shape}.",
                    "shape",
                )
            )
    return np.concatenate([one.asnumpy().ravel() for one in value])


combine = task(
    """Check a learner's ``combine(grads_of_workers)``, what the parameter server does.""",
    cases=_grads_of_workers,
    expected=_reduced_by(sum),
    take=_gradients,
    wanted=("一个列表，每个参数一个 NDArray", "a list with an NDArray for each parameter"),
    mistakes={
        "mean": (
            _reduced_by(lambda grads: sum(grads) / len(grads)),
            "这是平均。各个工作进程的梯度是和，sgd_momentum 会除以整个小批量的大小，"
            "所以这里只要相加。",
            "that is the mean. The workers' gradients are sums, and sgd_momentum divides by the whole "
            "batch size, so just add them.",
        ),
        "first": (
            _reduced_by(lambda grads: grads[0]),
            "只用了第一个工作进程的梯度。",
            "only the first worker's gradients are used.",
        ),
        "last": (
            _reduced_by(lambda grads: grads[-1]),
            "只用了最后一个工作进程的梯度。",
            "only the last worker's gradients are used.",
        ),
    },
    otherwise=(
        "不是各个工作进程的梯度之和。",
        "that is not the sum of the workers' gradients.",
    ),
    right=(
        "逐个参数相加，这正是 push 之后 pull 得到的。",
        "the gradients are added up parameter by parameter, which is what a worker pulls after pushing.",
    ),
)

implicit_momentum = question(
    """Check the momentum parameter that 10 asynchronous workers amount to.""",
    Number(
        "answer",
        right=near(0.9),
        mistakes={
            "4 workers": (
                about(0.75),
                "那是 4 个工作进程的；这里有 10 个。",
                "that is for 4 workers; here there are 10.",
            ),
            "W-1": (
                about(8 / 9),
                "那是 1 − 1/(W−1)；概率里是 W 本身，不是平均滞后 W − 1。",
                "that is 1 − 1/(W−1); in the probabilities stands W itself, not the mean staleness W − 1.",
            ),
            "mean staleness": (
                about(9),
                "这是平均滞后；动量参数在 0 与 1 之间。",
                "that is the mean staleness; a momentum parameter lies between 0 and 1.",
            ),
            "1/W": (
                about(0.1),
                "这是新梯度的权重 1/W；旧的速度保留多少？",
                "that is 1/W, the weight of a new gradient. What share of the old velocity is kept?",
            ),
            "outside 0 to 1": (
                (*below(0), (1, math.inf)),
                "动量参数在 0 与 1 之间。",
                "a momentum parameter lies between 0 and 1.",
            ),
        },
        otherwise=(
            "不对。动量法给 k 次更新之前的梯度的权重与 γᵏ 成正比；与滞后 k 次的概率比一比。",
            "not that number. In momentum, a gradient k updates old has a weight proportional to γᵏ; compare "
            "with the probability of being k updates stale.",
        ),
    ),
    right=(
        "1 − 1/W = 0.9：谁也没有用动量，却像用了一样。",
        "1 − 1/W = 0.9: as if there were momentum, though nobody uses any.",
    ),
)
