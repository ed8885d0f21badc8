"""The home of the web edition: what the notebook `index` says, and what only a page can do."""

import json
import re
from pathlib import Path

from nbformat.v4 import new_markdown_cell

from tools import build, hosted

ROOT = Path(__file__).parents[1]
READMES = {"zh": ROOT / "README.zh.md", "en": ROOT / "README.md"}
# A long valley at a learning rate at which gradient descent swings, and still creeps
STATE = {"eta": 1.7, "gamma": 0.7, "kappa": 40, "x1": -1.4, "x2": 0.8, "updates": 30}
WORDS = {
    "zh": {
        "title": "动量法实验室",
        "intro": "动量法让梯度下降记住自己走过的路：每一步都保留上一步的一部分（比例是 γ），"
        "于是沿平缓的方向越走越快，沿陡峭的方向来回抵消。"
        "学完这门课，你能亲手写出动量法的更新，为一个问题选好学习率和 γ，"
        "说清动量法什么时候有用、为什么有用，还能找出藏在实现里的错误。"
        "页面上的图可以拖动，练习会告诉你错在哪里；每一章都是一个可以运行的笔记本。",
        "start": "从第 1 章开始",
        "script": "没有 JavaScript，这里的图不能拖动；“动量法——从零开始”一章有同样的图。",
        "chapters": "各章",
        "done": "练习已完成 {n}/{all}",
        "more": "另有[术语表](glossary.ipynb)、[实验台](playground.md)和[参考文献](references.md)。",
        "paper": "整门课也有 PDF：",
        "size": "（{:.1f} MB）",
        "run": "自己运行",
        "here": "网页上已经有全部运行结果，只看不用安装任何东西。想改代码、做要写函数的练习，就自己运行：",
        "places": "在浏览器里运行，不用安装，启动要等几分钟：打开“动量法——从零开始”，可以用 {places}"
        "（在中国大陆不一定打得开）。",
        "comma": "、",
        "own": "在 Linux（x86-64）上运行：先克隆{repository}，再进入它的目录，运行下面两行。"
        "第一行用于 Debian 和 Ubuntu；第二行几分钟后在 JupyterLab 里打开“动量法——从零开始”。"
        "其他系统见仓库里的 README。",
        "repository": "课程的仓库",
    },
    "en": {
        "title": "Momentum Lab",
        "intro": "Momentum lets gradient descent remember how it got here: each step keeps a share γ "
        "of the one before, so that steps build up along flat directions and cancel along steep "
        "ones. After this course you can write the update yourself, choose the learning rate and γ "
        "for a problem, say when momentum helps and why, and find the bugs that hide in an "
        "implementation. The figures can be dragged, the exercises tell you what is wrong, and each "
        "chapter is a notebook that you can run.",
        "start": "Start with chapter 1",
        "script": "Without JavaScript this figure stands still; the chapter “Momentum, from "
        "scratch” has one like it.",
        "chapters": "Chapters",
        "done": "{n} of {all} exercises done",
        "more": "There are also a [glossary](glossary.ipynb), a [playground](playground.md) and the "
        "[references](references.md).",
        "paper": "The whole course as a PDF: ",
        "size": " ({:.1f} MB)",
        "run": "Run it yourself",
        "here": "These pages hold all results, and reading them takes no installation. To change code, "
        "and for the exercises that ask for a function, run it yourself:",
        "places": "In the browser, with nothing installed: open “Momentum, from scratch” on one of "
        "{places}; this takes some minutes.",
        "comma": ", ",
        "own": "On Linux (x86-64): clone {repository}, and run these two lines in its folder. The "
        "first is for Debian and Ubuntu; the second opens “Momentum, from scratch” in JupyterLab after "
        "a few minutes. For other systems see the repository's README.",
        "repository": "the course's repository",
    },
}


def length(source, language):
    """Give the line that says how long a chapter takes; None if it is no chapter."""
    size = build.length(source)
    return size and build.WORDS[language]["length"].format(**size)


