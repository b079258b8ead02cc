"""Writes weights (safetensors, fp16) and their card (JSON), each by an atomic rename."""

import argparse
import hashlib
import json
import os
from pathlib import Path

import torch
from safetensors.torch import save_file

import cards
import graph
from systems import SYSTEMS

VERSION = "0.3.0"
REPORT_HELP = "JSON with threshold, threshold_note, training, measured, known_failures"
TRAINING_DATA = [
    {
        "name": "LIDC-IDRI-0001 (TCIA)",
        "licence": "CC BY 3.0",
        "seen": "label map (TotalSegmentator v2 output) and image",
    },
    {
        "name": "abdomen-pelvis CT of TotalSegmentator's repository, 3 mm",
        "licence": "Apache-2.0",
        "seen": "label maps (TotalSegmentator output; pelvic bone by threshold) and image",
    },
    {"name": "VerSe verse004, verse010, gl003, gl017 (manual masks)", "licence": "CC BY-SA 4.0", "seen": "label maps"},
    {"name": "HuBMAP Visible Human pelvis (male, female)", "licence": "CC BY 4.0", "seen": "voxelised meshes"},
]


def training_data(system: str) -> list:
    """What the network learnt from: CTs without a share of its patches were left out."""
    has_abdomen = SYSTEMS[system].real_shares.get("abdomen", 0) > 0
    return [source for source in TRAINING_DATA if has_abdomen or not source["name"].startswith("abdomen")]


def card(system: str, training: dict, report: dict) -> dict:
    """Everything a loader and a reader need; the checksum is added on writing."""
    return {
        "name": cards.FILES[system],
        "version": VERSION,
        **cards.purpose(system),
        "architecture": cards.architecture(system),
        "preprocessing": cards.preprocessing(system),
        "vertebra_threshold": report.get("threshold", cards.THRESHOLDS[system]),
        "vertebra_threshold_note": report.get("threshold_note", "not calibrated"),
        "licence": "CC BY-SA 4.0; name the sources under training_data",
        "training_data": training_data(system),
        "training": {**training, **report.get("training", {})},
        "measured": report.get("measured", []),
        "known_failures": report.get("known_failures", ["snapshot of a running training; not measured"]),
    }


def card_text(details: dict) -> str:
    """Indented JSON with one node of the graph a line."""
    text = {**details, "architecture": dict(details["architecture"])}
    nodes = []
    if "graph" in text["architecture"]:
        graph_of = text["architecture"]["graph"]
        nodes = [json.dumps(node) for node in graph_of["nodes"]]
        text["architecture"]["graph"] = {**graph_of, "nodes": "NODES"}
    lines = ",\n".join("          " + node for node in nodes)
    return json.dumps(text, indent=2).replace('"NODES"', f"[\n{lines}\n        ]")


def _kept(state: dict, details: dict) -> dict:
    """The tensors a loader needs."""
    if "graph" in details["architecture"]:
        needed = graph.layers(details["architecture"]["graph"])
        return {k: v for k, v in state.items() if k.rsplit(".", 1)[0] in needed}
    heads = [int(k.split(".")[1]) for k in state if k.startswith("head.") and k.split(".")[1].isdigit()]
    coarse = tuple(f"head.{n}." for n in heads if n != max(heads))  # deep supervision is for training only
    return {k: v for k, v in state.items() if v.is_floating_point() and not k.startswith(coarse)}


def _stored(name: str, tensor):
    """fp16; running statistics as f32: their range is that of the data."""
    return (tensor.detach().float() if ".running_" in name else tensor.detach().half()).contiguous()


def export(state: dict, details: dict, folder: Path) -> None:
    """Weights first, card second: a card never names a file that is not yet there."""
    folder.mkdir(parents=True, exist_ok=True)
    weights, description = folder / f"{details['name']}.safetensors", folder / f"{details['name']}.json"
    fresh = weights.with_suffix(".safetensors.new")
    stored = {k: _stored(k, v) for k, v in _kept(state, details).items()}
    if not all(bool(v.isfinite().all()) for v in stored.values()):
        raise SystemExit(f"{details['name']}: a weight is not finite in fp16; the training has gone wrong")
    save_file(stored, fresh)
    fresh.chmod(0o644)
    checksum = hashlib.sha256(fresh.read_bytes()).hexdigest()
    os.replace(fresh, weights)
    fresh = description.with_suffix(".json.new")
    fresh.write_text(card_text({**details, "sha256": checksum}) + "\n")
    os.replace(fresh, description)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="last.pt or best.pt of train.py")
    parser.add_argument("--report", type=Path, help=REPORT_HELP)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    checkpoint = torch.load(options.checkpoint, weights_only=True)
    system = checkpoint["training"].get("system", "compact")
    SYSTEMS[system].build().load_state_dict(checkpoint["ema"])  # refuses what does not fit
    report = json.loads(options.report.read_text()) if options.report else {}
    export(checkpoint["ema"], card(system, checkpoint["training"], report), options.out)


if __name__ == "__main__":
    main()
