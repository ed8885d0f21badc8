"""The data sets that come with the course."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "notebooks/data"


def data_file(name):
    """Give the path of a data set, whatever folder the notebook's kernel runs in.

    Parameters
    ----------
    name : str
        Of a file in ``notebooks/data``.

    Returns
    -------
    pathlib.Path
    """
    return FOLDER / name
