"""Run the chapter in an arm64 Debian, emulated on another processor: `nox -s arm` calls this.

Arguments name other notebooks: notebooks/zh/momentum-why.ipynb. The doctor runs before, twice, and
is undone between. Without debootstrap, qemu or root's rights, the first line says what is missing.
What is mounted is mounted in a namespace of its own, which ends with each command.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
RELEASE = "bookworm"  # whose Python is the reference, 3.11
DEBIAN = ("python3", "libgomp1", "libopenblas0-pthread", "liblapacke")
ENV = "/opt/momentum-lab"
PACKAGES = f"{ENV}/lib/python3.11/site-packages"
SECONDS = 1200  # for a cell: emulated, one takes ten times as long and more


def missing():
    """Say why there is no emulation here, or give an empty string."""
    if os.geteuid() != 0:
        return "only root can make a Debian"
    if lacking := [one for one in ("debootstrap", "unshare") if not shutil.which(one)]:
        return f"{' and '.join(lacking)} must be installed"
    emulator = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
    if platform.machine() != "aarch64" and not emulator.exists():
        return "nothing runs arm64's programs (Debian: qemu-user-static, binfmt-support)"
    return ""


def run(debian, *command):
    """Run a command in the Debian, show what it prints, and give that with its exit code."""
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--root={debian}"]
    process = subprocess.Popen(
        [*unshare, "--mount-proc", "--wd=/course", *command],
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    printed = []
    for line in process.stdout:
        print(line, end="", flush=True)
        printed.append(line)
    return "".join(printed), process.wait()


def make(debian):
    """Make a Debian with the course and its packages, which are put there from outside."""
    command = ["debootstrap", "--arch=arm64", "--variant=minbase", f"--include={','.join(DEBIAN)}"]
    subprocess.run([*command, RELEASE, debian], check=True, stdout=subprocess.DEVNULL)
    left_out = shutil.ignore_patterns(".*", "__pycache__", "my", "_site")
    shutil.copytree(ROOT, debian / "course", ignore=left_out)
    run(debian, "python3", "-m", "venv", "--without-pip", ENV)
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    where = ["--python-platform=aarch64-manylinux_2_28", "--python-version=3.11"]
    target = ["--only-binary=:all:", f"--target={debian}{PACKAGES}", "-r", "requirements.txt"]
    subprocess.run([*uv, *where, *target], cwd=ROOT, check=True)
    run(debian, f"{ENV}/bin/python", "tools/mxnet_numpy.py")


def try_the_doctor(debian):
    """Let it arrange, again, undo, and arrange; each time it must say just that."""
    doctor = (f"{ENV}/bin/python", "tools/doctor.py")
    arranged, nothing, undone, again = (
        run(debian, *doctor, *options) for options in ((), (), ("--undo",), ())
    )
    assert arranged == again and arranged[1] == 0 and arranged[0].count(" -> ") == 3
    assert nothing == ("", 0)
    assert undone[1] == 0 and undone[0].startswith(f"Removed from {PACKAGES}/mxnet: lib")


def try_a_notebook(debian, path):
    """Run one, compare every output with the stored one, and tell whether all agree."""
    started = time.monotonic()
    pytest = ("-m", "pytest", "-q", "--override-ini=addopts=", "-p", "no:cacheprovider")
    nbval = ("--nbval", "--nbval-current-env", f"--nbval-cell-timeout={SECONDS}", path)
    _, code = run(
        debian, f"{ENV}/bin/python", *pytest, "--override-ini=filterwarnings=default", *nbval
    )
    said = {0: "agrees", 5: "has no code"}.get(code, "differs")  # 5: nothing was collected
    print(f"{path}: {said}, {time.monotonic() - started:.0f} s")
    return code in (0, 5)


def main():
    """Try all, and give how many notebooks differ."""
    if reason := missing():
        print(f"Skipped: {reason}.")
        return 0
    chapter = [f"notebooks/{language}/momentum-scratch.ipynb" for language in ("zh", "en")]
    with tempfile.TemporaryDirectory() as folder:
        debian = Path(folder, "debian")
        make(debian)
        try_the_doctor(debian)
        return sum([not try_a_notebook(debian, path) for path in sys.argv[1:] or chapter])


if __name__ == "__main__":
    sys.exit(main())
