"""CPC|A: which predictions are made, and their contrastive loss (Guo et al. 2018, https://arxiv.org/abs/1811.06407).

From what the agent believed at a step, and from the actions that it took since, a model tells the observation that
followed from others. Pure functions of masks and logits; knows no network.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from sample_factory.rl.losses import masked_mean

NUM_NEGATIVES = 20


class Pairs(NamedTuple):
    """Predictions to be made: S starts in each of B trajectories, K distances from each."""

    starts: Tensor  # [S, B] int64 time of the belief
    aheads: Tensor  # [K, S, B] int64, how many steps later, from 1
    unbroken: Tensor  # [K, S, B] bool: every step in between was a decision, within one episode
    negatives: Tensor  # [K, S, B, 20] int64, flat place (time * B + trajectory) of other observations


def sample_pairs(
    valid: Tensor,
    resets: Tensor,
    num_observations: int,
    forward_steps: int,
    time_subsample: int,
    forward_subsample: int,
    generator: torch.Generator,
) -> Pairs:
    """Choose what to predict: starts that have all distances inside the trajectory, and negatives from valid steps.

    Args:
        valid: [T, B] bool.
        resets: [T, B] bool; where resets[t], observation t + 1 starts an episode.
        num_observations: T, or T + 1 if there is one after the last step.
        forward_steps: largest distance, less than `num_observations`.
        time_subsample: starts in each trajectory, fewer if it has fewer.
        forward_subsample: distances from each start, at most `forward_steps`.
        generator: on the CPU, so that its numbers do not depend on the device.
    """
    num_steps, num_rows = valid.shape
    assert resets.shape == valid.shape and num_observations in (num_steps, num_steps + 1)
    assert 1 <= forward_subsample <= forward_steps < num_observations
    num_times = num_observations - forward_steps
    starts = _distinct(num_times, (num_rows,), min(time_subsample, num_times), generator).to(valid.device)
    aheads = 1 + _distinct(forward_steps, starts.shape, forward_subsample, generator).to(valid.device)
    unbroken = unbroken_distances(valid & ~resets, starts, forward_steps).gather(0, aheads - 1)
    candidates = valid.flatten().nonzero().squeeze(1)
    if not len(candidates):
        candidates = candidates.new_zeros(1)  # nothing to learn from: the loss leaves every pair out
    chosen = torch.randint(len(candidates), (*aheads.shape, NUM_NEGATIVES), generator=generator)
    return Pairs(starts, aheads, unbroken, candidates[chosen.to(valid.device)])


def unbroken_distances(passable: Tensor, starts: Tensor, forward_steps: int) -> Tensor:
    """[forward_steps, S, B] bool: whether all of the k + 1 steps from a start on may be passed.

    Args:
        passable: [T, B] bool.
        starts: [S, B] int64, at most T - forward_steps.
    """
    steps = [passable.gather(0, starts + k) for k in range(forward_steps)]
    return torch.stack(steps).cumprod(0).bool()


def cpc_loss(positives: Tensor, negatives: Tensor, unbroken: Tensor) -> Tensor:
    """Binary cross-entropy of the observations that followed plus that of the others; 2 ln 2 by guessing.

    Broken pairs may hold anything, NaN included: they contribute neither to the loss nor to a gradient.

    Args:
        positives: [K, S, B] logits that the observation is the one that followed.
        negatives: [K, S, B, 20] the same for other observations.
        unbroken: [K, S, B] bool.
    """
    positives = torch.where(unbroken, positives, 0.0)
    negatives = torch.where(unbroken[..., None], negatives, 0.0)
    return masked_mean(softplus(-positives), unbroken) + masked_mean(softplus(negatives).mean(-1), unbroken)


def _distinct(limit: int, shape: tuple[int, ...], count: int, generator: torch.Generator) -> Tensor:
    """[count, *shape] different integers below `limit` along the first axis."""
    return torch.rand((limit, *shape), generator=generator).argsort(0)[:count]
