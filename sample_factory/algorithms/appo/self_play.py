"""Self-play: how strong everybody is, and who meets which past versions. Knows no weights and no process.

Ratings: Elo (1978), "The Rating of Chessplayers, Past and Present". Opponents: prioritised fictitious self-play,
Vinyals et al. (2019), "Grandmaster level in StarCraft II using multi-agent reinforcement learning": past versions are
met the more often the less they are beaten.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from sample_factory.algorithms.appo.wiring import PAST_ENV_STEPS, Wiring
from sample_factory.config.experiment import replace_text
from sample_factory.system.every import Every
from sample_factory.system.reports import Report
from sample_factory.system.telemetry import Telemetry

log = logging.getLogger(__name__)

FILE_NAME = "elo.json"
_FIRST_RATING, _STEP, _SCALE = 1000.0, 8.0, 400.0
_MEMORY = 0.99
"""What an earlier match counts beside the next one, in the share of matches won."""
_LEAST_CHANCE = 0.01
_SAVE_SEC, _SUMMARIES_SEC = 30.0, 30.0

Player = tuple[int, int]
"""A policy, and the frames after which one of its versions was kept; 0 for the policy as it is."""


@dataclass
class Rating:
    """Of one player."""

    elo: float
    matches: int = 0


def expected_score(elo: float, other: float) -> float:
    """Of a match between two ratings; 1 for a win, 1/2 for a tie."""
    return float(1 / (1 + 10 ** ((other - elo) / _SCALE)))


def score(mine: float, theirs: float) -> float:
    """1 for a win, 1/2 for a tie, 0 for a loss."""
    return 0.5 + 0.5 * float(np.sign(mine - theirs))


class SelfPlay:
    """The matches of one run."""

    def __init__(
        self, folder: Path, past: np.ndarray, matchmaking: np.ndarray, summary: Callable[[int, str, float], None]
    ) -> None:
        """
        Args:
            past: int64 [policies, versions], frames after which each past version was kept, 0 for none; in the arena.
            matchmaking: float64 [policies, players], in the arena; written here.
            summary: write one number of a policy.
        """
        self._folder, self._past, self._matchmaking, self._summary = folder, past, matchmaking, summary
        num_policies, num_versions = past.shape
        self._num_policies, self._num_versions = num_policies, num_versions
        self.ratings = _saved(folder)
        for policy in range(num_policies):
            self.ratings.setdefault((policy, 0), Rating(_FIRST_RATING))
        self._known = np.zeros_like(past)
        # Of each policy against each past version, older matches counting less; a tie is half a win.
        self._won = np.zeros(matchmaking.shape)
        self._played = np.zeros(matchmaking.shape)
        self._has_news = True
        self._save_due, self._summaries_due = Every(_SAVE_SEC), Every(_SUMMARIES_SEC)

    def take(self, report: Report) -> None:
        """Count the matches of a report; all others are of no interest."""
        if report.kind == "matches":
            for players, scores in report.data["matches"]:
                self._count(players, scores)

    def tick(self) -> None:
        """Do what is due; call it often."""
        if (self._past != self._known).any():
            self._meet_new_versions()
        if self._has_news:
            self._has_news = False
            self._make_matches()
        if self._save_due.due():
            self._save()
        if self._summaries_due.due():
            self._summarize()

    def close(self) -> None:
        """Leave everything such that the run can be resumed."""
        self._summarize()
        self._save()

    def _count(self, players: Sequence[int], scores: Sequence[float]) -> None:
        for (first, mine), (second, theirs) in combinations(zip(players, scores, strict=True), 2):
            if first == second:
                continue
            result = score(mine, theirs)
            self._rate(self._name(first), self._name(second), result)
            for player, other, its in ((first, second, result), (second, first, 1 - result)):
                if player < self._num_policies <= other:
                    self._won[player, other] = self._won[player, other] * _MEMORY + its
                    self._played[player, other] = self._played[player, other] * _MEMORY + 1
            self._has_news = True

    def _rate(self, first: Player, second: Player, result: float) -> None:
        one = self.ratings.setdefault(first, Rating(_FIRST_RATING))
        other = self.ratings.setdefault(second, Rating(_FIRST_RATING))
        change = _STEP * (result - expected_score(one.elo, other.elo))
        one.elo, other.elo = one.elo + change, other.elo - change
        one.matches, other.matches = one.matches + 1, other.matches + 1

    def _name(self, player: int) -> Player:
        if player < self._num_policies:
            return player, 0
        policy, version = divmod(player - self._num_policies, self._num_versions)
        return policy, int(self._past[policy, version])

    def _meet_new_versions(self) -> None:
        """A version that has just been kept is as strong as its policy, and nobody has met it."""
        for policy, version in np.argwhere(self._past != self._known).tolist():
            env_steps = int(self._past[policy, version])
            self.ratings.setdefault((policy, env_steps), Rating(self.ratings[policy, 0].elo))
            player = self._num_policies + policy * self._num_versions + version
            self._won[:, player] = self._played[:, player] = 0
            self._known[policy, version] = env_steps
        self._has_news = True

    def _make_matches(self) -> None:
        lost = 1 - (self._won + 0.5) / (self._played + 1)
        is_there = np.concatenate([np.zeros(self._num_policies, np.bool_), self._known.ravel() > 0])
        self._matchmaking[:] = np.where(is_there, lost**2 + _LEAST_CHANCE, 0.0)

    def _summarize(self) -> None:
        for policy in range(self._num_policies):
            self._summary(policy, "self_play/elo", self.ratings[policy, 0].elo)
            kept = sorted(int(env_steps) for env_steps in self._known[policy] if env_steps)
            for age, env_steps in enumerate(reversed(kept), 1):
                self._summary(policy, f"self_play/elo_past_{age:02d}", self.ratings[policy, env_steps].elo)
            met = self._played[policy].sum()
            if met:
                self._summary(policy, "self_play/score_against_past", float(self._won[policy].sum() / met))

    def _save(self) -> None:
        entries = [
            {"policy": policy, "env_steps": env_steps or None, "elo": rating.elo, "matches": rating.matches}
            for (policy, env_steps), rating in sorted(self.ratings.items())
        ]
        try:
            replace_text(self._folder / FILE_NAME, json.dumps(entries, indent=2) + "\n")
        except OSError as error:
            log.error("cannot write %s: %s", self._folder / FILE_NAME, error.strerror or error)


def make_self_play(wiring: Wiring, telemetry: Telemetry) -> SelfPlay | None:
    """What a run with several players on an environment with several agents needs; None for any other."""
    if wiring.schema.num_players == 1 or wiring.facts.agents_per_env == 1:
        return None
    return SelfPlay(wiring.folder, wiring.arena[PAST_ENV_STEPS], wiring.arena["matchmaking"], telemetry.scalar)


def _saved(folder: Path) -> dict[Player, Rating]:
    """What the run that is resumed had."""
    try:
        entries = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        return {
            (int(entry["policy"]), int(entry["env_steps"] or 0)): Rating(float(entry["elo"]), int(entry["matches"]))
            for entry in entries
        }
    except (OSError, ValueError, TypeError, KeyError):
        return {}
