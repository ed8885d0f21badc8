"""What several test files use."""

import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
EDITIONS = ("zh", "en", "zh-solutions", "en-solutions")


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
