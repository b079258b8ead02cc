"""Writes weights (safetensors, fp16) and their card (JSON), each by an atomic rename."""

import argparse
import hashlib
import json
import os
from pathlib import Path

import torch
from safetensors.torch import save_file

import graph
from network import CHANNELS, CompactUNet
from tissues import CLASSES

NAME = "compact-spine"
TRAINING_DATA = [
    {
        "name": "LIDC-IDRI-0001 (TCIA)",
        "licence": "CC BY 3.0",
        "seen": "label map (TotalSegmentator v2 output); the image in about 15 % of the patches, 30 % in the last part",
    },
    {"name": "VerSe verse004, verse010, gl003, gl017 (manual masks)", "licence": "CC BY-SA 4.0", "seen": "label maps"},
    {"name": "HuBMAP Visible Human pelvis (male, female)", "licence": "CC BY 4.0", "seen": "voxelised meshes"},
]


def card(training: dict, report: dict, offsets: bool = False) -> dict:
    """Everything a loader and a reader need; the checksum is added on writing."""
    return {
        "name": NAME,
        "version": "0.2.0",
        "architecture": {
            "kind": "graph",
            "channels": list(CHANNELS),
            "inputs": 1,
            "classes": CLASSES,
            "graph": graph.compact_unet(len(CLASSES), offsets=offsets),
        },
        "preprocessing": {
            "axes": "LPS",
            "spacing_mm": 2.5,
            "patch_voxels": [64, 64, 64],
            "clamp_hu": [-1000, 1500],
            "offset_hu": 100,
            "scale_hu": 400,
            "padding_hu": -1000,
        },
        "vertebra_threshold": report.get("threshold", 0.5),
        "vertebra_threshold_note": report.get("threshold_note", "not calibrated"),
        "licence": "CC BY-SA 4.0; name the sources under training_data",
        "training_data": TRAINING_DATA,
        "training": {**training, **report.get("training", {})},
        "measured": report.get("measured", []),
        "known_failures": report.get("known_failures", ["snapshot of a running training; not measured"]),
    }


def _text(details: dict) -> str:
    """Indented JSON with one node of the graph a line."""
    graph_of = details["architecture"]["graph"]
    marked = {**details, "architecture": {**details["architecture"], "graph": {**graph_of, "nodes": "NODES"}}}
    nodes = ",\n".join("          " + json.dumps(node) for node in graph_of["nodes"])
    return json.dumps(marked, indent=2).replace('"NODES"', f"[\n{nodes}\n        ]")


def export(state: dict, details: dict, folder: Path) -> None:
    """Weights first, card second: a card never names a file that is not yet there."""
    folder.mkdir(parents=True, exist_ok=True)
    weights, description = folder / f"{NAME}.safetensors", folder / f"{NAME}.json"
    fresh = weights.with_suffix(".safetensors.new")
    needed = graph.layers(details["architecture"]["graph"])
    save_file({k: v.detach().half().contiguous() for k, v in state.items() if k.rsplit(".", 1)[0] in needed}, fresh)
    fresh.chmod(0o644)
    checksum = hashlib.sha256(fresh.read_bytes()).hexdigest()
    os.replace(fresh, weights)
    fresh = description.with_suffix(".json.new")
    fresh.write_text(_text({**details, "sha256": checksum}) + "\n")
    os.replace(fresh, description)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="written by train.py")
    parser.add_argument("--report", type=Path, help="JSON with threshold, threshold_note, training, measured, known_failures")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--offsets", action="store_true", help="second output: offsets to each vertebra's centroid")
    options = parser.parse_args()
    checkpoint = torch.load(options.checkpoint, weights_only=True)
    CompactUNet().load_state_dict(checkpoint["ema"])  # refuses what does not fit
    report = json.loads(options.report.read_text()) if options.report else {}
    details = card(checkpoint["training"], report, options.offsets)
    export(checkpoint["ema"], details, options.out)


if __name__ == "__main__":
    main()
