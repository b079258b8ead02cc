"""Makes `detections.safetensors`: boxes as YOLOv5 (releases 6 and 7) decodes
and suppresses them, for `kernels::detect`.

    python kernels/tests/golden/make_detections.py

Needs torch, torchvision and safetensors. The maps are noise in which about
every third cell fires, a harder case than any radiograph. Computed in
float64; the script refuses to write a golden in which rounding could change
the order or the choice of boxes.
"""

from pathlib import Path

import torch
import torchvision
from safetensors.torch import save_file

from synthetic_weights import symmetric

CLASSES = 3
CONFIDENCE, OVERLAP = 0.25, 0.45
STRIDES = (8, 16, 32)
ANCHORS = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)
CANVAS = (96, 160)


def decode(raw, stride, anchors):
    """`Detect.forward` of YOLOv5 for one map `[anchors * (5 + classes), y, x]`: rows of x, y, w, h, probabilities."""
    height, width = raw.shape[1:]
    y = raw.view(len(anchors), 5 + CLASSES, height, width).permute(0, 2, 3, 1).sigmoid()
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([columns, rows], -1).double()
    xy = (y[..., 0:2] * 2 - 0.5 + grid) * stride
    wh = (y[..., 2:4] * 2) ** 2 * torch.tensor(anchors).double().view(-1, 1, 1, 2)
    return torch.cat([xy, wh, y[..., 4:]], -1).view(-1, 5 + CLASSES)


def candidates(predictions):
    """Rows of left, top, right, bottom, confidence, class, as before suppression (best class only)."""
    confidence, classes = (predictions[:, 5:] * predictions[:, 4:5]).max(1)
    half = predictions[:, 2:4] / 2
    boxes = torch.cat([predictions[:, :2] - half, predictions[:, :2] + half], 1)
    rows = torch.cat([boxes, confidence[:, None], classes[:, None].double()], 1)
    assert ((confidence - CONFIDENCE).abs() > 1e-6).all()
    return rows[confidence > CONFIDENCE]


def suppress(rows):
    rows = rows[rows[:, 4].argsort(descending=True, stable=True)]
    # Classes never overlap when each has its own far-away region.
    shifted = rows[:, :4] + rows[:, 5:6] * 7680
    overlaps = torchvision.ops.box_iou(shifted, shifted)
    assert ((overlaps - OVERLAP).abs() > 1e-5).all() and (rows[:-1, 4] - rows[1:, 4] > 1e-7).all()
    return rows[torchvision.ops.nms(shifted, rows[:, 4], OVERLAP)]


def main():
    maps = {}
    for index, stride in enumerate(STRIDES):
        shape = (3 * (5 + CLASSES), 1, CANVAS[0] // stride, CANVAS[1] // stride)
        noise = symmetric(f"p{index + 3}", shape, 4.0)
        noise.view(3, 5 + CLASSES, -1)[:, 2:4] *= 0.2  # sizes near the anchors', so that neighbours overlap
        maps[f"p{index + 3}"] = noise
    found = [decode(m[:, 0].double(), s, a) for m, s, a in zip(maps.values(), STRIDES, ANCHORS)]
    rows = candidates(torch.cat(found))
    kept = suppress(rows)
    print(f"{len(rows)} candidates, {len(kept)} kept")
    tensors = {**maps, "candidates": rows.float(), "kept": kept.float()}
    save_file({k: v.contiguous() for k, v in tensors.items()}, Path(__file__).parent / "detections.safetensors")


if __name__ == "__main__":
    main()
