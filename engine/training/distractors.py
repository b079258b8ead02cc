"""Things that look like bone and are none of the spine: bones, vessels, gas, the table."""

import numpy as np
import torch

from fields import grid_mm, rotation
from tissues import BACKGROUND, OTHER_BONE


def _direction(rng):
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def _frame(rng):
    along = _direction(rng)
    across = np.cross(along, _direction(rng))
    across /= max(np.linalg.norm(across), 1e-6)
    return [torch.tensor(v, dtype=torch.float32) for v in (along, across, np.cross(along, across))]


def _bony_tube(rng, offset, free):
    """A curved rod or plate with a cortical shell."""
    along, across, third = _frame(rng)
    t = offset @ along
    bend = rng.uniform(-40, 40) * torch.sin(t / rng.uniform(40, 120))
    radial = torch.sqrt((offset @ across - bend) ** 2 + (offset @ third / rng.uniform(1, 3)) ** 2)
    radius = rng.uniform(3.5, 9)
    inside = (radial < radius) & (t.abs() < rng.uniform(20, 120)) & free
    depth = (radius - radial).clamp_min(0)
    marrow, cortex = rng.uniform(30, 350), rng.uniform(350, 1300)
    return inside, marrow + (cortex - marrow) * torch.exp(-depth / rng.uniform(0.8, 2.5))


def add_distractors(rng, hu, target, mean_count, edge, voxel_mm):
    """Writes tubes, enhanced blobs, gas and soft lumps into background voxels."""
    points = grid_mm(edge, voxel_mm)
    reach = edge * voxel_mm * 0.55
    for _ in range(rng.poisson(mean_count)):
        offset = points - torch.tensor(rng.uniform(-reach, reach, 3), dtype=torch.float32)
        free = target == BACKGROUND
        kind = rng.random()
        if kind < 0.45:
            inside, values = _bony_tube(rng, offset, free)
            hu = torch.where(inside, values, hu)
            target = torch.where(inside, torch.tensor(OTHER_BONE), target)
            continue
        axes = torch.tensor(rng.uniform(8, 60, 3), dtype=torch.float32)
        inside = (((offset @ rotation(rng, (180, 180, 180)).T) / axes) ** 2).sum(-1) < 1
        level = rng.uniform(80, 700) if kind < 0.7 else rng.uniform(-950, -600) if kind < 0.9 else rng.uniform(-20, 100)
        hu = torch.where(inside & free, torch.tensor(float(level)), hu)
    return hu, target


def add_table(rng, hu, air, edge, voxel_mm):
    """A curved table top or a cushion behind the patient, in outside air only."""
    points = grid_mm(edge, voxel_mm)
    front = rng.uniform(0.1, 0.5) * edge * voxel_mm - points[..., 2] ** 2 / rng.uniform(600, 3000)
    depth = points[..., 1] - front
    shell, thickness = rng.uniform(-200, 400), rng.uniform(5, 60)
    inside = air & (depth > 0) & (depth < thickness)
    is_shell = (depth < 3) | (depth > thickness - 3)
    foam = torch.tensor(float(rng.uniform(-980, -850)))
    return torch.where(inside, torch.where(is_shell, torch.tensor(float(shell)), foam), hu)
