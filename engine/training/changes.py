"""Changed copies of a labelled CT, to see what a model stands: function of (hu, truth, spacing) -> (hu, truth).

They are simulations: a figure on them says what one effect costs, not how a
real scan with that effect scores.
"""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage as ndi

from metal import rod, streaks

SEED = 20_261_121


def crop(hu, truth, spacing_mm, side_mm=55.0, levels=3):
    """The field of a small cone beam: `levels` vertebrae in the middle of the spine and 55 mm to each side."""
    numbers = [n for n in np.unique(truth) if n > 0]
    middle = numbers[len(numbers) // 2 - levels // 2 : len(numbers) // 2 - levels // 2 + levels]
    inside = np.argwhere(np.isin(truth, middle))
    low, high = inside.min(0), inside.max(0) + 1
    centre = inside.mean(0)
    for axis in (1, 2):
        low[axis] = min(low[axis], int(centre[axis] - side_mm / spacing_mm[axis]))
        high[axis] = max(high[axis], int(centre[axis] + side_mm / spacing_mm[axis]))
    box = tuple(slice(max(0, a), b) for a, b in zip(low, high))
    return hu[box], truth[box]


def noise(hu, truth, spacing_mm, level_hu=80.0):
    """Low dose: noise of 80 HU a voxel."""
    return hu + np.random.default_rng(SEED).normal(0, level_hu, hu.shape), truth


def thick(hu, truth, spacing_mm, slice_mm=5.0):
    """Slices of 5 mm."""
    count = max(2, int(hu.shape[0] * spacing_mm[0] / slice_mm))
    soft = ndi.gaussian_filter1d(hu.astype(np.float32), 0.3 * slice_mm / spacing_mm[0], axis=0)  # as wide as a box of the slice
    coarse = ndi.zoom(soft, (count / hu.shape[0], 1, 1), order=1, grid_mode=True, mode="nearest")
    return ndi.zoom(coarse, (hu.shape[0] / count, 1, 1), order=1, grid_mode=True, mode="nearest")[: hu.shape[0]], truth


def cone_beam(hu, truth, spacing_mm):
    """Cupping of 150 HU, a scale of 0.8, noise, and a cylinder of 220 mm around the spine."""
    _, y, x = np.argwhere(truth > 0).mean(0)
    dy = (np.arange(hu.shape[1]) - y) * spacing_mm[1]
    dx = (np.arange(hu.shape[2]) - x) * spacing_mm[2]
    radius = np.hypot(dy[:, None], dx[None])
    shaded = 0.8 * hu - 150 * np.clip(1 - (radius / 110) ** 2, 0, 1) + np.random.default_rng(SEED).normal(0, 40, hu.shape)
    return np.where(radius[None] < 110, shaded, -1000.0), np.where(radius[None] < 110, truth, 0)


def screws(hu, truth, spacing_mm):
    """Pedicle screws in two levels in the middle, with streaks of up to 300 HU."""
    numbers = [n for n in np.unique(truth) if n > 0]
    grid = [torch.arange(n).float() * float(s) for n, s in zip(hu.shape, spacing_mm)]
    points = torch.stack(torch.meshgrid(*grid, indexing="ij"), -1)
    metal = torch.zeros(hu.shape, dtype=torch.bool)
    for number in numbers[len(numbers) // 2 - 1 : len(numbers) // 2 + 1]:
        centre = np.argwhere(truth == number).mean(0) * spacing_mm
        for side in (-1, 1):
            head = centre + (0, 14, side * 20)
            metal |= rod(points, head, head + (0, -42, -side * 12), 3.0)
    slices, side = metal.any(-1).any(-1), max(hu.shape[1:])
    square = F.pad(metal[slices], (0, side - hu.shape[2], 0, side - hu.shape[1]))
    image = np.zeros(hu.shape, np.float32)
    image[slices.numpy()] = streaks(np.random.default_rng(SEED), square, 300.0)[:, : hu.shape[1], : hu.shape[2]].numpy()
    return np.where(metal.numpy(), 2800.0, hu) + image, truth


CHANGES = {"crop": crop, "noise": noise, "thick": thick, "cone_beam": cone_beam, "screws": screws}
