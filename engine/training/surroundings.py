"""Draws a plausible body around a bare vertebra mask.

Lumbar masks get a Visible Human pelvis below L5, femora, ribs, great vessels,
muscles, kidneys and bowel; cervical masks get a skull, a mandible, clavicles,
ribs, airway and vessels. Crude shapes suffice: they teach what is *not* a
vertebra. Arrays are [z, y, x] in LPS; only free voxels are ever written.
"""

from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

import pelvis
from depth import DEPTH_LIMIT_MM, bone_depth
from discs import body_of
from paint import SPACING_MM, Canvas
from tissues import (
    AORTA, BRAIN, C1, CANAL, CLASS_OF_TISSUE, INFERIOR_CAVA, KIDNEYS, LUNGS, MANDIBLE, OTHER_BONE,
    RIB_LEFT_1, RIB_RIGHT_1, SKULL, TRACHEA, VERTEBRAE,
)

T1, T12, L1 = 43, 32, 31
PELVES = {"verse004": ["M", "F"], "verse010": ["F", "M"]}
LUMBAR_MARGIN_MM = ((200, 40), (150, 60), (130, 130))  # (low, high) along z, y, x
CERVICAL_MARGIN_MM = ((20, 150), (140, 70), (150, 150))
RIB_HALF_WIDTH_MM = [60, 80, 95, 105, 112, 118, 122, 125, 126, 125, 120, 110]


def scenes_around(name: str, tissue, depth_mm, meshes: Path):
    """Yields (scene name, (tissue, depth, skin)) for every body drawn around one mask."""
    if name in PELVES:
        for sex in PELVES[name]:
            yield f"{name}_{sex}", lumbar_body(tissue, depth_mm, meshes / f"pelvis/VH_{sex}_Pelvis.glb")
    else:
        yield name, cervical_body(tissue, depth_mm)


def body_centres(tissue):
    """Tissue number -> centre of the vertebral body in mm; C1 has its own centroid."""
    centres = {}
    for number, box in enumerate(ndi.find_objects(tissue, max_label=C1), start=1):
        if box is None or number not in VERTEBRAE:
            continue
        mask = np.pad(tissue[box] == number, 2)
        body = mask if number == C1 else body_of(mask, [SPACING_MM] * 3)
        origin = np.array([s.start for s in box]) - 2
        centres[number] = (np.argwhere(body).mean(0) + origin) * SPACING_MM
    return centres


def _rib(canvas, centre, number):
    """Both ribs of a thoracic vertebra, swept along half an ellipse and downwards."""
    level = T1 - number
    wide, deep = RIB_HALF_WIDTH_MM[level], 0.78 * RIB_HALF_WIDTH_MM[level]
    t = np.linspace(0, 0.62 if level > 9 else 1, 90)
    angle = np.arcsin(20 / wide) + t * 2.1
    y = centre[1] + 10 + deep * (np.cos(angle) - np.cos(angle[0])) + 14 * np.sin(np.pi * np.minimum(3 * t, 1))
    z = centre[0] - 55 * t**1.2
    for first, side in ((RIB_LEFT_1, 1), (RIB_RIGHT_1, -1)):
        x = centre[2] + side * wide * np.sin(angle)
        canvas.tube(np.stack([z, y, x], 1), 4.5, first + level)


def _lungs(canvas, centres):
    """Air on both sides of the thoracic spine, inside the ribs."""
    for number, centre in centres.items():
        if not T12 < number <= T1:
            continue
        wide = RIB_HALF_WIDTH_MM[T1 - number]
        for tissue, side in ((LUNGS[1], 1), (LUNGS[4], -1)):
            middle = centre + np.array([-8, -0.35 * wide, side * 0.55 * wide])
            canvas.ellipsoid(middle, (18, 0.62 * wide, 0.36 * wide), tissue)


def _along_spine(centres, offset_mm, numbers):
    """Body centres of the given levels moved by `offset_mm`, from cranial to caudal."""
    return np.array([centres[n] + offset_mm for n in sorted(centres, reverse=True) if n in numbers])


def _trunk_organs(canvas, centres):
    spine = set(centres)
    lumbar = [n for n in centres if n <= L1]
    canvas.tube(_along_spine(centres, (0, 24, 0), spine), 8, CANAL)
    canvas.tube(_along_spine(centres, (0, -31, 9), spine), 10, AORTA)
    canvas.tube(_along_spine(centres, (0, -30, -15), spine), 11, INFERIOR_CAVA)
    for side, psoas, erector, kidney in ((1, 88, 86, KIDNEYS[1]), (-1, 89, 87, KIDNEYS[0])):
        canvas.tube(_along_spine(centres, (0, 2, side * 39), lumbar), 17, psoas)
        canvas.tube(_along_spine(centres, (0, 52, side * 28), spine), 22, erector)
        canvas.ellipsoid(centres[L1] + (-25, 0, side * 72), (52, 27, 28), kidney)
        canvas.tube(_along_spine(centres, (-20, -30, side * 105), lumbar), 22, 20)
    canvas.ellipsoid(centres[L1] + (40, -60, -85), (70, 70, 60), 5)
    for shift in ((-60, -75, 20), (-90, -85, -30), (-120, -75, 10), (-30, -95, -15)):
        canvas.ellipsoid(centres[L1] + shift, (18, 22, 38), 18)


