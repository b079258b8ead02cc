"""Label maps, masks and meshes -> single bones, each a small volume about its own body.

A piece is an `.npz`: `inside` and `shell` (share of bone and of its outer 1.5 mm
in a voxel, 0..255), `body` (0..255), `origin_mm` [z, y, x] of its first voxel
about the middle of the body, `frame` (rows up, back, left as [z, y, x]),
`size_mm` (height, depth, width of the body) and its `spacing_mm`.
"""

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage as ndi

import prepare
from radiographs.levels import LEVELS, WIDTH_MM

GRID_MM = 1.25
SHELL_MM = 1.5
# TRAINED_ON leaves out the mask gl017 and the abdomen CT: they are what the networks are judged on.
TRAINED_ON = ["chest", "gl003", "verse004", "verse010"]
HELD_OUT = ["gl017", "abdomen"]


def labelled(data: Path, source: str):
    """Level -> number, the label map [z, y, x] in LPS, and its spacing."""
    if source == "chest":
        labels, spacing = prepare.load_lps(data / "ct/chest_lidc_0001/labels.nii.gz")
        numbers = {level: 50 - n for n, level in enumerate(LEVELS)}
    elif source == "abdomen":
        labels, spacing = prepare.load_lps(data / "ct/abdomen_pelvis_3mm/labels_vertebrae.nii.gz")
        numbers = {level: 50 - n for n, level in enumerate(LEVELS)}
    else:
        labels, spacing = prepare.load_lps(data / "masks" / prepare.MASKS[source])
        numbers = {level: n + 1 for n, level in enumerate(LEVELS)}
    return numbers, np.rint(labels).astype(np.uint8), spacing


def finer(mask, spacing, step=GRID_MM):
    """A mask on the piece grid, outline interpolated; 0..1."""
    soft = ndi.zoom(mask.astype(np.float32), np.asarray(spacing) / step, order=1, grid_mode=True, mode="grid-constant")
    return np.clip(soft, 0, 1)


def plane_normal(points, along, side_a, side_b, is_upper):
    """Normal (unit, towards the head) of an endplate, by a fit to the outermost points of each column."""
    u, a, b = points @ along, points @ side_a, points @ side_b
    keep = (np.abs(a) < 0.32 * np.ptp(a)) & (np.abs(b) < 0.32 * np.ptp(b))
    cells = np.stack([np.rint(a[keep] / 2), np.rint(b[keep] / 2)], 1).astype(int)
    _, index = np.unique(cells, axis=0, return_inverse=True)
    index = index.ravel()
    top = np.full(index.max() + 1, -np.inf)
    np.maximum.at(top, index, u[keep] if is_upper else -u[keep])
    at_a = np.bincount(index, a[keep]) / np.bincount(index)
    at_b = np.bincount(index, b[keep]) / np.bincount(index)
    heights = top if is_upper else -top
    fit, *_ = np.linalg.lstsq(np.stack([at_a, at_b, np.ones_like(at_a)], 1), heights, rcond=None)
    normal = along - fit[0] * side_a - fit[1] * side_b
    return normal / np.linalg.norm(normal)


def upright(up, back):
    """Orthonormal rows up, back, left ([z, y, x]; left is +x in LPS)."""
    up = up / np.linalg.norm(up)
    back = back - (back @ up) * up
    back /= np.linalg.norm(back)
    left = np.cross(up, back)
    return np.stack([up, back, left if left[2] > 0 else -left])


def axis_body(mask):
    """Body and dens of C2: what lies within 10 mm of its midline and 18 mm behind its front."""
    z, y, x = np.argwhere(mask).T * GRID_MM
    midline = 0.5 * (x.min() + x.max())
    front = np.percentile(y[np.abs(x - midline) < 6], 2)
    at_y, at_x = np.arange(mask.shape[1]) * GRID_MM, np.arange(mask.shape[2]) * GRID_MM
    return mask & (at_y < front + 18)[:, None] & (np.abs(at_x - midline) < 10)


