"""What a rollout worker remembers of episodes until they are reported: sums of each row, and what has ended.

Knows no environment and no policy but their numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from sample_factory.envs.contract import EpisodeInfo, StepArrays
from sample_factory.system.reports import ReportSink

_PER_REPORT = 200
_MOST_MATCHES = 100
"""Of each player, between two reports; more would not make ratings better."""


class EpisodeLog:
    """Episodes and matches of one worker since the last report."""

    def __init__(self, num_policies: int, num_players: int, agents_per_env: int, episodes_kept: int) -> None:
        """
        Args:
            episodes_kept: newest episodes of each policy that are reported.
        """
        self._num_policies, self._num_players = num_policies, num_players
        self._agents_per_env, self._kept = agents_per_env, episodes_kept
        self._episodes: list[deque[tuple[int, float, int, float | None, dict[str, float]]]] = [
            deque(maxlen=episodes_kept) for _ in range(num_policies)
        ]
        self._matches: list[tuple[list[int], list[float]]] = []

    def group(self, num_rows: int) -> GroupEpisodes:
        """The running episodes of a group."""
        meets = self._num_players > 1 and self._agents_per_env > 1
        return GroupEpisodes(self, num_rows, self._agents_per_env if meets else None)

    # hot path
    def add(
        self, ended: Sequence[EpisodeInfo], players: Sequence[int], rewards: Sequence[float], lengths: Sequence[int]
    ) -> None:
        """Keep the newest of what has ended, which averages are made of: with many rows and short episodes several
        hundred end in one step."""
        most = self._kept * self._num_players
        for number in range(max(0, len(ended) - most), len(ended)):
            player, episode = players[number], ended[number]
            if player < self._num_policies:
                found = (player, rewards[number], lengths[number], episode.true_objective, episode.extra)
                self._episodes[player].append(found)

    def add_matches(self, players: list[list[int]], scores: list[list[float]]) -> None:
        """Keep matches between different players."""
        room = _MOST_MATCHES * self._num_players - len(self._matches)
        self._matches += list(zip(players, scores, strict=True))[:room]

    def send(self, reports: ReportSink) -> None:
        """Report and forget."""
        for episodes in self._episodes:
            for batch in _in_batches(list(episodes)):
                reports.send("episodes", episodes=batch)
            episodes.clear()
        for batch in _in_batches(self._matches):
            reports.send("matches", matches=batch)
        self._matches.clear()


class GroupEpisodes:
    """The episodes that the rows of a group are in."""

    def __init__(self, log: EpisodeLog, num_rows: int, agents_per_match: int | None) -> None:
        self._log = log
        self._returns = np.zeros(num_rows, np.float64)
        self._lengths = np.zeros(num_rows, np.int64)
        self._agents = agents_per_match
        # Of agents whose episode has ended while others of their environment play on.
        self._is_over = np.zeros(num_rows, np.bool_)
        self._scores = np.zeros(num_rows)
        self._scorers = np.zeros(num_rows, np.int64)

    # hot path
    def add(self, outcome: StepArrays) -> None:
        """Count a step of every row."""
        self._returns += outcome.rewards
        self._lengths += outcome.frames

    # hot path
    def end(self, ended: Sequence[EpisodeInfo], players: np.ndarray) -> None:
        """Episodes have ended; `players` [num_rows] played them."""
        rows = np.array([episode.row for episode in ended])
        rewards = (self._returns[rows] + [episode.lost_reward for episode in ended]).tolist()
        lengths, players = self._lengths[rows].tolist(), players[rows]
        self._returns[rows], self._lengths[rows] = 0.0, 0
        if self._agents is not None:
            self._end_matches(rows, players, rewards, ended, self._agents)
        self._log.add(ended, players.tolist(), rewards, lengths)

    def _end_matches(
        self, rows: np.ndarray, players: np.ndarray, rewards: list[float], ended: Sequence[EpisodeInfo], agents: int
    ) -> None:
        """A match has ended when the episodes of all its agents have."""
        objectives = [episode.true_objective for episode in ended]
        self._scores[rows] = [
            reward if objective is None else objective for reward, objective in zip(rewards, objectives, strict=True)
        ]
        self._scorers[rows], self._is_over[rows] = players, True
        scores, scorers = self._scores.reshape(-1, agents), self._scorers.reshape(-1, agents)
        is_over = self._is_over.reshape(-1, agents)
        over = np.flatnonzero(is_over.all(axis=1))
        differ = over[(scorers[over] != scorers[over, :1]).any(axis=1)]
        decided = differ[np.isfinite(scores[differ]).all(axis=1)]
        if len(decided):
            self._log.add_matches(scorers[decided].tolist(), scores[decided].tolist())
        is_over[over] = False


def _in_batches(values: list[Any]) -> list[list[Any]]:
    """Small enough for one report each."""
    return [values[at : at + _PER_REPORT] for at in range(0, len(values), _PER_REPORT)]
