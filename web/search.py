"""What the search of the web edition looks through: the text of each section, as the pages show it."""

import json
import re
import unicodedata

from bs4 import BeautifulSoup, NavigableString

HIDDEN = "script, style, noscript, .headerlink, [hidden]"
APART = re.compile(
    "h[1-6]|p|li|t[dhr]|d[dt]|div|pre|br|section|summary|details|option|label|button"
)
SIGNS = {
    "leftarrow": "←",
    "rightarrow": "→",
    "to": "→",
    "le": "≤",
    "leq": "≤",
    "ge": "≥",
    "geq": "≥",
}
SIGNS |= {"times": "×", "cdot": "·", "pm": "±", "approx": "≈", "infty": "∞", "ne": "≠", "sum": "Σ"}
SIGNS |= {"top": "ᵀ", "varepsilon": "ε", "ell": "ℓ"}
# Functions, whose names are words
NAMES = {"ln", "log", "exp", "max", "min", "cos", "sin", "arg", "lim", "det"}


LINE = "\u2003"  # the end of a line of code: a space to a phrase that goes on
END = "\0"  # of a paragraph or the like, which no phrase goes beyond
FRACTION = "\ue000"  # stands for the command until what belongs to it is plain
GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"


def command(match):
    """Give a command of TeX as one would type it in a search: a letter, a sign or nothing."""
    name = match[1]
    if name.endswith("frac"):
        return FRACTION
    if name in SIGNS or name in NAMES:
        return SIGNS.get(name, name)
    case = "CAPITAL" if name[0].isupper() else "SMALL"
    unicode_name = name.upper().replace("LAMBDA", "LAMDA")
    try:
        return unicodedata.lookup(f"GREEK {case} LETTER {unicode_name}")
    except KeyError:
        return ""


def typed(formula):
    r"""Give a formula as one would type it: of `\eta/(1-\gamma)`, η/(1-γ)."""
    text = re.sub(r"\\begin\{\w+\}|\\end\{\w+\}|\\\\|&", " ", formula)
    text = re.sub(r"\\([A-Za-z]+)", command, text)
    text = re.sub(rf"{FRACTION}\s*{GROUP}\s*{GROUP}", r"\1/\2", text)
    return re.sub(r"\s+", " ", re.sub(rf"\\.|[{{}}^_${FRACTION}]", "", text)).strip()


def pieces(element):
    """Yield an element's text, bit by bit, each formula as a list and code as a dictionary.

    What is in another section is left out.
    """
    for child in element.children:
        if isinstance(child, NavigableString):
            yield str(child)
        elif "math" in child.get("class", ()):
            formula = child.text.strip()[2:-2]  # without \( \) or \[ \]
            yield [formula, typed(formula)]
        elif child.name == "pre":
            yield from (END, {"code": re.sub(r"\n+", LINE, child.text.strip("\n"))}, END)
        elif child.name != "section":
            edge = END if APART.fullmatch(child.name) else ""
            yield edge
            yield from pieces(child)
            yield edge


def joined(parts):
    """Give texts and formulas with neighbouring texts joined, each space once, paragraphs as lines."""
    found = [""]
    for part in parts:
        if isinstance(part, (list, dict)):
            found += [part, ""]
        else:
            found[-1] += part
    for i, part in enumerate(found):
        if isinstance(part, str):
            found[i] = re.sub(f" ?{END}[ {END}]*", "\n", re.sub(r"\s+", " ", part))
    return [part for part in found if part]


def searchable(page):
    """Give a page's title and, for each section, its id, its heading and what stands below it.

    That is a list: texts, formulas as [TeX, as one would type it], and {"code": text}.
    """
    article = BeautifulSoup(page, "html.parser").select_one("article.bd-article")
    for one in article.select(HIDDEN):
        one.decompose()
    sections = []
    for section in article.select("section[id]"):
        heading = section.find(re.compile("h[1-6]"), recursive=False)
        heading.extract()
        sections.append([section["id"], heading.text.strip(), joined(pieces(section))])
    return sections[0][1], sections


def script(folder):
    """Give the script with all that can be found in the pages of a folder."""
    found = {}
    for path in sorted(folder.glob("*.html")):
        if path.stem != "search":
            found[path.name] = searchable(path.read_text())
    return f"searchIndex = {json.dumps(found, ensure_ascii=False, separators=(',', ':'))};\n"
