"""What the notebooks define and others use: the very functions that the reader saw.

Built by tools/build.py from the cells whose metadata says `export`; change the notebook instead.
"""


# Taught in gd-sgd-scratch.
def sgd(params, lr, batch_size):
    # -= changes an NDArray in place, in its own memory
    for param in params:
        param -= lr / batch_size * param.grad


# Taught in momentum-scratch.
def sgd_momentum(params, vs, lr, mom, batch_size):
    # param.grad is the gradient of the loss summed over the minibatch, so divide by batch_size
    # *=, += and -= change an NDArray in place, in its own memory
    for param, v in zip(params, vs):
        v *= mom
        v += lr / batch_size * param.grad
        param -= v


# Taught in momentum-gluon.
def convert_lr(lr, mom, source, target, dampening=0):
    """Give the learning rate that makes `target` follow the trajectory of `source`, lr constant."""
    factor = {
        "course": 1,
        "mxnet": 1,
        "keras": 1,
        "optax": 1,
        "pytorch": 1 - dampening,
        "average": 1 - mom,
    }
    for name in (source, target):
        if name not in factor:
            raise ValueError(f"a form must be one of {', '.join(factor)}; got {name!r}")
    return lr * factor[source] / factor[target]
