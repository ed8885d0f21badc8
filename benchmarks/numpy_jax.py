"""The chapter's run in NumPy and in JAX, as one would write it there; nothing here imports MXNet.

JAX needs another numpy than MXNet: its cases run in the environment that `nox -s rivals` makes.
`python numpy_jax.py IN OUT` runs JAX on the arrays in IN, for `cases.deviations`.
"""

import sys
from functools import partial

import numpy as np

BATCH_SIZE = 10
LRS = (0.2, 0.2, 0.02)  # an epoch each
MOM = 0.9
ETA, GAMMA = np.meshgrid(
    np.geomspace(0.002, 0.5, 64, dtype="float32"), np.linspace(0, 0.98, 64, dtype="float32")
)


def made():
    """Give features, labels and initial parameters like the chapter's, in float32."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(1000, 2))
    y = X @ [2, -3.4] + 4.2 + 0.01 * rng.normal(size=1000)
    return [one.astype("float32") for one in (X, y, 0.01 * rng.normal(size=2), np.zeros(()))]


def shuffled(rng, examples=1000):
    """Give the orders of the examples in the epochs of a run, as one array."""
    return np.concatenate([rng.permutation(examples) for _ in LRS])


def numpy_run(X, y, w, b, order):
    """Train with NumPy, by hand; give w, b and the mean loss before the first and after each update."""

    def loss():
        return ((X @ w + b - y) ** 2).mean() / 2

    v_w, v_b, losses = np.zeros_like(w), np.zeros_like(b), [loss()]
    for lr, rows in zip(LRS, order.reshape(len(LRS), -1)):
        X_here, y_here = X[rows], y[rows]
        for start in range(0, len(rows), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            features, labels = X_here[batch], y_here[batch]
            error = features @ w + b - labels
            v_w = MOM * v_w + lr * (error @ features) / len(labels)
            v_b = MOM * v_b + lr * error.mean()
            w, b = w - v_w, b - v_b
            losses.append(loss())
    return w, b, np.array(losses)


def jax_run():
    """Give the run as a compiled function of the arguments of `numpy_run`: a scan over minibatches."""
    import jax
    from jax import numpy as jnp

    def loss(params, X, y):
        w, b = params
        return jnp.mean((X @ w + b - y) ** 2) / 2

    @jax.jit
    def train(X, y, w, b, order):
        minibatches = X[order].reshape(-1, BATCH_SIZE, 2), y[order].reshape(-1, BATCH_SIZE)
        rates = jnp.repeat(jnp.array(LRS), len(order) // BATCH_SIZE // len(LRS))

        def update(state, minibatch):
            params, vs = state
            features, labels, lr = minibatch
            gradient = jax.grad(loss)(params, features, labels)
            vs = jax.tree.map(lambda v, g: MOM * v + lr * g, vs, gradient)
            params = jax.tree.map(jnp.subtract, params, vs)
            return (params, vs), loss(params, X, y)

        state = ((w, b), (jnp.zeros_like(w), jnp.zeros_like(b)))
        ((w_end, b_end), _), losses = jax.lax.scan(update, state, (*minibatches, rates))
        return w_end, b_end, jnp.concatenate([loss((w, b), X, y)[None], losses])

    return train


def jax_settings(with_matrices=False):
    """Give 4,096 runs as a compiled function: `vmap` of a scan, losses by the quadratic form.

    As in `momentum-fast`, each minibatch's H and c are computed at once. It gives 301 losses a run.
    H times the weights is written out number by number, which XLA fuses into one loop over the
    runs; `with_matrices`, as one would write it first, it makes thousands of small products.
    """
    import jax
    from jax import numpy as jnp

    @jax.jit
    def train(X, y, w, b, order, lrs, moms):
        A = jnp.concatenate([X, jnp.ones((len(X), 1))], axis=1)
        features, labels = A[order].reshape(-1, BATCH_SIZE, 3), y[order].reshape(-1, BATCH_SIZE)
        H = jnp.einsum("kbi,kbj->kij", features, features) / BATCH_SIZE
        c = jnp.einsum("kbi,kb->ki", features, labels) / BATCH_SIZE
        whole = A.T @ A / len(A)
        best = jnp.linalg.solve(whole, A.T @ y / len(A))
        smallest = jnp.mean((A @ best - y) ** 2) / 2
        shares = jnp.repeat(jnp.array(LRS) / LRS[0], len(order) // BATCH_SIZE // len(LRS))
        start = jnp.append(w, b)

        def times(H, weights):
            if with_matrices:
                return H @ weights
            return jnp.stack([sum(H[i, j] * weights[j] for j in range(3)) for i in range(3)])

        def loss(weights):
            distance = weights - best
            return smallest + (distance * times(whole, distance)).sum() / 2

        def one(lr, mom):
            def update(state, minibatch):
                weights, v = state
                H, c, share = minibatch
                v = mom * v + lr * share * (times(H, weights) - c)
                return (weights - v, v), loss(weights - v)

            _, losses = jax.lax.scan(update, (start, jnp.zeros(3)), (H, c, shares))
            return jnp.append(loss(start), losses)

        return jax.vmap(one, out_axes=1)(lrs, moms)

    return train


def _with_numpy():
    arrays, rng = made(), np.random.default_rng()
    return lambda: numpy_run(*arrays, shuffled(rng))


def _with_jax(make, *more):
    import jax

    arrays, rng = made(), np.random.default_rng()
    train = make()
    return lambda: jax.block_until_ready(train(*arrays, shuffled(rng), *more))


def _compiling(make, *more):
    arguments = (*made(), shuffled(np.random.default_rng()), *more)
    return lambda: make().lower(*arguments).compile()


ROWS_OF_SETTINGS = (ETA.ravel(), GAMMA.ravel())
CASES = {
    "chapter, numpy": _with_numpy,
    "chapter, jax": partial(_with_jax, jax_run),
    "chapter, jax, compiling": partial(_compiling, jax_run),
    "4,096 settings, jax": partial(_with_jax, jax_settings, *ROWS_OF_SETTINGS),
    "4,096 settings, jax, matrices": partial(
        _with_jax, partial(jax_settings, with_matrices=True), *ROWS_OF_SETTINGS
    ),
    "4,096 settings, jax, compiling": partial(_compiling, jax_settings, *ROWS_OF_SETTINGS),
}


def main():
    """Run JAX's two functions on the arrays in a file, and write what they give into another."""
    arrays = list(np.load(sys.argv[1]).values())
    w, b, losses = jax_run()(*arrays)
    grid = jax_settings()(*arrays, *ROWS_OF_SETTINGS)
    np.savez(sys.argv[2], w=w, b=b, losses=losses, grid=grid)


if __name__ == "__main__":
    main()
