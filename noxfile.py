"""Every task by name: `nox -l` lists them, `nox -s NAME` runs one."""

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
    """Open the chapter in JupyterLab; what follows -- goes to JupyterLab."""
    install(session, "requirements.txt")
    session.run("python", "tools/lab.py", *session.posargs)


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
    """Draw the figures, build and execute the four editions."""
    install(session, "requirements-dev.txt")
    session.run("python", "tools/build.py", *session.posargs)


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
    """Make .venv for daily work, with readable diffs of notebooks and the commit hooks."""
    session.run("uv", "venv", "--quiet", "--allow-existing", "--python", PYTHON, ".venv")
    python = ".venv/bin/python"
    session.run(
        *("uv", "pip", "install", "--quiet", "--python", python),
        *("--require-hashes", "-r", "requirements-dev.txt"),
    )
    session.run(".venv/bin/nbdime", "config-git", "--enable")
    session.run(".venv/bin/pre-commit", "install")
