"""Two players in the seats of many environments: who acts where, and who has won. Knows no policy and no checkpoint.

Row = environment * agents + seat. In environments with an even number the first player has the even seats, in the
others the odd ones; so with an even number of environments, and of episodes, each has each side equally often.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sample_factory.algorithms.appo.episodes import Episode
from sample_factory.algorithms.appo.evaluation_batch import Actor, play_episodes
from sample_factory.envs.contract import BatchedEnv
from sample_factory.envs.random_actions import RandomActions
from sample_factory.rl.spaces import ActionLayout

_ROUNDING = 1e-9
"""Means over different numbers of seats may differ by as much in relation, and are equal."""


class Seats:
    """Acts for all rows by asking each of two players for its own."""

    def __init__(self, first: Actor, second: Actor, is_first: np.ndarray, layout: ActionLayout) -> None:
        """`is_first` [num_rows] bool: the rows of the first player, which acts for as many rows and no more."""
        self._players = ((first, np.flatnonzero(is_first)), (second, np.flatnonzero(~is_first)))
        self._actions = np.zeros((len(is_first), layout.num_actions), layout.dtype)

    # hot path
    def act(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Flat actions [num_rows, num_actions]; the same array at each call."""
        for player, rows in self._players:
            self._actions[rows] = player.act({key: values[rows] for key, values in obs.items()})
        return self._actions

    # hot path
    def forget(self, rows: np.ndarray) -> None:
        """The rows [num_rows] bool start an episode."""
        for player, own in self._players:
            player.forget(rows[own])


class RandomPlayer:
    """Takes random actions."""

    def __init__(self, layout: ActionLayout, num_rows: int, seed: int) -> None:
        self._random = RandomActions(layout, num_rows, seed)

    def act(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Flat actions [num_rows, num_actions], among those that a mask allows."""
        return self._random.next(obs)

    def forget(self, rows: np.ndarray) -> None:
        """Has nothing to forget."""


class Game(NamedTuple):
    """One episode of one environment, which two players have played."""

    first_is_even: bool
    """Whether the first player had the even seats."""
    first: float
    """Score of the first player: mean over its seats."""
    second: float

    @property
    def outcome(self) -> int:
        """1 if the first player has won, -1 if the second one has, 0 for a tie."""
        if math.isclose(self.first, self.second, rel_tol=_ROUNDING):
            return 0
        return 1 if self.first > self.second else -1


def play_games(
    first: Actor, second: Actor, env: BatchedEnv, num_envs: int, num_games: int, seed: int, stopping: Callable[[], bool]
) -> list[Game] | None:
    """Games of two players, who change seats in half of them; None if stopped before the end.

    Args:
        first, second: each for half of the rows of `env`.
        num_envs: environments in `env`, at most `num_games`; both are even.
    """
    assert num_envs % 2 == num_games % 2 == 0
    agents = env.num_rows // num_envs
    is_first = rows_of_first(num_envs, agents)
    episodes = play_episodes(env, Seats(first, second, is_first, env.actions), num_envs, num_games, seed, stopping)
    return None if episodes is None else games_of(episodes, is_first, agents)


def rows_of_first(num_envs: int, agents_per_env: int) -> np.ndarray:
    """Which rows [num_envs * agents_per_env] bool are the first player's."""
    env, seat = np.divmod(np.arange(num_envs * agents_per_env), agents_per_env)
    found: np.ndarray = env % 2 == seat % 2
    return found


def games_of(episodes: Sequence[Episode], is_first: np.ndarray, agents_per_env: int) -> list[Game]:
    """Games from the episodes of all rows: the n-th episodes of an environment's agents belong together.

    Args:
        is_first: [num_rows] bool, the rows of the first player.
    """
    scores: defaultdict[tuple[int, int], dict[bool, list[float]]] = defaultdict(lambda: {True: [], False: []})
    for episode in episodes:
        score = episode.reward if episode.true_objective is None else episode.true_objective
        scores[episode.row // agents_per_env, episode.number][bool(is_first[episode.row])].append(score)
    return [
        Game(bool(is_first[env * agents_per_env]), float(np.mean(sides[True])), float(np.mean(sides[False])))
        for (env, _), sides in sorted(scores.items())
    ]