def vertebral_body(mask, level):
    """Body of a vertebra mask, dens included; opened more strongly where pedicles survive; None where they always do."""
    if level == "C2":
        return axis_body(mask)
    for fraction in (0.55, 0.65, 0.75, 0.85):
        depth = ndi.distance_transform_edt(mask, GRID_MM)
        parts, _ = ndi.label(depth > fraction * depth.max())
        core = parts == parts[np.unravel_index(depth.argmax(), depth.shape)]
        body = mask & (ndi.distance_transform_edt(~core, GRID_MM) <= fraction * depth.max())
        spans = np.ptp(np.argwhere(body), axis=0) * GRID_MM
        if spans[2] < 1.25 * WIDTH_MM[level] + 4 and spans[1] < 0.95 * WIDTH_MM[level] + 4:
            return body
    return None


def body_frame(level, body, vertebra, tangent):
    """Centre (mm) and frame of a vertebra; endplates decide where both are flat."""
    points = np.argwhere(body) * GRID_MM
    centre = points.mean(0)
    back = (np.argwhere(vertebra) * GRID_MM).mean(0) - centre
    frame = upright(tangent, np.array([0.0, 1.0, 0.0]) if level == "C1" else back * (1, 1, 0.2))
    if level not in ("C1", "C2"):
        normals = [plane_normal(points - centre, *frame, is_upper) for is_upper in (True, False)]
        share = 0.5 if level.startswith("C") else 0.15  # small endplates with hooked rims are fitted badly
        frame = upright((1 - share) * np.sum(normals, 0) / 2 + share * frame[0], frame[1])
    local = (points - centre) @ frame.T
    size = np.percentile(local, 98, axis=0) - np.percentile(local, 2, axis=0)
    return centre, frame, size + GRID_MM


def shell_of(inside):
    """Share of the outer layer in each voxel."""
    depth = ndi.distance_transform_edt(inside > 0.5, GRID_MM)
    return inside * np.clip((SHELL_MM + 0.5 * GRID_MM - depth) / GRID_MM, 0, 1)


def save_piece(path, inside, body, centre, frame, size, spacing=GRID_MM):
    as_bytes = {"inside": inside, "shell": shell_of(inside), "body": body}
    np.savez_compressed(
        path,
        **{k: np.rint(255 * v).astype(np.uint8) for k, v in as_bytes.items()},
        origin_mm=-centre, frame=frame, size_mm=size, spacing_mm=spacing,
    )


def cut(labels, number, spacing):
    """Mask of one label with a margin, on the piece grid, and where its first voxel lies (mm)."""
    box = ndi.find_objects((labels == number).astype(np.uint8))[0]
    margin = [int(np.ceil(4 / s)) for s in spacing]
    box = tuple(slice(max(0, s.start - m), s.stop + m) for s, m in zip(box, margin))
    low = np.array([s.start for s in box]) * spacing
    soft = finer(ndi.binary_fill_holes(labels[box] == number), spacing)
    return soft, low + (GRID_MM - spacing) / 2


def vertebrae(data: Path, source: str, out: Path):
    """Every vertebra of a source that is not cut by its border."""
    numbers, labels, spacing = labelled(data, source)
    found = {}
    for level, number in numbers.items():
        count = int((labels == number).sum())
        if count * np.prod(spacing) < 2500:
            continue
        soft, low = cut(labels, number, spacing)
        mask = soft > 0.5
        body = mask if level == "C1" else vertebral_body(mask, level)
        if body is None:
            print(source, level, "does not come apart into body and arch: left out")
            continue
        found[level] = (soft, body, low, low + (np.argwhere(body) * GRID_MM).mean(0))
    levels = list(found)
    for n, level in enumerate(levels):
        above, below = found[levels[max(n - 1, 0)]][3], found[levels[min(n + 1, len(levels) - 1)]][3]
        soft, body, low, _ = found[level]
        touches = [(labels[[0, -1]] == numbers[level]).any()]
        centre, frame, size = body_frame(level, body, soft > 0.5, above - below)
        edges = np.minimum(soft, ndi.gaussian_filter(body.astype(np.float32), 0.5) * 1.0)
        if any(touches):
            print(source, level, "cut by the border: left out")
            continue
        save_piece(out / f"{source}_{level}.npz", soft, edges, centre, frame, size)
        print(source, level, "size", np.round(size, 1), "up", np.round(frame[0], 2), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds ct, masks and meshes")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sources", nargs="*", default=[*TRAINED_ON, *HELD_OUT])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for source in options.sources:
        vertebrae(options.data, source, options.out)


if __name__ == "__main__":
    main()
