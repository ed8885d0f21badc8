"""Print the Binder links of this repository (`python tools/launch.py`).

Its name on GitHub is that of the git remote, or what the environment says in GITHUB_REPOSITORY.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def repository():
    """Give the name of this repository on GitHub, OWNER/REPOSITORY; None if it has none."""
    remote = subprocess.run(
        ["git", "remote", "get-url", "origin"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    return os.environ.get("GITHUB_REPOSITORY") or name_on_github(remote)


def name_on_github(remote):
    """Give OWNER/REPOSITORY from the address of a git remote; None if it is not on GitHub."""
    match = re.search(r"[@/]github\.com[:/]([\w.-]+/[\w.-]+?)(\.git)?/?$", remote)
    return match and match[1]


def binder_link(repository, language):
    """Give the link that opens the chapter on Binder.

    Parameters
    ----------
    repository : str
        OWNER/REPOSITORY.
    language : str
        "zh" or "en".
    """
    return (
        f"https://mybinder.org/v2/gh/{repository}/main"
        f"?urlpath=lab/tree/notebooks/{language}/momentum-scratch.ipynb"
    )


if __name__ == "__main__":
    name = repository()
    if not name:
        sys.exit("The git remote 'origin' is no repository on GitHub, so it has no Binder link.")
    print("\n".join(binder_link(name, language) for language in ("zh", "en")))
