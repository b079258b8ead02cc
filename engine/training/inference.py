"""Runs shipped weights over a whole CT at once, as the program does."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from scipy import ndimage as ndi

from network import OFFSET_MM, CompactUNet, normalise
from tissues import CLASSES

SPACING_MM, DIVISOR, PADDING_HU = 2.5, 8, -1000.0


def load_network(weights: Path):
    """Network and vertebra threshold of a weight file with its card beside it."""
    card = json.loads(weights.with_suffix(".json").read_text())
    if card["architecture"]["kind"] != "graph":
        raise SystemExit(f"{weights}: only networks without norms run here; older cards need the program itself")
    network = CompactUNet(classes=len(CLASSES)).eval().to(memory_format=torch.channels_last_3d)
    network.load_state_dict({k: v.float() for k, v in load_file(weights).items()}, strict=False)  # offsets may be missing
    return network, card["vertebra_threshold"]


def to_network_grid(hu, spacing_mm, voxel_mm=SPACING_MM):
    """CT at the network's spacing (or another); finer grids are smoothed first against aliasing."""
    ratio = voxel_mm / np.asarray(spacing_mm)
    sigma = [0.35 * np.sqrt(max(0.0, r * r - 1)) for r in ratio]
    smooth = ndi.gaussian_filter(np.maximum(hu, PADDING_HU).astype(np.float32), sigma, mode="nearest")
    shape = [int(np.floor((n - 1) / r)) + 1 for n, r in zip(hu.shape, ratio)]
    return ndi.affine_transform(smooth, ratio, output_shape=shape, order=1, mode="nearest")


@torch.no_grad()
def both(network, hu):
    """Class probabilities [classes, z, y, x] and offsets [3, z, y, x] in mm for a CT [z, y, x] at the network's spacing."""
    pads = [(0, -n % DIVISOR) for n in hu.shape]
    x = torch.from_numpy(normalise(np.pad(hu, pads, constant_values=PADDING_HU)).astype(np.float32))
    logits, offsets = network.both(x[None, None].contiguous(memory_format=torch.channels_last_3d))
    inside = (slice(None), *(slice(0, n) for n in hu.shape))
    return logits.softmax(1)[0][inside].numpy(), OFFSET_MM * offsets[0][inside].numpy()


def to_label_grid(probability, shape, spacing_mm, voxel_mm=SPACING_MM):
    """One probability map on the label grid, linearly interpolated."""
    return ndi.affine_transform(
        probability, np.asarray(spacing_mm) / voxel_mm, output_shape=shape, order=1, mode="nearest"
    )
