"""Open the learner's copies of the course in JupyterLab (`nox -s lab` calls this).

`python tools/lab.py [NOTEBOOK] [ARGUMENT ...]` opens a notebook, by default the English chapter;
NOTEBOOK is its path, its name or "zh", the Chinese chapter. Further arguments go to JupyterLab,
which is in Chinese for a notebook in Chinese. tools/copies.py says what the copies are.
"""

import os
import sys
from pathlib import Path

import copies
import doctor

ROOT = Path(__file__).parents[1]


def command(arguments):
    """Give the command that opens JupyterLab.

    Parameters
    ----------
    arguments : list of str
        The notebook, if not the English chapter, and JupyterLab's own arguments.

    Returns
    -------
    list of str
    """
    notebook = "en"
    if arguments and not arguments[0].startswith("-"):
        notebook, *arguments = arguments
    path = ROOT / notebook
    if not (path.is_file() and copies.MY in path.parents):  # else one of the learner's own
        edition, name = copies.find(notebook)
        path = copies.MY / (edition or "en") / f"{name}.ipynb"
    language = "zh" if path.parent.name.startswith("zh") else "en"
    print("".join(f"{line}\n" for line in copies.update(path.parent.name)), end="", flush=True)
    own = [
        # Named as a file, the notebook would make its folder the root, and lose its figures.
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{path.relative_to(ROOT).as_posix()}",
        # Defaults for the course; what users set in their own JupyterLab wins over them.
        f"--LabApp.app_settings_dir={ROOT / 'tools/settings' / language}",
        # An update would break the pinned set, so JupyterLab does not look for one.
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        own.append("--allow-root")  # JupyterLab asks for it in containers
    return [sys.executable, "-m", "jupyterlab", *own, *arguments]


if __name__ == "__main__":
    problem = doctor.problem()
    if problem:
        sys.exit(problem)
    from jupyterlab_server.workspaces_handler import WorkspacesManager

    # Apart from other JupyterLabs of the user, whose open tabs would come up here.
    workspaces = os.environ.setdefault(
        "JUPYTERLAB_WORKSPACES_DIR", str(Path(sys.prefix, "share/jupyter/lab/workspaces"))
    )
    if not any(Path(workspaces).glob("*.jupyterlab-workspace")):
        # The first time, the notebook's contents are at the side, not the files.
        first = (ROOT / "tools/settings/workspace.json").read_text()
        WorkspacesManager(workspaces).save("default", first)
    paths = [str(ROOT / "tools/settings"), os.environ.get("JUPYTER_CONFIG_PATH")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    try:
        arguments = command(sys.argv[1:])
    except copies.CopyError as error:
        sys.exit(str(error))
    os.execv(sys.executable, arguments)
