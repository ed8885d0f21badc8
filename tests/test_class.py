"""What an instructor relies on: the plan, notebooks without solutions, memory; and closed doors."""

import ast
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
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

import nbformat
import numpy as np
import psutil
import pytest
from browser import wait_until
from common import ROOT, read

from benchmarks import classroom
from tools.sources import order

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


def instructors(language, name):
    """Give the text of a page for instructors."""
    return (ROOT / f"web/pages/{language}/{name}.md").read_text()


# The plan

SENTENCES = "\n".join(  # of the checks
    node.value
    for path in sorted((ROOT / "course/checks").glob("*.py"))
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
)


def meetings(language):
    """Give each meeting's chapters, and the cells of the rows of its two tables."""
    plan = instructors(language, "class").partition('<a id="project">')[0]
    for meeting in re.split(r'<a id="meeting-\d+"></a>', plan)[1:]:
        rows = [line[2:-2].split(" | ") for line in meeting.splitlines() if line.startswith("| ")]
        timed = [row for row in rows if row[0].isdigit()]
        wrong = [row for row in rows if not row[0].isdigit()][2:]  # after the two heads
        yield re.findall(r"/([\w-]+)\.ipynb\)", meeting), timed, wrong


@pytest.mark.parametrize("language", ["zh", "en"])
def test_six_meetings_of_90_minutes_take_all_chapters(language):
    plan = list(meetings(language))
    assert [sum(int(minutes) for minutes, _ in timed) for _, timed, _ in plan] == [90] * 6
    chapters = [name for names, _, _ in plan for name in names]
    assert chapters == [name for name in order() if name not in ("index", "glossary")]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_plan_names_sections_of_its_chapters(language):
    unknown = []
    for names, timed, _ in meetings(language):
        headings = {
            cell.source.splitlines()[0].lstrip("# ")
            for name in names
            for cell in read(ROOT / f"notebooks/{language}/{name}.ipynb").cells
            if cell.cell_type == "markdown" and cell.source.startswith("#")
        }
        sections = [section for _, what in timed for section in re.findall("“(.+?)”", what)]
        assert sections
        unknown += [section for section in sections if section not in headings]
    assert unknown == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_plan_quotes_what_the_checks_say(language):
    quoted = [
        re.fullmatch("“(.+)”", answer) for _, _, rows in meetings(language) for _, answer in rows
    ]
    hints = [match[1] for match in quoted if match]
    assert len(hints) > 20
    assert [hint for hint in hints if hint not in SENTENCES] == []


def test_the_rubric_makes_20_points_in_both_languages():
    for language in ("zh", "en"):
        rubric = instructors(language, "class").partition('<a id="rubric">')[2]
        points = [int(number) for number in re.findall(r"\| (\d+) \|$", rubric, re.MULTILINE)]
        assert (len(points), sum(points)) == (6, 20)


