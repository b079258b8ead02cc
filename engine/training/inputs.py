"""Patches of each system: input and targets, each with a batch axis first, from the generator's patch."""

import numpy as np
import torch

from fields import noise_field, smooth, white_noise
from network import normalise
from synth import CLASS_TABLE, sample
from tissues import (
    CLASS_OF_TISSUE, FEMUR_LEFT, FEMUR_RIGHT, HIP_LEFT, HIP_RIGHT, IGNORED, L5, S1, SACRUM, TISSUES, VERTEBRA,
)

REAL_SHARE = 0.75  # of the patches from a real CT: with its own intensities
ABOVE, CENTRE, BELOW = 1, 2, 3  # classes of system B's instance network
JITTER_MM = 4.0  # how far stage 1's centroid may be off
WINDOW, WINDOW_VOXEL_MM = 48, 3.0  # three vertebrae
LUMBAR = range(L5, L5 + 5)  # L5 ... L1
HEAT_MM = 20.0
ALL_LEVELS = tuple(int(n) for n in np.flatnonzero(CLASS_OF_TISSUE == VERTEBRA))
SLAB = 16  # slices of system C
HEAT_VOXEL_MM, LUMBAR_VOXEL_MM = 5.0, 3.0


def _table(entries: dict):
    """Tissue number -> class; unknown stays unknown, everything else is background."""
    table = torch.where(CLASS_TABLE == IGNORED, IGNORED, 0)
    for numbers, value in entries.items():
        table[list(numbers)] = value
    return table


def _levels(scene, numbers=range(TISSUES)):
    """Vertebrae of a scene."""
    return [n for n in scene.centres if CLASS_OF_TISSUE[n] == VERTEBRA and n in numbers]


def compact(rng, scene):
    """Input, classes, offsets."""
    edge = int(rng.choice((40, 48, 56, 64), p=(0.25, 0.55, 0.15, 0.05)))
    patch = sample(rng, scene, edge, REAL_SHARE)
    return normalise(patch.hu)[None, None], patch.classes.to(torch.uint8)[None], patch.offsets.half()[None]


def unit(hu):
    """System A's input: 0 to 1000 HU as 0 to 1."""
    return hu.clip(0, 1000) / 1000


def dense(rng, scene):
    """System A: voxels as large as a scan squeezed into 128^3 gives."""
    patch = sample(rng, scene, 48, REAL_SHARE, rng.uniform(1.5, 4.0))
    return unit(patch.hu)[None, None], patch.classes.to(torch.uint8)[None]


def stage_1(rng, mask, edge):
    """What a semantic network might say of a mask: soft edges, here swollen and there thinned."""
    drift = noise_field(rng, edge, 8)[0] * rng.uniform(0, 0.25) + white_noise(rng, edge) * rng.uniform(0, 0.1)
    soft = smooth(mask.float(), [rng.uniform(0.4, 0.9)] * 3)
    return torch.sigmoid((soft - rng.uniform(0.4, 0.6) + drift) * rng.uniform(6, 20))


def window(rng, scene):
    """System B: window about one vertebra; HU and stage 1's vertebra probability; above, centre, below."""
    levels = _levels(scene)
    number = int(rng.choice(levels))
    middle = scene.centroid_of_tissue[number].numpy() + rng.normal(0, JITTER_MM, 3)
    patch = sample(rng, scene, WINDOW, REAL_SHARE, WINDOW_VOXEL_MM, middle)
    bone = torch.isin(patch.tissue, torch.tensor(levels))
    places = {number + 1: ABOVE, number: CENTRE, number - 1: BELOW}  # no vertebra above C1, none below L5
    target = _table({(n,): place for n, place in places.items() if n in levels})[patch.tissue]
    probability = stage_1(rng, bone, WINDOW)
    return torch.stack([normalise(patch.hu), probability])[None], target.to(torch.uint8)[None]


def bone_window(hu):
    """System D's input: -200 to 1000 HU as 0 to 1."""
    return (hu.clip(-200, 1000) + 200) / 1200


def lumbar(rng, scene):
    """System D, stage 2: background, L1 ... L5."""
    levels = _levels(scene, LUMBAR) or _levels(scene)
    middle = scene.centroid_of_tissue[int(rng.choice(levels))].numpy() + rng.normal(0, 15, 3)
    patch = sample(rng, scene, 64, REAL_SHARE, LUMBAR_VOXEL_MM, middle)
    target = _table({(number,): L5 + 5 - number for number in LUMBAR})[patch.tissue]
    return bone_window(patch.hu)[None, None], target.to(torch.uint8)[None]


def localisation(rng, scene):
    """System D, stage 1: heat about the centroids of L1 ... L5, and the field of view."""
    patch = sample(rng, scene, 48, REAL_SHARE, HEAT_VOXEL_MM)
    heat = torch.zeros(patch.hu.shape)
    for number in _levels(scene, LUMBAR):
        away = ((patch.points_mm - scene.centroid_of_tissue[number]) ** 2).sum(-1)
        heat = torch.maximum(heat, torch.exp(-0.5 * away / HEAT_MM**2))
    inside = patch.hu > -1000
    return bone_window(patch.hu)[None, None], heat.half()[None, None], inside[None, None]


def slabs(rng, scene):
    """System C: four slabs of 16 slices; background, spine, pelvis, femora."""
    patch = sample(rng, scene, 64, REAL_SHARE)
    table = _table({ALL_LEVELS: 1, (SACRUM, S1, HIP_LEFT, HIP_RIGHT): 2, (FEMUR_LEFT, FEMUR_RIGHT): 3})
    target = table[patch.tissue].reshape(-1, SLAB, 64, 64)
    top = rng.uniform(1000, 3000)
    return ((patch.hu + 1000).clip(0, top) / top).reshape(-1, 1, SLAB, 64, 64), target.to(torch.uint8)
