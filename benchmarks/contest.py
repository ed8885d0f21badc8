"""Tune each row of the two contests on its grid and store the validation losses.

Five minutes on two quiet cores; `momentum-adam` and `momentum-today` read the tables and train the
best rows again.
"""

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from course import contest, contest_today  # noqa: E402
from course.data import data_file  # noqa: E402


def table(rows):
    """Give the table of some rows: {epochs: {row: {"grid": …, "losses": …}}}."""
    result = {5: {}, 10: {}}
    for epochs, found in result.items():
        for name, row in rows.items():
            losses = np.vectorize(lambda loss: float(f"{loss:.4g}"))(contest.tuned(row, epochs))
            found[name] = {"grid": row.grid, "losses": losses.tolist()}
    return result


def main():
    """Write both tables to notebooks/data."""
    for module, rows in ((contest, contest.METHODS), (contest_today, contest_today.ROWS)):
        data_file(module.STORED).write_text(json.dumps(table(rows), indent=1) + "\n")


if __name__ == "__main__":
    main()
