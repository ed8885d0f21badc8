"""What an instructor relies on: notebooks without solutions, updates, memory; and closed doors."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import nbformat
import psutil
import pytest
from browser import wait_until
from common import ROOT, read

from benchmarks import classroom

CHAPTER = "notebooks/en/momentum-scratch.ipynb"


def git(folder, *arguments):
    """Run git, with nothing from the user's own configuration; give what it prints."""
    who = {
        f"GIT_{role}_{what}": "class"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    env = os.environ | who | {"GIT_CONFIG_GLOBAL": ""}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=env, check=True, capture_output=True, text=True
    ).stdout


# Without solutions


@pytest.fixture(scope="module")
def class_repository(tmp_path_factory):
    """Make a class's repository from a clone of the course with the commands of the page.

    The clone's one commit holds the course as it lies here, of which nothing is copied.
    """
    course = tmp_path_factory.mktemp("class") / "course"
    course.mkdir()
    git(course, "init", "--quiet")
    git(course, "--work-tree", str(ROOT), "--git-dir", ".git", "add", "--all", str(ROOT))
    git(course, "commit", "--quiet", "--message", "The whole course")
    pages = [(ROOT / f"web/pages/{language}/class.md").read_text() for language in ("zh", "en")]
    commands = {re.search(r"```sh\n(git init.+?)```", page, re.DOTALL)[1] for page in pages}
    (both,) = commands  # the same in both languages
    subprocess.run(["sh", "-e", "-c", both], cwd=course, check=True, capture_output=True)
    folder = course.with_name("momentum-class")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "The course")
    return folder


def test_the_class_repository_has_every_notebook_and_no_solution(class_repository):
    held = set(git(class_repository, "ls-files").splitlines())
    for language in ("zh", "en"):
        notebooks = {
            f"notebooks/{language}/{path.name}" for path in (ROOT / "notebooks/en").glob("*.ipynb")
        }
        assert notebooks and notebooks <= held
    assert not [name for name in held if re.search(r"solutions|^notebooks/src|^tests", name)]
    for name in held:
        if name.endswith(".ipynb"):
            tags = {
                tag
                for cell in read(class_repository / name).cells
                for tag in cell.metadata.get("tags", ())
            }
            assert "solution" not in tags


def test_links_of_the_notebooks_hold_in_the_class_repository(class_repository):
    links = [
        (path, link)
        for path in class_repository.glob("notebooks/*/*.ipynb")
        for cell in read(path).cells
        if cell.cell_type == "markdown"
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", cell.source)
    ]
    assert len(links) > 100
    assert [(path.name, link) for path, link in links if not (path.parent / link).exists()] == []


# Updates


def test_an_update_leaves_a_learners_work_alone(class_repository, tmp_path):
    """The page says so of nbgitpuller: both may change a notebook, and the learner's lines stay."""
    teacher, learner = tmp_path / "teacher", tmp_path / "learner"
    origin = tmp_path / "momentum-class.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(class_repository), str(origin))
    git(tmp_path, "clone", "--quiet", str(origin), str(teacher))

    def change(folder, cell_id, source):
        notebook = nbformat.read(folder / CHAPTER, as_version=4)
        (cell,) = (cell for cell in notebook.cells if cell.id == cell_id)
        cell.source = source
        nbformat.write(notebook, folder / CHAPTER)

    def sources():
        return {cell.id: cell.source for cell in read(learner / CHAPTER).cells}

    def fetch():
        command = [sys.executable, "-m", "nbgitpuller.pull", str(origin), "main", str(learner)]
        env = os.environ | {"GIT_CONFIG_GLOBAL": ""}
        subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)

    fetch()
    change(learner, "final-velocity", "answer = 6")
    change(learner, "my-momentum", "mine = True")
    change(teacher, "summary", "## A better summary")
    change(teacher, "my-momentum", "theirs = True")
    git(teacher, "commit", "--quiet", "--all", "--message", "Better")
    git(teacher, "push", "--quiet")
    fetch()
    assert sources()["final-velocity"] == "answer = 6"
    assert sources()["my-momentum"] == "mine = True"
    assert sources()["summary"] == "## A better summary"


# The measurement


