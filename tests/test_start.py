"""start.py: on machines where the course cannot run, a sentence and nothing half installed."""

import ast
import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest
import yaml
from common import ROOT

from tools import doctor

LANGUAGES = ("en", "zh")
# What a machine of another kind answers, set before start.py runs
FAKES = {
    "windows": "import platform; platform.system = lambda: 'Windows'",
    "apple": "import platform; platform.system, platform.machine = lambda: 'Darwin', lambda: 'arm64'",
    "machine": "import platform; platform.machine = lambda: 'riscv64'",
    "bits": "import sys; sys.maxsize = 2**31 - 1",
    "musl": "import os; os.confstr = lambda name: None",
    "openblas": "import ctypes, platform; platform.machine = lambda: 'aarch64'\n"
    "def CDLL(name): raise OSError\nctypes.CDLL = CDLL",
    "version": "import sys, shutil; sys.version_info = (3, 15, 0); shutil.which = lambda name: None",
    "venv": "import subprocess; subprocess.call = lambda *a, **k: 1",
    "locked": "import os; os.access = lambda path, mode: False",
    "space": "import shutil; shutil.disk_usage = lambda path: shutil._ntuple_diskusage(9, 8, 10**8)",
}
OTHERS = sorted(
    path
    for path in (
        *Path("/usr/bin").glob("python3.[0-9]*"),
        *Path.home().glob(".pyenv/versions/3.*/bin/python"),
    )
    if re.search(r"python3?(\.\d+)?$", path.name)
)


