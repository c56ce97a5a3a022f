"""The `pennies_<rounds>` family: matching pennies again and again; only chance is safe. Knows no learning.

The rules:

- An episode has `rounds` rounds. In each of them both agents choose a side at once: action 0 tails, 1 heads. On equal
  sides agent 0 gets 1 and agent 1 gets -1; on different sides it is the other way round.
- Observations are three floats: which of the two the agent is, 0 or 1; and what it did itself and what the other one
  did in the last round: 1 heads, -1 tails, 0 nothing yet.
- `episode_extra_stats` has `heads`: the share of heads of this agent in the episode.

The equilibrium: an agent that plays heads with probability 1/2 in every round, whatever has happened before, makes
equal sides as likely as different ones, so it expects 0 against anybody. Each of the two can do so, and what one gets
the other one loses, so the value is 0, and no agent can be sure of more.

Nothing else is safe: against an agent that plays heads with probability p in every round, the other one expects
|2 * p - 1| a round from always playing one side, `rounds` if p is 0 or 1. So the mean return does not tell how good a
policy is: two that play heads together get 0 on average as well. A share of heads near 1/2 is necessary, and not
enough (sides in turn have it); what an opponent that learns against the policy gets is the test.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.small.game import SmallGame, small_family

TAILS, HEADS = 0, 1


class Pennies(SmallGame):
    """Many games of matching pennies."""

    prefix = "pennies_"
    num_agents = 2

    def __init__(self, num_games: int, rounds: int) -> None:
        low, high = np.array([0, -1, -1], np.float32), np.ones(3, np.float32)
        super().__init__(num_games, rounds, gym.spaces.Box(low, high, (3,), np.float32), gym.spaces.Discrete(2))
        self.rounds = rounds
        self._last = np.zeros((num_games, 2), np.int8)  # 1 heads, -1 tails, 0 nothing yet
        self._num_heads = np.zeros((num_games, 2), np.int32)

    def _start(self, games: np.ndarray) -> None:
        self._last[games] = 0
        self._num_heads[games] = 0

    # hot path
    def _play(self, actions: np.ndarray) -> tuple[Any, Any]:
        self._last[:] = 2 * actions - 1
        self._num_heads += actions == HEADS
        of_agent_0 = self._last[:, 0] * self._last[:, 1]
        return of_agent_0[:, None] * (1.0, -1.0), self._elapsed == self.rounds - 1

    # hot path
    def _observe(self, out: np.ndarray) -> None:
        out[:, :, 0] = (0, 1)
        out[:, :, 1] = self._last
        out[:, :, 2] = self._last[:, ::-1]

    def _info(self, row: int) -> dict[str, Any]:
        return {"episode_extra_stats": {"heads": float(self._num_heads.flat[row]) / self.rounds}}

    def _describe(self) -> str:
        sides = " ".join("T-H"[side + 1] for side in self._last[0])
        return f"round {self._elapsed[0]} of {self.rounds}: {sides}"


FAMILY = small_family(Pennies, (1, 10, 100))
