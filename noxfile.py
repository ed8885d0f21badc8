"""Every task by name: `nox -l` lists them, `nox -s NAME` runs one."""

import sys

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "test"]

PYTHON = "3.11"  # the newest that mxnet 1.9.1's numpy has wheels for


def install(session, requirements):
    # Compiled once here, the packages import in half the time wherever bytecode is not written.
    env = {"UV_COMPILE_BYTECODE": "1"}
    session.install("--require-hashes", "-r", requirements, env=env)


@nox.session(python=PYTHON)
def lab(session):
    """Open your copy of the chapter in JupyterLab; after --, another notebook, arguments for it."""
    install(session, "requirements.txt")
    session.run("python", "tools/lab.py", *session.posargs)


@nox.session(python=PYTHON)
def restart(session):
    """Start over: `-- NAME` a notebook, `-- NAME EXERCISE` an exercise, `-- all` everything."""
    install(session, "requirements.txt")
    session.run("python", "tools/copies.py", *session.posargs)


@nox.session(python=PYTHON)
def test(session):
    """Run every notebook against its stored outputs, and all other tests."""
    install(session, "requirements-dev.txt")
    session.run("python", "tools/doctor.py")
    session.run("pytest", "--numprocesses=auto", *session.posargs)


@nox.session(python=PYTHON)
def lint(session):
    """Check the style of code and notebooks."""
    install(session, "requirements-dev.txt")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session(python=PYTHON)
def build(session):
    """Build and execute the four editions of the notebooks, and draw the figures."""
    install(session, "requirements-dev.txt")
    session.run("python", "tools/build.py", *session.posargs)
    session.run("python", "img/figures.py")


@nox.session(python=PYTHON)
def bench(session):
    """Time each case and its rival in turn; what follows -- goes to benchmarks/run.py."""
    install(session, "requirements-dev.txt")
    session.run("python", "-W", "ignore", "benchmarks/run.py", *session.posargs)


@nox.session(python=PYTHON)
def web(session):
    """Build the web edition into web/_site; after -- another folder may follow."""
    install(session, "requirements-dev.txt")
    session.run("python", "web/build.py", *session.posargs)


@nox.session(python=PYTHON)
def faults(session):
    """Kill a process of a distributed run at a random moment, fifty times, and resume each time."""
    install(session, "requirements-dev.txt")
    session.run("python", "-W", "ignore", "tests/kill_fifty.py", *session.posargs)


@nox.session(python=PYTHON)
def audit(session):
    """Look for known vulnerabilities of the pinned packages; what we accept is in tools/audit.toml."""
    install(session, "requirements-dev.txt")
    session.run("python", "tools/audit.py", *session.posargs)


@nox.session(python=PYTHON)
def lock(session):
    """Pin what pyproject.toml asks for; `-- --upgrade` takes the newest that fit."""
    session.install("uv")
    command = "nox -s lock"
    for output, extra in (
        ("requirements.txt", ()),
        ("requirements-dev.txt", ("--group", "dev", "--constraint", "requirements.txt")),
    ):
        session.run(
            *("uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"),
            *("--python-version", PYTHON, "--custom-compile-command", command),
            *(*extra, *session.posargs, "--output-file", output, "pyproject.toml"),
        )
    session.run("python", "tools/environment.py")


@nox.session(venv_backend="none")
def dev(session):
    """Make .venv for daily work, with the commit hooks."""
    uv = (sys.executable, "-m", "uv")  # of nox[uv]; it need not be on the path
    session.run(*uv, "venv", "--quiet", "--allow-existing", "--python", PYTHON, ".venv")
    session.run(
        *(*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", ".venv"),
        *("--require-hashes", "-r", "requirements-dev.txt"),
    )
    session.run(".venv/bin/pre-commit", "install", external=True)
