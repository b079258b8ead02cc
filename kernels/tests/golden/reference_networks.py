"""The networks of `kernels::architectures` in PyTorch, for parity tests only.

One class per network, with the published or standard sizes as defaults. The
names of the layers are the names of the tensors in weight files.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


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


# --- System A ---------------------------------------------------------------


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


# --- System B, stage 1: nnU-Net ----------------------------------------------
#
# Layer names as in the package dynamic-network-architectures 0.4, without the
# second name (`all_modules`) that every layer has there.


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


def named_heads(heads):
    """Outputs from coarse to fine as `logits`, `logits_2`, `logits_4`, ..."""
    names = ["logits"] + [f"logits_{2**i}" for i in range(1, len(heads))]
    return dict(zip(names, reversed(heads)))


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


def all_levels(stages, x):
    outputs = []
    for stage in stages:
        x = stage(x)
        outputs.append(x)
    return outputs


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


# --- System B, stage 2 --------------------------------------------------------


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


# --- System C -----------------------------------------------------------------


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


# --- System D -----------------------------------------------------------------


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


# --- System E -----------------------------------------------------------------


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


class YoloConv(nn.Module):
    def __init__(self, inputs, outputs, kernel=1, stride=1, padding=None):
        super().__init__()
        padding = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        return F.silu(self.bn(self.conv(x)))


class YoloBottleneck(nn.Module):
    def __init__(self, channels, shortcut):
        super().__init__()
        self.cv1, self.cv2 = YoloConv(channels, channels), YoloConv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.shortcut else y


class YoloC3(nn.Module):
    """Cross-stage partial block: half the channels run through bottlenecks."""

    def __init__(self, inputs, outputs, count, shortcut=True):
        super().__init__()
        half = outputs // 2
        self.cv1, self.cv2, self.cv3 = YoloConv(inputs, half), YoloConv(inputs, half), YoloConv(2 * half, outputs)
        self.m = nn.Sequential(*[YoloBottleneck(half, shortcut) for _ in range(count)])

    def forward(self, x):
        return self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], 1))


class YoloSppf(nn.Module):
    """Three maximum pools of 5 in series, all joined."""

    def __init__(self, channels):
        super().__init__()
        self.cv1, self.cv2 = YoloConv(channels, channels // 2), YoloConv(2 * channels, channels)

    def forward(self, x):
        maps = [self.cv1(x)]
        for _ in range(3):
            maps.append(F.max_pool2d(maps[-1], 5, 1, 2))
        return self.cv2(torch.cat(maps, 1))


class YoloDetect(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.m = nn.ModuleList(nn.Conv2d(channels, outputs, 1) for channels in inputs)


class YoloV5s(nn.Module):
    """YOLOv5 release 6 and 7, size s. Layers are numbered as in its yolov5s.yaml
    (11, 12, 15, 16, 19 and 22 only move data)."""

    def __init__(self, classes=3, inputs=3):
        super().__init__()
        layers = {
            0: YoloConv(inputs, 32, 6, 2, 2),
            1: YoloConv(32, 64, 3, 2), 2: YoloC3(64, 64, 1),
            3: YoloConv(64, 128, 3, 2), 4: YoloC3(128, 128, 2),
            5: YoloConv(128, 256, 3, 2), 6: YoloC3(256, 256, 3),
            7: YoloConv(256, 512, 3, 2), 8: YoloC3(512, 512, 1), 9: YoloSppf(512),
            10: YoloConv(512, 256), 13: YoloC3(512, 256, 1, False),
            14: YoloConv(256, 128), 17: YoloC3(256, 128, 1, False),
            18: YoloConv(128, 128, 3, 2), 20: YoloC3(256, 256, 1, False),
            21: YoloConv(256, 256, 3, 2), 23: YoloC3(512, 512, 1, False),
            24: YoloDetect((128, 256, 512), 3 * (5 + classes)),
        }
        self.model = nn.ModuleDict({str(number): layer for number, layer in layers.items()})

    def forward(self, x):
        def run(x, *numbers):
            for number in numbers:
                x = self.model[str(number)](x)
            return x

        p3 = run(x, 0, 1, 2, 3, 4)
        p4 = run(p3, 5, 6)
        top = run(p4, 7, 8, 9, 10)
        middle = run(torch.cat([F.interpolate(top, scale_factor=2, mode="nearest"), p4], 1), 13, 14)
        fine = run(torch.cat([F.interpolate(middle, scale_factor=2, mode="nearest"), p3], 1), 17)
        middle = run(torch.cat([run(fine, 18), middle], 1), 20)
        coarse = run(torch.cat([run(middle, 21), top], 1), 23)
        heads = self.model["24"].m
        return {"p3": heads[0](fine), "p4": heads[1](middle), "p5": heads[2](coarse)}


# --- SpineNav's own -----------------------------------------------------------


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
