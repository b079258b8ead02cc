"""Pictures in memory, and what the two networks are shown of them.

Both see grey levels between a picture's own 1st and 99th percentile as 0..1, up to 1.5, after `local_contrast`.
"""

import pickle
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from scipy import ndimage as ndi

CANVAS = (640, 288)  # rows, columns of the detector's input
PADDING = 0.5
LEAST_MM = 850.0  # a lower picture stands in a frame of this height, so that bodies have their usual size
CONTRAST_RADIUS = 12  # of `local_contrast`, pixels of the canvas
LEAST_DEVIATION = 0.01
DEVIATIONS = 6.0  # between black and white
BRIGHTEST = 1.5  # what a hundredth of the pixels has beyond white often lies over the spine
CROP = 256  # rows and columns of the contour network's input
CROP_MARGIN = 1.5  # of a box's longer side
CROP_RADIUS = 40  # of `local_contrast` in a crop, pixels of the crop
SLICE_SIGMA_MM = 2.0  # of the blur that stands for slices, at most
RARE_SHARE = 0.4  # of the contour network's samples that are a sacrum, L5 or C2, where their picture has one
RARE = ("sacrum", "L5", "C2")
LEAST_VISIBLE = 0.6
DRAWN_SHARE = 0.5  # of the contour network's samples whose box is as a person draws it
DRAWN_SD = 0.012  # of such a box's edges, of its longer side
FOUND_SD = 0.04  # of the middle of the others, of the crop's edge
FOUND_SCALE = 0.1  # of their size, as a logarithm


class Album:
    """Every picture of a folder; `refresh` takes up those that came since."""

    def __init__(self, folder: Path):
        self.folder, self.seen, self.pictures, self.soft = folder, set(), [], []
        self.refresh()

    def refresh(self):
        for pictures, pattern in ((self.pictures, "*.pkl"), (self.soft, "soft/*.pkl")):
            for path in sorted(self.folder.glob(pattern)):
                if path not in self.seen:
                    self.seen.add(path)
                    pictures.append(prepared(pickle.loads(path.read_bytes())))

    def draw(self, rng):
        return self.pictures[rng.integers(len(self.pictures))]

    def texture(self, rng):
        """A picture of soft tissue without a spine, or None: half of the time, and where there is none."""
        return self.soft[rng.integers(len(self.soft))] if self.soft and rng.random() < 0.5 else None


def prepared(one):
    """A picture with its black and white, and as the detector sees it."""
    one["range"] = np.percentile(one["grey"], (1, 99))
    (factor, _), _ = letterbox(one)
    seen = local_contrast(scaled(one["grey"], *one["range"]), max(1, round(CONTRAST_RADIUS / factor)))
    one["seen"] = np.rint(255 * seen).astype(np.uint8)
    return one


def local_contrast(grey, radius):
    """Grey 0..1 less the mean about each pixel, over the deviation about it, as 0..1 with 0.5 for the mean.

    Means are those of squares of 2 radius + 1, twice over, edge pixels repeated. A vertebra differs from its
    surroundings by a few hundredths of a radiograph's range, which this makes as large as everything else.
    """
    size = 2 * radius + 1
    twice = lambda values: ndi.uniform_filter(ndi.uniform_filter(values, size, mode="nearest"), size, mode="nearest")
    apart = grey - twice(grey)
    deviation = np.sqrt(np.maximum(twice(apart * apart), 0)) + LEAST_DEVIATION
    return np.clip(0.5 + apart / (DEVIATIONS * deviation), 0, 1).astype(np.float32)


def scaled(values, low, high):
    """Grey levels as 0..1, clamped to 0..BRIGHTEST."""
    return np.clip((values.astype(np.float32) - low) / max(high - low, 1e-3), 0, BRIGHTEST)


