"""Layers that several networks share."""

import torch.nn as nn


class ConvNorm(nn.Module):
    """Convolution, norm, and an activation unless it is None."""

    def __init__(self, conv, norm, activation):
        super().__init__()
        self.conv, self.norm, self.activation = conv, norm, activation

    def forward(self, x):
        x = self.norm(self.conv(x))
        return x if self.activation is None else self.activation(x)


def batch_relu_3d(inputs, outputs, kernel=3, dilation=1, bias=False, activation=True):
    padding = dilation * (kernel // 2)
    conv = nn.Conv3d(inputs, outputs, kernel, 1, padding, dilation, bias=bias)
    return ConvNorm(conv, nn.BatchNorm3d(outputs), nn.ReLU() if activation else None)


def batch_relu_2d(inputs, outputs):
    return ConvNorm(nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def instance_leaky_3d(inputs, outputs, kernel=3, stride=1, bias=False, activation=True):
    padding = [(k - 1) // 2 for k in kernel] if isinstance(kernel, (tuple, list)) else kernel // 2
    conv = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=bias)
    norm = nn.InstanceNorm3d(outputs, affine=True)
    return ConvNorm(conv, norm, nn.LeakyReLU(0.01) if activation else None)


def pair(block, inputs, outputs, **settings):
    """Two blocks, the second of which keeps the number of channels."""
    return nn.Sequential(block(inputs, outputs, **settings), block(outputs, outputs, **settings))


def levels_below(channels):
    """Level numbers of a decoder, deepest first."""
    return range(len(channels) - 2, -1, -1)


def named_heads(heads):
    """Outputs from coarse to fine as `logits`, `logits_2`, `logits_4`, ..."""
    names = ["logits"] + [f"logits_{2**i}" for i in range(1, len(heads))]
    return dict(zip(names, reversed(heads)))


def all_levels(stages, x):
    outputs = []
    for stage in stages:
        x = stage(x)
        outputs.append(x)
    return outputs
