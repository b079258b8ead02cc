"""From true HU to what a scanner shows: resolution, slices, noise, cone-beam errors, field of view."""

import numpy as np
import torch
import torch.nn.functional as F

from fields import grid_mm, noise_field, rotation, smooth, white_noise
from geometry import chance

AIR_HU = -1000.0
THICK_SHARE, CONE_BEAM_SHARE, MISCALIBRATED_SHARE = 0.35, 0.22, 0.06


def _thick_slices(rng, hu, axis, voxel_mm):
    """Averages over slices of 3 to 7 mm and interpolates between them again."""
    lines = hu.movedim(axis, 0)
    edge = lines.shape[0]
    thickness = max(1.2, rng.uniform(3, 7) / voxel_mm)
    count = max(4, int(edge / thickness))
    flat = smooth(lines, [0.3 * thickness, 0, 0]).reshape(1, 1, edge, -1)
    size = flat.shape[-1]
    coarse = F.interpolate(flat, size=(count, size), mode="bilinear", align_corners=chance(rng, 0.5))
    fine = F.interpolate(coarse, size=(edge, size), mode="bilinear", align_corners=False)
    return fine.reshape(lines.shape).movedim(0, axis)


def _noise(rng, edge):
    """Unit noise: white, smooth, or with the fine grain of a sharp kernel in the plane."""
    noise = white_noise(rng, edge)
    draw = rng.random()
    if draw < 0.5:
        noise = smooth(noise, [rng.uniform(0.3, 0.9)] * 3)
    elif draw < 0.7:
        noise = noise - smooth(noise, [0, 1, 1])
    return noise / noise.std()


def _cone_beam(rng, hu, edge):
    """Cupping, uneven shading, rings, a bright rim, and a shifted and compressed HU scale.

    Also the mask of the reconstructed cylinder about the z axis; None when the patch lies inside it.
    """
    line = torch.arange(edge) - (edge - 1) / 2
    shift = rng.uniform(-0.2, 0.2, 2) * edge
    radius = torch.sqrt((line[:, None] - shift[0]) ** 2 + (line[None] - shift[1]) ** 2)
    hu = hu + rng.uniform(-250, 150) * (1 - (radius / (0.6 * edge)) ** 2).clamp(-0.5, 1)
    hu = hu + noise_field(rng, edge, int(rng.choice([3, 4, 6])))[0] * rng.uniform(10, 110)
    if chance(rng, 0.4):
        rings = torch.from_numpy(rng.normal(0, rng.uniform(5, 40), edge).astype(np.float32))
        hu = hu + rings[radius.round().long().clamp(max=edge - 1)]
    keep = None
    if chance(rng, 0.4):
        reach = rng.uniform(0.38, 0.65) * edge
        hu = hu + rng.uniform(0, 400) * torch.exp((radius - reach) / rng.uniform(1, 4)).clamp(max=1)
        keep = (radius < reach).expand(edge, edge, edge)
    return _miscalibrated(rng, hu) + _noise(rng, edge) * rng.uniform(8, 55), keep


def _miscalibrated(rng, hu):
    """A scale and an offset that are not Hounsfield's."""
    return hu * rng.uniform(0.55, 1.3) + rng.uniform(-200, 200)


def scan(rng, hu, edge, voxel_mm, strength=1.0):
    """Point spread, reconstruction kernel, slice thickness, shading, noise, calibration error.

    Also the mask of what a cone beam reconstructs, or None.
    """
    sigmas = [rng.uniform(0.2, 0.65) * strength] * 3
    if chance(rng, 0.4):
        sigmas[0] = rng.uniform(0.35, 1.0) * strength
    hu = smooth(hu, sigmas)
    if chance(rng, 0.3):
        hu = hu + rng.uniform(0.2, 1.2) * (hu - smooth(hu, [0.6] * 3))
    if chance(rng, THICK_SHARE):
        hu = _thick_slices(rng, hu, 0 if chance(rng, 0.85) else int(rng.integers(1, 3)), voxel_mm)
    if chance(rng, 0.3):
        hu = hu * (1 + noise_field(rng, edge, 3)[0] * rng.uniform(0, 0.06))
    keep, draw = None, rng.random()
    if draw < CONE_BEAM_SHARE:
        hu, keep = _cone_beam(rng, hu, edge)
    elif draw < CONE_BEAM_SHARE + MISCALIBRATED_SHARE:
        hu = _miscalibrated(rng, hu)
    elif chance(rng, 0.25):
        hu = hu + noise_field(rng, edge, int(rng.choice([3, 4, 6])))[0] * rng.uniform(0, 80)
    level = rng.uniform(2, 35) if chance(rng, 0.85) else rng.uniform(35, 85)
    hu = hu + _noise(rng, edge) * level * strength
    return hu * rng.uniform(0.95, 1.05) + rng.uniform(-25, 25), keep


def _kept(rng, edge):
    """Mask of the voxels inside a box, a tilted box or a cylinder; from two vertebrae to everything."""
    points = grid_mm(edge, 1.0)
    keep = torch.ones((edge,) * 3, dtype=torch.bool)
    if chance(rng, 0.8):
        turn = rotation(rng, (25, 25, 25)) if chance(rng, 0.25) else torch.eye(3)
        turned = (points + torch.tensor(rng.uniform(-0.1, 0.1, 3) * edge, dtype=torch.float32)) @ turn.T
        for axis in range(3):
            if chance(rng, 0.55):
                low, high = rng.uniform(0.25, 0.6, 2) * edge
                keep &= (turned[..., axis] > -low) & (turned[..., axis] < high)
    else:
        centre = rng.uniform(-0.15, 0.15, 2) * edge
        radius = rng.uniform(0.25, 0.6) * edge
        keep &= (points[..., 1] - centre[0]) ** 2 + (points[..., 2] - centre[1]) ** 2 < radius**2
    return keep


def field_of_view(rng, hu, edge, seen=None):
    """A narrow field of view (`seen`, or now and then another): HU, padding outside, and the mask of the inside."""
    everything = torch.ones_like(hu, dtype=torch.bool)
    if seen is None and not chance(rng, 0.3):
        return hu, everything
    keep = _kept(rng, edge) if seen is None else seen
    if keep.float().mean() < 0.05:
        return hu, everything
    outside = AIR_HU if chance(rng, 0.85) else float(rng.choice([0.0, -2048.0, -500.0]))
    return torch.where(keep, hu, torch.tensor(outside)), keep
