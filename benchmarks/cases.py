"""What is timed. A case is a function that prepares, and gives the function to be timed.

`run.py` runs each case in a process of its own, as `python benchmarks/cases.py --case NAME` with
pyperf's options. The chapters' code comes from the notebooks: what is timed is what is read.
"""

import contextlib
import io
import json
import random
import subprocess
import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import numpy_jax
import pyperf

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
CHAPTER = ROOT / "notebooks/en/momentum-scratch.ipynb"
FAST = ROOT / "notebooks/en/momentum-fast.ipynb"
TORCH = ROOT / "benchmarks/torch_chapter.ipynb"
RUN = {"batch_size": 10, "lr": 0.2, "mom": 0.9, "num_epochs": 3, "log_interval": 10}
RIVALS = ROOT / ".nox/rivals/bin/python"  # what `nox -s rivals` makes: JAX, and a numpy of today
SETTINGS = 4096  # trained at once by the notebook
RIVAL_SETTINGS = 64  # of them, trained by PyTorch one after the other


def definitions(path, *cell_ids):
    """Run some cells of a notebook, without what they print or count; give the names they define."""
    cells = {cell["id"]: cell["source"] for cell in json.loads(path.read_text())["cells"]}
    names = {"report": lambda train: None, "count_operators": lambda run: (0, 0)}
    sys_path = list(sys.path)
    with contextlib.redirect_stdout(io.StringIO()):
        for cell_id in cell_ids:
            code = "".join(line for line in cells[cell_id] if line[:1] != "%")
            exec(compile(code, f"{path.name}, {cell_id}", "exec"), names)
    sys.path[:] = sys_path  # the notebooks insert the root once more
    return names


# The chapter's experiment


class GivenOrders:
    """Stands in for the module `random` and shuffles into orders that it is given."""

    def __init__(self, orders):
        self.orders = iter(orders)

    def seed(self, seed):
        """Change nothing."""

    def shuffle(self, order):
        """Put a list of indices into the next order."""
        order[:] = next(self.orders).tolist()


class NoFigure:
    """Stands in for pyplot and keeps the losses: drawing is not what is compared."""

    def semilogy(self, epochs, losses):
        """Keep what would be drawn."""
        self.losses = losses

    def __getattr__(self, name):
        """Accept every other call."""
        return lambda *_, **__: None


def chapter(path, **replaced):
    """Give a function that trains as a chapter does, without its figure.

    Parameters
    ----------
    path : Path
        The chapter's notebook, MXNet's or PyTorch's.
    **replaced
        Names of the notebook that get another value before it runs.

    Returns
    -------
    callable
        Takes arguments of `optimize`; returns w, b and the recorded losses.
    """
    names = definitions(path, "sgd-momentum", "data", "optimize")
    names.update(replaced)  # `names` is where `optimize` looks its names up
    figure, init_params, trained = NoFigure(), names["init_params"], []

    def remember():
        trained[:] = init_params()
        return trained

    names.update(plt=figure, init_params=remember)

    def train(**options):
        with contextlib.redirect_stdout(io.StringIO()):
            names["optimize"](**{**RUN, **options})
        return *trained[0], figure.losses

    return train


def fast(*more):
    """Give the definitions of `momentum-fast`; of one setting at a time, and those of `more` cells."""
    cell_ids = """
        data naive fused gradient epoch minibatches train-compiled compiled
        gradient-matrices matrix train-least-squares least-squares
        at-once quadratic all-updates
    """
    return definitions(FAST, *cell_ids.split(), *more)


def fast_run(train, *more):
    """Give a function of `momentum-fast` that trains, from parameters that it is given.

    The notebook's own are drawn anew, and MXNet's generators seeded anew, which takes 1.3 ms; NumPy
    and JAX are given theirs, too.
    """
    names = fast(*more)
    start = names["init_params"]()
    names["init_params"] = lambda: [param.copy() for param in start]
    return names[train]


def settings_in_turn():
    """Train PyTorch's chapter with 64 settings, one after the other."""
    train = chapter(TORCH)
    settings = [
        {"lr": lr, "mom": mom}
        for lr, mom in zip(
            np.geomspace(0.002, 0.5, RIVAL_SETTINGS), np.linspace(0, 0.98, RIVAL_SETTINGS)
        )
    ]
    return lambda: [train(**setting) for setting in settings]


