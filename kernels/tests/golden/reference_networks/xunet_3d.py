"""System D: two passes of encoding and decoding."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import batch_relu_3d, levels_below, named_heads, pair


class XunetPass(nn.Module):
    """One encode-decode pass: `features` more encoder channels per level below
    the first, `skips` times the level's channels joined in the decoder."""

    def __init__(self, inputs, channels, features, skips):
        super().__init__()
        self.enc = nn.ModuleList()
        for level, outputs in enumerate(channels):
            self.enc.append(pair(batch_relu_3d, inputs + (features[level] if level else 0), outputs))
            inputs = outputs
        levels = levels_below(channels)
        self.up = nn.ModuleList(nn.ConvTranspose3d(channels[n + 1], channels[n], 2, 2) for n in levels)
        self.dec = nn.ModuleList(pair(batch_relu_3d, (1 + skips) * channels[n], channels[n]) for n in levels)


class Xunet3d(nn.Module):
    """Two U-Nets in series. The second encoder also reads the first decoder's
    maps of its level; the second decoder also reads the first encoder's."""

    def __init__(self, inputs=1, classes=6, channels=(16, 32, 64, 128)):
        super().__init__()
        self.first = XunetPass(inputs, channels, features=(0,) * len(channels), skips=1)
        self.second = XunetPass(channels[0], channels, features=channels, skips=2)
        self.head = nn.ModuleList(nn.Conv3d(channels[n], classes, 1) for n in levels_below(channels))

    def forward(self, x):
        down_1, up_1, down_2, heads = [], [], [], []
        for level, encoder in enumerate(self.first.enc):
            x = encoder(x if level == 0 else F.max_pool3d(x, 2))
            down_1.append(x)
        up_1.append(x)
        for up, decoder, skip in zip(self.first.up, self.first.dec, reversed(down_1[:-1])):
            x = decoder(torch.cat([up(x), skip], 1))
            up_1.append(x)
        up_1.reverse()
        for level, encoder in enumerate(self.second.enc):
            x = encoder(x if level == 0 else torch.cat([F.max_pool3d(x, 2), up_1[level]], 1))
            down_2.append(x)
        skips = zip(reversed(down_2[:-1]), reversed(down_1[:-1]))
        for up, decoder, head, (near, far) in zip(self.second.up, self.second.dec, self.head, skips):
            x = decoder(torch.cat([up(x), near, far], 1))
            heads.append(head(x))
        return named_heads(heads)
