"""Turns the label maps at hand into scenes for the generator.

A scene is a folder of arrays on a 1.25 mm grid, axes [z, y, x] in LPS:
`tissue` (uint8), `bone_depth_mm` (float16, signed, positive inside a bone,
measured on the native grid per bone), `skin_mm` (float16, distance outside the
body; 0 inside), and `image_hu` (int16) where a real CT may be shown.
"""

import argparse
import json
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage as ndi

import abdomen
import surroundings
from depth import DEPTH_LIMIT_MM, bone_depth
from discs import discs_of
from paint import SPACING_MM
from tissues import BACKGROUND, CLASS_OF_TISSUE, DISC_TISSUE, IGNORED, VERTEBRA, VERTEBRAE, verse_to_tissue

MASKS = {
    "verse004": "sub-verse004_seg-vert_msk.nii.gz",
    "verse010": "sub-verse010_seg-vert_msk.nii.gz",
    "gl003": "sub-gl003_dir-ax_seg-vert_msk.nii.gz",
    "gl017": "sub-gl017_seg-vert_msk.nii.gz",
}


def load_lps(path: Path):
    """Array [z, y, x] in LPS and its spacing in mm, in the same order."""
    image = nib.load(path)
    to_lps = nib.orientations.ornt_transform(
        nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(("L", "P", "S"))
    )
    image = image.as_reoriented(to_lps)
    array = np.asanyarray(image.dataobj).transpose(2, 1, 0)
    return array, np.array(image.header.get_zooms()[:3][::-1], np.float64)


def resample(array, spacing_mm, order, fill=0):
    """Axis-aligned resampling to the scene grid; voxel centres of index 0 coincide."""
    ratio = SPACING_MM / np.asarray(spacing_mm)
    shape = [int(np.floor((n - 1) / r)) + 1 for n, r in zip(array.shape, ratio)]
    return ndi.affine_transform(
        array, ratio, output_shape=shape, order=order, mode="constant", cval=fill, output=array.dtype
    )


def skin_distance(body, spacing_mm):
    """Distance outside the body hull in mm, computed on every second voxel."""
    coarse = ndi.distance_transform_edt(~body[::2, ::2, ::2], np.asarray(spacing_mm) * 2)
    zoomed = np.repeat(np.repeat(np.repeat(coarse, 2, 0), 2, 1), 2, 2)
    return zoomed[tuple(slice(0, n) for n in body.shape)]


def save_scene(folder: Path, tissue, depth_mm, skin_mm, image_hu=None):
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "tissue.npy", tissue.astype(np.uint8))
    np.save(folder / "bone_depth_mm.npy", depth_mm.astype(np.float16))
    np.save(folder / "skin_mm.npy", np.minimum(skin_mm, 500).astype(np.float16))
    if image_hu is not None:
        np.save(folder / "image_hu.npy", image_hu.astype(np.int16))
    counts = {str(n): int(c) for n, c in zip(*np.unique(tissue, return_counts=True))}
    (folder / "scene.json").write_text(json.dumps({"spacing_mm": SPACING_MM, "voxels": counts}))
    print(folder.name, tissue.shape, "disc voxels", counts.get(str(DISC_TISSUE), 0), flush=True)


def body_mask(image_hu):
    """Largest component above -300 HU, filled slice by slice."""
    parts, _ = ndi.label(ndi.binary_opening(image_hu > -300, iterations=2))
    body = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    return np.stack([ndi.binary_fill_holes(s) for s in body])


def prepare_chest(data: Path, out: Path):
    """LIDC-IDRI-0001: labels of 117 structures and the real image."""
    labels, spacing = load_lps(data / "ct/chest_lidc_0001/labels.nii.gz")
    image, _ = load_lps(data / "ct/chest_lidc_0001/ct.nii.gz")
    labels = labels.astype(np.uint8)
    tissue = resample(labels, spacing, 0)
    depth = resample(bone_depth(labels, spacing), spacing, 1, -DEPTH_LIMIT_MM)
    image = np.maximum(resample(image.astype(np.float32), spacing, 1, -1000), -1000)
    add_discs(tissue)
    save_scene(out / "chest", tissue, depth, skin_distance(body_mask(image), [SPACING_MM] * 3), image)


def prepare_abdomen(data: Path, out: Path):
    """The abdomen-pelvis CT of TotalSegmentator's test data and its real image."""
    folder = data / "ct/abdomen_pelvis_3mm"
    image, spacing = load_lps(folder / "ct.nii.gz")
    maps = [load_lps(folder / f"{name}.nii.gz")[0] for name in ("labels_vertebrae", "labels", "labels_fast")]
    labels = abdomen.merged(*(m.astype(np.uint8) for m in maps))
    abdomen.add_pelvis(labels, image, spacing)
    image = np.maximum(resample(image.astype(np.float32), spacing, 1, -1000), -1000)
    tissue = abdomen.smoothly_resampled(labels, SPACING_MM / spacing, image.shape)
    depth = bone_depth(tissue, [SPACING_MM] * 3)
    add_discs(tissue)
    save_scene(out / "abdomen", tissue, depth, skin_distance(body_mask(image), [SPACING_MM] * 3), image)


def add_discs(tissue):
    """Writes the disc tissue into unlabelled and unsure voxels, in place."""
    cranial_first = list(VERTEBRAE)[::-1]
    spine = np.where(CLASS_OF_TISSUE[tissue] == VERTEBRA, tissue, 0)
    discs = discs_of(spine, cranial_first[1:], [SPACING_MM] * 3)
    tissue[discs & np.isin(CLASS_OF_TISSUE[tissue], (BACKGROUND, IGNORED))] = DISC_TISSUE


def prepare_mask(data: Path, out: Path, name: str):
    """A manual VerSe mask, with surroundings drawn around it."""
    verse, spacing = load_lps(data / "masks" / MASKS[name])
    verse = np.rint(verse).astype(np.uint8)
    table = np.zeros(256, np.uint8)
    table[1:29] = [verse_to_tissue(n) for n in range(1, 29)]
    labels = table[verse]
    if spacing[2] < 0.5:
        labels, spacing = labels[:, ::2, ::2], spacing * (1, 2, 2)
    depth = resample(bone_depth(labels, spacing), spacing, 1, -DEPTH_LIMIT_MM)
    tissue = resample(labels, spacing, 0)
    add_discs(tissue)
    for scene, parts in surroundings.scenes_around(name, tissue, depth, data / "meshes"):
        save_scene(out / scene, *parts)


REAL = {"chest": prepare_chest, "abdomen": prepare_abdomen}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds ct, masks and meshes")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[*REAL, *MASKS])
    options = parser.parse_args()
    for name in options.only:
        if name in REAL:
            REAL[name](options.data, options.out)
        else:
            prepare_mask(options.data, options.out, name)


if __name__ == "__main__":
    main()