@pytest.mark.parametrize(
    ("noise", "floor", "gain"), [(0.1, "1e-03", (3, 10)), (1, "1e-01", (0.5, 2))]
)
def test_noise_uses_up_the_gain_of_the_project(tmp_path, noise, floor, gain):
    """On a table whose columns nearly say the same; its best learning rates inside the grid."""
    codes = [
        re.search("```python\n(.+?)```", instructors(language, "class"), re.DOTALL)[1]
        for language in ("zh", "en")
    ]
    code = codes[1].replace("../..", str(ROOT)).replace("0.8]", "0.8, 0.9, 0.95, 1, 1.05]")
    assert codes[0].splitlines()[10:] == codes[1].splitlines()[10:]  # after the comment
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 1)) + 0.15 * rng.normal(size=(1000, 3))
    table = np.column_stack([X, X @ [1, -2, 3] + noise * rng.normal(size=1000)])
    np.savetxt(tmp_path / "my.csv", table, delimiter=",", header="a,b,c,y", comments="")
    command = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    head, *rows = result.stdout.splitlines()
    assert head.startswith("condition number 132, floor ")
    assert f"{float(head.split()[-1]):.0e}" == floor
    losses = [[float(loss) for loss in row.split()[1:]] for row in rows]
    plain, momentum = map(min, losses)
    assert gain[0] < plain / momentum < gain[1]
    assert all(0 < loss.index(min(loss)) < len(loss) - 1 for loss in losses), losses


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
    pages = [instructors(language, "class-setup") for language in ("zh", "en")]
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
    code = (
        "import sys\nsys.path.insert(0, '../..')\nfrom course import record\n"
        "print(record.note('final_velocity', (6,), 'right', ''))"
    )
    noted = subprocess.run(
        [sys.executable, "-c", code],
        cwd=learner / "notebooks/en",
        check=True,
        capture_output=True,
        text=True,
    )
    assert noted.stdout == "1 of 4 in this chapter.\n"
    progress = (learner / "my/progress.json").read_bytes()
    change(teacher, "summary", "## A better summary")
    change(teacher, "my-momentum", "theirs = True")
    git(teacher, "commit", "--quiet", "--all", "--message", "Better")
    git(teacher, "push", "--quiet")
    fetch()
    assert sources()["final-velocity"] == "answer = 6"
    assert sources()["my-momentum"] == "mine = True"
    assert sources()["summary"] == "## A better summary"
    assert (learner / "my/progress.json").read_bytes() == progress


# The measurement


def about(megabytes):
    """Write a size to two digits or three."""
    return f"{round(megabytes, -1):,.0f}"


def run(lesson):
    """Run a coroutine in a thread of its own: in this one, Playwright's loop may be running."""
    with ThreadPoolExecutor() as threads:
        return threads.submit(asyncio.run, lesson).result()


def test_a_lesson_of_two_in_the_class_repository_is_measured(class_repository, monkeypatch):
    monkeypatch.setattr(classroom, "CHAPTER", class_repository / CHAPTER)
    entry = run(classroom.lesson(2, 1))
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
    assert run(classroom.lesson(3, None))["failed"] == 2


def test_the_memory_of_a_chapter_counts_the_processes_that_it_starts(tmp_path):
    code = (
        "import subprocess, sys\n"
        "code = 'held = bytearray(80_000_000); print(flush=True); input()'\n"
        "pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE}\n"
        "with subprocess.Popen([sys.executable, '-c', code], **pipes) as child:\n"
        "    line = child.stdout.readline()\n"
        "    import time; time.sleep(2)\n"
        "    child.communicate(b'\\n')"
    )
    path = tmp_path / "notebook.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), path)
    entry = run(classroom.memory(path))
    assert (entry["chapter"], entry["processes"]) == ("notebook", 2)
    assert 110 < entry["peak_mb"] < 250  # 80 of them the child's


