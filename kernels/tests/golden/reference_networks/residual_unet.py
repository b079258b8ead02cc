"""System C: residual 3-D U-Net with deep supervision."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import all_levels, instance_leaky_3d, levels_below, named_heads


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut, projected where shapes differ."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.first = instance_leaky_3d(inputs, outputs, stride=stride)
        self.second = instance_leaky_3d(outputs, outputs, activation=False)
        is_projected = inputs != outputs or stride != 1
        self.shortcut = instance_leaky_3d(inputs, outputs, 1, stride, activation=False) if is_projected else None

    def forward(self, x):
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return F.leaky_relu(self.second(self.first(x)) + shortcut, 0.01)


class ResidualUnet(nn.Module):
    def __init__(self, inputs=1, classes=4, channels=(32, 64, 128, 256)):
        super().__init__()
        self.enc = nn.ModuleList()
        for level, outputs in enumerate(channels):
            self.enc.append(ResidualBlock(inputs, outputs, 1 if level == 0 else 2))
            inputs = outputs
        levels = levels_below(channels)
        self.up = nn.ModuleList(nn.ConvTranspose3d(channels[n + 1], channels[n], 2, 2) for n in levels)
        self.dec = nn.ModuleList(ResidualBlock(2 * channels[n], channels[n]) for n in levels)
        self.head = nn.ModuleList(nn.Conv3d(c, classes, 1) for c in reversed(channels))

    def forward(self, x):
        skips = all_levels(self.enc, x)
        x = skips.pop()
        heads = [self.head[0](x)]
        for up, decoder, head in zip(self.up, self.dec, self.head[1:]):
            x = decoder(torch.cat([up(x), skips.pop()], 1))
            heads.append(head(x))
        return named_heads(heads)
