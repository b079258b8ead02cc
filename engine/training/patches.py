"""Training patches from a worker process, and the fixed patches that a run is checked on.

Patch `n` of a run depends on the seed and `n` alone: a run that was stopped and
resumed sees the patches of one that was not.
"""

import itertools
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as mp

from geometry import VOXEL_MM
from fields import grid_mm
from scene import Scene
from synth import CLASS_TABLE, sample
from tissues import CLASS_OF_TISSUE, VERTEBRA

VERSE_SHARES = {"verse": 0.70, "gl": 0.30}  # of what the real CTs leave, by the start of a scene's name
QUEUE = 6
VALIDATION_EDGE = 64
VALIDATION_SEED = 990_001


def load_scenes(folder: Path, real_shares: dict):
    """Scenes and the probability of drawing each; `real_shares` maps names of real CTs to theirs."""
    scenes = [Scene(path) for path in sorted(folder.iterdir()) if (path / "scene.json").exists()]
    rest = 1 - sum(real_shares.values())
    shares = real_shares | {group: share * rest for group, share in VERSE_SHARES.items()}
    groups = [next((g for g in shares if s.name.startswith(g)), None) for s in scenes]
    if None in groups:
        raise SystemExit(f"scene {scenes[groups.index(None)].name!r} in {folder} has no share in systems.py")
    weights = np.array([shares[g] / groups.count(g) for g in groups])
    return scenes, weights / weights.sum()


def draw_patch(seed, number, scenes, weights, draw):
    """Parts of patch `number` of a run."""
    rng = np.random.default_rng([seed, number])
    return draw(rng, scenes[rng.choice(len(scenes), p=weights)])


def fill(queue, folder, seed, first, real_shares, draw):
    """Worker: puts patch `first`, `first` + 1, ... into the queue for ever."""
    torch.set_num_threads(1)
    scenes, weights = load_scenes(folder, real_shares)
    for number in itertools.count(first):
        queue.put([part.numpy() for part in draw_patch(seed, number, scenes, weights, draw)])


class Stream:
    """Patches `first`, `first` + 1, ... of a run, made beside it."""

    def __init__(self, *arguments):
        context = mp.get_context("spawn")
        self.queue = context.Queue(maxsize=QUEUE)
        self.worker = context.Process(target=fill, args=(self.queue, *arguments), daemon=True)
        self.worker.start()

    def next(self, count=1):
        """The next patches as one batch: tensors of each part."""
        return [torch.cat(parts) for parts in zip(*(self._one() for _ in range(count)))]

    def _one(self):
        while True:
            try:
                return [torch.from_numpy(part) for part in self.queue.get(timeout=60)]
            except Exception as error:  # an empty queue: slow, or the worker is gone
                if not self.worker.is_alive():
                    raise RuntimeError("the process that makes patches ended; see its message above") from error

    def close(self):
        self.worker.terminate()


def validation_parts(system, scenes, weights, count=12):
    """Fixed patches of any system, never trained on."""
    return [draw_patch(VALIDATION_SEED, number, scenes, weights, system.draw) for number in range(count)]


def validation_patches(scenes, count=12, crops=5):
    """Fixed synthetic patches (never trained on) and plain crops of each real CT: name -> [(HU, classes)]."""
    rng = np.random.default_rng(VALIDATION_SEED)
    drawn = (sample(rng, scenes[i % len(scenes)], VALIDATION_EDGE, real_share=0.0) for i in range(count))
    found = {"synthetic": [(patch.hu, patch.classes) for patch in drawn]}
    for scene in (s for s in scenes if s.image_hu is not None):
        found[f"real_{scene.name}"] = [_plain_crop(scene, share) for share in np.linspace(0.1, 0.9, crops)]
    return found


def _plain_crop(scene, share):
    """An undeformed crop centred on a vertebra at `share` of the way along the spine."""
    spine = [v.mean(0) for n, v in sorted(scene.centres.items()) if CLASS_OF_TISSUE[n] == VERTEBRA]
    centre = torch.tensor(spine[int(share * (len(spine) - 1))] * scene.spacing_mm, dtype=torch.float32)
    points = grid_mm(VALIDATION_EDGE, VOXEL_MM) + centre
    tissue, inside = scene.nearest(scene.tissue, points)
    hu = torch.where(inside, scene.linear(scene.image_hu, points), torch.tensor(-1000.0))
    return hu, CLASS_TABLE[tissue.long() * inside]