def worn(rng, grey, pixel_mm):
    """Exposure, contrast, blur and noise of a grey picture 0..1; blur from head to foot as of a CT's thick slices."""
    if rng.random() < 0.6:
        grey = grey ** np.exp(rng.uniform(-0.4, 0.5))
    if rng.random() < 0.25:
        grey = (grey - 0.5) * rng.uniform(0.75, 1.0) + 0.5 + rng.uniform(-0.1, 0.1)
    if rng.random() < 0.35:
        grey = ndi.gaussian_filter(grey, rng.uniform(0.3, 1.3))
    if rng.random() < 0.5:
        grey = ndi.gaussian_filter(grey, rng.uniform(0, SLICE_SIGMA_MM, 2) * (1, 0.5) / pixel_mm)
    if rng.random() < 0.6:
        grey = grey + rng.uniform(0, 0.008) * rng.standard_normal(grey.shape).astype(np.float32)
    return np.clip(grey, 0, BRIGHTEST).astype(np.float32)


def on_canvas(one, factor, origin, size):
    """The part [rows, columns] of a canvas that begins at canvas pixel `origin` (row, column from the
    picture's own corner), the picture scaled by `factor` to (rows, columns)."""
    rows, columns = one["grey"].shape
    canvas = np.full(size, PADDING, np.float32)
    shape = (rows * factor[0], columns * factor[1])
    top, left = max(0, -origin[0]), max(0, -origin[1])
    bottom, right = min(size[0], int(shape[0]) - origin[0]), min(size[1], int(shape[1]) - origin[1])
    if bottom <= top or right <= left:
        return canvas
    box = [(left + origin[1]) / factor[1], (top + origin[0]) / factor[0]]
    box += [min((right + origin[1]) / factor[1], columns), min((bottom + origin[0]) / factor[0], rows)]
    image = Image.fromarray(one["seen"]).resize((right - left, bottom - top), Image.BILINEAR, box=box)
    canvas[top:bottom, left:right] = np.asarray(image, np.float32) / 255
    return canvas


