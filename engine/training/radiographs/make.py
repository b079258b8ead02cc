"""Makes the pictures that the networks are trained and watched on; picture n depends on the seed and n alone."""

import argparse
import pickle
from pathlib import Path

import numpy as np
import torch

from radiographs import picture, pieces, scan, spine

SHEAR = 0.07  # of the pelves, which are two
SOFT_COUNT = 90  # pictures of the chest CT without its spine, whose texture is laid over others


def store(path: Path, made) -> None:
    """By an atomic rename, so that a trainer beside us never reads half a file."""
    packed = [(level, box, mask.shape, np.packbits(mask)) for level, box, mask in made["contours"]]
    fresh = path.with_suffix(".new")
    fresh.write_bytes(pickle.dumps(made | {"contours": packed}))
    fresh.replace(path)


def make_soft(options):
    """Pictures of a trunk without a spine, in `soft` beside the others."""
    folder = options.out / "soft"
    folder.mkdir(exist_ok=True)
    trunk = scan.Scan(options.data, "chest", boneless=True)
    for n in range(SOFT_COUNT):
        if not (folder / f"{n:05d}.pkl").exists():
            store(folder / f"{n:05d}.pkl", trunk.make(np.random.default_rng([options.seed + 1, n])))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=Path, required=True, help="folder of pieces.py and pelvis_pieces.py")
    parser.add_argument("--data", type=Path, help="folder that holds ct; without it no picture of the chest CT itself")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sources", nargs="*", default=pieces.TRAINED_ON, help="where vertebrae come from")
    parser.add_argument("--chest-share", type=float, default=0.15, help="pictures of the chest CT itself, 0..1")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    library = spine.load(options.pieces, options.sources)
    real = scan.Scan(options.data, "chest") if options.data else None
    if options.data:
        make_soft(options)
    for n in range(options.first, options.first + options.count):
        path = options.out / f"{n:05d}.pkl"
        if path.exists():
            continue
        rng = np.random.default_rng([options.seed, n])
        if real is not None and rng.random() < options.chest_share:
            made = real.make(rng)
        else:
            placed, heads = spine.build(rng, library, SHEAR)
            made = picture.make(rng, placed, heads, bool(rng.random() < 0.45))
        store(path, made)
        if n % 20 == 0:
            print(n, made["grey"].shape, len(made["boxes"]), flush=True)


if __name__ == "__main__":
    main()
