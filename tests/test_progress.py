"""What is remembered of a learner's exercises: on their machine, whatever happens to the file."""

import errno
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from common import EDITIONS, ROOT, read

from course import checks, hints, progress, record
from tools import build, copies, sources

LANGUAGES = ("zh", "en")


@pytest.fixture
def my(tmp_path, monkeypatch):
    """Give the folder of a learner's copies, in whose English ones the kernel runs."""
    monkeypatch.setattr(record, "ROOT", tmp_path)
    (tmp_path / "course").mkdir()
    shutil.copy(ROOT / build.CONTENTS, tmp_path / "course")
    for language in LANGUAGES:
        (tmp_path / "my" / language).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "my/en")
    return tmp_path / "my"


def saved(my):
    return json.loads((my / record.FILE).read_text())


def entry(passed=False, tries=1, hint="", hints=None):
    return {"passed": passed, "tries": tries, "hint": hint, "hints": hints or {}}


# What is noted


def test_a_verdict_is_noted_and_says_how_far_one_is(my, monkeypatch, capsys):
    checks.final_velocity(None)
    assert not (my / record.FILE).exists()
    for answer in (60, 2, 60, 6, 60):
        checks.final_velocity(answer)
    checks.smaller_momentum("smaller", 2)
    monkeypatch.chdir(my / "zh")
    checks.smaller_momentum("smaller", 0.4)
    lines = capsys.readouterr().out.splitlines()
    en = [line for line in lines if line.endswith(" in this chapter.")]
    assert en == [f"{n} of 4 in this chapter." for n in (0, 0, 0, 0, 1, 1, 1)]
    assert lines[-1] == "本章 4 题，已完成 2 题。"
    assert saved(my) == {
        "course": "momentum-lab",
        "latest": "smaller_momentum",
        "exercises": {
            "final_velocity": entry(True, 4, "without η", {"without η": 2, "without g": 1}),
            "smaller_momentum": entry(True, 2, "build_up: 1/(1-γ)", {"build_up: 1/(1-γ)": 1}),
        },
    }


def test_each_patient_is_an_exercise(my, capsys):
    checks.patient(3, "outside", "x", None)
    checks.patient(7, "shared", "v = vs[0]", None)
    checks.patient(9, "shared", "v = vs[0]", None)
    checks.patient()
    checks.patient([], 1, 1, 1)
    found = saved(my)["exercises"]
    assert {name: one["hint"] for name, one in found.items()} == {
        "patient 3": "line",
        "patient 7": "cure: no function",
    }
    assert capsys.readouterr().out.count("0 of 10 in this chapter.") == 2


def test_the_card_ends_with_the_line(my, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "course.checks.verdict.get_ipython", lambda: type("Shell", (), {"kernel": object()})
    )
    monkeypatch.setattr("course.checks.verdict.display", lambda data, raw: shown.append(data))
    checks.final_velocity(6)
    (data,) = shown
    assert data["text/plain"].endswith("\n1 of 4 in this chapter.")
    assert data["text/html"].endswith(">1 of 4 in this chapter.</div></div>")


@pytest.mark.parametrize("folder", ["my/zh-solutions", "my", "notebooks/en", "elsewhere/en", "."])
def test_nothing_is_noted_anywhere_else(my, monkeypatch, capsys, folder):
    """Where notebooks are built, tested and hosted: there are the sources."""
    (my.parent / "notebooks/src").mkdir(parents=True)
    (my.parent / folder).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(my.parent / folder)
    checks.final_velocity(6)
    assert "chapter" not in capsys.readouterr().out
    assert list(my.rglob("progress*")) == []
    monkeypatch.setattr(record, "ROOT", ROOT)
    monkeypatch.chdir(ROOT / "notebooks/zh")
    assert record.folder() is None


def test_a_class_without_sources_works_in_its_own_release(my, monkeypatch):
    shutil.rmtree(my)
    (my.parent / "notebooks/zh").mkdir(parents=True)
    monkeypatch.chdir(my.parent / "notebooks/zh")
    assert checks.final_velocity(6)
    assert saved(my)["exercises"] == {"final_velocity": entry(True)}


def test_the_course_names_every_exercise_and_check_once():
    names = [name for one in record.contents().values() for name in one["exercises"].values()]
    assert len(set(names)) == len(names) == 49
    called = {name.split(" ")[0] for name in names}
    assert called == {one.exercise for one in vars(checks).values() if hasattr(one, "judge")}
    for name, chapter in record.contents().items():
        for language in LANGUAGES:
            cells = read(ROOT / f"notebooks/{language}/{name}.ipynb").cells
            tagged = [one for one in cells if sources.tag(one, "exercise")]
            assert [one.id for one in tagged] == list(chapter["exercises"])
            assert [build.exercise_name(one) for one in tagged] == [*chapter["exercises"].values()]


