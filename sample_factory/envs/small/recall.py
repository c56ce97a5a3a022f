"""The `recall_<length>` family: a sequence to be said again from memory. Knows no recurrent network.

The rules:

- An episode has 2 * length steps. In the first `length` steps one of four symbols is shown at each; they are drawn
  independently, each with probability 1/4. Actions mean nothing yet.
- In the other `length` steps nothing is shown, and the action is what the agent says: the first symbol first.
  Each right answer gives 1 / length.
- Observations are five floats: which symbol is shown (one of four is 1, all are 0 while answering), answer now.

The best return is 1, with `length` symbols remembered and counted. While answering, every observation is the same, so
an answer without memory is independent of the symbol asked for and right with probability 1/4: every policy without
memory expects exactly 0.25.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.small.game import SmallGame, small_family

NUM_SYMBOLS = 4


class Recall(SmallGame):
    """Many sequences to be recalled."""

    prefix = "recall_"

    def __init__(self, num_games: int, length: int) -> None:
        space = gym.spaces.Box(0.0, 1.0, (NUM_SYMBOLS + 1,), np.float32)
        super().__init__(num_games, 2 * length, space, gym.spaces.Discrete(NUM_SYMBOLS))
        self.length = length
        self._symbols = np.zeros((num_games, length), np.int8)
        self._games = np.arange(num_games)

    def _start(self, games: np.ndarray) -> None:
        self._symbols[games] = self._rng.integers(NUM_SYMBOLS, size=(int(games.sum()), self.length))

    # hot path
    def _play(self, actions: np.ndarray) -> tuple[Any, Any]:
        is_right = (actions[:, 0] == self._symbol()) & (self._elapsed >= self.length)
        return is_right[:, None] / self.length, self._elapsed == 2 * self.length - 1

    # hot path
    def _observe(self, out: np.ndarray) -> None:
        is_shown = self._elapsed < self.length
        out[:] = 0
        out[self._games, 0, self._symbol()] = is_shown
        out[:, 0, NUM_SYMBOLS] = ~is_shown

    def _symbol(self) -> np.ndarray:
        """The one shown now, or asked for."""
        return self._symbols[self._games, self._elapsed % self.length]

    def _describe(self) -> str:
        verb = "shown" if self._elapsed[0] < self.length else "asked for"
        return f"symbol {self._symbol()[0]} is {verb}"


FAMILY = small_family(Recall, (2, 4, 8))
