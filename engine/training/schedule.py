"""Learning rate: short warm-up, a long constant part, and a decay of its own at the end.

The constant part has no length: it can be strung together from hours left over,
and any of its checkpoints is finished by a short decay (Hägele 2024,
arXiv:2405.18392). Nothing here looks at a clock.
"""

WARM_STEPS = 60
FLOOR_SHARE = 0.02


def rate_share(done: int, decay_steps: int) -> float:
    """Share of the full rate after `done` steps; 1 - sqrt over `decay_steps`, constant while those are 0."""
    if decay_steps:
        return max(FLOOR_SHARE, 1 - (min(done, decay_steps) / decay_steps) ** 0.5)
    return min(1.0, (done + 1) / WARM_STEPS)
