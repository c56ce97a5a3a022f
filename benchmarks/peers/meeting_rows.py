"""The game of two agents that peers play, many at once: NumPy and Gymnasium. Knows neither our engine nor a peer.

Same rules as the engine's own `meeting_<size>`: two agents start in different cells of a grid and are paid when they
are in the same one; what has to agree is listed once, below.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

# ---- the rules: must agree with the engine's own environment of the case
NUM_AGENTS = 2
STEPS_PER_SIZE = 4  # an episode is truncated after so many steps for each cell of a side
MEETING_REWARD = 1.0
MOVES = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # change of (column, row) by action


class MeetingRows:
    """Row = game * 2 + agent; a game that has ended starts anew in the same step."""

    def __init__(self, num_games: int, size: int) -> None:
        self.num_rows = NUM_AGENTS * num_games
        self.observation_space = gym.spaces.Box(np.array([0, 0, -1, -1, 0], np.float32), np.ones(5, np.float32))
        self.action_space = gym.spaces.Discrete(len(MOVES))
        self._size, self._num_games = size, num_games
        self._moves = np.array(MOVES)
        self._random = np.random.default_rng()
        self._cells = np.zeros((num_games, NUM_AGENTS, 2), np.int64)
        self._ages = np.zeros(num_games, np.int64)

    def reset(self, seed: int | None = None) -> np.ndarray:
        """First observations [rows, 5]."""
        self._random = np.random.default_rng(seed)
        self._start(np.arange(self._num_games))
        return self._observations()

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Observations [rows, 5], rewards, terminated and truncated [rows]."""
        moves = self._moves[np.asarray(actions).reshape(self._num_games, NUM_AGENTS)]
        self._cells = np.clip(self._cells + moves, 0, self._size - 1)
        self._ages += 1
        met = (self._cells[:, 0] == self._cells[:, 1]).all(1)
        late = ~met & (self._ages >= STEPS_PER_SIZE * self._size)
        rewards = np.where(met, MEETING_REWARD, -1 / self._size).astype(np.float32)
        ended = np.flatnonzero(met | late)
        if len(ended):
            self._start(ended)
        return (self._observations(), *(np.repeat(values, NUM_AGENTS) for values in (rewards, met, late)))

    def _start(self, games: np.ndarray) -> None:
        """Two different cells, every pair being as likely."""
        num_cells = self._size**2
        first = self._random.integers(num_cells, size=len(games))
        second = self._random.integers(num_cells - 1, size=len(games))
        second += second >= first
        for agent, cells in enumerate((first, second)):
            self._cells[games, agent] = np.stack([cells % self._size, cells // self._size], axis=1)
        self._ages[games] = 0

    def _observations(self) -> np.ndarray:
        seen = np.empty((self._num_games, NUM_AGENTS, 5), np.float32)
        seen[..., :2] = self._cells
        seen[..., 2:4] = self._cells[:, ::-1] - self._cells
        seen[..., :4] /= self._size - 1
        seen[..., 4] = range(NUM_AGENTS)
        return seen.reshape(self.num_rows, 5)