def card(name, source, language):
    """Give a chapter's item of the list: title, question, length, and room for a tick."""
    size = build.length(source)
    asked = build.question(source, language)
    place = {"class": "done", "data-chapter": name, "data-exercises": size["exercises"]}
    attributes = " ".join(f'{key}="{value}"' for key, value in place.items())
    words = WORDS[language]["done"].replace("{all}", str(size["exercises"]))
    parts = [
        f"1. [{build.title(source, language)}]({name}.ipynb)",
        asked[0].upper() + asked[1:],
        length(source, language),
        html(f'<p {attributes} data-words="{words}" hidden></p>'),
    ]
    return "\n\n".join(parts).replace("\n", "\n   ").replace("   \n", "\n")


def commands(language):
    """Give the two commands of the README that install and open the course."""
    readme = READMES[language].read_text()
    return "\n".join(
        re.search(pattern, readme)[1]
        for pattern in (r"`(sudo apt-get install [^`]+)`", r"```sh\n(python3 start\.py)\n```")
    )


def html(text):
    """Give the text of a cell that is put into the page as it is."""
    return f"```{{raw}} html\n{text}\n```"


def pdf(language):
    """Give the name of the PDF, which stands beside the home."""
    return f"momentum-lab-{language}.pdf"


def with_size(page, language, size):
    """Give the home's HTML with the PDF's size, in bytes, said beside the link to it."""
    link = f">{pdf(language)}</a>"
    return page.replace(link, link + WORDS[language]["size"].format(size / 1e6))


def inside(name, *parts):
    """Give the text of a part of the page that has a class of its own."""
    return "\n\n".join([html(f'<div class="{name}">'), *parts, html("</div>")])


def cells(index, sources, language, repository, with_pdf=False):
    """Give the cells of the home, from those of the notebook `index` and from all sources.

    Parameters
    ----------
    index : NotebookNode
        The notebook, whose cell `title` has these paragraphs: heading, what the course is, what a
        reader needs, and the paths with their heading.
    sources : dict of NotebookNode
    language : str
    repository : str or None
        OWNER/REPOSITORY on GitHub, if it is known.
    with_pdf : bool
        Whether there will be a PDF.
    """
    words = WORDS[language]
    (title,) = (cell.source for cell in index.cells if cell.id == "title")
    _, _, needs, paths, *each = title.split("\n\n")
    first, *others = (name for name in sources if build.length(sources[name]))
    cards = [card(name, sources[name], language) for name in (first, *others)]
    figure = f"<div data-playground='{json.dumps(STATE)}' data-small>"
    start = inside("start", f"[{words['start']}]({first}.ipynb)")
    said = inside("said", words["intro"], start)
    hero = inside("hero", said, html(f"{figure}<noscript>{words['script']}</noscript></div>"))

    run = [words["here"]]
    clone = f"[{words['repository']}](https://github.com/{repository})"
    if repository:
        places = hosted.places(repository, language, "momentum-scratch")
        links = [
            f"[{name}]({places[name]})" for name in ("Colab", "Kaggle", "Codespaces", "Binder")
        ]
        run.append(words["places"].format(places=words["comma"].join(links)))
    run.append(words["own"].format(repository=clone if repository else words["repository"]))
    run.append(f"```sh\n{commands(language)}\n```")
    name = pdf(language)
    paper = [html(f'<p>{words["paper"]}<a href="{name}">{name}</a></p>')] if with_pdf else []
    texts = {
        "title": [f"# {words['title']}", hero],
        "chapters": [
            f"## {words['chapters']}",
            needs,
            inside("cards", *cards),
            words["more"],
            *paper,
        ],
        "paths": [f"## {paths.strip('*')}", *each],
        "run": [f"## {words['run']}", *run],
    }
    return [new_markdown_cell("\n\n".join(parts), id=name) for name, parts in texts.items()]
