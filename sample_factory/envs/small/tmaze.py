"""The `tmaze_<length>` family: a corridor that asks for memory, and nothing else. Knows no recurrent network.

The rules, after Bakker (2001), chosen so that both optima are exact:

- An episode starts at cell 0 of a corridor; the junction is cell `length`. Actions: 0 forward, 1 left, 2 right.
- The first observation says in which arm the goal is; no later one does. Observations are four floats:
  goal is left, goal is right, in the corridor, at the junction.
- The first step enters the corridor whatever the action is. From then on forward moves one cell, left and right do
  nothing. So nothing of the first observation can be kept in the position.
- At the junction forward does nothing; left and right end the episode: reward 4 in the goal's arm, -0.1 in the other
  one. All other rewards are 0.
- After 3 * length steps the episode is truncated.

The best return is 4. A policy without memory acts at the junction independently of the goal's side, which is left or
right with equal probability, so the best that it can expect is (4 - 0.1) / 2 = 1.95.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.small.game import SmallGame, small_family

FORWARD, LEFT, RIGHT = 0, 1, 2
GOAL_REWARD, WRONG_REWARD = 4.0, -0.1
OBSERVATION_SPACE = gym.spaces.Box(0.0, 1.0, (4,), np.float32)
ACTION_SPACE = gym.spaces.Discrete(3)


class TMaze(SmallGame):
    """Many T-mazes."""

    prefix = "tmaze_"

    def __init__(self, num_games: int, length: int) -> None:
        super().__init__(num_games, 3 * length, OBSERVATION_SPACE, ACTION_SPACE)
        self.length = length
        self._goal_is_right = np.zeros(num_games, bool)
        self._position = np.zeros(num_games, np.int32)

    def _start(self, games: np.ndarray) -> None:
        self._goal_is_right[games] = self._rng.random(int(games.sum())) < 0.5
        self._position[games] = 0

    # hot path
    def _play(self, actions: np.ndarray) -> tuple[Any, Any]:
        action, at_junction = actions[:, 0], self._position == self.length
        chooses = at_junction & (action != FORWARD)
        is_right = (action == RIGHT) == self._goal_is_right
        self._position += ~at_junction & ((action == FORWARD) | (self._elapsed == 0))
        return (chooses * np.where(is_right, GOAL_REWARD, WRONG_REWARD))[:, None], chooses

    # hot path
    def _observe(self, out: np.ndarray) -> None:
        at_junction, is_first = self._position == self.length, self._elapsed == 0
        out[:, 0, 0] = is_first & ~self._goal_is_right
        out[:, 0, 1] = is_first & self._goal_is_right
        out[:, 0, 2] = ~at_junction
        out[:, 0, 3] = at_junction

    def _describe(self) -> str:
        place = "junction" if self._position[0] == self.length else "corridor"
        return f"{place}, goal {'right' if self._goal_is_right[0] else 'left'}"


FAMILY = small_family(TMaze, (5, 10, 20))
