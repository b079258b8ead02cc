"""Turns a network with instance norm into one without norms, as a start for further training.

Each norm's statistics are measured over sample patches, layer by layer from the
input (so that every layer sees what the layers already folded give it), and
multiplied into its convolution.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from network import CompactUNet, normalise
from scene import Scene
from synth import sample

EPS = 1e-5


def statistics(network, layer, patches):
    """Mean and variance per channel of a layer's output, pooled over patches."""
    found = []
    hook = layer.register_forward_hook(lambda _, __, out: found.append(torch.var_mean(out, (0, 2, 3, 4), correction=0)))
    with torch.no_grad():
        for patch in patches:
            network(patch)
    hook.remove()
    variances, means = (torch.stack(values) for values in zip(*found))
    return means.mean(0), variances.mean(0) + means.var(0)


def fold(state, patches):
    """State dict without norms from one with instance norms; `patches` are inputs [1, 1, z, y, x]."""
    network = CompactUNet(norm="instance").eval()
    network.load_state_dict(state, strict=False)  # an older state has no offset head
    blocks = [block for stack in (*network.enc, *network.dec) for block in stack]
    for block in blocks:
        mean, variance = statistics(network, block.conv, patches)
        gain = block.norm.weight.detach() / torch.sqrt(variance + EPS)
        conv = block.conv
        conv.weight.data *= gain[:, None, None, None, None]
        conv.bias = torch.nn.Parameter(block.norm.bias.detach() - mean * gain)
        block.norm = torch.nn.Identity()
    return network.state_dict()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="last.pt of a network with instance norm")
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="state dict for train.py --start")
    parser.add_argument("--patches", type=int, default=16)
    options = parser.parse_args()
    scenes = [Scene(path) for path in sorted(options.scenes.iterdir())]
    rng = np.random.default_rng(7)
    draws = [sample(rng, scenes[i % len(scenes)], 48)[0] for i in range(options.patches)]
    inputs = [normalise(hu)[None, None].contiguous(memory_format=torch.channels_last_3d) for hu in draws]
    torch.save(fold(torch.load(options.checkpoint, weights_only=True)["ema"], inputs), options.out)


if __name__ == "__main__":
    main()
