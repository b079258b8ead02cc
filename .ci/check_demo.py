#!/usr/bin/env python3
"""Checks what the headless demo promises; reads the JSON it printed."""
import json
import os
import sys


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        demo = json.load(file)
    registration, reference = demo["registration"], demo["registration_to_reference_bone"]
    checks = {
        "at least 12 vertebrae": len(demo["vertebrae"]) >= 12,
        "registration accepted": registration["verdict"] == "accept",
        "true TRE at most 1 mm": registration["true_tre_mm"] <= 1.0,
        # Its points lie on the segmented bone: the segmentation's error is predicted, but is not there.
        "predicted TRE at most 1 mm": registration["predicted_tre_mm"] <= 1.0,
        "predicted TRE not too small": registration["predicted_tre_mm"] >= registration["true_tre_mm"] / 2,
        "predicted TRE on the reference bone within a factor 2 of the truth": 1 / 2
        <= reference["predicted_tre_mm"] / max(reference["true_tre_mm"], 1e-6)
        <= 2,
        "pictures": len(demo["images"]) >= 6 and all(os.path.getsize(path) > 10_000 for path in demo["images"]),
        "a report with its pictures": demo["report"]["pictures"] >= 6 and os.path.getsize(demo["report"]["file"]) > 100_000,
        "every stage timed": all(stage["ms"] >= 0 for stage in demo["stages"]) and len(demo["stages"]) >= 8,
        "live snapshots": demo["live"]["snapshots"] > 60 and demo["live"]["dropped_packets"] == 0,
    }
    for name, passed in checks.items():
        print(("ok      " if passed else "FAILED  ") + name)
    if not all(checks.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