def deviations():
    """Train every variant from the same parameters on the chapter's minibatches, and compare.

    JAX only if `nox -s rivals` has made its environment.

    Returns
    -------
    dict
        For each variant, the largest relative deviation of a recorded loss from the chapter's, and
        the largest absolute deviation of a parameter at the end.
    """
    import utils

    names = definitions(CHAPTER, "data")
    start, _ = names["init_params"]()  # and the chapter draws its orders after them
    orders = [utils.random_order(len(names["y"])) for _ in range(3)]
    trained = fast("many", "train-columns", "grid")
    trained["random"] = GivenOrders(orders)
    variants = {
        name: trained[name]
        for name in ("train_naive", "train_fused", "train_foreach", "train_matrix", "train_all")
    }
    if find_spec("torch"):
        variants["PyTorch"] = _torch_on(names, start, iter(orders))
    w, b, losses = chapter(CHAPTER)()
    expected = _numbers(losses)
    found = {}
    arrays = [_numbers([one]).astype("float32") for one in (names["X"], names["y"], *start)]
    arrays[0], arrays[3] = arrays[0].reshape(-1, 2), arrays[3].reshape(())
    arrays.append(np.concatenate(orders))
    variants["NumPy"] = partial(numpy_jax.numpy_run, *arrays)
    if RIVALS.exists():
        given = _jax_on(arrays)
        variants["JAX"] = lambda: [given[name] for name in ("w", "b", "losses")]
        ours, theirs = trained["train_grid"](), given["grid"]
        settled = ours[-1] < 1  # what diverges, rounding tears apart
        apart = abs(theirs[:, settled] / ours[:, settled] - 1).max()
        found["JAX, 4,096 settings"] = float(apart), 0.0
    for name, train in variants.items():
        w_here, b_here, losses = train()
        apart = np.abs(_numbers([w_here, b_here]) - _numbers([w, b])).max()
        found[name] = float(np.abs(_numbers(losses) / expected - 1).max()), float(apart)
    return found


def _jax_on(arrays):
    """Give what JAX ends at on these arrays, in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("in.npz", "out.npz")]
        np.savez(files[0], *arrays)
        subprocess.run([RIVALS, numpy_jax.__file__, *files], check=True)
        return dict(np.load(files[1]))


def _torch_on(names, start, orders):
    """Give PyTorch's chapter on MXNet's data, parameters and orders."""
    import torch

    def tensor(array, **options):
        return torch.tensor(array.asnumpy(), **options)

    def init_params():
        params = [tensor(param, requires_grad=True) for param in start]
        return params, [torch.zeros_like(param) for param in params]

    def data_iter(batch_size, X, y):
        order = torch.as_tensor(next(orders))
        return zip(X[order].split(batch_size), y[order].split(batch_size))

    given = {name: tensor(names[name]) for name in ("X", "y")}
    return chapter(TORCH, **given, init_params=init_params, data_iter=data_iter)


def _numbers(arrays):
    """Give the numbers in NDArrays, tensors or a plain array, as one float64 array."""
    plain = [
        one.asnumpy() if hasattr(one, "asnumpy") else getattr(one, "detach", lambda one=one: one)()
        for one in arrays
    ]
    return np.concatenate([np.asarray(one, dtype="float64").ravel() for one in plain])


# An epoch's minibatches


def data(rows, features=2):
    """Give random features and labels."""
    from mxnet import nd

    X, y = nd.random.normal(shape=(rows, features)), nd.random.normal(shape=(rows,))
    nd.waitall()
    return X, y


def course_iterator(batch_size, X, y):
    """`data_iter` of the course."""
    import utils

    return utils.data_iter(batch_size, len(X), X, y)


def naive_iterator(batch_size, X, y):
    """Shuffle a Python list, look up each minibatch."""
    from mxnet import nd

    order = list(range(len(X)))
    random.shuffle(order)
    for start in range(0, len(order), batch_size):
        indices = nd.array(order[start : start + batch_size])
        yield X.take(indices), y.take(indices)


def gluon_iterator(batch_size, X, y):
    """Gluon's DataLoader."""
    from mxnet.gluon.data import ArrayDataset, DataLoader

    return DataLoader(ArrayDataset(X, y), batch_size, shuffle=True)


def torch_iterator(batch_size, X, y):
    """PyTorch's DataLoader."""
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(X, y), batch_size, shuffle=True)


ITERATORS = {
    "course": course_iterator,
    "naive": naive_iterator,
    "gluon": gluon_iterator,
    "torch": torch_iterator,
}


def epoch(kind, rows, batch_size, batches=None):
    """Prepare an epoch of minibatches, or its first `batches`, with one of the `ITERATORS`."""
    X, y = data(rows)
    if kind == "torch":
        import torch

        X, y = torch.from_numpy(X.asnumpy()), torch.from_numpy(y.asnumpy())
    from mxnet import nd

    def run():
        for _ in islice(ITERATORS[kind](batch_size, X, y), batches):
            pass
        nd.waitall()

    return run


# A notebook from its kernel's start


def notebook(path):
    """Prepare running a chapter in a new kernel, from the kernel's start to the last output."""
    import nbformat
    from nbclient import NotebookClient

    source = nbformat.read(path, as_version=4)
    ids = [cell.id for cell in source.cells]
    source.cells = source.cells[: ids.index("run") + 1]

    def run():
        fresh = nbformat.from_dict(source)
        client = NotebookClient(
            fresh,
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(path.parent)}},
        )
        client.execute()
        assert "image/png" in fresh.cells[-1].outputs[-1].data

    return run


