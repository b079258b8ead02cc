#!/usr/bin/env python3
"""Times SpineNav's demo beside the same chain written in Python, in one run.

The chain: read the CT that ships, resample, run the same network over the
same windows, find the bone's edge at 1 mm, split it into vertebrae by
connected parts, extract a surface each, register the demo's simulated points
to them. Libraries: nibabel, SciPy, PyTorch, scikit-image, Open3D.

  pip install nibabel scipy torch safetensors scikit-image open3d
  python scripts/bench_against_python.py target/debug/spinenav --out bench-out

Each side runs RUNS times in turn; medians are printed as a Markdown table.
"""
import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import nibabel
import numpy as np
import open3d
import torch
from safetensors.torch import load_file
from scipy import ndimage
from skimage import measure

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "engine" / "training"))
from network import CompactUNet  # noqa: E402

RUNS = 3
OVERLAP = 0.25
FINE_MM = 1.0


class Clock:
    """Collects the milliseconds of named stages."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self.since = time.perf_counter()

    def done(self, name: str) -> None:
        now = time.perf_counter()
        self.stages[name] = self.stages.get(name, 0.0) + 1e3 * (now - self.since)
        self.since = now


def window_starts(size: int, patch: int) -> list[int]:
    if size <= patch:
        return [0]
    count = int(np.ceil((size - patch) / (patch * (1 - OVERLAP)))) + 1
    return [round(i * (size - patch) / (count - 1)) for i in range(count)]


def probabilities(network, hu, card) -> np.ndarray:
    pre = card["preprocessing"]
    patch = pre["patch_voxels"]
    low, high = pre["clamp_hu"]
    padded = [max(p - s, 0) for s, p in zip(hu.shape, patch)]
    hu = np.pad(hu, [(0, p) for p in padded], constant_values=pre["padding_hu"])
    image = torch.from_numpy((np.clip(hu, low, high) - pre["offset_hu"]) / pre["scale_hu"]).float()
    profile = [torch.exp(-0.5 * ((torch.arange(n) - (n - 1) / 2) / (n / 8)) ** 2).clamp_min(1e-3) for n in patch]
    weight = profile[0][:, None, None] * profile[1][:, None] * profile[2]
    classes = len(card["architecture"]["classes"])
    total, norm = torch.zeros(classes, *image.shape), torch.zeros(image.shape)
    for z in window_starts(image.shape[0], patch[0]):
        for y in window_starts(image.shape[1], patch[1]):
            for x in window_starts(image.shape[2], patch[2]):
                at = (slice(z, z + patch[0]), slice(y, y + patch[1]), slice(x, x + patch[2]))
                if hu[at].max() > 120:
                    total[(slice(None), *at)] += network(image[at][None, None])[0].softmax(0) * weight
                else:
                    total[(0, *at)] += weight
                norm[at] += weight
    result = (total / norm).numpy()
    return result[(slice(None), *(slice(0, s - p) for s, p in zip(hu.shape, padded)))]


def register(vertices, points, start):
    """Open3D, coarse to fine, point to plane; ct_from_patient as 4x4."""
    icp = open3d.pipelines.registration
    target = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(vertices[0]))
    target.normals = open3d.utility.Vector3dVector(vertices[1])
    source = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    pose = start
    for distance in (20, 8, 3):
        done = icp.registration_icp(
            source, target, distance, pose, icp.TransformationEstimationPointToPlane(),
            icp.ICPConvergenceCriteria(1e-6, 1e-6, 30),
        )
        pose = done.transformation
    return pose


def python_chain(weights, card, case) -> dict[str, float]:
    clock = Clock()
    image = nibabel.load(ROOT / "nav_app/assets/lidc-idri-0001-spine-ct.nii.gz")
    # RAS file order to LPS [z, y, x].
    hu = np.asarray(image.dataobj, dtype=np.float32)[::-1, ::-1].transpose(2, 1, 0)
    clock.done("read")
    spacing = card["preprocessing"]["spacing_mm"]
    sigma = np.sqrt(spacing**2 - 1) / 2.3548
    coarse = ndimage.zoom(ndimage.gaussian_filter(hu, sigma), 1 / spacing, order=1, grid_mode=True, mode="nearest")
    clock.done("resample")
    with torch.no_grad():
        classes = probabilities(weights, np.ascontiguousarray(coarse), card)
    clock.done("network")
    names = card["architecture"]["classes"]
    zoom = [a / b for a, b in zip(hu.shape, coarse.shape)]
    fine = [ndimage.zoom(classes[names.index(n)], zoom, order=1, grid_mode=True, mode="nearest") for n in ("vertebra", "disc")]
    vertebra = np.clip(fine[0], 1e-4, 1 - 1e-4)
    evidence = np.clip((hu - 130) / 120, -1, 1)
    threshold = np.log(card["vertebra_threshold"] / (1 - card["vertebra_threshold"]))
    mask = (np.log(vertebra / (1 - vertebra)) + 1.4 * evidence > threshold) & (2 * fine[0] >= fine[1])
    clock.done("boundary")
    # Bodies part at the discs; bone joins the nearest body.
    seeds, count = ndimage.label(ndimage.binary_erosion(mask & (fine[1] < 0.2), iterations=4))
    sizes = np.bincount(seeds.ravel())[1:]
    keep = np.flatnonzero(sizes > 800) + 1
    nearest = ndimage.distance_transform_edt(~np.isin(seeds, keep), return_distances=False, return_indices=True)
    labels = np.where(mask, seeds[tuple(nearest)], 0)
    clock.done("instances")
    vertices, normals, offset = [], [], image.affine[:3, 3] * [-1, -1, 1]
    origin = offset - [hu.shape[2] - 1, hu.shape[1] - 1, 0]
    for part in ndimage.find_objects(labels):
        if part is None:
            continue
        grown = tuple(slice(max(s.start - 2, 0), s.stop + 2) for s in part)
        field = ndimage.gaussian_filter((labels[grown] > 0).astype(np.float32), 0.7)
        v, _, n, _ = measure.marching_cubes(field, 0.5)
        start = np.array([s.start for s in grown])
        vertices.append((v + start)[:, ::-1] + origin)
        normals.append(n[:, ::-1])
    clock.done("surfaces")
    points = np.loadtxt(case / "points.txt")
    start = np.linalg.inv(np.loadtxt(case / "initial_patient_from_ct.txt").reshape(4, 4))
    truth = np.linalg.inv(np.loadtxt(case / "true_patient_from_ct.txt").reshape(4, 4))
    found = register((np.concatenate(vertices), np.concatenate(normals)), points, start)
    clock.done("register")
    moved = [points @ pose[:3, :3].T + pose[:3, 3] for pose in (found, truth)]
    clock.stages["true_tre_mm"] = float(np.linalg.norm(moved[0] - moved[1], axis=1).mean())
    clock.stages["parts"] = len(vertices)
    return clock.stages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spinenav", help="the program to time")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("bench-out"))
    options = parser.parse_args()
    torch.set_num_threads(2)
    card = json.loads((ROOT / "engine/models/compact-spine.json").read_text())
    network = CompactUNet(channels=tuple(card["architecture"]["channels"]), classes=len(card["architecture"]["classes"]))
    network.load_state_dict(load_file(ROOT / "engine/models/compact-spine.safetensors"))
    network.eval()
    ours, theirs = [], []
    for _ in range(RUNS):
        command = [options.spinenav, "-q", "demo", "--headless", "--out", str(options.out), "--json"]
        demo = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        ours.append({stage["name"]: stage["ms"] for stage in demo["stages"]} | {"true_tre_mm": demo["registration"]["true_tre_mm"]})
        theirs.append(python_chain(network, card, options.out))
    stages = ["read", "resample", "network", "boundary", "instances", "levels", "surfaces", "register"]
    median = lambda runs, name: statistics.median(run.get(name, 0.0) for run in runs)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, open3d {open3d.__version__}, median of {RUNS}\n")
    print("| stage | SpineNav ms | Python ms | Python / SpineNav |\n|---|---|---|---|")
    sums = [0.0, 0.0]
    for name in stages:
        a, b = median(ours, name), median(theirs, name)
        sums = [sums[0] + a, sums[1] + b]
        print(f"| {name} | {a:.0f} | {b:.0f} | {b / a:.2f} |" if a and b else f"| {name} | {a:.0f} | {b:.0f} | |")
    print(f"| **total** | {sums[0]:.0f} | {sums[1]:.0f} | {sums[1] / sums[0]:.2f} |")
    print(f"\nTrue TRE: SpineNav {median(ours, 'true_tre_mm'):.2f} mm, Python {median(theirs, 'true_tre_mm'):.2f} mm")


if __name__ == "__main__":
    main()
