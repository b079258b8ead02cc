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


def parts(name: str, small, big):
    """Where a small state's tensor stands in a big one's: pairs of slices (of the small, of the big)."""
    if small.ndim < 2:
        yield slice(None), slice(0, len(small))
        return
    count, rows = segments(name), slice(0, len(small))
    own, all_in = small.shape[1] // count, big.shape[1] // count
    for n in range(count):
        yield (slice(None), slice(n * own, (n + 1) * own)), (rows, slice(n * all_in, n * all_in + own))


def embedded(small: dict, big: dict) -> dict:
    """`big` with the channels of `small` in place of its first ones, which read no others: the same function
    where the last layer reads no others either."""
    whole = {}
    for name, full in big.items():
        value, full = small[name], full.clone()
        if full.ndim > 1:
            full[: len(value)] = 0
        if full.ndim == 0:
            full = value.clone()
        else:
            for own, place in parts(name, value, full):
                full[place] = value[own]
        whole[name] = full
    return whole


def widened(narrow: dict) -> dict:
    """The state of YOLOv5s that computes what a narrow state does; its other channels are zero."""
    wide = {k: torch.zeros_like(v) for k, v in networks.detector().state_dict().items()}
    for name, value in wide.items():
        if name.endswith("running_var"):
            value.fill_(1.0)
    return embedded(narrow, wide)


def narrowed(wide: dict, share: int) -> dict:
    """The first channels of YOLOv5s as the state of a narrow network: what `widened` put there."""
    network, small = detector(share), {}
    for name, value in network.state_dict().items():
        value = value.clone()
        if value.ndim == 0:
            value = wide[name].to(value.dtype) if name in wide else value
        else:
            for own, place in parts(name, value, wide[name]):
                value[own] = wide[name][place].to(value.dtype)
        small[name] = value
    return small


def share_of(wide: dict) -> int:
    """N where all but the first 1 / N of the channels are zero."""
    filters = wide["model.0.conv.weight"]
    return len(filters) // int(filters.flatten(1).any(1).sum())


def grown(wide: dict, network) -> dict:
    """A start for a network of fewer channels than YOLOv5s, but not fewer than are not zero in `wide`."""
    return embedded(narrowed(wide, share_of(wide)), network.state_dict())
