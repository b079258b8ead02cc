"""YOLOv5s with fewer channels, for trainings that cannot afford it, and back into its full shapes.

A network of half or a quarter of the channels costs a quarter to a tenth of the time a step.
`widened` puts it into the tensors of YOLOv5s, all other channels zero: the same function,
the same file format, and a start for a training of the whole network.
"""

import torch
import torch.nn as nn

from radiographs import networks

LAYERS = {  # number: kind, channels in and out of YOLOv5s, bottlenecks, shortcut
    1: ("conv", 32, 64), 2: ("c3", 64, 64, 1, True), 3: ("conv", 64, 128), 4: ("c3", 128, 128, 2, True),
    5: ("conv", 128, 256), 6: ("c3", 256, 256, 3, True), 7: ("conv", 256, 512), 8: ("c3", 512, 512, 1, True),
    9: ("sppf", 512), 10: ("point", 512, 256), 13: ("c3", 512, 256, 1, False), 14: ("point", 256, 128),
    17: ("c3", 256, 128, 1, False), 18: ("conv", 128, 128), 20: ("c3", 256, 256, 1, False), 21: ("conv", 256, 256),
    23: ("c3", 512, 512, 1, False),
}
JOINED = ("13.cv1", "13.cv2", "17.cv1", "17.cv2", "20.cv1", "20.cv2", "23.cv1", "23.cv2")  # read two maps in one


def detector(share=4):
    """YOLOv5s with 1 / `share` of its channels."""
    from reference_networks import yolov5s as y

    network = networks.detector()
    layers = {0: y.YoloConv(3, 32 // share, 6, 2, 2)}
    for number, (kind, *sizes) in LAYERS.items():
        counts, rest = [n // share for n in sizes[:2]], sizes[2:]
        if kind == "conv":
            layers[number] = y.YoloConv(*counts, 3, 2)
        elif kind == "point":
            layers[number] = y.YoloConv(*counts)
        elif kind == "c3":
            layers[number] = y.YoloC3(*counts, *rest)
        else:
            layers[number] = y.YoloSppf(counts[0])
    layers[24] = y.YoloDetect([n // share for n in (128, 256, 512)], 24)
    network.model = nn.ModuleDict({str(n): layer for n, layer in layers.items()})
    return network


def segments(name: str) -> int:
    """How many maps of equal size a convolution reads, one after the other."""
    if name.startswith("model.9.cv2"):
        return 4
    layer = name.removeprefix("model.")
    return 2 if ".cv3." in name or layer.startswith(JOINED) else 1


def widened(narrow: dict) -> dict:
    """The state of YOLOv5s that computes what a narrow state does."""
    wide = {k: torch.zeros_like(v) for k, v in networks.detector().state_dict().items()}
    for name, full in wide.items():
        value = narrow[name]
        if full.ndim < 4:
            if name.endswith("running_var"):
                full.fill_(1.0)
            if full.ndim:
                full[: len(value)] = value
            continue
        count = segments(name)
        own, all_in = value.shape[1] // count, full.shape[1] // count
        for n in range(count):
            full[: len(value), n * all_in : n * all_in + own] = value[:, n * own : (n + 1) * own]
    return wide
