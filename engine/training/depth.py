"""Signed depth below bone surfaces."""

import numpy as np
from scipy import ndimage as ndi

from tissues import CLASS_OF_TISSUE, OTHER_BONE, VERTEBRA

DEPTH_LIMIT_MM = 4.0


def bone_depth(labels, spacing_mm):
    """Signed depth below the nearest surface of each voxel's own bone, in mm."""
    depth = np.full(labels.shape, -DEPTH_LIMIT_MM, np.float32)
    margin = np.ceil(DEPTH_LIMIT_MM / np.asarray(spacing_mm)).astype(int)
    half = 0.5 * float(np.min(spacing_mm))
    for number, box in enumerate(ndi.find_objects(labels), start=1):
        if box is None or CLASS_OF_TISSUE[number] not in (VERTEBRA, OTHER_BONE):
            continue
        box = tuple(slice(max(0, s.start - m), s.stop + m) for s, m in zip(box, margin))
        inside = labels[box] == number
        signed = ndi.distance_transform_edt(inside, spacing_mm) - ndi.distance_transform_edt(~inside, spacing_mm)
        signed -= half * np.sign(signed)
        np.maximum(depth[box], signed, out=depth[box])
    return depth
