"""The language in which the course speaks to the learner."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


class WrongFolderError(Exception):
    """A notebook's kernel runs in the repository's root, as some editors start it."""

    def __init__(self):
        super().__init__(
            "This notebook's kernel runs in the course's folder, not in the notebook's own, so "
            "files are not found and the language is not known. Let it start in the notebook's "
            'folder (in VS Code the setting "jupyter.notebookFileRoot" is "${fileDirname}"), and '
            "restart it.\n"
            "这个笔记本的内核运行在课程的文件夹里，而不是笔记本自己所在的文件夹里：这样会找不到文件，"
            "也无法知道用哪种语言。请让内核在笔记本所在的文件夹里启动（在 VS Code 里，设置项 "
            "jupyter.notebookFileRoot 应为 ${fileDirname}），然后重启内核。"
        )

    def _render_traceback_(self):
        """Let IPython show the sentence alone."""
        return [str(self)]


def language():
    """Give the notebook's language, told by the folder that its kernel runs in: "zh" or "en".

    Raises
    ------
    WrongFolderError
        In a kernel that runs in the repository's root.
    """
    folder = Path.cwd()
    if folder == ROOT and "ipykernel.kernelapp" in sys.modules:
        raise WrongFolderError
    return "zh" if folder.name in ("zh", "zh-solutions") else "en"
