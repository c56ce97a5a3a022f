"""PPO losses as pure functions, averaged over valid steps. Knows no distribution, model or coefficient.

Entries that are not valid may hold anything, NaN included: they contribute neither to a loss nor to a gradient. Losses
bring their gradients with them, worked out by hand: an update of a small network is a matter of how many operations it
takes, and autograd would record, and do, three times as many.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_MAX_LOG_RATIO = math.log(20.0)


def masked_mean(x: Tensor, valid: Tensor) -> Tensor:
    """Mean of `x` over the entries where `valid` (same shape, bool); 0 if there is none."""
    return torch.where(valid, x, 0.0).sum() / valid.sum().clamp(min=1)


def ppo_policy_loss(log_ratios: Tensor, advantages: Tensor, valid: Tensor, clip_ratio: float) -> Tensor:
    """Clipped surrogate objective (Schulman et al. 2017, https://arxiv.org/abs/1707.06347), negated.

    Ratios are first clamped to [0.05, 20], which keeps a single odd step from dominating; the clip range is
    [1 / (1 + clip_ratio), 1 + clip_ratio], symmetric in log space. Differentiable by `log_ratios`.
    """
    return _PolicyLoss.apply(log_ratios, advantages, valid, clip_ratio)  # type: ignore[no-any-return, no-untyped-call]


def value_loss(values: Tensor, old_values: Tensor, targets: Tensor, valid: Tensor, clip_value: float) -> Tensor:
    """Larger squared error of the prediction and of the prediction kept within `clip_value` of the old one.

    Differentiable by `values`.
    """
    return _ValueLoss.apply(values, old_values, targets, valid, clip_value)  # type: ignore[no-any-return, no-untyped-call]


def normalize_advantages(advantages: Tensor, valid: Tensor, eps: float = 1e-3) -> Tensor:
    """(a - mean) / max(eps, std) with the statistics of the valid entries; 0 elsewhere."""
    count = valid.sum()
    centered = torch.where(valid, advantages - masked_mean(advantages, valid), 0.0)
    std = (centered.square().sum() / (count - 1).clamp(min=1)).sqrt()
    return centered / std.clamp(min=eps)


class _PolicyLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, log_ratios: Tensor, advantages: Tensor, valid: Tensor, clip_ratio: float) -> Tensor:
        share = 1.0 / valid.sum().clamp(min=1)
        # Clamping the logarithm gives the same value, and no inf * 0.
        ratios = log_ratios.clamp(-_MAX_LOG_RATIO, _MAX_LOG_RATIO).exp_()
        weights = advantages * share
        free = ratios * weights
        clipped = ratios.clamp_(1.0 / (1.0 + clip_ratio), 1.0 + clip_ratio).mul_(weights)
        # The ratio's derivative by its logarithm is the ratio; where the clipped surrogate is the smaller, it is flat.
        is_flat = (free > clipped) | (log_ratios.abs() > _MAX_LOG_RATIO)
        ctx.save_for_backward(free.masked_fill(is_flat.logical_or_(~valid), 0.0))
        return -torch.where(valid, torch.minimum(free, clipped), 0.0).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * -gradient, None, None, None


class _ValueLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, old_values: Tensor, targets: Tensor, valid: Tensor, clip_value: float
    ) -> Tensor:
        share = 1.0 / valid.sum().clamp(min=1)
        change = values - old_values
        bounded = change.clamp(-clip_value, clip_value)
        error, clipped_error = values - targets, old_values + bounded - targets
        is_larger = clipped_error.abs() > error.abs()
        larger = torch.where(is_larger, clipped_error, error).masked_fill_(~valid, 0.0)
        # Beyond the clip, the clipped prediction does not move.
        ctx.save_for_backward(larger.masked_fill(is_larger & (bounded != change), 0.0).mul_(2.0 * share))
        return larger.square_().sum() * share

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * gradient, None, None, None, None
