"""Fits how far apart the centres of neighbouring vertebral bodies are, level by level.

Prints the table in engine/src/segment/levels/table.rs. Data: vertebra
keypoints of 2 116 CTs (Buergin, Prevost, Stollenga 2023, CC BY-SA 4.0,
CC BY-SA 4.0, doi:10.48550/arXiv.2308.02509), folder
`KeypointGroundTruthNoSacrum`; only its Training part is read, the Validation
part is for measuring.

    python scripts/fit_level_chain.py FOLDER

Model: ln(distance) = mean of the pair + size of the patient + rest, fitted by
alternating means.
"""

import json
import sys
from pathlib import Path

import numpy as np

LEVELS = [f"C{i}" for i in range(1, 8)] + [f"T{i}" for i in range(1, 13)] + [f"L{i}" for i in range(1, 7)]


def bodies(path):
    """Body centres by level, mm."""
    keypoints = json.loads(path.read_text())
    return {
        k["type"]["spine_level"]: np.array(k["coordinates"]["world_space"])
        for k in keypoints
        if k["type"]["keypoint_type"] == "body"
    }


def pairs(centres):
    """(index of the upper level, ln distance) of every pair of neighbours that are both in view."""
    for index, (upper, lower) in enumerate(zip(LEVELS, LEVELS[1:])):
        if upper in centres and lower in centres:
            yield index, np.log(np.linalg.norm(centres[upper] - centres[lower]))


def main():
    spines = [bodies(path) for path in sorted((Path(sys.argv[1]) / "Training").glob("*.json"))]
    rows = [(patient, *pair) for patient, spine in enumerate(spines) for pair in pairs(spine)]
    patient, index, value = (np.array(column) for column in zip(*rows))
    mean, size = np.zeros(len(LEVELS) - 1), np.zeros(len(spines))
    for _ in range(30):
        for k in range(len(mean)):
            mean[k] = np.median((value - size[patient])[index == k])
        for k in np.unique(patient):
            mine = patient == k
            size[k] = np.sum((value - mean[index])[mine]) / (mine.sum() + 1)
    rest = value - mean[index] - size[patient]
    print("// mm to the next level below, in a patient of middle size; and the spread of ln(distance).")
    for k, level in enumerate(LEVELS[:-1]):
        spread = 1.4826 * np.median(np.abs(rest[index == k]))
        print(f"    ({np.exp(mean[k]):.1f}, {spread:.3f}), // {level}, {np.sum(index == k)} pairs")
    print(f"spread of sizes {np.std(size):.3f}")
    sixth = sum("L6" in spine for spine in spines) / sum("L5" in spine for spine in spines)
    print(f"share with L6 {sixth:.4f}")


if __name__ == "__main__":
    main()
