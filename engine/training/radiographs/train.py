"""Trains one of the two networks on pictures in memory; stop and start it with the same command at will."""

import argparse
import json
import signal
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import schedule
from radiographs import album, narrow, networks
from radiographs.detector_loss import detector_loss, start_biases, start_stem

EMA_DECAY = 0.998
SAVE_EVERY_S = 45


class Detector:
    """YOLOv5s on parts of the canvas."""

    rate = 1.5e-3

    def __init__(self, options):
        self.size, self.batch = tuple(options.size), options.batch
        build = narrow.detector(options.share) if options.share > 1 else networks.detector()
        self.network = build.to(memory_format=torch.channels_last)
        start_biases(self.network)
        start_stem(self.network, 6 // options.share + 1)
        if options.weights:
            self.network.load_state_dict(narrow.grown(load_file(options.weights), self.network))

    def step(self, rng, pictures):
        images, targets = [], []
        for n in range(self.batch):
            image, boxes = album.detector_sample(rng, pictures.draw(rng), self.size, pictures.texture(rng))
            images.append(torch.from_numpy(np.ascontiguousarray(image)))
            sides = boxes[:, 3:] - boxes[:, 1:3]
            middle = boxes[:, 1:3] + sides / 2
            targets.append(np.concatenate([np.full((len(boxes), 1), n), boxes[:, :1], middle, sides], 1))
        targets = torch.from_numpy(np.concatenate(targets).astype(np.float32))
        with self.precision():
            maps = networks.maps_of(self.network, torch.stack(images))
        return detector_loss([one.float() for one in maps], targets)


class Contour:
    """The 2-D U-Net on crops about bodies."""

    rate = 2e-3

    def __init__(self, options):
        self.batch, self.crop = options.batch, options.crop
        self.network = networks.contour().to(memory_format=torch.channels_last)
        if options.weights:
            self.network.load_state_dict({k: v.float() for k, v in load_file(options.weights).items()}, strict=False)

    def step(self, rng, pictures):
        crops = []
        while len(crops) < self.batch:
            one = pictures.draw(rng)
            if one["contours"]:
                crops.append(album.contour_sample(rng, one, self.crop, pictures.texture(rng)))
        images, wanted = (torch.stack(part) for part in zip(*crops))
        with self.precision():
            logits = self.network(images.contiguous(memory_format=torch.channels_last))["logits"]
        logits = logits.float()
        p = logits.sigmoid()
        dice = 1 - (2 * (p * wanted).sum((1, 2, 3)) + 1) / ((p + wanted).sum((1, 2, 3)) + 1)
        entropy = F.binary_cross_entropy_with_logits(logits, wanted)
        return {"loss": entropy + dice.mean(), "dice": 1 - dice.mean()}


SYSTEMS = {"detector": Detector, "contour": Contour}


class Run:
    """Network, moving average and optimiser, and their checkpoint."""

    def __init__(self, options):
        torch.manual_seed(options.seed)
        self.options, self.path = options, options.out / "last.pt"
        self.system = SYSTEMS[options.network](options)
        self.system.rate = options.rate or self.system.rate
        self.system.precision = lambda: torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bf16)
        self.network = self.system.network.train()
        groups = [[p for p in self.network.parameters() if (p.ndim > 1) == decays] for decays in (True, False)]
        self.optimiser = torch.optim.AdamW(
            [{"params": groups[0], "weight_decay": 5e-3}, {"params": groups[1], "weight_decay": 0.0}], lr=self.system.rate, betas=(0.9, 0.99)
        )
        self.step, self.first, self.seconds = 0, 0, 0.0
        self.ema = {k: v.clone() for k, v in self.network.state_dict().items()}
        start = self.path if self.path.exists() else options.start
        if start:
            saved = torch.load(start, weights_only=True)
            self.network.load_state_dict(saved["network"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.ema, self.step, self.seconds = saved["ema"], saved["step"], saved["cpu_seconds"]
            self.first = saved["first"] if start == self.path else self.step

    @property
    def is_done(self):
        return bool(self.options.decay and self.step - self.first >= self.options.decay)

    def train_on(self, rng, pictures):
        share = schedule.rate_share(self.step - self.first, self.options.decay)
        for group in self.optimiser.param_groups:
            group["lr"] = self.system.rate * share
        found = self.system.step(rng, pictures)
        self.optimiser.zero_grad(set_to_none=True)
        found["loss"].backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimiser.step()
        self.step += 1
        keep = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        for key, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.ema[key].lerp_(value, 1 - keep)
        return {name: float(value.detach()) for name, value in found.items()}

    def save(self):
        saved = {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(), "ema": self.ema}
        saved |= {"step": self.step, "first": self.first, "cpu_seconds": self.seconds + time.process_time()}
        torch.save(saved, self.path.with_suffix(".new"))
        self.path.with_suffix(".new").replace(self.path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=list(SYSTEMS), required=True)
    parser.add_argument("--pictures", type=Path, required=True, help="folder of make.py; may still be growing")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--from", dest="start", type=Path, help="checkpoint to begin with")
    parser.add_argument("--weights", type=Path, help="weights to begin with, as export.py writes them")
    parser.add_argument("--decay", type=int, default=0, help="let the rate fall over this many steps, then end")
    parser.add_argument("--minutes", type=float, default=1e9, help="end after this time; the checkpoint is kept")
    parser.add_argument("--size", type=int, nargs=2, default=[192, 96], help="rows, columns of the detector's crops")
    parser.add_argument("--crop", type=int, default=album.CROP, help="edge of the contour network's crops: half of it costs a quarter")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=int, default=1, help="train the detector with 1 / SHARE of its channels")
    parser.add_argument("--bf16", action="store_true", help="products of bf16: about twice as fast on processors with AMX")
    parser.add_argument("--rate", type=float, help="learning rate, in place of the network's own")
    parser.add_argument("--freeze-norms", action="store_true", help="keep the batch norms' statistics")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    run, pictures = Run(options), album.Album(options.pictures)
    if options.freeze_norms:
        for module in run.network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
    stops = []
    signal.signal(signal.SIGTERM, lambda *_: stops.append(True))
    signal.signal(signal.SIGINT, lambda *_: stops.append(True))
    began = saved = time.time()
    sums = {}
    while not (stops or run.is_done or time.time() - began > 60 * options.minutes):
        rng = np.random.default_rng([options.seed, run.step])
        for name, value in run.train_on(rng, pictures).items():
            sums[name] = sums.get(name, 0.0) + value / 50
        if run.step % 50 == 0:
            line = {"step": run.step, "pictures": len(pictures.pictures), **{k: round(v, 4) for k, v in sums.items()}}
            line |= {"cpu_s": round(run.seconds + time.process_time()), "s": round(time.time() - began)}
            with open(options.out / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
            sums = {}
            pictures.refresh()
        if time.time() - saved > SAVE_EVERY_S:
            run.save()
            saved = time.time()
    run.save()


if __name__ == "__main__":
    main()
