"""Synthetic CT patches from label maps (SynthSeg's idea, Billot 2023,
10.1016/j.media.2023.102789, with anatomy-aware intensities).

`sample` returns HU and class numbers on an isotropic 2.5 mm grid, [z, y, x] LPS.
"""

import numpy as np
import torch

from distractors import add_distractors, add_metal
from fields import grid_mm, noise_field, rotation, smooth, white_noise
from tissues import (
    BRAIN, CANAL, CARTILAGE, CLASS_OF_TISSUE, DISC_TISSUE, ENHANCING, HEART_AND_VESSELS,
    HOLLOW, LIVER_SPLEEN, LUNGS, MUSCLES, OTHER_BONE, TISSUES, TRACHEA, VERTEBRA,
)

VOXEL_MM = 2.5
CLASS_TABLE = torch.from_numpy(CLASS_OF_TISSUE.astype(np.int64))


def chance(rng, probability):
    return rng.random() < probability


def _wave(rng, height_mm, size):
    """A sine along the spine with random amplitude, length (mm) and phase."""
    phase = 2 * np.pi * height_mm / rng.uniform(150, 400) + rng.uniform(0, 2 * np.pi)
    return rng.uniform(-size, size) * torch.sin(phase)


def patch_points(rng, scene, edge):
    """Deformed, articulated sample points in scene millimetres."""
    points = grid_mm(edge, VOXEL_MM)
    height = points[..., 0]
    scale = rng.uniform(0.8, 1.25) * rng.uniform(0.93, 1.07, 3)
    if chance(rng, 0.5):
        scale[2] = -scale[2]
    moved = points * torch.tensor(scale, dtype=torch.float32) @ rotation(rng, (15, 15, 22)).T
    if chance(rng, 0.7):
        twist, shift_y, shift_x = (_wave(rng, height, size) for size in (np.deg2rad(12), 15, 18))
        y, x = moved[..., 1] + shift_y, moved[..., 2] + shift_x
        cos, sin = torch.cos(twist), torch.sin(twist)
        moved = torch.stack([moved[..., 0], x * sin + y * cos, x * cos - y * sin], -1)
    bend = noise_field(rng, edge, int(rng.choice([4, 6, 8])), 3) * rng.uniform(0, 3.2)
    centre = torch.tensor(scene.random_centre(rng), dtype=torch.float32)
    return moved + bend.movedim(0, -1) + centre


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


def bone_values(rng, tissue, depth_mm, edge):
    """Mean HU of the bone inside each voxel: shell over trabecular, averaged across one voxel."""
    osteoporotic = chance(rng, 0.15)
    marrow = rng.uniform(-20, 90) if osteoporotic else rng.uniform(70, 380)
    cortex, thickness = rng.uniform(350, 1500), rng.uniform(0.4, 2.2)
    jitter = torch.from_numpy(rng.normal(0, 30, TISSUES).astype(np.float32))[tissue]
    marrow = marrow + jitter + noise_field(rng, edge, int(rng.choice([6, 10, 16])))[0] * rng.uniform(0, 40)
    marrow = marrow + white_noise(rng, edge) * rng.uniform(0, 45)
    near = (depth_mm - VOXEL_MM / 2).clamp_min(0)
    far = (depth_mm + VOXEL_MM / 2).clamp_min(0.1)
    shell = thickness / (far - near).clamp_min(0.1) * (torch.exp(-near / thickness) - torch.exp(-far / thickness))
    return marrow + (cortex - marrow) * shell


def synthetic(rng, scene, points, tissue, target, edge):
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
    hu, target = add_distractors(rng, hu, target, 4.0 if scene.is_bare else 1.5, edge, VOXEL_MM)
    share = (depth_mm / VOXEL_MM + 0.5).clamp(0, 1) * (is_bone | (depth_mm > -VOXEL_MM / 2)).float()
    bone = bone_values(rng, tissue, depth_mm, edge)
    hu = hu + share * (bone - hu)
    if not scene.is_bare:
        hu = torch.where(inside, hu, background)
    return hu, target


def real(rng, scene, points):
    """The scene's own image with brightness, contrast and sharpness changed."""
    hu = scene.linear(scene.image_hu, points)
    _, inside = scene.nearest(scene.tissue, points)
    hu = torch.where(inside, hu, torch.tensor(-1000.0))
    soft = (hu > -300).float()
    return hu * rng.uniform(0.85, 1.15) + soft * rng.uniform(-40, 40)


def scan(rng, hu, edge, strength=1.0):
    """Point spread, slice thickness, shading, noise, calibration error."""
    sigmas = [rng.uniform(0.2, 0.65) * strength] * 3
    if chance(rng, 0.5):
        sigmas[0] = rng.uniform(0.35, 1.0) * strength
    hu = smooth(hu, sigmas)
    if chance(rng, 0.5):
        hu = hu * (1 + noise_field(rng, edge, 3)[0] * rng.uniform(0, 0.06))
    if chance(rng, 0.35):
        hu = hu + noise_field(rng, edge, int(rng.choice([3, 4, 6])))[0] * rng.uniform(0, 80)
    noise = white_noise(rng, edge)
    if chance(rng, 0.6):
        noise = smooth(noise, [rng.uniform(0.3, 0.9)] * 3)
        noise = noise / noise.std()
    hu = hu + noise * (rng.uniform(2, 50) if chance(rng, 0.8) else rng.uniform(50, 130)) * strength
    return hu * rng.uniform(0.95, 1.05) + rng.uniform(-25, 25)


def truncate(rng, hu, target, edge):
    """Narrow field of view: slabs off one or two sides, or a round field, become padding."""
    keep = torch.ones_like(target, dtype=torch.bool)
    if chance(rng, 0.2):
        for _ in range(rng.integers(1, 3)):
            axis, depth = int(rng.integers(3)), int(rng.integers(2, edge // 2))
            start = 0 if chance(rng, 0.5) else edge - depth
            keep.narrow(axis, start, depth).fill_(False)
    if chance(rng, 0.06):
        line = torch.arange(edge) - edge / 2
        keep &= (line[:, None] ** 2 + line[None] ** 2 < (rng.uniform(0.3, 0.6) * edge) ** 2)[None]
    return torch.where(keep, hu, torch.tensor(-1000.0)), target * keep


def sample(rng, scene, edge=64, real_share=0.5):
    """One patch: HU [edge]^3 float32 and classes [edge]^3 int64."""
    points = patch_points(rng, scene, edge)
    tissue, inside = scene.nearest(scene.tissue, points)
    tissue = tissue.long() * inside
    target = CLASS_TABLE[tissue]
    if scene.image_hu is not None and chance(rng, real_share):
        hu = scan(rng, real(rng, scene, points), edge, strength=0.5)
    else:
        hu, target = synthetic(rng, scene, points, tissue, target, edge)
        if chance(rng, 0.07):
            hu = add_metal(rng, hu, target, edge, VOXEL_MM)
        hu = scan(rng, hu, edge)
    return truncate(rng, hu, target, edge)
