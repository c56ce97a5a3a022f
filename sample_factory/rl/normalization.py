"""Running mean and variance as pure functions on tensors. Knows not where they are stored or what they describe."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_EPS = 1e-5


class RunningMeanStd(NamedTuple):
    """Moments of everything seen so far, one per entry of the last axis."""

    mean: Tensor  # [n] float32
    var: Tensor  # [n] float32, population variance
    num_samples: Tensor  # [] float32


def initial_statistics(size: int) -> RunningMeanStd:
    """Statistics that normalise nothing, and that the first update replaces completely."""
    return RunningMeanStd(torch.zeros(size), torch.ones(size), torch.zeros(()))


@torch.no_grad()
def update_statistics(statistics: RunningMeanStd, batch: Tensor, valid: Tensor | None = None) -> RunningMeanStd:
    """Merge the moments of a batch (Chan et al. 1979, parallel form of Welford's algorithm); inputs are left alone.

    Args:
        statistics: what was seen before.
        batch: [..., n], any numeric dtype.
        valid: bool over leading axes of `batch`; other rows are ignored whatever they hold. All rows if None.
    """
    rows = batch if valid is None else batch[valid]
    rows = rows.reshape(-1, rows.shape[-1])
    if len(rows) == 0:
        return statistics
    batch_var, batch_mean = torch.var_mean(rows.float(), dim=0, correction=0)
    # Float64 only for the merge: a sum of squares over a long run would otherwise lose the small terms.
    mean, var, count = (x.double() for x in statistics)
    total = count + len(rows)
    delta = batch_mean.double() - mean
    new_mean = mean + delta * (len(rows) / total)
    new_var = (var * count + batch_var.double() * len(rows) + delta.square() * (count * len(rows) / total)) / total
    return RunningMeanStd(*(x.to(old.dtype) for x, old in zip((new_mean, new_var, total), statistics, strict=True)))


def normalize(x: Tensor, statistics: RunningMeanStd, clip: float = 5.0) -> Tensor:
    """(x - mean) / std over the last axis of `x`, clipped to +-clip. Float32."""
    return ((x.float() - statistics.mean) * (statistics.var + _EPS).rsqrt()).clamp(-clip, clip)


def denormalize(x: Tensor, statistics: RunningMeanStd, clip: float = 5.0) -> Tensor:
    """Inverse of `normalize` for entries within the clip."""
    return x.float().clamp(-clip, clip) * (statistics.var + _EPS).sqrt() + statistics.mean
