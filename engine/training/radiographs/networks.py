"""The two networks, defined where the parity tests of `kernels` define them."""

import sys
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[3] / "kernels/tests/golden"))
from reference_networks import Unet2d, YoloV5s  # noqa: E402

CONTOUR_CHANNELS = (8, 16, 32, 64, 96)


def detector():
    return YoloV5s(classes=3, inputs=3)


def contour():
    return Unet2d(inputs=2, classes=1, channels=CONTOUR_CHANNELS)


def maps_of(network, images):
    """Raw maps of grey images [n, rows, columns], fine to coarse."""
    found = network(images[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last))
    return [found["p3"], found["p4"], found["p5"]]
