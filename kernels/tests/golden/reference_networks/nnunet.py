"""System B, first stage: nnU-Net with plain and residual encoders."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import all_levels, instance_leaky_3d, levels_below, named_heads


class Stack(nn.Module):
    """`convs`: the first with a stride, the others without."""

    def __init__(self, count, inputs, outputs, kernel, stride):
        super().__init__()
        first = instance_leaky_3d(inputs, outputs, kernel, stride, bias=True)
        rest = [instance_leaky_3d(outputs, outputs, kernel, bias=True) for _ in range(count - 1)]
        self.convs = nn.Sequential(first, *rest)

    def forward(self, x):
        return self.convs(x)


class NnunetDecoder(nn.Module):
    def __init__(self, channels, kernels, strides, convs, classes):
        super().__init__()
        self.stages, self.transpconvs, self.seg_layers = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for step, level in enumerate(levels_below(channels)):
            below, here, stride = channels[level + 1], channels[level], strides[level + 1]
            self.transpconvs.append(nn.ConvTranspose3d(below, here, stride, stride))
            self.stages.append(Stack(convs[step], 2 * here, here, kernels[level], 1))
            self.seg_layers.append(nn.Conv3d(here, classes, 1))

    def forward(self, skips):
        x, heads = skips.pop(), []
        for up, stage, head in zip(self.transpconvs, self.stages, self.seg_layers):
            x = stage(torch.cat([up(x), skips.pop()], 1))
            heads.append(head(x))
        return named_heads(heads)


NNUNET_CHANNELS = (32, 64, 128, 256, 320, 320)
NNUNET_KERNELS = ((3, 3, 3),) * 6
NNUNET_STRIDES = ((1, 1, 1),) + ((2, 2, 2),) * 5


class PlainEncoder(nn.Module):
    def __init__(self, inputs, channels, kernels, strides, convs):
        super().__init__()
        self.stages = nn.Sequential()
        for outputs, kernel, stride, count in zip(channels, kernels, strides, convs):
            self.stages.append(nn.Sequential(Stack(count, inputs, outputs, kernel, stride)))
            inputs = outputs

    def forward(self, x):
        return all_levels(self.stages, x)


class NnunetPlain(nn.Module):
    def __init__(self, inputs=1, classes=2, channels=NNUNET_CHANNELS, kernels=NNUNET_KERNELS, strides=NNUNET_STRIDES,
                 convs=(2,) * 6, decoder_convs=(2,) * 5):
        super().__init__()
        self.encoder = PlainEncoder(inputs, channels, kernels, strides, convs)
        self.decoder = NnunetDecoder(channels, kernels, strides, decoder_convs, classes)

    def forward(self, x):
        return self.decoder(self.encoder(x))


class NnunetBlock(nn.Module):
    """Residual block; the shortcut is pooled and projected where shapes differ (ResNet-D)."""

    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__()
        self.conv1 = instance_leaky_3d(inputs, outputs, kernel, stride, bias=True)
        self.conv2 = instance_leaky_3d(outputs, outputs, kernel, bias=True, activation=False)
        skip = []
        if tuple(stride) != (1, 1, 1):
            skip.append(nn.AvgPool3d(stride, stride))
        if inputs != outputs:
            skip.append(instance_leaky_3d(inputs, outputs, 1, activation=False))
        self.skip = nn.Sequential(*skip)

    def forward(self, x):
        return F.leaky_relu(self.conv2(self.conv1(x)) + self.skip(x), 0.01)


class NnunetBlocks(nn.Module):
    def __init__(self, count, inputs, outputs, kernel, stride):
        super().__init__()
        rest = [NnunetBlock(outputs, outputs, kernel, (1, 1, 1)) for _ in range(count - 1)]
        self.blocks = nn.Sequential(NnunetBlock(inputs, outputs, kernel, stride), *rest)

    def forward(self, x):
        return self.blocks(x)


class ResidualEncoder(nn.Module):
    def __init__(self, inputs, channels, kernels, strides, blocks):
        super().__init__()
        self.stem = Stack(1, inputs, channels[0], kernels[0], 1)
        self.stages = nn.Sequential()
        inputs = channels[0]
        for outputs, kernel, stride, count in zip(channels, kernels, strides, blocks):
            self.stages.append(NnunetBlocks(count, inputs, outputs, kernel, stride))
            inputs = outputs

    def forward(self, x):
        return all_levels(self.stages, self.stem(x))


class NnunetResidual(nn.Module):
    def __init__(self, inputs=1, classes=2, channels=NNUNET_CHANNELS, kernels=NNUNET_KERNELS, strides=NNUNET_STRIDES,
                 blocks=(1, 3, 4, 6, 6, 6), decoder_convs=(1,) * 5):
        super().__init__()
        self.encoder = ResidualEncoder(inputs, channels, kernels, strides, blocks)
        self.decoder = NnunetDecoder(channels, kernels, strides, decoder_convs, classes)

    def forward(self, x):
        return self.decoder(self.encoder(x))
