"""Implants and their streaks.

Screws, rods, cages, cement and hip balls are drawn in scene coordinates, so
they sit in the bone whatever its pose. Streaks come from the metal's own
projections: beam hardening grows with the square of the path through metal,
starved rays are noisy, and filtered backprojection spreads both over the slice.
"""

import numpy as np
import torch
import torch.nn.functional as F

from tissues import FEMUR_LEFT, FEMUR_RIGHT

ANGLES = 40


def rod(points, start, end, radius):
    """Mask of a round rod between two points (mm)."""
    start, end = (torch.tensor(p, dtype=torch.float32) for p in (start, end))
    axis = end - start
    t = (((points - start) @ axis) / (axis @ axis)).clamp(0, 1)
    return ((points - start - t[..., None] * axis) ** 2).sum(-1) < radius**2


def _screws(rng, points, centres):
    """Pedicle screws with heads in some levels, and rods that join the heads."""
    metal = torch.zeros(points.shape[:-1], dtype=torch.bool)
    radius, length, tilt = rng.uniform(2, 3.6), rng.uniform(30, 52), np.deg2rad(rng.uniform(5, 30))
    count = int(rng.integers(1, min(4, len(centres)) + 1))
    first = int(rng.integers(len(centres) - count + 1))
    sides = (-1, 1) if rng.random() < 0.85 else (int(rng.choice([-1, 1])),)
    for side in sides:
        heads = []
        for centre in centres[first : first + count]:
            head = centre + np.array([rng.normal(0, 2), rng.uniform(8, 16), side * rng.uniform(16, 24)])
            tip = head + length * np.array([rng.normal(0, 0.08), -np.cos(tilt), -side * np.sin(tilt)])
            metal |= rod(points, head, tip, radius)
            metal |= rod(points, head, head + (head - tip) / length * 8, rng.uniform(4, 7))
            heads.append(head + (head - tip) / length * 8)
        if rng.random() < 0.8:
            for a, b in zip(heads[:-1], heads[1:]):
                metal |= rod(points, a, b, rng.uniform(2.3, 3.3))
    return metal


def _blob(rng, points, centre, size):
    """A cage between bodies or cement inside one."""
    offset = points - torch.tensor(centre + rng.normal(0, 4, 3), dtype=torch.float32)
    axes = torch.tensor(rng.uniform(0.5, 1.0, 3) * size, dtype=torch.float32)
    return ((offset / axes) ** 2).sum(-1) < 1


def implants(rng, scene, points):
    """Mask of metal (or cement) in the patch and its HU."""
    z = points[..., 0]
    near = scene.spine_mm[(scene.spine_mm[:, 0] > float(z.min())) & (scene.spine_mm[:, 0] < float(z.max()))]
    near = near[np.argsort(near[:, 0])]
    kind, hu = rng.random(), rng.uniform(1500, 3100)
    hips = [n for n in (FEMUR_LEFT, FEMUR_RIGHT) if n in scene.centres]
    if kind < 0.15 and hips:
        voxels = scene.centres[int(rng.choice(hips))]
        head = voxels[voxels[:, 0].argmax()] * scene.spacing_mm
        return _blob(rng, points, head - (20, 0, 0), 30.0), hu
    if len(near) == 0:
        return torch.zeros(points.shape[:-1], dtype=torch.bool), hu
    if kind < 0.75:
        return _screws(rng, points, near), hu
    body = near[rng.integers(len(near))] + np.array([rng.choice([0.0, 15.0]), -18.0, 0.0])
    return _blob(rng, points, body, 14.0), hu if kind < 0.85 else rng.uniform(500, 2000)


def _turn(stack, angles):
    """Each slice stack [A, z, y, x] (or one, expanded) turned in the plane by `angles`."""
    cos, sin = torch.cos(angles), torch.sin(angles)
    zero = torch.zeros_like(cos)
    matrix = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
    stack = stack.expand(len(angles), -1, -1, -1)
    return F.grid_sample(stack, F.affine_grid(matrix, list(stack.shape), False), align_corners=False)


def streaks(rng, metal, strength_hu):
    """Artefact image [z, y, x] in HU of a metal mask; its strong parts reach `strength_hu`."""
    angles = torch.arange(ANGLES) * (np.pi / ANGLES)
    path = _turn(metal.float()[None], angles).sum(2)
    noise = torch.from_numpy(rng.standard_normal(tuple(path.shape)).astype(np.float32))
    error = -(path**2) + rng.uniform(0, 1.5) * noise * path**1.5
    width = error.shape[-1]
    ramp = torch.fft.rfftfreq(2 * width)
    filtered = torch.fft.irfft(torch.fft.rfft(error, 2 * width) * ramp, 2 * width)[..., :width]
    image = _turn(filtered[:, :, None].expand(-1, -1, width, -1), -angles).mean(0)
    peak = image[metal.any(-1).any(-1)].abs().flatten()
    if len(peak) == 0:
        return image
    peak = peak.kthvalue(max(1, int(0.98 * len(peak)))).values
    return image * (strength_hu / max(float(peak), 1e-6))


def add_metal(rng, scene, points, hu):
    """Implants and streaks written into a patch."""
    metal, level = implants(rng, scene, points)
    if not metal.any():
        return hu
    hu = torch.where(metal, torch.tensor(float(level)), hu)
    return hu + streaks(rng, metal, rng.uniform(60, 500)) if level > 1500 else hu