def test_the_stored_measurement_is_of_a_class_of_twenty_and_of_every_chapter():
    measured = json.loads((ROOT / "benchmarks/classroom.json").read_text())
    rows = [(row["learners"], row["threads"]) for row in measured["entries"]]
    assert rows == [(learners, threads) for learners in (1, 20) for threads in (None, 1, 2)]
    assert measured["failed"] == 0
    chapters = [row["chapter"] for row in measured["chapters"]]
    assert chapters == [name for name in order() if name not in ("index", "glossary")]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_shows_what_was_measured(language):
    """Whoever measures anew is told here which lines and numbers of the page to change."""
    text = instructors(language, "class-setup")
    measured = json.loads((ROOT / "benchmarks/classroom.json").read_text())
    entries, chapters, server = (measured[key] for key in ("entries", "chapters", "server_mb"))
    unset = {"zh": "未设置", "en": "unset"}[language]
    lines = [
        f"| {row['learners']} | {row['threads'] or unset} | {row['all_done_s']:.1f} "
        f"| {row['run_cell_s']:.1f} | {row['cpu_s']:.1f} | {row['pss_mb']:,.0f} "
        f"| {row['sum_pss_mb']:,.0f} |"
        for row in entries
    ]
    lines += [
        f"/{row['chapter']}.ipynb) | {row['peak_mb']:.0f} | {row['processes']} |"
        for row in chapters
    ]
    assert [line for line in lines if line not in text] == []

    lightest, *_, third, second, heaviest = sorted(row["peak_mb"] for row in chapters)
    least, most = lightest + server, heaviest + server
    three = most + second + third
    peaks = {row["chapter"]: row["peak_mb"] for row in chapters}
    assert peaks["momentum-distributed"] == heaviest  # the page says so
    assert re.search(r"limits\.memory (\d+)M", text)[1] == "1500"
    assert three < 1500
    full, *_, two_threads = (row for row in entries if row["learners"] > 1)
    machine, learners, cpu = measured["machine"], full["learners"], full["cpu_s"]
    numbers = {
        "en": (
            f"The chapter on several machines takes up to {about(most)} MB, JupyterLab included, "
            f"the others up to {about(second + server)}.",
            f"about {about(least)} MB, in the lightest chapter, to {about(most)} MB, in the heaviest: "
            f"{1000 // least:.0f} learners fit into a gigabyte, or {1000 // most:.0f}.",
            f"For {learners} learners who all run the heaviest at once, that is "
            f"{learners * most / 1000:.0f} GB",
            f"still open takes up to {about(three)} MB",
            f"{server:.0f} MB when idle",
            f"let {learners} kernels run",
            f"with {machine['cores']} cores ({machine['processor']}) and {machine['memory_gib']} GB",
            f"the quickest of {measured['rounds']} runs",
            f"takes {cpu:.1f} s of a core",
            f"on {machine['cores']} cores, {cpu * learners / machine['cores']:.0f} s for {learners}",
            f"here {machine['cores'] // 2}.",
            f"costs {two_threads['cpu_s'] / cpu:.1f} times the processor time",
        ),
        "zh": (
            f"多机训练一章最多占约 {about(most)} MB，其余各章最多约 {about(second + server)} MB。",
            f"最轻的一章约占 {about(least)} MB，在最重的一章约占 {about(most)} MB，也就是 1 GB "
            f"内存能容纳 {1000 // least:.0f} 人，或者只有 {1000 // most:.0f} 人。",
            f"{learners} 个人同时运行最重的一章，要 {learners * most / 1000:.0f} GB",
            f"最多要占约 {about(three)} MB",
            f"闲置时占 {server:.0f} MB",
            f"让 {learners} 个内核同时运行",
            f"有 {machine['cores']} 个核（{machine['processor']}）和 {machine['memory_gib']} GB 内存",
            f"都取 {measured['rounds']} 次中最快的一次",
            f"要占用一个核 {cpu:.1f} 秒",
            f"{machine['cores']} 个核、{learners} 个人时是 "
            f"{cpu * learners / machine['cores']:.0f} 秒",
            f"在这里是 {machine['cores'] // 2} 个",
            f"要花 {two_threads['cpu_s'] / cpu:.1f} 倍的处理器时间",
        ),
    }[language]
    assert [number for number in numbers if number not in text] == []
    assert f"${cpu:.1f}\\,k/c$" in text
    assert f"classroom.py --learners {learners}" in text


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["class", "class-setup"])
def test_a_page_can_be_read_on_github(language, name):
    text = instructors(language, name)
    assert not re.search(r"\{[{%]|^\(.+\)=$", text, re.MULTILINE)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)]
    folder = ROOT / f"web/pages/{language}"
    assert [link for link in links if "://" not in link and not (folder / link).exists()] == []
    if name == "class-setup":
        assert f"nbgitpuller=={metadata.version('nbgitpuller')}\n" in text


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
