"""Synthetic CT patches from label maps (SynthSeg's idea, Billot 2023,
10.1016/j.media.2023.102789, with anatomy-aware intensities).

`sample` draws one patch on an isotropic grid, [z, y, x] LPS.
"""

from typing import NamedTuple

import numpy as np
import torch

from distractors import add_distractors, add_table
from fields import noise_field, white_noise
from geometry import VOXEL_MM, chance, patch_points
from metal import add_metal
from network import OFFSET_MM
from scanner import field_of_view, scan
from tissues import (
    BRAIN, CANAL, CARTILAGE, CLASS_OF_TISSUE, DISC_TISSUE, ENHANCING, HEART_AND_VESSELS,
    HOLLOW, LIVER_SPLEEN, LUNGS, MUSCLES, OTHER_BONE, TISSUES, TRACHEA, VERTEBRA,
)

CLASS_TABLE = torch.from_numpy(CLASS_OF_TISSUE.astype(np.int64))
METAL_SHARE = 0.15


def tissue_values(rng):
    """One HU value per tissue number."""
    hu = rng.uniform(-10, 90, TISSUES)
    enhanced = chance(rng, 0.55)
    hu[ENHANCING] = rng.uniform(90, 700, len(ENHANCING)) if enhanced else rng.uniform(20, 80, len(ENHANCING))
    if enhanced:
        phase = rng.uniform(100, 650)
        shared = [n for n in HEART_AND_VESSELS if chance(rng, 0.6)]
        hu[shared] = phase + rng.uniform(-60, 60, len(shared))
    hu[LIVER_SPLEEN] = rng.uniform(40, 160, 2)
    hu[LUNGS] = rng.uniform(-920, -650) + rng.uniform(-20, 20, len(LUNGS))
    hu[TRACHEA] = -980
    hu[MUSCLES] = rng.uniform(25, 85, len(MUSCLES))
    hu[CANAL], hu[BRAIN] = rng.uniform(0, 60), rng.uniform(20, 50)
    hu[CARTILAGE] = rng.uniform(50, 350)
    hu[DISC_TISSUE] = rng.uniform(50, 125) if chance(rng, 0.95) else rng.uniform(-300, 300)
    return torch.tensor(hu, dtype=torch.float32)


def soft_tissue(rng, scene, tissue, skin_mm, edge):
    """HU of everything but bone, and the mask of outside air."""
    values = tissue_values(rng)
    hu = values[tissue]
    cloud = noise_field(rng, edge, int(rng.choice([6, 10, 16])))[0]
    hollow = torch.isin(tissue, torch.tensor(HOLLOW))
    content = rng.random()
    if content < 0.6:
        hu = torch.where(hollow & (cloud > rng.uniform(-0.3, 0.8)), torch.tensor(-900.0), hu)
    elif content < 0.75:
        hu = torch.where(hollow, torch.tensor(float(rng.uniform(150, 500))), hu)
    fat, muscle = rng.uniform(-125, -60), rng.uniform(15, 85)
    mix = torch.sigmoid((noise_field(rng, edge, int(rng.choice([6, 10, 16])))[0] - rng.uniform(-0.8, 0.8)) * rng.uniform(3, 12))
    filler = muscle + (fat - muscle) * mix
    deep = rng.uniform(40, 150) if scene.is_bare else rng.uniform(0, 15)
    skin = deep + rng.uniform(2, 40)
    filler = torch.where(skin_mm > deep, torch.tensor(float(fat)), filler)
    open_space = tissue == 0
    hu = torch.where(open_space, filler, hu)
    return hu, filler, open_space & (skin_mm > max(skin, 0.5))


def bone_values(rng, tissue, depth_mm, edge, voxel_mm):
    """Mean HU of the bone inside each voxel: shell over trabecular, averaged across one voxel."""
    osteoporotic = chance(rng, 0.15)
    marrow = rng.uniform(-20, 90) if osteoporotic else rng.uniform(70, 380)
    cortex, thickness = rng.uniform(350, 1500), rng.uniform(0.4, 2.2)
    jitter = torch.from_numpy(rng.normal(0, 30, TISSUES).astype(np.float32))[tissue]
    marrow = marrow + jitter + noise_field(rng, edge, int(rng.choice([6, 10, 16])))[0] * rng.uniform(0, 40)
    marrow = marrow + white_noise(rng, edge) * rng.uniform(0, 45)
    near = (depth_mm - voxel_mm / 2).clamp_min(0)
    far = (depth_mm + voxel_mm / 2).clamp_min(0.1)
    shell = thickness / (far - near).clamp_min(0.1) * (torch.exp(-near / thickness) - torch.exp(-far / thickness))
    return marrow + (cortex - marrow) * shell


