"""Scores models on labelled CTs: Dice, ASSD, HD95, volume similarity, recall, identification, per region.

Two things can be scored: the network alone (`--weights`: its mask at the card's
threshold, and single vertebrae by its offsets, without names; beside it the same
network on a box of 128^3 and a plain threshold), and the whole program
(`--spinenav` with one or several `--model`), names included. `--changes` also
scores changed copies of each CT (a crop of three vertebrae, noise, thick slices,
implants, cone-beam shading).
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage as ndi

import changes
import inference
import overlay
import scores
import votes
from prepare import load_lps
from tissues import C1, L5, VERTEBRA

CASES = {
    "abdomen": ("ct/abdomen_pelvis_3mm", "labels_vertebrae.nii.gz"),
    "chest": ("ct/chest_lidc_0001", "labels.nii.gz"),
}
BOX = 128  # voxels
BONE_HU = 200


def verse_numbers(labels):
    """TotalSegmentator's vertebra numbers as VerSe's; everything else 0."""
    table = np.zeros(256, np.uint8)
    table[L5 : C1 + 1] = np.arange(C1 - L5 + 1, 0, -1)
    return table[labels.astype(np.uint8)]


def by_network(weights, hu, spacing_mm, voxel_mm=inference.SPACING_MM):
    """Vertebrae counted from the head (1, 2, ...) by the network's own offsets."""
    network, threshold = inference.load_network(weights)
    p, offsets_mm = inference.both(network, inference.to_network_grid(hu, spacing_mm, voxel_mm))
    mask = votes.column(p, threshold, voxel_mm)
    coarse = votes.instances(mask, offsets_mm * voxel_mm / inference.SPACING_MM, voxel_mm)
    near = ndi.binary_dilation(mask)
    fine = inference.to_label_grid(p[VERTEBRA] * near, hu.shape, spacing_mm, voxel_mm) > threshold
    return votes.on_label_grid(coarse, fine, voxel_mm, spacing_mm)


def by_box(weights, hu, spacing_mm):
    """System A's way: the whole scan, scaled equally, in a box of 128^3."""
    return by_network(weights, hu, spacing_mm, float(max(np.multiply(hu.shape, spacing_mm))) / BOX)


def by_threshold(hu, spacing_mm):
    """The baseline: the longest piece of bright bone, as one structure."""
    bone = ndi.binary_opening(ndi.gaussian_filter(hu.astype(np.float32), 0.5) > BONE_HU)
    parts, count = ndi.label(bone)
    if count == 0:
        return np.zeros(hu.shape, np.uint8)
    return (parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])).astype(np.uint8)


def by_program(program, model, hu, spacing_mm, mode=None):
    """Labels of `spinenav segment`; None when it finds no vertebra. `model`: a name, a file, or either with `:MODE`."""
    model, _, said = str(model).partition(":")
    mode = mode or said
    with tempfile.TemporaryDirectory() as folder:
        ct = Path(folder) / "ct.nii.gz"
        affine = np.diag([-spacing_mm[2], -spacing_mm[1], spacing_mm[0], 1.0])  # LPS arrays in NIfTI's RAS
        nib.save(nib.Nifti1Image(hu.transpose(2, 1, 0).astype(np.float32), affine), ct)
        command = [program, "segment", ct, "--out", Path(folder) / "case", "--model", model, "--device", "cpu", "--quiet"]
        command += ["--mode", mode] if mode else []
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        labels = Path(folder) / "case/labels.nii.gz"
        if done.returncode or not labels.exists():
            print("  ", done.stderr.strip().splitlines()[-1:] or done.returncode)
            return None
        return np.rint(load_lps(labels)[0]).astype(np.uint8)


def runners(options):
    """Name -> function from (hu, spacing) to labels."""
    found = {}
    if options.weights:
        found["network alone"] = lambda hu, mm: by_network(options.weights, hu, mm)
        found["network alone, box128"] = lambda hu, mm: by_box(options.weights, hu, mm)
        found["largest bright piece"] = by_threshold
    for model in options.model if options.spinenav else []:
        found[f"program, {model}"] = lambda hu, mm, model=model: by_program(options.spinenav, model, hu, mm)
    return found


def report(name, guess, truth, spacing_mm):
    """Prints one result as table rows and returns it."""
    result = {"regions": scores.by_region(guess, truth, spacing_mm)}
    for region, values in result["regions"].items():
        print(f"  {name:34} {region:9}", "  ".join(f"{k} {v}" for k, v in values.items()), flush=True)
    result |= scores.by_level(guess, truth, spacing_mm)
    print(f"  {name:34} levels    {result['whole_levels']} whole:", result["mean"], flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds ct")
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--weights", type=Path, help="safetensors of a network without norms")
    parser.add_argument("--spinenav", type=Path, help="the program")
    parser.add_argument("--model", nargs="*", default=["compact-spine", "threshold"], help="what --spinenav runs: NAME, FILE.safetensors, either with :MODE")
    parser.add_argument("--changes", nargs="*", default=[], choices=list(changes.CHANGES))
    parser.add_argument("--overlays", type=Path, help="folder for PNGs in three planes")
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args()
    everything = {}
    for case in options.cases:
        folder, label_file = CASES[case]
        hu, spacing = load_lps(options.data / folder / "ct.nii.gz")
        truth = verse_numbers(load_lps(options.data / folder / label_file)[0])
        for change in ["as it is", *options.changes]:
            scan = (hu, truth) if change == "as it is" else changes.CHANGES[change](hu, truth, spacing)
            print(f"{case}, {change}", scan[0].shape, flush=True)
            for name, run in runners(options).items():
                guess = run(scan[0], spacing)
                guess = np.zeros(scan[1].shape, np.uint8) if guess is None else guess
                result = report(name, guess, scan[1], spacing)
                everything[f"{case}, {change}, {name}"] = result
                if options.overlays:
                    options.overlays.mkdir(parents=True, exist_ok=True)
                    file = f"{case}_{change}_{name}".replace(" ", "_").replace("/", "_").replace(",", "")
                    overlay.draw(options.overlays / f"{file}.png", *scan[:1], guess, scan[1], spacing, f"{case}, {change}, {name}")
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1))


if __name__ == "__main__":
    main()
