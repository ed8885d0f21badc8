"""Write what PyTorch's and optax's optimizers do into data/rivals.json: `nox -s rivals` runs it.

Every case is in float64, from START, with the gradients that `gradient` gives. ε is far larger than
usual, so that its place shows. The tests import from here what a case is; they need no rival.
"""

import json
import platform
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "data/rivals.json"
UPDATES = 24
START = np.array([[3.0, -2], [1, 0.5], [-1.5, 2]])
CURVATURE = np.array([[0.2, 1], [4, 2], [0.5, 3]])
TARGET = np.array([[1.0, -1], [0.5, 2], [-2, 0.7]])


def gradient(x, t, from_update=0):
    """Give that of f(x) = ½ Σ λᵢ(xᵢ − cᵢ sin(t + 1))²; zero before the update `from_update`."""
    return CURVATURE * (x - TARGET * np.sin(t + 1)) * (t >= from_update)


# {rival: {case: (what to call, its settings)}}. Of two values of "lr", the second holds from half
# of the updates on. "l2" stands for optax's add_decayed_weights before the optimizer.
ADAM = {"lr": 0.1, "eps": 0.01}
MUON = {"lr": 0.1, "eps": 0.0}
CASES = {
    "torch": {
        "sgd": ("SGD", {"lr": 0.04, "momentum": 0.9}),
        "sgd, decay": ("SGD", {"lr": [0.04, 0.004], "momentum": 0.9}),
        "sgd, nesterov": ("SGD", {"lr": 0.04, "momentum": 0.9, "nesterov": True}),
        "sgd, weight decay": ("SGD", {"lr": 0.04, "momentum": 0.9, "weight_decay": 0.3}),
        "sgd, dampening": ("SGD", {"lr": 0.08, "momentum": 0.9, "dampening": 0.5}),
        "sgd, dampening, at rest": (
            "SGD",
            {"lr": 0.08, "momentum": 0.9, "dampening": 0.5, "from_update": 1},
        ),
        "adam": ("Adam", {**ADAM, "betas": [0.9, 0.98]}),
        "adam, weight decay": ("Adam", {**ADAM, "betas": [0.9, 0.98], "weight_decay": 0.3}),
        "adamw": ("AdamW", {**ADAM, "betas": [0.9, 0.98], "weight_decay": 0.3}),
        "adagrad": ("Adagrad", {**ADAM}),
        "adagrad, weight decay": ("Adagrad", {**ADAM, "weight_decay": 0.3}),
        "rmsprop": ("RMSprop", {**ADAM, "alpha": 0.9}),
        "rmsprop, weight decay": ("RMSprop", {**ADAM, "alpha": 0.9, "weight_decay": 0.3}),
        "adadelta": ("Adadelta", {"lr": 1.0, "eps": 0.01, "rho": 0.9}),
        "adadelta, weight decay": (
            "Adadelta",
            {"lr": 1.0, "eps": 0.01, "rho": 0.9, "weight_decay": 0.3},
        ),
        "muon": (
            "Muon",
            {**MUON, "eps": 1e-12, "momentum": 0.9, "nesterov": False, "weight_decay": 0.3},
        ),
        "muon, nesterov": (
            "Muon",
            {**MUON, "eps": 1e-12, "momentum": 0.9, "nesterov": True, "weight_decay": 0.3},
        ),
    },
    "optax": {
        "sgd": ("sgd", {"lr": 0.04, "momentum": 0.9}),
        "sgd, decay": ("sgd", {"lr": [0.04, 0.004], "momentum": 0.9}),
        "sgd, nesterov": ("sgd", {"lr": 0.04, "momentum": 0.9, "nesterov": True}),
        "sgd, weight decay": ("sgd", {"lr": 0.04, "momentum": 0.9, "l2": 0.3}),
        "trace": ("trace", {"lr": 0.04, "decay": 0.9}),
        "adam": ("adam", {**ADAM, "b1": 0.9, "b2": 0.98}),
        "adamw": ("adamw", {**ADAM, "b1": 0.9, "b2": 0.98, "weight_decay": 0.3}),
        "adagrad": ("adagrad", {**ADAM, "initial_accumulator_value": 0.0}),
        "adagrad, default start": ("adagrad", {**ADAM}),
        "rmsprop": ("rmsprop", {**ADAM, "decay": 0.9}),
        "rmsprop, eps outside": ("rmsprop", {**ADAM, "decay": 0.9, "eps_in_sqrt": False}),
        "adadelta": ("adadelta", {"lr": 1.0, "eps": 0.01, "rho": 0.9}),
        "adadelta, weight decay": (
            "adadelta",
            {"lr": 1.0, "eps": 0.01, "rho": 0.9, "weight_decay": 0.3},
        ),
        "lion": ("lion", {"lr": 0.1, "b1": 0.9, "b2": 0.98, "weight_decay": 0.3}),
        "muon": ("muon", {**MUON, "beta": 0.9, "nesterov": False, "weight_decay": 0.3}),
        "muon, nesterov": ("muon", {**MUON, "beta": 0.9, "nesterov": True, "weight_decay": 0.3}),
    },
}


