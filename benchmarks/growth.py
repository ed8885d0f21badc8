"""Measure how time and memory grow, and draw them: `python benchmarks/growth.py`.

Each point is one epoch of training (`training` in cases.py) in a process of its own. Writes
growth.json and growth.png beside this file; `--draw` only draws the stored numbers anew.
"""

import argparse
import json
from importlib.util import find_spec
from pathlib import Path

import run
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
BASE = {"rows": 10_000, "features": 10, "batch_size": 100, "settings": 1}
LOOPS = ("loop", "compiled", "matrix", "torch")
AXES = {
    "rows": ((10**3, 10**4, 10**5, 10**6), LOOPS),
    "features": ((2, 8, 32, 128, 512), LOOPS),
    "batch_size": ((1, 10, 100, 1000, 10_000), LOOPS),
    "settings": ((1, 16, 256, 4096, 65_536), ("columns",)),
}
MOST_NUMBERS = 10**9  # a variant is left out where its arrays would hold more
STYLES = {
    "loop": ("the chapter's loop", "o-", "C0"),
    "compiled": ("(c1) compiled epoch", "s--", "C1"),
    "matrix": ("(c2) a matrix an update", "^-.", "C2"),
    "torch": ("PyTorch eager", "x:", "C3"),
    "columns": ("(e) settings as columns", "D-", "C4"),
}
LABELS = {"batch_size": "batch size"}


def numbers_held(kind, rows, features, batch_size, settings):
    """Estimate how many numbers a variant holds besides the data, for an epoch."""
    updates = rows // batch_size
    return {
        "matrix": updates * (2 * features + 4) ** 2 * 3,  # and while it puts them together
        "columns": updates * settings * (features + 1) * 2,
    }.get(kind, 0)


def measure():
    """Give the time and the peak memory of every point."""
    points = []
    for axis, (sizes, kinds) in AXES.items():
        for size in sizes:
            for kind in kinds:
                sized = {**BASE, axis: size}
                if kind == "torch" and not find_spec("torch"):
                    continue
                if numbers_held(kind, **sized) > MOST_NUMBERS:
                    continue
                side = run.Side("", f"train {kind} {' '.join(map(str, sized.values()))}")
                seconds = run.timed(side, ("--values=3", "--warmups=1")).median()
                point = {"axis": axis, "kind": kind, "size": size, "seconds": seconds}
                points.append({**point, "bytes": run.peak_memory(side.case)})
                print(points[-1], flush=True)
    return points


def draw(points):
    """Draw time and memory against each size on log axes, and save the figure."""
    figure, panels = plt.subplots(2, 4, figsize=(13, 6), sharey="row", layout="constrained")
    for column, axis in zip(panels.T, AXES):
        for kind, (label, marker, colour) in STYLES.items():
            mine = [point for point in points if (point["axis"], point["kind"]) == (axis, kind)]
            for panel, key, unit in zip(column, ("seconds", "bytes"), (1, 1e6)):
                values = [point[key] / unit for point in mine]
                sizes = [point["size"] for point in mine]
                panel.loglog(sizes, values, marker, color=colour, label=label)
        column[1].set_xlabel(LABELS.get(axis, axis))
    panels[0, 0].set_ylabel("time of an epoch (s)")
    panels[1, 0].set_ylabel("peak memory (MB)")
    for panel in panels.flat:
        panel.grid(alpha=0.3)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(STYLES))
    figure.savefig(HERE / "growth.png", dpi=110, metadata={"Software": None})


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draw", action="store_true", help="only draw growth.json anew")
    stored = HERE / "growth.json"
    if not parser.parse_args().draw:
        lines = ",\n ".join(json.dumps(point) for point in measure())
        stored.write_text(f"[\n {lines}\n]\n")
    draw(json.loads(stored.read_text()))


if __name__ == "__main__":
    main()
