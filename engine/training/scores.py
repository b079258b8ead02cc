"""Agreement of a label map with a reference: per structure, per region, and by name.

Label maps carry VerSe numbers (1-7 C, 8-19 T, 20-25 L, 28 T13), axes [z, y, x].
"""

import numpy as np
from scipy import ndimage as ndi

REGIONS = {"cervical": range(1, 8), "thoracic": [*range(8, 20), 28], "lumbar": range(20, 26)}
VERTEBRAE = [*range(1, 26), 28]
NAMES = {n: f"C{n}" for n in range(1, 8)} | {n: f"T{n - 7}" for n in range(8, 20)} | {n: f"L{n - 19}" for n in range(20, 26)}
NAMES[28] = "T13"
FOUND_MM = 20.0  # centroid distance within which a level counts as identified (VerSe, 10.1016/j.media.2021.102166)


def surface_distances(a, b, spacing_mm):
    """Distances (mm) of both masks' surface voxels to the other surface; None when one mask is empty."""
    if not a.any() or not b.any():
        return None
    box = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in ndi.find_objects((a | b).astype(np.uint8))[0])
    edges = [m[box] & ~ndi.binary_erosion(m[box]) for m in (a, b)]
    far = [ndi.distance_transform_edt(~edge, spacing_mm) for edge in edges]
    return np.concatenate([far[0][edges[1]], far[1][edges[0]]])


def agreement(guess, truth, spacing_mm):
    """Dice, ASSD, HD95, volume similarity 1 - |FN - FP| / (2TP + FP + FN), and recall of two masks."""
    hit, guessed, true = int((guess & truth).sum()), int(guess.sum()), int(truth.sum())
    total = max(1, guessed + true)
    distances = surface_distances(guess, truth, spacing_mm)
    mean, far = (None, None) if distances is None else (distances.mean(), np.percentile(distances, 95))
    return {
        "dice": round(2 * hit / total, 4),
        "assd_mm": None if mean is None else round(float(mean), 2),
        "hd95_mm": None if far is None else round(float(far), 2),
        "volume_similarity": round(1 - abs(guessed - true) / total, 4),
        "recall": round(hit / max(1, true), 4),
    }


def by_region(guess, truth, spacing_mm):
    """Agreement of vertebral bone as one class, whole and per region; each voxel counts where the nearest true vertebra lies."""
    known, found = np.isin(truth, VERTEBRAE), guess > 0
    scores = {"column": agreement(found, known, spacing_mm)}
    nearest = ndi.distance_transform_edt(~known, spacing_mm, return_distances=False, return_indices=True)
    owner = truth[tuple(nearest)]
    for name, numbers in REGIONS.items():
        here = np.isin(owner, list(numbers))
        if (known & here).any():
            scores[name] = agreement(found & here, known & here, spacing_mm)
    return scores


def _is_whole(mask):
    return not any(mask.take(end, axis).any() for axis in range(3) for end in (0, -1))


def by_level(guess, truth, spacing_mm):
    """Each level of the reference: Dice by name, Dice of the best match, and whether it was identified.

    Means are over levels that lie wholly in view.
    """
    levels, spacing = {}, np.asarray(spacing_mm)
    for number in (n for n in VERTEBRAE if (truth == n).any()):
        true, named = truth == number, guess == number
        rivals = [n for n in np.unique(guess[true]) if n > 0]
        dices = [2 * (true & (guess == n)).sum() / (true.sum() + (guess == n).sum()) for n in rivals]
        away = np.inf
        if named.any():
            away = np.linalg.norm((np.argwhere(named).mean(0) - np.argwhere(true).mean(0)) * spacing)
        levels[NAMES[number]] = {
            "whole": _is_whole(true),
            "identified": bool(away <= FOUND_MM),
            "matched_dice": round(float(max(dices, default=0.0)), 4),
            **agreement(named, true, spacing_mm),
        }
    whole = [level for level in levels.values() if level["whole"]]
    mean = {key: round(float(np.mean([v[key] for v in whole])), 4) for key in ("dice", "matched_dice", "identified")} if whole else {}
    return {"whole_levels": len(whole), "mean": mean, "levels": levels}
