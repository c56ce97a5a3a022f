"""Episodes of rows, from the steps that make them up, and what they say on average. Knows no policy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sample_factory.envs.contract import EpisodeInfo, StepArrays


class Episode(NamedTuple):
    """One finished episode of one row."""

    row: int
    number: int
    """Counted from 0 in each row."""
    reward: float
    """Sum of the rewards, in the environment's own units."""
    frames: int
    true_objective: float | None
    extra: Mapping[str, float]
    """The environment's own statistics."""


class Estimate(NamedTuple):
    """What a sample says about the mean."""

    mean: float
    standard_error: float
    """NaN for fewer than two values."""
    min: float
    max: float


class EpisodeCounter:
    """Sums up steps until episodes end."""

    def __init__(self, num_rows: int) -> None:
        self.finished = np.zeros(num_rows, np.int64)
        """Episodes of each row so far."""
        self._rewards = np.zeros(num_rows, np.float64)
        self._frames = np.zeros(num_rows, np.int64)

    def take(self, result: StepArrays, ended: Sequence[EpisodeInfo]) -> list[Episode]:
        """Add one step of all rows; returns the episodes that ended with it."""
        self._rewards += result.rewards
        self._frames += result.frames
        episodes = [self._finish(info) for info in ended]
        # An environment that was made anew in the middle of an episode leaves a piece of one: it is nobody's result.
        self._rewards[result.resets] = 0
        self._frames[result.resets] = 0
        return episodes

    def _finish(self, ended: EpisodeInfo) -> Episode:
        row = ended.row
        episode = Episode(
            row=row,
            number=int(self.finished[row]),
            reward=float(self._rewards[row]) + ended.lost_reward,
            frames=int(self._frames[row]),
            true_objective=ended.true_objective,
            extra=ended.extra,
        )
        self.finished[row] += 1
        self._rewards[row], self._frames[row] = 0, 0
        return episode


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and standard error of at least one value."""
    array = np.asarray(values, np.float64)
    error = float(array.std(ddof=1)) / math.sqrt(len(array)) if len(array) > 1 else math.nan
    return Estimate(float(array.mean()), error, float(array.min()), float(array.max()))


def share_evenly(total: int, parts: int) -> np.ndarray:
    """[parts] whole numbers with the sum `total` that differ by at most one, the larger ones first."""
    base, more = divmod(total, parts)
    return base + (np.arange(parts) < more)
