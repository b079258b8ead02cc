"""Makes `parity/*.safetensors`: what PyTorch computes for every network of
`kernels::architectures` with formula weights (`synthetic_weights.py`).

    python kernels/tests/golden/make_parity.py [network ...]

Needs torch, numpy and safetensors (made with torch 2.15 on a CPU). Computed in
float64 and rounded at the end, so that the files do not depend on the machine.
If the package dynamic-network-architectures is there, the nnU-Net definitions
are checked against it.

A file holds, per network output NAME:

    NAME             every `step`-th voxel (width fastest), all channels
    NAME.step        that step
    NAME.shape       [channels, depth, height, width] of the whole output
    NAME.statistics  mean, standard deviation, minimum, maximum of the whole output
"""

import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

import reference_networks as networks
from synthetic_weights import DEFAULT_GAIN, fill, image

# Sides are multiples of what the network needs, unequal and, but for the
# thinnest, no powers of two.
CASES = {
    "dense_3d_unet": (networks.Dense3dUnet, (1, 16, 48, 80)),
    "nnunet_plain": (networks.NnunetPlain, (1, 32, 64, 96)),
    "nnunet_residual": (networks.NnunetResidual, (1, 32, 64, 96)),
    "mafu_unet": (networks.MafuUnet, (1, 16, 24, 40)),
    "residual_unet": (networks.ResidualUnet, (1, 16, 24, 40)),
    "localisation_unet": (networks.LocalisationUnet, (1, 16, 24, 40)),
    "xunet_3d": (networks.Xunet3d, (1, 16, 24, 40)),
    "unet_2d": (networks.Unet2d, (1, 48, 80)),
    "yolov5s": (networks.YoloV5s, (3, 96, 160)),
    "compact_unet": (networks.CompactUnet, (1, 16, 24, 40)),
}

# SiLU halves small signals: with the default gain they would die out.
GAINS = {"yolov5s": 0.95}

# Bytes per stored output; primes that divide no side, so that a sample visits
# every row, column and slice position.
LARGEST_SAMPLE = 64 * 1024
STEPS = (1, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)


def sample(name, values):
    """The tensors stored for one output `[channels, (depth,) height, width]`."""
    shape = [values.shape[0]] + [1] * (4 - values.dim()) + list(values.shape[1:])
    flat = values.reshape(values.shape[0], -1)
    step = next(s for s in STEPS if 4 * flat[:, ::s].numel() <= LARGEST_SAMPLE)
    statistics = [values.mean(), values.std(correction=0), values.min(), values.max()]
    return {
        name: flat[:, ::step].float().contiguous(),
        f"{name}.step": torch.tensor([step]),
        f"{name}.shape": torch.tensor(shape),
        f"{name}.statistics": torch.stack(statistics).float(),
    }


def check_nnunet(name, network, x, expected):
    """Ours against the package nnU-Net itself uses, where that is installed."""
    try:
        from dynamic_network_architectures.architectures import unet
    except ImportError:
        return
    settings = {
        "input_channels": 1, "n_stages": 6, "features_per_stage": networks.NNUNET_CHANNELS,
        "conv_op": torch.nn.Conv3d, "kernel_sizes": networks.NNUNET_KERNELS, "strides": networks.NNUNET_STRIDES,
        "num_classes": 2, "conv_bias": True, "norm_op": torch.nn.InstanceNorm3d, "norm_op_kwargs": {"affine": True},
        "nonlin": torch.nn.LeakyReLU, "deep_supervision": False,
    }
    if name == "nnunet_plain":
        theirs = unet.PlainConvUNet(**settings, n_conv_per_stage=2, n_conv_per_stage_decoder=2)
    else:
        blocks = [1, 3, 4, 6, 6, 6]
        theirs = unet.ResidualEncoderUNet(**settings, n_blocks_per_stage=blocks, n_conv_per_stage_decoder=1)
    # Every layer there has a second name, and the encoder is also in the decoder.
    state = network.state_dict()
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected, unexpected
    assert all("all_modules" in key or key.startswith("decoder.encoder.") for key in missing), missing
    with torch.no_grad():
        difference = (theirs.double().eval()(x) - expected).abs().max()
    assert difference == 0, difference
    print(f"{name}: equal to dynamic-network-architectures")


def make(name, network, shape, folder):
    start = time.monotonic()
    network = fill(network(), GAINS.get(name, DEFAULT_GAIN))
    parameters = sum(p.numel() for p in network.parameters())
    x = image((1, *shape))
    with torch.no_grad():
        single = network(x)
        exact = network.double()(x.double())
    if name.startswith("nnunet"):
        check_nnunet(name, network, x.double(), exact["logits"])
    tensors = {}
    print(f"{name}: {parameters / 1e6:.2f} M parameters, {time.monotonic() - start:.1f} s")
    for output, values in exact.items():
        tensors.update(sample(output, values[0]))
        scale = values.abs().max()
        error = (single[output] - values).abs().max() / scale
        spread = values[0].flatten(1).std(1).mean() / scale
        print(f"  {output} {tuple(values.shape)}: scale {scale:.3g}, spread {spread:.2f}, float32 error {error:.1e}")
    save_file(tensors, folder / f"{name}.safetensors")


def main():
    folder = Path(__file__).parent / "parity"
    folder.mkdir(exist_ok=True)
    for name in sys.argv[1:] or CASES:
        make(name, *CASES[name], folder)


if __name__ == "__main__":
    main()