def learning_rates(lr):
    """Give the learning rate of each update."""
    first, second = lr if isinstance(lr, list) else (lr, lr)
    return [first if t < UPDATES // 2 else second for t in range(UPDATES)]


def stored(rival, case):
    """Give the parameters after each update, as the file has them."""
    for entry in json.loads(FILE.read_text())["cases"]:
        if (entry["rival"], entry["case"]) == (rival, case):
            return np.reshape(entry["path"], (UPDATES, *START.shape))
    raise KeyError(f"{rival} has no case {case!r}")


def torch_path(name, lr, from_update=0, **settings):
    """Give the parameters after each update by PyTorch's optimizer of this name."""
    import torch

    x = torch.tensor(START, requires_grad=True)
    lrs, points = learning_rates(lr), []
    optimizer = getattr(torch.optim, name)([x], lr=lrs[0], **settings)
    for t in range(UPDATES):
        optimizer.param_groups[0]["lr"] = lrs[t]
        x.grad = torch.tensor(gradient(x.detach().numpy(), t, from_update))
        optimizer.step()
        points.append(x.detach().numpy().copy())
    return points


def optax_path(name, lr, l2=None, **settings):
    """Give the parameters after each update by optax's optimizer of this name."""
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    lrs = jax.numpy.array(learning_rates(lr))
    schedule = (lambda t: lrs[t]) if isinstance(lr, list) else lr
    if name == "trace":
        optimizer = optax.chain(optax.trace(**settings), optax.scale(-lr))
    else:
        make = getattr(optax, name, None) or getattr(optax.contrib, name)
        optimizer = make(schedule, **settings)
    if l2:
        optimizer = optax.chain(optax.add_decayed_weights(l2), optimizer)
    x, points = jax.numpy.array(START), []
    state = optimizer.init(x)
    for t in range(UPDATES):
        g = jax.numpy.array(gradient(np.asarray(x), t))
        updates, state = optimizer.update(g, state, x)
        x = optax.apply_updates(x, updates)
        points.append(np.asarray(x))
    assert x.dtype == "float64"
    return points


def main():
    """Write the file."""
    import jax
    import optax
    import torch

    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__.split("+")[0],
        "jax": jax.__version__,
        "optax": optax.__version__,
    }
    follow = {"torch": torch_path, "optax": optax_path}
    lines = []
    for rival, cases in CASES.items():
        for case, (name, settings) in cases.items():
            points = np.reshape(follow[rival](name, **settings), (UPDATES, -1)).tolist()
            entry = {"rival": rival, "case": case, "name": name, "settings": settings}
            lines.append(json.dumps({**entry, "path": points}))
    problem = {
        "updates": UPDATES,
        "start": START.tolist(),
        "curvature": CURVATURE.tolist(),
        "target": TARGET.tolist(),
    }
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(
        f'{{"versions": {json.dumps(versions)},\n"problem": {json.dumps(problem)},\n"cases": [\n'
        + ",\n".join(lines)
        + "\n]}\n"
    )


if __name__ == "__main__":
    main()
