"""The language in which the course speaks to the learner."""

from pathlib import Path


def language():
    """Give the notebook's language, told by the folder that its kernel runs in: "zh" or "en"."""
    return "zh" if Path.cwd().name in ("zh", "zh-solutions") else "en"
