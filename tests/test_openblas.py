"""The notebooks print the same whatever kernels OpenBLAS picks for the processor.

The machine's own choice is what nbval runs anyway; Sandybridge's differ from it the most.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from common import ROOT, read

CPUINFO = Path("/proc/cpuinfo")
without_avx512 = pytest.mark.skipif(
    not (CPUINFO.exists() and "avx512f" in CPUINFO.read_text()),
    reason="this processor has no AVX-512, which OpenBLAS's SkylakeX kernels need",
)


@pytest.mark.parametrize(
    ("core", "notebooks"),
    [
        ("Sandybridge", "notebooks/en-solutions"),
        ("Haswell", "notebooks/zh/momentum-scratch.ipynb"),
        pytest.param("SkylakeX", "notebooks/zh/momentum-scratch.ipynb", marks=without_avx512),
    ],
)
def test_the_notebooks_pass_on_the_kernels_of(core, notebooks):
    # xdist's variables would make this run think that it is one of the outer run's workers.
    environment = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
    environment["OPENBLAS_CORETYPE"] = core
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=0", "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, notebooks], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    codes = [cell for path in matching(notebooks) for cell in read(path).cells]
    run = sum(cell.cell_type == "code" for cell in codes)
    assert f"{run} passed" in result.stdout


def matching(notebooks):
    """Give the notebooks at a path: itself, or those in a folder."""
    path = ROOT / notebooks
    return sorted(path.glob("*.ipynb")) if path.is_dir() else [path]
