"""Averages over the last episodes of each policy. Does not know where they are shown."""

from __future__ import annotations

import numbers
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np


class Spread(NamedTuple):
    """A window of values in three numbers."""

    mean: float
    min: float
    max: float


class DerivedStatistics(Protocol):
    """What is made of the statistics of one policy's episodes together."""

    def observe(self, statistics: Mapping[str, float]) -> Mapping[str, float]:
        """An episode ended; returns what is new now, by name or by tag of a summary, often nothing."""
        ...

    def clear(self) -> None:
        """Forget all episodes."""
        ...


class EpisodeStats:
    """The last `window` episodes of one policy, by name of the statistic."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._values: dict[str, deque[float]] = {}

    def add(self, values: Mapping[str, object]) -> None:
        """Add one episode; what is not a number is ignored, because environments put anything into their statistics."""
        for name, value in values.items():
            if isinstance(value, (numbers.Real, np.bool_)):
                self._values.setdefault(name, deque(maxlen=self._window)).append(float(value))

    def clear(self) -> None:
        """Forget all episodes."""
        self._values.clear()

    def spread(self, name: str) -> Spread | None:
        """Mean, minimum and maximum of one statistic; None before its first episode."""
        values = self._values.get(name)
        return Spread(sum(values) / len(values), min(values), max(values)) if values else None

    def means(self) -> dict[str, float]:
        """Mean of every statistic seen so far."""
        return {name: sum(values) / len(values) for name, values in self._values.items()}

    def names(self) -> list[str]:
        """Statistics seen so far."""
        return list(self._values)