def lumbar_body(tissue, depth_mm, mesh: Path):
    canvas = Canvas(tissue, depth_mm, LUMBAR_MARGIN_MM)
    centres = body_centres(canvas.tissue)
    pelvis.draw(canvas, centres, mesh)
    for number in range(T12, T1 + 1):
        if number in centres:
            _rib(canvas, centres[number], number)
    _trunk_organs(canvas, centres)
    _lungs(canvas, centres)
    middle = np.mean([c for c in centres.values()], 0)
    skin = canvas.outside_ellipse(lambda z: (middle[1] - 25, middle[2], 135.0, 175.0))
    return finish(canvas, skin)


def _head(canvas, centres):
    atlas, axis = centres[C1], centres[C1 - 1]
    skull = atlas + (84, -12, 0)
    canvas.ellipsoid(skull, (68, 88, 68), BRAIN)
    canvas.ellipsoid(skull, (75, 95, 75), SKULL)
    canvas.ellipsoid(atlas + (18, -78, 0), (30, 24, 30), TRACHEA)
    canvas.ellipsoid(atlas + (18, -76, 0), (36, 30, 36), SKULL)
    angle = np.linspace(-1.6, 1.6, 60)
    jaw = axis + (-18, -45, 0)
    arc = np.stack([0 * angle, -48 * np.cos(angle), 42 * np.sin(angle)], 1)
    canvas.tube(jaw + arc, 7, MANDIBLE)
    for end in (arc[0], arc[-1]):
        canvas.tube(np.array([jaw + end, jaw + end + (55, 8, 0)]), 6, MANDIBLE)


def _neck_organs(canvas, centres):
    cervical = [n for n in centres if n < C1]
    canvas.tube(_along_spine(centres, (0, 15, 0), cervical), 7, CANAL)
    canvas.tube(_along_spine(centres, (0, -30, 0), cervical), 8, TRACHEA)
    for side, artery, vein, muscle in ((1, 58, 59, 86), (-1, 57, 60, 87)):
        canvas.tube(_along_spine(centres, (0, -18, side * 24), cervical), 4, artery)
        canvas.tube(_along_spine(centres, (0, -14, side * 33), cervical), 6, vein)
        canvas.tube(_along_spine(centres, (0, 32, side * 22), cervical), 14, muscle)
        clavicle = centres[T1] + np.array([[-15, -60, side * 22], [0, -50, side * 80], [12, -18, side * 145]])
        canvas.tube(clavicle, 6, 73 if side > 0 else 74)
        scapula = centres[T1] + np.array([[-5, 45, side * 75], [-30, 55, side * 85], [-80, 60, side * 95]])
        for inward in (0, 12, 24):
            canvas.tube(scapula + (0, -0.3 * inward, side * inward), 4, 71 if side > 0 else 72)
        canvas.ellipsoid(centres[T1] + (-15, 0, side * 165), (24, 24, 24), 69 if side > 0 else 70)


def cervical_body(tissue, depth_mm):
    canvas = Canvas(tissue, depth_mm, CERVICAL_MARGIN_MM)
    centres = body_centres(canvas.tissue)
    _head(canvas, centres)
    for number, centre in centres.items():
        if number <= T1:
            _rib(canvas, centre, number)
    _neck_organs(canvas, centres)
    _lungs(canvas, {n: c for n, c in centres.items() if n < T1})
    levels = sorted(centres)
    heights = [centres[n][0] for n in levels]

    def section(z):
        """Centre and half axes of the body at height z: shoulders, neck, head."""
        y = np.interp(z, heights, [centres[n][1] for n in levels])
        x = np.interp(z, heights, [centres[n][2] for n in levels])
        marks = [centres[T1][0] - 20, centres[T1][0] + 25, centres[C1][0], centres[C1][0] + 40]
        return y - 10, x, np.interp(z, marks, [115, 72, 90, 112]), np.interp(z, marks, [195, 70, 70, 84])

    return finish(canvas, canvas.outside_ellipse(section))


def finish(canvas, skin_mm):
    """Depth of the drawn bones, and everything as plain arrays."""
    drawn = np.where(canvas.is_drawn & (CLASS_OF_TISSUE[canvas.tissue] == OTHER_BONE), canvas.tissue, 0)
    fresh = bone_depth(drawn, [SPACING_MM] * 3)
    depth = np.maximum(canvas.depth_mm, np.where(fresh > -DEPTH_LIMIT_MM, fresh, -DEPTH_LIMIT_MM))
    return canvas.tissue, depth, skin_mm
