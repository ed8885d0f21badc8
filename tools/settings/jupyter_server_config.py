"""What the course's JupyterLab does as a server; tools/lab.py adds this folder to its configuration."""

WIDGET = "application/vnd.jupyter.widget-view+json"


def keep_pictures(model, **_):
    """Save a widget's picture without its view, which lives no longer than its kernel.

    With the view, a notebook opened again would show "model not found" in the picture's place.
    """
    if model["type"] != "notebook" or model["content"]["nbformat"] < 4:
        return
    for cell in model["content"]["cells"]:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output["data"].pop(WIDGET, None)


get_config().ContentsManager.pre_save_hook = keep_pictures  # noqa: F821, Jupyter gives it
