"""Losses of the trainers. Logits are [batch, classes, z, y, x] float32; classes are int64, `IGNORED` where unknown."""

import torch
import torch.nn.functional as F

from tissues import IGNORED

EMPTY_VOXELS = 20  # a class with fewer voxels in a patch takes no part in Dice
ENTROPY_SHARE = 0.3
ALPHA, ALPHA_FALL = 0.8, 0.8  # deep supervision: weight of the coarse heads, and its factor every `FALL_EPOCHS`
FALL_EPOCHS = 30


def one_hot(target, classes: int):
    """[batch, classes, z, y, x] float; all zero where the class is unknown."""
    known = target != IGNORED
    return F.one_hot(target * known, classes).movedim(-1, 1).float() * known[:, None]


def soft_dice(p, truth):
    """1 - Dice of each channel, pooled over the batch."""
    axes = [0, *range(2, p.ndim)]
    return 1 - (2 * (p * truth).sum(axes) + 1) / ((p + truth).sum(axes) + 1)


def class_dice(p, truth, weights=None, first=1):
    """Weighted mean of the soft Dice loss over the classes present, from `first` on; `truth` as of `one_hot`."""
    present = (truth.sum([0, *range(2, truth.ndim)])[first:] > EMPTY_VOXELS).float()
    weights = present if weights is None else torch.tensor(weights) * present
    known = truth.sum(1, keepdim=True)
    return (weights * soft_dice(p * known, truth)[first:]).sum() / weights.sum().clamp_min(1e-6)


def dice_and_entropy(logits, target, weights=None):
    """0.3 cross-entropy + 0.7 Dice of the foreground classes present."""
    truth = one_hot(target, logits.shape[1])
    log_p = logits.float().log_softmax(1)
    entropy = -(log_p * truth).sum() / truth.sum().clamp_min(1)
    return ENTROPY_SHARE * entropy + (1 - ENTROPY_SHARE) * class_dice(log_p.exp(), truth, weights)


def fusion(logits, target, number: int = 1):
    """System A's FusionLoss on one logit: 0.3 binary cross-entropy + 0.7 Dice of class `number`."""
    known = (target != IGNORED)[:, None].float()
    truth = (target == number)[:, None].float()
    entropy = F.binary_cross_entropy_with_logits(logits, truth, known, reduction="sum") / known.sum().clamp_min(1)
    dice = soft_dice(torch.sigmoid(logits) * known, truth).mean()
    return ENTROPY_SHARE * entropy + (1 - ENTROPY_SHARE) * dice


def at_scale(truth, size):
    """Truth of `one_hot` averaged onto a coarser grid."""
    return truth if truth.shape[2:] == size else F.adaptive_avg_pool3d(truth, size)


def alpha_at(epoch: int) -> float:
    """Weight of the coarse heads in a given epoch."""
    return ALPHA * ALPHA_FALL ** (epoch // FALL_EPOCHS)


def deep_supervision(heads, target, epoch: int):
    """System C: Dice of the finest head + alpha (Dice of the coarser ones); `heads` from fine to coarse.

    The background's Dice counts too: nothing else in this loss says that a slab without bone has none.
    """
    truth = one_hot(target, heads[0].shape[1])
    parts = [class_dice(h.float().softmax(1), at_scale(truth, h.shape[2:]), first=0) for h in heads]
    return parts[0] + alpha_at(epoch) * sum(parts[1:])


def multi_scale(heads, target):
    """System D, stage 2: Dice and cross-entropy of every head, each scale half the weight of the finer one."""
    losses, truth = [], one_hot(target, heads[0].shape[1])
    for head in heads:
        part, log_p = at_scale(truth, head.shape[2:]), head.float().log_softmax(1)
        entropy = -(log_p * part).sum() / part.sum().clamp_min(1)
        losses.append(ENTROPY_SHARE * entropy + (1 - ENTROPY_SHARE) * class_dice(log_p.exp(), part))
    shares = [0.5**i for i in range(len(losses))]
    return sum(s * loss for s, loss in zip(shares, losses)) / sum(shares)


def heat_map(guess, heat, inside):
    """System D, stage 1: squared error of the heat map in the field of view; warm voxels count as much as the rest."""
    error = ((guess - heat) ** 2) * inside
    warm = heat > 0.1
    return error[warm].mean() + error[~warm].mean() if warm.any() else error.mean()


def offset_loss(guess, inside, offsets):
    """Mean distance between offsets [batch, 3, z, y, x] in the voxels `inside`."""
    if not inside.any():
        return guess.sum() * 0
    away = (guess - offsets).movedim(1, -1)[inside]
    return torch.sqrt((away**2).sum(-1) + 1e-4).mean()
