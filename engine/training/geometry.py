"""Where a patch's voxels lie in a scene: pose, spinal curve, single vertebrae, soft deformation."""

import numpy as np
import torch

import articulate
from fields import grid_mm, noise_field, rotation

VOXEL_MM = 2.5


def chance(rng, probability):
    return rng.random() < probability


def _wave(rng, height_mm, size):
    """A sine along the spine with random amplitude, length (mm) and phase."""
    phase = 2 * np.pi * height_mm / rng.uniform(150, 400) + rng.uniform(0, 2 * np.pi)
    return rng.uniform(-size, size) * torch.sin(phase)


def patch_points(rng, scene, edge, voxel_mm=VOXEL_MM, centre_mm=None):
    """Deformed, articulated sample points [edge, edge, edge, 3] in scene millimetres, and the linear part of the map.

    The linear part is for row vectors: a step of `d` mm in the patch is one of about `d @ linear` in the scene.
    The patch's middle lies at `centre_mm` (scene; None: drawn).
    """
    points = grid_mm(edge, voxel_mm)
    height = points[..., 0]
    scale = rng.uniform(0.8, 1.25) * rng.uniform(0.93, 1.07, 3)
    if chance(rng, 0.5):
        scale[2] = -scale[2]
    linear = torch.diag(torch.tensor(scale, dtype=torch.float32)) @ rotation(rng, (15, 15, 22)).T
    moved = points @ linear
    if chance(rng, 0.7):
        twist, shift_y, shift_x = (_wave(rng, height, size) for size in (np.deg2rad(12), 15, 18))
        y, x = moved[..., 1] + shift_y, moved[..., 2] + shift_x
        cos, sin = torch.cos(twist), torch.sin(twist)
        moved = torch.stack([moved[..., 0], x * sin + y * cos, x * cos - y * sin], -1)
    bend = noise_field(rng, edge, int(rng.choice([4, 6, 8])), 3) * rng.uniform(0, 3.2)
    centre_mm = scene.random_centre(rng) if centre_mm is None else centre_mm
    centre = torch.tensor(centre_mm, dtype=torch.float32)
    moved = moved + bend.movedim(0, -1) + centre
    return (articulate.articulate(rng, scene, moved) if chance(rng, 0.6) else moved), linear