def importing(module):
    """Prepare starting Python and importing a module."""
    return partial(subprocess.run, [sys.executable, "-c", f"import {module}"], check=True)


# One epoch of training, of any size


def training(kind, rows, features, batch_size, settings=1):
    """Prepare training linear regression for an epoch on data of a given size.

    Parameters
    ----------
    kind : str
        "loop" (the chapter's), "compiled", "matrix", "columns" (all `settings` at once) or "torch".
    rows, features, batch_size, settings : int
    """
    X, y = data(rows, features)
    rate = 0.1 / features
    if kind == "torch":
        return _torch_loop(X, y, batch_size, rate)
    from mxnet import autograd, nd

    import utils
    from course import chapters

    params = [nd.zeros((features, 1)), nd.zeros((1,))]
    arguments = (params, X, y, batch_size)
    if kind == "loop":
        vs = [nd.zeros(param.shape) for param in params]
        for param in params:
            param.attach_grad()

        def run():
            for batch, labels in utils.data_iter(batch_size, rows, X, y):
                with autograd.record():
                    loss = utils.squared_loss(utils.linreg(batch, *params), labels)
                loss.backward()
                chapters.sgd_momentum(params, vs, rate, 0.9, len(labels))

    elif kind == "compiled":
        compiled = chapters.Epoch(chapters.squared_gradient)
        run = partial(chapters.train_compiled, compiled, *arguments, [rate], 0.9)
    elif kind == "matrix":
        products = chapters.Products()
        run = partial(chapters.train_least_squares, products, *arguments, [rate], 0.9)
    else:
        rates, moms = rate * nd.ones((1, settings)), 0.9 * nd.ones((1, settings))
        run = partial(chapters.train_columns, chapters.Columns(), *arguments, rates, [1], moms)
    return lambda: (run(), nd.waitall())


def _torch_loop(X, y, batch_size, rate):
    import torch

    names = definitions(TORCH, "sgd-momentum", "data", "optimize")
    X, y = torch.from_numpy(X.asnumpy()), torch.from_numpy(y.asnumpy())
    params = [torch.zeros(X.shape[1], 1, requires_grad=True), torch.zeros(1, requires_grad=True)]
    vs = [torch.zeros_like(param) for param in params]

    def run():
        for features, labels in names["data_iter"](batch_size, X, y):
            names["squared_loss"](names["net"](features, *params), labels).sum().backward()
            with torch.no_grad():
                names["sgd_momentum"](params, vs, rate, 0.9, len(labels))

    return run


CASES = {
    "chapter": partial(chapter, CHAPTER),
    "chapter, naively": partial(fast_run, "train_naive"),
    "chapter, fused update": partial(fast_run, "train_fused"),
    "chapter, compiled epoch": partial(fast_run, "train_foreach"),
    "chapter, a matrix an update": partial(fast_run, "train_matrix"),
    "chapter, all updates at once": partial(fast_run, "train_all"),
    "chapter, torch": partial(chapter, TORCH),
    "4,096 settings": partial(fast_run, "train_grid", "many", "train-columns", "grid"),
    "64 settings, torch": settings_in_turn,
    "notebook": partial(notebook, CHAPTER),
    "notebook, torch": partial(notebook, TORCH),
    "import mxnet": partial(importing, "mxnet"),
    "import torch": partial(importing, "torch"),
} | numpy_jax.CASES
SIZED = {"epoch": epoch, "train": training}  # "epoch KIND ROWS BATCH", "train KIND ROWS FEATURES …"


def prepare(name):
    """Give the function to be timed of a case: a name in `CASES`, or one with sizes, as in `SIZED`."""
    if name in CASES:
        return CASES[name]()
    family, kind, *sizes = name.split()
    return SIZED[family](kind, *map(int, sizes))


def peak_memory(name):
    """Run a case once; give the bytes that it takes at its peak, its data included."""
    from mxnet import nd

    nd.ones(1).asnumpy()  # what the library itself takes does not count
    if "torch" in name:
        import torch

        torch.ones(1)
    before = _status("VmRSS")
    run = prepare(name)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far: making the data
    run()
    return _status("VmHWM") - before


def _status(field):
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if field in line)
    return 1024 * int(line.split()[1])


def main():
    """Time the case that the command line names with pyperf, or print its peak memory."""

    def pass_on(command, options):
        command.extend(("--case", options.case))

    runner = pyperf.Runner(processes=1, loops=1, add_cmdline_args=pass_on)
    runner.argparser.add_argument("--case", required=True)
    runner.argparser.add_argument("--peak-memory", action="store_true")
    options = runner.parse_args()
    if options.peak_memory:
        print(peak_memory(options.case))
        return
    # Only the worker prepares: pyperf's first process just starts it.
    runner.bench_func(options.case, prepare(options.case) if options.worker else print)


if __name__ == "__main__":
    main()
