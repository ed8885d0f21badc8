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
from urllib.parse import parse_qs, urlsplit

import nbformat
import psutil
import pytest
from browser import wait_until
from common import ROOT, read

from benchmarks import classroom
from tools import launch

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
    """Make a class's repository from a clone of the course with the commands of the page."""
    course = tmp_path_factory.mktemp("class") / "course"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "screenshots", "_site")
    shutil.copytree(ROOT, course, ignore=ignored)
    git(course, "init", "--quiet")
    git(course, "add", "--all")
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


@pytest.mark.parametrize("hub", ["https://hub.example.org", "https://hub.example.org/"])
def test_the_link_for_a_hub_fetches_the_repository_and_opens_the_chapter(hub):
    link = urlsplit(launch.hub_link(hub, "someone/momentum-class", "zh"))
    assert link.path == "/hub/user-redirect/git-pull"
    assert parse_qs(link.query) == {
        "repo": ["https://github.com/someone/momentum-class"],
        "branch": ["main"],
        "urlpath": ["lab/tree/momentum-class/notebooks/zh/momentum-scratch.ipynb"],
    }


def test_the_command_prints_a_link_for_each_language():
    command = [
        sys.executable,
        "tools/launch.py",
        "someone/class",
        "--hub",
        "https://hub.example.org",
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == [
        launch.hub_link("https://hub.example.org", "someone/class", language)
        for language in ("zh", "en")
    ]


# The measurement


def test_a_lesson_of_two_in_the_class_repository_is_measured(class_repository, monkeypatch):
    monkeypatch.setattr(classroom, "CHAPTER", class_repository / CHAPTER)
    entry = asyncio.run(classroom.lesson(2, 1))
    assert (entry["learners"], entry["threads"], entry["failed"]) == (2, 1, 0)
    assert entry["sum_pss_mb"] == pytest.approx(2 * entry["pss_mb"])
    assert 50 < entry["pss_mb"] < entry["peak_rss_mb"]
    assert entry["run_cell_s"] < entry["all_done_s"]


@pytest.mark.parametrize("code", ["1 / 0", "print('other')"])
def test_a_learner_who_fails_or_gets_other_numbers_is_counted(monkeypatch, code):
    cells = [nbformat.v4.new_code_cell("print('some')"), nbformat.v4.new_code_cell(code)]
    cells[1].outputs = [nbformat.v4.new_output("stream", text="expected\n")]
    notebook = nbformat.v4.new_notebook(cells=[cells[1]])
    good = nbformat.v4.new_notebook(cells=[cells[0]])
    good.cells[0].outputs = [nbformat.v4.new_output("stream", text="some\n")]
    given = iter((notebook, good))
    monkeypatch.setattr(classroom, "chapter", lambda: next(given))
    assert asyncio.run(classroom.lesson(2, None))["failed"] == 1


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
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_lab_listens_on_loopback_and_wants_its_token(tmp_path):
    """As `nox -s lab` starts it, with no options of its own but not to open a browser."""
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    server = subprocess.Popen(
        [sys.executable, "tools/lab.py", "--no-browser"],
        **{"cwd": ROOT, "env": os.environ | own, "stderr": subprocess.DEVNULL},
    )
    try:
        (file,) = wait_until(lambda: list(tmp_path.glob("RUNTIME/jpserver-*.json")), 60, "a server")
        info = json.loads(wait_until(file.read_text, 10, "its description"))
        address = f"http://127.0.0.1:{info['port']}"
        assert len(info["token"]) >= 32
        for path in ("/api/contents", "/api/kernels", "/api/terminals"):
            assert status(f"{address}{path}") == 403
            assert status(f"{address}{path}?token={info['token'][:-1]}x") == 403
            assert status(f"{address}{path}?token={info['token']}") == 200
        assert {ip for ip, _ in listening(psutil.Process(server.pid))} <= {"127.0.0.1", "::1"}
        assert ("127.0.0.1", info["port"]) in listening(psutil.Process(server.pid))
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.parametrize(
    ("code", "failed"),
    [
        ("1 + 1", False),
        ("import socket; opened = socket.create_server(('127.0.0.1', 0))", True),
        (
            "import subprocess, sys, time\n"
            "code = 'import socket, time; s = socket.create_server((\"0.0.0.0\", 0)); time.sleep(9)'\n"
            "child = subprocess.Popen([sys.executable, '-c', code])\n"
            "time.sleep(2)",
            True,
        ),
    ],
    ids=["none", "kernel", "child"],
)
def test_a_notebook_that_leaves_a_port_open_fails(tmp_path, code, failed):
    """For notebooks/conftest.py, which looks after every cell of every notebook."""
    shutil.copy(ROOT / "notebooks/conftest.py", tmp_path)
    cells = [nbformat.v4.new_code_cell(code), nbformat.v4.new_code_cell("pass")]
    cells[0].metadata.tags = ["nbval-ignore-output"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "ports.ipynb")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == int(failed), result.stdout
    assert ("leaves {(" in result.stdout) is failed
