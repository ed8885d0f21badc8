"""A class on one machine: `python benchmarks/classroom.py --learners 20`.

Starts a kernel for each learner and runs the chapter in all of them at once, up to its `run` cell;
for comparison, in one alone. Each with OMP_NUM_THREADS unset, 1 and 2, and each several times, of
which the quickest counts: others may use the machine. Prints a table in Markdown. Then runs every
chapter once, solved, for the most memory that it takes; `--memory` does only that. `--json` stores
the numbers, which web/pages/*/class-setup.md shows: `--page` writes each chapter's memory there,
and tests/test_class.py says which of the other numbers have changed.

Memory is that of the kernels' processes, and of the processes that a chapter starts. Libraries lie
in memory once, however many processes use them: the proportional set size (PSS) counts a process's
own memory and its share of the rest, so a sum of them is what processes take together. (Whatever
else uses MXNet from the same files takes a share too: have nothing of the kind run.) The resident
set size (RSS) counts all of it for each kernel: what one kernel takes alone. A learner's
JupyterLab is measured apart, idle.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from statistics import mean, median

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tools.sources import order  # noqa: E402

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


def kernel_client(notebook, path, folder):
    """Give what runs a notebook in the folder of `path`; its kernel's sockets lie in `folder`."""
    # Not over TCP, where a port that a kernel is told to take may be gone before it does.
    kernel = {"transport": "ipc", "ip": str(Path(folder, uuid.uuid4().hex))}
    return NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        config=Config(KernelManager=kernel),
    )


class Learner:
    """A kernel that runs the chapter, and what it took."""

    def __init__(self, threads, folder):
        self.env = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        if threads:
            self.env["OMP_NUM_THREADS"] = str(threads)
        self.client = kernel_client(chapter(), CHAPTER, folder)
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
        async with contextlib.AsyncExitStack() as kernels:
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


def held(process):
    """Give the summed PSS of a process and its children, and how many they are."""
    sizes = []
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended since
            sizes.append(each.memory_full_info().pss / MB)
    return sum(sizes), len(sizes)


async def memory(path):
    """Run a notebook in one kernel; give the most that it holds, with what it starts."""
    seen = []

    async def watch(process):
        while True:
            seen.append(await asyncio.to_thread(held, process))
            await asyncio.sleep(0.02)

    with tempfile.TemporaryDirectory() as folder:
        client = kernel_client(nbformat.read(path, as_version=4), path, folder)
        async with client.async_setup_kernel(env=os.environ | {"OMP_NUM_THREADS": "1"}):
            process = psutil.Process(client.km.provisioner.pid)
            watching = asyncio.create_task(watch(process))
            for index, cell in enumerate(client.nb.cells):
                await client.async_execute_cell(cell, index)
            watching.cancel()
    return {
        "chapter": path.stem,
        "peak_mb": max(size for size, _ in seen),
        "processes": max(count for _, count in seen),
    }


def memories():
    """Give the memory of each chapter, with its exercises solved."""
    for name in order():
        path = ROOT / f"notebooks/en-solutions/{name}.ipynb"
        if any(cell.cell_type == "code" for cell in nbformat.read(path, as_version=4).cells):
            yield asyncio.run(memory(path))


def write_into_pages(chapters):
    """Write the memory of each chapter into its row of the pages for instructors."""
    for page in ROOT.glob("web/pages/*/class-setup.md"):
        text = page.read_text()
        for row in chapters:
            cells = f"| {row['peak_mb']:.0f} | {row['processes']} |"
            text = re.sub(rf"(/{row['chapter']}\.ipynb\)) \|.*", rf"\1 {cells}", text)
        page.write_text(text)


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
    parser.add_argument("--memory", action="store_true", help="only what each chapter takes")
    parser.add_argument("--json", metavar="FILE", type=Path, help="store the numbers, too")
    parser.add_argument("--page", action="store_true", help="write each chapter's memory there")
    options = parser.parse_args()

    results = {} if options.memory else together(options.learners, options.rounds)
    results["chapters"] = list(memories())
    for row in results["chapters"]:
        print("{chapter}: {peak_mb:.0f} MB at most, processes: {processes}".format(**row))
    if options.json:
        stored = json.loads(options.json.read_text()) if options.memory else {}
        options.json.write_text(json.dumps(stored | results, indent=1) + "\n")
    if options.page:
        write_into_pages(results["chapters"])
    return int(results.get("failed", 0) > 0)


def together(learners, rounds):
    """Measure a class that runs the chapter at once, and print it."""
    runs = [
        [
            asyncio.run(lesson(count, threads))
            for count in sorted({1, learners})
            for threads in THREADS
        ]
        for _ in range(rounds)
    ]
    failed = sum(entry["failed"] for table in runs for entry in table)
    entries = [min(of_one, key=lambda entry: entry["all_done_s"]) for of_one in zip(*runs)]
    print(table(entries))
    if failed:
        print(f"{failed} runs failed, or printed other numbers than are stored.", file=sys.stderr)
    idle = server_mb()
    print(f"\nAn idle JupyterLab: {idle:.0f} MB for each learner.\n")
    return {
        "machine": machine(),
        "rounds": rounds,
        "failed": failed,
        "server_mb": idle,
        "entries": entries,
    }


if __name__ == "__main__":
    sys.exit(main())
