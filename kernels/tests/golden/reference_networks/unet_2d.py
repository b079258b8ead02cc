"""System E: contours on radiographs."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import batch_relu_2d, levels_below, pair


class Unet2d(nn.Module):
    def __init__(self, inputs=1, classes=1, channels=(64, 128, 256, 512, 1024)):
        super().__init__()
        self.enc = nn.ModuleList(pair(batch_relu_2d, i, o) for i, o in zip((inputs, *channels), channels))
        levels = levels_below(channels)
        self.up = nn.ModuleList(nn.ConvTranspose2d(channels[n + 1], channels[n], 2, 2) for n in levels)
        self.dec = nn.ModuleList(pair(batch_relu_2d, 2 * channels[n], channels[n]) for n in levels)
        self.head = nn.Conv2d(channels[0], classes, 1)

    def forward(self, x):
        skips = []
        for level, encoder in enumerate(self.enc):
            x = encoder(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for up, decoder in zip(self.up, self.dec):
            x = decoder(torch.cat([up(x), skips.pop()], 1))
        return {"logits": self.head(x)}
