"""Chooses the vertebra threshold on train.py's validation patches, and plots the run.

The patches are new draws, the anatomy is not: the synthetic ones come from the
training label maps, the real ones are plain crops of the chest CT whose labels
and image were trained on. No other CT is looked at. The rule is pooled Dice per
patch; it knows nothing of the largest component of a whole CT.
"""

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np
import torch

from network import CompactUNet, normalise
from tissues import VERTEBRA
from train import validation_patches

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  the back-end must be chosen first

THRESHOLDS = np.round(np.arange(0.2, 0.81, 0.05), 2)


@torch.no_grad()
def dice_by_threshold(network, pairs):
    """Pooled vertebra Dice of a list of (HU, classes) at every threshold."""
    hits, sizes = np.zeros(len(THRESHOLDS)), np.zeros(len(THRESHOLDS))
    for hu, target in pairs:
        p = network(normalise(hu)[None, None]).softmax(1)[0, VERTEBRA]
        truth = target == VERTEBRA
        for i, threshold in enumerate(THRESHOLDS):
            mask = p >= float(threshold)
            hits[i] += float((mask & truth).sum())
            sizes[i] += float(mask.sum() + truth.sum())
    return 2 * hits / np.maximum(sizes, 1)


def plot(log: Path, out: Path, restarts=()):
    """Loss and validation Dice against the step."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    losses = [(r["step"], r["loss"]) for r in rows if "loss" in r]
    left.plot(*zip(*losses))
    left.set(xlabel="step", ylabel="training loss (mean of 25 steps)")
    checks = [r for r in rows if "dice" in r]
    for group, style in (("real_chest", "-"), ("synthetic", "--")):
        for name in ("vertebra", "other_bone", "disc"):
            points = [(r["step"], r["dice"][group][name]) for r in checks]
            right.plot(*zip(*points), style, marker=".", label=f"{name}, {group.replace('_', ' ')}")
    right.set(xlabel="step", ylabel="validation Dice", ylim=(0, 1))
    right.legend(fontsize=7)
    for axis in (left, right):
        for step in restarts:
            axis.axvline(step, color="grey", linewidth=0.8, linestyle=":")
    figure.savefig(out, dpi=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--log", type=Path, help="log.jsonl of the run, to be plotted")
    parser.add_argument("--curves", type=Path, default=Path("curves.png"))
    parser.add_argument("--restarts", type=int, nargs="*", default=[], help="steps to mark: settings changed there")
    options = parser.parse_args()
    if options.log:
        plot(options.log, options.curves, options.restarts)
    network = CompactUNet().eval()
    network.load_state_dict(torch.load(options.checkpoint, weights_only=True)["ema"])
    groups = validation_patches(options.scenes)
    curves = {name: dice_by_threshold(network, pairs) for name, pairs in groups.items()}
    mean = np.mean(list(curves.values()), 0)
    for i, threshold in enumerate(THRESHOLDS):
        print(threshold, {name: round(float(c[i]), 4) for name, c in curves.items()})
    print("threshold", float(THRESHOLDS[mean.argmax()]), "mean Dice", round(float(mean.max()), 4))


if __name__ == "__main__":
    main()
