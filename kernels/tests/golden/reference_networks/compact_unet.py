"""SpineNav's own small network."""

import torch
import torch.nn as nn

from .layers import instance_leaky_3d, levels_below, pair
from .nnunet import all_levels


class CompactUnet(nn.Module):
    def __init__(self, inputs=1, classes=3, channels=(16, 32, 64, 128)):
        super().__init__()
        self.enc = nn.ModuleList()
        for level, outputs in enumerate(channels):
            first = instance_leaky_3d(inputs, outputs, stride=1 if level == 0 else 2)
            self.enc.append(nn.Sequential(first, instance_leaky_3d(outputs, outputs)))
            inputs = outputs
        levels = levels_below(channels)
        self.up = nn.ModuleList(nn.ConvTranspose3d(channels[n + 1], channels[n], 2, 2) for n in levels)
        self.dec = nn.ModuleList(pair(instance_leaky_3d, 2 * channels[n], channels[n]) for n in levels)
        self.head = nn.Conv3d(channels[0], classes, 1)

    def forward(self, x):
        skips = all_levels(self.enc, x)
        x = skips.pop()
        for up, decoder in zip(self.up, self.dec):
            x = decoder(torch.cat([up(x), skips.pop()], 1))
        return {"logits": self.head(x)}
