"""Time each case and its rival in turn, in one run on one machine: `python benchmarks/run.py`.

Prints a table of medians and ratios; `--json FILE` writes it as a list, `--only WORD` takes the
rows with this word. Rows with PyTorch appear when PyTorch is installed, those with NumPy and JAX
when `nox -s rivals` has made their environment: README.md says how.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import cases
import psutil
import pyperf
from jupyter_client.manager import start_new_kernel
from packaging.requirements import Requirement

MB = 1e6
LARGEST = 10**7  # rows of an epoch
ROWS_TIMED = 200_000  # of gluon's epoch: the whole of 10 million would take hours
STEADY = ("--values=20", "--warmups=5")  # of runs of milliseconds, the first ones are slower
LOADERS = {"naive": "(b) Python list", "gluon": "gluon DataLoader", "torch": "PyTorch DataLoader"}


@dataclass
class Side:
    """One side of a comparison: a case of cases.py, whose time is divided by `parts`."""

    name: str
    case: str
    parts: float = 1

    @property
    def python(self):
        """Give the Python that runs it: NumPy and JAX have an environment of their own."""
        return str(cases.RIVALS) if self.case in cases.numpy_jax.CASES else sys.executable


@dataclass
class Row:
    """A case, its rival, and how many times the rival's time or memory is the goal."""

    ours: Side
    rival: Side
    goal: float | None = None
    rounds: int = 5
    options: tuple = ("--values=3", "--warmups=1")

    @property
    def needs(self):
        """Give what must be there for the rival: "torch", "rivals" (the environment), or None."""
        if self.rival.case in cases.numpy_jax.CASES:
            return "rivals"
        return "torch" if "torch" in self.rival.case else None


def epoch_side(kind, rows, batch_size):
    """Give the side that iterates over an epoch; gluon only over a part, scaled up."""
    sizes = f"{rows:,} rows by {batch_size}"
    name, case = (
        f"{LOADERS.get(kind, '(f) data_iter')}, {sizes}",
        f"epoch {kind} {rows} {batch_size}",
    )
    if kind == "gluon" and rows > ROWS_TIMED:
        return Side(f"{name} (scaled)", f"{case} {ROWS_TIMED // batch_size}", ROWS_TIMED / rows)
    return Side(name, case)


def epoch_row(kind, rows, batch_size):
    """Give the comparison of an epoch of `data_iter` with one of the `LOADERS`."""
    largest = rows == LARGEST
    goal = 0.1 if largest and kind != "gluon" else None
    sides = epoch_side("course", rows, batch_size), epoch_side(kind, rows, batch_size)
    return Row(*sides, goal, rounds=2 if largest else 3, options=("--values=1", "--warmups=1"))


