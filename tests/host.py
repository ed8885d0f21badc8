"""Run the hosted notebooks as on a stranger's host: `nox -s host` calls this.

Arguments choose among them: en/momentum-scratch.

It runs in an environment with numpy 2, scipy, pandas, matplotlib and ipykernel, without mxnet, in
an empty folder, and clones this repository's last commit. Every output is compared with the stored
one; numpy must still be the host's, and scipy and pandas work, after all.
"""

import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
KEPT = ("numpy", "matplotlib", "scipy", "pandas", "ipython", "ipykernel")
HOST = "import scipy.stats, pandas; print(pandas.DataFrame({'x': [1]}).sum().x, scipy.stats.norm.cdf(0))"


def text(cell):
    """Give what a cell printed, and the errors that it raised, as nbval compares them."""
    return "".join(
        one.get("text", "") or one.get("ename", "") or one.get("data", {}).get("text/plain", "")
        for one in cell.outputs
        if not {"image/png", "application/vnd.jupyter.widget-view+json"}
        & one.get("data", {}).keys()
    )


def run(path, folder):
    """Run a notebook in a folder, and give the ids of the cells that differ, and the first's seconds."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    stored = {cell.id: text(cell) for cell in code}
    client = NotebookClient(
        notebook, timeout=600, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    seconds = 0
    again = ""
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                start = time.monotonic()
                client.execute_cell(cell, index)
                if cell.id == "hosted":
                    seconds = time.monotonic() - start
                    said = text(cell)
                    client.execute_cell(cell, index)
                    again = text(cell)
                    print(f"{path.parent.name}/{path.stem}: {said!r}", flush=True)
    assert again == "", f"a second run says {again!r}"
    # nbval does not compare what its own tag marks, nor a volatile output.
    skipped = {"volatile", "nbval-ignore-output", "nbval-skip"}
    return [
        cell.id
        for cell in code
        if cell.id != "hosted"
        and not skipped & set(cell.metadata.get("tags", ()))
        and text(cell) != stored[cell.id]
    ], seconds


def megabytes(folder):
    """Give what the files in a folder take, in 10**6 bytes."""
    files = (path for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) // 10**6


def main():
    """Run all of them, print a line for each, and give how many differ."""
    assert not find_spec("mxnet"), "this environment has mxnet already"
    before = {name: version(name) for name in KEPT}
    print(f"Python {sys.version.split()[0]}, {before}")
    failed, installed = 0, megabytes(sys.prefix)
    with tempfile.TemporaryDirectory() as folder:
        out, empty = Path(folder, "out"), Path(folder, "empty")
        empty.mkdir()
        make = [sys.executable, ROOT / "tools/hosted.py", "--repository", f"file://{ROOT}"]
        subprocess.run([*make, "--out", out], check=True)
        for path in sorted(out.glob("*/*.ipynb")):
            chosen = not sys.argv[1:] or f"{path.parent.name}/{path.stem}" in sys.argv[1:]
            if chosen and "hosted" in {cell.get("id") for cell in nbformat.read(path, 4).cells}:
                start = time.monotonic()
                differ, first = run(path, empty)
                failed += bool(differ)
                total = time.monotonic() - start
                print(
                    f"  first cell {first:.1f} s, all {total:.0f} s, differ: {differ}", flush=True
                )
        installed = megabytes(sys.prefix) - installed
        print(f"the course takes {megabytes(empty)} MB, what was installed {installed} MB")
    code = "from importlib.metadata import version; print({name: version(name) for name in %r})"
    after = subprocess.check_output([sys.executable, "-c", code % (KEPT,)], text=True)
    assert after.strip() == str(before), f"the host had {before} and has {after}"
    assert subprocess.check_output([sys.executable, "-c", HOST], text=True).split() == ["1", "0.5"]
    print(f"the host's packages are unchanged; notebooks that differ: {failed}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
