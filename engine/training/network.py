"""Compact 3-D U-Net: strided convolutions down, 2x2x2 transposed convolutions up.

State-dict keys are the shipped file's keys: `enc.{level}.{0|1}.conv.weight`,
`enc.{level}.{0|1}.norm.weight|bias`, `up.{step}.weight|bias`,
`dec.{step}.{0|1}.conv|norm...`, `head.weight|bias`; step 0 is the deepest.
"""

import torch
from torch import nn

CHANNELS = (16, 32, 64, 128)
NEGATIVE_SLOPE = 0.01


class Block(nn.Module):
    """3x3x3 convolution without bias, affine instance norm, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.InstanceNorm3d(outputs, affine=True)

    def forward(self, x):
        return nn.functional.leaky_relu(self.norm(self.conv(x)), NEGATIVE_SLOPE, inplace=True)


class CompactUNet(nn.Module):
    """Logits [batch, classes, z, y, x] for [batch, 1, z, y, x]; edges divisible by 8."""

    def __init__(self, classes: int = 4, channels=CHANNELS):
        super().__init__()
        inputs = (1, *channels[:-1])
        self.enc = nn.ModuleList(
            nn.Sequential(Block(i, o, 1 if level == 0 else 2), Block(o, o))
            for level, (i, o) in enumerate(zip(inputs, channels))
        )
        steps = list(zip(channels[::-1][:-1], channels[::-1][1:]))
        self.up = nn.ModuleList(nn.ConvTranspose3d(i, o, 2, 2) for i, o in steps)
        self.dec = nn.ModuleList(nn.Sequential(Block(2 * o, o), Block(o, o)) for _, o in steps)
        self.head = nn.Conv3d(channels[0], classes, 1)

    def forward(self, x):
        skips = []
        for level in self.enc:
            x = level(x)
            skips.append(x)
        skips.pop()
        for up, decode in zip(self.up, self.dec):
            x = decode(torch.cat([up(x), skips.pop()], 1))
        return self.head(x)


def normalise(hu):
    """HU to network input; works on arrays and tensors."""
    return (hu.clip(-1000, 1500) - 100) / 400
