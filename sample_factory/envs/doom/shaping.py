"""Rewards that help learning but do not count as score. Knows no engine: it is told the game variables."""

from __future__ import annotations


class HealthGainReward:
    """1 for every step that ends with more health than it began with, however much was gained."""

    def __init__(self) -> None:
        self._health = 0.0

    def start(self, health: float) -> None:
        """An episode begins with this much health."""
        self._health = health

    # hot path
    def step(self, health: float) -> float:
        """The extra reward of a step that ended with this much health."""
        gained = health > self._health
        self._health = health
        return 1.0 if gained else 0.0
