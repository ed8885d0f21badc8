"""Every task by name: `nox -l` lists them, `nox -s NAME` runs one."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "test"]

os.environ["UV_PYTHON_DOWNLOADS"] = "never"  # nothing comes from outside a package index
nox.options.download_python = "never"


def there(version):
    """Whether this machine has a Python of this version."""
    tries = [[sys.executable, "-m", "uv", "python", "find", "--no-project", version]]
    if path := shutil.which(f"python{version}"):
        tries.append([path, "-c", ""])  # it may be a shim that leads nowhere
    return any(subprocess.run(one, capture_output=True).returncode == 0 for one in tries)


REFERENCE = "3.11"  # its outputs are stored; the newest that numpy 1.23.5 has wheels for
# None is the Python that runs nox.
PYTHON = REFERENCE if there(REFERENCE) else None
# The development set is for 3.11 and later: on 3.10, nox says that 3.11 is missing.
DEVELOPMENT = PYTHON if sys.version_info >= (3, 11) else REFERENCE
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
HOSTS = ("3.12", "3.13")  # what Colab and its kin have


def chosen(requirements, folder):
    """Write a requirement file to a folder without what slows Jupyter down; give its path."""
    # jsonschema uses this where it is there, and nothing here asks for it: reading its 38 grammars
    # is two thirds of JupyterLab's start, and most of a build that changes nothing.
    text = re.sub(
        r"^rfc3987-syntax==.*\n(?: .*\n)*", "", Path(requirements).read_text(), flags=re.M
    )
    path = Path(folder, requirements)
    path.write_text(text)
    return str(path)


def install(session, requirements):
    # Compiled once here, the packages import in half the time wherever bytecode is not written.
    env = {"UV_COMPILE_BYTECODE": "1"}
    # The files are complete; mxnet alone asks for a numpy that later Pythons don't have.
    file = chosen(requirements, session.virtualenv.location)
    session.install("--require-hashes", "--no-deps", "-r", file, env=env)
    session.run_install("python", "tools/mxnet_numpy.py", silent=True)
    session.run_install("python", "tools/mxnet_arm.py")  # does nothing but on Linux aarch64


@nox.session(python=PYTHON)
def lab(session):
    """Open your copy of the chapter in JupyterLab; after --, another notebook, arguments for it."""
    install(session, "requirements.txt")
    session.run("python", "tools/lab.py", *session.posargs)


@nox.session(python=DEVELOPMENT)
def quick(session):
    """Check in a minute what has changed; after --, chapters may be named."""
    install(session, "requirements-dev.txt")
    session.run("python", "tools/quick.py", *session.posargs)


@nox.session(python=PYTHON)
def restart(session):
    """Start over: `-- NAME` a notebook, `-- NAME EXERCISE` an exercise, `-- all` everything."""
    install(session, "requirements.txt")
    session.run("python", "tools/copies.py", *session.posargs)


@nox.session(python=PYTHON)
def grade(session):
    """Mark learners' notebooks: `-- FOLDER --csv FILE`."""
    install(session, "requirements.txt")
    session.run("python", "-m", "course.grade", *session.posargs)


@nox.session(python=DEVELOPMENT)
def test(session):
    """Run the notebooks in both languages against their stored outputs, and all other tests."""
    install(session, "requirements-dev.txt")
    session.run("python", "tools/doctor.py")
    # One more than cores: some wait for a browser, or for other processes.
    session.run("pytest", f"--numprocesses={(os.cpu_count() or 1) + 1}", *session.posargs)


# What proves robustness by repetition: a session each, so that one can be run alone.
DEEP = ("editions", "kernels", "repetitions", "faults", "arm")


@nox.session(venv_backend="none")
def deep(session):
    """Run what `test` leaves out; a workflow does so every week."""
    for name in DEEP:
        session.notify(name)
    for version in filter(there, VERSIONS):
        session.notify(f"notebooks-{version}")
        if version in HOSTS:
            session.notify(f"host-{version}")


