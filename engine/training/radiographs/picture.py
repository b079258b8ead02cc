"""One radiograph of one random patient, with a box and a contour for every body in it."""

import numpy as np
import torch
from scipy import ndimage as ndi

from radiographs import beam
from radiographs.levels import class_of
from radiographs.soft_parts import Body, smooth_noise

LEAST_VISIBLE = 0.6  # of a box's area inside the picture


def channels(rng, piece, marrow, cortex):
    """[2, z, y, x]: attenuation beyond soft tissue's, and the body."""
    inside, shell, body = (torch.from_numpy(piece[k].astype(np.float32) / 255) for k in ("inside", "shell", "body"))
    level = float(rng.normal(1, 0.08))
    return torch.stack([level * (marrow * inside + cortex * shell), body])


def random_view(rng, placed, heads, is_frontal):
    """Whole spine, its lower or its upper part, in a detector of random size."""
    at = {p.level: p.at for p in placed}
    kind = rng.choice(["whole", "lower", "upper", "middle"], p=[0.5, 0.28, 0.12, 0.10])
    foot = at["sacrum"][0] - rng.uniform(40, 160)
    head = at["C1"][0] + rng.uniform(15, 90)
    if kind == "lower":
        head = at[f"T{rng.integers(6, 13)}"][0] + rng.uniform(-12, 12)
    if kind in ("upper", "middle"):
        foot = at[f"T{rng.integers(6, 13)}" if kind == "upper" else f"L{rng.integers(2, 6)}"][0]
    if kind == "middle":
        head = at[f"T{rng.integers(1, 8)}"][0]
    pixel = rng.uniform(0.8, 1.25)
    across = 2 if is_frontal else 1
    inside = [a for a in at.values() if foot - 20 < a[0] < head + 20]
    middle = np.mean([a[across] for a in inside]) + rng.normal(0, 12) - (0 if is_frontal else 25)
    width = rng.uniform(260, 460)
    source = np.array([rng.uniform(foot, head), middle + rng.normal(0, 20), rng.choice([-1, 1]) * rng.uniform(900, 2500)])
    if rng.random() < 0.25:
        source[2] = 1e7
    rows, columns = int((head - foot) / pixel), int(width / pixel)
    return beam.View(across, 3 - across, head, middle - width / 2, pixel, rows, columns, source)


def clipped(box, view):
    """A box inside the picture, or None when too little of it is."""
    left, top, right, bottom = box
    inside = [max(left, 0), max(top, 0), min(right, view.columns), min(bottom, view.rows)]
    area = max(inside[2] - inside[0], 0) * max(inside[3] - inside[1], 0)
    return inside if area >= LEAST_VISIBLE * (right - left) * (bottom - top) else None


def head_boxes(view, heads):
    """Squares about the femoral heads."""
    for middle, radius in heads:
        row, column = view.project(middle[None])[0]
        size = radius / (1 - middle[view.depth] / view.source[2]) / view.pixel_mm
        yield [column + 0.5 - size, row + 0.5 - size, column + 0.5 + size, row + 0.5 + size]


def bones(rng, view, placed, picture):
    """Adds every piece to the picture; bodies as (level, mask, slices)."""
    marrow, cortex = rng.uniform(0.10, 0.38), rng.uniform(0.4, 1.4)
    masks = []
    for one in placed:
        found = beam.project_piece(view, one, channels(rng, one.piece, marrow, cortex), 4.5 if one.level == "hips" else beam.STEP_MM)
        if found is None:
            continue
        sums, (rows, columns) = found
        picture[rows, columns] += sums[0].numpy()
        masks.append((one.level, sums[1].numpy() > beam.LEAST_BODY_MM, rows, columns))
    return masks


def make(rng, placed, heads, is_frontal):
    """As `finished`."""
    view = random_view(rng, placed, heads, is_frontal)
    body = Body(rng, placed)
    picture = np.maximum(body.trunk(view) + body.organs(view), 0)
    picture *= 1 + rng.uniform(0, 0.08) * smooth_noise(rng, view, int(rng.integers(3, 20)))
    body.thin_bones(view, picture)
    body.arms(view, picture)
    masks = bones(rng, view, placed, picture)
    body.metal(view, picture, placed)
    return finished(rng, view, picture, masks, heads)


def finished(rng, view, picture, masks, heads, cut=()):
    """What `make.store` keeps of a picture, after blur of detector and scatter.

    Grey is uint16 of its 0.2nd to 99.8th percentile: in 256 steps a lumbar body has a few greys only. Boxes [n, 5]
    (class, edges) and contours are of whole bodies; `cut_boxes` [n, 4] of those that the picture's edge cuts, or the
    CT's (the levels `cut`)."""
    picture = picture + rng.uniform(0, 0.25) * (ndi.gaussian_filter(picture, 25) - picture)
    picture = ndi.gaussian_filter(picture, rng.uniform(0.2, 0.8))
    low, high = np.percentile(picture, (0.2, 99.8))
    grey = np.clip((picture - low) / max(high - low, 1e-3), 0, 1)
    boxes, contours, cut_boxes = [], [], []
    for level, mask, rows, columns in masks:
        kind = 2 if level == "sacrum" else class_of(level) if level != "hips" else -1
        box = beam.box_of(mask, rows, columns)
        if kind < 0 or box is None:
            continue
        if level in cut or is_at_edge(view, mask, rows, columns):
            cut_boxes.append(box)
            continue
        inside = mask[box[1] - rows.start : box[3] - rows.start, box[0] - columns.start : box[2] - columns.start]
        boxes.append([kind, *box])
        contours.append((level, box, inside))
    for box in head_boxes(view, heads):
        inside = clipped(box, view)
        if inside is not None:
            boxes.append([1, *inside])
    grey = np.rint(65535 * grey).astype(np.uint16)
    boxes, cut_boxes = np.array(boxes, np.float32).reshape(-1, 5), np.array(cut_boxes, np.float32).reshape(-1, 4)
    return {"grey": grey, "boxes": boxes, "contours": contours, "cut_boxes": cut_boxes, "pixel_mm": view.pixel_mm}


def is_at_edge(view, mask, rows, columns):
    """Whether a body's projection reaches the picture's edge."""
    ends = (rows.start == 0, mask[0]), (rows.stop == view.rows, mask[-1])
    sides = (columns.start == 0, mask[:, 0]), (columns.stop == view.columns, mask[:, -1])
    return any(at_edge and line.any() for at_edge, line in (*ends, *sides))