def test_a_lesson_of_two_in_the_class_repository_is_measured(class_repository, monkeypatch):
    monkeypatch.setattr(classroom, "CHAPTER", class_repository / CHAPTER)
    entry = asyncio.run(classroom.lesson(2, 1))
    assert (entry["learners"], entry["threads"], entry["failed"]) == (2, 1, 0)
    assert entry["sum_pss_mb"] == pytest.approx(2 * entry["pss_mb"])
    assert 50 < entry["pss_mb"] < entry["peak_rss_mb"]
    assert entry["run_cell_s"] < entry["all_done_s"]


def test_learners_who_fail_or_get_other_numbers_are_counted(monkeypatch):
    notebooks = []
    for code in ("print('some')", "1 / 0", "print('other')"):
        cell = nbformat.v4.new_code_cell(code)
        cell.outputs = [nbformat.v4.new_output("stream", text="some\n")]
        notebooks.append(nbformat.v4.new_notebook(cells=[cell]))
    given = iter(notebooks)
    monkeypatch.setattr(classroom, "chapter", lambda: next(given))
    assert asyncio.run(classroom.lesson(3, None))["failed"] == 2


# Doors


def listening(process):
    """Give the addresses at which a process listens, and its children."""
    found = set()
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended since
            connections = each.net_connections("inet")
            found |= {tuple(one.laddr) for one in connections if one.status == psutil.CONN_LISTEN}
    return found


def status(address):
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_lab_listens_on_loopback_and_wants_its_token(tmp_path):
    """As `nox -s lab` starts it, with no options of its own but not to open a browser."""
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    server = subprocess.Popen(
        [sys.executable, "tools/lab.py", "--no-browser"],
        cwd=ROOT,
        env=os.environ | own,
        stderr=subprocess.DEVNULL,
    )
    try:
        (file,) = wait_until(
            lambda: list(tmp_path.glob("RUNTIME/jpserver-*.json")), 120, "a server"
        )
        info = json.loads(wait_until(file.read_text, 60, "its description"))
        door = ("127.0.0.1", info["port"])
        wait_until(lambda: door in listening(psutil.Process(server.pid)), 60, "it listens")
        address = f"http://127.0.0.1:{info['port']}"
        assert len(info["token"]) >= 32
        # English, as its notebook is; test_browser.py sees it in Chinese.
        plugin = "@jupyterlab/translation-extension:plugin"
        settings = f"{address}/lab/api/settings/{plugin}?token={info['token']}"
        with urllib.request.urlopen(settings, timeout=60) as answer:
            assert json.load(answer)["schema"]["properties"]["locale"]["default"] == "default"
        for path in ("/api/contents", "/api/kernels", "/api/terminals"):
            assert status(f"{address}{path}") == 403
            assert status(f"{address}{path}?token={info['token'][:-1]}x") == 403
            assert status(f"{address}{path}?token={info['token']}") == 200
        assert {ip for ip, _ in listening(psutil.Process(server.pid))} <= {"127.0.0.1", "::1"}
    finally:
        server.terminate()
        server.wait(60)


OPENS_A_PORT = {
    "none": "1 + 1",
    "kernel": "import socket; opened = socket.create_server(('127.0.0.1', 0))",
    "child": (  # which says when its port is open, and lives as long as the kernel
        "import subprocess, sys\n"
        'code = \'import socket, sys; s = socket.create_server(("0.0.0.0", 0)); '
        "print(flush=True); sys.stdin.read()'\n"
        "pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE}\n"
        "child = subprocess.Popen([sys.executable, '-c', code], **pipes)\n"
        "line = child.stdout.readline()"
    ),
}


def test_a_notebook_that_leaves_a_port_open_fails(tmp_path):
    """For notebooks/conftest.py, which looks after every cell of every notebook."""
    shutil.copy(ROOT / "notebooks/conftest.py", tmp_path)
    for name, code in OPENS_A_PORT.items():
        cells = [nbformat.v4.new_code_cell(code), nbformat.v4.new_code_cell("pass")]
        cells[0].metadata.tags = ["nbval-ignore-output"]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-rA", tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1, result.stdout
    said = set(re.findall(r"^ERROR (\w+)\.ipynb::.* leaves {\(", result.stdout, re.MULTILINE))
    assert said == {"kernel", "child"}, result.stdout