def synthetic(rng, scene, points, tissue, target, edge, voxel_mm):
    """HU of a patch before the scanner, and the target with distractors written in."""
    depth_mm = scene.linear(scene.bone_depth_mm, points)
    skin_mm, inside = scene.nearest(scene.skin_mm, points)
    if scene.is_bare:
        depth_mm = torch.where(inside, depth_mm, torch.tensor(-9.0))
    hu, filler, air = soft_tissue(rng, scene, tissue, skin_mm.float(), edge)
    is_bone = (target == VERTEBRA) | (target == OTHER_BONE)
    hu = torch.where(is_bone, filler, hu)
    background = torch.tensor(-1000.0)
    if chance(rng, 0.5):
        clothing = noise_field(rng, edge, 10)[0] > rng.uniform(0.8, 2)
        background = torch.where(clothing, torch.tensor(float(rng.uniform(-700, 200))), background)
    hu = torch.where(air, background, hu)
    if chance(rng, 0.3):
        hu = add_table(rng, hu, air, edge, voxel_mm)
    hu, target = add_distractors(rng, hu, target, 4.0 if scene.is_bare else 1.5, edge, voxel_mm)
    share = (depth_mm / voxel_mm + 0.5).clamp(0, 1) * (is_bone | (depth_mm > -voxel_mm / 2)).float()
    bone = bone_values(rng, tissue, depth_mm, edge, voxel_mm)
    hu = hu + share * (bone - hu)
    if not scene.is_bare:
        hu = torch.where(inside, hu, background)
    return hu, target


def real(rng, scene, points, tissue):
    """The scene's own image in another style: brightness, contrast, marrow and contrast agent changed."""
    hu = scene.linear(scene.image_hu, points)
    _, inside = scene.nearest(scene.tissue, points)
    hu = torch.where(inside, hu, torch.tensor(-1000.0))
    if chance(rng, 0.5):
        added = torch.zeros(TISSUES)
        added[ENHANCING] = float(rng.uniform(-150, 300)) + torch.from_numpy(rng.normal(0, 40, len(ENHANCING))).float()
        hu = hu + added[tissue] * (hu > -100)
    if chance(rng, 0.5):
        bone = torch.isin(CLASS_TABLE[tissue], torch.tensor([VERTEBRA, OTHER_BONE]))
        hu = torch.where(bone & (hu > 0), hu * rng.uniform(0.55, 1.5), hu)
    soft = (hu > -300).float()
    return hu * rng.uniform(0.85, 1.15) + soft * rng.uniform(-40, 40)


class Patch(NamedTuple):
    """One patch; the four maps share its grid."""

    hu: torch.Tensor  # [z, y, x] float32
    classes: torch.Tensor  # [z, y, x] int64, `IGNORED` where unknown
    offsets: torch.Tensor  # [3, z, y, x] to the own vertebra's centroid, in `OFFSET_MM`; only in vertebrae
    tissue: torch.Tensor  # [z, y, x] int64, 0 outside the field of view
    points_mm: torch.Tensor  # [z, y, x, 3] where each voxel lies in the scene


def sample(rng, scene, edge=64, real_share=0.5, voxel_mm=VOXEL_MM, centre_mm=None):
    """One cubic patch of `edge` voxels, in another pose, shape and style each time."""
    points, linear = patch_points(rng, scene, edge, voxel_mm, centre_mm)
    tissue, inside = scene.nearest(scene.tissue, points)
    tissue = tissue.long() * inside
    target = CLASS_TABLE[tissue]
    offsets = (scene.centroid_of_tissue[tissue] - points) @ torch.linalg.inv(linear) / OFFSET_MM
    is_real = scene.image_hu is not None and chance(rng, real_share)
    if is_real:
        hu = real(rng, scene, points, tissue)
    else:
        hu, target = synthetic(rng, scene, points, tissue, target, edge, voxel_mm)
    if chance(rng, METAL_SHARE):
        hu = add_metal(rng, scene, points, hu)
    hu, seen = scan(rng, hu, edge, voxel_mm, strength=0.5 if is_real else 1.0)
    hu, keep = field_of_view(rng, hu, edge, seen)
    return Patch(hu, target * keep, offsets.movedim(-1, 0), tissue * keep, points)
