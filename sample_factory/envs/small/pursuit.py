"""The `pursuit_<size>` family: one agent of a square grid pursues the other one. Knows no strategy.

The rules:

- An episode starts with the agents in two cells of a grid of size * size whose distance |dx| + |dy| is 2 at least,
  every such pair being equally likely. Actions: 0 stay, 1 left, 2 right, 3 up, 4 down. Both move at once; nobody leaves
  the grid.
- Agent 0, the pursuer, has caught agent 1, the evader, when their distance after a step is 1 at most: then the
  pursuer gets 1, the evader -1, and the episode terminates. (If he had to enter the evader's cell he would never win:
  two cells away the evader is safe if he stays, and from next to the pursuer he can always get two cells away.)
- After 2 * size - 3 steps the evader has escaped: he gets 1, the pursuer -1, and the episode terminates; this is how
  long the pursuer takes to catch an evader who stays in the opposite corner. All other rewards are 0.
- Observations are six floats: the agent's own column and row, and how far the other one is to the right and below, in
  units of size - 1; which of the two it is, 0 pursuer or 1 evader; and the share of the steps that is left.
- `episode_extra_stats` has `caught`, 1 or 0: the mean return is 0 if one policy plays both.

The value: the observation is all there is to know, so a state with k steps left is worth the value of a matrix game of
5 * 5, whose entries are the values of the next states with k - 1 steps left; `tests/pursuit_value.py` computes them
exactly. The probability of a catch, on average over the starts (the pursuer's expected return is 2 * p - 1):

    size                                           2       3       4       5
    equilibrium                               0.6667  0.7424  0.5847  0.5614
    pursuer at random, evader at random       0.5600  0.5217  0.4398  0.3759
    pursuer at random, evader knows it        0.4000  0.1000  0.0284  0.0116
    evader at random, pursuer knows it        0.8000  0.9580  0.9809  0.9902
    pursuer without chance, evader knows it   0.0000  0.0000  0.0000  0.0000
    evader without chance, pursuer knows it   1.0000  1.0000  1.0000  1.0000

So both have to mix their actions (the last two lines are for policies that always do the same in the same state), and
how often two policies catch each other says little about either: what counts is what their best opponents achieve.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.small.game import SmallGame, small_family
from sample_factory.envs.small.grid import draw, move


class Pursuit(SmallGame):
    """Many grids with a pursuer and an evader each."""

    prefix = "pursuit_"
    smallest = 2
    num_agents = 2

    def __init__(self, num_games: int, size: int) -> None:
        low, high = np.array([0, 0, -1, -1, 0, 0], np.float32), np.ones(6, np.float32)
        space = gym.spaces.Box(low, high, (6,), np.float32)
        super().__init__(num_games, 2 * size - 3, space, gym.spaces.Discrete(5))
        self.size = size
        self._cells = np.zeros((num_games, 2, 2), np.int32)  # game, agent, (column, row)
        self._caught = np.zeros(num_games, bool)

    def _start(self, games: np.ndarray) -> None:
        too_near = games.copy()
        while too_near.any():
            self._cells[too_near] = self._rng.integers(self.size, size=(int(too_near.sum()), 2, 2))
            too_near &= self._are_near()

    # hot path
    def _play(self, actions: np.ndarray) -> tuple[Any, Any]:
        move(self._cells, actions, self.size)
        self._caught, is_last = self._are_near(), self._elapsed == self.max_steps - 1
        of_pursuer = np.where(self._caught, 1.0, np.where(is_last, -1.0, 0.0))
        return of_pursuer[:, None] * (1, -1), self._caught | is_last

    # hot path
    def _observe(self, out: np.ndarray) -> None:
        np.divide(self._cells, self.size - 1, out=out[:, :, :2])
        np.divide(self._cells[:, ::-1] - self._cells, self.size - 1, out=out[:, :, 2:4])
        out[:, :, 4] = (0, 1)
        out[:, :, 5] = (1 - self._elapsed / self.max_steps)[:, None]

    # hot path
    def _are_near(self) -> np.ndarray:
        near: np.ndarray = np.abs(self._cells[:, 0] - self._cells[:, 1]).sum(axis=1) <= 1
        return near

    def _info(self, row: int) -> dict[str, Any]:
        return {"episode_extra_stats": {"caught": float(self._caught[row // 2])}}

    def _describe(self) -> str:
        return f"{draw(self._cells[0], 'PE', self.size)}\n{self.max_steps - self._elapsed[0]} steps left"


FAMILY = small_family(Pursuit, (3, 4, 5))
