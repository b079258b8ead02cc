"""How right the networks are on radiographs of anatomy they never saw: boxes, contours, corners; every error is printed."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from radiographs import album, networks, picture, pieces, scan, spine
from radiographs.detector_loss import ANCHORS, STRIDES
from radiographs.levels import CLASSES

CONFIDENCE, OVERLAP = 0.05, 0.45


def decoded(maps):
    """Candidate boxes [n, 4] (edges on the canvas), confidences and classes."""
    boxes, scores = [], []
    for raw, sizes, stride in zip(maps, ANCHORS, STRIDES):
        _, _, height, width = raw.shape
        p = raw.view(3, 8, height, width).permute(0, 2, 3, 1).sigmoid()
        cells = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")[::-1], -1)
        middle = (2 * p[..., :2] - 0.5 + cells) * stride
        sides = (2 * p[..., 2:4]) ** 2 * torch.tensor(sizes, dtype=torch.float32)[:, None, None]
        boxes.append(torch.cat([middle - sides / 2, middle + sides / 2], -1).reshape(-1, 4))
        scores.append((p[..., 4:5] * p[..., 5:]).reshape(-1, 3))
    best, kinds = torch.cat(scores).max(1)
    return torch.cat(boxes).numpy(), best.numpy(), kinds.numpy()


def overlap(a, b):
    """Intersection over union of boxes [n, 4] and [m, 4]."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(2)
    area = lambda v: (v[:, 2:] - v[:, :2]).prod(1)
    return common / (area(a)[:, None] + area(b)[None] - common + 1e-9)


def suppressed(boxes, scores, kinds, least):
    """Best first, those that overlap a better one of their class left out."""
    order = np.argsort(-scores)[: int((scores > least).sum())][:3000]
    kept = []
    for n in order:
        same = [k for k in kept if kinds[k] == kinds[n]]
        if not same or overlap(boxes[n : n + 1], boxes[same]).max() <= OVERLAP:
            kept.append(n)
    return boxes[kept], scores[kept], kinds[kept]


def agreed(plain, mirrored):
    """Two looks joined, as `kernels::detect::agreed`: rows [class, confidence, edges], best first."""
    taken, rows = set(), []
    same = overlap(plain[0], mirrored[0]) * (plain[2][:, None] == mirrored[2][None])
    for n, (edges, score, kind) in enumerate(zip(*plain)):
        free = [k for k in range(same.shape[1]) if k not in taken]
        best = max(free, key=lambda k: same[n, k], default=None)
        if best is not None and same[n, best] > 0.5:
            taken.add(best)
            share = score / (score + mirrored[1][best])
            rows.append([kind, (score + mirrored[1][best]) / 2, *(share * edges + (1 - share) * mirrored[0][best])])
        else:
            rows.append([kind, score / 2, *edges])
    rows += [[mirrored[2][k], mirrored[1][k] / 2, *mirrored[0][k]] for k in range(len(mirrored[0])) if k not in taken]
    rows = np.array([r for r in rows if r[1] > CONFIDENCE]).reshape(-1, 6)
    return rows[np.argsort(-rows[:, 1], kind="stable")]


def detected(network, one):
    """Boxes [n, 6] (class, confidence, edges in the picture's pixels), best first, after suppression; the picture and
    its mirror image joined, as the program does."""
    factor, offset = album.letterbox(one)
    canvas = album.on_canvas(one, factor, (-offset[0], -offset[1]), album.CANVAS)
    looks = []
    for image in (canvas, canvas[:, ::-1].copy()):
        with torch.no_grad():
            boxes, scores, kinds = decoded(networks.maps_of(network, torch.from_numpy(image)[None]))
        if looks:
            boxes[:, [0, 2]] = album.CANVAS[1] - boxes[:, [2, 0]]
        looks.append(suppressed(boxes, scores, kinds, CONFIDENCE / 2))
    found = agreed(*looks)
    found[:, 2:] = (found[:, 2:] - np.array(offset[::-1] * 2)) / np.array(factor[::-1] * 2)
    return found


def average_precision(found, pictures, kind):
    """Area under the precision-recall curve (all points) at an overlap of 0.5; None without truth.

    A box on a body that an edge cuts is neither right nor wrong, as with the difficult objects of PASCAL VOC
    (Everingham et al. 2010, DOI 10.1007/s11263-009-0275-4)."""
    truths = [one["boxes"] for one in pictures]
    total = sum(int((t[:, 0] == kind).sum()) for t in truths)
    if total == 0:
        return None
    rows = []
    for boxes, truth, one in zip(found, truths, pictures):
        truth = truth[truth[:, 0] == kind][:, 1:]
        taken = np.zeros(len(truth), bool)
        for box in boxes[boxes[:, 0] == kind]:
            iou = overlap(box[None, 2:], truth)[0] * ~taken if len(truth) else np.zeros(0)
            hit = len(iou) > 0 and iou.max() >= 0.5
            if hit:
                taken[iou.argmax()] = True
            elif overlap(box[None, 2:], one["cut_boxes"]).max(initial=0) >= 0.5:
                continue
            rows.append((box[1], hit))
    rows.sort(key=lambda r: -r[0])
    hits = np.cumsum([h for _, h in rows]) if rows else np.zeros(0)
    recall, precision = hits / total, hits / np.arange(1, len(rows) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(np.r_[0, recall]) * precision))


