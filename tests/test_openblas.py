"""The chapter prints the same whatever kernels OpenBLAS picks for the processor.

The machine's own choice is what nbval runs anyway.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

CPUINFO = Path("/proc/cpuinfo")
without_avx512 = pytest.mark.skipif(
    not (CPUINFO.exists() and "avx512f" in CPUINFO.read_text()),
    reason="this processor has no AVX-512, which OpenBLAS's SkylakeX kernels need",
)


@pytest.mark.parametrize(
    "core", ["Haswell", pytest.param("SkylakeX", marks=without_avx512), "Sandybridge"]
)
def test_the_chapter_passes_on_the_kernels_of(core):
    # xdist's variables would make this run think that it is one of the outer run's workers.
    environment = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
    environment["OPENBLAS_CORETYPE"] = core
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=0", "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, "notebooks/zh/momentum-scratch.ipynb"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "8 passed" in result.stdout
