"""Tissue numbers and target classes.

Label maps carry TotalSegmentator v2 numbers (1-118) plus three of our own.
"""

import numpy as np

BACKGROUND, VERTEBRA, OTHER_BONE, DISC = range(4)
IGNORED = 255  # class of voxels that the loss leaves out
CLASSES = ["background", "vertebra", "other_bone", "disc"]

SACRUM, S1, L5, C1 = 25, 26, 27, 50
CANAL = 79
CARTILAGE = 118
DISC_TISSUE = 119
UNSURE = 120  # not labelled, and possibly bone
TISSUES = 121

LUNGS = [10, 11, 12, 13, 14]
TRACHEA = 16
HOLLOW = [6, 15, 18, 19, 20]
KIDNEYS = [2, 3]
LIVER_SPLEEN = [1, 5]
HEART_AND_VESSELS = list(range(51, 69))
ENHANCING = KIDNEYS + HEART_AND_VESSELS
MUSCLES = list(range(80, 90))
BRAIN, SKULL, HIP_LEFT, HIP_RIGHT, FEMUR_LEFT, FEMUR_RIGHT = 90, 91, 77, 78, 75, 76
PELVIS = [SACRUM, S1, HIP_LEFT, HIP_RIGHT, FEMUR_LEFT, FEMUR_RIGHT]
AORTA, INFERIOR_CAVA = 52, 63
RIB_LEFT_1, RIB_RIGHT_1 = 92, 104
MANDIBLE = 117  # "carpal" in TotalSegmentator's test group, which no scene holds

VERTEBRAE = range(L5, C1 + 1)
OTHER_BONES = [SACRUM, S1, SKULL, MANDIBLE, *range(69, 79), *range(92, 117)]


def verse_to_tissue(verse: int) -> int:
    """VerSe counts C1 = 1 downwards to L5 = 24 (L6 = 25 joins L5, T13 = 28 joins T12)."""
    verse = {25: 24, 28: 19}.get(verse, verse)
    return C1 + 1 - verse


def _class_table() -> np.ndarray:
    table = np.zeros(TISSUES, np.uint8)
    table[list(VERTEBRAE)] = VERTEBRA
    table[OTHER_BONES] = OTHER_BONE
    table[DISC_TISSUE] = DISC
    table[UNSURE] = IGNORED
    return table


CLASS_OF_TISSUE = _class_table()
