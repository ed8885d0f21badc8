"""Print the links that open the chapter on Binder (`python tools/launch.py [OWNER/REPOSITORY]`).

With `--hub ADDRESS`: on a JupyterHub, where nbgitpuller fetches the repository. Without a name, it
is this repository, by its git remote or by what the environment says in GITHUB_REPOSITORY.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

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
    return f"https://mybinder.org/v2/gh/{repository}/main?urlpath={chapter(language)}"


def hub_link(hub, repository, language):
    """Give the link that fetches a repository with nbgitpuller on a JupyterHub and opens the chapter.

    Parameters
    ----------
    hub : str
        The hub's address.
    repository : str
        OWNER/REPOSITORY.
    language : str
        "zh" or "en".
    """
    query = {
        "repo": f"https://github.com/{repository}",
        "branch": "main",
        "urlpath": chapter(language, folder=repository.partition("/")[2] + "/"),
    }
    return f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{urlencode(query)}"


def chapter(language, folder=""):
    """Give the chapter's address on a server, where the repository lies in `folder`."""
    return f"lab/tree/{folder}notebooks/{language}/momentum-scratch.ipynb"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", nargs="?", default=repository(), help="OWNER/REPOSITORY")
    parser.add_argument("--hub", metavar="ADDRESS", help="links for nbgitpuller on this JupyterHub")
    options = parser.parse_args()
    if not options.repository:
        sys.exit(
            "The git remote 'origin' is no repository on GitHub, so it has no links. Name one."
        )
    for language in ("zh", "en"):
        if options.hub:
            print(hub_link(options.hub, options.repository, language))
        else:
            print(binder_link(options.repository, language))
