"""Who plays which row of a group, in runs with several players. Knows no policy and no environment.

Policies are drawn uniformly, again for every tenth episode of an environment (with short episodes, changing more often
would leave little of each rollout to each learner), and take over a row where an episode of that row begins. In a
share of all matches one agent's policy meets past versions only, drawn as its row of the table of matches says.
"""

from __future__ import annotations

import numpy as np

EPISODES = 10
"""That an environment plays with the same players."""


class Assignment:
    """The players of one group's rows."""

    def __init__(
        self,
        players: np.ndarray,
        matchmaking: np.ndarray,
        agents_per_env: int,
        are_mixed: bool,
        past_share: float,
        seed: int,
    ) -> None:
        """
        Args:
            players: int16 [rows], in the arena; written here and read by policy workers.
            matchmaking: float64 [policies, players], how likely each policy meets each past version (in parts of the
                sum); zero for those that are not there.
            are_mixed: agents of one environment may have different policies.
            past_share: of matches against past versions.
        """
        self.players = players
        """Player of each row [rows]."""
        self._matchmaking = matchmaking
        self._agents_per_env, self._are_mixed, self._past_share = agents_per_env, are_mixed, past_share
        self._rng = np.random.default_rng(seed)
        self._wanted = players.reshape(-1, agents_per_env).copy()
        self.next_players = self._wanted.reshape(-1)
        """Who plays the next episode of each row [rows]; a view that changes."""
        self._episodes = np.zeros(len(self._wanted), np.int64)
        self._draw(np.arange(len(self._wanted)))
        players[:] = self.next_players
        self.parts: list[tuple[int, np.ndarray | None]]
        """Players in the group, each with its rows; None for all."""
        self._divide()

    # hot path
    def change(self, resets: np.ndarray) -> np.ndarray:
        """Episodes begin in the rows `resets`, bool [rows]; returns the rows that have another player now."""
        if self._matchmaking.size == 1:
            return np.empty(0, np.int64)
        changed = np.flatnonzero(resets & (self.next_players != self.players))
        if len(changed):
            self.players[changed] = self.next_players[changed]
            self._divide()
        # One episode ahead, because an environment may have to know who will play before it resets.
        by_env = resets.reshape(-1, self._agents_per_env)
        self._episodes += by_env.any(axis=1)
        due = np.flatnonzero(self._episodes >= EPISODES - 1)
        if len(due):
            self._episodes[due] = -1
            self._draw(due)
        return changed

    def _draw(self, envs: np.ndarray) -> None:
        agents = self._agents_per_env if self._are_mixed else 1
        self._wanted[envs] = self._rng.integers(len(self._matchmaking), size=(len(envs), agents))
        if self._past_share and self._agents_per_env > 1:
            for env in envs[self._rng.random(len(envs)) < self._past_share].tolist():
                self._draw_past_versions(self._wanted[env])

    def _draw_past_versions(self, agents: np.ndarray) -> None:
        """Leave one of the agents [agents of an environment] to its policy, and the others to past versions."""
        keeps = self._rng.integers(len(agents))
        chances = self._matchmaking[agents[keeps]].copy()  # the main process may be writing
        total = chances.sum()
        if total > 0:
            policy = agents[keeps]
            agents[:] = self._rng.choice(len(chances), len(agents), p=chances / total)
            agents[keeps] = policy

    def _divide(self) -> None:
        present = np.unique(self.players).tolist()
        if len(present) == 1:
            self.parts = [(present[0], None)]
        else:
            self.parts = [(player, np.flatnonzero(self.players == player)) for player in present]