ORIGINAL = Side("(a) the chapter's optimize", "chapter")
TORCH = Side("(d) PyTorch eager", "chapter, torch")
NUMPY = Side("(n) NumPy by hand", "chapter, numpy")
JAX = Side("(j) JAX, compiled", "chapter, jax")
AT_ONCE = Side("(c3) all updates at once", "chapter, all updates at once")
SETTINGS = Side("(e) one of 4,096 settings at once", "4,096 settings", cases.SETTINGS)
ROWS = [
    Row(ORIGINAL, Side("(b) written naively", "chapter, naively"), 0.5),
    Row(ORIGINAL, TORCH, options=STEADY),
    Row(Side("fused update", "chapter, fused update"), TORCH, options=STEADY),
    Row(Side("(c1) compiled epoch", "chapter, compiled epoch"), TORCH, 1.0, options=STEADY),
    Row(Side("(c2) a matrix an update", "chapter, a matrix an update"), TORCH, 0.5, options=STEADY),
    Row(ORIGINAL, NUMPY, options=STEADY),
    Row(AT_ONCE, NUMPY, 1.0, options=STEADY),
    Row(AT_ONCE, JAX, 5.0, options=STEADY),
    Row(AT_ONCE, Side("(j) JAX: compiling it", "chapter, jax, compiling")),
    Row(
        SETTINGS,
        Side("(j) one of 4,096, JAX", "4,096 settings, jax", cases.SETTINGS),
        2.0,
        options=STEADY,
    ),
    Row(
        SETTINGS,
        Side("(j) the same with matrices", "4,096 settings, jax, matrices", cases.SETTINGS),
        options=STEADY,
    ),
    Row(
        Side("(e) all 4,096 settings", "4,096 settings"),
        Side("(j) JAX: compiling 4,096", "4,096 settings, jax, compiling"),
    ),
    Row(
        SETTINGS,
        Side("(d) one of 64 settings in turn", "64 settings, torch", cases.RIVAL_SETTINGS),
        1 / 150,
    ),
]
ROWS += [
    epoch_row(kind, rows, batch_size)
    for batch_size, powers in ((1000, (4, 5, 6, 7)), (10, (4, 5, 6)))
    for rows in (10**power for power in powers)
    for kind in LOADERS
]
ROWS += [
    Row(
        Side("(g) kernel start to last output", "notebook"),
        Side("(g) on PyTorch", "notebook, torch"),
        1.0,
        options=("--values=1", "--warmups=0"),
    ),
    Row(Side("(h) import mxnet", "import mxnet"), Side("(h) import torch", "import torch")),
]


def timed(side, options):
    """Run a case in a process of its own; give pyperf's benchmark of it."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "benchmark.json")
        command = [side.python, "-W", "ignore", cases.__file__, "--case", side.case]
        command += ["--quiet", "--copy-env", "--output", str(output), *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return pyperf.Benchmark.load(str(output))


def compare(row, rounds):
    """Time both sides of a row in turn; give what `--json` writes of it."""
    benchmarks = [None, None]
    for _ in range(rounds):
        for i, side in enumerate((row.ours, row.rival)):
            new = timed(side, row.options)
            if benchmarks[i]:
                benchmarks[i].add_runs(new)
            else:
                benchmarks[i] = new
    ours, rival = (
        benchmark.median() / side.parts
        for benchmark, side in zip(benchmarks, (row.ours, row.rival))
    )
    return result(row.ours.name, row.rival.name, ours, rival, row.goal)


def result(name, rival, ours, theirs, goal=None, *, seconds=True):
    """Make an entry of the table; quantities that are no times stand in it only as a ratio."""
    ratio = ours / theirs
    return {
        "name": name,
        "median_s": ours if seconds else None,
        "rival": rival,
        "rival_median_s": theirs if seconds else None,
        "ratio": ratio,
        "goal": goal,
        "met": None if goal is None else ratio <= goal,
    }


# What is not timed


def peak_memory(case):
    """Run a case once in a process of its own; give the bytes that it takes at its peak."""
    command = [sys.executable, "-W", "ignore", cases.__file__, "--peak-memory", "--case", case]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peak_row(kind, name):
    """Measure the peak memory of an epoch over ten million rows, as a multiple of the data's."""
    data_bytes = 4 * LARGEST * 3
    peak = peak_memory(f"epoch {kind} {LARGEST} 1000")
    name, rival = f"{name}, {peak / MB:.0f} MB", f"the data, {data_bytes / MB:.0f} MB"
    return result(name, rival, peak, data_bytes, 2.5 if kind == "course" else None, seconds=False)


def size_on_disk(*names):
    """Give the bytes of the installed packages `names` and of all that they need."""
    found, wanted = {}, set(names)
    while wanted - set(found):
        name = (wanted - set(found)).pop()
        installed = distribution(name)
        found[name] = sum(
            path.stat().st_size
            for path in map(installed.locate_file, installed.files or ())
            if path.is_file()
        )
        for text in installed.requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                wanted.add(needed.name.lower().replace("_", "-"))
    return sum(found.values())


