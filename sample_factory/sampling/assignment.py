"""Who plays which row of a group, in runs with several players. Knows no policy and no environment.

Policies take turns, and take over a row where an episode of that row begins. In a turn one policy plays a whole group:
one pass acts for all rows, and whole blocks go to one learner. Groups begin at different places of the same order, so
that every policy plays somewhere. Where environments are different tasks, the environments of a group begin at
different places as well and turns are short: so every policy plays every task before long. Where agents of an
environment may have different policies, one is drawn for each agent instead, so that all pairs meet. In a share of all
matches one agent's policy meets past versions only, drawn as its row of the table of matches says.
"""

from __future__ import annotations

import numpy as np

TURN = 30
"""Rollouts. Longer than most episodes: until all of these have ended, several policies play."""
SHORT_TURN = 4
"""The same where a group is divided. A row that changes hands leaves half a rollout to each of two learners."""


class Assignment:
    """The players of one group's rows."""

    def __init__(
        self,
        players: np.ndarray,
        matchmaking: np.ndarray,
        agents_per_env: int,
        are_mixed: bool,
        are_tasks: bool,
        past_share: float,
        seed: int,
        group: int,
    ) -> None:
        """
        Args:
            players: int16 [rows], in the arena; written here and read by policy workers.
            matchmaking: float64 [policies, players], how likely each policy meets each past version (in parts of the
                sum); zero for those that are not there.
            are_mixed: agents of one environment may have different policies.
            are_tasks: environments of the run may be different tasks.
            past_share: of matches against past versions.
            seed: the same for all groups of a run.
        """
        self.players = players
        """Player of each row [rows]."""
        self._matchmaking = matchmaking
        self._past_share = past_share
        self._are_mixed = are_mixed and agents_per_env > 1
        self._turn = SHORT_TURN if self._are_mixed or are_tasks else TURN
        self._seed, self._group = seed, group
        self._rng = np.random.default_rng((seed, group))
        self._wanted = players.reshape(-1, agents_per_env).copy()
        self._places = self._group + are_tasks * np.arange(len(self._wanted))[:, None]
        self.next_players = self._wanted.reshape(-1)
        """Who plays the next episode of each row [rows]; a view that changes, but not while an environment steps."""
        self._rollouts = 0
        self._draw()
        players[:] = self.next_players
        self.parts: list[tuple[int, np.ndarray | None]]
        """Players in the group, each with its rows; None for all."""
        self._divide()

    def begin_rollout(self) -> None:
        """A rollout of the group begins, and perhaps a turn."""
        if self._rollouts and self._rollouts % self._turn == 0 and self._matchmaking.size > 1:
            self._draw()
        self._rollouts += 1

    # hot path
    def change(self, resets: np.ndarray) -> np.ndarray:
        """Episodes begin in the rows `resets`, bool [rows]; returns the rows that have another player now."""
        changed = np.flatnonzero(resets & (self.next_players != self.players))
        if len(changed):
            self.players[changed] = self.next_players[changed]
            self._divide()
        return changed

    def _draw(self) -> None:
        num_policies = len(self._matchmaking)
        if self._are_mixed:
            self._wanted[:] = self._rng.integers(num_policies, size=self._wanted.shape)
        else:
            # A new order for every cycle: episodes that last as long as one would always begin in the same turn.
            cycle, turn = divmod(self._rollouts // self._turn, num_policies)
            order = np.random.default_rng((self._seed, cycle)).permutation(num_policies)
            self._wanted[:] = order[(turn + self._places) % num_policies]
        if self._past_share and self._wanted.shape[1] > 1:
            for env in np.flatnonzero(self._rng.random(len(self._wanted)) < self._past_share).tolist():
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
