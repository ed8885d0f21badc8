"""Write environment.yml, for conda and Binder, from requirements.txt (`nox -s lock` calls this)."""

from pathlib import Path

ROOT = Path(__file__).parents[1]

HEAD = """\
# The run-time set for conda and Binder, everything it needs pinned.
# Written by `nox -s lock` from requirements.txt: change pyproject.toml, not this file.
name: momentum-lab
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def environment(requirements):
    """Give the text of environment.yml that pins what `requirements` pins.

    Parameters
    ----------
    requirements : str
        The text of a hashed requirements file.

    Returns
    -------
    str
    """
    pins = [
        line.removesuffix("\\").strip()
        for line in requirements.splitlines()
        if line and not line[0].isspace() and line[0] != "#"
    ]
    return HEAD + "".join(f'      - "{pin}"\n' for pin in pins)


if __name__ == "__main__":
    text = environment((ROOT / "requirements.txt").read_text())
    (ROOT / "environment.yml").write_text(text)
