"""The pinned environments agree; the README's commands are CI's; the doctor names what is wrong."""

import builtins
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from common import ROOT

from tools import doctor, hosted

SETS = ("requirements.txt", "requirements-dev.txt")


def pins(name):
    """Map each requirement of a hashed requirements file, with its marker, to its hashes."""
    found = {}
    for block in re.split(r"\n(?=\S)", (ROOT / name).read_text()):
        if block[0] != "#":
            requirement, *hashes = re.split(r"\s*\\\n\s*", block.split("\n    #")[0].strip())
            found[requirement] = hashes
    return found


@pytest.mark.parametrize("name", [*SETS, "requirements-rivals.txt"])
def test_every_requirement_is_pinned_and_hashed_and_names_no_registry(name):
    assert "://" not in (ROOT / name).read_text()
    for requirement, hashes in pins(name).items():
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", requirement)
        assert hashes and all(one.startswith("--hash=sha256:") for one in hashes), requirement


def test_the_development_set_holds_the_run_time_set():
    """For the Pythons that it is for: 3.11 and later."""
    run_time, development = (
        {
            requirement.partition(" ; ")[0]: hashes
            for requirement, hashes in pins(name).items()
            if "python_full_version < '3.11'" not in requirement
        }
        for name in SETS
    )
    assert run_time.items() <= development.items()


def test_the_requirement_files_hold_what_pyproject_asks_for():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    direct = {
        one.lower().replace("; python_version", " ; python_full_version")
        for one in pyproject["project"]["dependencies"]
    }
    assert direct <= pins("requirements.txt").keys()
    assert {*direct, *pyproject["dependency-groups"]["dev"]} <= pins("requirements-dev.txt").keys()


def test_the_reference_is_python_3_11_with_numpy_1_23_5():
    for name in SETS:
        assert {one for one in pins(name) if one.startswith("numpy==")} == {
            "numpy==1.23.5 ; python_full_version < '3.12'",
            "numpy==2.5.5 ; python_full_version >= '3.12'",
        }


def test_mxnets_packages_for_linux_and_macos_are_pinned():
    (hashes,) = (hashes for one, hashes in pins("requirements.txt").items() if "mxnet==" in one)
    files = {"x86_64": "73c045f6", "aarch64": "5e51a0c0", "macosx": "65d5dac1"}
    assert {one.removeprefix("--hash=sha256:")[:8] for one in hashes} == set(files.values())


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert citation["version"] == pyproject["project"]["version"]


def test_conda_installs_the_hashed_requirements():
    """Taken relative to environment.yml, and not a second time, where they could differ."""
    python, pip, packages = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert (python, pip, packages) == ("python=3.11", "pip", {"pip": ["-r requirements.txt"]})


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_readmes_test_command_is_the_one_that_ci_runs(readme):
    (ci_line,) = re.findall(r"^.* test$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert ci_line == "python3 start.py test"
    text = (ROOT / readme).read_text()
    assert f"```sh\n{ci_line}\n```" in text
    before, _, _ = text.partition("```sh\npython3 start.py\n```")
    assert before != text and before.count("\n") < 60


def test_nox_is_of_one_version_wherever_it_is_installed():
    files = [*ROOT.glob("*.md"), ROOT / "start.py", *ROOT.glob(".github/workflows/*.yml")]
    assert (
        len({one for file in files for one in re.findall(r"nox\S*==[\d.]+", file.read_text())}) == 1
    )


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("*.md")))
def test_the_documents_links_resolve(name):
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text()):
        # On GitHub, a README's neighbours are the repository's other pages.
        if "://" not in target and target != f"../../tree/{hosted.BRANCH}":
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


def test_the_doctor_names_another_python(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 9, 2))
    assert "needs Python 3.10 to 3.14" in doctor.problem()


def test_the_doctor_names_the_mxnet_that_pip_takes_on_apple_silicon(monkeypatch):
    monkeypatch.setattr(doctor, "version", {"mxnet": "1.6.0", "numpy": "1.23.5"}.get)
    assert doctor.problem().startswith("The course needs MXNet 1.9.1; this is 1.6.0.")


def test_the_doctor_names_a_limit_of_memory_that_mxnet_would_crash_in():
    """Without the look at the limit, the import ends in a segmentation fault."""
    command = f"ulimit -v 500000; exec {sys.executable} tools/doctor.py"
    result = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("There is too little memory to load MXNet")
    assert result.stderr.count("\n") == 1


def test_the_doctor_names_a_numpy_that_breaks_mxnet(monkeypatch):
    monkeypatch.setattr(doctor, "version", {"mxnet": "1.9.1", "numpy": "1.24.0"}.get)
    monkeypatch.setattr(doctor, "PACKAGES", ("mxnet", "numpy"))
    monkeypatch.delitem(sys.modules, "mxnet_numpy", raising=False)
    assert doctor.package_problem() == (
        "MXNet 1.9.1 needs numpy 1.23.5, or help to live with numpy 1.24.0. "
        "Give it: python tools/mxnet_numpy.py"
    )
    monkeypatch.setitem(sys.modules, "mxnet_numpy", doctor)
    assert doctor.package_problem() is None


def test_the_doctor_names_a_package_that_is_missing(monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", ("mxnet", "no-such-package"))
    assert doctor.problem().startswith("no-such-package is not installed here.")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "too little memory"),
        (OSError("libmxnet.so: failed to map segment from shared object"), "too little memory"),
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
            "apt-get install libopenblas0-pthread liblapacke",
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
