"""Scene of the abdomen-pelvis CT: one image, three partial label maps, pelvic bone by threshold.

`labels_vertebrae` covers the whole scan (T11-S1), `labels` and `labels_fast`
(organs, ribs) only its topmost slices although their headers say otherwise; no
map holds hips, sacrum below S1 or femora. Bright connected bone outside the
vertebrae is taken for those; what may or may not be bone becomes `UNSURE`, and
the loss leaves it out.
"""

import numpy as np
from scipy import ndimage as ndi

from tissues import (
    CARTILAGE, CLASS_OF_TISSUE, HIP_LEFT, HIP_RIGHT, L5, S1, SACRUM, TISSUES, UNSURE, VERTEBRA,
)

COSTAL_CARTILAGES = 117  # in these files
BONE_HU, MAYBE_HU = 200, 120
LEAST_BONE_MM3 = 1500.0
NEAR_VERTEBRA_MM = 4.0  # bright voxels this near a vertebra are no other bone
SACRUM_HALF_WIDTH_MM = 55.0
CLOSING = 5  # voxels


def merged(vertebrae, organs, organs_fast):
    """Tissue numbers [z, y, x] of the three label maps; the organ maps are slabs at the upper end."""
    tissue = np.zeros(vertebrae.shape, np.uint8)
    slab = tissue[-len(organs) :]
    for labels in (organs_fast, organs):
        slab[:] = np.where(labels > 0, labels, slab)
    slab[slab == COSTAL_CARTILAGES] = CARTILAGE
    slab[CLASS_OF_TISSUE[slab] == VERTEBRA] = 0
    return np.where(vertebrae > 0, vertebrae, tissue)


def add_pelvis(tissue, hu, spacing_mm):
    """Writes hips, sacrum, femora and loose ribs (all as far as bright) and `UNSURE` into free voxels, in place.

    Left and right are told by the side of the spine, the sacrum by its nearness to it.
    """
    spine = (tissue == S1) | (CLASS_OF_TISSUE[tissue] == VERTEBRA)
    away = ndi.distance_transform_edt(~spine, spacing_mm)
    free = (tissue == 0) & (away > NEAR_VERTEBRA_MM)
    bright = ndi.binary_closing((hu > BONE_HU) & free, iterations=1) & free
    parts, count = ndi.label(bright)
    volumes = np.bincount(parts.ravel())[1:] * float(np.prod(spacing_mm))
    bone = np.isin(parts, 1 + np.flatnonzero(volumes > LEAST_BONE_MM3))
    solid = np.stack([ndi.binary_fill_holes(plane) for plane in bone]) & free
    middle = np.argwhere(spine).mean(0)[2]
    x = (np.arange(hu.shape[2]) - middle)[None, None] * spacing_mm[2] + np.zeros(hu.shape)
    low = np.argwhere(tissue == L5)[:, 0].mean()
    is_sacrum = (np.abs(x) < SACRUM_HALF_WIDTH_MM) & (np.arange(len(hu))[:, None, None] < low)
    behind = np.arange(hu.shape[1])[None, :, None] >= np.argwhere(tissue == S1)[:, 1].min()
    numbers = np.where(is_sacrum & behind, SACRUM, np.where(x > 0, HIP_LEFT, HIP_RIGHT))
    tissue[solid] = numbers[solid]
    thin = is_sacrum & behind & (hu > MAYBE_HU)  # the sacrum's own cortex, with marrow as dark as muscle between
    wide = ndi.binary_closing(np.pad(thin | solid, CLOSING + 1), iterations=CLOSING)
    wide = wide[(slice(CLOSING + 1, -CLOSING - 1),) * 3] | ndi.binary_dilation(solid)
    unsure = wide | (hu > MAYBE_HU) & (away < 2 * NEAR_VERTEBRA_MM) | (hu > BONE_HU)
    tissue[(tissue == 0) & unsure & (away > 0)] = UNSURE


def smoothly_resampled(labels, ratio, shape):
    """Label map on a finer grid; each label's outline is interpolated, the strongest label wins."""
    best, finest = np.full(shape, 0.5, np.float32), np.zeros(shape, np.uint8)
    for number, box in enumerate(ndi.find_objects(labels, max_label=TISSUES), start=1):
        if box is None:
            continue
        low = np.maximum([int(np.floor((s.start - 2) / r)) for s, r in zip(box, ratio)], 0)
        high = np.minimum([int(np.ceil((s.stop + 1) / r)) + 1 for s, r in zip(box, ratio)], shape)
        part = ndi.affine_transform(
            (labels == number).astype(np.float32), ratio, low * ratio, tuple(high - low), order=1, mode="constant"
        )
        inside = tuple(slice(a, b) for a, b in zip(low, high))
        wins = part >= best[inside] - (number == UNSURE) * 1e-3
        finest[inside][wins], best[inside][wins] = number, part[wins]
    return finest
