"""Random fields, rotations and separable smoothing for the generator."""

import numpy as np
import torch
import torch.nn.functional as F


def noise_field(rng, edge: int, knots: int, channels: int = 1):
    """Smooth unit-normal field [channels, edge, edge, edge] through `knots`^3 values."""
    values = torch.from_numpy(rng.standard_normal((1, channels, knots, knots, knots)).astype(np.float32))
    return F.interpolate(values, size=(edge,) * 3, mode="trilinear", align_corners=True)[0]


def white_noise(rng, edge: int):
    return torch.from_numpy(rng.standard_normal((edge,) * 3, dtype=np.float32))


def smooth(volume, sigmas):
    """Gaussian smoothing by `sigmas` voxels along each axis; borders repeat."""
    for axis, sigma in enumerate(sigmas):
        if sigma < 0.15:
            continue
        radius = max(1, int(np.ceil(2.5 * sigma)))
        offsets = torch.arange(-radius, radius + 1).float()
        kernel = torch.exp(-(offsets**2) / (2 * sigma * sigma))
        lines = volume.movedim(axis, -1)
        padded = F.pad(lines.reshape(1, -1, lines.shape[-1]), (radius, radius), mode="replicate")
        terms = (w * padded[0, :, i : i + lines.shape[-1]] for i, w in enumerate(kernel / kernel.sum()))
        volume = sum(terms).reshape(lines.shape).movedim(-1, axis)
    return volume.contiguous()


def rotation(rng, limits_deg):
    """Rotation matrix for [z, y, x] vectors, uniform angles about z, y, x up to the limits."""
    matrix = np.eye(3)
    for axis, limit in enumerate(limits_deg):
        angle = np.deg2rad(rng.uniform(-limit, limit))
        a, b = [i for i in range(3) if i != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return torch.from_numpy(matrix.astype(np.float32))


def grid_mm(edge: int, voxel_mm: float):
    """Voxel centres [edge, edge, edge, 3] in mm about the patch's middle."""
    line = (torch.arange(edge).float() - (edge - 1) / 2) * voxel_mm
    return torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1)
