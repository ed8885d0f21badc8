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


def test_every_variant_ends_where_the_chapter_does(run):
    found = run.cases.deviations()
    assert len(found) == 4 + (find_spec("torch") is not None)
    for loss, parameter in found.values():
        assert loss < 1e-3
        assert parameter < 1e-5


def test_the_command_writes_the_table_as_json(tmp_path):
    file = tmp_path / "table.json"
    result = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "benchmarks/run.py"),
            *("--only", "written naively", "--rounds", "1", "--json", str(file)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    ((entry),) = json.loads(file.read_text())
    assert list(entry) == ["name", "median_s", "rival", "rival_median_s", "ratio", "goal", "met"]
    assert entry["ratio"] == pytest.approx(entry["median_s"] / entry["rival_median_s"])
    assert entry["goal"] == 0.5
    assert entry["met"] is (entry["ratio"] <= 0.5)
    assert f"| {entry['name']} |" in result.stdout
    missing = "PyTorch is not installed" in result.stdout
    assert missing is (find_spec("torch") is None)


def test_the_peak_memory_of_an_epoch_holds_its_data_and_a_copy():
    """Which the machine's speed does not change: the shuffled copy is as large as the data."""
    rows = 2_000_000
    result = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "benchmarks/cases.py", "--peak-memory"),
            *("--case", f"epoch course {rows} 1000"),
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
    assert set(goals) == {"(a)", "(c1)", "(c2)", "(e)", "(f)", "(g)"}