def contour_of(network, one, box, drawn):
    """Mask of the picture's size from a box, which a person drew or the detector found."""
    columns, rows = album.crop_grid(box)
    crop = album.standardised(album.bilinear(album.scaled(one["grey"], *one["range"]), columns, rows))
    with torch.no_grad():
        logits = network(album.with_box(crop, box, drawn)[None])["logits"][0, 0].numpy()
    height, width = one["grey"].shape
    step = columns[1] - columns[0]
    at_column = np.rint((np.arange(width) - columns[0]) / step).astype(int)
    at_row = np.rint((np.arange(height) - rows[0]) / step).astype(int)
    inside = ((at_row >= 0) & (at_row < album.CROP))[:, None] & ((at_column >= 0) & (at_column < album.CROP))[None]
    mask = logits[at_row.clip(0, album.CROP - 1)][:, at_column.clip(0, album.CROP - 1)] > 0
    return mask & inside


def dice_of(mask, one, contour):
    """Dice of a mask with a body's true projection."""
    _, box, truth = contour
    full = np.zeros(one["grey"].shape, bool)
    full[box[1] : box[3], box[0] : box[2]] = truth
    return 2 * float((mask & full).sum()) / max(1, int(mask.sum()) + int(full.sum()))


def held_out(options, name, count):
    """Pictures of what was left out of training, as `make.py` makes them."""
    if name == "abdomen":
        source = scan.Scan(options.data, "abdomen", plain=True)
        makers = [lambda rng: source.make(rng)] * count
    else:  # whole spines; what no unseen patient has comes from the chest CT
        library = spine.load(options.pieces, ["gl017", "abdomen", "chest"])
        kept = {k: v for k, v in library.items() if not k.startswith("chest") or k[7:] in T5_TO_T12}
        makers = [lambda rng: picture.make(rng, *spine.build(rng, kept), bool(rng.random() < 0.5))] * count
    for n, maker in enumerate(makers, start=options.first):
        yield album.prepared(maker(np.random.default_rng([77, n])))


T5_TO_T12 = {f"T{n}" for n in range(5, 13)}


def judge(options, name, detector, contour):
    """Figures of one set; each picture's on a line."""
    found, pictures, dices, dices_found = [], [], {}, []
    for n, one in enumerate(held_out(options, name, options.count)):
        boxes = detected(detector, one)
        found.append(boxes)
        pictures.append(one)
        own, chained = [], []
        for item in one["contours"]:
            own.append((item[0], dice_of(contour_of(contour, one, item[1], True), one, item)))
            bodies = boxes[(boxes[:, 0] != 1) & (boxes[:, 1] > 0.25)]
            iou = overlap(np.array([item[1]], float), bodies[:, 2:])[0] if len(bodies) else np.zeros(1)
            if iou.max() >= 0.5:
                chained.append(dice_of(contour_of(contour, one, bodies[iou.argmax(), 2:], False), one, item))
        for level, dice in own:
            dices.setdefault(level, []).append(dice)
        dices_found += chained
        listed = " ".join(f"{level}:{dice:.3f}" for level, dice in own)
        hit = sum(bool(len(boxes)) and overlap(t[None, 1:], boxes[boxes[:, 0] == t[0]][:, 2:]).max(initial=0) >= 0.5 for t in one["boxes"])
        print(f"{name} {n}: {one['grey'].shape} boxes {hit} of {len(one['boxes'])}; Dice from true boxes {listed}", flush=True)
    precision = {c: average_precision(found, pictures, k) for k, c in enumerate(CLASSES)}
    present = [v for v in precision.values() if v is not None]
    every = [d for values in dices.values() for d in values]
    return {
        "set": name, "pictures": len(found), "bodies": len(every),
        "average_precision_at_0.5": {c: None if v is None else round(v, 3) for c, v in precision.items()},
        "mAP_at_0.5": round(float(np.mean(present)), 3),
        "dice_from_true_boxes": {"mean": round(float(np.mean(every)), 3), "sd": round(float(np.std(every)), 3), "least": round(min(every), 3)},
        "dice_from_found_boxes": {"mean": round(float(np.mean(dices_found)), 3), "count": len(dices_found)} if dices_found else None,
        "dice_by_level": {k: round(float(np.mean(v)), 3) for k, v in dices.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pieces", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True, help="folder with both weights")
    parser.add_argument("--count", type=int, default=12, help="pictures a set")
    parser.add_argument("--first", type=int, default=0, help="number of the first of them")
    parser.add_argument("--sets", nargs="*", default=["abdomen", "composed"])
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    both = []
    for name in ("detector", "contour"):
        network = getattr(networks, name)().eval()
        stored = load_file(options.models / f"radiograph-{name}.safetensors")
        network.load_state_dict({k: v.float() for k, v in stored.items()}, strict=False)
        both.append(network)
    figures = [judge(options, name, *both) for name in options.sets]
    print(json.dumps(figures, indent=1))
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
