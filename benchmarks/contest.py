"""Tune each row of `course.contest` on its grid and store the validation losses.

Three minutes on two quiet cores; `momentum-adam` reads the table and trains the best rows again.
"""

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from course.contest import METHODS, STORED, tuned  # noqa: E402
from course.data import data_file  # noqa: E402


def main():
    """Write notebooks/data/contest.json: {epochs: {method: {"grid": …, "losses": …}}}."""
    table = {}
    for epochs in (5, 10):
        table[epochs] = {}
        for name, method in METHODS.items():
            losses = np.vectorize(lambda loss: float(f"{loss:.4g}"))(tuned(method, epochs))
            table[epochs][name] = {"grid": method.grid, "losses": losses.tolist()}
    data_file(STORED).write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
