"""What the widgets share."""

import gzip
import re

import pytest

from course.play.widget import module

# Each word of a language; one that is a function gets a 7 for each argument.
WORDS = """async source => {
    const {WORDS} = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
    const text = word => typeof word === "string" ? word : word(...Array(word.length).fill("7"));
    return Object.fromEntries(Object.entries(WORDS).map(([lang, words]) => [lang,
        Object.fromEntries(Object.entries(words).map(([key, word]) => [key, String(text(word))]))]));
}"""

each_widget = pytest.mark.parametrize("name", ["playground", "training"])


@each_widget
def test_the_module_is_small_and_stands_alone(name):
    source = module(name)
    assert len(gzip.compress(source.encode())) < 18_000
    assert not re.search(r"^import|import\(|https?://", source, re.MULTILINE)


@each_widget
def test_the_words_are_complete_in_both_languages(name, serve):
    words = serve({"": "<!doctype html><link rel=icon href='data:,'>"}).evaluate(
        WORDS, module(name)
    )
    assert list(words) == ["en", "zh"]
    assert words["en"].keys() == words["zh"].keys()
    for key, zh in words["zh"].items():
        en = words["en"][key]
        assert re.search("[\u4e00-\u9fff]", zh) or key in ("nesterovName", "adamAt"), key
        assert en.strip() and not re.search("[\u4e00-\u9fff]", en), key
        assert zh.count("7") == en.count("7"), key
    assert set(re.findall(r"\bwords\.(\w+)", module(name))) <= words["en"].keys()
