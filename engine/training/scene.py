"""A prepared scene in memory, and where its patches may be centred."""

import json
from pathlib import Path

import numpy as np
import torch

from tissues import CLASS_OF_TISSUE, ENHANCING, OTHER_BONE, PELVIS, TISSUES, VERTEBRA

CENTRES_PER_TISSUE = 400


class Scene:
    """Arrays of one scene as tensors, axes [z, y, x] in LPS."""

    def __init__(self, folder: Path, seed: int = 0):
        self.name = folder.name
        self.spacing_mm = json.loads((folder / "scene.json").read_text())["spacing_mm"]
        tissue = np.load(folder / "tissue.npy")
        self.tissue = torch.from_numpy(tissue)
        self.shape = torch.tensor(tissue.shape)
        self.bone_depth_mm = torch.from_numpy(np.load(folder / "bone_depth_mm.npy"))
        self.skin_mm = torch.from_numpy(np.load(folder / "skin_mm.npy"))
        image = folder / "image_hu.npy"
        self.image_hu = torch.from_numpy(np.load(image)) if image.exists() else None
        self.is_bare = not np.isin(tissue, ENHANCING).any()
        self.centres = _centres_by_tissue(tissue, np.random.default_rng(seed))
        spine = {n: v.mean(0) * self.spacing_mm for n, v in self.centres.items() if CLASS_OF_TISSUE[n] == VERTEBRA}
        self.spine_mm = np.array(list(spine.values()))  # vertebra centroids [n, 3]
        self.centroid_of_tissue = torch.zeros(TISSUES, 3)
        for number, centroid in spine.items():
            self.centroid_of_tissue[number] = torch.tensor(centroid, dtype=torch.float32)

    def random_centre(self, rng) -> np.ndarray:
        """Centre in mm: vertebrae most, then pelvis, other bones and enhancing organs, then anywhere."""
        groups = {
            "vertebra": [n for n in self.centres if CLASS_OF_TISSUE[n] == VERTEBRA],
            "bone": [n for n in self.centres if CLASS_OF_TISSUE[n] == OTHER_BONE],
            "pelvis": [n for n in self.centres if n in PELVIS],
            "enhancing": [n for n in self.centres if n in ENHANCING],
            "any": [],
        }
        draw = rng.choice(list(groups), p=[0.5, 0.18, 0.18, 0.08, 0.06])
        numbers = groups[str(draw)] or (groups["vertebra"] if draw == "pelvis" else [])
        if numbers:
            voxels = self.centres[int(rng.choice(numbers))]
            voxel = voxels[rng.integers(len(voxels))].astype(np.float64)
        else:
            voxel = rng.random(3) * self.tissue.shape
        return voxel * self.spacing_mm + rng.normal(0, 18, 3)

    def nearest(self, volume, points_mm):
        """Values of `volume` at the voxel nearest to each point, and whether it lies inside."""
        index = (points_mm / self.spacing_mm).round().long()
        inside = ((index >= 0) & (index < self.shape)).all(-1)
        index = torch.minimum(index.clamp_min(0), self.shape - 1)
        return volume[index[..., 0], index[..., 1], index[..., 2]], inside

    def linear(self, volume, points_mm):
        """Trilinear values; outside the scene the border is repeated."""
        position = points_mm / self.spacing_mm
        position = torch.minimum(position.clamp_min(0), (self.shape - 1).float() - 1e-3)
        low = position.long()
        part = position - low
        total = torch.zeros(position.shape[:-1])
        for corner in range(8):
            bits = torch.tensor([corner >> 2 & 1, corner >> 1 & 1, corner & 1])
            index = torch.minimum(low + bits, self.shape - 1)
            weight = torch.where(bits.bool(), part, 1 - part).prod(-1)
            total += weight * volume[index[..., 0], index[..., 1], index[..., 2]].float()
        return total


def _centres_by_tissue(tissue, rng):
    centres = {}
    order = np.argsort(tissue.ravel(), kind="stable")
    counts = np.bincount(tissue.ravel(), minlength=256)
    starts = np.concatenate([[0], np.cumsum(counts)])
    for number in np.flatnonzero(counts):
        if number == 0:
            continue
        picks = order[rng.integers(starts[number], starts[number + 1], CENTRES_PER_TISSUE)]
        centres[int(number)] = np.stack(np.unravel_index(picks, tissue.shape), 1).astype(np.int32)
    return centres