# What may happen to the file


DAMAGE = {
    "empty": b"",
    "cut": b'{"course": "momentum-lab", "exerc',
    "bytes": b"\xff\x00\x80",
    "list": b"[]",
    "foreign": b'{"course": "another", "exercises": {}}',
    "exercises": b'{"course": "momentum-lab", "exercises": []}',
    "deep": b"[" * 100_000,
    "large": b" " * 2_000_000,
}


@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_or_foreign_file_is_set_aside(my, content, capsys):
    for number in (1, 2):
        (my / record.FILE).write_bytes(content)
        assert checks.final_velocity(6) is True
        kept = f"progress-damaged-{number}.json"
        assert (
            f"1 of 4 in this chapter. The record of your progress was damaged; it is kept as my/{kept}"
            in (capsys.readouterr().out)
        )
        assert (my / kept).read_bytes() == content
        assert saved(my)["exercises"] == {"final_velocity": entry(True)}


@pytest.mark.parametrize(
    "bad",
    [
        1,
        {},
        entry(passed=1),
        entry(tries="1"),
        entry(tries=True),
        entry(hint=None),
        entry(hints={"x": "y"}),
    ],
)
def test_of_a_file_in_part_damaged_the_rest_stays(my, bad, capsys):
    sound = {"recall": entry(True), "sgd": entry(hint="uphill", hints={"uphill": 1})}
    content = json.dumps(record.empty() | {"exercises": {**sound, "bad": bad}})
    (my / record.FILE).write_text(content)
    checks.final_velocity(None)
    assert "kept as my/progress-damaged-1.json" in capsys.readouterr().out
    assert saved(my)["exercises"] == sound
    assert (my / "progress-damaged-1.json").read_text() == content


def test_a_folder_in_the_files_place_is_set_aside(my):
    (my / record.FILE).mkdir()
    assert checks.final_velocity(6) is True
    assert (my / "progress-damaged-1.json").is_dir()
    assert saved(my)["exercises"] == {"final_velocity": entry(True)}


def test_any_change_of_the_file_leaves_a_verdict_and_a_sound_file(my):
    """Bytes changed, cut out and doubled at random."""
    checks.sgd(None)
    checks.recall(lambda *args: 1 / 0)
    checks.final_velocity(60)
    whole, dice = (my / record.FILE).read_bytes(), random.Random(0)
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(damaged))
            damaged[at : at + dice.randint(0, 9)] = dice.choice(
                [b"", bytes([dice.randrange(256)]), damaged[at : at + 9], b"null", b"9" * 5000]
            )
        (my / record.FILE).write_bytes(damaged)
        assert checks.final_velocity(6) is True
        assert record.read(my / record.FILE) == (saved(my), True)
        for path in my.glob("progress-damaged-*"):
            assert path.read_bytes() == damaged
            path.unlink()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("name", ["write_text", "replace", "mkdir"])
def test_where_nothing_can_be_written_the_check_answers_and_says_so(
    my, monkeypatch, capsys, number, name
):
    checks.final_velocity(60)
    before = (my / record.FILE).read_bytes()

    def fail(self, *args, **options):
        if name == "write_text":
            self.write_bytes(b"{")  # it was full in the middle
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(record.Path, name, fail)
    capsys.readouterr()
    assert checks.final_velocity(6) is True
    said = capsys.readouterr().out
    assert said.endswith(f"This could not be noted in your record: {os.strerror(number)}.\n")
    assert (my / record.FILE).read_bytes() == before
    assert [path.name for path in my.glob("progress*")] == [record.FILE]


