"""System D: where the vertebrae are."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import batch_relu_3d, levels_below, pair


class LocalisationUnet(nn.Module):
    def __init__(self, inputs=1, outputs=1, channels=(16, 32, 64, 128)):
        super().__init__()
        self.enc = nn.ModuleList(pair(batch_relu_3d, i, o) for i, o in zip((inputs, *channels), channels))
        levels = levels_below(channels)
        self.up = nn.ModuleList(nn.ConvTranspose3d(channels[n + 1], channels[n], 2, 2) for n in levels)
        self.dec = nn.ModuleList(pair(batch_relu_3d, 2 * channels[n], channels[n]) for n in levels)
        self.head = nn.Conv3d(channels[0], outputs, 1)

    def forward(self, x):
        skips = []
        for level, encoder in enumerate(self.enc):
            x = encoder(x if level == 0 else F.max_pool3d(x, 2))
            skips.append(x)
        skips.pop()
        for up, decoder in zip(self.up, self.dec):
            x = decoder(torch.cat([up(x), skips.pop()], 1))
        return {"heat_map": self.head(x)}
