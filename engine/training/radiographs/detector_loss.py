"""YOLOv5's loss: which cells answer for a box, and how wrong they are.

Assignment as its documentation describes it (releases 6 and 7): a box belongs to
the anchors whose width and height differ from its own by a factor below 4, in its
own cell and in the two nearest neighbours. Box: complete IoU (Zheng et al. 2020,
arXiv:1911.08287). Objectness and classes: binary cross-entropy.
"""

import math

import torch
import torch.nn.functional as F

STRIDES = (8, 16, 32)
ANCHORS = (((10, 13), (16, 30), (33, 23)), ((30, 61), (62, 45), (59, 119)), ((116, 90), (156, 198), (373, 326)))
BALANCE = (4.0, 1.0, 0.4)  # of objectness, fine to coarse
MOST_RATIO = 4.0
GAINS = {"box": 0.15, "object": 1.0, "class": 0.1}
IOU_SHARE = 0.5  # of the objectness target; the rest is 1


def complete_iou(a, b):
    """CIoU of boxes [n, 4] (x, y, width, height), and plain IoU."""
    low = torch.maximum(a[:, :2] - a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2)
    high = torch.minimum(a[:, :2] + a[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2)
    common = (high - low).clamp(min=0).prod(1)
    iou = common / (a[:, 2:].prod(1) + b[:, 2:].prod(1) - common + 1e-7)
    outer_low = torch.minimum(a[:, :2] - a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2)
    outer_high = torch.maximum(a[:, :2] + a[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2)
    diagonal = ((outer_high - outer_low) ** 2).sum(1) + 1e-7
    apart = ((a[:, :2] - b[:, :2]) ** 2).sum(1)
    shape = 4 / math.pi**2 * (torch.atan(b[:, 2] / (b[:, 3] + 1e-7)) - torch.atan(a[:, 2] / (a[:, 3] + 1e-7))) ** 2
    with torch.no_grad():
        weight = shape / (1 - iou + shape + 1e-7)
    return iou - apart / diagonal - weight * shape, iou


def assigned(targets, anchors, stride, height, width):
    """Cells that answer: image, anchor, row, column, box in cells, class. `targets` [n, 6]: image, class, x, y, w, h."""
    boxes = targets[:, 2:] / stride
    sizes = torch.tensor(anchors, dtype=torch.float32) / stride
    ratio = boxes[None, :, 2:] / sizes[:, None]
    anchor, index = (torch.maximum(ratio, 1 / ratio).amax(2) < MOST_RATIO).nonzero(as_tuple=True)
    middle = boxes[index, :2]
    share = middle % 1
    room = torch.tensor([width, height]) - middle
    shifts = [
        (torch.ones(len(index), dtype=torch.bool), (0, 0)),
        ((share[:, 0] < 0.5) & (middle[:, 0] > 1), (-1, 0)),
        ((share[:, 1] < 0.5) & (middle[:, 1] > 1), (0, -1)),
        ((share[:, 0] > 0.5) & (room[:, 0] > 1), (1, 0)),
        ((share[:, 1] > 0.5) & (room[:, 1] > 1), (0, 1)),
    ]
    parts = []
    for keep, (dx, dy) in shifts:
        cell = middle[keep].long() + torch.tensor([dx, dy])
        parts.append((index[keep], anchor[keep], cell[:, 1].clamp(0, height - 1), cell[:, 0].clamp(0, width - 1)))
    index, anchor, row, column = (torch.cat(values) for values in zip(*parts))
    return targets[index, 0].long(), anchor, row, column, boxes[index], targets[index, 1].long(), sizes[anchor]


def detector_loss(maps, targets, classes=3):
    """Parts of the loss of raw maps `[image, 3 * (5 + classes), rows, columns]`, fine to coarse."""
    zero = targets.new_zeros(())
    found = {"box": zero, "object": zero, "class": zero}
    for level, raw in enumerate(maps):
        images, _, height, width = raw.shape
        raw = raw.view(images, 3, 5 + classes, height, width).permute(0, 1, 3, 4, 2)
        wanted = torch.zeros(raw.shape[:4])
        image, anchor, row, column, boxes, kinds, sizes = assigned(targets, ANCHORS[level], STRIDES[level], height, width)
        if len(image):
            own = raw[image, anchor, row, column]
            middle = own[:, :2].sigmoid() * 2 - 0.5 + torch.stack([column, row], 1)
            sides = (own[:, 2:4].sigmoid() * 2) ** 2 * sizes
            ciou, iou = complete_iou(torch.cat([middle, sides], 1), boxes)
            found["box"] = found["box"] + (1 - ciou).mean()
            score = (1 - IOU_SHARE) + IOU_SHARE * iou.detach().clamp(0, 1)
            wanted.view(-1).scatter_reduce_(
                0, ((image * 3 + anchor) * height + row) * width + column, score, "amax"
            )
            one_hot = F.one_hot(kinds, classes).float()
            found["class"] = found["class"] + F.binary_cross_entropy_with_logits(own[:, 5:], one_hot)
        found["object"] = found["object"] + BALANCE[level] * F.binary_cross_entropy_with_logits(raw[..., 4], wanted)
    found = {name: GAINS[name] * value for name, value in found.items()}
    return {"loss": sum(found.values()), **found}


def start_biases(network, classes=3):
    """Few objects at first, as YOLOv5 begins: about 8 a picture of 640 x 640."""
    for head, stride in zip(network.model["24"].m, STRIDES):
        bias = head.bias.data.view(3, -1)
        bias[:, 4] += math.log(8 / (640 / stride) ** 2)
        bias[:, 5 : 5 + classes] += math.log(0.6 / (classes - 0.99999))


def start_stem(network, bright=6):
    """All but `bright` filters of the first layer begin without a mean: a vertebra's edges differ from their
    surroundings by a few hundredths of the picture's range, which brightness would drown."""
    weights = network.model["0"].conv.weight.data
    weights[bright:] -= weights[bright:].mean((2, 3), keepdim=True)
