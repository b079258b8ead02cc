"""A CT with two label maps drawn over it, in three planes, as PNG."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

WINDOW_HU = (-250, 900)


def _planes(volume, at):
    z, y, x = at
    return volume[:, :, x], volume[:, y], volume[z]


def draw(path, hu, guess, truth, spacing_mm, title):
    """Columns: sagittal, coronal, axial through the middle of the truth; rows: result, reference (outlined)."""
    bone = np.argwhere(truth > 0) if (truth > 0).any() else np.argwhere(np.ones(hu.shape, bool))
    at = np.median(bone, 0).astype(int)
    aspects = [spacing_mm[0] / spacing_mm[1], spacing_mm[0] / spacing_mm[2], spacing_mm[1] / spacing_mm[2]]
    figure, axes = plt.subplots(2, 3, figsize=(13, 9), layout="constrained")
    for row, labels in zip(axes, (guess, truth)):
        for axis, image, plane, other, aspect, origin in zip(
            row, _planes(hu, at), _planes(labels, at), _planes(truth, at), aspects, ("lower", "lower", "upper")
        ):
            axis.imshow(image, cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1], origin=origin, aspect=aspect)
            shown = np.ma.masked_equal(plane, 0)
            axis.imshow(shown % 7, cmap="Set1", alpha=0.45, origin=origin, aspect=aspect, vmin=0, vmax=7, interpolation="nearest")
            axis.contour(other > 0, levels=[0.5], colors="yellow", linewidths=0.5)
            axis.axis("off")
    figure.suptitle(f"{title}: result above, reference below; yellow: outline of the reference")
    figure.savefig(path, dpi=70)
    plt.close(figure)