def test_a_kernel_that_holds_the_lock_for_ever_does_not_keep_the_check_waiting(
    my, monkeypatch, capsys
):
    import fcntl

    monkeypatch.setattr(record, "SECONDS", 0.05)
    handle = os.open(my, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        assert checks.final_velocity(6) is True
    finally:
        os.close(handle)
    assert "could not be noted" in capsys.readouterr().out
    assert checks.final_velocity(6) is True
    assert saved(my)["exercises"] == {"final_velocity": entry(True)}


ONE_KERNEL = """
import sys, os
sys.path.insert(0, {root!r})
from pathlib import Path
from course import record
record.ROOT = Path({folder!r})
os.chdir(record.ROOT / "my/en")
for number in range({count}):
    record.note("patient", ({number},), "wrong", "hint")
    assert record.note("sgd", (), "wrong", "hint") == "0 of 3 in this chapter."
"""


def test_two_kernels_at_once_lose_nothing(my):
    count, kernels = 60, (1, 2, 3)

    def run(number):
        code = ONE_KERNEL.format(root=str(ROOT), folder=str(my.parent), count=count, number=number)
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    with ThreadPoolExecutor() as pool:
        assert [one.stderr for one in pool.map(run, kernels)] == [""] * len(kernels)
    found = saved(my)["exercises"]
    assert {name: one["tries"] for name, one in found.items()} == {"sgd": count * len(kernels)} | {
        f"patient {number}": count for number in kernels
    }
    assert [path.name for path in my.glob("progress*")] == [record.FILE]


def test_where_the_courses_own_list_is_missing_the_check_answers(my, capsys, monkeypatch):
    def fail():
        raise FileNotFoundError

    monkeypatch.setattr(record, "contents", fail)
    assert checks.final_velocity(6) is True
    assert "chapter" not in capsys.readouterr().out


def test_noting_takes_less_than_the_five_milliseconds_that_are_allowed(my):
    """With all exercises in the file. Of the processor, which does not depend on others' work."""
    full = {
        name: entry(hint="otherwise", tries=40, hints={f"hint {n}": 4 for n in range(10)})
        for chapter in record.contents().values()
        for name in chapter["exercises"].values()
    }
    (my / record.FILE).write_text(json.dumps(record.empty() | {"exercises": full}))
    times = []
    for _ in range(30):
        start = time.process_time()
        record.note("final_velocity", (60,), "wrong", "without η")
        times.append(time.process_time() - start)
    assert min(times) < 0.005


def test_updates_and_starting_over_leave_the_file(my, monkeypatch):
    shutil.copytree(ROOT / "notebooks/en", my.parent / "notebooks/en")
    for name, path in (("ROOT", my.parent), ("COURSE", my.parent / "notebooks"), ("MY", my)):
        monkeypatch.setattr(copies, name, path)
    copies.update("en")
    checks.final_velocity(6)
    before = (my / record.FILE).read_bytes()
    path = my / "en/momentum-scratch.ipynb"
    path.write_text(path.read_text().replace("answer = None", "answer = 6"))
    course = my.parent / "notebooks/en/momentum-scratch.ipynb"
    course.write_text(course.read_text().replace("## Summary", "## In short"))
    assert len(copies.update("en")) == 1
    assert copies.restart("en", "momentum-scratch")
    assert (my / record.FILE).read_bytes() == before
    ignored = ["git", "check-ignore", "my/progress.json", "my/progress-damaged-1.json"]
    assert subprocess.run(ignored, cwd=ROOT, capture_output=True).stdout.count(b"\n") == 2


# The table


CHAPTERS = {
    "one": {"zh": "一", "en": "One <1>", "minutes": 5, "exercises": {"a": "a", "b": "b"}},
    "two": {"zh": "二", "en": "Two", "minutes": 10, "exercises": {"c": "patient 1"}},
    "three": {"zh": "三", "en": "Three", "minutes": 15, "exercises": {"d": "d"}},
}


@pytest.mark.parametrize(
    ("latest", "solved", "following"),
    [
        (None, [], ("one", 1)),
        ("a", ["a"], ("one", 2)),
        ("a", [], ("one", 1)),
        ("patient 1", ["patient 1"], ("three", 1)),
        ("patient 1", ["patient 1", "d"], ("one", 1)),
        ("gone", ["a", "b"], ("two", 1)),
        ("d", ["a", "b", "patient 1", "d"], None),
    ],
)
def test_what_comes_next_follows_what_was_last(latest, solved, following):
    found = record.empty() | {"latest": latest, "exercises": {n: entry(True) for n in solved}}
    assert progress.following(CHAPTERS, found) == following


def test_the_table_ticks_what_is_solved():
    found = {"a": entry(True), "b": entry(), "patient 1": entry(True)}
    found = record.empty() | {"latest": "b", "exercises": found}
    assert repr(progress.Table(CHAPTERS, found, "en")).splitlines() == [
        "1. One <1> · 5 minutes · ✓ 1, ✎ 2 · 1 of 2",
        "2. Two · 10 minutes · ✓ 1 · ✓ 1 of 1",
        "3. Three · 15 minutes · 1 · 0 of 1",
        "✓ solved, ✎ tried and not solved yet",
        "Next: chapter 1, “One <1>”, exercise 2.",
    ]
    html = progress.Table(CHAPTERS, found, "en")._repr_html_()
    assert '<a href="one.ipynb">One &lt;1&gt;</a>' in html
    assert '<p>Next: <a href="one.ipynb">chapter 1, “One &lt;1&gt;”</a>, exercise 2.</p>' in html
    found["exercises"] |= {"b": entry(True), "d": entry(True)}
    assert "All exercises are done." in repr(progress.Table(CHAPTERS, found, "en"))
    assert "全部练习都做完了。" in repr(progress.Table(CHAPTERS, found, "zh"))


def test_a_damaged_record_still_makes_a_table(my):
    (my / record.FILE).write_bytes(b"{")
    assert "The record is damaged" in repr(progress.table())
    (my / record.FILE).unlink()
    (my / record.FILE).mkdir()
    assert "The record is damaged" in repr(progress.table())


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_stored_table_is_that_of_a_learner_who_has_done_nothing(edition):
    cells = read(ROOT / f"notebooks/{edition}/index.ipynb").cells
    (cell,) = (one for one in cells if one.id == "progress")
    table = progress.Table(record.contents(), record.empty(), edition[:2])
    assert cell.outputs[0].data == {"text/html": table._repr_html_(), "text/plain": repr(table)}
    assert "✓ 1" not in repr(table)


# A class


def hand_in(folder, name, **entries):
    path = folder / name / "progress.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record.empty() | {"exercises": entries}))


@pytest.fixture
def handed_in(tmp_path):
    folder = tmp_path / "class"
    missing = {"without η": 2, "otherwise": 1}
    hand_in(folder, "ada", final_velocity=entry(True, 4, "otherwise", missing))
    hand_in(folder, "b/bob", final_velocity=entry(False, 1, "without η", {"without η": 1}))
    hand_in(
        folder,
        "cleo",
        final_velocity=entry(True),
        sgd_momentum=entry(False, 2, "exception", {"uphill + gain |B| 1": 1, "exception": 1}),
        old=entry(),
    )
    hand_in(folder, "damaged", sgd=entry(True), x=3)
    (folder / "other.json").write_text("{}")
    (folder / "bytes.json").write_bytes(b"\xff")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints/progress.json").write_text("{}")
    return folder


def test_the_records_of_a_class_are_counted(handed_in, tmp_path, capsys):
    drawn = tmp_path / "hints.png"
    assert hints.main([str(handed_in), f"--figure={drawn}", "--language=en"]) == 0
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        "bytes.json: no record of this course's progress, and not counted.",
        "damaged/progress.json: damaged; what can be read of it is counted.",
        "other.json: no record of this course's progress, and not counted.",
    ]
    rows = [line[2:-2].split(" | ") for line in out.splitlines() if line.startswith("|")]
    found = {row[1]: row[2:] for row in rows if len(row) == 6 and row[0][0].isupper()}
    assert found["final_velocity"] == ["3", "2", "1", "2.5"]
    assert found["sgd_momentum"] == ["1", "0", "1", ""]
    assert found["sgd"] == ["1", "1", "0", "1"]
    assert "old" not in out
    assert out.startswith("Records: 4.\n")
    after = out.partition("| Exercise | Hint |")[2].splitlines()[2:6]
    assert after[0] == (
        "| final_velocity | without η | 3 | 2 | 1 | the learning rate η is missing. |"
    )
    assert any(r"uphill + gain \|B\| 1 | 1 | 1 | 0 | wrong sign: " in line for line in after)
    assert drawn.read_bytes().startswith(b"\x89PNG")
    assert hints.main([str(handed_in), f"--figure={drawn}", "--language=zh"]) == 0
    assert "漏了学习率 η。" in capsys.readouterr().out


def test_the_figure_holds_each_exercise_and_the_most_frequent_hints(handed_in):
    counts = hints.counted(hints.read(handed_in, hints.WORDS["en"])[0])
    left, right = hints.figure(counts).axes
    assert len(left.get_yticks()) == len(counts) == 49
    names = [label.get_text() for label in right.get_yticklabels()]
    assert names[0] == "final_velocity – without η"
    assert {bar.get_width() for bar in right.containers[0]} == {3, 1}


def test_a_folder_without_records_gets_a_sentence(tmp_path, capsys):
    assert hints.main([str(tmp_path), "--language=zh"]) == 1
    assert re.search("没有一份进度文件", capsys.readouterr().err)


def test_every_declared_hint_has_its_words():
    for name in ("final_velocity", "recall", "scaled_feature"):
        declared = vars(checks)[name].declared
        for one in getattr(declared, "fields", [declared]):
            where = f"{one.name}: " if len(getattr(declared, "fields", "1")) > 1 else ""
            for hint in one.mistakes:
                zh, en = (hints.sentence(name, where + hint, language) for language in LANGUAGES)
                assert zh and en and zh != en and "{" not in en
