"""The `bandit_<arms>` family: a multi-armed bandit, the least that can be learned. Knows no exploration strategy.

The rules:

- An episode is ten pulls. The action chooses the arm; arm i (from 0) pays 1 with probability (i + 1) / (arms + 1), and
  0 otherwise, each time independently. The probabilities are the same in all episodes.
- The observation is one float that is always 1.

The best return is expected from always pulling the last arm: 10 * arms / (arms + 1). Uniformly random pulls expect 5,
the mean of the probabilities being 1/2.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.small.game import SmallGame, small_family

PULLS = 10


class Bandit(SmallGame):
    """Many bandits."""

    prefix = "bandit_"
    smallest = 2

    def __init__(self, num_games: int, arms: int) -> None:
        super().__init__(num_games, PULLS, gym.spaces.Box(0.0, 1.0, (1,), np.float32), gym.spaces.Discrete(arms))
        self.arms = arms

    def _start(self, games: np.ndarray) -> None:
        pass

    # hot path
    def _play(self, actions: np.ndarray) -> tuple[Any, Any]:
        pays = self._rng.random(actions.shape) * (self.arms + 1) < actions + 1
        return pays, self._elapsed == PULLS - 1

    # hot path
    def _observe(self, out: np.ndarray) -> None:
        out[:] = 1

    def _describe(self) -> str:
        return f"pull {self._elapsed[0] + 1} of {PULLS}"


FAMILY = small_family(Bandit, (2, 4, 10))
