"""Make the notebooks for hosts such as Colab, and prepare such a host for them.

`python tools/hosted.py --repository ADDRESS --out FOLDER` writes FOLDER/zh and FOLDER/en: the
editions with one cell before the others, which clones the course from ADDRESS and calls `prepare`
of the clone, and a README with a link for each place where they can be opened, if ADDRESS is on
GitHub. It uses the standard library alone, since a host may have nothing else of ours.
"""

import argparse
import importlib
import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLONE = "momentum-lab"
BRANCH = "hosted"  # on which a workflow publishes what `build` writes
CELL = """\
# {comment}
import os
import subprocess
import sys

if not os.path.exists("../../tools/hosted.py"):
    if not os.path.exists({clone!r}):
        print({fetching!r})
        clone = ["git", "clone", "--quiet", "--depth=1", {address!r}, {clone!r}]
        if subprocess.run(clone).returncode:
            raise SystemExit({failed!r})
    os.chdir({folder!r})
sys.path.insert(0, os.path.abspath("../../tools"))
import hosted

hosted.prepare({language!r}, processes={processes})
"""
SAY = {
    "zh": {
        "title": "动量法实验室：在浏览器里运行，什么都不用装",
        "download": "下载",
        "comment": "先运行这个单元格：它取得本课程，并安装这里缺少的软件包；再次运行时什么也不做",
        "fetching": "正在取得本课程……",
        "failed": "无法取得本课程：请检查这里能否上网，然后再运行一次。",
        "installing": "正在安装这里缺少的软件包：{}（不到一分钟）……",
        "not installed": "安装没有成功：请检查这里能否上网，然后再运行一次。{}",
        "ready": "准备好了，请继续往下运行。",
        "processes": (
            "这里不允许启动多个互相通信的进程，而本章需要它们："
            "启动任务的单元格在这里无法运行；正文和已有的输出仍然可以阅读。"
        ),
    },
    "en": {
        "title": "Momentum Lab: run it in a browser, with nothing installed",
        "download": "Download",
        "comment": "Run this first: it fetches the course and installs what is missing here, once",
        "fetching": "Fetching the course …",
        "failed": "The course could not be fetched: see that there is a network here, and run again.",
        "installing": "Installing what is missing here: {} (less than a minute) …",
        "not installed": "This failed: see that there is a network here, and run again. {}",
        "ready": "Ready: go on with the next cell.",
        "processes": (
            "Processes that talk to each other are forbidden here, and this chapter needs them: "
            "the cells that start a job cannot run; text and stored outputs can be read."
        ),
    },
}


def first_cell(language, address, processes):
    """Give the source of the cell that comes first.

    Parameters
    ----------
    language : {"zh", "en"}
    address : str
        What `git clone` takes.
    processes : bool
        Whether the notebook starts processes of its own.

    Returns
    -------
    str
    """
    say = SAY[language]
    return CELL.format(
        address=address,
        clone=CLONE,
        comment=say["comment"],
        failed=say["failed"],
        fetching=say["fetching"],
        folder=f"{CLONE}/notebooks/{language}",
        language=language,
        processes=processes,
    )


def name_on_github(address):
    """Give OWNER/REPOSITORY from what `git clone` takes; None if it is not on GitHub."""
    match = re.search(r"[@/]github\.com[:/]([\w.-]+/[\w.-]+?)(\.git)?/?$", address)
    return match and match[1]


def places(repository, language, name):
    """Give where a notebook can be opened, or got.

    Parameters
    ----------
    repository : str
        OWNER/REPOSITORY on GitHub.
    language : {"zh", "en"}
    name : str
        Of the notebook.

    Returns
    -------
    dict of str
        From the name of a place to an address.
    """
    github = f"https://github.com/{repository}"
    path = f"{language}/{name}.ipynb"
    blob = f"{repository}/blob/{BRANCH}/{path}"
    return {
        "Colab": f"https://colab.research.google.com/github/{blob}",
        "Kaggle": f"https://kaggle.com/kernels/welcome?src=https://github.com/{blob}",
        "Codespaces": f"https://codespaces.new/{repository}",
        "Binder": f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/notebooks/{path}",
        SAY[language]["download"]: f"{github}/raw/{BRANCH}/{path}",
    }


