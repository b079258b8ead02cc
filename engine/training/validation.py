"""Checks of a run on fixed patches: the loss of any system; Dice per class of the compact network.

The patches are fresh draws from the training anatomy, and the real crops come from
images that were trained on. They tell a run that goes wrong, not how a new patient scores.
"""

import numpy as np
import torch

import patches
from network import CompactUNet, normalise
from tissues import CLASSES, IGNORED


class Checks:
    """Fixed patches of one system."""

    def __init__(self, system, folder):
        self.system = system
        scenes, weights = patches.load_scenes(folder, system.real_shares)
        self.parts = patches.validation_parts(system, scenes, weights)
        self.network = system.build().eval()
        self.groups = patches.validation_patches(scenes) if isinstance(self.network, CompactUNet) else {}

    @torch.no_grad()
    def run(self, state, step):
        """Mean validation loss and, for the compact network, Dice by group and class."""
        self.network.load_state_dict(state)
        found = [float(self.system.loss(self.network, parts, step)["loss"]) for parts in self.parts]
        result = {"validation_loss": round(float(np.mean(found)), 4)}
        if self.groups:
            result["dice"] = {name: self._dice(pairs) for name, pairs in self.groups.items()}
        return result

    def _dice(self, pairs):
        """Dice of each foreground class, pooled over patches."""
        hits, sizes = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
        for hu, target in pairs:
            guess, known = self.network(normalise(hu)[None, None]).argmax(1)[0], target != IGNORED
            for number in range(len(CLASSES)):
                a, b = (guess == number) & known, target == number
                hits[number] += float((a & b).sum())
                sizes[number] += float(a.sum() + b.sum())
        dice = 2 * hits / np.maximum(sizes, 1)
        return {name: round(d, 4) for name, d in zip(CLASSES[1:], dice[1:])}
