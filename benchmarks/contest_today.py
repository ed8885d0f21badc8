"""Tune each row of `course.contest_today` on its grid and store the validation losses.

Two minutes on two quiet cores; `momentum-today` reads the table and trains the best rows again.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from course.contest import tuned  # noqa: E402
from course.contest_today import ROWS, STORED  # noqa: E402
from course.data import data_file  # noqa: E402


def main():
    """Write notebooks/data/contest-today.json: {epochs: {row: {"grid": …, "losses": …}}}."""
    table = {}
    for epochs in (5, 10):
        table[epochs] = {}
        for name, row in ROWS.items():
            losses = [[float(f"{loss:.4g}") for loss in seeds] for seeds in tuned(row, epochs)]
            table[epochs][name] = {"grid": row.grid, "losses": losses}
    data_file(STORED).write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
