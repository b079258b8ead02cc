"""Trains the compact network on synthetic patches until a wall-clock deadline.

The learning rate follows elapsed time, so the cosine is complete when the
deadline comes. Patches of several sizes are made in a worker process.
"""

import argparse
import datetime
import itertools
import json
import math
import signal
import time
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as mp

import export
from network import CompactUNet, normalise
from scene import Scene
from synth import CLASS_TABLE, sample
from tissues import CLASSES, VERTEBRA

GROUPS = {"verse": 0.70, "gl": 0.30}  # shares of what the chest leaves, by the start of a scene's name
RESCAN_EVERY = 40  # patches
FLOOR_SHARE, WARM_STEPS = 0.01, 60
EMA_DECAY = 0.995
ENTROPY_SHARE = 0.3
OFFSET_WEIGHT = 0.2
DICE_WEIGHTS = (0.50, 0.28, 0.22)  # vertebra, other bone, disc
EDGES, EDGE_SHARES = (40, 48, 56, 64), (0.25, 0.55, 0.15, 0.05)
VALIDATION_EDGE = 64
CLIP_NORM = 1.0
VALIDATION_SEED = 990_001


def load_scenes(folder: Path, chest_share: float, loaded=()):
    """Scenes (those already `loaded` are kept while their folder exists) and the probability of drawing each."""
    scenes = {s.name: s for s in loaded if (folder / s.name).exists()}
    for path in sorted(folder.iterdir()):
        if path.name not in scenes and (path / "scene.json").exists():
            scenes[path.name] = Scene(path)
    scenes = list(scenes.values())
    shares = {"chest": chest_share} | {group: share * (1 - chest_share) for group, share in GROUPS.items()}
    groups = [next(g for g in shares if s.name.startswith(g)) for s in scenes]
    weights = np.array([shares[g] / groups.count(g) for g in groups])
    return scenes, weights / weights.sum()


def make_patches(folder, seed, queue, chest_share, real_share):
    """Worker: fills the queue with (input, classes, offsets) for ever; scenes added to or taken from the folder are followed."""
    torch.set_num_threads(1)
    scenes, weights = load_scenes(folder, chest_share)
    rng = np.random.default_rng(seed)
    for count in itertools.count():
        if count % RESCAN_EVERY == 0:
            scenes, weights = load_scenes(folder, chest_share, scenes)
        edge = int(rng.choice(EDGES, p=EDGE_SHARES))
        hu, target, offsets = sample(rng, scenes[rng.choice(len(scenes), p=weights)], edge, real_share)
        queue.put((normalise(hu).numpy(), target.to(torch.uint8).numpy(), offsets.half().numpy()))


def validation_patches(folder, count=12):
    """Fixed synthetic patches (one stream, never trained on) and plain crops of the real chest CT."""
    scenes, _ = load_scenes(folder, chest_share=0.5)
    rng = np.random.default_rng(VALIDATION_SEED)
    synthetic = [sample(rng, scenes[i % len(scenes)], VALIDATION_EDGE, real_share=0.0)[:2] for i in range(count)]
    chest = next(s for s in scenes if s.image_hu is not None)
    crops = [_plain_crop(chest, share) for share in np.linspace(0.1, 0.9, 5)]
    return {"synthetic": synthetic, "real_chest": crops}


def _plain_crop(scene, share):
    """An undeformed crop centred on a vertebra at `share` of the way along the spine."""
    spine = np.stack([scene.centres[n].mean(0) for n in sorted(scene.centres) if 27 <= n <= 50])
    centre = torch.tensor(spine[int(share * (len(spine) - 1))] * scene.spacing_mm, dtype=torch.float32)
    line = (torch.arange(VALIDATION_EDGE).float() - (VALIDATION_EDGE - 1) / 2) * 2.5
    points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1) + centre
    tissue, inside = scene.nearest(scene.tissue, points)
    hu = torch.where(inside, scene.linear(scene.image_hu, points), torch.tensor(-1000.0))
    return hu, CLASS_TABLE[tissue.long() * inside]


