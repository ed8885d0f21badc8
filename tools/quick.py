"""Check in a minute what a change touches (`nox -s quick -- [NAME ...]` calls this).

A NAME is a chapter or a module of course/checks; without one, it is what differs from the last
commit. First style and `tools/build.py --check`; then the chapters' notebooks against their stored
outputs, and the tests that are named after what has changed. Where a change touches several
chapters, the English solutions of each stand for all editions; `nox -s test` runs the rest.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.build import DIGESTS, EDITIONS, folder  # noqa: E402
from tools.sources import order  # noqa: E402

# Runs in one edition, and only where it is named or its own files have changed
SLOW = {"momentum-distributed"}


def changed_files():
    """Give the files that differ from the last commit, new ones too."""
    command = ["git", "status", "--porcelain", "--untracked-files=all", "--no-renames"]
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [line[3:].strip('"') for line in result.stdout.splitlines()]


def chapter_of(file):
    """Give the chapter to which a file belongs alone, or None."""
    name = Path(file).stem.replace("_", "-")
    own = file.startswith(("notebooks/", "course/checks/")) and name in order()
    return name if own else None


def readers_of(file):
    """Give the chapters whose outputs depend on a file."""
    for name in order():
        notebook = json.loads((ROOT / f"notebooks/en/{name}.ipynb").read_text())
        if file in notebook["metadata"].get(DIGESTS, {}):
            yield name


def tests_of(file):
    """Give the test files that are named after a file, or after a folder that it is in."""
    path = Path(file)
    if path.match("tests/test_*.py"):
        return {path} if (ROOT / path).exists() else set()
    names = {path.stem.replace("-", "_"), *path.parent.parts} - {"course", "tools", "__init__"}
    return {
        found.relative_to(ROOT) for name in names for found in ROOT.glob(f"tests/test_{name}*.py")
    }


def targets(files):
    """Give what pytest is to run for changed files.

    Parameters
    ----------
    files : list of str
        Relative to the repository.

    Returns
    -------
    list of str
        Notebooks and test files, relative to the repository.
    """
    own = {chapter_of(file) for file in files} - {None}
    others = {name for file in files if not chapter_of(file) for name in readers_of(file)} - own
    whole = own - SLOW if len(own | others) == 1 else set()  # one chapter: in all its editions
    paths = {
        f"notebooks/{folder(*edition)}/{name}.ipynb"
        for name in (own | others) - (SLOW - own)
        for edition in (EDITIONS if name in whole else [("en", "solution")])
    }
    tests = {test for file in files for test in tests_of(file)}
    return sorted(paths | {str(test) for test in tests})


def files_of(names):
    """Give the source of each chapter named, and the module of its checks, if it has any.

    Raises
    ------
    SystemExit
        If there is no such chapter.
    """
    for name in names:
        chapter = Path(name).stem.replace("_", "-")
        if chapter not in order():
            sys.exit(f"There is no chapter {name!r}; there are {', '.join(order())}.")
        yield f"notebooks/src/{chapter}.md"
        checks = f"course/checks/{chapter.replace('-', '_')}.py"
        if (ROOT / checks).exists():
            yield checks


def main(names):
    """Run the command; give its exit status."""
    files = list(files_of(names)) or changed_files()
    steps = [
        ["ruff", "check", "--quiet"],
        ["ruff", "format", "--check", "--quiet"],
        [sys.executable, "tools/build.py", "--check"],
    ]
    found = targets(files)
    if found:
        marked = "not deep and not browser and not cluster"
        steps.append(["pytest", "--quiet", "--numprocesses=auto", "-m", marked, *found])
    for step in steps:
        code = subprocess.run(step, cwd=ROOT).returncode
        if code:
            return code
    print(f"Right: {', '.join(found)}." if found else "Right; nothing to run has changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
