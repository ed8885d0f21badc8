"""The pinned environments agree; the README's commands are CI's; the doctor names what is wrong."""

import builtins
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from common import ROOT

from tools import doctor, environment

REQUIREMENTS = (ROOT / "requirements.txt").read_text()


def pins(text):
    """Map each requirement of a hashed requirements file, with its marker, to its hashes."""
    found = {}
    for block in re.split(r"\n(?=\S)", text):
        if block[0] != "#":
            requirement, *hashes = re.split(r"\s*\\\n\s*", block.split("\n    #")[0].strip())
            found[requirement] = hashes
    return found


def test_environment_yml_pins_what_requirements_txt_pins():
    environment_yml = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, packages = environment_yml["dependencies"]
    assert (python, pip) == ("python=3.11", "pip")
    assert packages == {"pip": list(pins(REQUIREMENTS))}


def test_environment_yml_is_what_nox_lock_writes():
    assert (ROOT / "environment.yml").read_text() == environment.environment(REQUIREMENTS)


def test_every_requirement_is_pinned_and_hashed():
    for name in ("requirements.txt", "requirements-dev.txt"):
        for requirement, hashes in pins((ROOT / name).read_text()).items():
            assert re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", requirement)
            assert all(one.startswith("--hash=sha256:") for one in hashes) and hashes, requirement


def test_the_development_set_holds_the_run_time_set():
    development = (ROOT / "requirements-dev.txt").read_text()
    run_time, both = (
        {requirement.partition(" ; ")[0]: hashes for requirement, hashes in pins(text).items()}
        for text in (REQUIREMENTS, development)
    )
    assert run_time == {requirement: both.get(requirement) for requirement in run_time}


def test_the_requirement_files_hold_what_pyproject_asks_for():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    direct = pyproject["project"]["dependencies"]
    assert {re.match(r"[\w-]+", one)[0] for one in direct} == {
        *("mxnet", "numpy", "matplotlib", "jupyter", "nbval", "jupyterlab-language-pack-zh-CN"),
        "anywidget",
    }
    assert {one.lower() for one in direct} <= set(pins(REQUIREMENTS))
    development = pins((ROOT / "requirements-dev.txt").read_text())
    assert set(pyproject["dependency-groups"]["dev"]) <= set(development)


def test_the_requirement_files_name_no_registry():
    for name in ("requirements.txt", "requirements-dev.txt", "environment.yml"):
        assert "://" not in (ROOT / name).read_text()


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_readmes_test_command_is_the_one_that_ci_runs(readme):
    (ci_line,) = re.findall(r"^.*nox -s test$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    text = (ROOT / readme).read_text()
    assert f"\n{ci_line}\n" in text
    opening = ci_line.replace("nox -s test", "nox -s lab")
    assert re.search(rf"^{re.escape(opening)}", text, re.MULTILINE)


def test_the_web_edition_is_published_from_the_folder_that_nox_builds():
    (ci_line,) = re.findall(r"^.*nox -s test$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    jobs = yaml.safe_load((ROOT / ".github/workflows/pages.yml").read_text())["jobs"]
    steps = jobs["build"]["steps"]
    assert ci_line.replace("nox -s test", "nox -s web") in [step.get("run") for step in steps]
    assert steps[-1]["with"] == {"path": "web/_site"}
    assert jobs["build"]["permissions"] == {"contents": "read", "pages": "read"}
    assert jobs["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}


def test_the_audit_runs_every_week_and_at_every_change():
    (ci_line,) = re.findall(r"^.*nox -s test$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    workflow = yaml.safe_load((ROOT / ".github/workflows/audit.yml").read_text())
    triggers = workflow[True]  # YAML reads `on` as true
    assert {"push", "pull_request", "schedule"} <= set(triggers)
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", triggers["schedule"][0]["cron"])
    steps = workflow["jobs"]["audit"]["steps"]
    assert ci_line.replace("nox -s test", "nox -s audit") in [step.get("run") for step in steps]


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md", "CONTRIBUTING.md"])
def test_the_documents_links_resolve(readme):
    text = (ROOT / readme).read_text()
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert targets
    for target in targets:
        if "://" not in target:
            assert (ROOT / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_readme_lists_every_notebook_in_both_languages(readme):
    text = (ROOT / readme).read_text()
    for name in (ROOT / "notebooks/src/order.txt").read_text().split():
        for language in ("zh", "en"):
            assert f"(notebooks/{language}/{name}.ipynb)" in text


def test_the_doctor_finds_nothing_wrong_here():
    result = subprocess.run(
        [sys.executable, "tools/doctor.py"], cwd=ROOT, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("version", "system", "machine", "said"),
    [
        ((3, 12, 1), "Linux", "x86_64", "needs Python 3.11"),
        ((3, 11, 7), "Windows", "AMD64", "Windows: use WSL2"),
        ((3, 11, 7), "Darwin", "arm64", "Apple silicon: use a container"),
    ],
)
def test_the_doctor_names_python_and_platform(monkeypatch, version, system, machine, said):
    monkeypatch.setattr(doctor.sys, "version_info", version)
    monkeypatch.setattr(doctor.platform, "system", lambda: system)
    monkeypatch.setattr(doctor.platform, "machine", lambda: machine)
    assert said in doctor.problem()


def test_the_doctor_names_a_numpy_that_breaks_mxnet(monkeypatch):
    monkeypatch.setattr(doctor, "version", {"mxnet": "1.9.1", "numpy": "1.24.0"}.get)
    monkeypatch.setattr(doctor, "PACKAGES", ("mxnet", "numpy"))
    assert doctor.problem().startswith("numpy 1.24.0 breaks MXNet 1.9.1, which needs numpy 1.23.5.")


def test_the_doctor_names_a_package_that_is_missing(monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", ("mxnet", "no-such-package"))
    assert doctor.problem().startswith("no-such-package is not installed here.")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError("libquadmath.so.0: cannot open shared object file: No such file or directory"),
            "The system library libquadmath is missing.",
        ),
        (
            OSError("libgomp.so.1: cannot open shared object file: No such file or directory"),
            "apt-get install libgomp1 libquadmath0",
        ),
        (
            OSError("libarmpl_lp64_mp.so: cannot open shared object file: No such file"),
            "Arm Performance Libraries",
        ),
        (OSError("libmxnet.so: file too short"), "cannot be loaded: libmxnet.so: file too short"),
        (AttributeError("module 'numpy' has no attribute 'bool'"), "AttributeError: module"),
    ],
)
def test_the_doctor_says_what_to_install_where_mxnet_cannot_be_imported(monkeypatch, error, said):
    original = builtins.__import__

    def failing(name, *rest, **more):
        if name == "mxnet":
            raise error
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", failing)
    found = doctor.problem()
    assert said in found
    assert "\n" not in found
