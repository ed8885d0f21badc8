"""The benchmarks: that they compare like with like, and that their README shows what was measured.

Nothing here depends on how fast the machine is.
"""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest
from common import ROOT

FOLDER = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def run():
    """Give the module benchmarks/run.py."""
    sys.path.insert(0, str(FOLDER))
    try:
        import run

        yield run
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def deviations(run):
    return run.cases.deviations()


def test_every_variant_ends_where_the_chapter_does(deviations):
    found = set(deviations) - {"PyTorch", "JAX", "JAX, 4,096 settings"}
    assert len(found) == 6  # NumPy among them; the others are not there everywhere
    for loss, parameter in deviations.values():
        assert loss < 1e-3
        assert parameter < 1e-5


def test_the_command_writes_the_table_as_json(run, deviations, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(run.cases, "deviations", lambda: deviations)
    file = tmp_path / "table.json"
    row = "(b) Python list, 10,000 rows by 1000"
    monkeypatch.setattr(
        sys, "argv", ["run.py", "--only", row, "--rounds", "1", "--json", str(file)]
    )
    assert run.main() == 0
    ((entry),) = json.loads(file.read_text())
    assert list(entry) == ["name", "median_s", "rival", "rival_median_s", "ratio", "goal", "met"]
    assert entry["rival"] == row
    assert entry["ratio"] == pytest.approx(entry["median_s"] / entry["rival_median_s"])
    printed = capsys.readouterr().out
    assert f"| {entry['name']} |" in printed
    assert ("PyTorch is not installed" in printed) is (find_spec("torch") is None)


def test_the_command_stops_where_a_variant_ends_elsewhere(run, monkeypatch, capsys):
    monkeypatch.setattr(run.cases, "deviations", lambda: {"wrong": (0.1, 0.0)})
    monkeypatch.setattr(sys, "argv", ["run.py"])
    assert run.main() == 1
    assert capsys.readouterr().err == "wrong does not end where the chapter does\n"


@pytest.mark.parametrize(("ours", "met"), [(1, True), (3, False)])
def test_a_goal_is_met_or_missed(run, ours, met):
    entry = run.result("ours", "rival", ours, 4, 0.5)
    assert (entry["ratio"], entry["met"]) == (ours / 4, met)


@pytest.mark.parametrize(
    ("word", "rows"),
    [
        ("written naively", 1),
        ("(c2)", 1),
        ("peak memory", 3),
        ("data_iter, 10,000,000 rows by 1000", 4),
        ("(h)", 3),
        ("memory of nothing", 0),
    ],
)
def test_only_takes_the_rows_that_hold_the_word(run, word, rows):
    assert sum(word in text for text, _ in run.measurements({"torch", "rivals"})) == rows


def test_the_peak_memory_of_an_epoch_holds_its_data_and_a_copy():
    """Which the machine's speed does not change: the shuffled copy is as large as the data."""
    rows = 2_000_000
    result = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "benchmarks/cases.py",
            "--peak-memory",
            "--case",
            f"epoch course {rows} 1000",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    data = rows * 3 * 4
    assert 2 * data < int(result.stdout) < 3 * data


def test_the_readme_shows_what_was_measured(run):
    text = (FOLDER / "README.md").read_text()
    stored = json.loads((FOLDER / "results.json").read_text())
    _, table = text.split("| case | median | rival | median | ratio | goal | |\n")
    rows = table.partition("\n\n")[0].splitlines()[1:]
    assert rows == [run.shown(entry) for entry in stored]


def test_the_stored_measurement_holds_every_row(run):
    """Also those with PyTorch, which CI does not run."""
    stored = json.loads((FOLDER / "results.json").read_text())
    timed = {
        (entry["name"], entry["rival"], entry["goal"]) for entry in stored if entry["median_s"]
    }
    assert timed == {(row.ours.name, row.rival.name, row.goal) for row in run.ROWS}
    goals = {entry["name"][:4].strip(): entry["goal"] for entry in stored if entry["goal"]}
    assert set(goals) == {"(a)", "(c1)", "(c2)", "(c3)", "(e)", "(f)", "(g)"}
