"""Beams through small volumes: the DRR of each bone within its own part of the picture, in torch.

A picture's pixels are given where their rays cross the plane of the spine (`depth` 0),
so a scale there is a scale of the spine.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

STEP_MM = 2.8
LEAST_BODY_MM = 1.5  # of body on a ray that counts as seen


@dataclass
class View:
    """Columns run along `across` (2: x, frontal; 1: y, lateral), rows from head to foot, the beam along `depth`."""

    across: int
    depth: int
    top_mm: float
    left_mm: float
    pixel_mm: float
    rows: int
    columns: int
    source: np.ndarray  # height, column and depth; a depth of 1e7 mm makes parallel beams

    def heights(self):
        return self.top_mm - self.pixel_mm * np.arange(self.rows)

    def across_mm(self):
        return self.left_mm + self.pixel_mm * np.arange(self.columns)

    def project(self, points):
        """Pixels [n, 2] (row, column; integers at pixel centres) of world points [n, 3]."""
        share = 1 - points[:, self.depth] / self.source[2]
        height = self.source[0] + (points[:, 0] - self.source[0]) / share
        along = self.source[1] + (points[:, self.across] - self.source[1]) / share
        return np.stack([(self.top_mm - height) / self.pixel_mm, (along - self.left_mm) / self.pixel_mm], 1)


def corners(placed):
    """World positions of the corners of a piece's box."""
    piece = placed.piece
    span = (np.array(piece["inside"].shape) - 1) * float(piece["spacing_mm"])
    unit = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    return (piece["origin_mm"] + unit * span) @ placed.matrix().T + placed.at


def window(view, placed):
    """Rows and columns (as slices) that a piece may touch, and its range of depths; None when out of view."""
    at = corners(placed)
    pixels = view.project(at)
    low = np.maximum(np.floor(pixels.min(0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(pixels.max(0)).astype(int) + 2, (view.rows, view.columns))
    if (high - low).min() < 2:
        return None
    depths = at[:, view.depth]
    return slice(low[0], high[0]), slice(low[1], high[1]), depths.min(), depths.max()


def project_piece(view, placed, values, step_mm=STEP_MM):
    """Line integrals (mm) of `values` [c, z, y, x] of a piece, and where: ([c, rows, columns], slices)."""
    found = window(view, placed)
    if found is None:
        return None
    rows, columns, low, high = found
    depth = np.arange(low + step_mm / 2, high, step_mm)
    share = 1 - depth / view.source[2]
    z = view.source[0] + share[:, None] * (view.heights()[rows] - view.source[0])
    c = view.source[1] + share[:, None] * (view.across_mm()[columns] - view.source[1])
    size = np.array(values.shape[1:])
    to_index = np.linalg.inv(placed.matrix()) / float(placed.piece["spacing_mm"])
    start = -to_index @ placed.at - placed.piece["origin_mm"] / float(placed.piece["spacing_mm"])
    factor = 2 / (size - 1)
    to_unit, start = (to_index * factor[:, None])[::-1], (start * factor - 1)[::-1]
    as_float = lambda array: torch.from_numpy(np.ascontiguousarray(array, np.float32))
    along_z = as_float(z[:, :, None, None] * to_unit[:, 0])
    along_c = as_float(c[:, None, :, None] * to_unit[:, view.across] + (depth[:, None] * to_unit[:, view.depth] + start)[:, None, None])
    grid = (along_z + along_c)[None]
    sampled = F.grid_sample(values[None], grid, align_corners=True)[0]
    return sampled.sum(1) * step_mm, (rows, columns)


def box_of(mask, rows, columns):
    """[left, top, right, bottom] in pixels of a mask within a window; None when empty."""
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(ys) == 0:
        return None
    return [columns.start + int(xs[0]), rows.start + int(ys[0]), columns.start + int(xs[-1]) + 1, rows.start + int(ys[-1]) + 1]
