"""What learners and instructors are told: a page a file, and why something got no mark."""

import html

REASONS = {
    "time": (
        "运行得太久，被停下来了：是不是有个循环停不下来？",
        "it ran too long and was stopped. An endless loop?",
    ),
    "idle": (
        "什么也没有计算，一直在等，被停下来了。",
        "it computed nothing and only waited, so it was stopped.",
    ),
    "memory": ("占用的内存太多，被停下来了。", "it took too much memory and was stopped."),
    "processes": ("启动的进程太多，被停下来了。", "it started too many processes and was stopped."),
    "ended": (
        "运行到一半，进程自己结束了；后面的练习没有判到。",
        "its process ended itself before the notebook's end; what came after was not judged.",
    ),
    "broken": (
        "它发给判分程序的不是答案，没法读懂。",
        "what it sent to the judge is no answer and could not be understood.",
    ),
    "judge": (
        "判这份笔记本时，判分程序自己中断了。请人工看一看。",
        "the judge broke down over this notebook. Someone should look at it.",
    ),
    "not asked": (
        "单元格运行过了，可是没有问到检查：名字 checks 是不是换成了别的东西？",
        "the cell ran, but no check was asked. Has the name `checks` been given to something else?",
    ),
    "missing": (
        "没有找到这道练习：笔记本里没有调用它的检查。",
        "the exercise was not found: its check is not called in the notebook.",
    ),
    "exception": ("还没有问到检查就出错了：{}", "it failed before the check was asked: {}"),
    "link": ("这是一个链接，不是文件；链接不会去读。", "it is a link, and links are not followed."),
    "no file": ("它不是普通的文件。", "it is no ordinary file."),
    "too large": (
        "文件超过 50 MB：清除输出以后再交。",
        "the file has more than 50 MB: clear its outputs and hand it in again.",
    ),
    "unreadable": ("文件读不出来。", "the file cannot be read."),
    "no notebook": ("它不是笔记本，或者已经损坏。", "it is no notebook, or it is damaged."),
    "other notebook": (
        "里面没有这门课的练习。",
        "there is no exercise of this course in it.",
    ),
}
WORDS = {
    "zh": {
        "passed": "通过",
        "failed": "还不对",
        "refused": "未判",
        "count": "{all} 题中，通过 {passed} 题。",
        "title": "批改结果",
    },
    "en": {
        "passed": "passed",
        "failed": "not yet",
        "refused": "not judged",
        "count": "{passed} of {all} passed.",
        "title": "Marks",
    },
}
SIGNS = {"passed": "✓", "failed": "✎", "refused": "–"}
UNPROTECTED = """\
Learners' code cannot be walled in on this machine ({}). It runs with limits of time and memory
only, and with your rights: it can read your files (the solutions too) and write them, use the
network, and end this program. Marks still come from the checks of a process in which no learner's
code is executed. Do this on a machine, or in a container, that holds nothing else; or on Linux
where user namespaces are allowed."""
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em;"
    "color-scheme:light dark}li{margin:.6em 0}pre,code{white-space:pre-wrap}"
)


def write(folder, handed, marks, chapters):
    """Write a learner's page, in the language of the notebook."""
    words = WORDS[handed.language]
    which = 2 if handed.language == "zh" else 3
    if isinstance(marks, str):
        body = f"<p>{html.escape(REASONS[marks][0])}</p>\n<p>{html.escape(REASONS[marks][1])}</p>"
    else:
        order = [e for chapter in chapters.values() for e in chapter.exercises.values()]
        items = [
            f"<li>{SIGNS[mark[0]]} <strong>{html.escape(exercise)}</strong> ({words[mark[0]]})"
            f"{': ' if handed.language == 'en' else '：'}{_text(mark[which])}</li>"
            for exercise, mark in sorted(marks.items(), key=lambda item: order.index(item[0]))
        ]
        passed = sum(mark[0] == "passed" for mark in marks.values())
        count = words["count"].format(all=len(marks), passed=passed)
        body = f"<p>{count}</p>\n<ul>\n" + "\n".join(items) + "\n</ul>"
    name = html.escape(handed.name.encode(errors="backslashreplace").decode())
    page = (
        f'<!DOCTYPE html>\n<html lang="{"zh-CN" if handed.language == "zh" else "en"}">\n<head>'
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{words['title']}: {name}</title><style>{STYLE}</style></head>\n"
        f"<body>\n<h1>{name}</h1>\n{body}\n</body>\n</html>\n"
    )
    path = folder / f"{handed.name}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(".part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)


def _text(text):
    return html.escape(text.strip()).replace("\n", "<br>")


def summary(handed, done):
    """Say in a few lines what came of it, and what the instructor should look at."""
    lines, counts = [], dict.fromkeys(SIGNS, 0)
    for one in handed:
        marks = done[one.name, one.digest]
        if isinstance(marks, str):
            lines.append(f"{one.name}: {REASONS[marks][1]}")
            continue
        for mark in marks.values():
            counts[mark[0]] += 1
        reasons = {mark[1]: mark[3] for mark in marks.values() if mark[0] == "refused"}
        lines += [f"{one.name}: {text}" for text in reasons.values()]
    total = ", ".join(f"{count} {mark}" for mark, count in counts.items())
    return "\n".join(map(plain, [*lines, f"{len(handed)} files: {total}."]))


def plain(text):
    """Give a text as a terminal may have it, on one line."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
