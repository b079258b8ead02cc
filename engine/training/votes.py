"""Single vertebrae from the offset head: every vertebra voxel votes for its own centroid.

Votes gather in one small cloud a vertebra; a voxel belongs to the cloud its
vote falls into. No disc has to be seen and no joint has to be crossed, so an
arch that touches its neighbour still goes to its own body.
"""

import numpy as np
from scipy import ndimage as ndi

from tissues import DISC, VERTEBRA

CELL_MM = 2.5  # cells of the vote density
CLOUD_CELLS = 1.2  # its blur
APART_CELLS = 4  # two centroids are further apart than this
STRAY_MM = 16.0  # votes this far from every cloud belong to none
LEAST_MM3 = 2000.0  # votes a cloud needs: half an atlas
WEIGHTS = np.array((1.0, 0.5, 0.3))  # neighbours lie above and below: errors to the side split no vertebra


def column(probability, threshold, spacing_mm):
    """Vertebra mask [z, y, x] of the longest column of vertebrae and discs."""
    mask = probability[VERTEBRA] > threshold
    linked = ndi.binary_closing(np.pad(mask | (probability[DISC] > 0.5), 3), iterations=2)[3:-3, 3:-3, 3:-3] | mask
    parts, count = ndi.label(linked)
    if count == 0:
        return mask
    length = [s[0].stop - s[0].start for s in ndi.find_objects(parts)]
    return mask & (parts == 1 + int(np.argmax(length)))


def clouds(votes_mm, voxel_mm3):
    """Centres [n, 3] of the vote density in weighted mm, from head to feet."""
    low = votes_mm.min(0)
    cells = np.rint((votes_mm - low) / CELL_MM).astype(int)
    density = np.zeros(cells.max(0) + 1, np.float32)
    np.add.at(density, tuple(cells.T), 1.0)
    blurred = ndi.gaussian_filter(density, CLOUD_CELLS)
    peaks = np.argwhere((blurred == ndi.maximum_filter(blurred, 2 * APART_CELLS + 1)) & (blurred > 0)) * CELL_MM + low
    mass = np.array([(((votes_mm - p) ** 2).sum(1) < (APART_CELLS * CELL_MM) ** 2).sum() for p in peaks])
    peaks = peaks[mass * voxel_mm3 >= LEAST_MM3]
    return peaks[np.argsort(-peaks[:, 0])]


def instances(mask, offsets_mm, spacing_mm):
    """Labels 1..n from head to feet [z, y, x] of a vertebra mask and its offsets [3, z, y, x]."""
    labels = np.zeros(mask.shape, np.uint8)
    voxels = np.argwhere(mask)
    if len(voxels) == 0:
        return labels
    votes = (voxels * spacing_mm + offsets_mm[:, mask].T) * WEIGHTS
    centres = clouds(votes, spacing_mm**3)
    if len(centres) == 0:
        return labels
    away = np.linalg.norm(votes[:, None] - centres[None], axis=2)
    labels[tuple(voxels.T)] = np.where(away.min(1) < STRAY_MM, away.argmin(1) + 1, 0)
    return labels


def on_label_grid(labels, fine_mask, spacing_mm, fine_spacing_mm):
    """Labels of a coarse grid given to a finer mask: each voxel takes the nearest labelled one."""
    nearest = ndi.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    filled = labels[tuple(nearest)]
    ratio = np.asarray(fine_spacing_mm) / spacing_mm
    at = [np.minimum(np.rint(np.arange(n) * r).astype(int), m - 1) for n, r, m in zip(fine_mask.shape, ratio, labels.shape)]
    return np.where(fine_mask, filled[np.ix_(*at)], 0).astype(np.uint8)
