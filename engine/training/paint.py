"""A tissue grid on which simple solids are drawn, in millimetres."""

import numpy as np

SPACING_MM = 1.25


class Canvas:
    """A padded copy of a scene; drawing changes only voxels that are still free."""

    def __init__(self, tissue, depth_mm, margin_mm):
        pads = [tuple(int(m / SPACING_MM) for m in pair) for pair in margin_mm]
        self.tissue = np.pad(tissue, pads)
        self.depth_mm = np.pad(depth_mm.astype(np.float32), pads, constant_values=-4.0)
        self.is_drawn = np.zeros(self.tissue.shape, bool)

    def write(self, box, inside, tissue):
        """Gives the free voxels of `box` (slices) under the mask `inside` a tissue."""
        free = inside & (self.tissue[box] == 0)
        self.tissue[box][free] = tissue
        self.is_drawn[box] |= free

    def ellipsoid(self, centre_mm, half_axes_mm, tissue):
        centre, axes = np.asarray(centre_mm) / SPACING_MM, np.asarray(half_axes_mm) / SPACING_MM
        low = np.maximum(np.floor(centre - axes), 0).astype(int)
        high = np.minimum(np.ceil(centre + axes) + 1, self.tissue.shape).astype(int)
        if (high <= low).any():
            return
        lines = [((np.arange(a, b) - c) / r) ** 2 for a, b, c, r in zip(low, high, centre, axes)]
        inside = lines[0][:, None, None] + lines[1][None, :, None] + lines[2] <= 1
        self.write(tuple(slice(a, b) for a, b in zip(low, high)), inside, tissue)

    def tube(self, path_mm, radius_mm, tissue):
        """A round rod along a polyline [n, 3], drawn as balls a third of the radius apart."""
        for start, end in zip(path_mm[:-1], path_mm[1:]):
            count = max(1, int(np.ceil(np.linalg.norm(end - start) / (radius_mm / 3))))
            for part in np.arange(count + 1) / count:
                self.ellipsoid(start + part * (end - start), [radius_mm] * 3, tissue)

    def outside_ellipse(self, section):
        """Rough distance in mm outside the ellipse `section(z_mm)` -> (y, x, half depth, half width)."""
        planes, rows, columns = self.tissue.shape
        y, x = np.arange(rows)[:, None] * SPACING_MM, np.arange(columns)[None] * SPACING_MM
        skin = np.empty(self.tissue.shape, np.float32)
        for plane in range(planes):
            cy, cx, half_y, half_x = section(plane * SPACING_MM)
            radius = np.sqrt(((y - cy) / half_y) ** 2 + ((x - cx) / half_x) ** 2)
            skin[plane] = np.maximum(0, radius - 1) * min(half_y, half_x)
        return skin
