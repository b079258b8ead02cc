"""What surrounds a spine in a radiograph, drawn as thicknesses in the picture: trunk, lungs, ribs, skull, arms, metal."""

import numpy as np

from radiographs.levels import LEVELS


def ellipsoid(view, centre, half_axes):
    """Chord length (mm) of parallel rays in an ellipsoid with axes along z, y, x."""
    z = (view.heights()[:, None] - centre[0]) / half_axes[0]
    c = (view.across_mm()[None] - centre[view.across]) / half_axes[view.across]
    return 2 * half_axes[view.depth] * np.sqrt(np.maximum(0, 1 - z * z - c * c))


def add_tube(picture, view, path, radius, value):
    """Adds a rod of attenuation `value` along a polyline [n, 3] to a picture, as a row of balls."""
    path = np.asarray(path, float)
    lengths = np.r_[0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    spacing = max(0.7 * radius, 1.2)
    at = np.arange(0, lengths[-1] + 1e-6, spacing)
    balls = view.project(np.stack([np.interp(at, lengths, path[:, k]) for k in range(3)], 1))
    reach = int(np.ceil(radius / view.pixel_mm)) + 1
    offsets = np.arange(-reach, reach + 1)
    rows = np.rint(balls[:, 0]).astype(int)[:, None, None] + offsets[None, :, None]
    columns = np.rint(balls[:, 1]).astype(int)[:, None, None] + offsets[None, None, :]
    squared = (rows - balls[:, 0, None, None]) ** 2 + (columns - balls[:, 1, None, None]) ** 2
    chord = 2 * np.sqrt(np.maximum(0, radius**2 - squared * view.pixel_mm**2)) * (0.75 * spacing / radius) * value
    rows, columns = np.broadcast_arrays(rows, columns)
    inside = (rows >= 0) & (rows < view.rows) & (columns >= 0) & (columns < view.columns)
    np.add.at(picture, (rows[inside], columns[inside]), chord[inside])


def smooth_noise(rng, view, cells):
    """Smooth unit-normal field of the picture's size."""
    from scipy import ndimage as ndi

    coarse = rng.standard_normal((cells + 3, cells + 3))
    z, c = np.linspace(1, cells + 1, view.rows), np.linspace(1, cells + 1, view.columns)
    return ndi.map_coordinates(coarse, np.meshgrid(z, c, indexing="ij"), order=1)


class Body:
    """Where things lie about a placed spine."""

    def __init__(self, rng, placed):
        self.rng = rng
        self.at = {p.level: p.at for p in placed}
        self.turn = {p.level: p.turn for p in placed}
        self.size = np.mean([abs(p.scale[0]) for p in placed])
        self.fat = rng.uniform(0.8, 1.3)
        self.wide = self.size * rng.uniform(0.9, 1.1)

    def trunk(self, view):
        """Thickness of soft tissue."""
        marks = ["C2", "C5", "C7", "T2", "T5", "T12", "L3", "sacrum"]
        z = np.array([self.at[m][0] for m in marks] + [self.at["sacrum"][0] - 90, self.at["sacrum"][0] - 260])
        wide = np.array([70, 62, 78, 190, 165, 145, 142, 172, 186, 178.0]) * self.wide * (0.5 + 0.5 * self.fat)
        deep = np.array([70, 62, 72, 92, 112, 115, 108, 112, 112, 92.0]) * self.wide * self.fat
        y = np.array([self.at[m][1] for m in marks] + [self.at["sacrum"][1]] * 2)
        x = np.array([self.at[m][2] for m in marks] + [self.at["sacrum"][2]] * 2)
        y = y - np.array([8, 12, 14, 30, 42, 48, 45, 40, 32, 20]) * self.fat
        order = np.argsort(z)
        at = lambda values: np.interp(view.heights(), z[order], values[order])[:, None]
        half_across, half_depth = (at(wide), at(deep)) if view.across == 2 else (at(deep), at(wide))
        centre = at(x) if view.across == 2 else at(y)
        c = (view.across_mm()[None] - centre) / half_across
        full = 2 * half_depth * np.maximum(0, 1 - np.abs(c) ** 2.4) ** 0.5
        top = self.at["C1"][0] + 15 * self.size
        return full * (view.heights()[:, None] < top)

    def organs(self, view):
        """What is lighter or heavier than water in the trunk, and the head."""
        rng, s = self.rng, self.wide
        total = np.zeros((view.rows, view.columns))
        lung = rng.uniform(0.55, 0.8)
        middle = 0.5 * (self.at["T4"] + self.at["T9"])
        tall = 0.72 * (self.at["T1"][0] - self.at["T12"][0]) * rng.uniform(0.8, 1)
        for side in (-1, 1):
            at = middle + (0, -45 * s, side * 78 * s)
            total -= lung * ellipsoid(view, at, (tall, 78 * s * self.fat, 62 * s))
        total += 0.6 * ellipsoid(view, self.at["T8"] + (0, -85 * s, 25 * s), (62 * s, 45 * s, 60 * s))
        for _ in range(rng.integers(0, 14)):
            at = self.at["L3"] + rng.normal(0, 1, 3) * (70, 20, 70) + (0, -70 * s, 0)
            size = rng.uniform(6, 26, 3)
            total -= ellipsoid(view, at, size) * rng.uniform(0.4, 1.0)
        total -= 0.9 * ellipsoid(view, self.at["C5"] + (0, -24 * s, 0), (70 * s, 8 * s, 9 * s))
        skull = self.at["C1"] + np.array([92, -22, 0]) * s
        outer, inner = np.array([78, 98, 76]) * s, np.array([72, 92, 70]) * s
        shell = ellipsoid(view, skull, outer) - ellipsoid(view, skull, inner)
        return total + ellipsoid(view, skull, outer) + rng.uniform(0.6, 1.3) * shell

    def thin_bones(self, view, picture):
        """Ribs, sternum, clavicles, scapulae, jaw."""
        rng, s = self.rng, self.wide
        bone = rng.uniform(0.3, 0.7)
        wide_mm = np.array([60, 80, 95, 105, 112, 118, 122, 125, 126, 125, 120, 110]) * s
        droop, deep = rng.uniform(35, 75), rng.uniform(0.68, 0.88)
        for n in range(12):
            at, turn, wide = self.at[f"T{n + 1}"], self.turn[f"T{n + 1}"], wide_mm[n]
            t = np.linspace(0, rng.uniform(0.45, 0.65) if n > 9 else 1, 60)
            angle = np.arcsin(20 * s / wide) + t * 2.1
            back = 10 * s + deep * wide * (np.cos(angle) - np.cos(angle[0])) + 14 * s * np.sin(np.pi * np.minimum(3 * t, 1))
            for side in (1, -1):
                local = np.stack([8 * s - droop * s * t**1.2, back, side * wide * np.sin(angle)], 1)
                add_tube(picture, view, local @ turn.T + at, 4.5 * s, bone)
        front = self.at["T5"] + np.array([20, -(150 if deep > 0.75 else 125) * s, 0])
        add_tube(picture, view, [front + (60, 25, 0), front - (70, 20, 0)], 8 * s, 0.7 * bone)
        neck = self.at["T1"]
        for side in (1, -1):
            clavicle = neck + np.array([[-20, -62, side * 22], [0, -50, side * 80], [22, -8, side * 150]]) * s
            add_tube(picture, view, clavicle, 6 * s, bone)
            blade = neck + np.array([[10, 30, side * 140], [-30, 50, side * 95], [-110, 60, side * 85], [0, 40, side * 110]]) * s
            add_tube(picture, view, blade, 5 * s, bone)
        jaw = self.at["C2"] + np.array([-5, -48, 0]) * s
        angle = np.linspace(-1.6, 1.6, 40)
        arc = np.stack([0 * angle, -48 * np.cos(angle), 44 * np.sin(angle)], 1) * s + jaw
        add_tube(picture, view, arc, 7 * s, 1.2 * bone)
        for end in (arc[0], arc[-1]):
            add_tube(picture, view, [end, end + np.array([55, 10, 0]) * s], 7 * s, bone)

    def arms(self, view, picture):
        """Upper arms, lifted forward in a lateral picture, hanging beside the trunk in a frontal one."""
        rng, s = self.rng, self.wide
        for side in (1, -1):
            if rng.random() < 0.4:
                continue
            shoulder = self.at["T1"] + np.array([-25, -5, side * 185]) * s
            lift = np.deg2rad(rng.uniform(10, 110) if view.across == 1 else rng.uniform(0, 15))
            along = np.array([-np.cos(lift), -np.sin(lift), 0.15 * side])
            path = [shoulder, shoulder + along * 300 * s]
            add_tube(picture, view, path, 42 * s * self.fat, 1.0)
            add_tube(picture, view, path, 11 * s, 0.7)

    def metal(self, view, picture, placed):
        """Screws and rods in a run of levels, or loose things on the skin."""
        rng = self.rng
        if rng.random() < 0.10:
            levels = LEVELS[7:]
            first = rng.integers(0, len(levels) - 3)
            run = levels[first : first + rng.integers(2, 8)]
            for side in (1, -1):
                heads = []
                for level in run:
                    turn, at = self.turn[level], self.at[level]
                    tip, head = np.array([1, -6, side * 7.0]), np.array([5, 38, side * 16.0])
                    add_tube(picture, view, [turn @ tip + at, turn @ head + at], 2.6, 6.0)
                    heads.append(turn @ (head + (0, 3, 0)) + at)
                add_tube(picture, view, heads, 2.8, 8.0)
        for _ in range(rng.integers(0, 3) if rng.random() < 0.2 else 0):
            at = self.at[LEVELS[rng.integers(3, 24)]] + rng.normal(0, 60, 3)
            add_tube(picture, view, [at, at + rng.normal(0, 20, 3)], rng.uniform(1, 5), 4.0)
