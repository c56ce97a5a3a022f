"""Who acts where, and who has won; the players and the game are fakes whose results are known."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.algorithms.appo.episodes import Episode
from sample_factory.algorithms.appo.seats import Game, RandomPlayer, Seats, games_of, play_games, rows_of_first
from sample_factory.envs.batching import batch_envs
from sample_factory.envs.contract import BatchedEnv
from sample_factory.rl.spaces import action_layout


class Strengths:
    """The reward of an agent is its action, and more in seat 0 if that is an advantage; observations say who sees."""

    is_multiagent = True
    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gym.spaces.Discrete(10)

    def __init__(
        self, number: int, num_agents: int = 2, advantage: float = 0.0, objective: float | None = None
    ) -> None:
        self.number, self.num_agents, self.advantage, self.objective = number, num_agents, advantage, objective
        self.steps = 0

    def _observe(self):
        return [np.array([self.number, seat], np.float32) for seat in range(self.num_agents)]

    def reset(self):
        self.steps = 0
        return self._observe()

    def step(self, actions):
        self.steps += 1
        ended = self.steps == 2 + self.number % 3  # of different lengths
        infos: list[dict[str, Any]] = [{} for _ in actions]
        if ended:
            self.steps = 0
            if self.objective is not None:
                infos = [{"true_objective": self.objective * action} for action in actions]
        rewards = [float(action) + self.advantage * (seat == 0) for seat, action in enumerate(actions)]
        return self._observe(), rewards, [ended] * self.num_agents, infos

    def close(self):
        """Nothing to close."""


class Always:
    """Does the same action everywhere, and remembers what it was shown."""

    def __init__(self, action: int) -> None:
        self.action = action
        self.seen: list[tuple[int, int]] = []
        self.forgotten: list[list[bool]] = []

    def act(self, obs):
        self.seen = [(int(number), int(seat)) for number, seat in obs["obs"]]
        return np.full((len(obs["obs"]), 1), self.action, np.int32)

    def forget(self, rows):
        self.forgotten.append(rows.tolist())


def _env(num_envs: int, **rules: Any) -> BatchedEnv:
    return batch_envs("strengths", lambda i: Strengths(i, **rules), num_envs)


def _games(first: Always, second: Always, num_envs: int = 4, num_games: int = 10, **rules: Any) -> list[Game]:
    games = play_games(first, second, _env(num_envs, **rules), num_envs, num_games, 0, lambda: False)
    assert games is not None
    return games


def _outcomes(games: list[Game]) -> list[int]:
    return [game.outcome for game in games]


def test_the_stronger_player_wins_every_game_in_whichever_seat():
    assert _outcomes(_games(Always(3), Always(2))) == [1] * 10
    assert _outcomes(_games(Always(2), Always(3))) == [-1] * 10


def test_equal_players_tie():
    assert _outcomes(_games(Always(3), Always(3))) == [0] * 10


@pytest.mark.parametrize(("num_envs", "num_games"), [(2, 2), (4, 10), (8, 12), (6, 34)])
def test_each_player_has_each_side_in_exactly_half_of_the_games(num_envs, num_games):
    games = _games(Always(3), Always(2), num_envs, num_games)
    assert len(games) == num_games and sum(game.first_is_even for game in games) == num_games // 2


def test_an_advantage_of_one_seat_cancels_out():
    games = _games(Always(3), Always(3), advantage=1.0)
    assert [game.outcome for game in games if game.first_is_even] == [1] * 5
    assert [game.outcome for game in games if not game.first_is_even] == [-1] * 5


def test_an_advantage_smaller_than_the_difference_decides_nothing():
    assert _outcomes(_games(Always(5), Always(3), advantage=1.0)) == [1] * 10


def test_the_true_objective_counts_more_than_the_return():
    assert _outcomes(_games(Always(3), Always(2), objective=-1.0)) == [-1] * 10


def test_players_share_the_agents_by_even_and_odd_seats():
    first, second = Always(3), Always(2)
    games = _games(first, second, num_envs=2, num_games=2, num_agents=5, advantage=10.0)
    assert first.seen == [(0, 0), (0, 2), (0, 4), (1, 1), (1, 3)]
    assert second.seen == [(0, 1), (0, 3), (1, 0), (1, 2), (1, 4)]
    # Two steps of 3 and two advantages over three seats; then three steps of 2 and three advantages over three seats.
    assert games[0] == Game(True, pytest.approx(6 + 20 / 3), 4.0)
    assert games[1] == Game(False, 9.0, pytest.approx(6 + 30 / 3))


def test_each_player_forgets_the_rows_that_are_its_own():
    first, second = Always(0), Always(1)
    layout = action_layout(gym.spaces.Discrete(2))
    seats = Seats(first, second, rows_of_first(2, 2), layout)
    seats.forget(np.array([True, False, False, False]))
    assert (first.forgotten, second.forgotten) == ([[True, False]], [[False, False]])
    assert seats.act({"obs": np.zeros((4, 2), np.float32)}).tolist() == [[0], [1], [1], [0]]


def test_rounding_makes_no_winner():
    scores = [0.1, 0.1 + 1e-17, 0.1]
    episodes = [Episode(row, 0, score, 1, None, {}) for row, score in enumerate(scores)]
    assert games_of(episodes, np.array([True, False, True]), 3)[0].outcome == 0
    assert Game(True, 0.1 * 3, 0.3).outcome == 0 and Game(True, 0.31, 0.3).outcome == 1


def test_random_players_do_every_action_and_obey_the_mask():
    layout = action_layout(gym.spaces.Discrete(3))
    player = RandomPlayer(layout, 8, seed=1)
    obs = {"obs": np.zeros((8, 2), np.float32)}
    assert {int(action) for _ in range(20) for action in player.act(obs)[:, 0]} == {0, 1, 2}
    mask = np.tile(np.array([0, 1, 0], np.uint8), (8, 1))
    assert set(player.act(obs | {"action_mask": mask})[:, 0].tolist()) == {1}


def test_a_stopped_match_has_no_games():
    assert play_games(Always(1), Always(2), _env(2), 2, 2, 0, lambda: True) is None