def letterbox(one):
    """Scale (rows, columns) and offset (rows, columns) of a picture on the canvas, as the program's `Frame` and
    `kernels::detect::Letterbox`."""
    rows, columns = one["grey"].shape
    framed = max(rows, int(LEAST_MM / one["pixel_mm"]))
    frame = (framed, max(columns, framed * CANVAS[1] // CANVAS[0])) if framed > rows else (rows, columns)
    scale = min(CANVAS[0] / frame[0], CANVAS[1] / frame[1])
    size = [int(min(max(round(n * scale), 1), limit)) for n, limit in zip(frame, CANVAS)]
    factor = [n / m for n, m in zip(size, frame)]
    before = [(n - m) // 2 * f for n, m, f in zip(frame, (rows, columns), factor)]
    offset = [round((c - n) // 2 + b) for c, n, b in zip(CANVAS, size, before)]
    return tuple(factor), tuple(offset)


def laid_over(rng, image, soft, mm):
    """Lays a random part of `soft` (a real trunk without spine) over an image of `mm` a pixel, both in local contrast."""
    seen = soft["seen"]
    size = [max(8, min(int(n * mm / soft["pixel_mm"]), m)) for n, m in zip(image.shape, seen.shape)]
    top, left = (int(rng.integers(m - n + 1)) for n, m in zip(size, seen.shape))
    part = Image.fromarray(seen[top : top + size[0], left : left + size[1]])
    part = np.asarray(part.resize(image.shape[::-1], Image.BILINEAR), np.float32) / 255
    part = part[:, ::-1] if rng.random() < 0.5 else part
    return np.clip(image + rng.uniform(0.1, 1.0) * (part - 0.5), 0, 1)


def exposed(rng, canvas):
    """What lies over the bones, contrast, blur and noise of what the detector sees."""
    canvas = (canvas - 0.5) * rng.uniform(0.8, 1.2) + 0.5
    if rng.random() < 0.7:
        texture = ndi.gaussian_filter(rng.standard_normal(canvas.shape).astype(np.float32), rng.uniform(1.5, 8))
        canvas = canvas + rng.uniform(0.01, 0.07) * texture / (texture.std() + 1e-6)
    if rng.random() < 0.4:
        canvas = canvas - bowel(rng, canvas.shape)
    if rng.random() < 0.35:
        canvas = ndi.gaussian_filter(canvas, rng.uniform(0.3, 0.9))
    if rng.random() < 0.6:
        canvas = canvas + rng.uniform(0, 0.06) * rng.standard_normal(canvas.shape).astype(np.float32)
    return np.clip(canvas, 0, 1).astype(np.float32)


def bowel(rng, shape):
    """Gas in loops of bowel: chains of dark pockets about as large as vertebrae, for which a column is easily taken."""
    drawn = Image.new("L", (shape[1], shape[0]))
    pen = ImageDraw.Draw(drawn)
    for _ in range(rng.integers(1, 4)):
        place = rng.uniform(0, 1, 2) * (shape[1], shape[0])
        heading, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.25)
        step, width, grey = rng.uniform(8, 22), rng.uniform(5, 15), int(rng.uniform(25, 100))
        for _ in range(rng.integers(2, 11)):
            radii = step * rng.uniform(0.35, 0.6), width * rng.uniform(0.7, 1.2)
            turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
            along, across = radii[0] * np.cos(turn), radii[1] * np.sin(turn)
            x = place[0] + along * np.cos(heading) - across * np.sin(heading)
            y = place[1] + along * np.sin(heading) + across * np.cos(heading)
            pen.polygon(list(zip(x.tolist(), y.tolist())), fill=grey)
            heading += bend
            place = place + step * np.array([np.cos(heading), np.sin(heading)])
    return ndi.gaussian_filter(np.asarray(drawn, np.float32) / 255, rng.uniform(0.7, 1.8))


def detector_sample(rng, one, size, soft=None):
    """A part of the canvas of `size` with boxes in it: image [rows, columns], boxes [n, 5] (class, edges).

    `soft` is laid over it (`laid_over`)."""
    factor, offset = letterbox(one)
    zoom = rng.uniform(0.8, 1.2) * np.exp(rng.uniform(-0.05, 0.05, 2))
    factor = (factor[0] * zoom[0], factor[1] * zoom[1])
    boxes = one["boxes"] * np.array([1, factor[1], factor[0], factor[1], factor[0]], np.float32)
    if size == CANVAS:
        shape = [n * f for n, f in zip(one["grey"].shape, factor)]
        origin = [-int(rng.uniform(*sorted((0, c - s)))) for c, s in zip(CANVAS, shape)]
    elif len(boxes) and rng.random() < 0.92:
        near = boxes[rng.integers(len(boxes))]
        middle = (near[[2, 1]] + near[[4, 3]]) / 2
        origin = [int(m - rng.uniform(0.1, 0.9) * s) for m, s in zip(middle, size)]
    else:
        shape = [n * f for n, f in zip(one["grey"].shape, factor)]
        origin = [int(rng.uniform(-0.3 * s, max(n - 0.7 * s, 1))) for n, s in zip(shape, size)]
    image = on_canvas(one, factor, origin, size)
    if soft is not None:
        image = laid_over(rng, image, soft, one["pixel_mm"] / factor[0])
    boxes = inside(boxes - np.array([0, origin[1], origin[0], origin[1], origin[0]], np.float32), size)
    if rng.random() < 0.5:
        image = image[:, ::-1]
        boxes = boxes * np.array([1, -1, 1, -1, 1], np.float32) + np.array([0, size[1], 0, size[1], 0], np.float32)
        boxes = boxes[:, [0, 3, 2, 1, 4]]
    return exposed(rng, image), boxes


def inside(boxes, size):
    """Boxes clipped to an image; those mostly outside are left out."""
    clipped = boxes.copy()
    clipped[:, [1, 3]] = boxes[:, [1, 3]].clip(0, size[1])
    clipped[:, [2, 4]] = boxes[:, [2, 4]].clip(0, size[0])
    area = lambda b: np.maximum(b[:, 3] - b[:, 1], 0) * np.maximum(b[:, 4] - b[:, 2], 0)
    return clipped[area(clipped) >= LEAST_VISIBLE * np.maximum(area(boxes), 1e-6)]


def crop_grid(box, crop=CROP):
    """Columns and rows, `crop` of each (integers at pixel centres), of the square about a box."""
    side = CROP_MARGIN * longer(box)
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    steps = (np.arange(crop) + 0.5) / crop - 0.5
    columns, rows = middle[0] + side * steps - 0.5, middle[1] + side * steps - 0.5
    return columns, rows


def bilinear(array, columns, rows):
    """Values of a picture at a grid of places; edge pixels repeated."""
    height, width = array.shape
    x, y = np.meshgrid(columns / max(width - 1, 1) * 2 - 1, rows / max(height - 1, 1) * 2 - 1)
    grid = torch.from_numpy(np.stack([x, y], -1).astype(np.float32))[None]
    source = torch.from_numpy(np.ascontiguousarray(array, np.float32))[None, None]
    return F.grid_sample(source, grid, padding_mode="border", align_corners=True)[0, 0]


def crop_contrast(crop):
    return local_contrast(crop.numpy(), CROP_RADIUS * len(crop) // CROP)


def standardised(crop):
    """What the contour network sees of a crop: local contrast, less its mean, over its standard deviation."""
    return normal(torch.from_numpy(crop_contrast(crop)))


def normal(crop):
    return (crop - crop.mean()) / (crop.std() + 1e-6)


def contour_sample(rng, one, crop=CROP, soft=None):
    """A crop [2, crop, crop] about a body (`with_box`) and its mask; `soft` is laid over it (`laid_over`)."""
    rare = [item for item in one["contours"] if item[0] in RARE]
    among = rare if rare and rng.random() < RARE_SHARE else one["contours"]
    _, box, shape, bits = among[rng.integers(len(among))]
    mask = np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape)
    drawn = rng.random() < DRAWN_SHARE
    near = drawn_box(rng, box) if drawn else found_box(rng, box)
    columns, rows = crop_grid(near, crop)
    reach = int(rows[-1] - rows[0]) + 4
    low = [int(np.floor(min(rows[0], rows[-1]))) - 1, int(np.floor(columns[0])) - 1]
    low = [max(0, n) for n in low]
    part = one["grey"][low[0] : low[0] + reach + 2, low[1] : low[1] + reach + 2]
    room = max(shape)  # a crop may begin within its body
    truth = np.zeros((reach + 2 * room, reach + 2 * room), np.float32)
    top, left = box[1] - low[0] + room, box[0] - low[1] + room
    truth[top : top + shape[0], left : left + shape[1]] = mask
    grey = worn(rng, scaled(part, *one["range"]), one["pixel_mm"])
    image = bilinear(grey, columns - low[1], rows - low[0])
    target = bilinear(truth, columns - low[1] + room, rows - low[0] + room) > 0.5
    if rng.random() < 0.5:
        image, target = image.flip(1), target.flip(1)
    image = crop_contrast(image)
    if soft is not None:
        image = laid_over(rng, image, soft, one["pixel_mm"] * (columns[1] - columns[0]))
    return with_box(normal(torch.from_numpy(image)), near, drawn), target[None].float()


def drawn_box(rng, box):
    """A box as a person draws it."""
    return np.array(box, float) + DRAWN_SD * longer(box) * rng.normal(size=4)


def found_box(rng, box):
    """A box that only says where a body is, as the detector's does."""
    middle, half = (np.array(box[:2]) + box[2:]) / 2, (np.array(box[2:], float) - box[:2]) / 2
    middle = middle + FOUND_SD * CROP_MARGIN * longer(box) * rng.normal(size=2)
    half = half * np.exp(FOUND_SCALE * rng.normal())
    return np.concatenate([middle - half, middle + half])


def longer(box):
    return max(box[2] - box[0], box[3] - box[1])


def with_box(crop, box, drawn):
    """A crop [2, rows, columns]: grey, and 1 inside of a box that a person drew (0 where the detector found it)."""
    size = len(crop)
    sides = np.array([box[3] - box[1], box[2] - box[0]]) / longer(box) / CROP_MARGIN
    inside = [np.abs((np.arange(size) + 0.5) / size - 0.5) < side / 2 for side in sides]
    shown = drawn & inside[0][:, None] & inside[1]
    return torch.stack([crop, torch.from_numpy(shown.astype(np.float32))])
