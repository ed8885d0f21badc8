"""What several test files use."""

import re
from pathlib import Path

import nbformat

from tools.sources import order

ROOT = Path(__file__).parents[1]
EDITIONS = ("zh", "en", "zh-solutions", "en-solutions")
# The repository on GitHub whose web edition is tested, and where GitHub Pages would put it
REPOSITORY = "someone/momentum"
BASE_PATH = "/momentum"
PAGES = [*order(), "playground", "references", "class", "class-setup", "search"]
PLAYGROUNDS = {"index", "playground", "momentum-scratch", "momentum-when", "momentum-why"}
PLAYGROUNDS |= {"momentum-adam"}
TRAININGS = {"momentum-scratch", "momentum-when"}


def notebooks(*folders):
    """Give the paths of the notebooks in these folders of `notebooks/`, sorted."""
    return [
        path for name in folders for path in sorted((ROOT / "notebooks" / name).glob("*.ipynb"))
    ]


def name_of(path):
    """Give a test's id for a notebook: folder/name."""
    return f"{path.parent.name}/{path.stem}"


def read(path):
    return nbformat.read(path, as_version=4)


def outputs(name):
    """Give what each code cell of an English notebook printed, by the cell's id."""
    return {
        cell.id: "".join(output.get("text", "") for output in cell.outputs)
        for cell in read(ROOT / f"notebooks/en/{name}.ipynb").cells
        if cell.cell_type == "code"
    }


def numbers(pattern, text):
    """Give the numbers that the pattern's group finds in a text."""
    return [float(number) for number in re.findall(pattern, text)]


def markdown(language, name):
    """Give the text of a notebook, without its code, as a web page shows it; of another page, none."""
    if name not in order():
        return ""
    cells = read(ROOT / f"notebooks/{language}/{name}.ipynb").cells
    text = "\n\n".join(
        cell.source
        for cell in cells
        if cell.cell_type == "markdown" and cell.id not in ("first", "last")
    )
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
