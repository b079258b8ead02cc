"""Puts a Visible Human pelvis under L5 and adds femora and the L5-S1 disc."""

import numpy as np
from scipy import ndimage as ndi

from discs import body_of, disc_between
from meshes import read_glb, voxelise
from paint import SPACING_MM
from tissues import DISC_TISSUE, FEMUR_LEFT, FEMUR_RIGHT, HIP_LEFT, HIP_RIGHT, L5, SACRUM

# Upper endplate of S1 in the midline, read off the meshes: (height, forward) in mm of the
# posterior corner and of the promontory, and the midline's x.
ENDPLATE = {"VH_F": ((130, -112), (110, -83), -8.2), "VH_M": ((148, -24), (128, 0), 6.2)}
WEDGE_DEG = 9.0  # the sacral endplate is steeper than L5's lower endplate
DISC_MM = 10.0


def _sagittal_rotation(angle):
    """Rotation of [z, y, x] vectors that raises the posterior end by `angle`."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])


def lower_endplate(body, centre_mm):
    """Centre (mm) and sagittal slope (rad, posterior end up) of a body's lower endplate."""
    voxels = np.argwhere(body) * SPACING_MM
    near = (abs(voxels[:, 2] - centre_mm[2]) < 12) & (abs(voxels[:, 1] - centre_mm[1]) < 9)
    rows = np.unique(voxels[near, 1])
    lowest = np.array([np.percentile(voxels[near & (voxels[:, 1] == y), 0], 3) for y in rows])
    slope, height = np.polyfit(rows - centre_mm[1], lowest, 1)
    return np.array([height, centre_mm[1], centre_mm[2]]), np.arctan(slope)


def _placement(prefix, end_mm, slope):
    """Function that moves mesh vertices (x left, y up, z forward, metres) onto the canvas."""
    posterior, promontory, midline = ENDPLATE[prefix]
    rear, front = (np.array([height, -forward, midline]) for height, forward in (posterior, promontory))
    own_slope = np.arctan2(rear[0] - front[0], rear[1] - front[1])
    target_slope = slope + np.deg2rad(WEDGE_DEG)
    turn = _sagittal_rotation(target_slope - own_slope)
    down = np.array([-np.cos(target_slope), np.sin(target_slope), 0])
    origin = end_mm + DISC_MM * down

    def place(vertices):
        zyx = np.stack([vertices[:, 1], -vertices[:, 2], vertices[:, 0]], 1) * 1000
        return (zyx - 0.5 * (rear + front)) @ turn.T + origin

    return place, origin, target_slope


def _fill_planes(solid):
    """Fills each axial plane: ilium, ischium and pubis are open where they were cut apart."""
    return np.stack([ndi.binary_fill_holes(plane) if plane.any() else plane for plane in solid])


def _first_sacral_body(sacrum, origin, slope):
    """Part of the sacrum right under the endplate."""
    voxels = np.argwhere(sacrum)
    offset = voxels * SPACING_MM - origin
    depth = -np.cos(slope) * offset[:, 0] + np.sin(slope) * offset[:, 1]
    along = np.sin(slope) * offset[:, 0] + np.cos(slope) * offset[:, 1]
    keep = (depth < 20) & (abs(along) < 17) & (abs(offset[:, 2]) < 23)
    body = np.zeros(sacrum.shape, bool)
    body[tuple(voxels[keep].T)] = True
    return body


def _femur(canvas, hip_parts, side, tissue):
    """Head in the cup where ilium, ischium and pubis meet, then neck and shaft."""
    ilium, ischium, pubis = hip_parts
    reach = [np.linalg.norm(ilium[:, None] - p[None, ::8], axis=2).min(1) for p in (ischium, pubis)]
    cup = ilium[np.argsort(np.maximum(*reach))[:40]].mean(0)
    head = cup + (-4, -2, side * 16)
    trochanter = head + (-22, 8, side * 42)
    canvas.ellipsoid(head, [22] * 3, tissue)
    canvas.tube(np.array([head, trochanter]), 13, tissue)
    canvas.tube(np.array([trochanter, trochanter + (-120, -5, -side * 12)]), 15, tissue)


def draw(canvas, centres, mesh_path):
    """Draws sacrum, coccyx, hips, femora and the lumbosacral disc."""
    prefix = mesh_path.name[:4]
    spacing = [SPACING_MM] * 3
    low = np.maximum((centres[L5] / SPACING_MM - 60).astype(int), 0)
    box = tuple(slice(a, a + 120) for a in low)
    body = np.zeros(canvas.tissue.shape, bool)
    body[box] = body_of(canvas.tissue[box] == L5, spacing)
    end, slope = lower_endplate(body, centres[L5])
    place, origin, sacral_slope = _placement(prefix, end, slope)
    print(f"L5 slope {np.rad2deg(slope):.0f} deg, sacral slope {np.rad2deg(sacral_slope):.0f} deg", flush=True)
    placed = {n: (place(v), t) for n, (v, t) in read_glb(mesh_path).items()}
    solids = {}
    for name, (vertices, triangles) in placed.items():
        bone = "sacrum" if name.endswith("sacrum") else name[-1] if name[-2] == "_" else "coccyx"
        solid = voxelise(vertices, triangles, canvas.tissue.shape, SPACING_MM)
        solids[bone] = solids[bone] | solid if bone in solids else solid
    everything = tuple(slice(0, n) for n in canvas.tissue.shape)
    for bone, tissue in (("sacrum", SACRUM), ("coccyx", SACRUM), ("L", HIP_LEFT), ("R", HIP_RIGHT)):
        canvas.write(everything, _fill_planes(solids[bone]), tissue)
    sacrum = solids["sacrum"]
    first = _first_sacral_body(sacrum & (canvas.tissue == SACRUM), origin, sacral_slope)
    near = tuple(slice(max(0, int(c / SPACING_MM) - 50), int(c / SPACING_MM) + 50) for c in origin)
    disc = disc_between(body[near], first[near], canvas.tissue[near] == 0, spacing)
    canvas.write(near, disc, DISC_TISSUE)
    for letter, side, tissue in (("L", 1, FEMUR_LEFT), ("R", -1, FEMUR_RIGHT)):
        parts = [placed[f"{prefix}_{bone}_compact_bone_{letter}"][0] for bone in ("ilium", "ischium", "pubis")]
        _femur(canvas, parts, side, tissue)
