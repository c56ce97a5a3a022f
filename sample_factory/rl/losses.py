"""PPO losses as pure functions, averaged over valid steps. Knows no distribution, model or coefficient.

Entries that are not valid may hold anything, NaN included: they contribute neither to a loss nor to a gradient.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_MIN_RATIO, _MAX_RATIO = 0.05, 20.0


def masked_mean(x: Tensor, valid: Tensor) -> Tensor:
    """Mean of `x` over the entries where `valid` (same shape, bool); 0 if there is none."""
    return x.masked_fill(~valid, 0.0).sum() / valid.sum().clamp(min=1)


def ppo_policy_loss(log_ratios: Tensor, advantages: Tensor, valid: Tensor, clip_ratio: float) -> Tensor:
    """Clipped surrogate objective (Schulman et al. 2017, https://arxiv.org/abs/1707.06347), negated.

    Ratios are first clamped to [0.05, 20], which keeps a single odd step from dominating; the clip range is
    [1 / (1 + clip_ratio), 1 + clip_ratio], symmetric in log space.
    """
    # Clamping the logarithm gives the same value, and no inf * 0 in the backward pass.
    ignored = ~valid
    bounded = log_ratios.masked_fill(ignored, 0.0).clamp(math.log(_MIN_RATIO), math.log(_MAX_RATIO))
    ratios = bounded.exp()
    clipped = ratios.clamp(1.0 / (1.0 + clip_ratio), 1.0 + clip_ratio)
    weights = advantages.masked_fill(ignored, 0.0)
    return -masked_mean(torch.minimum(ratios * weights, clipped * weights), valid)


def value_loss(values: Tensor, old_values: Tensor, targets: Tensor, valid: Tensor, clip_value: float) -> Tensor:
    """Larger squared error of the prediction and of the prediction kept within `clip_value` of the old one."""
    ignored = ~valid
    values, old_values, targets = (x.masked_fill(ignored, 0.0) for x in (values, old_values, targets))
    clipped = old_values + (values - old_values).clamp(-clip_value, clip_value)
    return masked_mean(torch.maximum((values - targets).square(), (clipped - targets).square()), valid)


def normalize_advantages(advantages: Tensor, valid: Tensor, eps: float = 1e-3) -> Tensor:
    """(a - mean) / max(eps, std) with the statistics of the valid entries; 0 elsewhere."""
    count = valid.sum()
    centered = (advantages - masked_mean(advantages, valid)).masked_fill_(~valid, 0.0)
    std = (centered.square().sum() / (count - 1).clamp(min=1)).sqrt()
    return centered / std.clamp(min=eps)
