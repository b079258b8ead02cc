"""Chooses the vertebra threshold on train.py's validation patches.

The patches are new draws, the anatomy is not: the synthetic ones come from the
training label maps, the real ones are plain crops of the real CTs, whose labels
and images were trained on. No other CT is looked at. The rule is pooled Dice per
patch; it knows nothing of the largest component of a whole CT.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import patches
from network import CompactUNet, normalise
from systems import SYSTEMS
from tissues import IGNORED, VERTEBRA

THRESHOLDS = np.round(np.arange(0.2, 0.81, 0.05), 2)


@torch.no_grad()
def dice_by_threshold(network, pairs):
    """Pooled vertebra Dice of a list of (HU, classes) at every threshold."""
    hits, sizes = np.zeros(len(THRESHOLDS)), np.zeros(len(THRESHOLDS))
    for hu, target in pairs:
        p = network(normalise(hu)[None, None]).softmax(1)[0, VERTEBRA]
        truth = target == VERTEBRA
        for i, threshold in enumerate(THRESHOLDS):
            mask = (p >= float(threshold)) & (target != IGNORED)
            hits[i] += float((mask & truth).sum())
            sizes[i] += float(mask.sum() + truth.sum())
    return 2 * hits / np.maximum(sizes, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    options = parser.parse_args()
    network = CompactUNet().eval()
    network.load_state_dict(torch.load(options.checkpoint, weights_only=True)["ema"])
    scenes, _ = patches.load_scenes(options.scenes, SYSTEMS["compact"].real_shares)
    groups = patches.validation_patches(scenes)
    curves = {name: dice_by_threshold(network, pairs) for name, pairs in groups.items()}
    mean = np.mean(list(curves.values()), 0)
    for i, threshold in enumerate(THRESHOLDS):
        print(threshold, {name: round(float(c[i]), 4) for name, c in curves.items()})
    print("threshold", float(THRESHOLDS[mean.argmax()]), "mean Dice", round(float(mean.max()), 4))


if __name__ == "__main__":
    main()
