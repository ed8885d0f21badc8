"""Print the Binder links of this repository, told by its git remote (`python tools/launch.py`)."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def binder_link(remote, language):
    """Give the link that opens the chapter on Binder.

    Parameters
    ----------
    remote : str
        The address of the git remote.
    language : str
        "zh" or "en".

    Returns
    -------
    str or None
        None if the remote is no repository on GitHub.
    """
    match = re.search(r"[@/]github\.com[:/]([\w.-]+)/([\w.-]+?)(\.git)?/?$", remote)
    if not match:
        return None
    return (
        f"https://mybinder.org/v2/gh/{match[1]}/{match[2]}/main"
        f"?urlpath=lab/tree/notebooks/{language}/momentum-scratch.ipynb"
    )


if __name__ == "__main__":
    remote = subprocess.run(
        ["git", "remote", "get-url", "origin"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    links = [binder_link(remote, language) for language in ("zh", "en")]
    if None in links:
        sys.exit("The git remote 'origin' is no repository on GitHub, so it has no Binder link.")
    print("\n".join(links))
