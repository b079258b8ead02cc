"""Scans with an exactly known bone surface, and how far a result's surface lies from it.

Each is drawn from a VerSe mask of a prepared scene: vertebrae moved by themselves,
a cortical shell of 0.5 to 1.1 mm, marrow, disc and soft tissue on a grid of 0.5 mm,
then blurred by the scanner, sampled and made noisy. The truth is the zero level of a
smooth depth field, so it knows no voxels. The anatomies are those the weights were
trained on: the figures say how well an edge is placed, not how well bone is found.
"""

import argparse
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from scipy import ndimage as ndi

from articulate import articulate
from fields import grid_mm, noise_field, rotation, smooth
from metal import rod, streaks
from scene import Scene
from synth import soft_tissue
from tissues import CLASS_OF_TISSUE, DISC_TISSUE, VERTEBRA, VERTEBRAE

FINE_MM, EDGE = 0.5, 208
TRUTH_BLUR_MM = 0.8  # takes the voxels of the mask out of the truth
IN_PLANE_BLUR_MM = 0.45  # standard deviation of a standard kernel, about 1.1 mm full width at half maximum


def paint(rng, scene, centre_mm):
    """HU, depth below the bone surface (mm) and tissue on the fine grid about a place of the scene."""
    points = grid_mm(EDGE, FINE_MM) @ rotation(rng, (8, 8, 10)).T + torch.tensor(centre_mm, dtype=torch.float32)
    points = articulate(rng, scene, points)
    soft_depth = torch.from_numpy(ndi.gaussian_filter(scene.bone_depth_mm.numpy().astype(np.float32), TRUTH_BLUR_MM / 1.25))
    depth = scene.linear(soft_depth, points)
    tissue, inside = scene.nearest(scene.tissue, points)
    tissue = tissue.long() * inside
    skin, _ = scene.nearest(scene.skin_mm, points)
    hu, _, air = soft_tissue(rng, scene, torch.where(torch.from_numpy(CLASS_OF_TISSUE[tissue] == VERTEBRA), 0, tissue), skin.float(), EDGE)
    hu = torch.where(air, torch.tensor(-1000.0), hu)
    hu = torch.where(tissue == DISC_TISSUE, torch.tensor(float(rng.uniform(60, 110))), hu)
    shell_mm, cortex, marrow = rng.uniform(0.5, 1.1), rng.uniform(800, 1500), rng.uniform(80, 260)

    def share(at_mm):  # of a fine voxel that lies deeper than `at_mm`
        return ((depth - at_mm) / FINE_MM + 0.5).clamp(0, 1)

    bone, inner = share(0.0), share(shell_mm)
    spongy = marrow + 25 * noise_field(rng, EDGE, 48)[0]
    hu = hu * (1 - bone) + cortex * (bone - inner) + spongy * inner
    return hu, depth, tissue


def add_screws(rng, hu, depth, tissue):
    """Pedicle screws in the middle vertebra with streaks."""
    numbers = [n for n in VERTEBRAE if (tissue == n).sum() > 2000]
    points = grid_mm(EDGE, FINE_MM)
    centres = {n: points[tissue == n].mean(0) for n in numbers}
    middle = min(centres.values(), key=lambda c: float(c[0].abs())).numpy()
    metal = torch.zeros(hu.shape, dtype=torch.bool)
    for side in (-1, 1):
        head = middle + (0, 14, side * 20)
        metal |= rod(points, head, head + (0, -42, -side * 12), 2.8)
    image = torch.zeros_like(hu)
    slices = metal.any(-1).any(-1)
    image[slices] = streaks(rng, metal[slices], float(rng.uniform(150, 350)))
    return torch.where(metal, torch.tensor(2800.0), hu) + image


def scan(rng, hu, spacing_mm, noise_hu):
    """The fine grid as a scanner of that spacing [z, y, x] shows it; voxel 0 lies on fine voxel 0."""
    spacing = np.asarray(spacing_mm)
    sigma = np.array([max(0.45, 0.29 * spacing[0] * 1.1), IN_PLANE_BLUR_MM, IN_PLANE_BLUR_MM])
    blurred = smooth(hu, list(sigma / FINE_MM)).numpy()
    shape = np.floor((EDGE - 1) * FINE_MM / spacing).astype(int) + 1
    image = ndi.affine_transform(blurred, spacing / FINE_MM, output_shape=shape, order=1)
    noise = ndi.gaussian_filter(rng.standard_normal(shape), [0.3, 0.6, 0.6])
    return (image + noise_hu * noise / noise.std()).astype(np.float32)


def signed_error(depth, spacing_mm, points_mm):
    """Signed distance (mm, positive: the point lies inside the true bone) at points [n, (z, y, x)] of the grid's frame."""
    at = (np.asarray(points_mm) / spacing_mm).T
    value = ndi.map_coordinates(depth, at, order=1, mode="nearest")
    slopes = [ndi.map_coordinates(g, at, order=1, mode="nearest") for g in np.gradient(depth, *np.broadcast_to(spacing_mm, 3))]
    return value / np.clip(np.sqrt(sum(s * s for s in slopes)), 0.5, 1.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True, help="folder made by prepare.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    kinds = [((0.8, 0.8, 0.8), 20, False), ((1.0, 0.7, 0.7), 40, False), ((2.0, 0.8, 0.8), 20, False), ((1.0, 0.8, 0.8), 80, False),
             ((1.0, 0.8, 0.8), 30, True), ((2.5, 0.7, 0.7), 30, False)]
    folders = [p for p in sorted(options.scenes.iterdir()) if p.name.startswith(("verse", "gl"))]
    for number in range(options.count):
        rng = np.random.default_rng([options.seed, number])
        scene = Scene(folders[number % len(folders)])
        spacing, noise_hu, has_metal = kinds[number % len(kinds)]
        middle = scene.spine_mm[rng.integers(1, len(scene.spine_mm) - 1)] + (0, 12, 0)
        hu, depth, tissue = paint(rng, scene, middle)
        if has_metal:
            hu = add_screws(rng, hu, depth, tissue)
        image = scan(rng, hu, spacing, noise_hu)
        affine = np.diag([-spacing[2], -spacing[1], spacing[0], 1.0])  # LPS arrays in NIfTI's RAS
        nib.save(nib.Nifti1Image(image.transpose(2, 1, 0), affine), options.out / f"phantom_{number}.nii.gz")
        # Vertebrae only: the depth of ribs or hips must not stand for theirs.
        own = ndi.binary_dilation(np.isin(tissue.numpy(), list(VERTEBRAE)), iterations=4)
        truth = np.where(own, depth.numpy(), np.minimum(depth.numpy(), -3.0))
        np.savez_compressed(options.out / f"phantom_{number}.npz", depth=truth.astype(np.float16), tissue=tissue.numpy().astype(np.uint8))
        about = {"scene": scene.name, "spacing_mm": spacing, "noise_hu": noise_hu, "metal": has_metal, "fine_mm": FINE_MM}
        (options.out / f"phantom_{number}.json").write_text(json.dumps(about))
        print(number, about, flush=True)


if __name__ == "__main__":
    main()
