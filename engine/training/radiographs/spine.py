"""Places pieces along a random spine: posture, scoliosis, heights, crushed bodies.

The world is [z, y, x] in mm, z to the head, y to the back, x to the left, with
the middle of the upper endplate of S1 at the origin.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radiographs.levels import DISC_MM, HEIGHT_MM, LEVELS, WIDTH_MM

PELVES = ["VH_F", "VH_M"]
BORROW = 2  # a level may be played by a bone of this many levels away, scaled


@dataclass
class Placed:
    """A piece in the world: `world = turn @ (frame @ q * scale) + at` for a point q of the piece."""

    level: str
    piece: dict
    turn: np.ndarray
    scale: np.ndarray
    at: np.ndarray

    def matrix(self):
        """world_from_piece, 3 x 3."""
        return self.turn @ np.diag(self.scale) @ self.piece["frame"]


def load(folder: Path, sources) -> dict:
    """Piece name -> arrays, of the sources and of both pelves."""
    pieces = {}
    for path in sorted(folder.glob("*.npz")):
        if path.stem.rsplit("_", 1)[0] in (*sources, *PELVES):
            pieces[path.stem] = {k: np.asarray(v) for k, v in np.load(path).items()}
    return pieces


def turned(sagittal, coronal, axial):
    """Columns up, back, left of a bone tilted forward, to the left, and turned (rad)."""

    def about(axis, angle):
        a, b = [i for i in range(3) if i != axis]
        m = np.eye(3)
        m[a, a] = m[b, b] = np.cos(angle)
        m[a, b], m[b, a] = np.sin(angle), -np.sin(angle)
        return m

    return about(1, coronal) @ about(2, sagittal) @ about(0, axial)


def posture(rng):
    """Forward tilt, tilt to the left and axial turn (rad) at S1, then L5 up to C1."""
    slope, lordosis, kyphosis, neck = rng.normal((38, 54, 40, 18), (10, 13, 13, 13))
    marks = [0, 1, 3, 6, 9, 13, 17, 19, 23, 24]
    top = slope - lordosis
    tilts = [slope, slope - 0.3 * lordosis, slope - 0.72 * lordosis, top, top + 0.28 * kyphosis,
             top + 0.72 * kyphosis, top + kyphosis, top + kyphosis - 0.3 * neck,
             top + kyphosis - neck, top + kyphosis - neck]
    n = np.arange(25)
    sagittal = np.interp(n, marks, tilts) + rng.normal(0, 1.5, 25) + rng.normal(0, 3)
    size = rng.uniform(5, 32) if rng.random() < 0.4 else rng.uniform(0, 4)
    wave = np.sin(2 * np.pi * (n / rng.uniform(14, 30) + rng.random()))
    coronal = size * (wave - wave[0] * np.exp(-n / 4)) + rng.normal(0, 1.2, 25) + rng.normal(0, 2)
    axial = 0.7 * size * np.gradient(wave) * 3 + rng.normal(0, 2, 25) + rng.normal(0, 4)
    return np.deg2rad([sagittal, coronal, axial])


def choose(rng, pieces, level):
    """A bone for a level, and the ratio of widths that turns it into that level."""
    at = LEVELS.index(level)
    for reach in range(0 if rng.random() < 0.7 else BORROW, 25):
        near = [n for n in range(max(0, at - reach), min(24, at + reach + 1)) if (n < 2) == (at < 2) or n == at]
        if level in ("C1", "C2"):
            near = [at]
        names = [name for name in pieces if name.rsplit("_", 1)[1] in {LEVELS[n] for n in near}]
        if names:
            name = names[rng.integers(len(names))]
            return pieces[name], WIDTH_MM[level] / WIDTH_MM[name.rsplit("_", 1)[1]]
    raise ValueError(f"no bone for {level}")


def build(rng, pieces, shear=0.0):
    """Placed vertebrae from L5 up to C1, the sacrum and the hips, and the femoral heads (middle, radius).

    The pelvis is sheared at random by `shear` (standard deviation)."""
    angles = posture(rng)
    overall = rng.uniform(0.82, 1.12)
    discs = overall * rng.uniform(0.6, 1.25)
    placed, heads = pelvis(rng, pieces, angles[:, 0], overall * rng.uniform(0.92, 1.05), shear)
    at = np.zeros(3)
    below = placed[0].turn
    for n, level in enumerate(LEVELS[::-1], start=1):
        turn = turned(*angles[:, n])
        piece, ratio = choose(rng, pieces, level)
        scale = overall * ratio * rng.normal(1, 0.04, 3)
        scale[2] *= rng.choice([-1, 1])  # left and right exchanged
        if rng.random() < 0.05 and level > "C7":
            scale[0] *= rng.uniform(0.55, 0.95)
        height = piece["size_mm"][0] * scale[0] if level != "C1" else 0.0
        middle = height / 2 + (12 * overall if level == "C1" else 0)
        gap = discs * DISC_MM[level] * rng.uniform(0.7, 1.2)
        at = at + 0.5 * gap * (below[:, 0] + turn[:, 0]) + middle * turn[:, 0]
        if level == "C1":
            at = at - (26 * overall) * turn[:, 0]  # it rings the dens
        placed.append(Placed(level, piece, turn, scale, at))
        at = at + (height / 2) * turn[:, 0]
        below = turn
    return placed, heads


def pelvis(rng, pieces, angles, size, shear):
    """Sacrum with its endplate at the origin, hips turned a little against it, heads as (middle, radius)."""
    prefix = PELVES[rng.integers(2)]
    sacrum, hips = dict(pieces[f"{prefix}_sacrum"]), dict(pieces[f"{prefix}_hips"])
    sheared = np.eye(3) + (shear * rng.normal(size=(3, 3)) * (1 - np.eye(3)) if shear else 0)
    hips["frame"] = sacrum["frame"] = sheared @ sacrum["frame"]
    scale = size * rng.normal(1, 0.03, 3)
    turn = turned(*angles)
    flex = turned(np.deg2rad(rng.normal(0, 7)), 0, 0)  # pelvic incidence other than the mesh's own
    hip_turn = turn @ flex
    both = [Placed("sacrum", sacrum, turn, scale, np.zeros(3)), Placed("hips", hips, hip_turn, scale, np.zeros(3))]
    to_world = both[1].matrix()
    radius = float(hips["head_radius_mm"]) * size
    return both, [(to_world @ head, radius) for head in hips["heads_mm"]]