def idle_kernel(code):
    """Start a kernel, run `code` in it; give the bytes that its process then holds."""
    manager, client = start_new_kernel(kernel_name="python3", extra_arguments=["--log-level=ERROR"])
    try:
        client.execute_interactive(code, timeout=60)
        return psutil.Process(manager.provisioner.pid).memory_info().rss
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def environment_size(library):
    """Give the bytes of the run-time set with this library."""
    rest = ("numpy", "matplotlib", "jupyter", "nbval", "jupyterlab-language-pack-zh-CN")
    return size_on_disk(library, *rest)


def kernel_memory(library):
    """Give the bytes of an idle kernel that has imported this library."""
    codes = {
        "mxnet": "from mxnet import nd; one = nd.ones(1).asnumpy()",
        "torch": "import torch; one = torch.ones(1).numpy()",
    }
    return idle_kernel(codes[library])


def footprint_row(name, measure):
    """Compare what `measure` gives of MXNet and of PyTorch."""
    ours, theirs = measure("mxnet"), measure("torch")
    name, rival = f"{name}, {ours / MB:.0f} MB", f"with PyTorch, {theirs / MB:.0f} MB"
    return result(name, rival, ours, theirs, seconds=False)


# The command


def duration(seconds):
    """Give a duration in the unit that suits it; nothing for a quantity that is none."""
    if seconds is None:
        return ""
    unit, factor = ("s", 1) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
    return f"{seconds * factor:.3g} {unit}"


def shown(entry):
    """Give a line of the table."""
    goal = "" if entry["goal"] is None else f"≤ {entry['goal']:.3g}"
    columns = (
        entry["name"],
        duration(entry["median_s"]),
        entry["rival"],
        duration(entry["rival_median_s"]),
        f"{entry['ratio']:.3g}",
        goal,
        {None: "", True: "met", False: "MISSED"}[entry["met"]],
    )
    return f"| {' | '.join(columns)} |"


def measurements(there, rounds=None):
    """Yield the text of each row of the table, but for its numbers, and what measures the row.

    Rows that need "torch" or "rivals" are left out if it is not among `there`.
    """
    has_torch = "torch" in there
    for row in ROWS:
        if row.needs in (None, *there):
            text = f"{row.ours.name} {row.rival.name}"
            yield text, partial(compare, row, rounds or row.rounds)
    for kind, loader in [("course", "(f) data_iter"), *LOADERS.items()]:
        # gluon's epoch would take hours
        if kind != "gluon" and (has_torch or kind != "torch"):
            name = f"{loader}, {LARGEST:,} rows by 1000: peak memory"
            yield f"{name} the data", partial(peak_row, kind, name)
    if has_torch:
        for name, measure in (
            ("(h) environment", environment_size),
            ("(h) idle kernel", kernel_memory),
        ):
            yield f"{name} with PyTorch", partial(footprint_row, name, measure)


def main():
    """Run the command; give its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the table as JSON, too")
    parser.add_argument("--only", metavar="WORD", default="", help="the rows whose text holds WORD")
    parser.add_argument(
        "--rounds", metavar="N", type=int, help="runs of each side (default: 2 to 5)"
    )
    options = parser.parse_args()
    there = {"torch"} if find_spec("torch") else set()
    there |= {"rivals"} if cases.RIVALS.exists() else set()

    print("deviation from the chapter's run on the same minibatches:", flush=True)
    for name, (loss, parameter) in cases.deviations().items():
        print(f"  {name}: losses {loss:.0e} relative, parameters {parameter:.0e}")
        if max(loss, parameter) > 1e-3:
            print(f"{name} does not end where the chapter does", file=sys.stderr)
            return 1
    print("\n| case | median | rival | median | ratio | goal | |\n|---|---|---|---|---|---|---|")

    table = []
    for text, measure in measurements(there, options.rounds):
        if options.only in text:
            table.append(measure())
            print(shown(table[-1]), flush=True)
    for needed, what in (
        ("torch", "PyTorch is not installed"),
        ("rivals", "`nox -s rivals` has not made its environment"),
    ):
        if needed not in there:
            print(f"\n{what}, so its rows are missing; README.md says how to add them.")
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
