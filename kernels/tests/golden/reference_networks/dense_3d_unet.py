"""System A: one dense network for the whole spine."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class DenseLayer(nn.Module):
    """Norm, rectifier, 3x3x3 convolution; the input is passed on with the result."""

    def __init__(self, inputs, growth):
        super().__init__()
        self.norm = nn.BatchNorm3d(inputs)
        self.conv = nn.Conv3d(inputs, growth, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


class Transition(nn.Module):
    """Norm, rectifier, 1x1x1 convolution."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm = nn.BatchNorm3d(inputs)
        self.conv = nn.Conv3d(inputs, outputs, 1, bias=False)

    def forward(self, x):
        return self.conv(F.relu(self.norm(x)))


class Dense3dUnet(nn.Module):
    def __init__(self, inputs=1, classes=1, stem=32, growth=16, layers=(4, 4, 4, 4), bottleneck=4, compression=0.5):
        super().__init__()
        self.stem = nn.Conv3d(inputs, stem, 3, padding=1, bias=False)
        self.enc, self.down = nn.ModuleList(), nn.ModuleList()
        self.up, self.dec, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels, skips = stem, []
        for count in layers:
            self.enc.append(self.block(channels, growth, count))
            skips.append(channels + count * growth)
            channels = int(skips[-1] * compression)
            self.down.append(Transition(skips[-1], channels))
        self.bottleneck = self.block(channels, growth, bottleneck)
        channels += bottleneck * growth
        for count, skip in zip(reversed(layers), reversed(skips)):
            self.up.append(nn.ConvTranspose3d(channels, channels // 2, 2, 2))
            joined = channels // 2 + skip
            self.dec.append(self.block(joined, growth, count))
            channels = skip // 2
            self.merge.append(Transition(joined + count * growth, channels))
        self.head = nn.Conv3d(channels, classes, 1)

    @staticmethod
    def block(inputs, growth, layers):
        return nn.Sequential(*[DenseLayer(inputs + i * growth, growth) for i in range(layers)])

    def forward(self, x):
        x, skips = self.stem(x), []
        for block, down in zip(self.enc, self.down):
            x = block(x)
            skips.append(x)
            x = F.avg_pool3d(down(x), 2)
        x = self.bottleneck(x)
        for up, block, merge in zip(self.up, self.dec, self.merge):
            x = merge(block(torch.cat([up(x), skips.pop()], 1)))
        return {"logits": self.head(x)}


#
# Layer names as in the package dynamic-network-architectures 0.4, without the
# second name (`all_modules`) that every layer has there.
