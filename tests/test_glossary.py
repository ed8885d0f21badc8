"""The glossary's terms, and that the Chinese edition uses them."""

import re

import pytest
from common import ROOT, read

from tools.sources import read_all

SOURCES = {name: source for name, source in read_all().items() if name != "glossary"}

# Said in its everyday sense too (“for example”), where its Chinese is another word.
EVERYDAY = {"example"}

ROW = r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$"


def terms():
    """Give the Chinese words of each English term, from the glossary's English edition."""
    rows = {}
    for cell in read(ROOT / "notebooks/en/glossary.ipynb").cells[1:-1]:
        for en, zh, _, _ in re.findall(ROW, cell.source, re.MULTILINE):
            if en != "English":
                rows[en] = zh.split("、")
    return rows


def chapters():
    """Give the chapter that each English term's entry names, from the glossary's English edition."""
    text = "\n".join(cell.source for cell in read(ROOT / "notebooks/en/glossary.ipynb").cells)
    rows = re.findall(ROW, text, re.MULTILINE)
    return {en: re.search(r"\((.+)\.ipynb\)", link)[1] for en, *_, link in rows if en != "English"}


def pattern(term):
    """Give what finds a term in a text, also in the plural or the past."""
    words = re.escape(term).replace(r"\ ", r"[ -]")
    return re.compile(rf"(?<![\w-]){words}(e?s|d|ed)?(?![\w-])", re.IGNORECASE)


def pairs(name):
    """Give the id, the Chinese and the English text of each pair of text cells in a source."""
    cells = [cell for cell in SOURCES[name].cells if cell.cell_type == "markdown"]
    for zh, en in zip(cells[::2], cells[1::2]):
        yield en.id, zh.source, en.source


def prose(text):
    """Give a text without formulas, code, link targets, titles of works and quoted headings."""
    text = re.sub(r"\$\$.+?\$\$|\$[^$]+\$|`[^`]+`|\]\([^)]*\)|“[^”]*”", " ", text, flags=re.DOTALL)
    return " ".join(text.split())


def linked(text, mark):
    """Give the labels of a text's links to the glossary, without their italics or bold."""
    mark = re.escape(mark)
    return re.findall(rf"\[{mark}([^*\]]+){mark}\]\(glossary\.ipynb\)", text)


def entry_of(label):
    """Give the term of a label such as “5-fold cross-validation”: the longest in it, or None."""
    found = [term for term in terms() if pattern(term).search(label)]
    return max(found, key=len, default=None)


def test_both_editions_of_the_glossary_hold_the_same_terms():
    zh = "\n".join(cell.source for cell in read(ROOT / "notebooks/zh/glossary.ipynb").cells[1:-1])
    rows = re.findall(ROW, zh, re.MULTILINE)
    assert {en: word.split("、") for word, en, _, _ in rows if en != "英文"} == terms()
    assert len(terms()) >= 50


def test_an_entry_names_the_chapter_that_introduces_the_term():
    """The first that links it to the glossary; if none does, one that uses it, or none after."""
    linking, using = {}, {}
    for name in SOURCES:
        for _, _, en in pairs(name):
            for label in linked(en, "*"):
                assert entry_of(label), f"{name} links {label!r}, which is no entry"
                linking.setdefault(entry_of(label), name)
            for term in terms():
                if pattern(term).search(prose(en)):
                    using.setdefault(term, set()).add(name)
    names, wrong = list(SOURCES), {}
    for term, chapter in chapters().items():
        used = using.get(term, set())
        if term in linking:
            right = chapter == linking[term]
        else:
            right = chapter in used or used.isdisjoint(names[: names.index(chapter)])
        if not right:
            wrong[term] = chapter
    assert not wrong


@pytest.mark.parametrize("name", SOURCES)
def test_both_languages_link_the_same_terms_to_the_glossary(name):
    for cell_id, zh, en in pairs(name):
        chinese = linked(zh, "**")
        assert len(chinese) == len(linked(en, "*")), cell_id
        for label in linked(en, "*"):
            words = terms()[entry_of(label)]
            assert any(word in one for word in words for one in chinese), f"{cell_id}: {label}"


@pytest.mark.parametrize("name", SOURCES)
def test_the_chinese_edition_uses_the_glossarys_terms(name):
    missing = []
    for cell_id, zh, en in pairs(name):
        text = prose(en)
        # The longest terms first, so that “learning-rate decay” is not taken for “learning rate”.
        wanted = {term: words for term, words in terms().items() if term not in EVERYDAY}
        for term, words in sorted(wanted.items(), key=lambda item: -len(item[0])):
            found = pattern(term)
            if found.search(text) and not any(word in zh for word in words):
                missing.append(f"{cell_id}: {term!r} without {' or '.join(words)}")
            text = found.sub(" ", text)
    assert not missing, "\n".join(missing)
