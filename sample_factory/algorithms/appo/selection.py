"""Who replaces whom in population-based training: pure functions of objectives and chance. Know no hyper-parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sample_factory.config.population import PbtConfig


class Verdict(NamedTuple):
    """What becomes of one policy."""

    source: int | None
    """The policy whose weights and hyper-parameters it takes over; None to keep its own."""
    mutates: bool


def judge(policy: int, objectives: Sequence[float], options: PbtConfig, rng: np.random.Generator) -> Verdict:
    """The best stay as they are; the worst may become copies of one of the best; all but the best mutate.

    Policy 0 keeps the hyper-parameters of the command line, for comparison.

    Args:
        objectives: of each policy, larger is better; all must be finite.
    """
    assert all(math.isfinite(objective) for objective in objectives)
    ranked = sorted(range(len(objectives)), key=lambda other: -objectives[other])  # stable: equals by number
    num_best = min(math.ceil(options.pbt_replace_fraction * len(objectives)), len(objectives))
    best, worst = ranked[:num_best], ranked[len(objectives) - num_best :]
    if policy in best:
        return Verdict(None, mutates=False)
    source = None
    if policy in worst:
        candidate = best[int(rng.integers(len(best)))]
        if is_clearly_better(objectives[candidate], objectives[policy], options):
            source = candidate
    return Verdict(source, mutates=policy != 0)


def is_clearly_better(objective: float, other: float, options: PbtConfig) -> bool:
    """Whether an objective exceeds another one by both gaps; the relative one in parts of the better objective's size,
    so that it means the same for costs (negative objectives) as for rewards."""
    gap = objective - other
    if gap <= options.pbt_replace_reward_gap_absolute:
        return False
    return gap > options.pbt_replace_reward_gap * abs(objective)


def num_updates_due(env_steps: int, options: PbtConfig) -> int:
    """How many updates a policy should have had after so many frames."""
    if env_steps < options.pbt_start_mutation:
        return 0
    return 1 + (env_steps - options.pbt_start_mutation) // options.pbt_period_env_steps
