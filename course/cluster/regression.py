"""The chapter's regression on several workers, a script for `course.cluster`.

For example::

    python -m course.cluster --workers 4 --servers 2 course/cluster/regression.py --epochs 5

Each worker has a part of the examples, and computes the gradient on its part of each minibatch.
"""

import argparse
from pathlib import Path

import mxnet as mx
from mxnet import autograd, nd

import utils
from course.chapters import sgd_momentum
from course.cluster import checkpoint

SEED = 7


def make_data(rows, seed=SEED):
    """Give the chapter's features and labels: y = 2·x₁ − 3.4·x₂ + 4.2, with noise."""
    mx.random.seed(seed)
    X = nd.random.normal(shape=(rows, 2))
    y = nd.dot(X, nd.array([2, -3.4])) + 4.2
    y += nd.random.normal(scale=0.01, shape=y.shape)
    return X, y


def init_params(seed=SEED):
    """Give the chapter's initial weights and bias, and velocities of 0."""
    mx.random.seed(seed + 1)
    params = [nd.random.normal(shape=(2, 1)), nd.zeros((1,))]
    return params, [nd.zeros(param.shape) for param in params]


def my_part(kv, X, y, batch_size):
    """Give this worker's examples, every so many-th one, and its share of the batch size."""
    for name, number in (("batch_size", batch_size), ("the number of examples", len(X))):
        if number % kv.num_workers:
            raise ValueError(
                f"{name} must be a multiple of the number of workers, {kv.num_workers}; got {number}"
            )
    rows = slice(kv.rank, None, kv.num_workers)
    return X[rows], y[rows], batch_size // kv.num_workers


def learning_rate(lr, decay, epoch):
    """Give the learning rate of an epoch; as in the chapter, it decays from the third one on."""
    return lr * decay ** max(epoch - 2, 0)


def compute_gradients(params, features, labels):
    """Let each of `params` have the gradient of the loss summed over a minibatch."""
    with autograd.record():
        loss = utils.squared_loss(utils.linreg(features, *params), labels)
    loss.backward()


def as_numpy(params):
    """Copy the parameters."""
    return [param.asnumpy() for param in params]


def train_on_workers(X, y, batch_size, lr, decay, mom, epochs, seed=SEED, path=None, resume=False):
    """Train with a velocity on every worker: push the gradients, pull their sum.

    Parameters
    ----------
    X, y : NDArray
        All examples; of these, a worker takes its part.
    batch_size : int
        Of all workers together.
    lr, decay, mom : float
        Learning rate, by what it is multiplied after each epoch from the second on, and momentum.
    epochs, seed : int
    path : str, optional
        A checkpoint to write after each epoch; worker 0 does so.
    resume : bool, optional
        Go on from the checkpoint, if there is one.

    Returns
    -------
    list of lists of numpy.ndarray
        The parameters, first at the start or at the checkpoint, then after each epoch.
    """
    kv = mx.kv.create("dist_sync")
    settings = {"workers": kv.num_workers, "examples": len(X), "batch_size": batch_size}
    settings.update(lr=lr, decay=decay, mom=mom)
    X, y, share = my_part(kv, X, y, batch_size)
    params, vs = init_params(seed)
    done = nd.zeros(1)
    if path and kv.rank == 0 and Path(path).exists():
        if not resume:
            raise checkpoint.CheckpointError(
                f"there is a checkpoint {path} already: resume from it, or delete it"
            )
        *saved, epoch = checkpoint.load(path, seed, **settings)
        for array, value in zip([*params, *vs], [*saved[0], *saved[1]]):
            array[:] = value
        done[:] = epoch
    # All begin with what worker 0 has: the others need no checkpoint.
    state = [*params, *vs, done]
    kv.init(list(range(len(state))), state)
    kv.pull(list(range(len(state))), out=state)
    for param in params:
        param.attach_grad()
    keys, grads = list(range(len(params))), [param.grad for param in params]
    history = [as_numpy(params)]
    for epoch in range(int(done.asscalar()) + 1, epochs + 1):
        mx.random.seed(checkpoint.epoch_seed(seed, epoch, kv.rank))
        for features, labels in utils.data_iter(share, len(X), X, y):
            compute_gradients(params, features, labels)
            kv.pushpull(keys, grads, out=grads)  # now the sums of all workers' gradients
            lr_now = learning_rate(lr, decay, epoch)
            sgd_momentum(params, vs, lr_now, mom, kv.num_workers * len(labels))
        if path and kv.rank == 0:
            checkpoint.save(path, params, vs, epoch, seed, **settings)
        history.append(as_numpy(params))
    return history


def train_on_server(X, y, batch_size, lr, decay, mom, epochs, seed=SEED, path=None, resume=False):
    """Train with the velocities on the server: push the gradients, pull the parameters.

    Takes and gives what `train_on_workers` does, but refuses a checkpoint.
    """
    if path or resume:
        raise checkpoint.CheckpointError(
            f"no checkpoint {path} with momentum on the server: MXNet cannot save the velocities "
            'there ("Cannot save states for distributed training"); keep them on the workers'
        )
    kv = mx.kv.create("dist_sync")
    updates = len(X) // batch_size
    if len(X) % batch_size:
        raise ValueError(
            f"batch_size must divide the number of examples, {len(X)}: the server divides every "
            f"gradient by the same number; got {batch_size}"
        )
    X, y, share = my_part(kv, X, y, batch_size)
    params, _ = init_params(seed)
    keys = list(range(len(params)))
    kv.init(keys, params)
    # The server counts the updates itself. Sending it another optimizer with a smaller learning
    # rate would set its velocities to 0.
    decays = mx.lr_scheduler.MultiFactorScheduler(
        [k * updates for k in range(2, epochs + 2)], decay
    )
    kv.set_optimizer(
        mx.optimizer.SGD(
            learning_rate=lr, momentum=mom, rescale_grad=1 / batch_size, lr_scheduler=decays
        )
    )
    for param in params:
        param.attach_grad()
    grads, history = [param.grad for param in params], [as_numpy(params)]
    for epoch in range(1, epochs + 1):
        mx.random.seed(checkpoint.epoch_seed(seed, epoch, kv.rank))
        for features, labels in utils.data_iter(share, len(X), X, y):
            compute_gradients(params, features, labels)
            kv.pushpull(keys, grads, out=params)
        history.append(as_numpy(params))
    return history


def main():
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="regression.py", description=__doc__.splitlines()[0])
    parser.add_argument("--momentum", choices=("worker", "server"), default="worker")
    parser.add_argument("--examples", type=int, default=1000, metavar="N")
    parser.add_argument("--batch-size", type=int, default=20, metavar="N")
    parser.add_argument("--lr", type=float, default=0.2)
    parser.add_argument("--decay", type=float, default=0.1)
    parser.add_argument("--mom", type=float, default=0.9)
    parser.add_argument("--epochs", type=int, default=3, metavar="N")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--checkpoint", metavar="FILE", help="write it after every epoch")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    options = parser.parse_args()
    if options.resume and not options.checkpoint:
        parser.error("--resume needs --checkpoint FILE, from which to go on")
    train = train_on_workers if options.momentum == "worker" else train_on_server
    X, y = make_data(options.examples, options.seed)
    history = train(
        X,
        y,
        batch_size=options.batch_size,
        lr=options.lr,
        decay=options.decay,
        mom=options.mom,
        epochs=options.epochs,
        seed=options.seed,
        path=options.checkpoint,
        resume=options.resume,
    )
    print("w, b:", *(value for param in history[-1] for value in param.ravel()))


if __name__ == "__main__":
    main()