def read(path):
    """Read a notebook, without its table of progress: hosts keep no record of that."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    notebook["cells"] = [one for one in cells if not one["id"].startswith("progress")]
    return notebook


def readme(repository):
    """Give the README of the branch: for each notebook, a link for each place."""
    parts = []
    for language, say in SAY.items():
        parts.append(f"# {say['title']}\n")
        for name in (ROOT / "notebooks/src/order.txt").read_text().split():
            cells = read(ROOT / "notebooks" / language / f"{name}.ipynb")["cells"]
            if any(cell["cell_type"] == "code" for cell in cells):
                title = "".join(cells[0]["source"]).splitlines()[0].lstrip("# ")
                links = [f"[{a}]({b})" for a, b in places(repository, language, name).items()]
                parts.append(f"- {title}: {' · '.join(links)}")
        parts.append("")
    return "\n".join(parts)


def build(address, out):
    """Write both editions into a folder, and for GitHub the README."""
    repository = name_on_github(address)
    if repository:
        Path(out).mkdir(parents=True, exist_ok=True)
        Path(out, "README.md").write_text(readme(repository), encoding="utf-8")
    for language in SAY:
        folder = Path(out, language)
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted((ROOT / "notebooks" / language).glob("*.ipynb")):
            notebook = read(path)
            code = [one for one in notebook["cells"] if one["cell_type"] == "code"]
            processes = any("import cluster" in "".join(one["source"]) for one in code)
            if code:  # the contents and the glossary have none
                cell = {
                    "cell_type": "code",
                    "execution_count": None,
                    "id": "hosted",
                    "metadata": {},
                    "outputs": [],
                    "source": first_cell(language, address, processes).splitlines(keepends=True),
                }
                notebook["cells"].insert(0, cell)
            text = json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
            (folder / path.name).write_text(text, encoding="utf-8")


def missing():
    """Give the packages that are to be installed, as pip takes them; the host's own stay."""
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    names = [
        name for name in ("mxnet", "anywidget", "matplotlib", "requests") if not find_spec(name)
    ]
    if not find_spec("distutils") and not find_spec("setuptools"):
        names.append("setuptools")
    return [re.search(rf"^{name}==[^\s;]+", pins, re.MULTILINE)[0] for name in names]


def _pip(packages, *options):
    command = [sys.executable, "-m", "pip", "install", "--quiet", *options, *packages]
    return subprocess.run(command, capture_output=True, text=True)


def install(packages):
    """Install packages without replacing the host's numpy or matplotlib; give what went wrong."""
    kept = []
    for name in ("numpy", "matplotlib"):
        try:
            kept.append(f"{name}=={version(name)}\n")
        except PackageNotFoundError:
            continue
    mxnet = [one for one in packages if one.startswith("mxnet==")]  # it asks for numpy < 2
    others = [one for one in packages if one not in mxnet]
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "kept.txt")
        constraints.write_text("".join(kept))
        for some, option in ((mxnet, "--no-deps"), (others, f"--constraint={constraints}")):
            if some:
                result = _pip(some, option)
                if result.returncode:
                    return (result.stderr.strip().splitlines() or ["pip"])[-1]
    importlib.invalidate_caches()
    return None


def processes_allowed():
    """Try whether a process of ours may listen on this machine and be spoken to."""
    code = (
        "import socket; server = socket.create_server(('127.0.0.1', 0)); "
        "socket.create_connection(server.getsockname())"
    )
    try:
        return not subprocess.run([sys.executable, "-c", code], capture_output=True).returncode
    except OSError:
        return False


def prepare(language, processes=False):
    """Install what the host lacks, let MXNet be imported, and say so; a second call does nothing.

    Parameters
    ----------
    language : {"zh", "en"}
        In which to speak.
    processes : bool, optional
        Whether the notebook starts processes of its own; then say where these are forbidden.
    """
    import doctor
    import mxnet_numpy

    # It was put there by the cell, for these modules alone; "../..", which notebooks use, stays.
    sys.path[:] = [one for one in sys.path if one != str(ROOT / "tools")]
    say = SAY[language]
    if "mxnet" in sys.modules:
        return
    packages = missing()
    if packages:
        print(say["installing"].format(", ".join(packages)))
        problem = install(packages)
        if problem:
            raise SystemExit(say["not installed"].format(problem))
    mxnet_numpy.install()  # for the processes that a notebook starts
    mxnet_numpy.hook()  # for this kernel, which has read its .pth files already
    problem = doctor.import_problem()
    if problem:
        raise SystemExit(problem)
    if processes and not processes_allowed():
        print(say["processes"])
    print(say["ready"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repository", required=True, help="what `git clone` takes")
    parser.add_argument("--out", required=True, help="the folder to write into")
    options = parser.parse_args()
    build(options.repository, options.out)
