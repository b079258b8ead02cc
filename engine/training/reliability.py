"""Whether the program's confidences are chances: a reliability curve over results with known truth.

A result is a folder of `spinenav segment --out`; a vertebra is right when its label
has a Dice of 0.8 or more with the vertebra of the same name in the reference.
Vertebrae of the reference that the border of the scan cuts count as they are.
"""

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from prepare import load_lps
from tissues import C1, VERTEBRAE

RIGHT_DICE = 0.8
FINE_MM = 0.5  # grid of the phantoms' truth, see edge_phantom.py


def truth_of(path, result_shape, spacing_mm):
    """Reference in VerSe numbers on the result's grid; `path` is a label map or a phantom's .npz."""
    if path.suffix != ".npz":
        return np.rint(load_lps(path)[0]).astype(int)
    tissue = np.load(path)["tissue"]
    index = [np.clip(np.rint(np.arange(n) * mm / FINE_MM).astype(int), 0, tissue.shape[0] - 1) for n, mm in zip(result_shape, spacing_mm)]
    tissue = tissue[np.ix_(*index)].astype(int)
    return np.where(np.isin(tissue, list(VERTEBRAE)), C1 + 1 - tissue, 0)


def judged(result: Path, truth_path: Path):
    """(confidence, is right, Dice, number) of each vertebra of a result."""
    labels, spacing = load_lps(result / "labels.nii.gz")
    labels = np.rint(labels).astype(int)
    truth = truth_of(truth_path, labels.shape, spacing)
    found = []
    for vertebra in json.loads((result / "confidence.json").read_text())["vertebrae"]:
        mine, true = labels == vertebra["number"], truth == vertebra["number"]
        dice = 2 * (mine & true).sum() / max(1, mine.sum() + true.sum())
        found.append((vertebra["confidence"], bool(dice >= RIGHT_DICE), float(dice), vertebra["number"]))
    return found


def curve(confidence, is_right, bins):
    """Mean confidence, share right, and count of each bin."""
    edges = np.linspace(0, 1, bins + 1)
    inside = [(confidence >= a) & (confidence <= b if b == 1 else confidence < b) for a, b in zip(edges[:-1], edges[1:])]
    return [(float(confidence[i].mean()), float(is_right[i].mean()), int(i.sum())) for i in inside if i.any()]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", nargs="+", required=True, help="RESULT_FOLDER=TRUTH, several")
    parser.add_argument("--out", type=Path, required=True, help="PNG")
    parser.add_argument("--bins", type=int, default=5)
    options = parser.parse_args()
    rows = [row for pair in options.pairs for row in judged(*map(Path, pair.split("=")))]
    confidence, is_right = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    points = curve(confidence, is_right, options.bins)
    error = sum(abs(c - r) * n for c, r, n in points) / len(rows)
    brier = float(((confidence - is_right) ** 2).mean())
    print(f"{len(rows)} vertebrae, {is_right.mean():.2f} right; expected calibration error {error:.3f}, Brier {brier:.3f}")
    for c, r, n in points:
        print(f"  said {c:.2f}  right {r:.2f}  of {n}")
    figure, axes = plt.subplots(figsize=(4.5, 4.2))
    axes.plot([0, 1], [0, 1], ":", color="grey")
    axes.plot([p[0] for p in points], [p[1] for p in points], "o-")
    for c, r, n in points:
        axes.annotate(str(n), (c, r), textcoords="offset points", xytext=(5, -11), fontsize=8)
    axes.set(xlabel="confidence", ylabel=f"share right (level, and Dice >= {RIGHT_DICE})", xlim=(0, 1), ylim=(0, 1.02))
    figure.tight_layout()
    figure.savefig(options.out, dpi=110)


if __name__ == "__main__":
    main()
