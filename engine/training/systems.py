"""What each trained system is: network, patches, loss. `train.py --system NAME` runs one."""

from dataclasses import dataclass, field
from typing import Callable

import torch

import architectures
import inputs
import losses
from network import CompactUNet
from tissues import CLASSES, VERTEBRA

OFFSET_WEIGHT = 0.2
DICE_WEIGHTS = (0.50, 0.28, 0.22)  # vertebra, other bone, disc
# The published systems leave the abdomen CT out: it is the one CT they are judged on.
CHEST_ONLY = {"chest": 0.35, "abdomen": 0.0}
EPOCH_STEPS = 100  # the published schedules count epochs; here one is so many steps


@dataclass(frozen=True)
class System:
    """A network and how it is trained."""

    build: Callable  # () -> network
    draw: Callable  # (rng, scene) -> parts of one patch, input first, each with a batch axis
    loss: Callable  # (network, parts, step) -> {"loss": minimised, ...}
    rate: float = 3e-4
    batch: int = 1
    real_shares: dict = field(default_factory=lambda: dict(CHEST_ONLY))


def _compact(network, parts, _):
    x, target, offsets = parts
    target = target.long()
    logits, pointed = network.both(x.contiguous(memory_format=torch.channels_last_3d))
    loss = losses.dice_and_entropy(logits, target, DICE_WEIGHTS)
    away = losses.offset_loss(pointed, target == VERTEBRA, offsets.float())
    return {"loss": loss + OFFSET_WEIGHT * away, "classes": loss, "offsets": away}


def _dense3d(network, parts, _):
    return {"loss": losses.fusion(network(parts[0])["logits"], parts[1].long(), VERTEBRA)}


def _mafu(network, parts, _):
    return {"loss": losses.dice_and_entropy(network(parts[0])["logits"], parts[1].long())}


def _xunet(network, parts, _):
    return {"loss": losses.multi_scale(architectures.heads(network(parts[0])), parts[1].long())}


def _localiser(network, parts, _):
    return {"loss": losses.heat_map(network(parts[0])["heat_map"], parts[1].float(), parts[2])}


def _residual(network, parts, step):
    heads = architectures.heads(network(parts[0]))
    return {"loss": losses.deep_supervision(heads, parts[1].long(), step // EPOCH_STEPS)}


def _reference(name):
    return lambda: architectures.build(name)


SYSTEMS = {
    "compact": System(
        lambda: CompactUNet(classes=len(CLASSES)).to(memory_format=torch.channels_last_3d),
        inputs.compact,
        _compact,
        real_shares={"chest": 0.30, "abdomen": 0.20},
    ),
    "dense3d": System(_reference("dense_3d_unet"), inputs.dense, _dense3d, rate=1e-3),
    "mafu": System(_reference("mafu_unet"), inputs.window, _mafu, rate=1e-3),
    "xunet": System(_reference("xunet_3d"), inputs.lumbar, _xunet, rate=1e-3),
    "localiser": System(_reference("localisation_unet"), inputs.localisation, _localiser, rate=1e-3, batch=2),
    "residual": System(_reference("residual_unet"), inputs.slabs, _residual, rate=1e-3),
}
