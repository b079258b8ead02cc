"""State of one training run: network, moving average, optimiser, and its checkpoints."""

import time

import torch

import schedule
from systems import SYSTEMS

EMA_DECAY = 0.998
CLIP_NORM = 1.0
WEIGHT_DECAY = 1e-4


class Run:
    """A run in memory; continues `last.pt` of its folder, or begins with `options.start`."""

    def __init__(self, options):
        torch.manual_seed(options.seed)
        self.options, self.system = options, SYSTEMS[options.system]
        self.rate = options.rate or self.system.rate
        self.network = self.system.build().train()
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=self.rate, weight_decay=WEIGHT_DECAY)
        self.ema = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.step, self.first = 0, 0
        self.earlier_minutes, self.earlier_cpu, self.best = 0.0, 0.0, float("inf")
        self.began = time.time()
        own = options.out / "last.pt"
        if own.exists():
            self._load(own)
        elif options.start:
            self._load(options.start)
            self.first, self.best = self.step, float("inf")  # the warm-up, or the decay, begins here

    def _load(self, path):
        """A checkpoint; a bare state dict (of fold.py, or of exported weights) only starts a run."""
        saved = torch.load(path, weights_only=True)
        is_checkpoint = "network" in saved
        self.network.load_state_dict(saved.get("network", saved), strict=is_checkpoint)
        self.ema = {k: v.clone() for k, v in saved.get("ema", self.network.state_dict()).items()}
        if is_checkpoint:
            facts = saved["training"]
            self.optimiser.load_state_dict(saved["optimiser"])
            self.step, self.first = saved["step"], saved.get("first", saved["step"])
            self.earlier_minutes, self.earlier_cpu = facts["minutes"], facts.get("cpu_minutes", 0.0)
            self.best = saved.get("best", float("inf"))

    @property
    def is_done(self):
        """Whether the decay is complete, or the last step asked for was taken."""
        decay, last = self.options.decay, self.options.steps
        return bool(decay and self.step - self.first >= decay or last and self.step >= last)

    @property
    def cpu_minutes(self):
        """CPU time of this process and the ones before it, without the making of patches."""
        return round(self.earlier_cpu + time.process_time() / 60, 1)

    def train_on(self, parts):
        """One step on a batch; the parts of the loss as numbers."""
        done = self.step - self.first
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * schedule.rate_share(done, self.options.decay)
        found = self.system.loss(self.network, parts, self.step)
        self.optimiser.zero_grad(set_to_none=True)
        found["loss"].backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP_NORM)
        self.optimiser.step()
        self._average()
        self.step += 1
        return {name: float(value.detach()) for name, value in found.items()}

    def _average(self):
        keep = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        for key, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.ema[key].lerp_(value, 1 - keep)
            else:
                self.ema[key].copy_(value)

    def facts(self):
        """What a model card says of the training."""
        return {
            "system": self.options.system,
            "steps": self.step,
            "batch": self.system.batch,
            "seed": self.options.seed,
            "minutes": round(self.earlier_minutes + (time.time() - self.began) / 60, 1),
            "cpu_minutes": self.cpu_minutes,
            "machine": f"{torch.get_num_threads()} x86-64 cores with AVX2, f32, PyTorch {torch.__version__}",
            "optimiser": f"AdamW, rate {self.rate}, decay over {self.options.decay} steps; moving average {EMA_DECAY}",
        }

    def save(self):
        """Writes `last.pt` by an atomic rename."""
        saved = {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(), "ema": self.ema}
        saved |= {"step": self.step, "first": self.first, "best": self.best, "training": self.facts()}
        self._write(saved, "last.pt")

    def keep_best(self, loss):
        """Writes `best.pt` when the averaged weights are better than any before."""
        if loss < self.best:
            self.best = loss
            self._write({"ema": self.ema, "step": self.step, "training": self.facts()}, "best.pt")

    def _write(self, saved, name):
        path = self.options.out / name
        torch.save(saved, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)