def offset_loss(guess, target, offsets):
    """Mean distance between offsets in vertebra voxels, in `OFFSET_MM`."""
    inside = target == VERTEBRA
    if not inside.any():
        return guess.sum() * 0
    away = (guess - offsets).movedim(1, -1)[inside]
    return torch.sqrt((away**2).sum(-1) + 1e-4).mean()


def loss_of(logits, target):
    """Cross-entropy plus weighted soft Dice over the foreground classes present."""
    log_p = logits.float().log_softmax(1)
    truth = torch.nn.functional.one_hot(target, len(CLASSES)).movedim(-1, 1).float()
    entropy = -(log_p * truth).sum(1).mean()
    p = log_p.exp()
    overlap, size = (p * truth).sum((0, 2, 3, 4)), (p + truth).sum((0, 2, 3, 4))
    weights = torch.tensor(DICE_WEIGHTS) * (truth.sum((0, 2, 3, 4))[1:] > 20)
    dice = 1 - (2 * overlap + 1) / (size + 1)
    mean_dice = (weights * dice[1:]).sum() / weights.sum().clamp_min(1e-6)
    return ENTROPY_SHARE * entropy + (1 - ENTROPY_SHARE) * mean_dice


@torch.no_grad()
def validate(state, patches):
    """Dice of each foreground class, pooled over each group of patches."""
    network = CompactUNet().eval().to(memory_format=torch.channels_last_3d)
    network.load_state_dict(state)
    result = {}
    for group, pairs in patches.items():
        hits, sizes = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
        for hu, target in pairs:
            guess = network(normalise(hu)[None, None]).argmax(1)[0]
            for number in range(len(CLASSES)):
                a, b = guess == number, target == number
                hits[number] += float((a & b).sum())
                sizes[number] += float(a.sum() + b.sum())
        dice = 2 * hits / np.maximum(sizes, 1)
        result[group] = {name: round(d, 4) for name, d in zip(CLASSES[1:], dice[1:])}
    return result


def learning_rate(peak, share, step):
    """Warm-up by steps, cosine by the share of time spent."""
    cosine = FLOOR_SHARE + (1 - FLOOR_SHARE) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    return peak * min(1.0, (step + 1) / WARM_STEPS) * cosine


