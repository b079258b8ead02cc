"""Runs shipped weights over a CT and scores the vertebra class.

The CT is resampled to the card's spacing, cut into windows that overlap by
half, blended with Gaussian weights; probabilities are resampled to the label
grid and scored there, with and without keeping only the largest component.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from scipy import ndimage as ndi

from network import CompactUNet, normalise
from prepare import load_lps
from tissues import CLASSES, VERTEBRA, VERTEBRAE

SPACING_MM, EDGE, PADDING_HU = 2.5, 64, -1000.0
VERSE_VERTEBRAE = [*range(1, 26), 28]


def load_network(weights: Path) -> CompactUNet:
    network = CompactUNet(classes=len(CLASSES)).eval().to(memory_format=torch.channels_last_3d)
    network.load_state_dict(load_file(weights))
    return network


def to_network_grid(hu, spacing_mm):
    """CT at the network's spacing; finer grids are smoothed first against aliasing."""
    ratio = SPACING_MM / np.asarray(spacing_mm)
    sigma = [0.35 * np.sqrt(max(0.0, r * r - 1)) for r in ratio]
    smooth = ndi.gaussian_filter(np.maximum(hu, PADDING_HU).astype(np.float32), sigma, mode="nearest")
    shape = [int(np.floor((n - 1) / r)) + 1 for n, r in zip(hu.shape, ratio)]
    return ndi.affine_transform(smooth, ratio, output_shape=shape, order=1, mode="nearest")


def window_starts(length):
    """Starts of windows that overlap by half; the last one ends at the border."""
    last = max(0, length - EDGE)
    return sorted({*range(0, last, EDGE // 2), last})


def blend_weights():
    line = np.exp(-0.5 * ((np.arange(EDGE) - (EDGE - 1) / 2) / (EDGE / 5)) ** 2).astype(np.float32)
    return torch.from_numpy(np.maximum(line[:, None, None] * line[:, None] * line, 1e-3))


@torch.no_grad()
def probabilities(network, hu):
    """Class probabilities [classes, z, y, x] for a CT [z, y, x] at the network's spacing."""
    pads = [(0, max(0, EDGE - n)) for n in hu.shape]
    x = torch.from_numpy(normalise(np.pad(hu, pads, constant_values=PADDING_HU)).astype(np.float32))
    total, weight, blend = torch.zeros(len(CLASSES), *x.shape), torch.zeros(x.shape), blend_weights()
    for z in window_starts(x.shape[0]):
        for y in window_starts(x.shape[1]):
            for k in window_starts(x.shape[2]):
                box = (slice(z, z + EDGE), slice(y, y + EDGE), slice(k, k + EDGE))
                patch = x[box][None, None].contiguous(memory_format=torch.channels_last_3d)
                total[(slice(None), *box)] += network(patch).softmax(1)[0] * blend
                weight[box] += blend
    inside = (slice(None), *(slice(0, n) for n in hu.shape))
    return (total / weight)[inside].numpy()


def to_label_grid(probability, shape, spacing_mm):
    """One probability map on the label grid, linearly interpolated."""
    return ndi.affine_transform(
        probability, np.asarray(spacing_mm) / SPACING_MM, output_shape=shape, order=1, mode="nearest"
    )


def largest_component(mask):
    parts, count = ndi.label(mask)
    return mask if count == 0 else parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])


def dice(a, b):
    return float(2 * (a & b).sum() / max(1, a.sum() + b.sum()))


def surface_distances(mask, truth, spacing_mm):
    """Mean and 95th percentile of the symmetric surface distance in mm."""
    if not mask.any() or not truth.any():
        return float("nan"), float("nan")
    a, b = (m & ~ndi.binary_erosion(m) for m in (mask, truth))
    to_a = ndi.distance_transform_edt(~a, spacing_mm)[b]
    to_b = ndi.distance_transform_edt(~b, spacing_mm)[a]
    both = np.concatenate([to_a, to_b])
    return float(both.mean()), float(np.percentile(both, 95))


def score(guess_by_class, labels, spacing_mm, numbers, threshold):
    """Vertebra scores at a threshold and by the largest class probability."""
    truth = np.isin(labels, list(numbers))
    masks = {
        f"threshold {threshold}": guess_by_class[VERTEBRA] >= threshold,
        "argmax": guess_by_class.argmax(0) == VERTEBRA,
    }
    report = {}
    for name, mask in masks.items():
        kept = largest_component(mask)
        mean, p95 = surface_distances(kept, truth, spacing_mm)
        report[name] = {
            "dice": round(dice(mask, truth), 4),
            "dice_largest_component": round(dice(kept, truth), 4),
            "surface_mean_mm": round(mean, 2),
            "surface_p95_mm": round(p95, 2),
        }
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="safetensors; its card lies beside it")
    parser.add_argument("--ct", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--numbers", choices=["totalsegmentator", "verse"], default="totalsegmentator")
    parser.add_argument("--threshold", type=float, help="default: the card's")
    parser.add_argument("--save", type=Path, help=".npz with the class map and probability on the label grid")
    options = parser.parse_args()
    card = json.loads(options.weights.with_suffix(".json").read_text())
    threshold = options.threshold or card["vertebra_threshold"]
    hu, spacing = load_lps(options.ct)
    labels, label_spacing = load_lps(options.labels)
    coarse = probabilities(load_network(options.weights), to_network_grid(hu, spacing))
    fine = np.stack([to_label_grid(p, labels.shape, label_spacing) for p in coarse])
    numbers = VERTEBRAE if options.numbers == "totalsegmentator" else VERSE_VERTEBRAE
    print(json.dumps(score(fine, labels, label_spacing, numbers, threshold), indent=2))
    if options.save:
        np.savez_compressed(options.save, classes=fine.argmax(0).astype(np.uint8), vertebra=fine[VERTEBRA].astype(np.float16))


if __name__ == "__main__":
    main()