@pytest.fixture
def start(monkeypatch):
    """start.py as a module of its own."""
    spec = importlib.util.spec_from_file_location("start", ROOT / "start.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return module


@pytest.fixture
def clone(tmp_path):
    """A folder with what start.py needs of the course, and no git."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("start.py", "noxfile.py"):
        shutil.copy(ROOT / name, folder)
    return folder


def run(clone, *arguments, fake="", python=sys.executable, **env):
    """Run start.py there; give its exit code and what it says."""
    folder = clone.parent / "fake"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(fake)
    kept = {"PATH", "HOME", "TMPDIR"}
    env = {
        **{name: value for name, value in os.environ.items() if name in kept},
        "PYTHONPATH": str(folder),
        "PYTHONIOENCODING": "utf-8",
        "PIP_CONFIG_FILE": os.devnull,
        # A port on which nothing listens: no test may reach an index.
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        **env,
    }
    command = [str(python), "start.py", *arguments]
    result = subprocess.run(command, cwd=clone, env=env, capture_output=True)
    return result.returncode, result.stderr.decode()


def untouched(clone):
    return sorted(path.name for path in clone.iterdir()) == ["noxfile.py", "start.py"]


def beginning(start, key, language):
    return start.WORDS[language][key].partition("{")[0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", FAKES)
def test_a_machine_that_the_course_cannot_run_on_gets_its_sentence(start, clone, key, language):
    code, said = run(clone, fake=FAKES[key], LANG=f"{language}_XX.UTF-8")
    assert code == 1
    assert said.startswith(beginning(start, key, language))
    assert said.count("\n") == 1 and "{" not in said
    assert untouched(clone)


@pytest.mark.deep
def test_without_a_network_nothing_is_half_installed(start, clone):
    language = "zh"
    code, said = run(clone, language)
    assert code == 1
    first, second = said.splitlines()
    assert first.startswith(beginning(start, "nox", language))
    assert second.startswith(beginning(start, "network", language))
    assert untouched(clone)


@pytest.mark.deep
def test_the_mirror_that_is_named_for_uv_is_what_pip_asks(start, clone):
    asked = []

    class Mirror(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {
            "PIP_INDEX_URL": "",
            "UV_DEFAULT_INDEX": f"http://127.0.0.1:{server.server_port}/simple",
        }
        code, said = run(clone, "en", **env)
        server.shutdown()
    assert code == 1 and beginning(start, "network", "en") in said
    assert set(asked) == {"/simple/nox/"}
    assert untouched(clone)


def test_pip_and_uv_use_the_same_index(start, monkeypatch):
    for given in ({"PIP_INDEX_URL": "a"}, {"UV_DEFAULT_INDEX": "a"}):
        start.share_index(given)
        assert given == {"PIP_INDEX_URL": "a", "UV_DEFAULT_INDEX": "a"}
    monkeypatch.setattr(
        start, "run", lambda *a, **k: (0, "global.cert='b'\nglobal.index-url='a'\n")
    )
    env = {}
    start.share_index(env, "python")
    assert env == {"PIP_INDEX_URL": "a", "UV_DEFAULT_INDEX": "a"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a small disk")
def test_on_a_full_disk_nothing_is_half_installed(start, clone):
    disk = clone.parent / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk])
    if mounted.returncode:
        pytest.skip("this machine mounts nothing")
    try:
        code, said = run(clone, "en", MOMENTUM_LAB_ENVS=str(disk))
        assert code == 1 and said.startswith("There is too little space")
        # Space that others use up while packages are being installed
        fake = (
            "import shutil; real = shutil.disk_usage; large = [shutil._ntuple_diskusage(0, 0, 10**12)]\n"
            "shutil.disk_usage = lambda path: large.pop() if large else real(path)"
        )
        code, said = run(clone, "en", fake=fake, MOMENTUM_LAB_ENVS=str(disk))
        assert code == 1 and said.splitlines()[-1].startswith("The disk became full")
        assert "Traceback" not in said
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)
    assert untouched(clone)


@pytest.mark.parametrize("python", OTHERS, ids=str)
def test_other_pythons_say_a_sentence(start, clone, python):
    """One that is too old says so, where no other is on the path; the others go on."""
    version = subprocess.check_output(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True
    )
    code, said = run(clone, "en", python=python, PATH="", fake=FAKES["space"])
    fits = start.OLDEST <= tuple(map(int, version.split("."))) <= start.NEWEST
    keys = ["space", "venv"] if fits else ["version"]
    sentences = [beginning(start, key, "en") for key in keys]
    assert code == 1 and said.count("\n") == 1
    assert said.startswith(tuple(sentences)), said
    assert untouched(clone)


@pytest.mark.parametrize("version", [(3, 6, 9), (3, 15, 0)])
def test_a_python_that_does_not_fit_takes_one_that_is_there(start, monkeypatch, version):
    monkeypatch.setattr(start.sys, "version_info", version)
    monkeypatch.setattr(start.shutil, "which", {"python3.12": sys.executable}.get)
    assert start.find_python() == sys.executable


def test_everything_names_the_same_pythons(start, monkeypatch):
    oldest, newest = (".".join(map(str, one)) for one in (start.OLDEST, start.NEWEST))
    versions = re.search(r"^VERSIONS = (.+)", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    versions = ast.literal_eval(versions[1])
    assert sorted(start.PYTHONS) == [f"python{one}" for one in versions]
    assert (versions[0], versions[-1]) == (oldest, newest)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    after = f"{start.NEWEST[0]}.{start.NEWEST[1] + 1}"
    assert project["requires-python"] == f">={oldest},<{after}"
    assert f"Python from {oldest} to {newest}" in (ROOT / "README.md").read_text()
    assert f"Python {oldest} 至 {newest}" in (ROOT / "README.zh.md").read_text()
    for version, fits in (((3, 9), 0), (start.OLDEST, 1), (start.NEWEST, 1), ((3, 15), 0)):
        monkeypatch.setattr(doctor.sys, "version_info", version)
        assert (doctor.python_problem() is None) == fits


def test_python_3_6_understands_every_line():
    ast.parse((ROOT / "start.py").read_text(), feature_version=(3, 6))


def test_it_needs_the_standard_library_only():
    names = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse((ROOT / "start.py").read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    }
    assert names <= sys.stdlib_module_names


def test_the_languages_have_the_same_sentences(start):
    english, chinese = (start.WORDS[language] for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    for key, words in english.items():
        found = [sorted(re.findall(r"\{\w+\}", one)) for one in (words, chinese[key])]
        assert found[0] == found[1], key
    for language, readme in (("en", "README.md"), ("zh", "README.zh.md")):
        for key in ("help", "network"):
            heading = re.search("“(.+)”", start.WORDS[language][key])[1]
            assert re.search(f"^###? {heading}$", (ROOT / readme).read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("env", "arguments", "spoken"),
    [
        ({}, [], "en"),
        ({"LANG": "zh_CN.UTF-8"}, [], "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, [], "en"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, [], "zh"),
        ({"LANG": "de_DE.UTF-8"}, ["zh"], "zh"),
        ({"LANG": "zh_CN.UTF-8"}, ["lab", "notebooks/en/momentum-why.ipynb"], "en"),
        ({}, ["lab", "zh/momentum-why"], "zh"),
        ({}, ["restart", "momentum-why"], "en"),
    ],
)
def test_the_readers_language(start, monkeypatch, env, arguments, spoken):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert start.language(arguments) == spoken


def test_chinese_is_not_sent_to_a_terminal_that_cannot_show_it(start, monkeypatch):
    class Terminal:
        encoding = "ascii"

    monkeypatch.setattr(start.sys, "stderr", Terminal)
    assert start.sentence("failed", "zh") == start.WORDS["en"]["failed"]


@pytest.mark.parametrize(
    ("arguments", "session", "rest"),
    [
        ([], "lab", ["zh"]),
        (["en"], "lab", ["en"]),
        (["--no-browser"], "lab", ["zh", "--no-browser"]),
        (["lab"], "lab", ["zh"]),
        (["lab", "momentum-why", "--port", "1"], "lab", ["zh/momentum-why", "--port", "1"]),
        (["lab", "my/en/index.ipynb"], "lab", ["my/en/index.ipynb"]),
        (["test", "-k", "word"], "test", ["-k", "word"]),
        (["restart", "--", "all"], "restart", ["all"]),
        (["-l"], "-l", []),
    ],
)
def test_a_session_and_its_arguments(start, arguments, session, rest):
    assert start.in_full(arguments, "zh") == (session, rest)


@pytest.mark.parametrize(
    ("printed", "key"),
    [
        ("OSError: [Errno 28] No space left on device", "full"),
        ("error: failed to copy (os error 28)", "full"),
        ("Failed to fetch: `http://a`\nerror sending request for url", "network"),
        ("ERROR: No matching distribution found for nox", "network"),
        ("nox > Session lab failed: Python interpreter 3.11 not found.", "interpreter"),
        ("Failed to fetch a\nPython interpreter 3.11 not found", "interpreter"),
        ("hash mismatch", "failed"),
    ],
)
def test_what_went_wrong_is_read_from_what_was_printed(start, printed, key):
    assert start.classify(printed) == key


def test_only_environments_are_ever_removed(start, tmp_path):
    """Whatever MOMENTUM_LAB_ENVS names, and also after a move."""
    (tmp_path / "nox").mkdir()
    (tmp_path / "nox" / start.STAMP).write_text(f"{start.NOX}\n/another/place/.nox\n")
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/pyvenv.cfg").touch()
    (tmp_path / "thesis").mkdir()
    start.forget_moved(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nox", "thesis"]


def test_the_container_for_editors_is_cis_and_opens_what_start_makes():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    assert container["image"].rpartition("/")[2] == workflow["jobs"]["test"]["container"]
    envs = container["containerEnv"]["MOMENTUM_LAB_ENVS"]
    editor = container["customizations"]["vscode"]["settings"]
    assert editor["python.defaultInterpreterPath"] == f"{envs}/.nox/lab/bin/python"
    for name in container["customizations"]["codespaces"]["openFiles"]:
        assert (ROOT / "notebooks" / Path(name).relative_to("my")).is_file()