@nox.session(python=VERSIONS)
def notebooks(session):
    """Run the starters in both languages on another Python, with the run-time set alone."""
    install(session, "requirements.txt")  # nbval brings pytest
    session.run(
        "pytest",
        "--override-ini=addopts=",  # which names plugins of the development set
        "--override-ini=filterwarnings=default",
        "--nbval",
        "--nbval-current-env",
        "--nbval-cell-timeout=60",
        *(session.posargs or ("notebooks/zh", "notebooks/en")),
    )


@nox.session(python=HOSTS, reuse_venv=False)
def host(session):
    """Try the hosted notebooks, as committed, in an environment such as Colab's, without mxnet."""
    # A host's packages, unpinned as they are there, and new each time, as it must lack mxnet.
    session.install("numpy>=2", "scipy", "pandas", "matplotlib", "ipykernel", "nbclient", "pip")
    session.run("python", "tests/host.py", *session.posargs)


@nox.session(venv_backend="none")
def hosted(session):
    """Make the notebooks for Colab and its kin: `-- --repository ADDRESS --out FOLDER`."""
    session.run(sys.executable, "tools/hosted.py", *session.posargs)


@nox.session(python=DEVELOPMENT)
def editions(session):
    """Run the editions of the notebooks that `test` leaves out, wholly or in part."""
    install(session, "requirements-dev.txt")
    names = ("notebooks/en", "notebooks/zh-solutions", "notebooks/zh")
    session.run("pytest", "--numprocesses=auto", *names)


@nox.session(python=DEVELOPMENT)
def kernels(session):
    """Run the notebooks on other kernels of OpenBLAS than the machine's own choice."""
    install(session, "requirements-dev.txt")
    cpuinfo = Path("/proc/cpuinfo")
    cores = ["Sandybridge", "Haswell"]
    if cpuinfo.exists() and "avx512f" in cpuinfo.read_text():
        cores.append("SkylakeX")
    else:
        session.warn("no SkylakeX: this processor has no AVX-512, which its kernels need")
    for core in cores:
        session.log(f"kernels of {core}")
        pytest = ("pytest", "--numprocesses=auto", "notebooks/en-solutions")
        session.run(*pytest, env={"OPENBLAS_CORETYPE": core})


@nox.session(python=DEVELOPMENT)
def repetitions(session):
    """Run the tests that repeat with other cases what `test` shows once."""
    install(session, "requirements-dev.txt")
    session.run("pytest", "--numprocesses=auto", "-m", "deep", "tests", *session.posargs)


@nox.session(python=DEVELOPMENT)
def lint(session):
    """Check the style of code and notebooks, the direction of imports, and the workflows."""
    install(session, "requirements-dev.txt")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache", "--no-logo")
    session.run("zizmor", "--offline", "--quiet", ".github/workflows")


@nox.session(python=DEVELOPMENT)
def build(session):
    """Build and execute the four editions of the notebooks, and draw the figures."""
    install(session, "requirements-dev.txt")
    session.run("python", "tools/build.py", *session.posargs)
    session.run("python", "img/figures.py")


@nox.session(python=DEVELOPMENT)
def bench(session):
    """Time each case and its rival in turn; what follows -- goes to benchmarks/run.py."""
    install(session, "requirements-dev.txt")
    session.run("python", "-W", "ignore", "benchmarks/run.py", *session.posargs)


# PyTorch's own index has a build for CPUs, which pip prefers where it is set to look there; this
# session leaves out the CUDA packages that PyPI's build for Linux needs.
TORCH = "torch==2.13.0"


@nox.session(python=DEVELOPMENT, venv_backend="venv")
def rivals(session):
    """Write what PyTorch's and optax's optimizers do, which the tests compare with ours."""
    session.install("--require-hashes", "--no-deps", "-r", "requirements-rivals.txt")
    session.install("--no-deps", TORCH)
    session.run("python", "tests/rivals.py")


