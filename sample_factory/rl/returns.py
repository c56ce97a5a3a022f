"""Return estimators: V-trace and GAE as pure functions of [T, B] tensors. Knows nothing about models or configuration.

What a step does to the estimate depends on its flags, with discount = gamma * (1 - terminated):

- `valid`: an ordinary decision of this policy; if it is `terminated`, nothing after it is looked at.
- `resets` without `valid` (a *cut*): the step only starts the next episode. Its row holds the final observation of the
  episode before, so the estimate there is V itself, and a truncated step before it bootstraps from that value.
- neither (*inactive*): the agent had no say. Time passes: reward and discount count, its own value and ratio do not,
  and the steps around it are joined as if they were one longer step.

A valid step that resets without having terminated has lost its successor, and is cut as well.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class VTrace(NamedTuple):
    """What the learner regresses on."""

    targets: Tensor  # [T, B] what the value function should predict
    advantages: Tensor  # [T, B] 0 on steps that are not valid


class _Steps(NamedTuple):
    """Flags and discounts of a trajectory, sorted out once."""

    decides: Tensor  # [T, B] bool, valid and not cut
    inactive: Tensor  # [T, B] bool
    blocked: Tensor  # [T, B] bool, nothing may be read from t + 1
    discounts: Tensor  # [T, B] gamma, or 0 where blocked
    rewards: Tensor  # [T, B] 0 where cut
    values: Tensor  # [T + 1, B] value of each row; inactive rows take the value of the row they lead to


@torch.no_grad()
def vtrace(
    log_ratios: Tensor,
    rewards: Tensor,
    terminated: Tensor,
    valid: Tensor,
    resets: Tensor,
    values: Tensor,
    *,
    gamma: float,
    rho_clip: float = 1.0,
    c_clip: float = 1.0,
) -> VTrace:
    """V-trace targets and advantages (Espeholt et al. 2018, https://arxiv.org/abs/1802.01561).

    Args:
        log_ratios: [T, B] log pi(a|x) - log mu(a|x).
        rewards: [T, B] reward for the action at t.
        terminated: [T, B] bool, the episode ended at t and has no future.
        valid: [T, B] bool, the action at t was this policy's and mattered.
        resets: [T, B] bool, the observation at t + 1 starts a new episode.
        values: [T + 1, B]; the last row bootstraps.
        gamma: discount of one step.
        rho_clip: upper bound of the ratios that weight the temporal differences.
        c_clip: upper bound of the ratios that carry corrections back in time.
    """
    assert log_ratios.shape == rewards.shape
    steps = _classify(rewards, terminated, valid, resets, values, gamma)
    silent = ~steps.decides
    ratios = log_ratios.masked_fill(silent, 0.0).exp_()
    rho = ratios.clamp(max=rho_clip)
    # Inactive steps carry corrections through whatever the clips are: they are not decisions.
    carry = ratios.clamp(max=c_clip).masked_fill_(steps.inactive, 1.0).mul_(steps.discounts)
    deltas = _temporal_differences(steps, steps.values).mul_(rho).masked_fill_(silent, 0.0)
    targets = _accumulate(deltas, carry, steps.blocked).add_(steps.values)
    advantages = _temporal_differences(steps, targets).mul_(rho).masked_fill_(silent, 0.0)
    return VTrace(targets[:-1], advantages)


@torch.no_grad()
def gae(
    rewards: Tensor,
    terminated: Tensor,
    valid: Tensor,
    resets: Tensor,
    values: Tensor,
    *,
    gamma: float,
    gae_lambda: float,
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimates and lambda-returns (Schulman et al. 2016, https://arxiv.org/abs/1506.02438).

    Arguments are those of `vtrace`. Lambda decays per decision: inactive steps only discount.

    Returns:
        advantages [T, B], 0 on steps that are not valid, and returns [T, B] for the value function.
    """
    steps = _classify(rewards, terminated, valid, resets, values, gamma)
    carry = torch.where(steps.inactive, steps.discounts, steps.discounts * gae_lambda)
    silent = ~steps.decides
    deltas = _temporal_differences(steps, steps.values).masked_fill_(silent, 0.0)
    advantages = _accumulate(deltas, carry, steps.blocked)
    returns = steps.values + advantages
    return advantages[:-1].masked_fill_(silent, 0.0), returns[:-1]


def _classify(
    rewards: Tensor, terminated: Tensor, valid: Tensor, resets: Tensor, values: Tensor, gamma: float
) -> _Steps:
    num_steps = len(rewards)
    assert rewards.shape == terminated.shape == valid.shape == resets.shape, "flags must be [T, B] like the rewards"
    assert values.shape == (num_steps + 1, *rewards.shape[1:]), "values need one row more than rewards"
    assert terminated.dtype == valid.dtype == resets.dtype == torch.bool
    cut = resets & ~(valid & terminated)
    blocked = terminated | cut
    inactive = ~(valid | cut)
    discounts = torch.full_like(rewards, gamma).masked_fill_(blocked, 0.0)
    rewards = rewards.masked_fill(cut, 0.0)
    if bool(inactive.any()):
        own = torch.where(inactive, rewards, values[:-1])
        carry = discounts.masked_fill(~inactive, 0.0)
        values = _accumulate(own, carry, blocked | ~inactive, last=values[-1])
    return _Steps(valid & ~cut, inactive, blocked, discounts, rewards, values)


def _temporal_differences(steps: _Steps, successors: Tensor) -> Tensor:
    """r_t + discount_t * successors_{t+1} - V_t, [T, B]. `where` and not a product: 0 * NaN is NaN."""
    future = successors[1:].masked_fill(steps.blocked, 0.0).mul_(steps.discounts)
    return future.add_(steps.rewards).sub_(steps.values[:-1])


def _accumulate(terms: Tensor, carry: Tensor, blocked: Tensor, last: Tensor | None = None) -> Tensor:
    """[T + 1, B]: y_t = terms_t + carry_t * y_{t+1}, the second summand left out where blocked; y_T = last, or 0.

    Where blocked, carry must be 0.
    """
    out = terms.new_zeros(len(terms) + 1, *terms.shape[1:])
    if last is not None:
        out[-1] = last
    rows = out.unbind()
    # Carrying 0 of something leaves it out, but for NaN and infinity.
    is_finite = bool((terms.isfinite().all() & rows[-1].isfinite().all()).item())
    stops = [None] * len(terms) if is_finite else blocked.unbind()
    after = rows[-1]
    # The only loop over time, on rows that were split beforehand.
    for term, weight, stop, row in reversed(list(zip(terms.unbind(), carry.unbind(), stops, rows, strict=False))):
        after = torch.addcmul(term, weight, after if stop is None else after.masked_fill(stop, 0.0), out=row)
    return out
