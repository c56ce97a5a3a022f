"""Statistics over few runs, after Agarwal et al. 2021 (https://arxiv.org/abs/2108.13264). Pure; knows no experiment.

Runs of one environment are a stratum: the bootstrap draws, with replacement, as many runs of each stratum as it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
_SEED = 0
"""The same runs give the same intervals."""

Statistic = Callable[[Sequence[np.ndarray]], np.ndarray]
"""Strata [..., runs] -> [...]"""


class Interval(NamedTuple):
    """Limits at a confidence of 95 %."""

    low: float
    high: float


def mean(strata: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over strata of the mean over runs."""
    return np.asarray(np.mean([np.mean(stratum, axis=-1) for stratum in strata], axis=0))


def interquartile_mean(strata: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of what is left of the runs of all strata without the quarter with the least and that with the most."""
    runs = np.sort(np.concatenate(list(strata), axis=-1), axis=-1)
    count = runs.shape[-1]
    return np.asarray(np.mean(runs[..., count // 4 : count - count // 4], axis=-1))


def performance_profile(strata: Sequence[np.ndarray], thresholds: np.ndarray) -> np.ndarray:
    """Share of runs above each threshold, [..., len(thresholds)]: the mean of the strata's shares."""
    above = [np.mean(stratum[..., :, None] > thresholds, axis=-2) for stratum in strata]
    return np.asarray(np.mean(above, axis=0))


def bootstrap(strata: Sequence[np.ndarray], statistic: Statistic, resamples: int) -> np.ndarray | None:
    """Limits [2, ...] of a statistic by the percentile bootstrap; None when no stratum has two runs.

    Args:
        strata: [runs] each.
        statistic: of strata [resamples, runs].
    """
    if all(len(stratum) < 2 for stratum in strata):
        return None
    generator = np.random.default_rng(_SEED)
    drawn = [stratum[generator.integers(len(stratum), size=(resamples, len(stratum)))] for stratum in strata]
    return percentile_limits(statistic(drawn))


def interval(strata: Sequence[np.ndarray], statistic: Statistic, resamples: int) -> Interval | None:
    """Limits of one number."""
    limits = bootstrap(strata, statistic, resamples)
    return None if limits is None else Interval(float(limits[0]), float(limits[1]))


def percentile_limits(samples: np.ndarray) -> np.ndarray:
    """[resamples, ...] -> [2, ...]."""
    tail = (1 - CONFIDENCE) / 2
    return np.asarray(np.quantile(samples, [tail, 1 - tail], axis=0))


class Band(NamedTuple):
    """Mean and interval of several runs along a grid; NaN where there is nothing."""

    mean: np.ndarray
    """[points]"""
    low: np.ndarray
    high: np.ndarray
    num_runs: np.ndarray
    """int [points], runs that have got so far."""


def band(values: np.ndarray, resamples: int) -> Band:
    """Mean over runs and its interval at every point.

    Args:
        values: [runs, points], NaN where a run has no value.
    """
    present = np.isfinite(values)
    mean, low, high = (np.full(values.shape[1], np.nan) for _ in range(3))
    # Few runs end where others go on, so there are few different sets of runs.
    for runs in np.unique(present.T, axis=0):
        points = (present == runs[:, None]).all(axis=0)
        if runs.any():
            part = values[np.ix_(runs, points)]
            mean[points] = part.mean(axis=0)
            if runs.sum() > 1:
                low[points], high[points] = percentile_limits(_resampled_means(part, resamples))
    return Band(mean, low, high, present.sum(axis=0))


def _resampled_means(values: np.ndarray, resamples: int) -> np.ndarray:
    """[runs, points] -> [resamples, points]."""
    num_runs = len(values)
    drawn = np.random.default_rng(_SEED).multinomial(num_runs, np.full(num_runs, 1 / num_runs), size=resamples)
    return np.asarray(drawn @ values / num_runs)
