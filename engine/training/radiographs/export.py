"""Checkpoints of train.py -> `radiograph-detector` and `radiograph-contour` (fp16) with their cards."""

import argparse
import json
from pathlib import Path

import torch

import export as shared
from radiographs import narrow, networks
from radiographs.album import (
    BRIGHTEST,
    CANVAS,
    CONTRAST_RADIUS,
    CROP,
    CROP_MARGIN,
    CROP_RADIUS,
    DEVIATIONS,
    LEAST_DEVIATION,
    LEAST_MM,
    PADDING,
)
from radiographs.detector_loss import ANCHORS, STRIDES
from radiographs.levels import CLASSES

VERSION = "0.5.0"
TRAINING_DATA = [
    {
        "name": "LIDC-IDRI-0001 (TCIA)",
        "licence": "CC BY 3.0",
        "seen": "label map (TotalSegmentator v2 output) and image, mirrored, scaled, turned and bent; the image without its spine laid over others",
    },
    {"name": "VerSe verse004, verse010, gl003 (manual masks)", "licence": "CC BY-SA 4.0", "seen": "label maps"},
    {"name": "HuBMAP Visible Human pelvis (male, female)", "licence": "CC BY 4.0", "seen": "voxelised meshes"},
]
HELD_OUT = [
    "the abdomen-pelvis CT of TotalSegmentator's repository (its pelvis too)",
    "VerSe gl017 (C1-T4); T5-T10 come from one patient, the LIDC CT, in training and evaluation alike",
]
FAILURES = [
    "no real radiograph was available: trained and measured on radiographs computed from CTs and masks only",
    "three hours of training each on one shared CPU core, not converged",
    "soft tissue, ribs, skull and arms of the composed spines are simple solids; all femoral heads are spheres",
]
CONTRAST = {
    "means": "squares of 2 radius + 1 pixels, twice, edges repeated",
    "least_deviation": LEAST_DEVIATION,
    "deviations_black_to_white": DEVIATIONS,
}
PREPROCESSING = {
    "detector": {
        "grey": f"the picture's 1st to 99th percentile as 0..1, clamped to 0..{BRIGHTEST}, bone bright, the same in three channels",
        "letterbox": {"rows": CANVAS[0], "columns": CANVAS[1], "padding": PADDING, "least_mm": LEAST_MM},
        "local_contrast": {"radius": CONTRAST_RADIUS, **CONTRAST},
        "anchors": {"strides": STRIDES, "sizes": ANCHORS},
        "box": "bounding box of a body's projection; of C2 with its dens; of a femoral head's circle",
    },
    "contour": {
        "grey": f"the picture's 1st to 99th percentile as 0..1, clamped to 0..{BRIGHTEST}, bone bright",
        "crop": {"side_of_longer_edge": CROP_MARGIN, "pixels": CROP, "interpolation": "bilinear, edge repeated"},
        "local_contrast": {"radius": CROP_RADIUS, **CONTRAST},
        "standardised": "less the crop's mean, over its standard deviation",
        "box": "second channel: 1 inside of a box that a person drew, 0 elsewhere and where the detector found it",
        "output": "above 0 where the body's projection is",
    },
}
ARCHITECTURES = {
    "detector": {"kind": "yolov5s", "settings": {"inputs": 3, "classes": 3}, "inputs": 3, "classes": CLASSES},
    "contour": {
        "kind": "unet_2d",
        "settings": {"inputs": 2, "classes": 1, "channels": list(networks.CONTOUR_CHANNELS)},
        "inputs": 2,
        "classes": ["vertebral body"],
    },
}
ROLES = {"detector": "radiograph_boxes", "contour": "radiograph_contour"}


def card(network: str, saved: dict, report: dict) -> dict:
    """Everything a loader and a reader need; the checksum is added on writing."""
    return {
        "name": f"radiograph-{network}",
        "version": VERSION,
        "role": ROLES[network],
        "architecture": ARCHITECTURES[network],
        "preprocessing": PREPROCESSING[network],
        "licence": "CC BY-SA 4.0; name the sources under training_data",
        "training_data": TRAINING_DATA,
        "held_out": HELD_OUT,
        "training": {
            "steps": saved["step"],
            "cpu_minutes": round(saved["cpu_seconds"] / 60, 1),
            "machine": f"1 x86-64 core, PyTorch {torch.__version__}",
            "optimiser": "AdamW, moving average 0.998 of the weights",
            **report.get("training", {}),
        },
        "measured": report.get("measured", []),
        "known_failures": FAILURES + report.get("known_failures", []),
    }


def mean(states: list) -> dict:
    """Mean of several weights of one training: often better than each (Wortsman et al. 2022, arXiv:2203.05482)."""
    of = lambda values: sum(v.float() for v in values) / len(values) if values[0].is_floating_point() else values[-1]
    return {name: of([state[name] for state in states]) for name in states[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=list(ROLES), required=True)
    parser.add_argument("--checkpoint", type=Path, nargs="+", required=True, help="last.pt of train.py; of several the mean")
    parser.add_argument("--report", type=Path, help="JSON with training, measured, known_failures")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    every = [torch.load(path, weights_only=True) for path in options.checkpoint]
    saved = every[-1]  # tells how long the training was
    state, share = mean([one["ema"] for one in every]), 1
    if options.network == "detector" and len(state["model.0.conv.weight"]) < 32:
        share = 32 // len(state["model.0.conv.weight"])
        state = narrow.widened(state)
    getattr(networks, options.network)().load_state_dict(state)  # refuses what does not fit
    report = json.loads(options.report.read_text()) if options.report else {}
    details = card(options.network, saved, report)
    if share > 1:
        details["training"]["channels"] = f"1 / {share} of YOLOv5s's were trained; the others are zero"
    shared.export(state, details, options.out)


if __name__ == "__main__":
    main()
