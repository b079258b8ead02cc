"""Pictures of a labelled CT itself: real intensities, turned, and for training also mirrored, scaled and bent."""

from pathlib import Path

import numpy as np
import torch
from scipy import ndimage as ndi

import abdomen
import prepare
from paint import SPACING_MM
from radiographs import beam, picture, pieces
from radiographs.levels import LEVELS
from radiographs.spine import Placed, turned

USES = 8  # pictures of a bend before the next
# A CT's numbers are those of about 70 keV; a radiograph's photons have less, which bone stops more (`bone_gain` of
# `engine::xray::drr`): at 55 keV 1.4 times as much beyond soft tissue, at 50 keV 1.6 times.
SOFT = 1.1  # attenuation up to which it is no bone
GAIN_55_KEV = 1.40
GAINS = (1.0, 1.65)


IMAGES = {"chest": "ct/chest_lidc_0001/ct.nii.gz", "abdomen": "ct/abdomen_pelvis_3mm/ct.nii.gz"}
MUSCLE = 1.05  # attenuation, water 1
S1 = 26  # its label; the others count down from C1 = 50


def grid_of(data: Path, source: str):
    """CT as attenuation and its labels on a 1.25 mm grid."""
    _, labels, spacing = pieces.labelled(data, source)
    image, _ = prepare.load_lps(data / IMAGES[source])
    hu = np.maximum(prepare.resample(image.astype(np.float32), spacing, 1, -1000), -1000)
    labels = abdomen.smoothly_resampled(labels, SPACING_MM / spacing, hu.shape)
    return (1 + hu / 1000).astype(np.float32), labels


SPINE = range(S1, 51)
SPINE_MARGIN_MM = 4.0


class Scan:
    """A CT and the bodies in it; `plain` leaves it as it is but for a turn, `boneless` puts muscle in place of the spine."""

    def __init__(self, data: Path, source: str, plain=False, boneless=False):
        self.water, labels = grid_of(data, source)
        if boneless:
            apart_mm = ndi.distance_transform_edt(~np.isin(labels, SPINE)) * SPACING_MM
            self.water[apart_mm < SPINE_MARGIN_MM] = MUSCLE
            labels = np.zeros_like(labels)
        self.bodies = np.zeros_like(labels)
        self.plain, self.uses, self.cut = plain, 0, set()
        self.names = [*LEVELS, "sacrum"]
        for n, level in enumerate(self.names):
            mask = labels == (S1 if level == "sacrum" else 50 - n)
            if mask.sum() < 1000 or level == "C1":
                continue
            box = ndi.find_objects(mask.astype(np.uint8))[0]
            filled = np.pad(ndi.binary_fill_holes(mask[box]), 3)
            body = pieces.vertebral_body(filled, "L5" if level == "sacrum" else level)
            if body is None:
                continue
            body = body[3:-3, 3:-3, 3:-3]
            if box[0].start == 0 and body[0].any() or box[0].stop == len(labels) and body[-1].any():
                self.cut.add(level)
            self.bodies[box][body] = n + 1

    def bend(self, rng):
        """Moves each slice sideways: a curve in both planes, gentle enough to keep vertebrae's shapes."""
        n = len(self.water)
        z = np.linspace(0, 1, n)
        shifts = [
            rng.uniform(-1, 1) * size * np.sin(np.pi * (rng.uniform(0.5, 1.5) * z + rng.random())) / SPACING_MM
            for size in (10, 16)
        ]
        self.bent = np.empty_like(self.water)
        self.bent_bodies = np.empty_like(self.bodies)
        for k in range(n):
            by = (shifts[0][k], shifts[1][k])
            self.bent[k] = ndi.shift(self.water[k], by, order=1, mode="nearest")
            self.bent_bodies[k] = ndi.shift(self.bodies[k], by, order=0)

    def make(self, rng):
        """As `picture.make`."""
        if self.plain:
            self.bent, self.bent_bodies = self.water, self.bodies
        elif self.uses % USES == 0:
            self.bend(rng)
        self.uses += 1
        size = np.array(self.bent.shape)
        scale = rng.uniform(0.8, 1.15) * rng.normal(1, 0.04, 3) * (1, 1, rng.choice([-1, 1]))
        scale = np.ones(3) if self.plain else scale
        turn = turned(*np.deg2rad(rng.normal(0, (6, 5, 8))))
        origin = -0.5 * (size - 1) * SPACING_MM
        whole = {"inside": self.bent, "origin_mm": origin, "spacing_mm": SPACING_MM, "frame": np.eye(3)}
        placed = Placed("whole", whole, turn, scale, np.zeros(3))
        view = self._view(rng, placed)
        bone = np.maximum(self.bent - SOFT, 0)
        both = torch.from_numpy(np.stack([self.bent, bone]))
        (all_of_it, of_bone), (rows, columns) = beam.project_piece(view, placed, both, 3.5)
        gain = GAIN_55_KEV if self.plain else rng.uniform(*GAINS)
        grey = np.zeros((view.rows, view.columns))
        grey[rows, columns] = (all_of_it + (gain - 1) * of_bone).numpy()
        masks = []
        for n, box in enumerate(ndi.find_objects(self.bent_bodies), start=1):
            if box is None:
                continue
            box = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
            body = (self.bent_bodies[box] == n).astype(np.float32)
            low = origin + np.array([s.start for s in box]) * SPACING_MM
            part = Placed(self.names[n - 1], {**whole, "inside": body, "origin_mm": low}, turn, scale, np.zeros(3))
            found = beam.project_piece(view, part, torch.from_numpy(body)[None])
            if found is not None:
                masks.append((self.names[n - 1], found[0][0].numpy() > beam.LEAST_BODY_MM, *found[1]))
        return picture.finished(rng, view, grey, masks, [], self.cut)

    @staticmethod
    def _view(rng, placed):
        """A detector that shows all of the CT, or a part of it."""
        at = beam.corners(placed)
        across = 2 if rng.random() < 0.5 else 1
        pixel = rng.uniform(0.8, 1.3)
        high, low = at[:, 0].max() - rng.uniform(-5, 40), at[:, 0].min() + rng.uniform(-5, 40)
        left, right = at[:, across].min(), at[:, across].max()
        if rng.random() < 0.5:
            left, right = left + rng.uniform(0, 0.25) * (right - left), right - rng.uniform(0, 0.25) * (right - left)
        source = np.array([rng.uniform(low, high), 0.5 * (left + right), rng.choice([-1, 1]) * rng.uniform(900, 2500)])
        if rng.random() < 0.25:
            source[2] = 1e7
        return beam.View(
            across, 3 - across, high, left, pixel, int((high - low) / pixel), int((right - left) / pixel), source
        )
