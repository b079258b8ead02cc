"""System B, second stage: multi-scale attention over three neighbours."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import batch_relu_3d, levels_below, pair


class Mafu(nn.Module):
    """Multi-scale attention: x * sigmoid(gate(three convolutions of x)) + x."""

    def __init__(self, channels):
        super().__init__()
        settings = {"bias": True, "activation": False}
        self.pointwise = batch_relu_3d(channels, channels, kernel=1, **settings)
        self.local = batch_relu_3d(channels, channels, **settings)
        self.dilated = batch_relu_3d(channels, channels, dilation=2, **settings)
        self.gate = nn.Conv3d(3 * channels, channels, 1)

    def forward(self, x):
        scales = F.relu(torch.cat([self.pointwise(x), self.local(x), self.dilated(x)], 1))
        return x * torch.sigmoid(self.gate(scales)) + x


class MafuUnet(nn.Module):
    def __init__(self, inputs=1, classes=4, channels=(32, 64, 128, 256)):
        super().__init__()
        inputs_of = (inputs, *channels)
        self.enc = nn.ModuleList(pair(batch_relu_3d, i, o, bias=True) for i, o in zip(inputs_of, channels))
        self.skip = nn.ModuleList(Mafu(c) for c in channels[:-1])
        levels = levels_below(channels)
        self.up = nn.ModuleList(nn.ConvTranspose3d(channels[n + 1], channels[n], 2, 2) for n in levels)
        self.dec = nn.ModuleList(pair(batch_relu_3d, 2 * channels[n], channels[n], bias=True) for n in levels)
        self.head = nn.Conv3d(channels[0], classes, 1)

    def forward(self, x):
        skips = []
        for encoder, skip in zip(self.enc, self.skip):
            x = encoder(x)
            skips.append(skip(x))
            x = F.max_pool3d(x, 2)
        x = self.enc[-1](x)
        for up, decoder in zip(self.up, self.dec):
            x = decoder(torch.cat([up(x), skips.pop()], 1))
        return {"logits": self.head(x)}
