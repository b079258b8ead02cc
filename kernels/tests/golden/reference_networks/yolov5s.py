"""System E: vertebra detection on radiographs."""

import torch
import torch.nn as nn
import torch.nn.functional as F


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