@nox.session(python=DEVELOPMENT)
def web(session):
    """Build the web edition into web/_site; after -- another folder may follow."""
    install(session, "requirements-dev.txt")
    session.run("python", "web/build.py", *session.posargs)


@nox.session(python=DEVELOPMENT)
def pdf(session):
    """Build the web edition with a PDF in each language; after -- another folder may follow."""
    install(session, "requirements-dev.txt")
    session.run("python", "web/build.py", "--pdf", *session.posargs)


@nox.session(python=DEVELOPMENT)
def pack(session):
    """Make a zip for a machine without a network; after --, `--python 3.12 --out FILE` and so on."""
    install(session, "requirements-dev.txt")
    paper = any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    session.run("python", "web/build.py", *["--pdf"] * paper)
    session.run("python", "tools/pack.py", *session.posargs)


@nox.session(python=DEVELOPMENT)
def faults(session):
    """Kill a process of a distributed run at a random moment, fifty times, and resume each time."""
    install(session, "requirements-dev.txt")
    session.run("python", "-W", "ignore", "tests/kill_fifty.py", *session.posargs)


@nox.session(venv_backend="none")
def arm(session):
    """Run the chapter in an arm64 Debian under emulation; after --, other notebooks may be named."""
    session.run("nice", sys.executable, "tests/arm.py", *session.posargs)


# The known vulnerabilities that we live with: {id: why it can't be mended here, and does no harm}.
# MXNet 1.9.1 is its last release and needs numpy before 1.24, which gets no fixes either: what is
# found in these two can only be accepted here, or what it touches be avoided.
ACCEPTED = {}


@nox.session(python=DEVELOPMENT)
def audit(session):
    """Look for known vulnerabilities of the pinned packages, but those that ACCEPTED names."""
    install(session, "requirements-dev.txt")
    session.run(
        "pip-audit",
        "--requirement=requirements-dev.txt",  # which holds what requirements.txt pins
        "--require-hashes",
        "--disable-pip",
        "--strict",
        "--vulnerability-service=osv",
        *(f"--ignore-vuln={one}" for one in ACCEPTED),
        *session.posargs,
    )


@nox.session(python=PYTHON)
def lock(session):
    """Pin what pyproject.toml asks for; `-- --upgrade` takes the newest that fit."""
    session.install("uv")

    def pin(output, oldest, *options):
        session.run(
            "uv",
            "pip",
            "compile",
            "--quiet",
            "--universal",
            "--generate-hashes",
            f"--python-version={oldest}",
            "--custom-compile-command=nox -s lock",
            f"--output-file={output}",
            *options,
            *session.posargs,
        )

    pin("requirements.txt", VERSIONS[0], "pyproject.toml")
    development = ("--group=dev", "--constraint=requirements.txt", "pyproject.toml")
    pin("requirements-dev.txt", REFERENCE, *development)
    # Without mxnet, and so without pyproject's word on numpy
    pin("requirements-rivals.txt", REFERENCE, "--no-config", "--group=rivals")


@nox.session(venv_backend="none")
def dev(session):
    """Make .venv for daily work, with the commit hooks."""
    uv = (sys.executable, "-m", "uv")  # of nox[uv]; it need not be on the path
    session.run(
        *uv,
        "venv",
        "--quiet",
        "--allow-existing",
        "--python",
        DEVELOPMENT or sys.executable,
        ".venv",
    )
    session.run(
        *uv,
        "pip",
        "install",
        "--quiet",
        "--compile-bytecode",
        "--python=.venv",
        "--no-deps",
        "--require-hashes",
        f"--requirement={chosen('requirements-dev.txt', '.venv')}",
    )
    for tool in ("tools/mxnet_numpy.py", "tools/mxnet_arm.py"):
        session.run(".venv/bin/python", tool, external=True)
    session.run(".venv/bin/pre-commit", "install", external=True)
