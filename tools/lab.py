"""Open the course in JupyterLab (`nox -s lab` calls this).

`python tools/lab.py [NOTEBOOK] [ARGUMENT ...]` opens a notebook, by default the English chapter;
further arguments go to JupyterLab. For a notebook in Chinese, JupyterLab is in Chinese too.
"""

import os
import sys
from pathlib import Path

import doctor

ROOT = Path(__file__).parents[1]


def command(arguments):
    """Give the command that opens JupyterLab.

    Parameters
    ----------
    arguments : list of str
        The notebook, relative to the repository, if not the English chapter, and JupyterLab's
        own arguments.

    Returns
    -------
    list of str
    """
    notebook = "notebooks/en/momentum-scratch.ipynb"
    if arguments and arguments[0].endswith(".ipynb"):
        notebook, *arguments = arguments
        if not (ROOT / notebook).is_file():
            sys.exit(f"There is no notebook {notebook} in the course.")
    language = "zh" if notebook.startswith("notebooks/zh") else "en"
    own = [
        # Named as a file, the notebook would make its folder the root, and lose its figures.
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{notebook}",
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
    # Apart from other JupyterLabs of the user, whose open tabs would come up here.
    workspaces = Path(sys.prefix, "share/jupyter/lab/workspaces")
    os.environ.setdefault("JUPYTERLAB_WORKSPACES_DIR", str(workspaces))
    paths = [str(ROOT / "tools/settings"), os.environ.get("JUPYTER_CONFIG_PATH")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    os.execv(sys.executable, command(sys.argv[1:]))
