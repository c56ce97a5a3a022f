"""The `meeting_<size>` family: two agents of a square grid who want to be in the same cell. Knows no other agent.

The rules:

- An episode starts with the agents in two different cells of a grid of size * size, every such pair being equally
  likely. Actions: 0 stay, 1 left, 2 right, 3 up, 4 down. Both move at once; nobody leaves the grid.
- When both are in the same cell after a step, each gets 1 and the episode ends. Any other step gives each -1 / size.
  Agents that change places have not met.
- After 4 * size steps the episode is truncated.
- Observations are five floats: the agent's own column and row, and how far the other one is to the right and below, in
  units of size - 1; and which of the two it is, 0 or 1: two agents who do the same would change places for ever.

The best return: each step shortens the distance d = |dx| + |dy| by 2 at most, so nothing is faster than ceil(d / 2)
steps. As fast is: agent 0 goes to the other's column and then its row, agent 1 to the other's row and then its column,
and agent 1 stays when d is 1. With N = size^2:

- The mean of |dx| over all pairs, equal cells included, is (size^2 - 1) / (3 * size), and likewise of |dy|; without the
  equal ones (1 / N of all pairs, with d = 0) the mean of d is 2 * (N - 1) / (3 * size) * N / (N - 1) = 2 * size / 3.
- d is odd for cells of different colours of a chessboard, which has ceil(N / 2) and floor(N / 2) of them: a share of
  q = 2 * ceil(N / 2) * floor(N / 2) / (N * (N - 1)) of the pairs.
- So the mean of ceil(d / 2) is (2 * size / 3 + q) / 2 = size / 3 + q / 2 steps.

T steps return 1 - (T - 1) / size to each agent, which makes the best expected return of each
1 - (size / 3 + q / 2 - 1) / size: 0.85 for size 4 (1.6 steps) and 0.7599 for size 8 (2.92 steps).
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.small.game import SmallGame, small_family
from sample_factory.envs.small.grid import draw, move


class Meeting(SmallGame):
    """Many grids with two agents each."""

    prefix = "meeting_"
    smallest = 2
    num_agents = 2

    def __init__(self, num_games: int, size: int) -> None:
        low, high = np.array([0, 0, -1, -1, 0], np.float32), np.ones(5, np.float32)
        super().__init__(num_games, 4 * size, gym.spaces.Box(low, high, (5,), np.float32), gym.spaces.Discrete(5))
        self.size = size
        self._cells = np.zeros((num_games, 2, 2), np.int32)  # game, agent, (column, row)

    def _start(self, games: np.ndarray) -> None:
        num_cells, num_games = self.size**2, int(games.sum())
        first = self._rng.integers(num_cells, size=num_games)
        # The second cell is one of the others, all of which follow the first one in a circle.
        second = (first + self._rng.integers(1, num_cells, size=num_games)) % num_cells
        cells = np.stack([first, second], axis=1)
        self._cells[games] = np.stack([cells % self.size, cells // self.size], axis=2)

    # hot path
    def _play(self, actions: np.ndarray) -> tuple[Any, Any]:
        move(self._cells, actions, self.size)
        have_met = (self._cells[:, 0] == self._cells[:, 1]).all(axis=1)
        return np.where(have_met, 1.0, -1 / self.size)[:, None], have_met

    # hot path
    def _observe(self, out: np.ndarray) -> None:
        np.divide(self._cells, self.size - 1, out=out[:, :, :2])
        np.divide(self._cells[:, ::-1] - self._cells, self.size - 1, out=out[:, :, 2:4])
        out[:, :, 4] = (0, 1)

    def _describe(self) -> str:
        return draw(self._cells[0], "01", self.size)


FAMILY = small_family(Meeting, (3, 4, 8))