class Run:
    """Network, moving average, optimiser and the clock of one training run."""

    def __init__(self, options):
        torch.manual_seed(options.seed)
        self.options = options
        self.network = CompactUNet().to(memory_format=torch.channels_last_3d)
        self.ema = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=options.peak_rate, weight_decay=1e-4)
        self.earlier_minutes = 0.0
        self.step, self.start, self.deadline = 0, time.time(), _deadline(options)
        checkpoint = options.out / "last.pt"
        if options.start:
            self.network.load_state_dict(torch.load(options.start, weights_only=True), strict=False)
            self.ema = {k: v.clone() for k, v in self.network.state_dict().items()}
        if options.resume and checkpoint.exists():
            saved = torch.load(checkpoint, weights_only=True)
            self.network.load_state_dict(saved["network"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.ema, self.step = saved["ema"], saved["step"]
            self.earlier_minutes = saved["training"]["minutes"]
            if options.restart_schedule is False:
                self.start, self.earlier_minutes = saved["start"], 0.0

    @property
    def share(self):
        return (time.time() - self.start) / (self.deadline - self.start)

    def train_on(self, values, target, offsets):
        rate = learning_rate(self.options.peak_rate, self.share, self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        x = torch.from_numpy(values)[None, None].contiguous(memory_format=torch.channels_last_3d)
        logits, pointed = self.network.both(x)
        target = torch.from_numpy(target).long()[None]
        loss = loss_of(logits, target)
        away = offset_loss(pointed, target, torch.from_numpy(offsets).float()[None])
        self.optimiser.zero_grad(set_to_none=True)
        (loss + OFFSET_WEIGHT * away).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP_NORM)
        self.optimiser.step()
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        for key, value in self.network.state_dict().items():
            self.ema[key].lerp_(value, 1 - decay)
        self.step += 1
        return float(loss.detach()), float(away.detach())

    def facts(self):
        return {
            "steps": self.step,
            "batch": 1,
            "seed": self.options.seed,
            "minutes": round(self.earlier_minutes + (time.time() - self.start) / 60, 1),
            "machine": f"{torch.get_num_threads()} x86-64 cores with AVX2, f32, PyTorch {torch.__version__}",
            "optimiser": f"AdamW, peak rate {self.options.peak_rate}, cosine over time; moving average {EMA_DECAY}",
        }

    def save(self):
        path = self.options.out / "last.pt"
        torch.save(
            {
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "ema": self.ema,
                "step": self.step,
                "start": self.start,
                "training": self.facts(),
            },
            path.with_suffix(".new"),
        )
        path.with_suffix(".new").replace(path)
        if self.options.export:
            export.export(self.ema, export.card(self.facts(), {}), self.options.export)


class _StopSignal:
    """Turns SIGTERM into an orderly end: the step is finished and the checkpoint saved."""

    def __init__(self):
        self.received = False
        signal.signal(signal.SIGTERM, self._receive)

    def _receive(self, *_):
        self.received = True


def _deadline(options):
    if options.minutes:
        return time.time() + 60 * options.minutes
    now = datetime.datetime.now(datetime.timezone.utc)
    hour, minute = map(int, options.deadline.split(":"))
    return now.replace(hour=hour, minute=minute, second=0).timestamp()


def train(options):
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    run = Run(options)
    patches = validation_patches(options.scenes)
    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=6)
    seed = options.seed + 7919 * run.step
    worker = context.Process(target=make_patches, args=(options.scenes, seed, queue, options.chest_share, options.real_share), daemon=True)
    worker.start()
    log = open(options.out / "log.jsonl", "a", buffering=1)
    recent, next_check, waited, worked = [], time.time() + 60 * options.check_minutes, 0.0, 0.0
    stop = _StopSignal()
    while run.share < 1 and not stop.received:
        begin = time.time()
        patch = queue.get()
        arrived = time.time()
        recent.append(run.train_on(*patch))
        waited, worked = waited + arrived - begin, worked + time.time() - arrived
        if run.step == 300:
            run.save()
        if run.step % 25 == 0:
            seconds = {"wait_s": round(waited / 25, 2), "step_s": round(worked / 25, 2)}
            loss, away = np.mean(recent, 0).round(4).tolist()
            log.write(json.dumps({"step": run.step, "share": run.share, "loss": loss, "offset_loss": away, **seconds}) + "\n")
            recent, waited, worked = [], 0.0, 0.0
        if time.time() > next_check:
            run.save()
            log.write(json.dumps({"step": run.step, "share": run.share, "dice": validate(run.ema, patches)}) + "\n")
            next_check = time.time() + 60 * options.check_minutes
    worker.terminate()
    run.save()
    if stop.received:
        return
    log.write(json.dumps({"step": run.step, "share": 1.0, "dice": validate(run.ema, patches)}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True, help="written by prepare.py")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and log")
    parser.add_argument("--export", type=Path, help="folder that receives weights at every check")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, help="length of the run")
    parser.add_argument("--deadline", help="HH:MM UTC today, instead of --minutes")
    parser.add_argument("--start", type=Path, help="state dict to start from, as written by fold.py")
    parser.add_argument("--check-minutes", type=float, default=8.0)
    parser.add_argument("--peak-rate", type=float, default=1.5e-3)
    parser.add_argument("--chest-share", type=float, default=0.36, help="share of patches from the chest CT")
    parser.add_argument("--real-share", type=float, default=0.5, help="share of those with its own intensities")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--restart-schedule", action="store_true", help="with --resume: a new cosine from now on")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
