"""Trains one system (`systems.py`) on patches made as it goes.

The rate is constant until `--decay`; a run of leftover hours is

    train.py --scenes S --out RUN                          (stop and start at will)
    train.py --scenes S --out RUN/final --from RUN/last.pt --decay 600

SIGTERM and SIGINT end in order with a checkpoint. Both commands go on from
the checkpoint in `--out` if there is one. `best.pt` holds the averaged weights
with the lowest validation loss.
"""

import argparse
import json
import signal
import time
from pathlib import Path

import numpy as np
import torch

import patches
import validation
from run import Run
from systems import SYSTEMS

LOG_STEPS = 25


class _StopSignal:
    """Turns SIGTERM and SIGINT into an orderly end: the step is finished and the checkpoint saved."""

    def __init__(self):
        self.received = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, *_):
        self.received = True


def _means(rows):
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}


def train(options):
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    stop, run = _StopSignal(), Run(options)
    system = run.system
    checks = validation.Checks(system, options.scenes)
    stream = patches.Stream(options.scenes, options.seed, run.step * system.batch, system.real_shares, system.draw)
    log = open(options.out / "log.jsonl", "a", buffering=1)
    recent, saved_at, begin = [], time.time(), time.time()
    while not run.is_done and not stop.received:
        recent.append(run.train_on(stream.next(system.batch)))
        if run.step % LOG_STEPS == 0:
            seconds = round((time.time() - begin) / len(recent), 2)
            row = {"step": run.step, **_means(recent), "step_s": seconds, "cpu_minutes": run.cpu_minutes}
            log.write(json.dumps(row) + "\n")
            recent, begin = [], time.time()
        if run.step % options.check_steps == 0 or run.is_done:
            found = checks.run(run.ema, run.step)
            log.write(json.dumps({"step": run.step, **found}) + "\n")
            run.keep_best(found["validation_loss"])
        if time.time() > saved_at + 60 * options.save_minutes:
            run.save()
            saved_at = time.time()
    stream.close()
    run.save()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", default="compact", choices=list(SYSTEMS))
    parser.add_argument("--scenes", type=Path, required=True, help="written by prepare.py")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and log; last.pt there is resumed")
    parser.add_argument("--from", dest="start", type=Path, help="checkpoint or state dict to begin with")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=0, help="stop at this step; 0: go on until a signal")
    parser.add_argument("--decay", type=int, default=0, help="bring the rate down over so many steps, then stop")
    parser.add_argument("--rate", type=float, help="learning rate of the constant part, if not the system's own")
    parser.add_argument("--check-steps", type=int, default=300)
    parser.add_argument("--save-minutes", type=float, default=4.0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
