"""The glossary's terms, and that the Chinese edition uses them."""

import re

import pytest
from common import ROOT, read

from tools.sources import read_all

SOURCES = {name: source for name, source in read_all().items() if name != "glossary"}

# Said in its everyday sense too (“for example”), where its Chinese is another word.
EVERYDAY = {"example"}


def terms():
    """Give the Chinese words of each English term, from the glossary's English edition."""
    rows = {}
    for cell in read(ROOT / "notebooks/en/glossary.ipynb").cells[1:-1]:
        for en, zh, _ in re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", cell.source, re.MULTILINE):
            if en != "English":
                rows[en] = zh.split("、")
    return rows


def pairs(name):
    """Give the id, the Chinese and the English text of each pair of text cells in a source."""
    cells = [cell for cell in SOURCES[name].cells if cell.cell_type == "markdown"]
    for zh, en in zip(cells[::2], cells[1::2]):
        yield en.id, zh.source, en.source


def prose(text):
    """Give a text without formulas, code, link targets, titles of works and quoted headings."""
    text = re.sub(r"\$\$.+?\$\$|\$[^$]+\$|`[^`]+`|\]\([^)]*\)|“[^”]*”", " ", text, flags=re.DOTALL)
    return " ".join(text.split())


def test_both_editions_of_the_glossary_hold_the_same_terms():
    zh = "\n".join(cell.source for cell in read(ROOT / "notebooks/zh/glossary.ipynb").cells[1:-1])
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", zh, re.MULTILINE)
    assert {en: word.split("、") for word, en, _ in rows if en != "英文"} == terms()
    assert len(terms()) >= 50


@pytest.mark.parametrize("name", SOURCES)
def test_the_chinese_edition_uses_the_glossarys_terms(name):
    missing = []
    for cell_id, zh, en in pairs(name):
        text = prose(en)
        # The longest terms first, so that “learning-rate decay” is not taken for “learning rate”.
        wanted = {term: words for term, words in terms().items() if term not in EVERYDAY}
        for term, words in sorted(wanted.items(), key=lambda item: -len(item[0])):
            pattern = re.escape(term).replace(r"\ ", r"[ -]") + "(e?s|d|ed)?"
            found = re.compile(rf"(?<![\w-]){pattern}(?![\w-])", re.IGNORECASE)
            if found.search(text) and not any(word in zh for word in words):
                missing.append(f"{cell_id}: {term!r} without {' or '.join(words)}")
            text = found.sub(" ", text)
    assert not missing, "\n".join(missing)
