"""The notebooks for hosts such as Colab: one cell more, and what that cell does.

tests/host.py tries it for real, in an environment without mxnet: `nox -s host`.
"""

import ast
import json
import re
import sys
import types
from pathlib import Path

import pytest
from common import ROOT

from tools import hosted

ADDRESS = "https://example.org/it's/momentum.git"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosted")
    hosted.build(ADDRESS, folder)
    return folder


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_notebooks_have_one_cell_more_and_are_the_same_otherwise(built, language):
    own = sorted((ROOT / "notebooks" / language).glob("*.ipynb"))
    assert [one.name for one in own] == sorted(one.name for one in (built / language).iterdir())
    assert not (built / "README.md").exists()  # the address is not on GitHub
    for path in own:
        before = json.loads(path.read_text())
        own = [cell for cell in before["cells"] if cell["id"] not in ("progress", "progress-text")]
        assert (before["cells"] != own) == (path.stem == "index")
        before["cells"] = own
        after = json.loads((built / language / path.name).read_text())
        if any(cell["cell_type"] == "code" for cell in before["cells"]):
            cell = after["cells"].pop(0)
            ast.parse("".join(cell["source"]))
            assert cell["id"] == "hosted" and repr(ADDRESS) in "".join(cell["source"])
            calls = "processes=True" in "".join(cell["source"])
            assert calls == (path.stem == "momentum-distributed")
        assert after == before


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("git@github.com:someone/momentum.git", "someone/momentum"),
        ("https://github.com/someone/momentum", "someone/momentum"),
        ("https://token@github.com/someone/momentum.git", "someone/momentum"),
        ("ssh://git@github.com/someone/momentum.git", "someone/momentum"),
        ("", None),
        ("/srv/git/momentum.git", None),
        ("https://example.org/a/b.git", None),
    ],
)
def test_the_name_on_github_comes_from_the_remote(remote, name):
    assert hosted.name_on_github(remote) == name


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_places_open_what_the_workflow_publishes(language):
    workflow = (ROOT / ".github/workflows/hosted.yml").read_text()
    assert "git push --quiet --force" in workflow and workflow.rstrip().endswith(
        f" {hosted.BRANCH}"
    )
    colab, kaggle, codespaces, binder, download = hosted.places("a/b", language, "index").values()
    path = f"{language}/index.ipynb"
    assert colab == f"https://colab.research.google.com/github/a/b/blob/hosted/{path}"
    assert kaggle.endswith(f"?src=https://github.com/a/b/blob/hosted/{path}")
    assert codespaces == "https://codespaces.new/a/b"
    assert binder == f"https://mybinder.org/v2/gh/a/b/main?urlpath=lab/tree/notebooks/{path}"
    assert download == f"https://github.com/a/b/raw/hosted/{path}"


def test_on_github_a_readme_links_every_notebook_that_runs(tmp_path):
    hosted.build("https://github.com/a/b", tmp_path)
    text = (tmp_path / "README.md").read_text()
    for language in ("zh", "en"):
        for path in (tmp_path / language).iterdir():
            links = [
                f"]({one})" in text for one in hosted.places("a/b", language, path.stem).values()
            ]
            runs = any(cell["id"] == "hosted" for cell in json.loads(path.read_text())["cells"])
            assert links == [runs, runs, True, runs, runs]


def test_each_language_says_the_same_things():
    zh, en = hosted.SAY["zh"], hosted.SAY["en"]
    assert zh.keys() == en.keys()
    for key in zh:
        assert re.search(r"[一-鿿]", zh[key]) and not re.search(r"[一-鿿]", en[key])
        assert zh[key].count("{}") == en[key].count("{}")


@pytest.mark.parametrize(
    ("has", "packages"),
    [
        ({"mxnet", "anywidget", "matplotlib", "requests", "setuptools"}, []),
        ({"matplotlib", "requests", "distutils"}, ["mxnet", "anywidget"]),
        ({"matplotlib", "requests"}, ["mxnet", "anywidget", "setuptools"]),
    ],
)
def test_only_what_is_missing_is_installed_as_it_is_pinned(monkeypatch, has, packages):
    monkeypatch.setattr(hosted, "find_spec", lambda name: name in has)
    pins = (ROOT / "requirements.txt").read_text()
    found = hosted.missing()
    assert [one.partition("==")[0] for one in found] == packages
    assert all(f"\n{one} " in pins for one in found)


def test_mxnet_comes_without_a_numpy_and_the_hosts_stays(monkeypatch):
    calls = []

    def pip(packages, option):
        if option.startswith("--constraint="):
            option = Path(option.partition("=")[2]).read_text()
        calls.append((packages, option))
        return types.SimpleNamespace(returncode=0)

    monkeypatch.setattr(hosted, "_pip", pip)
    monkeypatch.setattr(hosted, "version", {"numpy": "2.2.0", "matplotlib": "3.9.0"}.get)
    assert hosted.install(["mxnet==1.9.1", "anywidget==0.11.0"]) is None
    assert calls == [
        (["mxnet==1.9.1"], "--no-deps"),
        (["anywidget==0.11.0"], "numpy==2.2.0\nmatplotlib==3.9.0\n"),
    ]


@pytest.fixture
def prepare(monkeypatch):
    """Give `prepare` on a host where everything can be imported."""
    calls = []
    sys_path = [*sys.path, str(ROOT / "tools")]
    monkeypatch.setattr(sys, "path", sys_path)
    monkeypatch.delitem(sys.modules, "mxnet", raising=False)
    monkeypatch.setitem(sys.modules, "doctor", types.SimpleNamespace(import_problem=lambda: None))
    fake = types.SimpleNamespace(
        install=lambda: calls.append("pth"), hook=lambda: calls.append("hook")
    )
    monkeypatch.setitem(sys.modules, "mxnet_numpy", fake)
    monkeypatch.setattr(hosted, "missing", lambda: ["mxnet==1.9.1"])
    monkeypatch.setattr(hosted, "install", lambda packages: calls.append(packages))
    return calls


def test_it_installs_hooks_and_says_what_it_does(prepare, capsys):
    hosted.prepare("zh")
    assert prepare == [["mxnet==1.9.1"], "pth", "hook"]
    assert str(ROOT / "tools") not in sys.path
    first, last = capsys.readouterr().out.splitlines()
    assert "mxnet==1.9.1" in first and last == hosted.SAY["zh"]["ready"]


def test_a_second_run_does_nothing(prepare, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mxnet", types.SimpleNamespace())
    hosted.prepare("en", processes=True)
    assert (prepare, capsys.readouterr().out) == ([], "")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_install_that_fails_is_a_sentence(prepare, monkeypatch, language):
    monkeypatch.setattr(hosted, "install", lambda packages: "ERROR: no network")
    with pytest.raises(SystemExit) as stop:
        hosted.prepare(language)
    assert stop.value.code == hosted.SAY[language]["not installed"].format("ERROR: no network")


@pytest.mark.parametrize("allowed", [True, False])
def test_forbidden_processes_are_named_where_the_notebook_needs_them(
    prepare, monkeypatch, capsys, allowed
):
    monkeypatch.setattr(hosted, "processes_allowed", lambda: allowed)
    hosted.prepare("en", processes=True)
    said = hosted.SAY["en"]["processes"] in capsys.readouterr().out
    assert said != allowed


def test_whether_processes_are_allowed_is_tried(monkeypatch):
    assert hosted.processes_allowed()

    def forbidden(*args, **kwargs):
        raise PermissionError

    monkeypatch.setattr(hosted.subprocess, "run", forbidden)
    assert not hosted.processes_allowed()
