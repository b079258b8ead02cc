"""The published systems' networks, narrowed, from the definitions that the parity tests of `kernels` use.

There is one PyTorch definition of each network in the repository, and its
tensor names are those `kernels` loads; so it is imported from there.
`SETTINGS` also go into model cards: they are the fields of the struct of the
same name in `kernels::architectures`.
"""

import sys
from pathlib import Path

import fast_conv

sys.path.append(str(Path(__file__).resolve().parents[2] / "kernels/tests/golden"))
try:
    import reference_networks
except ImportError as error:
    missing = "kernels/tests/golden/reference_networks is missing: run from a checkout of the whole repository"
    raise SystemExit(missing) from error

SETTINGS = {
    "dense_3d_unet": {
        "inputs": 1, "classes": 1, "stem": 12, "growth": 8, "layers": [2, 3, 4, 4], "bottleneck": 4,
        "compression": 0.5,
    },
    "mafu_unet": {"inputs": 2, "classes": 4, "channels": [12, 24, 48, 96]},
    "localisation_unet": {"inputs": 1, "outputs": 1, "channels": [8, 16, 32, 64]},
    "xunet_3d": {"inputs": 1, "classes": 6, "channels": [8, 16, 32, 64]},
    "residual_unet": {"inputs": 1, "classes": 4, "channels": [16, 32, 64, 128]},
}
CLASSES = {
    "dense_3d_unet": reference_networks.Dense3dUnet,
    "mafu_unet": reference_networks.MafuUnet,
    "localisation_unet": reference_networks.LocalisationUnet,
    "xunet_3d": reference_networks.Xunet3d,
    "residual_unet": reference_networks.ResidualUnet,
}


def build(name: str):
    """A network of `SETTINGS`; it returns a dictionary of outputs, `logits` (or `heat_map`) first or at full size."""
    return fast_conv.speed_up(CLASSES[name](**SETTINGS[name]))


def heads(outputs: dict):
    """All logits of a network, from the finest to the coarsest."""
    return [outputs[key] for key in sorted(outputs, key=lambda key: int(key.partition("_")[2] or 1))]
