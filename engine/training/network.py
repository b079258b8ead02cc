"""Compact 3-D U-Net: strided convolutions down, 2x2x2 transposed convolutions up.

State-dict keys: `enc.{level}.{0|1}.conv.weight`, `up.{step}.weight|bias`,
`dec.{step}.{0|1}.conv...`, `head.weight|bias`; step 0 is the deepest. With
`norm="instance"` blocks also hold `.norm.weight|bias`; with `norm="none"`
their convolutions have a bias, and a voxel's result depends on its own
neighbourhood only, not on how much air or padding the window holds. A second
head, `offset.weight|bias`, points from each vertebra voxel to the centroid of
its own vertebra, in units of `OFFSET_MM` along z, y, x.
"""

import torch
from torch import nn

import fast_conv

CHANNELS = (16, 32, 64, 128)
NEGATIVE_SLOPE = 0.01
OFFSET_MM = 25.0


class Block(nn.Module):
    """3x3x3 convolution, affine instance norm if asked for, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: str):
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, stride, 1, bias=norm == "none")
        self.norm = nn.InstanceNorm3d(outputs, affine=True) if norm == "instance" else nn.Identity()

    def forward(self, x):
        return nn.functional.leaky_relu(self.norm(fast_conv.conv3d(x, self.conv)), NEGATIVE_SLOPE, inplace=True)


class CompactUNet(nn.Module):
    """Logits [batch, classes, z, y, x] for [batch, 1, z, y, x]; edges divisible by 8."""

    def __init__(self, classes: int = 4, channels=CHANNELS, norm: str = "none"):
        super().__init__()
        inputs = (1, *channels[:-1])
        self.enc = nn.ModuleList(
            nn.Sequential(Block(i, o, 1 if level == 0 else 2, norm), Block(o, o, 1, norm))
            for level, (i, o) in enumerate(zip(inputs, channels))
        )
        steps = list(zip(channels[::-1][:-1], channels[::-1][1:]))
        self.up = nn.ModuleList(nn.ConvTranspose3d(i, o, 2, 2) for i, o in steps)
        self.dec = nn.ModuleList(nn.Sequential(Block(2 * o, o, 1, norm), Block(o, o, 1, norm)) for _, o in steps)
        self.head = nn.Conv3d(channels[0], classes, 1)
        self.offset = nn.Conv3d(channels[0], 3, 1)

    def features(self, x):
        """Channels of the finest decoder level."""
        skips = []
        for level in self.enc:
            x = level(x)
            skips.append(x)
        skips.pop()
        for up, decode in zip(self.up, self.dec):
            x = decode(torch.cat([up(x), skips.pop()], 1))
        return x

    def forward(self, x):
        return self.head(self.features(x))

    def both(self, x):
        """Logits, and offsets [batch, 3, z, y, x]."""
        x = self.features(x)
        return self.head(x), self.offset(x)


def norm_of(state: dict) -> str:
    """Which `norm` a state dict belongs to."""
    return "instance" if any(".norm." in key for key in state) else "none"


def normalise(hu):
    """HU to network input; works on arrays and tensors."""
    return (hu.clip(-1000, 1500) - 100) / 400
