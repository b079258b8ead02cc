"""Disc space between adjacent vertebral bodies, derived from a label map.

A vertebral body is what survives an opening that removes pedicles and
processes. A voxel belongs to the disc when it lies almost on the line between
its nearest points on the two bodies; the arch is never part of a body, so the
canal and the facet joints stay out.
"""

import numpy as np
from scipy import ndimage as ndi

OPENING_FRACTION = 0.55  # of the largest inscribed sphere's radius
DETOUR = 1.12  # (distance to upper + to lower) / gap between the nearest points
MAX_GAP_MM = 18.0


def body_of(vertebra: np.ndarray, spacing_mm) -> np.ndarray:
    """Body of one filled vertebra mask (bool, any axis order)."""
    depth = ndi.distance_transform_edt(vertebra, spacing_mm)
    radius = OPENING_FRACTION * depth.max()
    parts, _ = ndi.label(depth > radius)
    core = parts == parts[np.unravel_index(depth.argmax(), depth.shape)]
    return vertebra & (ndi.distance_transform_edt(~core, spacing_mm) <= radius)


def disc_between(upper: np.ndarray, lower: np.ndarray, free: np.ndarray, spacing_mm) -> np.ndarray:
    """Free voxels between two body masks (bool)."""
    spacing = np.asarray(spacing_mm, np.float32)
    to_upper, at_upper = ndi.distance_transform_edt(~upper, spacing, return_indices=True)
    to_lower, at_lower = ndi.distance_transform_edt(~lower, spacing, return_indices=True)
    step = (at_upper - at_lower) * spacing[:, None, None, None]
    gap = np.sqrt((step**2).sum(0))
    between = (to_upper + to_lower <= DETOUR * gap) & (gap <= MAX_GAP_MM)
    filled = ndi.binary_closing(between, iterations=1) & free
    parts, count = ndi.label(filled)
    if count == 0:
        return filled
    return parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])


def discs_of(labels: np.ndarray, order, spacing_mm) -> np.ndarray:
    """All discs between consecutive entries of `order` (labels from cranial to caudal)."""
    discs = np.zeros(labels.shape, bool)
    margin = np.ceil(4.0 / np.asarray(spacing_mm)).astype(int)
    boxes = ndi.find_objects(labels, max_label=int(max(order)))
    for above, below in zip(order[:-1], order[1:]):
        if boxes[above - 1] is None or boxes[below - 1] is None:
            continue
        box = tuple(
            slice(max(0, min(a.start, b.start) - m), max(a.stop, b.stop) + m)
            for a, b, m in zip(boxes[above - 1], boxes[below - 1], margin)
        )
        part = labels[box]
        bodies = [body_of(ndi.binary_fill_holes(part == n), spacing_mm) for n in (above, below)]
        discs[box] |= disc_between(*bodies, part == 0, spacing_mm)
    return discs
