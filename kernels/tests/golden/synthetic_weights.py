"""Weights and inputs from a formula, the same in Rust (`kernels::Weights::synthetic`).

Parity tests need the full published channel numbers (up to 100 million
parameters), which nobody wants in a repository. A value depends on the name
of its tensor and on its index only:

    hash  = splitmix64(fnv1a64(name) + index)          (wrapping 64-bit)
    u     = (hash >> 40) / 2^24                        (in [0, 1))

    convolution weight          (2u - 1) * gain * sqrt(6 / fan_in), gain 0.7
    bias, shift of a norm       (2u - 1) * 0.1
    scale of a norm             0.5 + u
    running mean, variance      (2u - 1) * 0.1,  0.5 + u
    network input               (2u - 1) * 1.7,  name "input"

`fan_in` is the number of weights one output value sums: weights per output
channel, and the input channels for a transposed convolution whose kernel is
its stride. The gain keeps signals alive and small; networks without rectifiers
need another. Everything is computed in float64 and rounded once to float32.
"""

import math

import numpy as np
import torch
import torch.nn as nn

NORMS = (nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm2d, nn.InstanceNorm3d)
TRANSPOSED = (nn.ConvTranspose2d, nn.ConvTranspose3d)
CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
DEFAULT_GAIN = 0.7


def fnv1a64(name):
    """The 64-bit FNV-1a hash of the UTF-8 bytes (http://www.isthe.com/chongo/tech/comp/fnv/)."""
    value = 0xCBF29CE484222325
    for byte in name.encode("utf-8"):
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def uniform(name, count):
    """`count` values in [0, 1): splitmix64 (Steele et al. 2014, DOI 10.1145/2660193.2660195)."""
    seed = (fnv1a64(name) + 0x9E3779B97F4A7C15) % 2**64
    z = np.arange(count, dtype=np.uint64) + np.uint64(seed)  # wraps
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**24


def symmetric(name, shape, scale):
    values = (2 * uniform(name, math.prod(shape)) - 1) * scale
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def positive(name, shape):
    values = 0.5 + uniform(name, math.prod(shape))
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def fan_in(module):
    if isinstance(module, TRANSPOSED):
        return module.weight.shape[0]
    return math.prod(module.weight.shape[1:])


def layer_tensors(prefix, module, gain):
    """Name and value of every tensor of one layer."""
    if isinstance(module, CONVOLUTIONS + TRANSPOSED):
        scale = gain * math.sqrt(6 / fan_in(module))
        yield f"{prefix}.weight", symmetric(f"{prefix}.weight", module.weight.shape, scale)
    elif isinstance(module, NORMS):
        yield f"{prefix}.weight", positive(f"{prefix}.weight", module.weight.shape)
    else:
        return
    if module.bias is not None:
        yield f"{prefix}.bias", symmetric(f"{prefix}.bias", module.bias.shape, 0.1)
    if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
        yield f"{prefix}.running_mean", symmetric(f"{prefix}.running_mean", module.running_mean.shape, 0.1)
        yield f"{prefix}.running_var", positive(f"{prefix}.running_var", module.running_var.shape)


def fill(network, gain=DEFAULT_GAIN):
    """Overwrites all weights of `network`; fails when a tensor is not known to the rule."""
    state = {}
    for prefix, module in network.named_modules():
        state.update(layer_tensors(prefix, module, gain))
    known = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    assert known == set(state), known ^ set(state)
    network.load_state_dict(state, strict=False)
    return network.eval()


def image(shape):
    """The input every network is fed: `[1, channels, ...]`."""
    return symmetric("input", shape, 1.7)
