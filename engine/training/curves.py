"""Loss and validation Dice of one run, or of runs that went on from each other, as PNG."""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

SMOOTH = 8  # log rows of 25 steps


def _renamed(row):
    """Rows of older logs with today's names."""
    if "offset_loss" in row:
        row |= {"classes": row["loss"], "offsets": row["offset_loss"]}
    return row


def rows_of(logs):
    """All log rows with steps that go on from log to log (whether the counter restarted or not), and where logs end."""
    rows, joins, before, last = [], [], 0, 0
    for log in logs:
        own = [_renamed(json.loads(line)) for line in log.read_text().splitlines()]
        if own[0]["step"] <= last:
            before += last
        rows += [{**row, "step": row["step"] + before} for row in own]
        last = own[-1]["step"]
        joins.append(rows[-1]["step"])
    return rows, joins[:-1]


def _draw_loss(axis, rows, key, label):
    points = np.array([(r["step"], r[key]) for r in rows if key in r])
    if len(points) == 0:
        return
    width = min(SMOOTH, len(points)) if "validation" not in key else 1
    mean = np.convolve(points[:, 1], np.ones(width) / width, "valid")
    line = axis.plot(points[width - 1 :, 0], mean, label=label)[0]
    axis.plot(points[:, 0], points[:, 1], color=line.get_color(), linewidth=0.5, alpha=0.4)


def draw(logs, out: Path):
    rows, joins = rows_of(logs)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    if not any("classes" in row for row in rows):
        _draw_loss(left, rows, "loss", "loss")
    _draw_loss(left, rows, "classes", "cross-entropy + Dice")
    _draw_loss(left, rows, "offsets", "offsets, 25 mm")
    _draw_loss(left, rows, "validation_loss", "validation")
    left.set(xlabel="step", ylabel="training loss", ylim=(0, 0.9))
    left.legend(fontsize=7)
    checks = [r for r in rows if "dice" in r]
    for group, style in (("real_chest", "-"), ("real_abdomen", ":"), ("synthetic", "--")):
        for name in ("vertebra", "other_bone", "disc"):
            points = [(r["step"], r["dice"][group][name]) for r in checks if group in r["dice"]]
            if not points:
                continue
            right.plot(*zip(*points), style, marker=".", label=f"{name}, {group.replace('_', ' ')}")
    right.set(xlabel="step", ylabel="validation Dice", ylim=(0, 1))
    right.legend(fontsize=6)
    for axis in (left, right):
        for step in joins:
            axis.axvline(step, color="grey", linewidth=0.8, linestyle=":")
    figure.savefig(out, dpi=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, nargs="+", required=True, help="log.jsonl of each run, in order")
    parser.add_argument("--out", type=Path, default=Path("curves.png"))
    options = parser.parse_args()
    draw(options.log, options.out)


if __name__ == "__main__":
    main()
