"""The pack for a machine without a network."""

import re
import shutil
import subprocess
import zipfile

import pytest
from common import ROOT

from tools import pack

REQUIREMENTS = (ROOT / "requirements.txt").read_text()


def test_what_a_python_needs_is_not_what_runs_the_pack():
    """Each pack holds what the markers ask for on its own machine, and no marker is left to pip."""
    for python, numpy in (("3.11.0", "1.23.5"), ("3.13.0", "2.5.5")):
        blocks = pack.needed(REQUIREMENTS, python, "linux_x86_64")
        assert any(one.startswith(f"numpy=={numpy} ") for one in blocks)
        assert all(re.match(r"[\w.-]+==[\w.]+ \\\n    --hash=sha256:", one) for one in blocks)
    names = [one.partition("==")[0] for one in blocks]
    assert len(names) == len(set(names)) > 100
    mac = pack.needed(
        "a==1 ; sys_platform == 'darwin' \\\n    --hash=sha256:0", "3.12.0", "macosx_x86_64"
    )
    assert mac == ["a==1 \\\n    --hash=sha256:0"]


def test_a_package_may_differ_between_the_releases_of_a_python(monkeypatch, tmp_path):
    """Debian 12 has Python 3.11.2; another package is for 3.11.5 and later."""
    asked = []

    def run(command):
        asked.append((command, (tmp_path / "requirements.txt").read_text()))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(pack.subprocess, "run", run)
    pack.download(tmp_path, "3.11", "linux_x86_64")
    (first, before), (second, after) = asked
    assert "--python-version=3.11.0" in first
    assert "--python-version=3.11.99" in second
    assert "--platform=manylinux2014_x86_64" in first
    together = before + "\n" + after
    own = re.findall(r"^(\S+==\S+) ; python_full_version [<>]=? '3\.11\.\d+'", REQUIREMENTS, re.M)
    assert own
    assert all(f"{one} " in together for one in own)
    assert not list(tmp_path.iterdir())


def test_wheels_are_for_the_oldest_glibc_that_we_serve_and_later():
    tags = pack.tags("linux_x86_64")
    assert {"manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "manylinux1_x86_64"} <= set(tags)
    assert "manylinux_2_35_x86_64" not in tags
    assert {tag.split("_", 3)[-1] for tag in pack.tags("linux_aarch64") if "2_" in tag} == {
        "aarch64"
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a pack with a small wheel and a small site."""
    folder = tmp_path_factory.mktemp("pack")
    (folder / "wheels").mkdir()
    (folder / "wheels/a-1-py3-none-any.whl").write_bytes(b"wheel")
    (folder / "site/zh").mkdir(parents=True)
    for name in ("index.html", "zh/momentum-lab-zh.pdf"):
        (folder / "site" / name).write_text(name)
    pack.make(folder / "pack.zip", folder / "wheels", "3.12", "linux_x86_64", folder / "site")
    with zipfile.ZipFile(folder / "pack.zip") as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_pack_holds_all_that_its_two_lines_name(made):
    assert {name.partition("/")[0] for name in made} == {"momentum-lab"}
    for name in (
        "notebooks/zh/momentum-scratch.ipynb",
        "course/chapters.py",
        "requirements.txt",
        "tools/mxnet_numpy.py",
        "tools/lab.py",
        "wheels/a-1-py3-none-any.whl",
        "web/_site/index.html",
        "web/_site/zh/momentum-lab-zh.pdf",
    ):
        assert f"momentum-lab/{name}" in made
    chinese, english = made["momentum-lab/README-FIRST.txt"].decode().split("\nEnglish\n")
    for text, language in ((chinese, "zh"), (english, "en")):
        lines = [line for line in text.splitlines() if ".venv" in line]
        assert len(lines) == 2
        assert lines[0].startswith("python3.12 -m venv .venv && ")
        assert "--no-index --find-links wheels" in lines[0]
        assert lines[1] == f".venv/bin/python tools/lab.py {language}"
        assert "web/_site/zh/momentum-lab-zh.pdf" in text


def test_the_packages_of_the_system_are_those_of_the_readmes():
    for readme in ("README.md", "README.zh.md"):
        lines = re.findall(
            r"sudo apt-get install git (.+) python3-venv`", (ROOT / readme).read_text()
        )
        assert lines == list(pack.DEBIAN.values())
    said = pack.first("3.11", "linux_aarch64", [])
    assert (
        "（Debian、Ubuntu 上还有 python3-venv、libgomp1、libopenblas0-pthread、liblapacke）" in said
    )
    assert "Debian" not in pack.first("3.11", "macosx_x86_64", [])


def test_without_a_web_edition_there_is_no_pack(tmp_path):
    with pytest.raises(pack.PackError, match="nox -s web"):
        pack.make(tmp_path / "pack.zip", tmp_path, "3.12", "linux_x86_64", tmp_path)
    assert not list(tmp_path.iterdir())


UNSHARE = ["unshare", "--net", "--map-root-user"]


def runs_alone():
    """Tell whether this machine gives a process a network of its own."""
    there = shutil.which("unshare") and shutil.which("ip")
    return bool(there) and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0


@pytest.mark.deep
@pytest.mark.skipif(not runs_alone(), reason="no process may have a network of its own here")
def test_the_chapter_runs_from_a_pack_without_a_network(tmp_path):
    python, target = pack.here()
    (tmp_path / "wheels").mkdir()
    (tmp_path / "index.html").touch()
    pack.download(tmp_path / "wheels", python, target)
    pack.make(tmp_path / "pack.zip", tmp_path / "wheels", python, target, tmp_path)
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        archive.extractall(tmp_path)
    course = tmp_path / "momentum-lab"
    install = next(
        line for line in (course / "README-FIRST.txt").read_text().splitlines() if ".venv" in line
    )
    nbval = (
        ".venv/bin/python -m pytest --override-ini=addopts= --override-ini=filterwarnings=default "
        "--nbval --nbval-current-env --nbval-cell-timeout=120 notebooks/en/momentum-scratch.ipynb"
    )
    for command in ("! ip route get 1.1.1.1", install, f"ip link set lo up && {nbval}"):
        result = subprocess.run(
            [*UNSHARE, "bash", "-c", command], cwd=course, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
