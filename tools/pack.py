"""Make a zip of the course for a machine without a network (`nox -s pack` calls this).

`python tools/pack.py [--python 3.12] [--platform linux_x86_64] [--out FILE]` takes the last commit,
the packages for one Python on one platform, by default those that run this, and the web edition in
web/_site, with the PDFs that are there. Two lines in it say how to install and start.
"""

import argparse
import io
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
SITE = ROOT / "web/_site"
TOP = "momentum-lab"  # the folder in the zip
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
GLIBC = 31  # wheels for glibc up to 2.31: Debian 11, Ubuntu 20.04, and all that is later
MACHINES = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "aarch64"}
# What Debian and Ubuntu must have beside python3-venv
DEBIAN = {
    "linux_x86_64": "libgomp1 libquadmath0",
    "linux_aarch64": "libgomp1 libopenblas0-pthread liblapacke",
}
PLATFORMS = {
    "linux_x86_64": {"sys_platform": "linux", "platform_system": "Linux"},
    "linux_aarch64": {"sys_platform": "linux", "platform_system": "Linux"},
    "macosx_x86_64": {"sys_platform": "darwin", "platform_system": "Darwin"},
}
README = """Momentum Lab · 动量法实验室

中文
这台机器不用联网。先要有：{system_zh}。在这个文件夹里运行下面两行（以后只用第二行）：

{install}
{start} zh

只读不运行：用浏览器打开 web/_site/index.html{pdf_zh}。

English
This machine needs no network. It must have: {system_en}.
Run these two lines in this folder (later only the second):

{install}
{start} en

To read only, open web/_site/index.html in a browser{pdf_en}.
"""
INSTALL = (
    "python{python} -m venv .venv && .venv/bin/python -m pip install --no-index --find-links wheels "
    "--no-deps --require-hashes -r requirements.txt && .venv/bin/python tools/mxnet_numpy.py"
)
START = ".venv/bin/python tools/lab.py"


class PackError(Exception):
    """What keeps the pack from being made."""


def here():
    """Give this Python's version and this platform, as the options name them."""
    system = {"Linux": "linux", "Darwin": "macosx"}.get(platform.system(), platform.system())
    machine = MACHINES.get(platform.machine(), platform.machine())
    return f"{sys.version_info.major}.{sys.version_info.minor}", f"{system}_{machine}"


def needed(text, python, target):
    """Give the blocks of a hashed file that hold for a Python (3.11.2) elsewhere, without markers.

    pip would take the markers to be of the Python that runs it.
    """
    machine = target.partition("_")[2]
    environment = PLATFORMS[target] | {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_machine": machine,
        "os_name": "posix",
    }
    kept = []
    for block in re.split(r"\n(?=\S)", text):
        if block.startswith("#") or not block.strip():
            continue
        first, *hashes = re.split(r"\s*\\\n\s*", block.split("\n    #")[0].strip())
        requirement = Requirement(first)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            kept.append(" \\\n    ".join([first.partition(" ;")[0], *hashes]))
    return kept


def tags(target):
    """Give the platform tags of the wheels that run on a platform."""
    system, machine = target.split("_", 1)
    if system == "macosx":
        versions = ["10_9", *(f"10_{minor}" for minor in range(10, 17)), "11_0", "12_0"]
        return [f"macosx_{one}_{kind}" for one in versions for kind in (machine, "universal2")]
    old = ["manylinux1", "manylinux2010"] if machine == "x86_64" else []
    named = [f"{one}_{machine}" for one in (*old, "manylinux2014")]
    return [*named, *(f"manylinux_2_{minor}_{machine}" for minor in range(5, GLIBC + 1)), target]


def download(folder, python, target):
    """Fetch the wheels for a Python on a platform into a folder, with pip and its index.

    Raises
    ------
    PackError
        If pip fails; it has said why.
    """
    text, done = (ROOT / "requirements.txt").read_text(), []
    # A few packages are others for the first releases of a Python than for the last ones.
    for release in (f"{python}.0", f"{python}.99"):
        blocks = [one for one in needed(text, release, target) if one not in done]
        done += blocks
        if not blocks:
            continue
        requirements = folder / "requirements.txt"
        requirements.write_text("\n".join(blocks))
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--only-binary=:all:", "--implementation=cp"]
        command += [f"--platform={tag}" for tag in tags(target)]
        command += ["--disable-pip-version-check", f"--python-version={release}"]
        command += ["-r", requirements, "-d", folder]
        if subprocess.run(command).returncode != 0:
            raise PackError(f"The packages for Python {python} on {target} could not be fetched.")
        requirements.unlink()


def first(python, target, pdfs):
    """Give the text of README-FIRST.txt."""
    packages = DEBIAN.get(target, "").split()
    return README.format(
        install=INSTALL.format(python=python),
        start=START,
        system_zh=f"Python {python}"
        + f"（Debian、Ubuntu 上还有 {'、'.join(['python3-venv', *packages])}）" * bool(packages),
        system_en=f"Python {python}"
        + f" (on Debian and Ubuntu also {', '.join(['python3-venv', *packages])})" * bool(packages),
        pdf_zh="，或者打开 " + "、".join(pdfs) if pdfs else "",
        pdf_en=", or " + " or ".join(pdfs) if pdfs else "",
    )


def make(out, wheels, python, target, site=SITE):
    """Write the zip.

    Parameters
    ----------
    out : Path
    wheels : Path
        The folder of the packages' wheels.
    python, target : str
        What the wheels are for.
    site : Path
        The web edition's folder.

    Raises
    ------
    PackError
        If there is no web edition.
    """
    if not (site / "index.html").is_file():
        raise PackError(f"There is no web edition in {site}; nox -s web makes it.")
    archive = ["git", "archive", "--format=zip", f"--prefix={TOP}/", "HEAD"]
    content = io.BytesIO(subprocess.run(archive, cwd=ROOT, check=True, capture_output=True).stdout)
    files = sorted(path for path in site.rglob("*") if path.is_file())
    pdfs = [f"web/_site/{path.relative_to(site)}" for path in files if path.suffix == ".pdf"]
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as pack:
        for path in files:
            pack.write(path, f"{TOP}/web/_site/{path.relative_to(site)}")
        for path in sorted(wheels.glob("*.whl")):  # compressed already
            pack.write(path, f"{TOP}/wheels/{path.name}", zipfile.ZIP_STORED)
        pack.writestr(f"{TOP}/README-FIRST.txt", first(python, target, pdfs))
    out.write_bytes(content.getvalue())


def main():
    """Make the pack that the command line asks for."""
    python, target = here()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=python, choices=PYTHONS)
    parser.add_argument("--platform", default=target, choices=PLATFORMS)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.platform not in PLATFORMS:
        parser.error(f"--platform must be one of {', '.join(PLATFORMS)}")
    out = given.out or Path(f"momentum-lab-{given.python}-{given.platform}.zip")
    with tempfile.TemporaryDirectory() as folder:
        download(Path(folder), given.python, given.platform)
        make(out, Path(folder), given.python, given.platform)
    print(
        f"{out}: {out.stat().st_size / 1e6:.0f} MB, for Python {given.python} on {given.platform}"
    )


if __name__ == "__main__":
    try:
        main()
    except PackError as error:
        sys.exit(str(error))
