"""Which policy plays which row of a group, in runs with several policies. Knows no policy and no environment.

Policies are drawn uniformly, again for every tenth episode of an environment (with short episodes, changing more often
would leave little of each rollout to each learner), and take over a row where an episode of that row begins.
"""

from __future__ import annotations

import numpy as np

EPISODES = 10
"""That an environment plays with the same policies."""


class Assignment:
    """The policies of one group's rows."""

    def __init__(
        self, policies: np.ndarray, num_policies: int, agents_per_env: int, are_mixed: bool, seed: int
    ) -> None:
        """
        Args:
            policies: int16 [rows], in the arena; written here and read by policy workers.
            are_mixed: agents of one environment may have different policies.
        """
        self.policies = policies
        """Policy of each row [rows]."""
        self._num_policies, self._agents_per_env, self._are_mixed = num_policies, agents_per_env, are_mixed
        self._rng = np.random.default_rng(seed)
        self._wanted = policies.reshape(-1, agents_per_env).copy()
        self._episodes = np.zeros(len(self._wanted), np.int64)
        self._draw(np.arange(len(self._wanted)))
        policies[:] = self._wanted.ravel()
        self.parts: list[tuple[int, np.ndarray | None]]
        """Policies that play in the group, each with its rows; None for all."""
        self._divide()

    # hot path
    def change(self, resets: np.ndarray) -> np.ndarray:
        """Episodes begin in the rows `resets`, bool [rows]; returns the rows that have another policy now."""
        if self._num_policies == 1:
            return np.empty(0, np.int64)
        by_env = resets.reshape(-1, self._agents_per_env)
        self._episodes += by_env.any(axis=1)
        due = np.flatnonzero(self._episodes >= EPISODES)
        if len(due):
            self._episodes[due] = 0
            self._draw(due)
        changed = np.flatnonzero(resets & (self._wanted.ravel() != self.policies))
        if len(changed):
            self.policies[changed] = self._wanted.ravel()[changed]
            self._divide()
        return changed

    def _draw(self, envs: np.ndarray) -> None:
        agents = self._agents_per_env if self._are_mixed else 1
        self._wanted[envs] = self._rng.integers(self._num_policies, size=(len(envs), agents))

    def _divide(self) -> None:
        present = np.unique(self.policies).tolist()
        if len(present) == 1:
            self.parts = [(present[0], None)]
        else:
            self.parts = [(policy, np.flatnonzero(self.policies == policy)) for policy in present]
