"""Moves each vertebra by itself, crushes some and narrows discs, by warping sample points.

All maps go from the patch to the scene, so a factor above one makes a thing
smaller in the patch. Points are [z, y, x] mm in LPS: y grows to the back.
"""

import numpy as np
import torch

from fields import rotation

REACH_MM = 60.0  # the spine's own motion fades at this distance beside it
BODY_DEPTH_MM = 35.0


def _near(scene, points):
    """Vertebra centres (mm) around the patch, from the feet up."""
    z = points[..., 0]
    low, high = float(z.min()) - 25, float(z.max()) + 25
    inside = scene.spine_mm[(scene.spine_mm[:, 0] > low) & (scene.spine_mm[:, 0] < high)]
    return inside[np.argsort(inside[:, 0])]


def _fade(centre, points):
    """1 on the spine, 0 far beside it."""
    beside = ((points[..., 1:] - centre[1:]) ** 2).sum(-1)
    return torch.exp(-beside / REACH_MM**2)


def _own_motion(rng, points, centres, size):
    """Rigid motions of single vertebrae, blended along the spine."""
    gaps = np.gradient(centres[:, 0]) if len(centres) > 1 else np.array([28.0])
    total, weights = torch.zeros_like(points), torch.full(points.shape[:-1], 1e-6)
    for centre, gap in zip(centres, gaps):
        c = torch.tensor(centre, dtype=torch.float32)
        offset = points - c
        weight = torch.exp(-0.5 * (offset[..., 0] / (0.3 * max(gap, 12.0))) ** 2)
        turn = rotation(rng, (6 * size, 6 * size, 8 * size))
        shift = torch.tensor(rng.normal(0, (1.0, 1.5, 1.2)) * size, dtype=torch.float32)
        total += weight[..., None] * (offset @ turn.T - offset + shift)
        weights += weight
    middle = torch.tensor(centres.mean(0), dtype=torch.float32)
    return points + total / weights[..., None] * _fade(middle, points)[..., None]


def _squeeze(points, centre, half_mm, amount, front):
    """Lowers the slab `half_mm` around a centre; `front` 0 evenly, 1 in front only (a wedge)."""
    c = torch.tensor(centre, dtype=torch.float32)
    forward = ((c[1] - points[..., 1]) / BODY_DEPTH_MM + 0.3).clamp(0, 1)
    share = (1 - front) + front * forward
    depth = (points[..., 0] - c[0]).clamp(-half_mm, half_mm)
    moved = points.clone()
    moved[..., 0] += amount * share * depth * _fade(c, points)
    return moved


def articulate(rng, scene, points):
    """The points with every vertebra moved a little, some crushed and some discs narrowed."""
    centres = _near(scene, points)
    if len(centres) == 0:
        return points
    points = _own_motion(rng, points, centres, rng.uniform(0.2, 1.0))
    for centre in centres:
        if rng.random() < 0.05:
            points = _squeeze(points, centre, 11.0, rng.uniform(0.15, 1.0), rng.choice([0.0, 1.0], p=[0.35, 0.65]))
    for below, above in zip(centres[:-1], centres[1:]):
        if rng.random() < 0.15 and above[0] - below[0] < 45:
            points = _squeeze(points, 0.5 * (below + above), 4.0, rng.uniform(-0.3, 1.2), 0.0)
    return points
