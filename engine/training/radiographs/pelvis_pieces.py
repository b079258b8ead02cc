"""The Visible Human pelves -> pieces about the middle of the upper endplate of S1."""

import argparse
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from meshes import read_glb, voxelise
from pelvis import ENDPLATE
from radiographs import pieces

GRID_MM = 2.0
MARGIN_MM = 12.0
HEAD_RADIUS_MM = 23.0
SHAFT_MM = 130.0
S1_BODY_MM = (26.0, 17.0, 23.0)  # height, half depth, half width


def placed(mesh: Path):
    """Mesh name -> vertices [z, y, x] mm about the S1 endplate, and triangles."""
    posterior, promontory, midline = ENDPLATE[mesh.name[:4]]
    rear, front = (np.array([height, -forward, midline]) for height, forward in (posterior, promontory))
    middle = 0.5 * (rear + front)
    parts = {}
    for name, (vertices, triangles) in read_glb(mesh).items():
        zyx = np.stack([vertices[:, 1], -vertices[:, 2], vertices[:, 0]], 1) * 1000
        parts[name] = (zyx - middle, triangles)
    back = rear - front
    up = np.array([back[1], -back[0], 0.0])
    return parts, pieces.upright(up if up[0] > 0 else -up, back)


def solid(parts, names, low, shape):
    """Filled bones on the grid whose first voxel lies at `low` (mm)."""
    total = np.zeros(shape, bool)
    for name in names:
        vertices, triangles = parts[name]
        one = voxelise(vertices - low, triangles, shape, GRID_MM)
        total |= np.stack([ndi.binary_fill_holes(plane) if plane.any() else plane for plane in one])
    return total


def femoral_heads(parts, prefix):
    """Middles of both heads: where ilium, ischium and pubis meet, moved into the cup."""
    heads = []
    for letter, side in (("L", 1), ("R", -1)):
        ilium, ischium, pubis = (parts[f"{prefix}_{b}_compact_bone_{letter}"][0] for b in ("ilium", "ischium", "pubis"))
        reach = [np.linalg.norm(ilium[:, None] - p[None, ::8], axis=2).min(1) for p in (ischium, pubis)]
        heads.append(ilium[np.argsort(np.maximum(*reach))[:40]].mean(0) + (-4, -2, side * 16))
    return np.array(heads)


def capsule(points, start, end, radius):
    """Which points [n, 3] lie within `radius` of a line."""
    along = end - start
    t = np.clip((points - start) @ along / (along @ along), 0, 1)
    return np.linalg.norm(points - start - t[:, None] * along, axis=1) <= radius


def hips_piece(parts, names, prefix, out):
    """Hip bones and upper femora; heads as spheres with a joint gap cut into the cup."""
    every = np.concatenate([parts[n][0] for n in names])
    heads = femoral_heads(parts, prefix)
    low, high = every.min(0) - MARGIN_MM - (SHAFT_MM - 80, 0, 45), every.max(0) + MARGIN_MM + (0, 0, 45)
    shape = tuple(np.ceil((high - low) / GRID_MM).astype(int))
    bone = solid(parts, names, low, shape)
    points = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1).reshape(-1, 3) * GRID_MM + low
    femur = np.zeros(len(points), bool)
    for head, side in zip(heads, (1, -1)):
        bone &= (np.linalg.norm(points - head, axis=1) > HEAD_RADIUS_MM + 3).reshape(shape)
        trochanter = head + (-20, 8, side * 48)
        femur |= np.linalg.norm(points - head, axis=1) <= HEAD_RADIUS_MM
        femur |= capsule(points, head, trochanter, 14) | capsule(points, trochanter, trochanter + (-8, 2, 4 * side), 18)
        femur |= capsule(points, trochanter, trochanter + (-SHAFT_MM, -5, -side * 12), 15)
    bone |= femur.reshape(shape)
    soft = ndi.gaussian_filter(bone.astype(np.float32), 0.5)
    shell = soft * np.clip(2.0 - ndi.distance_transform_edt(bone, GRID_MM) / GRID_MM, 0, 1)
    as_bytes = {"inside": soft, "shell": shell, "body": np.zeros_like(soft)}
    np.savez_compressed(
        out / f"{prefix}_hips.npz", **{k: np.rint(255 * v).astype(np.uint8) for k, v in as_bytes.items()},
        origin_mm=low, heads_mm=heads, head_radius_mm=HEAD_RADIUS_MM, spacing_mm=GRID_MM,
    )


def sacrum_piece(parts, names, prefix, frame, out):
    """Sacrum and coccyx; the body is S1's."""
    every = np.concatenate([parts[n][0] for n in names])
    low, high = every.min(0) - MARGIN_MM, every.max(0) + MARGIN_MM
    shape = tuple(np.ceil((high - low) / GRID_MM).astype(int))
    bone = solid(parts, names, low, shape)
    points = (np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1) * GRID_MM + low) @ frame.T
    height, half_depth, half_width = S1_BODY_MM
    narrow = half_depth * (1 - 0.3 * np.clip(-points[..., 0] / height, 0, 1))  # S1 tapers towards S2
    body = bone & (points[..., 0] > -height) & (np.abs(points[..., 1]) < narrow) & (np.abs(points[..., 2]) < half_width)
    soft = ndi.gaussian_filter(bone.astype(np.float32), 0.5)
    shell = soft * np.clip(2.0 - ndi.distance_transform_edt(bone, GRID_MM) / GRID_MM, 0, 1)
    as_bytes = {"inside": soft, "shell": shell, "body": ndi.gaussian_filter(body.astype(np.float32), 0.4)}
    np.savez_compressed(
        out / f"{prefix}_sacrum.npz", **{k: np.rint(255 * v).astype(np.uint8) for k, v in as_bytes.items()},
        origin_mm=low, frame=frame, size_mm=np.array([height, 2 * half_depth, 2 * half_width]), spacing_mm=GRID_MM,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds meshes/pelvis")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for mesh in sorted((options.data / "meshes/pelvis").glob("*.glb")):
        parts, frame = placed(mesh)
        is_sacral = [n for n in parts if "sacrum" in n or "coccyx" in n]
        sacrum_piece(parts, is_sacral, mesh.name[:4], frame, options.out)
        hips_piece(parts, [n for n in parts if n not in is_sacral], mesh.name[:4], options.out)
        print(mesh.name, list(parts), "endplate up", np.round(frame[0], 2), flush=True)


if __name__ == "__main__":
    main()
