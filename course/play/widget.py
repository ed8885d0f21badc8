"""What the widgets share: their front end, the picture of them, and the check of numbers."""

import base64
import io
from numbers import Real
from pathlib import Path

import anywidget
import numpy as np
import traitlets


def module(name):
    """Give the whole JavaScript module of a widget: what the widgets share, then its own part."""
    folder = Path(__file__).parent
    return "".join((folder / f"{part}.js").read_text() for part in ("shared", name))


class Pictured(anywidget.AnyWidget):
    """A widget with a state, and a picture of it for where no kernel runs."""

    lang = traitlets.Enum(("zh", "en")).tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        data["image/png"] = base64.b64encode(self.picture()).decode()
        return data, metadata


def check_keys(state, keys):
    """Refuse a state that has not these keys."""
    if set(state) != set(keys):
        raise ValueError(f"state must have the keys {', '.join(keys)}; got {', '.join(state)}")


def check_number(name, value, low, high, *, whole=False):
    """Refuse what is no number from `low` to `high`, or not a whole one where it must be."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}, got {value!r}")
    if whole and value != int(value):
        raise TypeError(f"{name} must be a whole number, got {value!r}")


def plain(value):
    """Make a Python number of NumPy's, which JSON does not know."""
    return value.item() if isinstance(value, np.generic) else value


def written(arguments):
    """Write arguments as they stand in a call."""
    return ", ".join(f"{key}={value!r}" for key, value in arguments.items())


def png(figure):
    """Give a figure as a PNG that says how to come by the sliders."""
    figure.supxlabel(
        "a picture: run this cell for sliders", x=0.99, ha="right", size=8, color="0.35"
    )
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=90)
    return file.getvalue()
