"""From checkpoints to shipped models in one go: export, run the program on the labelled CTs, write what was measured.

    python ship.py --checkpoints RUN_mafu/last.pt RUN_xunet/last.pt ... --data DIR --spinenav PROGRAM

Which system a checkpoint is of, it says itself. A system whose first step is
another model (the localiser) needs that one exported before or in the same call.
Weights and cards go to `--out`; without `--checkpoints` what lies there is
measured again (`--only` names systems). Prints a table for the docs.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

import cards
import evaluate
import export
import scores
from prepare import load_lps
from systems import SYSTEMS

# What is judged, in this order; the localiser is judged with the network that needs it.
JUDGED = {
    "compact": ["patches"],
    "mafu": ["windows"],
    "dense3d": ["patches", "box128"],
    "residual": ["slabs"],
    "xunet": ["patches"],
}
CT_NAMES = {"abdomen": "abdomen_pelvis_3mm (TotalSegmentator)", "chest": "LIDC-IDRI-0001, whole scan"}
HOW = "spinenav segment against model labels, one CT, every figure of one run"


def load_case(data, case):
    """HU, truth in VerSe numbers, spacing."""
    folder, label_file = evaluate.CASES[case]
    hu, spacing = load_lps(data / folder / "ct.nii.gz")
    return hu, evaluate.verse_numbers(load_lps(data / folder / label_file)[0]), spacing


def is_seen(system, case):
    """Whether a system learns from that CT."""
    return SYSTEMS[system].real_shares.get(case, 0) > 0


def measure(program, weights, mode, case, ct, system):
    """One entry of a card's `measured`."""
    hu, truth, spacing = ct
    began = time.time()
    guess = evaluate.by_program(program, weights, hu, spacing, mode)
    seconds = round(time.time() - began, 1)
    was_found = guess is not None
    guess = guess if was_found else np.zeros(truth.shape, np.uint8)
    if system == "xunet":  # it knows lumbar vertebrae only
        lumbar = list(scores.REGIONS["lumbar"])
        truth = np.where(np.isin(truth, lumbar), truth, 0)
    regions, levels = scores.by_region(guess, truth, spacing), scores.by_level(guess, truth, spacing)
    column, whole = regions["column"], [v for v in levels["levels"].values() if v["whole"]]
    seen = "labels and image" if is_seen(system, case) else "no"
    if seen == "no" and system == "mafu" and is_seen("compact", case):
        seen = "by its first step"
    return {
        "ct": CT_NAMES[case],
        "seen": seen,
        "mode": mode,
        "vertebra_dice": column["dice"],
        **{key: column[key] for key in ("assd_mm", "hd95_mm", "volume_similarity", "recall")},
        "instance_dice_whole_levels": levels["mean"].get("matched_dice"),
        "identified_whole_levels": f"{sum(v['identified'] for v in whole)} of {len(whole)}",
        "dice_by_region": {name: values["dice"] for name, values in regions.items() if name != "column"},
        "dice_by_level": {name: values["dice"] for name, values in levels["levels"].items()},
        "seconds": seconds,
        "how": HOW + ("" if was_found else "; nothing was found") + ("; lumbar levels only" if system == "xunet" else ""),
    }


def row(name, m):
    """A line of a Markdown table."""
    values = [m["vertebra_dice"], m["instance_dice_whole_levels"], m["identified_whole_levels"], m["assd_mm"], m["hd95_mm"]]
    return " | ".join(["", name, m["mode"], m["ct"].split(" ")[0], m["seen"], *map(str, values), f"{m['seconds']:.0f} s", ""]).strip()


def write_measured(path, entries):
    """The card with new measurements; weights and checksum stay."""
    card = json.loads(path.read_text())
    card["measured"] = entries
    fresh = path.with_suffix(".json.new")
    fresh.write_text(export.card_text(card) + "\n")
    fresh.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", type=Path, nargs="*", default=[], help="last.pt or best.pt of train.py")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds ct")
    parser.add_argument("--spinenav", type=Path, required=True, help="the program")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "models")
    parser.add_argument("--cases", nargs="*", default=list(evaluate.CASES), choices=list(evaluate.CASES))
    parser.add_argument("--only", nargs="*", choices=list(JUDGED), help="systems to measure; default: those exported")
    options = parser.parse_args()
    exported = []
    for path in options.checkpoints:
        checkpoint = torch.load(path, weights_only=True)
        system = checkpoint["training"].get("system", "compact")
        SYSTEMS[system].build().load_state_dict(checkpoint["ema"])  # refuses what does not fit
        facts = {**checkpoint["training"], "steps": checkpoint["step"]}
        export.export(checkpoint["ema"], export.card(system, facts, cards.report(system)), options.out)
        exported.append("xunet" if system == "localiser" else system)
        print(f"exported {cards.FILES[system]}, step {checkpoint['step']}", flush=True)
    wanted = options.only or exported or list(JUDGED)
    cts = {case: load_case(options.data, case) for case in options.cases}
    print("| model | mode | CT | seen | vertebra Dice | single vertebrae | named | ASSD | HD95 | time |\n|" + "---|" * 10)
    for system in [system for system in JUDGED if system in wanted]:
        weights, entries = options.out / f"{cards.FILES[system]}.safetensors", []
        for mode in JUDGED[system]:
            for case, ct in cts.items():
                entries.append(measure(options.spinenav, weights, mode, case, ct, system))
                print(row(cards.FILES[system], entries[-1]), flush=True)
        if system != "compact":  # its card has a longer story, written by hand
            write_measured(weights.with_suffix(".json"), entries)


if __name__ == "__main__":
    main()
