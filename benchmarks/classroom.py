"""A class on one machine: `python benchmarks/classroom.py --learners 20`.

Starts a kernel for each learner and runs the chapter in all of them at once, up to its `run` cell;
for comparison, in one alone. Each with OMP_NUM_THREADS unset, 1 and 2, and each several times, of
which the quickest counts: others may use the machine. Prints a table in Markdown; `--json` writes
the numbers, which the page for instructors in web/pages shows (nox -s web).

Memory is that of the kernels' processes. Their libraries lie in memory once, however many kernels
use them: the proportional set size (PSS) counts a kernel's own memory and its share of the rest, so
the sum over the kernels is what they take together. The resident set size (RSS) counts all of it
for each kernel: what one kernel takes alone. A learner's JupyterLab is measured apart, idle.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import mean, median

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

ROOT = Path(__file__).parents[1]
CHAPTER = ROOT / "notebooks/en/momentum-scratch.ipynb"
THREADS = (None, 1, 2)
MB = 1e6


def chapter():
    """Give the chapter up to its `run` cell."""
    notebook = nbformat.read(CHAPTER, as_version=4)
    last = next(i for i, cell in enumerate(notebook.cells) if cell.id == "run")
    notebook.cells = notebook.cells[: last + 1]
    return notebook


def printed(cell):
    """Give what a cell printed."""
    return "".join(output.get("text", "") for output in cell.outputs)


class Learner:
    """A kernel that runs the chapter, and what it took."""

    def __init__(self, threads, folder):
        self.env = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        if threads:
            self.env["OMP_NUM_THREADS"] = str(threads)
        # Not over TCP, where a port that a kernel is told to take may be gone before it does.
        kernel = {"transport": "ipc", "ip": str(Path(folder, uuid.uuid4().hex))}
        self.client = NotebookClient(
            chapter(),
            timeout=600,
            kernel_name="python3",
            resources={"metadata": {"path": str(CHAPTER.parent)}},
            config=Config(KernelManager=kernel),
        )
        self.finished = self.agrees = False

    async def study(self, kernels):
        """Run the chapter; the kernel lives until the exit stack `kernels` closes."""
        cells = self.client.nb.cells
        wanted = printed(cells[-1])
        try:
            await kernels.enter_async_context(self.client.async_setup_kernel(env=self.env))
            for index, cell in enumerate(cells):
                before = time.perf_counter()
                await self.client.async_execute_cell(cell, index)
            self.run_s = time.perf_counter() - before
        except (CellExecutionError, RuntimeError) as error:  # no kernel, or a dead one: the latter
            print(error, file=sys.stderr)
            return
        self.process = psutil.Process(self.client.km.provisioner.pid)
        times = self.process.cpu_times()
        self.cpu_s = times.user + times.system
        self.finished, self.agrees = True, printed(cells[-1]) == wanted


async def lesson(learners, threads):
    """Let so many learners run the chapter at once; give an entry of the table."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        group = [Learner(threads, folder) for _ in range(learners)]
        async with AsyncExitStack() as kernels:
            start = time.perf_counter()
            await asyncio.gather(*(one.study(kernels) for one in group))
            seconds = time.perf_counter() - start
            finished = [one for one in group if one.finished]
            pss = [one.process.memory_full_info().pss / MB for one in finished]
            rss = [peak_rss(one.process.pid) / MB for one in finished]
    return {
        "learners": learners,
        "threads": threads,
        "failed": sum(not one.agrees for one in group),
        "all_done_s": seconds,
        "run_cell_s": median(one.run_s for one in finished),
        "cpu_s": mean(one.cpu_s for one in finished),
        "pss_mb": mean(pss),
        "sum_pss_mb": sum(pss),
        "peak_rss_mb": max(rss),
        "load_before": load,
    }


def peak_rss(pid):
    """Give the most bytes that a process has held, as Linux keeps count of them."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def server_mb(servers=3):
    """Give the memory of an idle JupyterLab, its PSS where several run, as on a hub."""
    with tempfile.TemporaryDirectory() as folder:
        own = {f"JUPYTER_{name}_DIR": folder for name in ("CONFIG", "DATA", "RUNTIME")}
        started = [
            subprocess.Popen(
                [sys.executable, ROOT / "tools/lab.py", "--no-browser"],
                env=os.environ | own,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(servers)
        ]
        try:
            while len(list(Path(folder).glob("jpserver-*.json"))) < servers:
                if any(one.poll() is not None for one in started):
                    raise RuntimeError("JupyterLab did not start")
                time.sleep(0.5)
            return mean(psutil.Process(one.pid).memory_full_info().pss for one in started) / MB
        finally:
            for one in started:
                one.terminate()
            for one in started:
                one.wait(30)


def machine():
    """Describe the machine, without its name."""
    model = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "processor": model,
        "python": platform.python_version(),
    }


def table(entries):
    """Give the table in Markdown."""
    lines = [
        [
            "Learners at once",
            "`OMP_NUM_THREADS`",
            "All done after",
            "The experiment took",
            "Processor time, each",
            "Memory, each",
            "Memory, all",
            "Failed",
        ],
        ["---:"] * 8,
    ]
    lines += [
        [
            str(entry["learners"]),
            str(entry["threads"] or "unset"),
            f"{entry['all_done_s']:.1f} s",
            f"{entry['run_cell_s']:.1f} s",
            f"{entry['cpu_s']:.1f} s",
            f"{entry['pss_mb']:.0f} MB",
            f"{entry['sum_pss_mb']:,.0f} MB",
            str(entry["failed"]),
        ]
        for entry in entries
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main():
    """Run the command; give its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", type=int, default=20, help="default: 20")
    parser.add_argument("--rounds", type=int, default=3, help="how often each; default: 3")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers, too")
    options = parser.parse_args()

    runs = [
        [
            asyncio.run(lesson(learners, threads))
            for learners in sorted({1, options.learners})
            for threads in THREADS
        ]
        for _ in range(options.rounds)
    ]
    failed = sum(entry["failed"] for table in runs for entry in table)
    entries = [min(of_one, key=lambda entry: entry["all_done_s"]) for of_one in zip(*runs)]
    results = {
        "machine": machine(),
        "rounds": options.rounds,
        "failed": failed,
        "server_mb": server_mb(),
        "entries": entries,
    }
    print(table(entries))
    print(f"\nAn idle JupyterLab: {results['server_mb']:.0f} MB for each learner.")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if failed:
        print(f"{failed} runs failed, or printed other numbers than are stored.", file=sys.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
